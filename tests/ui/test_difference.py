"""What differs between two texts, and in bounded time."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.ui.difference import MOST_LINES_SHOWN, Difference, difference

TEXTS = st.text(alphabet="ab \nÄ😀", max_size=60)


def _shown(found: Difference) -> list[str]:
    return [f"{line.mark} {line.text}" for line in found.lines]


def test_a_changed_word_is_marked_in_its_line() -> None:
    found = difference("One.\nThe old house.\nThree.", "One.\nThe old barn.\nThree.")
    assert _shown(found) == ["  One.", "- The old house.", "+ The old barn.", "  Three."]
    assert [run.text for line in found.lines for run in line.runs if run.changed] == [
        "house",
        "barn",
    ]
    assert found.words == 1


def test_an_added_paragraph_stands_alone() -> None:
    found = difference("One.\n\nTwo.", "One.\n\nNew here.\n\nTwo.")
    assert [line for line in _shown(found) if line[0] in "+-"] == ["+ New here.", "+ "]
    assert found.words == 2


def test_a_text_from_nothing_removes_nothing() -> None:
    assert _shown(difference("", "All new.")) == ["+ All new."]


def test_far_apart_changes_have_a_gap_between_them() -> None:
    before = "\n".join(str(i) for i in range(50))
    after = before.replace("\n10\n", "\nten\n").replace("\n40\n", "\nforty\n")
    assert [line.mark for line in difference(before, after).lines].count("…") == 3


def test_the_same_text_has_no_difference() -> None:
    assert difference("Same.", "Same.") == Difference((), 0, True)


@given(TEXTS, TEXTS)
def test_removed_and_added_lines_make_the_one_text_the_other(before: str, after: str) -> None:
    found = difference(before, after)
    old, new = before.split("\n") if before else [], after.split("\n") if after else []
    gone = [line.text for line in found.lines if line.mark == "-"]
    come = [line.text for line in found.lines if line.mark == "+"]
    for line in gone:
        old.remove(line)
    for line in come:
        new.remove(line)
    assert old == new


@pytest.mark.parametrize("kind", ["small change", "all different", "one endless line", "repeats"])
def test_texts_of_a_novels_length_take_no_more_than_seconds(kind: str) -> None:
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefgh", k=dice.randint(1, 7))) for _ in range(200_000)]
    before = "\n\n".join(" ".join(words[i : i + 80]) for i in range(0, len(words), 80))
    after = f"{before[:5000]} in between {before[5000:600_000]}\nA line.\n{before[600_000:]}"
    if kind == "all different":
        dice.shuffle(words)
        after = "\n\n".join(" ".join(words[i : i + 80]) for i in range(0, len(words), 80))
    elif kind == "one endless line":
        before, after = before.replace("\n", " "), after.replace("\n", " ")
    elif kind == "repeats":
        before, after = "x\n" * 4000, "x\ny\n" * 2000
    began = time.perf_counter()
    found = difference(before, after)
    assert time.perf_counter() - began < 10
    assert len(found.lines) <= MOST_LINES_SHOWN
    assert sum(len(line.text) for line in found.lines) < 4_000_000
