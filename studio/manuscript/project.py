"""A project: a folder of texts, or one file alone, and a hidden folder for all that is derived."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio.manuscript.errors import ManuscriptError, shown_in_full

TEXT_SUFFIXES = frozenset(
    (".txt", ".text", ".md", ".markdown", ".rst", ".org", ".adoc", ".tex", ".fountain")
)
STEERING = "steering"
"""The folder of a project in which memory, author's note and lore lie."""
STEERING_BESIDE = ".steering"
"""Ends the name of the same folder beside a file that was opened alone."""
MEMORY, NOTE, LORE = "memory", "note", "lore"
STEERING_SUFFIXES = (".md", ".txt")
_FOLDERS_A_BREATH = 20


@dataclass(frozen=True)
class Project:
    """Where a writer's texts lie, and where Lamplight keeps what belongs to them.

    Nothing is made on disk by having a project.
    """

    root: Path | None
    """The folder, or None for a file that was opened alone or has no name yet."""
    hidden: Path
    """The folder for everything derived. It may not exist yet."""

    @staticmethod
    def of_folder(folder: Path) -> Project:
        """The project of all texts in `folder`. Raises `ManuscriptError` if it is no folder."""
        root = real_path(folder)
        if not root.is_dir():
            raise ManuscriptError(
                f"{shown_in_full(folder)} is not a folder. Choose a folder with texts in it."
            )
        return Project(root, root / ".lamplight")

    @staticmethod
    def of_file(file: Path, data_dir: Path) -> Project:
        """The project of a file opened alone, the same for every way to write its path."""
        # The name is for people who look into the folder; long ones would not fit beside the key.
        return Project(None, data_dir / "files" / f"{file.name[:40]}-{path_key(file)}")

    @staticmethod
    def untitled(data_dir: Path) -> Project:
        """A project for a text without a name, another one at each call."""
        return Project(None, untitled_folder(data_dir) / secrets.token_hex(8))

    def texts(self, breathe: Callable[[], None] = lambda: None) -> list[Path]:
        """The text files in the folder and below, as a reader would sort them.

        "Chapter 2" comes before "Chapter 10". Hidden files and folders are left out, as are linked
        folders, what steers the model and what may not be looked at. Large folders take a while:
        `breathe` is called now and then, and may end it by raising.
        """
        if self.root is None:
            return []
        found = []
        for n, (folder, folders, files) in enumerate(os.walk(self.root)):
            if n % _FOLDERS_A_BREATH == 0:
                breathe()
            folders[:] = [
                name
                for name in folders
                if not name.startswith(".") and not is_steering_folder(Path(folder, name))
            ]
            found += [
                Path(folder, name)
                for name in files
                if not name.startswith(".") and Path(name).suffix.lower() in TEXT_SUFFIXES
            ]
        found = [path for path in found if os.path.isfile(path)]  # noqa: PTH113 (it never raises)
        return sorted(found, key=_natural_order)


def is_steering_folder(folder: Path) -> bool:
    """Whether `folder` holds memory, note or lore. A novel may have a folder of this name, too."""
    if folder.name != STEERING and not folder.name.endswith(STEERING_BESIDE):
        return False
    files = [folder / f"{name}{suffix}" for name in (MEMORY, NOTE) for suffix in STEERING_SUFFIXES]
    lore = os.path.isdir(folder / LORE)  # noqa: PTH112 (it never raises)
    return lore or any(map(os.path.isfile, files))


def real_path(path: Path) -> Path:
    """The one absolute path for a file or folder, symbolic links followed."""
    return Path(os.path.realpath(path))


def same_file(one: Path | None, other: Path | None) -> bool:
    """Whether both are paths of one file, there or not; no path is the same as another."""
    return one is not None and other is not None and path_key(one) == path_key(other)


def path_key(path: Path) -> str:
    """A short name for a path, the same for every way to write it."""
    real = os.path.normcase(os.path.realpath(path))
    return hashlib.blake2b(os.fsencode(real), digest_size=8).hexdigest()


def untitled_folder(data_dir: Path) -> Path:
    """Where the hidden folders of texts without a name lie."""
    return data_dir / "untitled"


def _natural_order(path: Path) -> list[tuple[list[tuple[str, int]], str]]:
    return [(words_and_numbers(part), part) for part in path.parts]


def words_and_numbers(name: str) -> list[tuple[str, int]]:
    """A key that sorts "Chapter 2" before "Chapter 10".

    Pairs of a word and the number after it; no number counts as lower than any.
    """
    pairs = re.findall(r"([^0-9]*)([0-9]*)", name.casefold())
    return [(word, int(number) if number else -1) for word, number in pairs]
