"""Which files hold texts to learn from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from studio.manuscript import (
    TEXT_SUFFIXES,
    is_steering_folder,
    path_key,
    real_path,
    words_and_numbers,
)
from studio.manuscript.errors import reason, shown, shown_in_full
from studio.tuning.texts.works import TextsError

HTML_SUFFIXES = frozenset((".html", ".htm", ".xhtml"))
MARKDOWN_SUFFIXES = frozenset((".md", ".markdown"))
READABLE = TEXT_SUFFIXES | HTML_SUFFIXES | {".docx", ".odt", ".epub"}
"""How the names of files end that can be read, in small letters."""

MAX_FILES = 5_000
_MAX_FOLDERS = 20_000


def find_texts(paths: Iterable[Path], breathe: Callable[[], None] = lambda: None) -> list[Path]:
    """The files among `paths` and all texts in the folders among them, each once.

    Folders are read as a reader would sort them. Hidden files and folders, what steers the model
    and linked folders are left out. `breathe` is called now and then, and may end it by raising.

    Raises `TextsError` for what is not there, is no text, or folders with none or far too many.
    """
    found: dict[str, Path] = {}
    for path in paths:
        whole = real_path(path)
        if os.path.isdir(whole):  # noqa: PTH112 (it never raises)
            texts = _in_folder(whole, breathe)
        else:
            _check(path, whole)
            texts = [whole]
        for text in texts:
            found.setdefault(path_key(text), text)
        if len(found) > MAX_FILES:
            raise TextsError(
                f"{shown_in_full(path)} holds more than {MAX_FILES:,} texts. "
                "Choose the folder of what you wrote rather than one around it."
            )
    if not found:
        raise TextsError("There are no texts to learn from. Add a file or a folder of texts.")
    return list(found.values())


def _check(path: Path, whole: Path) -> None:
    if not os.path.lexists(whole):
        raise TextsError(
            f"{shown_in_full(path)} does not exist. Check the name, or choose another file."
        )
    suffix = whole.suffix.lower()
    if suffix in _SAVE_AS:
        raise TextsError(
            f"{shown(path)} can't be read: {_SAVE_AS[suffix]} are not understood. Open it in the "
            "program that made it and save it from there as .docx, .odt or .txt."
        )
    if suffix not in READABLE:
        raise TextsError(
            f"{shown(path)} is not a kind of text that can be read. "
            f"These are: {', '.join(sorted(READABLE))}."
        )


_SAVE_AS = {
    ".doc": "old Word files",
    ".rtf": "RTF files",
    ".pdf": "PDF files",
    ".pages": "Pages files",
    ".wpd": "WordPerfect files",
    ".mobi": "Kindle files",
    ".azw3": "Kindle files",
    ".scriv": "Scrivener projects",
}


def _in_folder(folder: Path, breathe: Callable[[], None]) -> list[Path]:
    found: list[Path] = []
    waiting = [folder]
    n_folders = 0
    while waiting and len(found) <= MAX_FILES:
        breathe()
        here = waiting.pop()
        n_folders += 1
        if n_folders > _MAX_FOLDERS:
            raise TextsError(
                f"{shown_in_full(folder)} holds more than {_MAX_FOLDERS:,} folders. "
                "Choose the folder of what you wrote rather than one around it."
            )
        if is_steering_folder(here):
            continue
        try:
            with os.scandir(here) as entries:
                listed = [each for each in entries if not each.name.startswith(".")]
        except OSError as error:
            if here == folder:
                raise TextsError(
                    f"{shown_in_full(folder)} can't be read because {reason(error)}. "
                    "Choose another folder."
                ) from error
            continue
        for entry in listed:
            path = Path(entry.path)
            if _is_folder(entry):
                waiting.append(path)
            elif path.suffix.lower() in READABLE and os.path.isfile(path):  # noqa: PTH113
                found.append(real_path(path))
    if not found:
        raise TextsError(
            f"There are no texts in {shown_in_full(folder)}. "
            f"These can be read: {', '.join(sorted(READABLE))}."
        )
    return sorted(found, key=lambda path: [words_and_numbers(part) for part in path.parts])


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A folder that is here itself: a linked one may lead back to where it lies."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
