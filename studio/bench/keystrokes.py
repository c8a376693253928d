"""Keystrokes saved: a typist who writes known texts with the policy and the model as shipped."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.app import Places, copy_folders
from studio.bench import Row, Wanted
from studio.engine import LoadOptions, ReadingAhead
from studio.library import DefaultModel
from studio.phrases import Phrases, phrases_of
from studio.settings import Settings
from studio.writing.decisions import Options
from studio.writing.typist import Tally, Typist

if TYPE_CHECKING:
    from studio.engine.llama import LlamaEngine

_N_CTX = 4096
_WORDS, _ALL, _SHIPPED = "everything shown, by word", "everything shown", "as shipped"
_RUNS = {_WORDS: (False, True), _ALL: (False, False), _SHIPPED: (True, False)}
"""Whether only what is likely is shown, and whether only words are taken."""

# Nothing is ever tuned on these.
PROSE = (
    "p-g-wodehouse_psmith-in-the-city",
    "edith-wharton_the-age-of-innocence",
    "jack-london_martin-eden",
    "h-g-wells_the-war-of-the-worlds",
    "l-m-montgomery_anne-of-the-island",
)
_VERSE = ("robert-w-service_songs-of-a-sourdough", "w-b-yeats_poetry")
_CODE = ("heapq", "shlex", "calendar")  # of Python's own library


@dataclass(frozen=True)
class Job:
    """What is to be written, and with what."""

    texts: tuple[Path, ...]
    start: int = 40_000
    """The first character that is typed; those before it are the story so far."""
    n_chars: int = 4_000
    model: Path | None = None
    """None for the default one."""
    adapters: tuple[tuple[Path, float], ...] = ()
    reach: int = Settings.context_chars
    """At least so much of the story is given to the model, in characters."""
    runs: tuple[str, ...] = tuple(_RUNS)
    suffix: str = ""
    """The texts are taken for files that end so."""
    memory: tuple[Path, ...] | None = None
    """The writer's other texts. With them, were it none, names are remembered as the program does:
    those of the text so far, and of these. A text that is typed is never among them."""


@dataclass(frozen=True)
class Line:
    """The figures of one text, or of the mean of all, in one run."""

    run: str
    text: str
    saved: float
    """The share of keystrokes that need not be made."""
    right: float
    """Of suggestions shown, those whose first word is what the text has next."""
    wrong: float
    """Of keystrokes, those after which one that is not right was shown."""
    evaluated: float
    """Tokens of prompts evaluated for each character."""
    decoded: float
    """Tokens generated for each character."""

    @staticmethod
    def of(run: str, text: str, tally: Tally) -> Line:
        return Line(
            run,
            text,
            tally.saved,
            tally.right_share,
            tally.wrong_share,
            tally.evaluated / tally.chars,
            tally.decoded / tally.chars,
        )

    @staticmethod
    def mean(lines: Sequence[Line]) -> Line:
        def of(figure: Callable[[Line], float]) -> float:
            return statistics.fmean(map(figure, lines))

        return Line(
            lines[0].run,
            f"mean of {len(lines)}",
            of(lambda line: line.saved),
            of(lambda line: line.right),
            of(lambda line: line.wrong),
            of(lambda line: line.evaluated),
            of(lambda line: line.decoded),
        )

    def __str__(self) -> str:
        return (
            f"{self.run:<26} {self.text[:36]:<36} saved {self.saved:6.1%}  right {self.right:6.1%}"
            f"  wrong {self.wrong:6.1%}  tokens a character: {self.evaluated:.2f} read,"
            f" {self.decoded:.2f} written"
        )


def write(job: Job) -> Iterator[Line]:
    """Write all texts in each run; a line for each, and their mean after several."""
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the worker's process has it
    from studio.engine.llama import LlamaEngine

    path = job.model or DefaultModel.declared().find()
    options = LoadOptions(path, n_ctx=_N_CTX, copies=copy_folders(Places.of_user()))
    with closing(LlamaEngine(options)) as engine:
        for run in job.runs:
            lines = []
            for text in job.texts:
                lines.append(_line(engine, job, run, text))
                yield lines[-1]
            if len(lines) > 1:
                yield Line.mean(lines)


def report(job: Job, *, as_json: bool) -> int:
    """Print what `write` yields; the exit code."""
    for line in write(job):
        print(json.dumps(asdict(line)) if as_json else line, flush=True)
    return 0


def _line(engine: LlamaEngine, job: Job, run: str, path: Path) -> Line:
    gated, words_only = _RUNS[run]
    text = path.read_text("utf-8")
    phrases = Phrases()
    if job.memory is not None:
        others = [each.read_text("utf-8") for each in job.memory if each != path]
        phrases = phrases_of([text[: job.start]], others)
    typist = Typist(
        engine,
        counts=lambda: (
            engine.evaluated_tokens - engine.generated_tokens,
            engine.generated_tokens,
        ),
        reach=job.reach,
        options=replace(Options(), gated=gated),
        words_only=words_only,
        adapters=job.adapters,
        endings_of=phrases.endings,
        read_ahead=lambda prompt: list(engine.answer(ReadingAhead(prompt, adapters=job.adapters))),
    )
    taken_for = Path(path.stem + job.suffix) if job.suffix else path
    return Line.of(run, path.stem, typist.write(text, job.start, job.n_chars, taken_for))


# -- the rows of `lamplight bench all` ---------------------------------------------------------

_PROSE_WORDS = "prose, everything shown, by word: keystrokes saved"
_PROSE_ALL = "prose, everything shown: keystrokes saved"
_RIGHT = "prose, as shipped: right, of what is shown"
_WRONG = "prose, as shipped: wrong, of all keystrokes"
_SAVED = "prose, as shipped: keystrokes saved"
_MEMORY = "prose, everything shown, by word: points gained by phrase memory"
_READ = "prose, everything shown: tokens evaluated per character"
_WRITTEN = "prose, everything shown: tokens decoded per character"
_CODE_WORDS = "code, everything shown, by word: keystrokes saved"
_CODE_ALL = "code, everything shown: keystrokes saved"
_VERSE_WORDS = "verse, everything shown, by word: keystrokes saved"
_VERSE_ALL = "verse, everything shown: keystrokes saved"

ROWS = [
    Row(_PROSE_WORDS, "%", 30.0, "higher"),
    Row(_PROSE_ALL, "%", 38.0, "higher"),
    Row(_RIGHT, "%", 60.0, "higher"),
    Row(_WRONG, "%", 15.0),
    Row(_SAVED, "%", 22.0, "higher"),
    Row(_MEMORY, "%", 2.0, "higher"),
    Row(_READ, "tokens", 1.0),
    Row(_WRITTEN, "tokens"),
    Row(_CODE_WORDS, "%", 50.0, "higher"),
    Row(_CODE_ALL, "%", 62.0, "higher"),
    Row(_VERSE_WORDS, "%", 23.0, "higher"),
    Row(_VERSE_ALL, "%", 29.0, "higher"),
]


def measure(wanted: Wanted) -> Iterator[tuple[str, float | None]]:
    """Yield the wanted rows: means over the books that nothing is tuned on."""
    if wanted.corpus is None:
        raise ValueError("this suite needs a corpus")
    n = 300 if wanted.quick else None
    prose = tuple(wanted.corpus / "prose" / f"{name}.txt" for name in PROSE)
    verse = tuple(wanted.corpus / "verse" / f"{name}.txt" for name in _VERSE)
    code = tuple(Path(os.__file__).with_name(f"{name}.py") for name in _CODE)
    jobs = (
        (Job(prose, 40_000, n or 4_000), (_PROSE_WORDS, _PROSE_ALL, _SAVED)),
        (Job(code, 6_000, n or 1_000), (_CODE_WORDS, _CODE_ALL, "")),
        (Job(verse, 20_000, n or 1_000, suffix=".verse"), (_VERSE_WORDS, _VERSE_ALL, "")),
    )
    more = {
        _PROSE_WORDS: (_MEMORY,),
        _PROSE_ALL: (_READ, _WRITTEN),
        _SAVED: (_RIGHT, _WRONG),
    }
    for job, names in jobs:
        runs = {
            run: name
            for run, name in zip(_RUNS, names, strict=True)
            if wanted.rows & {name, *more.get(name, ())}
        }
        for line in write(replace(job, runs=tuple(runs))):
            if not line.text.startswith("mean of"):
                continue
            name = runs[line.run]
            figures = {name: 100 * line.saved}
            if name == _SAVED:
                figures |= {_RIGHT: 100 * line.right, _WRONG: 100 * line.wrong}
            if name == _PROSE_WORDS and _MEMORY in wanted.rows:
                figures[_MEMORY] = 100 * (_remembering(job) - line.saved)
            if name == _PROSE_ALL:
                figures |= {_READ: line.evaluated, _WRITTEN: line.decoded}
            yield from ((n, value) for n, value in figures.items() if n in wanted.rows)


def _remembering(job: Job) -> float:
    """The mean share of keystrokes saved by word, with the other books of each author."""
    saved = []
    for text in job.texts:
        author = text.name.partition("_")[0]
        others = tuple(
            path for path in sorted(text.parent.glob(f"{author}_*.txt")) if path.stem not in PROSE
        )
        alone = replace(job, texts=(text,), runs=(_WORDS,), memory=others)
        saved += [line.saved for line in write(alone)]
    return statistics.fmean(saved)
