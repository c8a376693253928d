"""What a training process tells, and what it is told: a JSON object a line.

The lines are kept in files of the run, so that a window that comes back reads what it missed.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import types
import typing
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TextIO

Do = Literal["pause", "go on", "stop", "finish"]
"""Stand still; go on; end, to be gone on with later; end the training and make what is there."""

What = Literal["texts", "model", "lower layers", "training", "adapter", "report"]


@dataclass(frozen=True)
class Began:
    """The process is there; `resumed` says that it goes on from a checkpoint."""

    resumed: bool
    pid: int


@dataclass(frozen=True)
class Doing:
    """What it does now, and how far that is; 0 to 1."""

    what: What
    share: float
    words: str = ""
    """For the writer: "Reading ‘Snow.docx’"."""


@dataclass(frozen=True)
class Checked:
    """PyTorch and llama.cpp compute the same: `adapter` says whether with the adapter."""

    adapter: bool
    nats: float
    """How far apart they are, per token."""


@dataclass(frozen=True)
class Planned:
    """What is going to be done; told again when it is known better."""

    n_steps: int
    n_tokens: int
    """That will be read in training."""
    passes: float
    n_trainable: int
    device: str
    precision: str
    checkpointing: bool
    memory_bytes: int
    """Predicted, or the most that was seen."""
    seconds: float
    """Of the whole training."""
    sure: bool
    """From what was measured, rather than from what is usual."""


@dataclass(frozen=True)
class Stepped:
    """One update of the adapters."""

    step: int
    n_tokens: int
    """So far."""
    nats: float
    """Loss of this step, per token."""
    learning_rate: float
    tokens_per_s: float
    memory_bytes: int
    left_s: float


@dataclass(frozen=True)
class Evaluated:
    """The held-out texts were tried."""

    step: int
    n_tokens: int
    nats: float
    """Per token, on the held-out texts that choose when to stop."""
    base_nats: float
    """The same without the adapter."""
    best: bool


@dataclass(frozen=True)
class Sampled:
    """What comes after the same words, without the adapter and with it."""

    step: int
    prompt: str
    base: str
    tuned: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on the disk."""

    step: int


@dataclass(frozen=True)
class Standing:
    """It stands still: "writer" for a suggestion, "asked" because it was told to; "" if not."""

    why: Literal["writer", "asked", ""]


@dataclass(frozen=True)
class Noted:
    """Something the writer should know; nothing ended."""

    sentence: str


@dataclass(frozen=True)
class Stopped:
    """It ended before it was done, and can be gone on with."""

    sentence: str


@dataclass(frozen=True)
class Failed:
    """It could not go on: what happened, and what to do."""

    sentence: str


@dataclass(frozen=True)
class Finished:
    """The adapter is there."""

    sentence: str
    """What the report says first."""


Event = (
    Began
    | Doing
    | Checked
    | Planned
    | Stepped
    | Evaluated
    | Sampled
    | Saved
    | Standing
    | Noted
    | Stopped
    | Failed
    | Finished
)
LAST = (Stopped, Failed, Finished)
"""After one of these nothing comes any more, until it is begun again."""


class Finish(Exception):
    """Told to end the training here, and to use the best that there is."""


_KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in typing.get_args(Event)}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class Told:
    """An event, and when it was (seconds since 1970)."""

    at_s: float
    event: Event


def to_line(event: Event, at_s: float) -> str:
    """One line of JSON, with its end."""
    line = {"event": _NAMES[type(event)], "at_s": round(at_s, 3), **asdict(event)}
    return json.dumps(line, ensure_ascii=False) + "\n"


def of_line(line: str) -> Told | None:
    """What `to_line` made, or None for a line that is cut short or of another version."""
    try:
        values: dict[str, Any] = json.loads(line)
        kind = _KINDS[values.pop("event")]
        at_s = float(values.pop("at_s"))
        known = {each.name for each in fields(kind)}
        return Told(at_s, kind(**{name: v for name, v in values.items() if name in known}))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class Lines:
    """Lines that are added to a file, each whole."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`."""
        self._file: TextIO = path.open("a", encoding="utf-8", newline="\n")
        if _unfinished(path):  # a line that the last process did not get to write to its end
            self._file.write("\n")

    def tell(self, event: Event) -> None:
        """Add an event, now. Raises `OSError`."""
        self._file.write(to_line(event, time.time()))
        self._file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()


def _unfinished(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


class Following:
    """Reads what is added to a file of lines, from its beginning or from its end on."""

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        self._path = path
        self._at = path.stat().st_size if from_end and path.exists() else 0

    def lines(self) -> Iterator[str]:
        """The whole lines that came since the last call; none if the file can't be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                new = file.read()
        except OSError:
            return
        whole = new.rfind(b"\n") + 1
        self._at += whole
        yield from new[:whole].decode("utf-8", "replace").split("\n")

    def events(self) -> Iterator[Told]:
        """The events that came since the last call."""
        for line in self.lines():
            told = of_line(line)
            if told:
                yield told
