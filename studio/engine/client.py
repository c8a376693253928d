"""The way to an engine in a process of its own.

A crash, a hang or an out-of-memory kill there costs a message and a restart. No method waits
unless it says so: one thread owns all state, takes commands and the workers' messages from one
queue, and calls back. A model is loaded in a new process beside the one that answers, which is
stopped only once the new one is ready, so a bad file never leaves the writer without a model.
What the old one has in hand, such as a draft, it finishes.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from studio.engine import (
    AdapterSet,
    Capabilities,
    EngineError,
    Evaluating,
    Event,
    Finished,
    LoadOptions,
    ModelFileError,
    Query,
    Request,
    Score,
    Scoring,
    Tokenized,
    Tokenizing,
    logits_of,
    supersedes,
)
from studio.engine.faster import Copies
from studio.engine.messages import (
    Ask,
    Cancel,
    FromWorker,
    Loaded,
    Progress,
    Refused,
    Spare,
    Spared,
    Told,
)
from studio.engine.process import WorkerProcess

log = logging.getLogger(__name__)

_WATCH_EVERY_S = 1.0
_DEATHS_ALLOWED = 3
_DEATHS_WITHIN_S = 60.0
_CLOSED = "The model was closed."
_CANCELLED = Finished(0, 0, 0, 0.0, 0.0)


@dataclass(frozen=True)
class Loading:
    """A model is being loaded; `fraction` from 0 to 1."""

    path: Path
    fraction: float


@dataclass(frozen=True)
class Ready:
    """A model answers: after it was opened, and again after a restart."""

    capabilities: Capabilities


@dataclass(frozen=True)
class Changed:
    """The model that answers does so otherwise, such as with fewer threads."""

    capabilities: Capabilities


@dataclass(frozen=True)
class LoadFailed:
    """A model could not be opened. The one that answered before, if any, still does."""

    path: Path
    sentence: str


@dataclass(frozen=True)
class Restarting:
    """The worker died or hung; it is being started again."""

    sentence: str


@dataclass(frozen=True)
class Down:
    """No model answers until `load` is called."""

    sentence: str


@dataclass(frozen=True)
class Failed:
    """Ends a request that could not be answered, or not to its end."""

    sentence: str


Status = Loading | Ready | Changed | LoadFailed | Restarting | Down
OnEvent = Callable[[Event | Failed], None]


@dataclass
class _Asked:
    """A request in hand."""

    request: Request | Query
    on_event: OnEvent
    worker: WorkerProcess | None = None
    """Who has it; None while it waits for a model."""
    sent_s: float = 0.0
    cancelled_s: float | None = None


class EngineClient:
    """A model in a worker process: opened, asked, and started again when it falls.

    Thread-safe. `patience_s` is how long a worker may be silent over a request before it is
    taken for hung, `cancel_patience_s` the same after a cancellation. What the worker prints
    goes to `log_path`.
    """

    def __init__(
        self,
        *,
        log_path: Path | None = None,
        patience_s: float = 120.0,
        cancel_patience_s: float = 10.0,
    ) -> None:
        self._log_path = log_path
        self._patience_s = patience_s
        self._cancel_patience_s = cancel_patience_s
        self._closed = False
        self._tickets = itertools.count(1)
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[Status], None]] = []
        self._asked: dict[int, _Asked] = {}
        self._worker: WorkerProcess | None = None
        self._candidate: WorkerProcess | None = None
        self._leaving: list[WorkerProcess] = []  # replaced, and not done yet
        self._answering: LoadOptions | None = None
        self._sparing = False
        self._deaths_s: list[float] = []
        self._thread = threading.Thread(target=self._run, name="engine client", daemon=True)
        self._thread.start()

    def listen(self, on_status: Callable[[Status], None]) -> Callable[[], None]:
        """Be told of every change; the answer stops that."""
        self._listeners.append(on_status)
        return lambda: self._listeners.remove(on_status)

    def load(self, options: LoadOptions) -> None:
        """Open a model; statuses tell how it goes."""
        self._inbox.put(lambda: self._load(options))

    @property
    def capabilities(self) -> Capabilities | None:
        """What the model that answers now is, if any."""
        worker = self._worker
        return worker.capabilities if worker else None

    @property
    def worker_pid(self) -> int | None:
        """The process that answers now, if any."""
        worker = self._worker
        return worker.process.pid if worker else None

    def ask(self, request: Request | Query, on_event: OnEvent) -> int:
        """Ask; the events end with `Finished` or `Failed`. Answers a ticket for `cancel`.

        A newer `Request` of inline priority takes the place of an older one, and so does a newer
        `ReadingAhead`. While a model is being loaded or started again, all that is asked waits for
        it.
        """
        ticket = next(self._tickets)
        if self._closed:
            on_event(Failed(_CLOSED))
        else:
            self._inbox.put(lambda: self._ask(ticket, _Asked(request, on_event)))
        return ticket

    def cancel(self, ticket: int) -> None:
        """Stop a request. Nothing comes for it any more but its end."""
        self._inbox.put(lambda: self._cancel(ticket))

    def spare(self, on: bool) -> None:
        """Spare the machine from now on, or do so no more: see `studio.engine.Engine.spare`.

        It holds for every model that is opened and every worker that is started again. `Changed`
        tells when it has come about.
        """
        self._inbox.put(lambda: self._spare(on))

    def close(self) -> None:
        """Stop the worker and free its memory. Waits for at most 2 s."""
        self._closed = True
        self._inbox.put(None)
        self._thread.join(2.0)

    def open(
        self, options: LoadOptions, on_progress: Callable[[float], None] | None = None
    ) -> Capabilities:
        """Load a model and wait for it. Raises `ModelFileError`; for use without a window."""
        statuses: queue.SimpleQueue[Status] = queue.SimpleQueue()
        stop = self.listen(statuses.put)
        try:
            self.load(options)
            while True:
                status = statuses.get()
                if isinstance(status, Ready):
                    return status.capabilities
                if isinstance(status, LoadFailed | Down):
                    raise ModelFileError(status.sentence)
                if isinstance(status, Loading) and on_progress:
                    on_progress(status.fraction)
        finally:
            stop()

    def stream(self, request: Request | Query) -> Iterator[Event]:
        """Ask and wait for the events. Raises `EngineError`; for use without a window."""
        events: queue.SimpleQueue[Event | Failed] = queue.SimpleQueue()
        ticket = self.ask(request, events.put)
        ended = False
        try:
            while not ended:
                event = events.get()
                ended = isinstance(event, Finished | Failed)
                if isinstance(event, Failed):
                    raise EngineError(event.sentence)
                yield event
        finally:
            if not ended:
                self.cancel(ticket)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """As `studio.engine.Engine.tokenize`. Waits; raises `EngineError`."""
        events = self.stream(Tokenizing(text, special))
        return [id_ for e in events if isinstance(e, Tokenized) for id_ in e.tokens]

    def score(
        self, text: str, *, start: int = 0, alternatives: int = 0, adapters: AdapterSet = ()
    ) -> Score:
        """As `studio.engine.Engine.score`. Waits; raises `EngineError`."""
        return Score.of(self.stream(Scoring(text, start, alternatives, adapters)))

    def logits(self, tokens: Sequence[int], *, adapters: AdapterSet = ()) -> NDArray[np.float32]:
        """As `studio.engine.Engine.logits`. Waits; raises `EngineError`."""
        return logits_of(self.stream(Evaluating(tuple(tokens), adapters)), len(tokens))

    # -- the thread that owns everything ---------------------------------------------------

    def _run(self) -> None:
        watched_s = time.monotonic()
        while True:
            waiting = bool(self._asked or self._candidate)
            try:
                command = self._inbox.get(timeout=_WATCH_EVERY_S if waiting else None)
            except queue.Empty:
                command = self._watch
            if time.monotonic() - watched_s > _WATCH_EVERY_S:
                watched_s = time.monotonic()
                self._watch()
            if command is None:
                break
            try:
                command()
            except Exception:
                log.exception("the engine client met an error; it goes on")
        for worker in (self._worker, self._candidate, *self._leaving):
            if worker:
                worker.retire()
        self._fail_all(_CLOSED)

    def _tell(self, status: Status) -> None:
        log.log(logging.DEBUG if isinstance(status, Loading) else logging.INFO, "%s", status)
        for listener in list(self._listeners):
            listener(status)

    def _load(self, options: LoadOptions) -> None:
        self._deaths_s.clear()
        if self._candidate:
            self._candidate.retire()
        if self._worker and not _fits_beside(options, self._worker.capabilities):
            for worker in (self._worker, *self._leaving):
                self._end(worker, "Another model is being opened.")
        self._begin(options)

    def _begin(self, options: LoadOptions) -> None:
        """Start a worker that becomes the one that answers when its model is loaded."""
        self._tell(Loading(options.path, 0.0))
        try:
            self._candidate = WorkerProcess(
                options,
                self._log_path,
                hear=lambda worker, said: self._inbox.put(lambda: self._hear(worker, said)),
                lost=lambda worker: self._inbox.put(lambda: self._lost(worker)),
            )
        except OSError as error:
            log.exception("no worker process")
            self._not_loaded(
                options, f"The model's process could not be started ({error.strerror})."
            )
        else:
            if self._sparing:
                self._candidate.send(Spare(True))  # read once the model is loaded

    def _spare(self, on: bool) -> None:
        if on == self._sparing:
            return
        self._sparing = on
        for worker in (self._worker, self._candidate, *self._leaving):
            if worker:
                worker.send(Spare(on))

    def _hear(self, worker: WorkerProcess, message: FromWorker) -> None:
        """A message came from a worker."""
        worker.heard_s = time.monotonic()
        if isinstance(message, Told):
            self._deliver(message.ticket, message.event)
        elif isinstance(message, Refused):
            self._deliver(message.ticket, Failed(message.sentence))
        elif isinstance(message, Spared):
            worker.capabilities = message.capabilities
            if worker is self._worker:
                self._tell(Changed(message.capabilities))
        elif worker is not self._candidate:
            return
        elif isinstance(message, Progress):
            self._tell(Loading(worker.options.path, message.fraction))
        elif isinstance(message, Loaded):
            worker.capabilities = message.capabilities
            self._candidate = None
            if self._worker:
                self._leaving.append(self._worker)
                self._end_if_done(self._worker)
            self._worker = worker
            self._answering = replace(worker.options, measure_threads=False)
            self._tell(Ready(message.capabilities))
            for ticket, asked in self._asked.items():
                self._send(ticket, asked)
        else:
            self._candidate = None
            worker.retire()
            self._not_loaded(worker.options, message.sentence)

    def _not_loaded(self, options: LoadOptions, sentence: str) -> None:
        """A model can't be opened: stay with the one before, or go back to it."""
        if self._worker is None and options == self._answering:
            self._go_down(sentence)
            return
        self._tell(LoadFailed(options.path, sentence))
        if self._worker is None:
            if self._answering:
                self._begin(self._answering)
            else:
                self._fail_all(sentence)

    def _lost(self, worker: WorkerProcess) -> None:
        """A worker's process has ended."""
        code = worker.retire()
        if worker is self._candidate and worker.options.copies:
            # It may be a copy that is damaged, which is not the file that was asked for.
            log.warning("the worker ended with %s while it loaded; copies are left out", code)
            self._candidate = None
            self._begin(replace(worker.options, copies=()))
        elif worker is self._candidate:
            self._candidate = None
            self._not_loaded(worker.options, _why_died_loading(worker.options.path, code))
        elif worker is self._worker:
            log.warning("the worker ended with %s", code)
            self._restart("The model stopped unexpectedly and is being started again.")
        elif worker in self._leaving:
            self._end(worker, "The model stopped unexpectedly. Another one answers now.")

    def _restart(self, sentence: str) -> None:
        if self._worker:
            self._end(self._worker, sentence)
        now = time.monotonic()
        self._deaths_s = [s for s in self._deaths_s if now - s < _DEATHS_WITHIN_S] + [now]
        if self._answering is None:
            return
        if len(self._deaths_s) >= _DEATHS_ALLOWED and self._answering.copies:
            log.warning("it ended again and again; copies are left out")
            self._answering = replace(self._answering, copies=())
            self._deaths_s.clear()
        if len(self._deaths_s) >= _DEATHS_ALLOWED:
            self._go_down("The model stopped again and again. Open it again or choose another.")
            return
        self._tell(Restarting(sentence))
        if self._candidate is None:
            self._begin(self._answering)

    def _go_down(self, sentence: str) -> None:
        self._answering = None
        self._tell(Down(sentence))
        self._fail_all(sentence)

    def _end(self, worker: WorkerProcess, sentence: str) -> None:
        """End a worker, and fail what it has in hand."""
        if worker is self._worker:
            self._worker = None
        else:
            self._leaving.remove(worker)
        worker.retire()
        for ticket in [t for t, a in self._asked.items() if a.worker is worker]:
            self._deliver(ticket, Failed(sentence))

    def _end_if_done(self, worker: WorkerProcess) -> None:
        """End a worker that was replaced as soon as it has nothing more in hand."""
        if not any(asked.worker is worker for asked in self._asked.values()):
            self._leaving.remove(worker)
            worker.retire()

    def _fail_all(self, sentence: str) -> None:
        for ticket in list(self._asked):
            self._deliver(ticket, Failed(sentence))

    # -- requests --------------------------------------------------------------------------

    def _ask(self, ticket: int, asked: _Asked) -> None:
        for other_ticket, other in list(self._asked.items()):
            if other.cancelled_s is None and supersedes(asked.request, other.request):
                if other.worker and other.worker is self._worker:
                    other.cancelled_s = time.monotonic()  # the worker knows by itself
                else:
                    self._cancel(other_ticket)
        self._asked[ticket] = asked
        if self._worker is None and self._candidate is None:
            self._deliver(ticket, Failed("No model is open. Open one from the Model menu."))
        elif self._worker:
            self._send(ticket, asked)

    def _send(self, ticket: int, asked: _Asked) -> None:
        if self._worker and asked.worker is None:
            asked.worker, asked.sent_s = self._worker, time.monotonic()
            self._worker.send(Ask(ticket, asked.request))

    def _cancel(self, ticket: int) -> None:
        asked = self._asked.get(ticket)
        if asked is None:
            return
        if asked.worker is None:
            self._deliver(ticket, _CANCELLED)
        elif asked.cancelled_s is None:
            asked.cancelled_s = time.monotonic()
            asked.worker.send(Cancel(ticket))

    def _deliver(self, ticket: int, event: Event | Failed) -> None:
        asked = self._asked.get(ticket)
        if asked is None:
            return
        ends = isinstance(event, Finished | Failed)
        if ends:
            del self._asked[ticket]
        if ends or asked.cancelled_s is None:
            try:
                asked.on_event(event)
            except Exception:
                log.exception("whoever asked could not take %r", event)
        if ends and asked.worker in self._leaving:
            self._end_if_done(asked.worker)

    def _watch(self) -> None:
        """Give a worker up that has hung."""
        now = time.monotonic()
        if self._candidate and now - self._candidate.heard_s > self._patience_s:
            self._candidate.process.kill()  # its end is noticed as any other's
        for asked in self._asked.values():
            worker = asked.worker
            if worker is None:
                continue
            silent_s = now - max(worker.heard_s, asked.sent_s, asked.cancelled_s or 0.0)
            ignored = asked.cancelled_s is not None and worker.heard_s < asked.cancelled_s
            # A batch that can't be interrupted may take long.
            stops = worker.capabilities is None or worker.capabilities.can_rewind
            too_long_s = self._cancel_patience_s if ignored and stops else self._patience_s
            if silent_s <= too_long_s:
                continue
            if worker is self._worker:
                self._restart("The model did not answer and is being started again.")
            else:
                self._end(worker, "The model did not answer. Another one answers now.")
            return


def _fits_beside(options: LoadOptions, loaded: Capabilities | None) -> bool:
    """Whether a model can be loaded while another one stays in memory.

    Not beside one on a GPU: it would find that one's memory taken, and fewer layers put there.
    """
    if loaded and loaded.gpu_layers:
        return False
    try:
        file = Copies(options.copies).find(options.path) or options.path
        return file.stat().st_size < int(psutil.virtual_memory().available)
    except OSError:
        return True


def _why_died_loading(path: Path, code: int | None) -> str:
    if code == -9:
        return (
            f"The system stopped the model while ‘{path.name}’ was being loaded, probably for "
            "want of memory. Close other programs or choose a smaller model."
        )
    return (
        f"‘{path.name}’ made the engine stop while it was being loaded: the file is probably "
        "damaged. Download it again or choose another model."
    )
