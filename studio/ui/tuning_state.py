"""How far a tuning is: what its process told, added up."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

from studio.tuning.events import (
    LAST,
    Began,
    Checked,
    Doing,
    Evaluated,
    Failed,
    Finished,
    Noted,
    Planned,
    Sampled,
    Standing,
    Stepped,
    Stopped,
    Told,
    of_line,
)
from studio.tuning.run import EVENTS, Run, RunError

S = TypeVar("S", Stepped, Evaluated, Sampled)

_SMOOTH = 0.9
_TAIL_BYTES = 65_536
GONE = "It was ended from outside, perhaps for want of memory or with the machine."


class Phase(Enum):
    """Where a run is, as the writer sees it."""

    LOOKING = auto()
    STARTING = auto()
    RUNNING = auto()
    STOPPED = auto()
    """It can go on: it was stopped, it failed or it was ended from outside."""
    FINISHED = auto()


@dataclass
class RunState:
    """All that was told, as far as it still holds."""

    doing: Doing | None = None
    planned: Planned | None = None
    steps: list[Stepped] = field(default_factory=list)
    tries: list[Evaluated] = field(default_factory=list)
    samples: list[Sampled] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checks: dict[bool, Checked] = field(default_factory=dict)
    """By whether it was with the adapter."""
    standing: str = ""
    last: Stopped | Failed | Finished | None = None
    began: bool = False

    def take(self, told: Told) -> None:
        """One event more."""
        event = told.event
        match event:
            case Began():
                self.began, self.last, self.standing, self.doing = True, None, "", None
            case Checked():
                self.checks[event.adapter] = event
            case Doing():
                self.doing = event
            case Planned():
                self.planned = event
            case Stepped():
                _add(self.steps, event)
                if self.doing is None or self.doing.what != "training":
                    self.doing = Doing("training", 0.0)
            case Evaluated():
                _add(self.tries, event)
            case Sampled():
                _add(self.samples, event)
            case Standing(why=why):
                self.standing = why
            case Noted(sentence=sentence) if sentence not in self.notes:
                self.notes.append(sentence)
            case Stopped() | Failed() | Finished():
                self.last, self.standing = event, ""

    @property
    def share(self) -> float | None:
        """Of what is done now, 0 to 1; None if nobody can tell."""
        if self.doing is None:
            return None
        if self.doing.what == "training":
            if not self.steps or not self.planned or not self.planned.n_steps:
                return None
            return min(1.0, self.steps[-1].step / self.planned.n_steps)
        return self.doing.share

    @property
    def ratio(self) -> float | None:
        """Perplexity of the held-out text at the best try, over the base's."""
        tries = [each for each in self.tries if each.step]
        if not tries:
            return None
        best = min(tries, key=lambda each: each.nats)
        return math.exp(best.nats - best.base_nats)

    def smoothed(self) -> tuple[list[float], list[float]]:
        """(tokens read, loss in nats a token): a running mean of the steps, each end alike."""
        return [float(each.n_tokens) for each in self.steps], smooth(
            [each.nats for each in self.steps]
        )


def _add(events: list[S], event: S) -> None:
    """What came after the checkpoint that it went on from is done again."""
    while events and events[-1].step >= event.step:
        events.pop()
    events.append(event)


def smooth(values: Sequence[float]) -> list[float]:
    """An exponential running mean that is right from the first value on (Kingma and Ba 2014)."""
    mean, weight, found = 0.0, 0.0, []
    for value in values:
        mean = _SMOOTH * mean + (1 - _SMOOTH) * value
        weight = _SMOOTH * weight + (1 - _SMOOTH)
        found.append(mean / weight)
    return found


@dataclass(frozen=True)
class Summary:
    """One line of the list of all tunings."""

    run: Run
    name: str
    base: str
    made_s: float
    """Seconds since 1970."""
    is_running: bool
    is_done: bool
    was_ended: bool
    """From outside, in the middle of its work."""
    sentence: str
    """What its report says first, or how it stands."""


def summaries(home: Path) -> list[Summary]:
    """All tunings there are, the newest first. Reads the disk."""
    return [summary(run) for run in Run.all(home)]


def summary(run: Run) -> Summary:
    """How one tuning stands. Reads the disk."""
    try:
        made_s = (run.folder / "job.json").stat().st_mtime
    except OSError:
        made_s = 0.0
    try:
        job = run.job
    except RunError as error:
        return Summary(run, run.folder.name, "", made_s, False, False, False, str(error))
    last = _last_event(run.folder / EVENTS)
    running = not isinstance(last, LAST) and run.is_running
    done = run.report is not None
    ended = not (running or done or last is None or isinstance(last, LAST))
    if running:
        sentence = "It is being worked on."
    elif done:
        sentence = _verdict(run)
    elif isinstance(last, Stopped | Failed):
        sentence = last.sentence
    else:
        sentence = GONE if ended else "It has not begun yet."
    return Summary(run, job.name, job.base.name, made_s, running, done, ended, sentence)


def _verdict(run: Run) -> str:
    try:
        whole = json.loads((run.report or Path()).read_text("utf-8"))
        return str(whole["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return "Its report can't be read."


def _last_event(path: Path) -> object:
    """The last event that changes how it stands; None where nothing was told."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    told = (of_line(line) for line in reversed(tail.split("\n")))
    return next((each.event for each in told if each), None)
