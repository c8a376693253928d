"""One file of whatever kind, read as a work."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from studio.manuscript import ManuscriptError, decoding, read_text
from studio.manuscript.errors import reason, shown, shown_in_full
from studio.tuning.texts.archives import locked
from studio.tuning.texts.epub import read_epub
from studio.tuning.texts.finding import HTML_SUFFIXES, MARKDOWN_SUFFIXES, READABLE
from studio.tuning.texts.hypertext import parse, read_html, title_of
from studio.tuning.texts.markdown import read_markdown
from studio.tuning.texts.office import read_docx, read_odt
from studio.tuning.texts.plain import read_plain
from studio.tuning.texts.works import Block, TextsError, Work, chapters_of

MAX_TEXT_BYTES = 50 * 2**20
"""Of a file that is all text: about ten million words."""
MAX_ZIPPED_BYTES = 500 * 2**20
"""Of a file with pictures in it."""

_ZIPPED = (".docx", ".odt", ".epub")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def read_work(path: Path) -> Work:
    """Read the file at `path` with all its chapters.

    Raises `TextsError` if it is not there, may not be read, is empty, no text, damaged, locked by a
    password or protected against copying, or enormous.
    """
    modified_s = _checked(path)
    title, blocks, between = _reader(path)(path)
    chapters = chapters_of(blocks, between)
    if not chapters:
        raise TextsError(f"There is no text in {shown(path)}. Leave it out, or write in it first.")
    return Work(path, title or path.stem, chapters, modified_s)


_Read = tuple[str, list[Block], str]


def _reader(path: Path) -> Callable[[Path], _Read]:
    suffix = path.suffix.lower()
    if suffix == ".docx":
        return lambda path: ("", read_docx(path), "\n\n")
    if suffix == ".odt":
        return lambda path: ("", read_odt(path), "\n\n")
    if suffix == ".epub":
        return lambda path: (*read_epub(path), "\n\n")
    if suffix in HTML_SUFFIXES:
        return _read_html
    if suffix in MARKDOWN_SUFFIXES:
        return lambda path: ("", read_markdown(_text_of(path)), "\n\n")
    if suffix in READABLE:
        return lambda path: ("", *read_plain(_text_of(path)))
    raise TextsError(
        f"{shown(path)} is not a kind of text that can be read. "
        f"These are: {', '.join(sorted(READABLE))}."
    )


def _read_html(path: Path) -> _Read:
    try:
        root = parse(path.read_bytes(), is_xml=path.suffix.lower() == ".xhtml")
    except decoding.NotText as error:
        raise TextsError(
            f"{shown(path)} can't be read as text because {error}. Save it as a web page again."
        ) from error
    if root is None:
        return "", [], "\n\n"
    return title_of(root), read_html(root), "\n\n"


def _text_of(path: Path) -> str:
    try:
        return read_text(path).text
    except ManuscriptError as error:
        raise TextsError(str(error)) from error


def _checked(path: Path) -> float:
    """When the file was written, in seconds; raises what can be said without reading it all."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise TextsError(f"{shown(path)} is not a file. Choose a text file.")
        with path.open("rb") as file:
            begins = file.read(8)
    except FileNotFoundError as error:
        raise TextsError(
            f"{shown_in_full(path)} does not exist. Check the name, or choose another file."
        ) from error
    except PermissionError as error:
        raise TextsError(
            f"You are not allowed to read {shown_in_full(path)}. "
            "Change its permissions, or choose another file."
        ) from error
    except OSError as error:
        raise TextsError(
            f"{shown_in_full(path)} could not be read because {reason(error)}. "
            "Try again, or use a copy of it."
        ) from error
    if about.st_size == 0:
        raise TextsError(f"{shown(path)} is empty. Leave it out, or write in it first.")
    zipped = path.suffix.lower() in _ZIPPED
    limit = MAX_ZIPPED_BYTES if zipped else MAX_TEXT_BYTES
    if about.st_size > limit:
        raise TextsError(
            f"{shown(path)} has {about.st_size / 2**20:,.0f} MB; what is larger than "
            f"{limit // 2**20} MB is no text by one person. Split it, or leave it out."
        )
    if zipped and begins == _OLE:
        if _ENCRYPTED_PACKAGE in path.read_bytes():
            raise locked(path)
        raise TextsError(
            f"{shown(path)} is an old Word file, whatever its name says. Open it in Word or "
            "LibreOffice and save it from there as .docx."
        )
    return about.st_mtime
