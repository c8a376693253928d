from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.manuscript import utf16
from studio.manuscript.utf16 import Edit, Utf16Text, length, net_change

# Everything that makes offsets hard: characters of one and two code units, and lone halves.
TEXT = st.text(st.sampled_from("ab\n\u2028ü漢🪔𝄞\ud83e\ude94"), max_size=40)


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    """Chunks so small that each example has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utf16, "_CHUNK_BYTES", 8)
        patch.setattr(utf16, "_SLICE_CHARS", 3)
        yield


def units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def text_of(content: bytes) -> str:
    return content.decode("utf-16-le", "surrogatepass")


@settings(max_examples=500)
@given(TEXT, st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9), TEXT), max_size=20))
def test_edits_do_what_they_do_to_a_plain_array_of_code_units(
    before: str, edits: list[tuple[int, int, str]]
) -> None:
    model = units(before)
    text = Utf16Text(before)
    for at, removed, inserted in edits:
        n_units = len(model) // 2
        at %= n_units + 1
        removed = min(removed, n_units - at)
        model = model[: 2 * at] + units(inserted) + model[2 * (at + removed) :]

        assert text.apply(Edit(at, removed, inserted))

        assert text.content() == model
        assert len(text) == len(model) // 2
    assert str(text) == text_of(model)


@given(TEXT, TEXT)
def test_the_net_change_leads_from_one_text_to_the_other(before: str, after: str) -> None:
    text = Utf16Text(before)
    assert text.apply(net_change(before, Utf16Text(after)))
    assert text.content() == units(after)


@given(TEXT, TEXT, TEXT, TEXT)
def test_the_net_change_holds_no_more_than_what_changed(
    start: str, old: str, new: str, end: str
) -> None:
    change = net_change(start + old + end, Utf16Text(start + new + end))
    assert change.removed <= length(old)
    assert length(change.inserted) <= length(new)


@pytest.mark.parametrize(
    ("edit", "after"),
    [
        (Edit(9, 0, "x"), "abcx"),
        (Edit(-2, 0, "x"), "xabc"),
        (Edit(1, 99, "x"), "ax"),
        (Edit(1, -5, "x"), "axbc"),
        (Edit(7, 7, ""), "abc"),
    ],
)
def test_an_edit_outside_the_text_is_made_as_far_as_it_fits(edit: Edit, after: str) -> None:
    text = Utf16Text("abc")
    assert not text.apply(edit)
    assert str(text) == after


def test_the_halves_of_a_pair_may_come_and_go_alone() -> None:
    text = Utf16Text("a🪔b")
    text.apply(Edit(2, 1, ""))
    assert str(text) == "a\ud83eb"
    text.apply(Edit(2, 0, "\ude94"))
    assert str(text) == "a🪔b"


def test_many_edits_all_over_a_long_text_are_quick(small_chunks: None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utf16, "_CHUNK_BYTES", 2**16)
        patch.setattr(utf16, "_SLICE_CHARS", 2**14)
        rng = random.Random(2)
        text = Utf16Text("x" * 6_000_000)
        start_s = time.perf_counter()
        for _ in range(50_000):
            text.apply(Edit(rng.randrange(5_000_000), 1, "ab"))
        assert time.perf_counter() - start_s < 5.0  # about 0.2 on a quiet machine
        assert len(text) == 6_050_000
