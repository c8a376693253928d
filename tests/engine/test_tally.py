"""What was computed twice."""

from __future__ import annotations

from studio.engine.tally import Tally


def test_nothing_is_counted_until_it_is_begun() -> None:
    tally = Tally()
    tally.add([], [1, 2, 3])
    tally.begin()
    tally.add([], [1, 2, 3])
    assert tally.again == 0
    tally.add([], [1, 2, 3])
    assert tally.again == 3


def test_the_same_token_in_another_place_is_another() -> None:
    tally = Tally()
    tally.begin()
    tally.add([], list(range(100)))
    tally.add(list(range(100)), [7, 8, 9])
    assert tally.again == 0
    tally.add(list(range(100)), [7, 8, 9])
    assert tally.again == 3


def test_batches_need_not_fall_alike() -> None:
    tally = Tally()
    tally.begin()
    tokens = list(range(100))
    for at in range(0, 100, 7):
        tally.add(tokens[:at], tokens[at : at + 7])
    tally.add(tokens[:60], tokens[60:])
    assert tally.again == 40
