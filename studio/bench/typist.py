"""What a person gets of the suggestions who types at their own pace and waits for nothing."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from studio.bench import Row, Wanted
from studio.bench.keystrokes import PROSE
from studio.bench.model_in_parts import QWEN
from studio.bench.window import SCRIPT
from studio.bench.windows import display, figures_of


@dataclass(frozen=True)
class Job:
    """What is to be typed, and how."""

    texts: tuple[Path, ...]
    start: int = 40_000
    """The first character that is typed; those before it stand there already."""
    n_chars: int = 1_000
    pace_ms: float | None = None
    """Milliseconds a key; None for a person's rhythm."""
    busy: bool = False
    """Another program keeps one core busy."""
    model: Path | None = None
    """None for the default one."""


@dataclass(frozen=True)
class Line:
    """The figures of one text, or the means of several. Shares are of 1."""

    text: str
    seen: float
    """Of keys, those before which a suggestion had been in sight for 250 ms."""
    right: float
    """Of these, those whose first word is what the text has next."""
    wrong: float
    """Of keys, those before which one that is not right was seen."""
    saved: float
    """Of the keys that it takes without suggestions, those that were not pressed."""
    longest: float
    """Words in a row that were typed without one."""
    first_s: float | None
    """From the first key to the first suggestion in sight; None if there was none."""
    again: float | None
    """Of the tokens that the model evaluated, those that it had evaluated before."""
    late_ms: float
    """How late the latest key fell, because the window was at something."""
    worker_cpu: float
    """Processors that the model's process kept busy."""
    window_cpu: float

    @staticmethod
    def mean(lines: Sequence[Line]) -> Line:
        """The means, and the longest of all stretches."""

        def of(name: str) -> float | None:
            values = [value for line in lines if (value := getattr(line, name)) is not None]
            return statistics.fmean(values) if values else None

        figures = {each.name: of(each.name) for each in fields(Line) if each.name != "text"}
        figures["longest"] = max(line.longest for line in lines)
        figures["late_ms"] = max(line.late_ms for line in lines)
        return Line(text=f"mean of {len(lines)}", **figures)  # type: ignore[arg-type]

    def __str__(self) -> str:
        first = "none" if self.first_s is None else f"{self.first_s:.1f} s"
        again = "" if self.again is None else f"  evaluated again {self.again:.1%}"
        return (
            f"{self.text[:32]:<32} saved {self.saved:6.1%}  right {self.right:6.1%}"
            f"  wrong {self.wrong:6.1%}  seen {self.seen:6.1%}  first {first}"
            f"  longest without {self.longest:.0f} words{again}  latest key {self.late_ms:.0f} ms"
            f"  processors: model {self.worker_cpu:.2f}, window {self.window_cpu:.2f}"
        )


def type_texts(job: Job) -> Iterator[Line]:
    """Type all texts, each in a window and a home folder of its own; then their mean."""
    lines = []
    with ExitStack() as stack:
        env = stack.enter_context(display())
        if job.busy:
            stack.enter_context(_busy_core())
        for path in job.texts:
            if line := _line(job, path, env):
                lines.append(line)
                yield line
    if len(lines) > 1 and len(lines) == len(job.texts):
        yield Line.mean(lines)


def report(job: Job, *, as_json: bool) -> int:
    """Print what `type_texts` yields; the exit code."""
    n = 0
    for line in type_texts(job):
        n += 1
        print(json.dumps(asdict(line)) if as_json else line, flush=True)
    return 0 if n >= len(job.texts) else 1


_HUMAN, _BUSY = "human rhythm", "human rhythm, one core kept busy"
_STEADY, _LARGER = "one key each 200 ms", "human rhythm, model of 1.5B"
_FIRST = "human rhythm: first suggestion in a text of 100,000 words"
_LONG_TEXT = "jack-london_martin-eden"
_LONG_START = 560_000
"""Characters; some 100,000 words."""
_TRIES = 10

_OF_LINE: dict[str, tuple[str, float]] = {
    "saved": ("saved", 100.0),
    "right, of those seen": ("right", 100.0),
    "wrong, of all keys": ("wrong", 100.0),
    "seen, of all keys": ("seen", 100.0),
    "longest stretch without one": ("longest", 1.0),
    "tokens evaluated twice": ("again", 100.0),
    "processors that the model keeps busy": ("worker_cpu", 1.0),
}
"""The figure of a `Line` behind a row's name, and what it is multiplied by."""


def _rows(job: str, **targets: float) -> list[Row]:
    units = {"longest": "words", "worker_cpu": "cores"}
    return [
        Row(
            f"{job}: {name}",
            units.get(figure, "%"),
            targets.get(figure),
            "higher" if figure in ("saved", "right", "seen") else "lower",
        )
        for name, (figure, _) in _OF_LINE.items()
    ]


ROWS = [
    *_rows(_HUMAN, saved=15, right=60, wrong=8, again=5),
    *_rows(_BUSY, saved=12, right=60, wrong=8, again=5),
    *_rows(_STEADY, saved=10, again=5),
    Row(_FIRST, "s", 8.0),
    *_rows(_LARGER, saved=8, right=65, again=5),
]


def measure(wanted: Wanted) -> Iterator[tuple[str, float | None]]:
    """Yield the wanted rows: means over the five books that nothing is tuned on.

    Some 25 minutes for each of the four kinds of writing.
    """
    if wanted.corpus is None:
        raise ValueError("this suite needs a corpus")
    folder = wanted.corpus / "prose"
    books = tuple(folder / f"{name}.txt" for name in PROSE[: 1 if wanted.quick else None])
    job = Job(books, n_chars=120 if wanted.quick else 1_000)
    jobs = {
        _HUMAN: job,
        _BUSY: replace(job, busy=True),
        _STEADY: replace(job, pace_ms=200.0),
        _LARGER: replace(job, model=QWEN.found()),
    }
    for kind, each in jobs.items():
        names = {f"{kind}: {name}": of for name, of in _OF_LINE.items()}
        if wanted.rows.isdisjoint(names):
            continue
        lines = [] if kind == _LARGER and each.model is None else list(type_texts(each))
        if len(lines) < len(books):
            lines = []  # a mean over fewer would be another figure
        for name, (figure, times) in names.items():
            if name in wanted.rows:
                value = getattr(lines[-1], figure) if lines else None
                yield name, None if value is None else times * value
    if _FIRST in wanted.rows:
        yield _FIRST, _first(folder / f"{_LONG_TEXT}.txt", 1 if wanted.quick else _TRIES)


def _first(text: Path, n: int) -> float:
    """The median time from the first key to the first suggestion, in seconds, at `n` places."""
    times = []
    for i in range(n):
        job = Job((text,), start=_LONG_START + 1_000 * i, n_chars=60)
        lines = list(type_texts(job))
        times.append(lines[0].first_s if lines else None)
    return statistics.median(float("inf") if s is None else s for s in times)


def _line(job: Job, path: Path, env: dict[str, str]) -> Line | None:
    """Nothing if the window had no figures; it says why."""
    script = {
        "text": path.read_text("utf-8")[: job.start + job.n_chars + 100],
        "start": job.start,
        "n_chars": job.n_chars,
        "pace_ms": job.pace_ms,
        "model": str(job.model) if job.model else None,
    }
    most_s = 120 + 1.5 * job.n_chars * max(job.pace_ms or 0, 300) / 1000
    figures = figures_of("typist", 0, env, limit_s=most_s, files={SCRIPT: json.dumps(script)})
    if not figures:
        return None
    evaluated = figures.get("evaluated")
    return Line(
        text=path.stem,
        first_s=figures.get("first_s"),
        again=figures["again"] / evaluated if evaluated else None,
        **{
            name: figures[name]
            for name in (
                *("seen", "right", "wrong", "saved", "longest"),
                *("late_ms", "worker_cpu", "window_cpu"),
            )
        },
    )


@contextmanager
def _busy_core() -> Iterator[None]:
    """Another program that never rests."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            yield
        finally:
            other.kill()
