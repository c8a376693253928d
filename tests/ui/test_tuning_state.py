"""What a run's process told, added up."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from filelock import FileLock

from studio.tuning.events import (
    Began,
    Doing,
    Evaluated,
    Event,
    Failed,
    Finished,
    Lines,
    Planned,
    Sampled,
    Standing,
    Stepped,
    Stopped,
    Told,
)
from studio.tuning.recipe import Recipe
from studio.tuning.run import EVENTS, LOCK, REPORT, Job, Run
from studio.ui.tuning_state import GONE, RunState, smooth, summaries

PLANNED = Planned(40, 80_000, 2.0, 1000, "cpu", "float32", False, 10**9, 600.0, True)


def step(n: int, nats: float = 3.0) -> Stepped:
    return Stepped(n, 2000 * n, nats, 1e-3, 100.0, 10**9, 60.0)


def state_after(*events: Event) -> RunState:
    state = RunState()
    for event in events:
        state.take(Told(0.0, event))
    return state


def run_of(home: Path, name: str, *events: Event) -> Run:
    run = Run.begin(home, Job(name, (home,), home / "base.gguf", Recipe()))
    with Lines(run.folder / EVENTS) as lines:
        for event in events:
            lines.tell(event)
    return run


def test_what_is_done_again_after_a_checkpoint_is_counted_once() -> None:
    tried = Evaluated(3, 6000, 2.9, 3.1, True)
    state = state_after(
        *map(step, (1, 2, 3)), tried, Sampled(3, "a", "b", "c"), Began(True, 1), step(3, 2.5), tried
    )
    assert [each.step for each in state.steps] == [1, 2, 3]
    assert state.steps[-1].nats == 2.5
    assert len(state.tries) == 1


def test_beginning_again_forgets_how_it_ended_and_that_it_stood() -> None:
    state = state_after(Began(False, 1), Standing("asked"), Stopped("Stopped."), Began(True, 2))
    assert state.last is None
    assert state.standing == ""


def test_the_share_is_of_what_is_done_now() -> None:
    assert state_after(Began(False, 1)).share is None
    assert state_after(Doing("texts", 0.3)).share == 0.3
    assert state_after(Doing("texts", 1.0), PLANNED, step(10)).share == 0.25
    assert state_after(PLANNED, step(40), Doing("report", 0.5)).share == 0.5


def test_the_gain_is_that_of_the_best_try() -> None:
    tries = (
        Evaluated(0, 0, 3.0, 3.0, True),
        Evaluated(5, 10_000, 2.8, 3.0, True),
        Evaluated(9, 18_000, 2.95, 3.0, False),
    )
    assert state_after(tries[0]).ratio is None
    assert state_after(*tries).ratio == pytest.approx(math.exp(-0.2))


def test_smoothing_is_right_from_the_first_value_on() -> None:
    assert smooth([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    assert smooth([4.0, 2.0])[1] < 3.0
    assert smooth([]) == []


def test_all_tunings_say_how_they_stand(tmp_path: Path) -> None:
    run_of(tmp_path, "not begun")
    run_of(tmp_path, "stopped", Began(False, 1), Stopped("Stopped."))
    run_of(tmp_path, "failed", Began(False, 1), Failed("No room."))
    run_of(tmp_path, "cut off", Began(False, 1), step(1))
    done = run_of(tmp_path, "done", Began(False, 1), Finished("It learned you."))
    (done.folder / REPORT).write_text('{"verdict": "It learned you."}', "utf-8")
    busy = run_of(tmp_path, "busy", Began(False, 1), step(1))
    broken = run_of(tmp_path, "broken")
    (broken.folder / "job.json").write_text("{", "utf-8")
    with FileLock(busy.folder / LOCK):
        found = {each.name: each for each in summaries(tmp_path)}
    assert len(found) == 7
    assert found["not begun"].sentence == "It has not begun yet."
    assert found["stopped"].sentence == "Stopped."
    assert found["failed"].sentence == "No room."
    assert found["cut off"].sentence == GONE
    assert found["cut off"].was_ended
    assert found["done"].is_done
    assert found["done"].sentence == "It learned you."
    assert found["busy"].is_running
    assert "damaged" in found["broken"].sentence


def test_a_last_line_that_is_cut_short_is_passed_over(tmp_path: Path) -> None:
    run = run_of(tmp_path, "one", Began(False, 1), Stopped("Stopped."))
    with (run.folder / EVENTS).open("a", encoding="utf-8") as file:
        file.write('{"event": "step')
    assert summaries(tmp_path)[0].sentence == "Stopped."


def test_there_are_none_without_their_folder(tmp_path: Path) -> None:
    assert summaries(tmp_path / "none") == []
