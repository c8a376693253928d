"""The benchmark of asked lines asks what it says that it asks."""

from __future__ import annotations

from studio.app import load_sounds
from studio.bench import suites
from studio.bench.verse import ROWS, all_wanted, has_both
from studio.writing.verse_line import LineWanted

SOUNDS = load_sounds()


def test_a_hundred_lines_are_asked_for_and_each_can_rhyme() -> None:
    wanted = all_wanted(SOUNDS)
    assert len(wanted) == 100
    for each in wanted:
        assert each.before.endswith("\n")
        assert 3 < each.syllables < 14
        assert SOUNDS.knows(each.rhyme_with)


def test_a_line_has_both_only_with_rhyme_and_length() -> None:
    wanted = LineWanted("The moon came up above the hill\n", "hill", 8)
    assert has_both("And every bird in town was still", wanted, SOUNDS)
    assert not has_both("And every bird was on the hill", wanted, SOUNDS)
    assert not has_both("And it was still", wanted, SOUNDS)
    assert not has_both("And every bird in town was mute", wanted, SOUNDS)
    assert not has_both("", wanted, SOUNDS)


def test_the_rows_stand_in_the_editors_suite() -> None:
    assert {row.name for row in ROWS} <= {row.name for row in suites()["editor"].rows}
