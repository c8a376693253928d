"""The model as a report asks it: with the adapter or without, in no hurry, and stoppable."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from studio.engine import AdapterSet, Capabilities, Event, Priority, Request, Score
from studio.tuning import TuningError


class ReportStopped(TuningError):
    """The report was stopped, as it was asked to be."""


class Asked(Protocol):
    """What a report needs of an engine; every `studio.engine.Engine` has it."""

    @property
    def capabilities(self) -> Capabilities: ...

    def stream(self, request: Request) -> Iterator[Event | None]: ...

    def tokenize(self, text: str, *, special: bool = False) -> list[int]: ...

    def score(
        self, text: str, *, start: int = 0, alternatives: int = 0, adapters: AdapterSet = ()
    ) -> Score: ...

    def logits(
        self, tokens: Sequence[int], *, adapters: AdapterSet = ()
    ) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Voice:
    """The base model, or the tuned one. Every call may raise `ReportStopped`."""

    engine: Asked
    adapters: AdapterSet
    stop: Callable[[], bool]

    def check(self) -> None:
        """Raises `ReportStopped` if that is wanted."""
        if self.stop():
            raise ReportStopped("The report was stopped before it was complete.")

    def score(self, text: str) -> Score:
        self.check()
        return self.engine.score(text, adapters=self.adapters)

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        self.check()
        return self.engine.logits(tokens, adapters=self.adapters)

    def stream(self, request: Request) -> Generator[Event | None, None, None]:
        # An inline request right after a change of adapters would be answered from the end of its
        # prompt alone, and base and tuned would not have read the same.
        asked = replace(request, adapters=self.adapters, priority=Priority.DRAFT)
        with closing(cast("Generator[Event | None]", self.engine.stream(asked))) as events:
            for event in events:
                self.check()
                yield event
