"""What a writer types, kept on disk while it is typed."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.manuscript.errors import ManuscriptError, reason, shown_in_full
from studio.manuscript.journal_file import Document, JournalFile
from studio.manuscript.project import Project
from studio.manuscript.text_file import Fingerprint, write_text
from studio.manuscript.utf16 import Edit

log = logging.getLogger(__name__)

_RETRY_AFTER_S = 0.5


@dataclass(frozen=True)
class _Restart:
    base_text: str
    document: Document


class Journal:
    """The record of the edits of one open document since it was read or saved.

    `kill -9` or loss of power costs what was typed in the last `interval_s` seconds and the moment
    that the disk takes. `pending_recoveries` offers the rest at the next start. Nothing is on disk
    for a document that was only read.

    All methods are called by one thread, the window's. `edit` and `saved` never wait for the disk.
    """

    def __init__(
        self,
        project: Project,
        path: Path | None,
        base_text: str,
        *,
        encoding: str = "utf-8",
        newline: str = "\n",
        bom: bool = False,
        interval_s: float = 0.25,
    ) -> None:
        r"""`base_text` is the document's text now, as it was read or saved, with "\n" line ends."""
        self._hidden = project.hidden
        self._interval_s = interval_s
        self._document = Document(path, encoding, newline, bom)
        self._file = JournalFile(project, self._document, base_text)
        self._queue: deque[Edit | _Restart] = deque()
        self._thread: threading.Thread | None = None
        self._error: str | None = None
        # The thread sleeps until `_wake` is set, then until `_hurry` is or the interval is over.
        self._wake = threading.Event()
        self._hurry = threading.Event()
        # How many flushes were asked for, and how many of them were tried.
        self._flushes = threading.Condition()
        self._asked = 0
        self._done = 0
        self._closing = False
        self._keep = True

    @property
    def error(self) -> str | None:
        """Why the latest edits are not on the disk, to be shown; None if all is well.

        They are kept in memory and writing them is tried again and again.
        """
        return self._error

    def edit(self, at: int, removed: int, inserted: str) -> None:
        """At `at`, `removed` UTF-16 code units were replaced by `inserted`.

        An edit that points outside the text is kept as far as it fits.
        """
        self._queue.append(Edit(at, removed, inserted))
        if not self._wake.is_set():
            self._wake_thread()

    def saved(
        self,
        text: str,
        path: Path | None = None,
        *,
        encoding: str | None = None,
        newline: str | None = None,
        bom: bool | None = None,
    ) -> None:
        """The document was saved with this text: there is nothing to recover until the next edit.

        Give the path and the encoding where they are others than before. `save` does both. The
        journal stays in its project: after a text got its first name, close this one and begin
        another in the project of the file.
        """
        now = self._document
        self._document = Document(
            path=now.path if path is None else path,
            encoding=now.encoding if encoding is None else encoding,
            newline=now.newline if newline is None else newline,
            bom=now.bom if bom is None else bom,
        )
        if self._thread is None:
            self._file.restart(text, self._document)
        else:
            self._queue.append(_Restart(text, self._document))
            self._hurry.set()
            self._wake_thread()

    def save(
        self,
        path: Path,
        text: str,
        *,
        encoding: str = "utf-8",
        newline: str = "\n",
        bom: bool = False,
        expected: Fingerprint | None = None,
    ) -> Fingerprint:
        """Save the document as `write_text` does, and start afresh from it.

        A kill at any moment leaves the old file and the edits, or the new file and nothing to
        recover; with `write_text` and `saved` it could leave the new file and an older text to
        recover. Raises what `write_text` raises.
        """
        # What the journal holds has to be what is saved, so that recovery sees that they are one.
        # A journal that can't be written is no reason not to save.
        with suppress(ManuscriptError):
            self.flush()
        fingerprint = write_text(
            path, text, encoding=encoding, newline=newline, bom=bom, expected=expected
        )
        self.saved(text, path, encoding=encoding, newline=newline, bom=bom)
        return fingerprint

    def flush(self) -> None:
        """Return when all edits are on the disk. Raises `ManuscriptError` if they can't be."""
        if self._thread is None:
            return
        with self._flushes:
            self._asked += 1
            ticket = self._asked
            self._hurry.set()
            self._wake_thread()
            self._flushes.wait_for(lambda: self._done >= ticket)
        if self._error:
            raise ManuscriptError(self._error)

    def close(self, discard: bool) -> None:
        """End the record. More than once does no harm.

        With `discard` nothing is left behind. Without, edits since the last save are kept for
        recovery; raises `ManuscriptError` if they can't be.
        """
        if self._closing:
            return
        self._keep = not discard
        self._closing = True
        if self._thread is None:
            return
        self._hurry.set()
        self._wake.set()
        self._thread.join()
        if self._error and self._keep:
            raise ManuscriptError(self._error)

    def _wake_thread(self) -> None:
        if self._closing:
            raise RuntimeError("the journal is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        closing = False
        while not closing:
            self._wake.wait(_RETRY_AFTER_S if self._error else None)
            self._hurry.wait(self._interval_s)
            # Cleared before anything is looked at, so that what comes later wakes us again.
            self._hurry.clear()
            self._wake.clear()
            asked, closing = self._asked, self._closing
            self._bring_to_disk(closing)
            with self._flushes:
                self._done = asked
                self._flushes.notify_all()

    def _bring_to_disk(self, closing: bool) -> None:
        try:
            self._take_queue()
            if closing:
                self._file.close(keep=self._keep)
            else:
                self._file.sync()
        except Exception as error:  # Whatever it is, this thread must go on and try again.
            log.warning("the journal in %s can't be written", self._hidden, exc_info=True)
            why = reason(error) if isinstance(error, OSError) else f"of an error ({error})"
            self._error = (
                "What you type now would be lost in a crash, because "
                f"{shown_in_full(self._hidden)} can't be written: {why}. "
                "Save your text often, and make room or give access there; it is tried again."
            )
        else:
            self._error = None

    def _take_queue(self) -> None:
        edits: list[Edit] = []
        while self._queue:
            each = self._queue.popleft()
            if isinstance(each, Edit):
                edits.append(each)
            else:
                edits.clear()
                self._file.restart(each.base_text, each.document)
        self._file.record(edits)
