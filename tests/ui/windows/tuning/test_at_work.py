"""A tuning at work. A real process is in the last test of test_panel and in tests/journeys."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.tuning.events import Began, Doing, Evaluated, Noted, Sampled, Standing, Stopped
from studio.tuning.run import Run
from studio.ui import tuning_watch
from studio.ui.tuning_state import Phase
from tests.ui.windows.tuning.tuner import BEGAN, Tuner, step, words_in


def test_a_new_window_finds_what_is_at_work_and_follows_it(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, *map(step, range(1, 11)))
    room = tuner.opens()
    running = room.running
    tuner.house.waits(lambda: room.view is running and "step 10" in words_in(running))
    shown = words_in(running)
    assert "Training" in shown
    assert "20,000 of 80,000" in shown
    assert "100 tokens/s" in shown
    assert "5 minutes" in shown
    assert running._bar.value() == 250
    tuner.tells(
        run,
        step(11),
        Evaluated(11, 22_000, 2.8, 3.0, True),
        Sampled(11, "It was", " dark.", " raining."),
        Noted("There are few words."),
    )
    tuner.house.waits(lambda: "step 11" in words_in(running))
    shown = words_in(running)
    assert "18% fewer" in shown
    assert "0.819" in shown
    assert "There are few words." in shown
    assert running._samples._tuned.toPlainText() == "raining."
    running._samples._older.click()
    assert running._samples._tuned.toPlainText() == "dark."
    assert "before training" in words_in(running)
    figures = running._curves.figures_at(21_000.0)
    assert "held out at 22,000 tokens: 2.800, base 3.000 nats a token" in figures


def test_a_sample_that_is_looked_at_stays_when_newer_ones_come(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, Sampled(5, "It was", " dark.", " five."))
    running = tuner.opens().running
    tuner.house.waits(lambda: running._samples._tuned.toPlainText() == "five.")
    running._samples._older.click()
    tuner.tells(run, Sampled(9, "It was", " dark.", " nine."))
    tuner.house.waits(lambda: "1 of 3" in running._samples._which.text())
    assert running._samples._tuned.toPlainText() == "dark."


def test_a_long_prompt_is_shown_by_its_last_whole_words(tuner: Tuner) -> None:
    prompt = "It snowed on the harbour and nobody came. " * 9 + "It was"
    tuner.running("Winter", *BEGAN, Sampled(9, prompt, " dark.", " nine."))
    running = tuner.opens().running
    tuner.house.waits(lambda: running._samples._tuned.toPlainText() == "nine.")
    shown = running._samples._prompt.text()
    assert shown.endswith("nobody came. It was”")
    first = shown.removeprefix("After “… ").split()[0]
    assert first in prompt.split()


def test_it_is_paused_gone_on_with_finished_and_stopped(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1))
    running = tuner.opens().running
    tuner.house.waits(running._finish.isEnabled)
    tuner.house.clicks(running, "Pause")
    assert "Pausing" in running._now.text()
    tuner.tells(run, Standing("asked"))
    tuner.house.waits(lambda: running._pause.text() == "&Go on")
    assert "Paused" in running._now.text()
    tuner.house.clicks(running, "Go on")
    tuner.tells(run, Standing(""))
    tuner.house.waits(lambda: running._pause.text() == "&Pause")
    tuner.house.clicks(running, "Finish now")
    assert not running._stop.isEnabled(), "it is told once"
    tuner.house.waits(lambda: tuner.commands(run) == ["pause", "go on", "finish"])
    tuner.tells(run, Doing("report", 0.1, "Reading"))
    tuner.house.waits(running._stop.isEnabled)
    assert "Measuring" in running._now.text() or "Reading" in running._now.text()


def test_it_says_quietly_that_it_waits_for_the_writer(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1), Standing("writer"))
    running = tuner.opens().running
    tuner.house.waits(running._still.isVisible)
    tuner.tells(run, Standing(""), step(2))
    tuner.house.waits(lambda: not running._still.isVisible())


def test_what_was_killed_says_where_and_goes_on(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_watch, "SILENT_S", 0.2)
    run = tuner.running("Winter", *BEGAN, step(1), step(2))
    room = tuner.opens()
    running = room.running
    tuner.house.waits(running._finish.isEnabled)
    tuner.dies()
    tuner.house.waits(running._go_on.isVisible)
    assert "ended from outside" in running._now.text()
    assert "step 2" in running._now.text()
    begun: list[Path] = []
    monkeypatch.setattr(Run, "start", lambda self: begun.append(self.folder))
    tuner.house.clicks(running, "Go on")
    assert "Starting" in running._now.text()
    tuner.house.waits(lambda: begun == [run.folder])
    tuner.tells(run, Began(True, 2), step(2))
    tuner.house.waits(running._pause.isVisible)


def test_a_cut_off_run_is_what_a_new_window_shows(tuner: Tuner) -> None:
    tuner.run("Winter", *BEGAN, step(7))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running and room.running._go_on.isVisible())
    assert "step 7" in room.running._now.text()
    assert room.running._bar.isVisible(), "how far the training is"


def test_of_one_that_was_stopped_at_its_report_no_bar_says_0_percent(tuner: Tuner) -> None:
    tuner.run("Winter", *BEGAN, step(40), Doing("report", 0.0), Stopped("Stopped. It can go on."))
    room = tuner.opens()
    tuner.house.clicks(room, "My tunings")
    tuner.house.clicks(room.all, "Open")
    tuner.house.waits(lambda: "40" in words_in(room.running))
    assert not room.running._bar.isVisible()


def test_a_process_that_never_begins_is_told(tuner: Tuner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_watch, "BEGINS_WITHIN_S", 0.2)
    monkeypatch.setattr(Run, "start", lambda _: None)
    tuner.run("Winter", Began(False, 1), Stopped("Stopped."))
    room = tuner.opens()
    tuner.house.clicks(room, "My tunings")
    tuner.house.clicks(room.all, "Open")
    running = room.running
    tuner.house.waits(running._go_on.isVisible)
    tuner.house.clicks(running, "Go on")
    tuner.house.waits(running._go_on.isVisible)
    assert running._now.text() == tuning_watch.NOT_BEGUN


def test_what_was_seen_before_the_start_does_not_end_it(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of a new run is free until its process is there."""
    monkeypatch.setattr(Run, "start", lambda _: None)
    watch = tuning_watch.Watch(tuner.run("Winter"), tuner.house.opens())
    watch.start()
    tuner.house.waits(lambda: not watch._reading)
    assert watch.phase is Phase.STARTING
    tuner.tells(watch.run, *BEGAN)
    tuner.house.waits(lambda: watch.phase is Phase.RUNNING)
