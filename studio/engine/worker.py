"""The process around an engine: `python -m studio.engine.worker`, started by `client`.

Messages are pickled values, framed by pickle itself, over the process's own stdin and stdout.
The main thread computes, one small step at a time, always for the request whose turn it is; a
second thread listens, so that a cancellation or a more urgent request is noticed in the middle
of a computation. When the other end goes away, so does this process.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from studio.engine import (
    EngineError,
    Event,
    Finished,
    ModelFileError,
    Priority,
    Query,
    ReadingAhead,
    Request,
    Tokenizing,
    supersedes,
)
from studio.engine.llama import LlamaEngine
from studio.engine.messages import (
    Ask,
    Cancel,
    FromWorker,
    Load,
    Loaded,
    NotLoaded,
    Progress,
    Refused,
    Spare,
    Spared,
    Told,
)

log = logging.getLogger(__name__)


@dataclass
class _Job:
    ticket: int
    request: Request | Query
    steps: Iterator[Event | None]
    cancelled: bool = False
    begun: bool = False

    @property
    def reads_ahead(self) -> bool:
        """What is asked of the text meanwhile goes on where it is."""
        return isinstance(self.request, ReadingAhead)


def _turn(job: _Job) -> tuple[bool, int, bool, int]:
    """Cancelled ones first, then by priority and age; reading ahead gives way to all else."""
    return not job.cancelled, job.request.priority, job.reads_ahead, job.ticket


@dataclass
class _Jobs:
    """The requests in hand. The listening thread adds and cancels, the main thread takes."""

    engine: LlamaEngine
    _jobs: list[_Job] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _running: _Job | None = None
    _catching_up: Iterator[None] | None = None

    def add(self, ask: Ask) -> None:
        job = _Job(ask.ticket, ask.request, self._steps(ask.request))
        with self._changed:
            for other in self._jobs:
                other.cancelled |= supersedes(job.request, other.request)
            self._jobs.append(job)
            running = self._running
            less_urgent = self._catching_up is not None and not job.reads_ahead
            if running:
                less_urgent = running.cancelled or self._presses(job, running)
            if less_urgent and not self._serves_the_next():
                self.engine.interrupt()
            self._changed.notify()

    def cancel(self, ticket: int) -> None:
        with self._changed:
            for job in self._jobs:
                if job.ticket == ticket:
                    job.cancelled = True
                    if job is self._running and not self._serves_the_next():
                        self.engine.interrupt()
            self._changed.notify()

    def _serves_the_next(self) -> bool:
        """Whether the batch under way may end: the job whose turn comes next can use it.

        So a text that two requests have in common is computed once. Nobody may have asked yet: the
        next key, which is on its way, goes on from the text of a suggestion, but not from a draft.
        A job that is less urgent can wait for the end of a batch, and so can tokenizing.
        """
        running = self._running
        if running and running.request.priority is Priority.DRAFT:
            return False
        least = running.request.priority if running else Priority.IDLE
        waiting = [
            job
            for job in self._jobs
            if job is not running and not job.cancelled and job.request.priority <= least
            if not isinstance(job.request, Tokenizing)
        ]
        return not waiting or self.engine.serves(min(waiting, key=_turn).request)

    def _steps(self, request: Request | Query) -> Iterator[Event | None]:
        if isinstance(request, Request):
            return self.engine.stream(request)
        return self.engine.answer(request)

    def next(self) -> _Job:
        """Wait for the job whose turn it is: cancelled ones, then by priority and age.

        While nothing is asked, the engine catches up.
        """
        self._catch_up()
        with self._changed:
            self._running = None
            while not self._jobs:
                self._changed.wait()
            job = min(self._jobs, key=_turn)
            self._running = job
            for other in self._jobs:
                if other.reads_ahead and other.begun and other is not job:
                    # It lets go of what it has read, and begins anew where that ends.
                    other.steps.close()  # type: ignore[attr-defined]  # a generator
                    other.steps, other.begun = self._steps(other.request), False
            job.begun = True
            return job

    @staticmethod
    def _presses(job: _Job, running: _Job) -> bool:
        """Whether the batch under way is given up for `job`. Tokenizing can wait for its end."""
        is_quick = isinstance(job.request, Tokenizing)
        return running.request.priority > job.request.priority and not is_quick

    def done(self, job: _Job) -> None:
        with self._changed:
            self._running = None
            self._jobs.remove(job)
            self._catching_up = self._catching_up or self.engine.catch_up()

    def _catch_up(self) -> None:
        """Until something is asked: then what it holds is let go, and it begins anew later."""
        while self._catching_up and not self._jobs:
            try:
                next(self._catching_up)
            except StopIteration:
                self._catching_up = None
            except Exception:
                log.exception("not caught up")
                self._catching_up = None
        if self._catching_up:
            self._catching_up.close()  # type: ignore[attr-defined]  # a generator
            self._catching_up = None


class _Outlet:
    """The way out, for any thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._one_at_a_time = threading.Lock()

    def send(self, message: FromWorker) -> None:
        with self._one_at_a_time:
            pickle.dump(message, self._file, pickle.HIGHEST_PROTOCOL)
            self._file.flush()


def _serve(jobs: _Jobs, outlet: _Outlet) -> None:
    """Answer requests for ever, a step at a time."""
    while True:
        job = jobs.next()
        try:
            if job.cancelled:
                job.steps.close()  # type: ignore[attr-defined]  # a generator
                outlet.send(Told(job.ticket, Finished(0, 0, 0, 0.0, 0.0)))
                jobs.done(job)
                continue
            event = next(job.steps)
        except StopIteration:
            jobs.done(job)
        except EngineError as error:
            outlet.send(Refused(job.ticket, str(error)))
            jobs.done(job)
        except BrokenPipeError:
            raise
        except Exception:
            log.exception("request %s", job.ticket)
            outlet.send(Refused(job.ticket, "The model met an error and wrote nothing. Try again."))
            jobs.done(job)
        else:
            if event is not None:
                outlet.send(Told(job.ticket, event))


def _listen(inlet: BinaryIO, jobs: _Jobs, outlet: _Outlet) -> None:
    """Take messages in until the other end is closed, then end the process."""
    try:
        while True:
            message = pickle.load(inlet)
            if isinstance(message, Ask):
                jobs.add(message)
            elif isinstance(message, Cancel):
                jobs.cancel(message.ticket)
            elif isinstance(message, Spare):
                jobs.engine.spare(message.on)
                outlet.send(Spared(jobs.engine.capabilities))
    except (EOFError, OSError):
        pass  # the other end is gone
    except pickle.UnpicklingError:
        log.info("the other end went away in the middle of a message")
    finally:
        os._exit(0)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The message pipes, kept away from whatever the native library may print."""
    inlet = os.fdopen(os.dup(0), "rb")
    outlet = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return inlet, outlet


def main() -> None:
    """Serve one model until the other end goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the parent
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    inlet, out = _private_pipes()
    outlet = _Outlet(out)
    first = pickle.load(inlet)
    if not isinstance(first, Load):
        raise TypeError(f"expected Load, got {first!r}")
    told = -1

    def report(fraction: float) -> None:
        nonlocal told
        if int(fraction * 100) > told:
            told = int(fraction * 100)
            outlet.send(Progress(fraction))

    try:
        engine = LlamaEngine(first.options, report)
    except ModelFileError as error:
        log.info("not loaded: %s", error)
        outlet.send(NotLoaded(str(error)))
        return
    jobs = _Jobs(engine)
    try:
        outlet.send(Loaded(engine.capabilities))
        threading.Thread(target=_listen, args=(inlet, jobs, outlet), daemon=True).start()
        _serve(jobs, outlet)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
