"""A writer tunes a model to their texts: from the first key to writing with the adapter."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tuning import tiny
from tests.tuning.stories import story

from .conftest import Window, wait_until

WITHIN_S = 300.0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_tuning_from_the_start_to_its_use(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    text = tmp_path / "story.txt"
    text.write_text(story(900), "utf-8")
    base = tiny.make("llama, tied", tmp_path)[1]
    window = open_window(text, "--model", base)
    window.wait_for_model()
    window.key("alt+t", "Return")
    wait_until(lambda: _asked(window), within_s=60, message=window.log)
    (run,) = _runs(window)

    def told() -> str:
        events = run / "events.jsonl"
        return events.read_text("utf-8") if events.exists() else ""

    # The window may go meanwhile: the work goes on, and the next one finds it.
    wait_until(lambda: '"stepped"' in told(), within_s=WITHIN_S, message=told())
    window.kill()
    again = open_window(text, "--model", base)
    again.wait_for_model()
    again.key("alt+t", "Return")
    wait_until(lambda: '"finished"' in told(), within_s=WITHIN_S, message=told())

    remembered = again.data / "memory.json"

    def used() -> bool:
        again.key("alt+u")
        time.sleep(1.0)
        return str(run / "adapter.gguf") in remembered.read_text("utf-8")

    wait_until(used, within_s=30, message=again.log)
    assert text.read_text("utf-8") == story(900), "nothing was written into the text"


def _runs(window: Window) -> list[Path]:
    return [job.parent for job in (window.data / "adapters").glob("*/job.json")]


def _asked(window: Window) -> bool:
    """Once the panel is there: this project, quick, start.

    Whatever its name is then: while the words are counted nothing can be started, and Qt takes the
    letter of such a key for the field that has the focus.
    """
    window.key("alt+j", "alt+q", "alt+u")
    time.sleep(1.0)
    return bool(_runs(window))
