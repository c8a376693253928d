"""A writer at the desk: a real window, a real keyboard, the real model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Window, wait_until

STORY = "The keeper climbed the stairs of the lighthouse every evening. He lit the la"

Open = Callable[..., Window]


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text("")
    return path


def save(window: Window, path: Path) -> str:
    """Ctrl+S, and what is on the disk then."""
    before = path.stat().st_mtime_ns
    window.key("ctrl+s")
    wait_until(lambda: path.stat().st_mtime_ns != before, message=f"not saved\n{window.log}")
    return path.read_text("utf-8")


def test_what_the_model_says_is_taken_with_tab(open_window: Open, story: Path) -> None:
    window = open_window(story)
    window.wait_for_model()
    window.type(STORY)
    assert save(window, story) == STORY
    time.sleep(1.5)
    assert save_unchanged(window, story) == STORY
    window.key("Tab")
    text = save(window, story)
    assert text.startswith(STORY)
    assert len(text) > len(STORY)


def save_unchanged(window: Window, path: Path) -> str:
    """The file while grey text is shown: nothing of it may be there."""
    window.key("ctrl+s")
    time.sleep(0.5)
    return path.read_text("utf-8")


def test_who_types_without_a_pause_is_suggested_something_and_takes_it(
    open_window: Open, story: Path
) -> None:
    """A key each 200 ms from the first one on, in a text of some pages; nobody waits."""
    page = "".join(
        f"On day {n} the keeper of the light climbed the stairs before the lamp was lit. "
        for n in range(100, 140)
    )
    story.write_text(page)
    window = open_window(story)
    window.wait_for_model()
    window.key("ctrl+End")
    for n in range(140, 144):
        window.xdotool("type", "--delay", "200", f"On day {n} the keeper of the ")
        window.xdotool("key", "ctrl+Right")
    text = save(window, story)
    typed = text.removeprefix(page)
    assert typed.startswith("On day 140 the keeper of the ")
    assert typed.count("light") >= 2, typed


def test_escape_leaves_only_what_was_typed(open_window: Open, story: Path) -> None:
    window = open_window(story)
    window.wait_for_model()
    window.type(STORY)
    time.sleep(1.5)
    window.key("Escape")
    window.type(" XYZ")
    assert save(window, story) == STORY + " XYZ"


def test_an_accept_is_one_undo_step(open_window: Open, story: Path) -> None:
    window = open_window(story)
    window.wait_for_model()
    window.type(STORY)
    time.sleep(1.5)
    window.key("Tab", "Escape", "ctrl+z")
    window.type("#")
    assert save(window, story) == STORY + "#"


def test_a_draft_is_written_and_taken(open_window: Open, story: Path) -> None:
    window = open_window(story)
    window.wait_for_model()
    window.type("The storm came at night.")
    window.key("ctrl+Return")
    time.sleep(4)
    window.key("Tab")
    text = save(window, story)
    assert text.startswith("The storm came at night.")
    assert len(text.split()) > 20


def test_the_worker_killed_in_the_middle_of_a_draft_costs_only_the_draft(
    open_window: Open, story: Path
) -> None:
    window = open_window(story)
    window.wait_for_model()
    window.type(STORY)
    window.key("ctrl+Return")
    time.sleep(0.7)
    worker = window.worker
    assert worker is not None
    worker.kill()
    wait_until(lambda: window.log.count("Ready(") == 2, message=window.log)
    window.key("Escape", "Escape")
    assert save(window, story) == STORY
    window.type("m")
    time.sleep(1.5)
    window.key("Tab")
    text = save(window, story)
    assert text.startswith(STORY + "m")
    assert len(text) > len(STORY) + 1


def test_what_was_not_saved_is_offered_back(open_window: Open, story: Path) -> None:
    window = open_window(story)
    window.type("Never lost.")
    time.sleep(1.2)
    window.kill()
    assert story.read_text("utf-8") == ""
    again = open_window(story)

    def question() -> str:
        return again.xdotool("search", "--onlyvisible", "--name", "Recovered text").strip()

    wait_until(question, message="nothing was offered")
    again.xdotool("windowfocus", question())
    time.sleep(0.3)
    again.key("alt+r")
    wait_until(lambda: not question(), message="it was not restored")
    again.focus()
    assert save(again, story) == "Never lost."
