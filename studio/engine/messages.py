"""What a client and its worker process say to each other."""

from __future__ import annotations

from dataclasses import dataclass

from studio.engine import Capabilities, Event, LoadOptions, Query, Request


@dataclass(frozen=True)
class Load:
    """The first message: which model to load."""

    options: LoadOptions


@dataclass(frozen=True)
class Ask:
    """Answer this; events carry the ticket."""

    ticket: int
    request: Request | Query


@dataclass(frozen=True)
class Cancel:
    """The answer is not wanted any more; `Told` with a `Finished` still ends it."""

    ticket: int


@dataclass(frozen=True)
class Spare:
    """Spare the machine from now on, or do so no more; the answer is `Spared`."""

    on: bool


@dataclass(frozen=True)
class Progress:
    """How much of the model is loaded, 0 to 1."""

    fraction: float


@dataclass(frozen=True)
class Loaded:
    capabilities: Capabilities


@dataclass(frozen=True)
class Spared:
    """It is done, or done no more; how the model answers now."""

    capabilities: Capabilities


@dataclass(frozen=True)
class NotLoaded:
    sentence: str


@dataclass(frozen=True)
class Told:
    ticket: int
    event: Event


@dataclass(frozen=True)
class Refused:
    """The request could not be answered, or not to its end."""

    ticket: int
    sentence: str


FromWorker = Progress | Loaded | Spared | NotLoaded | Told | Refused
ToWorker = Load | Ask | Cancel | Spare
