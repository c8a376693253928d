from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.tuning.texts import MAX_PASSES, passes


def test_one_long_book_does_not_drown_the_short_ones() -> None:
    long, *short = passes([100_000, *[5_000] * 10], n_epochs=2)
    assert long == pytest.approx(1.0)
    assert short == [MAX_PASSES] * 10


def test_with_exponent_1_all_are_read_alike_and_with_0_each_gets_the_same_share() -> None:
    assert passes([9_000, 1_000], n_epochs=2, exponent=1) == (2, 2)
    assert passes([2_000, 1_000], n_epochs=2, exponent=0) == (1.5, 3)


@pytest.mark.parametrize("exponent", [-0.1, 1.1])
def test_other_exponents_are_refused(exponent: float) -> None:
    with pytest.raises(ValueError, match="exponent"):
        passes([10], 1, exponent)


@given(
    st.lists(st.integers(1, 3_000), min_size=1, max_size=8),
    st.floats(0.1, 8),
    st.floats(0, 1),
)
def test_the_words_read_are_those_of_the_epochs_and_nothing_is_read_too_often(
    sizes: list[int], n_epochs: float, exponent: float
) -> None:
    made = passes(sizes, n_epochs, exponent)
    assert max(made) <= MAX_PASSES + 1e-9
    n_read = sum(size * each for size, each in zip(sizes, made, strict=True))
    assert n_read == pytest.approx(min(n_epochs, MAX_PASSES) * sum(sizes))
    in_order = sorted(zip(sizes, made, strict=True))
    assert all(a[1] >= b[1] - 1e-9 for a, b in pairwise(in_order))
