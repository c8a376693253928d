"""How many tokens the parts of a prompt have, counted by the model that answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from studio.engine import Event, Finished, Priority, Tokenized, Tokenizing
from studio.engine.client import Failed
from studio.ui import engine_bridge
from studio.ui.desk import Desk
from studio.writing.context import Part, tokens_of_parts


class TokenCounts(QObject):
    """Has them counted when the model has nothing else to do, and keeps what was counted."""

    changed = Signal()
    """The model has counted."""

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._client = desk.client
        self._parts: tuple[Part, ...] = ()
        self._counted: tuple[tuple[Part, int], ...] = ()
        self._model: Path | None = None  # the one that counts
        self._asking = 0  # what is heard of an earlier question is stale
        self._ticket: int | None = None

    @property
    def exact(self) -> bool:
        """Whether all of the parts are counted; else some figures may be those of before."""
        return tuple(part for part, _ in self._counted) == self._parts

    @property
    def figures(self) -> tuple[int | None, ...]:
        """For each part its tokens, those that begin in it; None where it was never counted."""
        if self.exact:
            return tuple(n for _, n in self._counted)
        known = dict(self._counted)
        return tuple(known.get(part) for part in self._parts)

    def count(self, parts: tuple[Part, ...]) -> None:
        """Have these counted, unless the model that answers has done so or is about to."""
        ready = self._client.capabilities
        model = ready.path if ready else self._model
        if model != self._model:
            self._model, self._counted = model, ()
        elif parts == self._parts and (self.exact or self._ticket is not None):
            return
        self._parts = parts
        self._asking += 1
        if self._ticket is not None:
            self._client.cancel(self._ticket)
            self._ticket = None
        if not parts:
            return
        query = Tokenizing("".join(part.text for part in parts), priority=Priority.IDLE)
        heard = partial(self._hear, self._asking)
        self._ticket = engine_bridge.ask(self, self._desk, query, heard)

    def _hear(self, asking: int, event: Event | Failed) -> None:
        if asking != self._asking:
            return
        if isinstance(event, Tokenized):
            numbers = tokens_of_parts(self._parts, event.starts)
            self._counted = tuple(zip(self._parts, numbers, strict=True))
            self.changed.emit()
        elif isinstance(event, Finished | Failed):
            self._ticket = None
