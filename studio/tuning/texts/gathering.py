"""Works from files: the numbered files in a folder are the chapters of one work."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from studio.manuscript import words_and_numbers
from studio.tuning.texts.works import Chapter, Work

_MIN_FILES = 3
_MAX_FILE_WORDS = 20_000
"""Usually; files as long as this are the volumes of a series."""
# Not "draft 2" or "version 3": these are the same chapter again.
_NUMBERED = re.compile(
    r"\d{1,3}(?!\d)|(?:chapters?|chap|ch|scenes?|sc|parts?|pt|sections?|kapitel|kap|szene|teil|"
    r"chapitre|chap|scène|capítulo|cap|capitolo|hoofdstuk|глава)[\W_]*\d{1,3}(?!\d)",
    re.IGNORECASE,
)


def gathered(works: Iterable[Work]) -> list[Work]:
    """The works with those that are the chapters of one put together, the newest last."""
    by_folder: dict[tuple[Path, str], list[Work]] = defaultdict(list)
    made = []
    for work in works:
        if _NUMBERED.match(work.path.stem):
            by_folder[work.path.parent, work.path.suffix.lower()].append(work)
        else:
            made.append(work)
    for (folder, _), files in by_folder.items():
        sizes = sorted(work.n_words for work in files)
        taken = any(work.path == folder for work in made)
        if len(files) < _MIN_FILES or sizes[len(sizes) // 2] > _MAX_FILE_WORDS or taken:
            made += files
        else:
            made.append(_as_one(folder, files))
    return sorted(made, key=_age)


def _as_one(folder: Path, files: Sequence[Work]) -> Work:
    files = sorted(files, key=lambda work: words_and_numbers(work.path.name))
    return Work(
        path=folder,
        title=folder.name,
        chapters=tuple(chapter for work in files for chapter in _named(work)),
        modified_s=max(work.modified_s for work in files),
    )


def _named(work: Work) -> Sequence[Chapter]:
    """The chapters of a file; what has no heading is called as the file is."""
    return [
        chapter if chapter.title else replace(chapter, title=work.path.stem)
        for chapter in work.chapters
    ]


def _age(work: Work) -> tuple[float, list[tuple[str, int]]]:
    """Of files of the same time, "draft 2" counts as newer than "draft 1"."""
    return work.modified_s, words_and_numbers(str(work.path))
