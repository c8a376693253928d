"""Documents on disk: read in whatever encoding they have, saved whole or not at all."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from studio.manuscript import decoding
from studio.manuscript.durable import replace_file
from studio.manuscript.errors import (
    ChangedOnDisk,
    ManuscriptError,
    NotEncodable,
    reason,
    shown,
    shown_in_full,
)

ASK_ABOVE_BYTES = 50 * 2**20
"""Ask the writer before opening a file larger than this."""


@dataclass(frozen=True)
class Fingerprint:
    """What tells that a file on disk is still the one that was read or saved."""

    size_bytes: int
    mtime_ns: int
    inode: int
    content: str

    @staticmethod
    def of(content: bytes, about: os.stat_result) -> Fingerprint:
        """The fingerprint of a file that holds `content`."""
        return Fingerprint(len(content), about.st_mtime_ns, about.st_ino, _digest(content))


@dataclass(frozen=True)
class TextFile:
    """A document as it was read from disk."""

    path: Path
    text: str
    r"""The text with "\n" for all line ends and without a byte order mark."""
    encoding: str
    newline: str
    r"""The file's line ends, "\n", "\r\n" or "\r"; the most frequent where it mixes them."""
    bom: bool
    guessed: bool
    """The file is not UTF-8; its encoding was inferred from its letters."""
    mixed_newlines: bool
    fingerprint: Fingerprint
    notes: tuple[str, ...]
    """Sentences to show the writer."""


def read_text(path: Path) -> TextFile:
    """Read a document.

    Raises `ManuscriptError` when there is no such file, or it is not a text. Files of any size are
    read: compare with `ASK_ABOVE_BYTES` before.
    """
    content, fingerprint = _read(path)
    try:
        decoded = decoding.decode(content)
    except decoding.NotText as error:
        raise ManuscriptError(
            f"{shown(path)} can't be opened as text because {error}. "
            "Open it in the program that made it and save it from there as UTF-8 text."
        ) from error
    styles = decoding.newline_styles(decoded.text)
    notes = []
    if decoded.guessed:
        label = decoding.label(decoded.encoding)
        notes.append(
            f"{shown(path)} is not UTF-8; it was read as {label} and will be saved so. "
            "If its letters look wrong, close it without saving."
        )
    if len(styles) > 1:
        notes.append(
            f"{shown(path)} mixes line ends; saving it makes them all {_NEWLINE_NAMES[styles[0]]}."
        )
    return TextFile(
        path=path,
        text=decoding.unified(decoded.text),
        encoding=decoded.encoding,
        newline=styles[0] if styles else "\n",
        bom=decoded.bom,
        guessed=decoded.guessed,
        mixed_newlines=len(styles) > 1,
        fingerprint=fingerprint,
        notes=tuple(notes),
    )


def write_text(
    path: Path,
    text: str,
    *,
    encoding: str = "utf-8",
    newline: str = "\n",
    bom: bool = False,
    expected: Fingerprint | None = None,
) -> Fingerprint:
    """Save a document: the file holds all of `text` afterwards, or what it held before.

    The file's permissions stay, a symbolic link goes on pointing to it; a hard link keeps the old
    text. With `expected`, what was read or saved last, a file that is another by now is left alone.

    Raises `ChangedOnDisk`, `NotEncodable` when UTF-8 would have helped, and `ManuscriptError`.
    """
    target = Path(os.path.realpath(path))
    content = _encoded(path, text, encoding, newline, bom)
    like = _replaceable(target)

    def check() -> None:
        if expected is not None:
            _expect(target, expected)

    try:
        written = replace_file(target, [content], like=like, check=check)
    except OSError as error:
        raise ManuscriptError(
            f"{shown(path)} could not be saved in {shown_in_full(target.parent)} because "
            f"{reason(error)}. The file on disk is as it was, and your text is still here. "
            "Make room there, or save it in another place with Save As."
        ) from error
    return Fingerprint.of(content, written)


def changed_on_disk(path: Path, known: Fingerprint) -> bool:
    """Whether the file holds something else than what was `known`, or is gone.

    Quick while nobody touched the file, so it may be asked often. A file that was touched, or
    replaced by one with the same content, has not changed.
    """
    try:
        about = path.stat()
        if (about.st_size, about.st_mtime_ns, about.st_ino) == (
            known.size_bytes,
            known.mtime_ns,
            known.inode,
        ):
            return False
        return not _holds(path, known)
    except OSError:
        return True


_NEWLINE_NAMES = {
    "\n": "Unix line ends (LF)",
    "\r\n": "Windows line ends (CR LF)",
    "\r": "old Mac line ends (CR)",
}


def _read(path: Path) -> tuple[bytes, Fingerprint]:
    try:
        # Looked at before it is opened: opening a pipe would wait for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ManuscriptError(f"{shown(path)} is not a file. Choose a text file.")
        with path.open("rb") as file:
            # Before the reading: if somebody writes meanwhile, the time tells.
            about = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError as error:
        raise ManuscriptError(
            f"{shown_in_full(path)} does not exist. Check the name, or choose another file."
        ) from error
    except PermissionError as error:
        raise ManuscriptError(
            f"You are not allowed to read {shown_in_full(path)}. "
            "Change its permissions, or choose another file."
        ) from error
    except OSError as error:
        raise ManuscriptError(
            f"{shown_in_full(path)} could not be read because {reason(error)}. "
            "Try again, or open a copy of it."
        ) from error
    except MemoryError as error:
        raise ManuscriptError(
            f"{shown_in_full(path)} is too large for this computer's memory. "
            "Split it into several files."
        ) from error
    return content, Fingerprint.of(content, about)


def _encoded(path: Path, text: str, encoding: str, newline: str, bom: bool) -> bytes:
    nul_at = text.find("\0")
    if nul_at >= 0:
        raise ManuscriptError(
            f"{shown(path)} was not saved: there is a NUL character in line "
            f"{decoding.line_of(text, nul_at)}, which no text file may hold. Delete it first."
        )
    try:
        return decoding.encode(text, encoding, newline, bom)
    except LookupError as error:
        raise NotEncodable(
            f"{shown(path)} was not saved: there is no encoding “{encoding}”. Save it as UTF-8."
        ) from error
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        where = f"line {decoding.line_of(error.object, error.start)}"
        if "\ud800" <= character <= "\udfff":
            raise ManuscriptError(
                f"{shown(path)} was not saved: in {where} there is half of a character "
                f"(U+{ord(character):04X}), which no text file may hold. Delete it first."
            ) from error
        raise NotEncodable(
            f"{shown(path)} was not saved: it is kept as {decoding.label(encoding)}, which has no "
            f"‘{character}’ (U+{ord(character):04X}, {where}). "
            "Save it as UTF-8, or replace that character."
        ) from error


def _replaceable(target: Path) -> os.stat_result | None:
    """What `stat` says of the file to be replaced, None if there is none."""
    try:
        about = target.stat()
    except OSError:
        return None
    if not stat.S_ISREG(about.st_mode):
        raise ManuscriptError(
            f"{shown_in_full(target)} is not a file, so nothing was saved there. "
            "Save your text under another name with Save As."
        )
    if not os.access(target, os.W_OK):
        raise ManuscriptError(
            f"{shown_in_full(target)} is write-protected, so nothing was saved. "
            "Change its permissions, or save your text under another name with Save As."
        )
    return about


def _expect(target: Path, expected: Fingerprint) -> None:
    try:
        unchanged = _holds(target, expected)
    except FileNotFoundError as error:
        raise ChangedOnDisk(
            f"{shown_in_full(target)} is not there any more: it was deleted, moved or renamed. "
            "Save it again to put it back, or choose another name with Save As."
        ) from error
    if not unchanged:
        raise ChangedOnDisk(
            f"{shown(target)} was changed on disk by another program, so it was not saved. Compare "
            "the two, then save over it, or save your text under another name with Save As."
        )


def _holds(path: Path, known: Fingerprint) -> bool:
    """Whether the file holds what was known, whatever its times say. Raises `OSError`."""
    if path.stat().st_size != known.size_bytes:
        return False
    return _digest(path.read_bytes()) == known.content


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
