"""Zip files that a stranger may have made: nothing is extracted, and all has a limit."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.manuscript.errors import shown
from studio.tuning.texts.works import TextsError

MAX_MEMBER_BYTES = 64 * 2**20
MAX_TEXT_BYTES = 256 * 2**20
"""Of all members that are read of one file."""
_MAX_RATIO = 200
"""Text is packed to about a fifth of its size, tables of zeros to a thousandth."""
_RATIO_COUNTS_ABOVE_BYTES = 2**20
_MAX_MEMBERS = 20_000
_ENCRYPTED = 0x1


class Archive:
    """The members of a zip file."""

    def __init__(self, path: Path, zipped: zipfile.ZipFile) -> None:
        self._path = path
        self._zip = zipped
        self._n_bytes_left = MAX_TEXT_BYTES
        members = zipped.infolist()
        if len(members) > _MAX_MEMBERS:
            raise too_large(path)
        self._members = {each.filename: each for each in members}
        if any(each.flag_bits & _ENCRYPTED for each in members):
            raise locked(path)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """A member's content. Raises `TextsError` if it is not there, damaged or enormous."""
        member = self._members.get(name)
        if member is None:
            raise damaged(self._path)
        self._check(member)
        self._n_bytes_left -= member.file_size
        if self._n_bytes_left < 0:
            raise too_large(self._path)
        try:
            return self._zip.read(member)
        except (
            zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError
        ) as error:  # fmt: skip
            raise damaged(self._path) from error

    def copied(self, is_wanted: Callable[[str], bool]) -> io.BytesIO:
        """A copy in memory, for libraries that read all members: what is not wanted is empty."""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as copy:
            for name in self._members:
                copy.writestr(name, self.read(name) if is_wanted(name) else b"")
        made.seek(0)
        return made

    def _check(self, member: zipfile.ZipInfo) -> None:
        # zipfile gives no more bytes than a member says it has.
        packed = max(1, member.compress_size)
        is_bomb = (
            member.file_size > _RATIO_COUNTS_ABOVE_BYTES and member.file_size / packed > _MAX_RATIO
        )
        if member.file_size > MAX_MEMBER_BYTES or is_bomb:
            raise too_large(self._path)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The zip file at `path`. Raises `TextsError`."""
    try:
        with zipfile.ZipFile(path) as zipped:
            yield Archive(path, zipped)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise damaged(path) from error


def damaged(path: Path) -> TextsError:
    """The error for a file that is not what its name says, or not all of it."""
    return TextsError(
        f"{shown(path)} is damaged or not a {path.suffix.lower()} file. Open it in the program "
        "that made it, save it again, or use an older copy."
    )


def too_large(path: Path) -> TextsError:
    """The error for a file that holds more than any text does."""
    return TextsError(
        f"{shown(path)} holds far more than a text does, so it was not read. Open it in the "
        "program that made it and save its text alone, as .txt."
    )


def locked(path: Path) -> TextsError:
    """The error for a file that asks for a password."""
    return TextsError(
        f"{shown(path)} is protected by a password. Open it in the program that made it and save "
        "a copy without one."
    )
