from __future__ import annotations

from studio.engine import GREEDY
from studio.library.presets import presets


def test_there_is_a_preset_for_each_kind_of_work() -> None:
    assert set(presets()) == {"story", "lyrics", "code", "exact"}


def test_exact_work_is_greedy() -> None:
    assert presets()["exact"] == GREEDY


def test_story_breaks_loops_without_a_high_repetition_penalty() -> None:
    story = presets()["story"]
    assert story.dry_multiplier > 0
    assert story.repeat_penalty <= 1.1
    assert 0.02 <= story.min_p <= 0.1
