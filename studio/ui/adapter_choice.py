"""Which adapter the model writes with, and how strongly. All windows share one `AdapterChoice`.

An adapter is in use once its file was read, the hash of its base compared, and the model has
answered with it. Until then, and where one of these fails, the model writes without.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from studio.engine import Capabilities, Event, Finished, Priority, Scoring
from studio.engine.client import Failed
from studio.library import LibraryError
from studio.library.adapters import (
    ADAPTER,
    Adapter,
    AdapterError,
    Hashes,
    Model,
    adapters_in,
    doubt_about,
    find_base,
    name_of,
    read_adapter,
    why_unfit,
)
from studio.ui.background import in_background, on_gui_thread
from studio.ui.desk import Desk
from studio.ui.memory import Memory
from studio.ui.notice import Choice, Notice, Weight

log = logging.getLogger(__name__)

TOPIC = "adapter"
SETTLE_MS = 200
"""A strength that is being turned is left alone for this long: the text is read anew with it."""
_TRIAL = "The lamp in the window had been burning since dusk."


@dataclass(frozen=True)
class _Looked:
    """What the file of an adapter says beside that of the model."""

    adapter: Adapter
    unfit: str | None
    base: Path | None
    """If it is unfit, the model that it was made for, if that is on this machine."""


class AdapterChoice(QObject):
    """The adapter that is chosen for the model that answers; kept for each model file."""

    changed = Signal()
    """What is chosen, `strength`, `words` or `fitting`."""
    swapped = Signal()
    """The model answers otherwise from now on."""
    told = Signal(object)
    """A `Notice`."""
    over = Signal(str)
    """What notices of this topic said is over."""
    base_wanted = Signal(Path)
    """The writer wants this model, because an adapter was made for it."""

    def __init__(self, desk: Desk, memory: Memory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._memory = memory
        self._hashes = Hashes(desk.data_dir / "hashes.json")
        self._model: Model | None = None
        self._fitting: tuple[Adapter, ...] = ()
        self._chosen: Adapter | None = None
        self._strength = 1.0
        self._answering = False
        self._wanted: Path | None = None  # as soon as a model answers
        self._trying = ""
        self._turn = 0  # what is heard of an earlier one is stale
        self._looking = 0
        desk.in_use.doubt = self._doubt
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._keep)

    @property
    def fitting(self) -> tuple[Adapter, ...]:
        """Those on this machine that are for the model that answers."""
        return self._fitting

    @property
    def chosen(self) -> Adapter | None:
        """The one in use."""
        return self._chosen

    @property
    def strength(self) -> float:
        """0 to `MAX_STRENGTH`; 1 is as it was trained."""
        return self._strength

    @property
    def model(self) -> Path | None:
        """The model that they are for."""
        return self._model.path if self._model else None

    @property
    def words(self) -> str:
        """For the status bar; "" without an adapter."""
        if self._trying:
            return f"trying {self._trying}…"
        return f"{self._chosen.name}, {in_percent(self._strength)}" if self._chosen else ""

    def answers(self, model: Capabilities | None) -> None:
        """This model answers from now on, or none does. What is chosen for it is checked anew."""
        if self._settle.isActive():
            self._keep()  # it is about the model before
        self._turn += 1
        self._trying = ""
        self._answering = model is not None
        if model is None:
            self._swap()
            self.changed.emit()
            return
        self._chosen, self._fitting = None, ()
        self._swap()
        self._model = Model(model.path, model.architecture, self._hashes)
        kept = self._memory.adapter_of(model.path)
        wanted, self._wanted = self._wanted, None
        if kept:
            self._strength = kept[1]
        if wanted:
            self.use(wanted)
        elif kept:
            self._try(kept[0], kept=True)
        self.changed.emit()
        self.look()

    def use(self, path: Path) -> None:
        """Write with this adapter from now on; a notice says why if that can't be."""
        if self._model is None or not self._answering:
            self._wanted = path
            return
        if self._chosen is None and self._memory.adapter_of(self._model.path) is None:
            self._strength = 1.0
        self._try(path)

    def switch_off(self) -> None:
        """Write without an adapter."""
        self._turn += 1
        self._trying, self._wanted, self._chosen = "", None, None
        self._keep()
        self.over.emit(TOPIC)
        self.changed.emit()

    def set_strength(self, strength: float) -> None:
        """How much the adapter counts: 0 to `MAX_STRENGTH`. It holds from the next suggestion."""
        if strength != self._strength:
            self._strength = strength
            self._settle.start()
            self.changed.emit()

    def look(self) -> None:
        """See what is on this machine by now, and whether the one in use still is."""
        model, chosen = self._model, self._chosen
        if model is None:
            return
        self._looking += 1
        in_background(
            self,
            lambda: (self._all_fitting(model), chosen and _look_at(chosen.path)),
            done=partial(self._seen, self._looking, chosen),
        )

    # -- in the background -------------------------------------------------------------------

    def _all_fitting(self, model: Model) -> tuple[Adapter, ...]:
        found, problems = adapters_in(self._desk.data_dir / "adapters")
        for problem in problems:
            log.info("%s", problem)
        for path in self._memory.for_menu("adapters"):
            with contextlib.suppress(AdapterError):
                found.append(read_adapter(path))
        fitting = []
        for adapter in dict.fromkeys(found):
            with contextlib.suppress(AdapterError):
                if why_unfit(adapter, model) is None:
                    fitting.append(adapter)
        return tuple(fitting)

    def _look_closely(self, path: Path, model: Model) -> _Looked:
        adapter = read_adapter(path)
        unfit = why_unfit(adapter, model)
        base = find_base(adapter, self._models(path), self._hashes) if unfit else None
        return _Looked(adapter, unfit, base)

    def _models(self, adapter: Path) -> Iterable[Path]:
        """All that may be the base of an adapter."""
        from studio.tuning.run import Run, RunError  # here: not needed to start

        if adapter.name == ADAPTER:
            with contextlib.suppress(RunError):
                yield Run(adapter.parent).job.base
        with contextlib.suppress(LibraryError):
            yield self._desk.default_model()
        yield from self._memory.recent("models")

    # -- and what comes of it ----------------------------------------------------------------

    def _seen(
        self, looking: int, before: Adapter | None, seen: tuple[tuple[Adapter, ...], object]
    ) -> None:
        if looking != self._looking:
            return
        self._fitting, now = seen
        self.changed.emit()
        if before is None or before != self._chosen or self._trying:
            return
        if isinstance(now, AdapterError):
            self._refuse(before.path, str(now))
        elif now != before:  # written anew
            self._try(before.path)

    def _try(self, path: Path, *, kept: bool = False) -> None:
        """`kept`: it was in use before, and is not news."""
        model = self._model
        if model is None:
            return
        self._turn += 1
        turn = self._turn
        self._trying = name_of(path)
        self.changed.emit()

        def looked(found: _Looked) -> None:
            if turn != self._turn:
                return
            if found.unfit:
                self._refuse(path, found.unfit, found.base)
            else:
                self._have_it_tried(found.adapter, kept)

        def failed(error: Exception) -> None:
            if not isinstance(error, AdapterError):
                raise error
            if turn == self._turn:
                self._refuse(path, str(error))

        in_background(self, lambda: self._look_closely(path, model), done=looked, failed=failed)

    def _have_it_tried(self, adapter: Adapter, kept: bool) -> None:
        """A file that is damaged inside is found out before the writer's requests carry it."""
        turn = self._turn
        carry = on_gui_thread(self)
        adapters = ((adapter.path, self._strength or 1.0),)
        query = Scoring(_TRIAL, adapters=adapters, priority=Priority.INLINE)

        def heard(event: Event | Failed) -> None:
            if turn != self._turn:
                return
            if isinstance(event, Failed):
                self._refuse(adapter.path, event.sentence)
            elif isinstance(event, Finished):
                self._take(adapter, kept)

        self._desk.client.ask(query, lambda event: carry(lambda: heard(event)))

    def _take(self, adapter: Adapter, kept: bool) -> None:
        known = self._chosen and self._chosen.path == adapter.path
        self._trying, self._chosen = "", adapter
        if adapter.path.name != ADAPTER:
            self._memory.add("adapters", adapter.path)
        self._keep()
        self.over.emit(TOPIC)
        doubt = doubt_about(adapter)
        if doubt and not kept and not known:
            self.told.emit(Notice(doubt, topic=TOPIC))
        self.changed.emit()
        self.look()

    def _refuse(self, path: Path, why: str, base: Path | None = None) -> None:
        """Go on with the one in use, unless it is this one; or without, if none is."""
        self._turn += 1
        self._trying = ""
        chosen = self._chosen
        if chosen is None or chosen.path == path:
            self._chosen = None
            self._keep()
            after = "The model writes without it."
        else:
            after = f"The model goes on with ‘{chosen.name}’."
        choices: tuple[Choice, ...] = ()
        if base is not None:
            choices = (
                Choice(
                    f"Load ‘{base.name}’",
                    f"Write with {base} and this adapter",
                    partial(self._load_base, base, path),
                ),
            )
        self.told.emit(Notice(f"{why} {after}", Weight.PROBLEM, choices, TOPIC))
        self.changed.emit()

    def _load_base(self, base: Path, adapter: Path) -> None:
        self._memory.use_adapter(base, adapter)
        self.base_wanted.emit(base)

    def _doubt(self) -> None:
        """The model did not answer with it: is that because of the adapter?"""
        if self._chosen and self._model and not self._trying and self._desk.in_use.adapters:
            self._try(self._chosen.path, kept=True)

    def _keep(self) -> None:
        """Remember what is chosen, and use it."""
        self._settle.stop()
        if self._model:
            path = self._chosen.path if self._chosen else None
            self._memory.use_adapter(self._model.path, path, self._strength)
        self._swap()

    def _swap(self) -> None:
        using = self._chosen if self._answering and self._strength else None
        adapters = ((using.path, self._strength),) if using else ()
        if adapters != self._desk.in_use.adapters:
            self._desk.in_use.adapters = adapters
            self.swapped.emit()


def in_percent(strength: float) -> str:
    """Such as "80 %"."""
    return f"{round(100 * strength)} %"


def _look_at(path: Path) -> Adapter | AdapterError:
    try:
        return read_adapter(path)
    except AdapterError as error:
        return error
