"""What the set-up shows while it works: one progress line, and sentences when a step fails."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

TICK_S = 0.5
QUIET_LIMIT_S = 60.0  # without a terminal: say at least this often that work goes on
PATIENCE_S = 10.0  # without a terminal: what takes less needs no progress
TAIL_LINES = 12
PIP_PACKAGE = r"(?:Collecting|Requirement already satisfied:|Ignoring) ([^ :]+)"


class Failure(Exception):
    """A step failed; the message says what happened and what to do."""


class CommandFailed(Failure):
    """A program that the set-up started came back with an error; ``output`` is what it printed.

    ``advice`` is what to say beside the reason, if anything.
    """

    def __init__(self, advice: str, output: str) -> None:
        super().__init__(advice)
        self.output = output


@dataclass(frozen=True)
class Progress:
    """How far a step is: ``done`` of ``total`` (0 where that is not known), and what it is at."""

    done: int = 0
    total: int = 0
    at: str = ""


Watcher = Callable[[str], Progress | None]
"""Reads a line of a program's output and says how far it is, if the line tells."""


def watch_build(line: str) -> Progress | None:
    """ninja's ``[57/193] ...`` or make's ``[ 57%] ...``."""
    if match := re.match(r"\s*\[(\d+)/(\d+)\] ", line):
        return Progress(int(match[1]), int(match[2]))
    if match := re.match(r"\s*\[\s*(\d+)%\] ", line):
        return Progress(int(match[1]), 100)
    return None


def watch_pip(total: int) -> Watcher:
    """Counts the packages that pip has looked at, out of ``total``."""
    seen: set[str] = set()

    def watch(line: str) -> Progress | None:
        if match := re.match(PIP_PACKAGE, line):
            seen.add(match[1])
            return Progress(min(len(seen), total), total, match[1].replace("==", " "))
        if match := re.match(r"\s+Downloading (\S+) \((.+)\)", line):
            name = match[1].rsplit("/", 1)[-1].split("-")[0]
            return Progress(min(len(seen), total), total, f"{name}, {match[2]}")
        if line.startswith("Installing collected packages"):
            return Progress(total, total, "putting the files in place")
        return None

    return watch


def watch_apt(line: str) -> Progress | None:
    """apt's status lines: the first half is the download, the second the installation."""
    if match := re.match(r"(dl|pm)status:[^:]*:([\d.]+):", line):
        return Progress(int(float(match[2]) / 2) + (50 if match[1] == "pm" else 0), 100)
    return None


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def progress_text(title: str, progress: Progress, elapsed_s: float, note: str = "") -> str:
    """``Compiling llama.cpp: 57 of 193, 1 min 40 s; once, 8 to 11 minutes on two cores``"""
    parts = [f"{progress.done} of {progress.total}"] if progress.total else []
    parts += [progress.at] if progress.at else []
    text = f"{title}: {', '.join([*parts, duration(elapsed_s)])}"
    return f"{text}; {note}" if note else text


class ProgressLine:
    """One line that is rewritten on a terminal; elsewhere a line for every tenth of the work."""

    def __init__(
        self,
        title: str,
        note: str = "",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self.note = note
        self._stream = stream or sys.stdout
        self._on_terminal = self._stream.isatty()
        self._progress = Progress()
        self._clock = clock
        self._started_s = clock()
        self._printed_s = self._started_s
        self._tenth = 0

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._started_s

    def update(self, progress: Progress) -> None:
        self._progress = progress
        tenth = 10 * progress.done // progress.total if progress.total else 0
        if self._on_terminal:
            self.show()
        elif tenth > self._tenth and self.elapsed_s > PATIENCE_S:
            self._tenth = tenth
            self.show()

    def beat(self) -> None:
        """Called when nothing happened for a moment."""
        if self._on_terminal or self._clock() - self._printed_s > QUIET_LIMIT_S:
            self.show()

    def show(self) -> None:
        text = progress_text(self.title, self._progress, self.elapsed_s, self.note)
        if self._on_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r{text[:width]}\x1b[K")
        else:
            self._write(f"{text}\n")

    def finish(self, ending: str) -> None:
        clear = "\r\x1b[K" if self._on_terminal else ""
        self._write(f"{clear}{self.title}: {ending}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
        self._printed_s = self._clock()


def run_watched(
    command: Sequence[str], watch: Watcher, line: ProgressLine, log: Path, env: Mapping[str, str]
) -> None:
    """Runs a program, shows how far it is and keeps its output in ``log``.

    Raises CommandFailed with the whole output when the program fails.
    """
    output: list[str] = []
    with log.open("a", encoding="utf-8") as logged:
        logged.write(f"\n$ {' '.join(command)}\n")
        process = _start(command, env)
        try:
            for text in _lines_of(process, line):
                output.append(text)
                logged.write(text)
                logged.flush()
                if (progress := watch(text)) is not None:
                    line.update(progress)
            failed = process.wait() != 0
        except BaseException:  # Ctrl+C above all: leave nothing running behind
            process.terminate()
            raise
    if failed:
        raise CommandFailed("", "".join(output))


def _start(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    # LC_ALL=C: the messages are searched for the reason of a failure, so they must be English.
    quiet = {**env, "LC_ALL": "C", "PYTHONUTF8": "1", "PIP_PROGRESS_BAR": "off"}
    return subprocess.Popen(
        command,
        env=quiet,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def _lines_of(process: subprocess.Popen[str], line: ProgressLine) -> Iterator[str]:
    """The program's output as it comes; while none comes, ``line`` is kept ticking."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for text in process.stdout or ():
            lines.put(text)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            text = lines.get(timeout=TICK_S)
        except queue.Empty:
            line.beat()
            continue
        if text is None:
            return
        yield text


@dataclass(frozen=True)
class Reason:
    """``pattern`` in a program's output means what ``sentence`` says."""

    pattern: str
    sentence: str


# The first that fits is told, so that what says most stands first.
REASONS = (
    Reason(
        r"DO NOT MATCH THE HASHES",
        "A downloaded file is not the one that packaging/constraints.txt names, so it was not"
        " installed. Run the same command again; if it happens again, something between here and"
        " the package index changes files.",
    ),
    Reason(
        r"No space left on device",
        "The disk is full. Make room (3 GB, or 10 GB with NVIDIA's libraries) and run the same"
        " command again.",
    ),
    Reason(
        r"Killed signal terminated program|out of memory",
        "There was too little memory to compile. Close other programs, or run the same command"
        " with CMAKE_BUILD_PARALLEL_LEVEL=1.",
    ),
    Reason(
        r"CUDA Toolkit not found|Could not find nvcc|Failed to find nvcc|CMAKE_CUDA_COMPILER"
        r"|CUDA::\w+",
        "CUDA=1 needs NVIDIA's CUDA toolkit, and it was not found or is not complete. Install the"
        " toolkit, or run the same command with CUDA=0.",
    ),
    Reason(
        r"CMAKE_CXX?_COMPILER|could not find any instance of Visual Studio"
        r"|is not able to compile a simple test program",
        "The C/C++ compiler was not found or does not work. docs/installing.md says how to do"
        " without one.",
    ),
    Reason(
        r"(NewConnection|ConnectTimeout|ReadTimeout|Proxy|SSL)Error|Read timed out|Max retries"
        r"|Temporary failure (in name resolution|resolving)|Could not resolve|Failed to fetch",
        "The network did not answer. Check the connection and run the same command again: it goes"
        " on from this step.",
    ),
    Reason(
        r"Could not find a version that satisfies|No matching distribution",
        "The package index offers no file for this machine and this Python.",
    ),
    Reason(
        r"Permission denied",
        "A file could not be written. Check who owns this folder and .venv inside it.",
    ),
)


def reason(output: str) -> str:
    """The likely cause as a sentence, or nothing when the output shows none that is known."""
    for known in REASONS:
        if re.search(known.pattern, output):
            return known.sentence
    return ""


# What pip says after everything that fails, and lists that fill the screen.
NOISE = re.compile(
    r"\s*($|WARNING|\[notice|note: |Expected|Ignoring|error: subprocess-exited|[×│╰]"
    r"|full command:|cwd:|Building wheel|Failed to build|ERROR: (Failed building|Could not build))"
)


def tail(output: str) -> str:
    """The last lines that are worth reading."""
    worth = [line.rstrip() for line in output.splitlines() if not NOISE.match(line)]
    return "\n".join(f"    {line[:200]}" for line in worth[-TAIL_LINES:])


def say(text: str) -> None:
    print(text, flush=True)


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, **changes}
