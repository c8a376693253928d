"""The journal of one document on disk. It is used by one thread at a time and knows no other."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from studio.manuscript.durable import (
    PRIVATE_FILE,
    private_folder,
    remove_empty,
    replace_file,
    sync_file,
)
from studio.manuscript.journal_format import Head, beginning, edit_lines
from studio.manuscript.lease import file_lock
from studio.manuscript.project import Project, real_path
from studio.manuscript.utf16 import Edit, Utf16Text, length, net_change

log = logging.getLogger(__name__)

# A journal is written afresh, with all its edits made one, when it is this much larger than twice
# what it was when it was written last: seldom, and each time for at least as much typing.
_COMPACT_ABOVE_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Document:
    """How a document is kept, so that it can be saved in the same way after a recovery."""

    path: Path | None
    encoding: str
    newline: str
    bom: bool


class JournalFile:
    """Brings the edits of a document to disk, in a folder of its own in the project's hidden one.

    `record` and `restart` say what should be on disk, `sync` makes it so and can be called again
    after it failed. Nothing is on disk before the first edit.
    """

    def __init__(self, project: Project, document: Document, base_text: str) -> None:
        self._project = project
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self.restart(base_text, document)

    def restart(self, base_text: str, document: Document) -> None:
        """The document was saved with `base_text`: no edit before counts any more."""
        self._base_text = base_text
        self._document = document
        self._text: Utf16Text | None = None
        self._edits = 0
        self._misfits = 0
        self._unwritten: list[Edit] = []
        self._outdated = True

    def record(self, edits: Iterable[Edit]) -> None:
        """Take edits. The disk is not touched."""
        for edit in _coalesced(edits):
            if self._text is None:
                self._text = Utf16Text(self._base_text)
            self._edits += 1
            self._misfits += not self._text.apply(edit)
            self._unwritten.append(edit)

    def sync(self) -> None:
        """Return when all that was recorded is on the disk. Raises `OSError`."""
        if self._text is None:
            self._remove_journal()
        elif self._outdated:
            self._write_afresh(self._text)
        elif self._unwritten:
            self._append(self._text)

    def close(self, *, keep: bool) -> None:
        """Leave unsaved edits to recovery if `keep`; otherwise leave nothing. Raises `OSError`."""
        keep = keep and self._text is not None
        try:
            if keep:
                self.sync()
            else:
                self._remove_journal()
        finally:
            if self._lock is not None:
                self._lock.release(force=True)
        if self._folder is not None and not keep:
            remove_journal_folder(self._folder)

    def _write_afresh(self, text: Utf16Text) -> None:
        head = Head(
            path=self._path_in_head(),
            encoding=self._document.encoding,
            newline=self._document.newline,
            bom=self._document.bom,
            edits=self._edits,
            misfits=self._misfits,
        )
        pieces, checksum = beginning(head, self._base_text)
        line, checksum = edit_lines([net_change(self._base_text, text)], checksum)
        pieces.append(line)
        replace_file(journal_in(self._own_folder()), pieces, permissions=PRIVATE_FILE)
        self._checksum = checksum
        self._size_bytes = sum(map(len, pieces))
        self._compact_above_bytes = 2 * self._size_bytes + _COMPACT_ABOVE_BYTES
        self._unwritten.clear()
        self._outdated = False

    def _append(self, text: Utf16Text) -> None:
        lines, checksum = edit_lines(self._unwritten, self._checksum)
        try:
            with journal_in(self._own_folder()).open("r+b") as file:
                # After a failure this goes over what was written in part: the same lines, and more.
                file.seek(self._size_bytes)
                file.write(lines)
                file.flush()
                sync_file(file.fileno())
        except FileNotFoundError:
            # A cleaning program took it. Nothing is lost as long as the text is in memory.
            self._write_afresh(text)
            return
        self._checksum = checksum
        self._size_bytes += len(lines)
        self._unwritten.clear()
        if self._size_bytes > self._compact_above_bytes:
            self._compact(text)

    def _compact(self, text: Utf16Text) -> None:
        try:
            self._write_afresh(text)
        except OSError as error:
            # The journal as it is holds everything, it is only long.
            log.warning("a journal of %d bytes can't be compacted: %s", self._size_bytes, error)
            self._compact_above_bytes *= 2

    def _own_folder(self) -> Path:
        """Our folder, made if it is not there, and locked as long as we live."""
        if self._folder is None or not self._folder.is_dir():
            if self._lock is not None:
                self._lock.release(force=True)
            folder = journals_in(self._project) / secrets.token_hex(8)
            private_folder(folder)
            self._lock = journal_lock(folder)
            self._lock.acquire(blocking=False)
            self._folder = folder
        return self._folder

    def _remove_journal(self) -> None:
        if self._folder is not None:
            journal_in(self._folder).unlink(missing_ok=True)

    def _path_in_head(self) -> str | None:
        path, root = self._document.path, self._project.root
        if path is None:
            return None
        path = real_path(path.parent) / path.name
        return os.fspath(path.relative_to(root) if root and path.is_relative_to(root) else path)


def journals_in(project: Project) -> Path:
    """The folder that holds a folder for each journal of the project."""
    return project.hidden / "journal"


def journal_in(folder: Path) -> Path:
    """The file of the journal whose folder this is."""
    return folder / "edits"


def journal_lock(folder: Path) -> FileLock:
    """The lock that the process which writes the journal in `folder` holds until it ends."""
    return file_lock(folder / "lock")


def remove_journal_folder(folder: Path) -> None:
    """Remove a journal that nobody writes, and the folders above it that become empty."""
    journal_in(folder).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    remove_empty(folder.parent, folder.parent.parent)


def _coalesced(edits: Iterable[Edit]) -> Iterator[Edit]:
    """The same edits, with those that go on where the one before ended made one with it."""
    pending: Edit | None = None
    inserted: list[str] = []
    end = 0
    for edit in edits:
        if pending is not None and edit.removed == 0 and edit.at == end:
            inserted.append(edit.inserted)
        else:
            if pending is not None:
                yield pending._replace(inserted="".join(inserted))
            pending, inserted = edit, [edit.inserted]
            end = edit.at
        end += length(edit.inserted)
    if pending is not None:
        yield pending._replace(inserted="".join(inserted))
