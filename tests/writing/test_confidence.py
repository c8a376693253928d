"""The threshold of what is shown, and how it is learned."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.writing.confidence import WANTED, Confidence


def test_only_what_is_likely_enough_is_shown() -> None:
    confidence = Confidence(threshold=0.5).settled()
    assert confidence.enough(0.5)
    assert not confidence.enough(0.49)


def test_who_has_just_begun_is_shown_a_little_more_and_less_and_less_so() -> None:
    new = Confidence(threshold=0.5)
    assert new.enough(0.471)
    assert not new.enough(0.469)
    half = new.wrote(300_000)
    assert half.enough(0.486)
    assert not half.enough(0.484)
    assert new.wrote(600_000) == new.wrote(7_200_000) == new.settled()


def test_that_does_not_move_what_is_learned() -> None:
    new, old = Confidence(), Confidence().settled()
    assert new.learned(right=True).threshold == old.learned(right=True).threshold


def test_a_wrong_one_raises_it_and_a_right_one_lowers_it() -> None:
    start = Confidence()
    assert start.learned(right=False).threshold > start.threshold
    assert start.learned(right=True).threshold < start.threshold
    assert start.learned(right=True).seen == 1


@given(st.lists(st.booleans(), max_size=300), st.floats(-5, 5))
def test_it_stays_where_something_is_shown_and_something_is_not(
    outcomes: list[bool], first: float
) -> None:
    confidence = Confidence(threshold=first)
    for right in outcomes:
        confidence = confidence.learned(right=right)
        assert 0.2 <= confidence.threshold <= 0.9
    assert confidence.seen == len(outcomes)


def test_what_was_in_sight_for_many_keys_counts_for_each() -> None:
    start = Confidence()
    thrice = start.learned(right=False).learned(right=False).learned(right=False)
    at_once = start.learned(right=False, n_keys=3)
    assert at_once.seen == thrice.seen == 3
    assert at_once.threshold == pytest.approx(thrice.threshold)


def test_it_settles_where_the_wanted_share_of_what_is_shown_is_right() -> None:
    """For a model that is right exactly as often as it says."""
    dice = random.Random(1)
    confidence, shown = Confidence().settled(), []
    for i in range(20_000):
        sure = dice.random()
        if confidence.enough(sure):
            right = dice.random() < sure
            confidence = confidence.learned(right=right)
            if i > 10_000:
                shown.append(right)
    assert abs(sum(shown) / len(shown) - WANTED) < 0.03
