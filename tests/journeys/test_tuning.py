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
    run = window.data / "adapters" / "My style"
    window.key("alt+t", "Return")
    wait_until(lambda: _asked(window, run), within_s=60, message=window.log)

    def told() -> str:
        return (run / "events.jsonl").read_text("utf-8") if run.exists() else ""

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


def _asked(window: Window, run: Path) -> bool:
    """Once the panel is there: this project, quick, start."""
    window.key("alt+j", "alt+q", "alt+u")
    time.sleep(1.0)
    return run.exists()
