"""A worker process as its parent sees it."""

from __future__ import annotations

import logging
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from studio.engine import Capabilities, LoadOptions
from studio.engine.messages import FromWorker, Load, ToWorker

log = logging.getLogger(__name__)

_SPINS = "1000"
"""How long OpenMP's threads wait actively for each other. GNU's default, for ever, makes a token
take 40 times as long while another program keeps a core busy (docs/benchmarks.md)."""
_LOG_BYTES = 2**20
"""The worker's log is begun anew above this size."""


class WorkerProcess:
    """A worker, loading or with its model loaded, and the two threads that talk with it.

    `hear` and `lost` are called on one of these threads. Raises OSError if there can be no
    process.
    """

    def __init__(
        self,
        options: LoadOptions,
        log_path: Path | None,
        *,
        hear: Callable[[WorkerProcess, FromWorker], None],
        lost: Callable[[WorkerProcess], None],
    ) -> None:
        self.options = options
        self.capabilities: Capabilities | None = None
        self.heard_s = time.monotonic()
        self._hear = hear
        self._lost = lost
        self._outbox: queue.SimpleQueue[ToWorker | None] = queue.SimpleQueue()
        self.process = _start_process(log_path)
        for target in (self._read, self._write):
            threading.Thread(target=target, name="engine pipe", daemon=True).start()
        self.send(Load(options))

    def send(self, message: ToWorker) -> None:
        self._outbox.put(message)

    def retire(self) -> int | None:
        """End the process, at once; its exit code."""
        self._outbox.put(None)
        self.process.kill()
        return self.process.wait()

    def _read(self) -> None:
        stdout = self.process.stdout
        if stdout is None:
            return
        with stdout:
            try:
                while True:
                    self._hear(self, pickle.load(stdout))
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                log.debug("worker's pipe closed: %r", error)
        self._lost(self)

    def _write(self) -> None:
        stdin = self.process.stdin
        if stdin is None:
            return
        try:
            while (message := self._outbox.get()) is not None:
                pickle.dump(message, stdin, pickle.HIGHEST_PROTOCOL)
                stdin.flush()
        except OSError as error:
            log.debug("worker's pipe closed: %r", error)
        try:
            stdin.close()
        except OSError:
            log.debug("the worker left before it was told everything")


def _start_process(log_path: Path | None) -> subprocess.Popen[bytes]:
    # -P: nothing that lies in the current folder may pass for a module.
    command = [sys.executable, "-P", "-m", "studio.engine.worker"]
    if log_path:
        try:
            log_path.parent.mkdir(parents=True, exist_ok=True)
            too_long = log_path.exists() and log_path.stat().st_size > _LOG_BYTES
            with log_path.open("wb" if too_long else "ab") as file:
                return _popen(command, file.fileno())
        except OSError as error:
            log.warning("the worker keeps no log: %s", error)
    return _popen(command, subprocess.DEVNULL)


def _popen(command: list[str], stderr: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={"GOMP_SPINCOUNT": _SPINS, **os.environ},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
