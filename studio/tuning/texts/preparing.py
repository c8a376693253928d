"""From a writer's files to what is trained on and what is held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studio.manuscript import real_path
from studio.manuscript.errors import shown
from studio.tuning.texts import cautions
from studio.tuning.texts.cautions import Caution, CautionKind
from studio.tuning.texts.finding import find_texts
from studio.tuning.texts.gathering import gathered
from studio.tuning.texts.judging import Judge
from studio.tuning.texts.kinds import Cleaning, Kind, Removals, Removed
from studio.tuning.texts.likeness import (
    Runs,
    repeated_share,
    without_drafts,
    without_duplicates,
    without_likes_of,
)
from studio.tuning.texts.reading import read_work
from studio.tuning.texts.repairs import repaired
from studio.tuning.texts.splitting import ChapterUse, Split, hold_out
from studio.tuning.texts.weighing import passes
from studio.tuning.texts.works import TextsError, Work

_ALL_CLEANING = Cleaning()


@dataclass(frozen=True)
class Progress:
    """How far the preparing is."""

    doing: str
    """A few words, such as "Reading ‘Snow.docx’"."""
    share: float
    """Of all the work, from 0 to 1; roughly."""


@dataclass(frozen=True)
class Figures:
    """How much there is."""

    n_words_read: int
    """In all files, before cleaning."""
    n_words_train: int
    n_words_validation: int
    n_words_report: int
    report_is_validation: bool
    """There was too little for two held-out sets: the same chapters serve both."""
    language: str | None
    """The code of the language that most of it is in, where languages were looked at."""
    repeated_share: float
    """Of the runs of five words that are trained on, those that stood before; from 0 to 1."""


@dataclass(frozen=True)
class Prepared:
    """Texts to tune on. Works that have nothing in a part are not in it."""

    train: tuple[Work, ...]
    validation: tuple[Work, ...]
    """Held out, to say when to stop."""
    report: tuple[Work, ...]
    """Held out, and only ever reported on."""
    uses: Mapping[Path, tuple[ChapterUse, ...]]
    """What every chapter is for, before passages were left out, by the path of the work."""
    titles: Mapping[Path, str]
    removed: tuple[Removed, ...]
    cautions: tuple[Caution, ...]
    figures: Figures


@dataclass(frozen=True)
class Source:
    """What a writer is shown of one work."""

    path: Path
    title: str
    n_words: int
    """That are trained on."""
    n_words_held_out: int
    chapters: tuple[ChapterUse, ...]
    removed: tuple[Removed, ...]
    n_passes: float
    """How often it is read in training; 0 for what is held out as a whole."""
    loss_weight: float


def prepare(
    paths: Sequence[Path],
    *,
    cleaning: Cleaning = _ALL_CLEANING,
    held_out: Sequence[Path] = (),
    weights: Mapping[Path, float] | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Prepared:
    """Read, clean and divide the texts in `paths`, files and folders.

    `held_out` is reported on as a whole, and nothing of it is trained on. `weights` are loss
    weights above 0 for works and for all that is in folders; the nearest counts, 1 where there is
    none. Numbered files in a folder are one work, whose path is the folder.
    `on_progress` is called many times a second; it may sleep, and end the work by raising.

    The order is: what no writer wrote is taken out and what is broken is mended, in each work by
    itself; older drafts of a chapter are left out; chapters are held out; only then come decisions
    about passages, and what is like something held out leaves the training side.

    About 20 s for a million words. Raises `TextsError` if there is nothing to read, or fewer than
    500 words; files that can't be read are left out as long as there are others, with a caution.
    """
    steps = _Steps(on_progress)
    removals = Removals()
    files = find_texts(paths, steps.breathe)
    reported_files = find_texts(held_out, steps.breathe) if held_out else []
    files = [path for path in files if path not in set(reported_files)]
    read, left_out = _read(files + reported_files, steps)
    n_words_read = sum(work.n_words for work in read)
    of_report = set(reported_files)
    works = [
        repaired(work, cleaning, removals, steps.breathe)
        for work in steps.each(gathered(each for each in read if each.path not in of_report), 0.35)
    ]
    report = [
        repaired(work, cleaning, removals, steps.breathe) for work in read if work.path in of_report
    ]
    works = [work for work in _weighted(works, weights or {}) if work.chapters]
    report = [work for work in report if work.chapters]
    _require_words(works)
    if held_out and not report:
        raise TextsError("There is no text in what is to be held out. Choose another file for it.")

    runs = Runs()
    steps.at("Looking for older drafts", 0.45)
    if cleaning.has(Kind.DRAFTS):
        works = without_drafts(works, runs, removals, steps.breathe)
        _require_words(works)
    steps.at("Looking at languages", 0.55)
    judge = Judge([*works, *report], cleaning, steps.breathe)
    secrets = cautions.of_secrets([*works, *report], cleaning, steps.breathe)
    split = hold_out(works, judge.n_words_kept, report=report)
    steps.at("Comparing passages", 0.7)
    split = _decided(split, judge, runs, cleaning, removals, steps)
    removed = removals.counted()
    figures = Figures(
        n_words_read=n_words_read,
        n_words_train=_n_words(split.train),
        n_words_validation=_n_words(split.validation),
        n_words_report=_n_words(split.report),
        report_is_validation=split.report_is_validation,
        language=judge.language,
        repeated_share=repeated_share(split.train, runs),
    )
    steps.at("Done", 1.0)
    return Prepared(
        train=split.train,
        validation=split.validation,
        report=split.report,
        uses=split.uses,
        titles={work.path: work.title for work in [*works, *report]},
        removed=removed,
        cautions=(
            *cautions.of_size(figures.n_words_train, one_set=figures.report_is_validation),
            *cautions.of_repetition(figures.repeated_share),
            *cautions.of_languages(n_words_read, judge.language, removed),
            *secrets,
            *left_out,
        ),
        figures=figures,
    )


def preview(prepared: Prepared, n_epochs: float, exponent: float = 0.5) -> tuple[Source, ...]:
    """What a writer should see of each work before training; `passes` explains the numbers."""
    n_passes = dict(
        zip(
            [work.path for work in prepared.train],
            passes([work.n_words for work in prepared.train], n_epochs, exponent),
            strict=True,
        )
    )
    train = {work.path: work for work in prepared.train}
    parts = [prepared.report] if prepared.figures.report_is_validation else [
        prepared.validation, prepared.report
    ]  # fmt: skip
    return tuple(
        Source(
            path=path,
            title=title,
            n_words=train[path].n_words if path in train else 0,
            n_words_held_out=sum(
                work.n_words for part in parts for work in part if work.path == path
            ),
            chapters=prepared.uses.get(path, ()),
            removed=tuple(each for each in prepared.removed if each.work == path),
            n_passes=n_passes.get(path, 0.0),
            loss_weight=train[path].loss_weight if path in train else 1.0,
        )
        for path, title in prepared.titles.items()
    )


class _Steps:
    """Where the work is, told now and then."""

    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell
        self._progress = Progress("Looking for texts", 0.0)

    def at(self, doing: str, share: float) -> None:
        self._progress = Progress(doing, share)
        self.breathe()

    def breathe(self) -> None:
        self._tell(self._progress)

    def each(self, works: Sequence[Work], until: float) -> Iterator[Work]:
        begin = self._progress.share
        for n, work in enumerate(works):
            self.at(f"Cleaning {shown(work.path)}", begin + (until - begin) * n / len(works))
            yield work


def _read(files: Sequence[Path], steps: _Steps) -> tuple[list[Work], list[Caution]]:
    works, failed = [], []
    for n, path in enumerate(files):
        steps.at(f"Reading {shown(path)}", 0.25 * n / len(files))
        try:
            works.append(read_work(path))
        except TextsError as error:
            failed.append(str(error))
    if not works:
        more = f" {len(failed) - 1:,} more could not be read either." if len(failed) > 1 else ""
        raise TextsError(f"{failed[0]}{more}" if failed else "There is nothing left to learn from.")
    return works, [Caution(CautionKind.LEFT_OUT, each) for each in failed]


def _weighted(works: Sequence[Work], weights: Mapping[Path, float]) -> list[Work]:
    known = {real_path(path): weight for path, weight in weights.items()}
    if any(weight <= 0 for weight in known.values()):
        raise ValueError("a loss weight has to be above 0")
    return [
        replace(
            work,
            loss_weight=next(
                (known[place] for place in (work.path, *work.path.parents) if place in known), 1.0
            ),
        )
        for work in works
    ]


def _require_words(works: Sequence[Work]) -> None:
    n_words = _n_words(works)
    if n_words < cautions.MIN_WORDS:
        raise TextsError(
            f"There are {n_words:,} words to learn from, and a model learns nothing from fewer "
            f"than {cautions.MIN_WORDS:,}. Add more of your texts. Until then, put a page of them "
            "into the memory: the model will see how you write."
        )


def _decided(
    split: Split,
    judge: Judge,
    runs: Runs,
    cleaning: Cleaning,
    removals: Removals,
    steps: _Steps,
) -> Split:
    """The split without the passages that go."""
    breathe = steps.breathe

    def judged(works: Sequence[Work]) -> list[Work]:
        return _not_empty([judge.judged(work, removals, breathe) for work in works])

    train, report = judged(split.train), judged(split.report)
    validation = report if split.report_is_validation else judged(split.validation)
    if not split.report_is_validation:
        validation = _not_empty(without_likes_of(report, validation, runs, removals, breathe))
    # Where all that was held out of one kind went, the other serves both.
    is_one = split.report_is_validation or not (report and validation)
    held_out = report or validation
    train = without_likes_of([*report, *validation], train, runs, removals, breathe)
    steps.at("Looking for repeated passages", 0.8)
    if cleaning.has(Kind.DUPLICATES):
        train = without_duplicates(train, runs, removals, breathe)
    train = _not_empty(train)
    if not train or not held_out:
        raise TextsError(
            "Nothing is left to learn from once what is not wanted, and what is like the part that "
            "is held out, is taken out. Add texts that repeat each other less, or switch off some "
            "of the cleaning."
        )
    return replace(
        split,
        train=tuple(train),
        validation=tuple(held_out if is_one else validation),
        report=tuple(held_out if is_one else report),
        report_is_validation=is_one,
    )


def _not_empty(works: Sequence[Work]) -> list[Work]:
    return [work for work in works if work.chapters]


def _n_words(works: Sequence[Work]) -> int:
    return sum(work.n_words for work in works)
