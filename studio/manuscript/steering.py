"""Memory, author's note and lore as plain text files that a person can edit.

    steering/memory.md          what the model should always know
    steering/note.md            what colours the next paragraphs
    steering/lore/Anna.md       a person, a place, a thing; folders in `lore` are for order alone

In a project the folder is called `steering` and lies beside the texts. A file that was opened
alone has its own beside it, `novel.txt.steering`: these are the writer's texts, so they belong
where the novel is copied and backed up, and not into the hidden folder of what is derived. It is
made only when the writer asks for it. The nearest one counts, from the file's own to those of the
folders above it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from studio.manuscript.errors import ManuscriptError, reason, shown, shown_in_full
from studio.manuscript.project import (
    LORE,
    MEMORY,
    NOTE,
    STEERING,
    STEERING_BESIDE,
    STEERING_SUFFIXES,
    TEXT_SUFFIXES,
    is_steering_folder,
    real_path,
    words_and_numbers,
)
from studio.manuscript.steering_file import LORE_TEMPLATE, TEMPLATES, read_entry, read_plain
from studio.manuscript.text_file import write_text
from studio.steering import NO_STEERING, Steering

MAX_ENTRIES = 2_000
_MAX_LISTED = 10_000


@dataclass(frozen=True)
class SteeringFiles:
    """What was read, and from where."""

    folder: Path | None = None
    steering: Steering = NO_STEERING
    problems: tuple[str, ...] = ()
    """A sentence for each file that can't be used; the others are."""
    lore: tuple[Path, ...] = ()
    """Every lore file, those with problems too."""
    stamp: tuple[tuple[str, int, int], ...] = field(default=(), repr=False)
    """Path, time and size of all files and folders; tells whether something changed."""


def find_steering(file: Path | None, folder: Path | None) -> Path | None:
    """The steering folder for a text: a `file`, or one without a name in the open `folder`.

    The steering files themselves have none. Takes a look at the disk.
    """
    if file is None:
        places = [real_path(folder) / STEERING] if folder else []
    else:
        file = real_path(file)
        if _steers(file):
            return None
        places = [_beside(file), *(each / STEERING for each in file.parents)]
    return next((each for each in places if is_steering_folder(each)), None)


def steering_home(file: Path | None, folder: Path | None) -> Path:
    """The steering folder for a text, or where it is to be made.

    Raises `ManuscriptError` for a text that has no place on the disk yet.
    """
    if found := find_steering(file, folder):
        return found
    if file is not None and _steers(real_path(file)):
        raise ManuscriptError(
            f"{shown(file)} is itself one of the texts that steer the model. "
            "Go to the window with your story first."
        )
    if folder is not None and (file is None or real_path(file).is_relative_to(real_path(folder))):
        return real_path(folder) / STEERING
    if file is not None:
        return _beside(real_path(file))
    raise ManuscriptError(
        "Save this text first: its memory, note and lore are kept in a folder beside it."
    )


def memory_file(home: Path) -> Path:
    """The file of the memory in a steering folder, there or not."""
    return _either(home, MEMORY)


def note_file(home: Path) -> Path:
    """The file of the author's note in a steering folder, there or not."""
    return _either(home, NOTE)


def lore_file(home: Path, name: str) -> Path:
    """The file for a lore entry called `name`. Raises `ManuscriptError` if it can't be one."""
    plain = re.sub(r'[\\/:*?"<>|\x00-\x1f]', " ", name).strip(" .")
    if not plain:
        raise ManuscriptError("A lore entry needs a name, such as that of a person or a place.")
    return home / LORE / f"{plain[:100]}.md"


def begin_file(path: Path) -> Path:
    """Make a steering file that is not there yet, with a few lines that explain it.

    Raises `ManuscriptError`.
    """
    if path.exists():
        return path
    if path.stem in (MEMORY, NOTE) and path.parent.name != LORE:
        text = TEMPLATES[path.stem]
    else:
        text = LORE_TEMPLATE.format(name=path.stem)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ManuscriptError(
            f"{shown_in_full(path.parent)} could not be made because {reason(error)}. "
            "Save your text in a place where you may make folders."
        ) from error
    write_text(path, text)
    return path


def read_steering(folder: Path | None, known: SteeringFiles | None = None) -> SteeringFiles:
    """All that `folder` holds; `known` itself if nothing changed since.

    A file that can't be read or understood is left out, and a sentence tells so.
    """
    if folder is None:
        return known if known and known.folder is None else SteeringFiles()
    stamp, lore = _look(folder)
    if known and (known.folder, known.stamp) == (folder, stamp):
        return known
    problems: list[str] = []

    def read(path: Path) -> str:
        try:
            return read_plain(path) if path.exists() else ""
        except ManuscriptError as error:
            problems.append(str(error))
            return ""

    memory, note = read(memory_file(folder)), read(note_file(folder))
    entries = []
    for path in lore[:MAX_ENTRIES]:
        try:
            entries.append(read_entry(path, folder / LORE))
        except ManuscriptError as error:
            problems.append(str(error))
    if len(lore) > MAX_ENTRIES:
        problems.append(
            f"{shown_in_full(folder / LORE)} holds more than {MAX_ENTRIES:,} files; "
            f"those after {shown(lore[MAX_ENTRIES - 1])} are left out."
        )
    return SteeringFiles(
        folder, Steering(memory, note, tuple(entries)), tuple(problems), tuple(lore), stamp
    )


# -- folders -------------------------------------------------------------------------------------


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}{STEERING_BESIDE}")


def _steers(file: Path) -> bool:
    return any(is_steering_folder(each) for each in file.parents)


def _either(home: Path, name: str) -> Path:
    found = [home / f"{name}{suffix}" for suffix in STEERING_SUFFIXES]
    return next((path for path in found if path.exists()), found[0])


def _look(folder: Path) -> tuple[tuple[tuple[str, int, int], ...], list[Path]]:
    """The stamp of a steering folder, and its lore files as a reader would sort them."""
    lore = sorted(_lore_files(folder / LORE), key=lambda path: words_and_numbers(str(path)))
    stamps = []
    places = {folder, folder / LORE, memory_file(folder), note_file(folder), *lore}
    for path in sorted({*places, *(path.parent for path in lore)}):
        try:
            about = path.stat()
        except OSError:
            continue
        # A folder's own time says nothing that its files don't.
        is_file = path.suffix.lower() in TEXT_SUFFIXES
        stamps.append((str(path), about.st_mtime_ns if is_file else 0, about.st_size * is_file))
    return tuple(stamps), lore


def _lore_files(lore: Path) -> Iterator[Path]:
    def every() -> Iterator[Path]:
        for folder, folders, files in os.walk(lore):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (Path(folder, name) for name in files)

    for path in islice(every(), _MAX_LISTED):
        if path.suffix.lower() in TEXT_SUFFIXES and not path.name.startswith("."):
            yield path
