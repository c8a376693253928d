"""The life of one text in a window: where it comes from, its journal, where it is saved.

No dialogs here: what the writer has to be asked comes back as an error, and `studio.ui.filing`
asks it. Files are read and written in the background.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from studio.manuscript import (
    FileLease,
    Fingerprint,
    InUse,
    Journal,
    ManuscriptError,
    Project,
    Recovery,
    TextFile,
    read_text,
    same_file,
)
from studio.ui.background import in_background
from studio.ui.disk_watch import DiskWatch
from studio.ui.editor import Editor
from studio.ui.file_access import Form, Read, Save, as_sentence, read_to_edit
from studio.ui.notice import Notice, Weight
from studio.ui.replace_text import replace_text

log = logging.getLogger(__name__)

Then = Callable[[ManuscriptError | None], None]
"""Called when something is done, with None, or when it could not be done, with the reason."""

JOURNAL_TOPIC = "journal"
ENCODING_TOPIC = "encoding"
LOOK_AT_JOURNAL_MS = 2_000
UNTITLED = "Untitled"


class Document(QObject):
    """The text of one editor, and the file that it belongs to."""

    changed = Signal()
    """Its name, whether it is modified, or whether it can be written changed."""
    told = Signal(object)
    """A `Notice`."""
    over = Signal(str)
    """What notices of this topic said is over."""
    saved = Signal()
    """The file and the text are the same again."""
    unsaved_found = Signal(list)
    """The file that was opened has `Recovery`s."""

    def __init__(self, editor: Editor, data_dir: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.folder: Path | None = None
        """The folder that is open as a project, if any."""
        self.form = Form()
        self.read_only = False
        self.opening: Path | None = None
        self.watch = DiskWatch(self)
        self._editor = editor
        self._data_dir = data_dir
        self._title = UNTITLED
        self._fingerprint: Fingerprint | None = None
        self._lease: FileLease | None = None
        self._new_lease: FileLease | None = None
        self._journal: Journal | None
        self._edits_since: list[tuple[int, int, str]] | None = None
        """Edits since the snapshot that is being saved; None while nothing is."""
        self._waiting: list[Callable[[], None]] = []
        self.revision = 0
        """Another number after each change of the text."""
        self._began = object()  # another one for each text that is opened or begun
        self._journal_error: str | None = None
        self._look_at_journal = QTimer(self)
        self._look_at_journal.setInterval(LOOK_AT_JOURNAL_MS)
        self._look_at_journal.timeout.connect(self._check_journal)
        self._journal = self._new_journal("")
        editor.document().setModified(False)  # its margin counts as a change to Qt
        editor.edited.connect(self._on_edited)
        editor.document().modificationChanged.connect(lambda _modified: self.changed.emit())

    @property
    def name(self) -> str:
        """For the title of the window."""
        return self.path.name if self.path else self._title

    @property
    def modified(self) -> bool:
        """Whether closing would lose something. An empty text without a name is no loss."""
        if self.read_only or not self._editor.document().isModified():
            return False
        return self.path is not None or not self._editor.document().isEmpty()

    @property
    def pristine(self) -> bool:
        """Whether this is a new text that nobody has written in."""
        return (
            self.path is None
            and self.opening is None
            and not self._editor.document().isModified()
            and self._editor.document().isEmpty()
        )

    def text(self) -> str:
        """The whole text."""
        return self._editor.text()

    # -- opening ---------------------------------------------------------------------------

    def new(self, title: str = UNTITLED) -> None:
        """Begin a text without a name; what was open is let go."""
        self._let_go(discard=True)
        self._become("", path=None, form=Form(), fingerprint=None, lease=None)
        self._title = title
        self.changed.emit()

    def open(
        self, path: Path, then: Then, *, read_only: bool = False, any_size: bool = False
    ) -> None:
        """Open a file in the place of what was open, which stays if that fails.

        `then` gets `InUse`, `TooBig` (unless `any_size`), or what is wrong with the file.
        """
        self._stop_opening()
        if not read_only:
            try:
                self._new_lease = FileLease.take(path, self._data_dir)
            except InUse as error:
                then(error)
                return
            except ManuscriptError as error:
                self.told.emit(Notice(str(error)))
        self.opening = path
        self._editor.setReadOnly(True)
        self.changed.emit()
        project = self._project_of(path)

        def done(result: Read) -> None:
            if self.opening is path:
                self._opened(result, read_only)
                then(None)
                if result.recoveries:
                    self.unsaved_found.emit(result.recoveries)

        def failed(error: Exception) -> None:
            if self.opening is path:
                self._stop_opening()
            then(as_sentence(error, path))

        in_background(
            self,
            lambda: read_to_edit(path, project, any_size=any_size, recover=not read_only),
            done=done,
            failed=failed,
        )

    def open_copy(self, path: Path, then: Then) -> None:
        """Begin a text without a name that says what the file says."""

        def done(file: TextFile) -> None:
            self.new(f"Copy of {path.name}")
            replace_text(self._editor, file.text)
            then(None)

        in_background(
            self,
            lambda: read_text(path),
            done=done,
            failed=lambda error: then(as_sentence(error, path)),
        )

    def restore(self, recovery: Recovery) -> None:
        """Put a recovered text into the editor, as a change that can be undone.

        The file is not touched until the writer saves.
        """
        if self.path is None:
            self._begin_as(recovery)
        cursor = self._editor.textCursor()
        cursor.setPosition(replace_text(self._editor, recovery.text))
        self._editor.setTextCursor(cursor)
        self._editor.document().setModified(True)
        self.changed.emit()
        journal = self._journal

        def keep() -> None:
            """Forget the old journal only once the new one holds the text."""
            if journal:
                journal.flush()
                recovery.discard()

        in_background(
            self,
            keep,
            done=lambda _: None,
            failed=lambda error: log.warning("kept for the next start: %s", error),
        )

    def _begin_as(self, recovery: Recovery) -> None:
        """An empty text in the form of a recovery, and with its name if that is free."""
        self._let_go(discard=True)
        path, lease = recovery.path, None
        if path is not None:
            self._title = f"Copy of {path.name}"
            try:
                lease = None if path.exists() else FileLease.take(path, self._data_dir)
            except ManuscriptError as error:
                log.info("recovered without its name: %s", error)
        self._become(
            "",
            path=path if lease else None,
            form=Form.of(recovery),
            fingerprint=None,
            lease=lease,
        )

    # -- saving ----------------------------------------------------------------------------

    def save(
        self,
        then: Then,
        *,
        path: Path | None = None,
        form: Form | None = None,
        over_theirs: bool = False,
    ) -> None:
        """Write the text to its file, or to another `path`, or in another `form`.

        `then` gets `ChangedOnDisk` (unless `over_theirs`), `NotEncodable`, `InUse`, or what else
        stood in the way; the text in the window is never touched.
        """
        if self._edits_since is not None:
            self._waiting.append(
                lambda: self.save(then, path=path, form=form, over_theirs=over_theirs)
            )
            return
        target = self.path if same_file(path, self.path) else path or self.path
        if target is None:
            raise ValueError("a text without a name is saved under a path")
        moves = not same_file(target, self.path)
        lease: FileLease | None = None
        if moves:
            try:
                lease = FileLease.take(target, self._data_dir)
            except InUse as error:
                then(error)
                return
            except ManuscriptError as error:
                self.told.emit(Notice(str(error)))
        expected = None if moves or over_theirs else self._fingerprint
        self._edits_since = []
        self._write(Save(target, self.text(), form or self.form, expected, moves, lease), then)

    def _write(self, save: Save, then: Then) -> None:
        journal, began = self._journal, self._began

        def work() -> Fingerprint:
            # The journal holds the same text first: a kill between the two writes then finds
            # nothing to recover. One that can't be written is no reason not to save.
            if journal:
                with contextlib.suppress(ManuscriptError, RuntimeError):
                    journal.flush()
            return save.write()

        def done(written: Fingerprint) -> None:
            if began is not self._began:  # another text is in the window by now
                save.give_up()
                then(None)
                return
            self.form = save.form
            self._fingerprint = written
            if save.moves:
                self._move(save.path, save.lease, save.text)
            self._saved(save.text)
            then(None)
            self._save_next()

        def failed(error: Exception) -> None:
            save.give_up()
            if began is self._began:
                self._edits_since = None
            then(as_sentence(error, save.path))
            self._save_next()

        in_background(self, work, done=done, failed=failed)

    def read_theirs(
        self, done: Callable[[TextFile], None], failed: Callable[[ManuscriptError], None]
    ) -> None:
        """Read what another program made of the file."""
        if (path := self.path) is not None:
            in_background(
                self,
                lambda: read_text(path),
                done=done,
                failed=lambda error: failed(as_sentence(error, path)),
            )

    def take_theirs(self, file: TextFile) -> None:
        """Put the text of the file on disk in the place of ours; undo brings ours back."""
        self.form = Form.of(file)
        self._fingerprint = file.fingerprint
        replace_text(self._editor, file.text)
        self._saved(file.text)

    def keep_mine(self, theirs: Fingerprint) -> None:
        """The next save may write over `theirs`."""
        self._fingerprint = theirs
        self.differs()
        self.watch.follow(self.path, theirs)

    def differs(self) -> None:
        """The file on disk is another than this text, or gone: closing asks."""
        self._editor.document().setModified(True)

    # -- the end ---------------------------------------------------------------------------

    def close(self, *, discard: bool) -> None:
        """Let the file go. With `discard` its journal is thrown away, else it is offered again."""
        self._stop_opening()
        self._let_go(discard=discard)

    # -- within ----------------------------------------------------------------------------

    def _project_of(self, path: Path) -> Project:
        if self.folder and path.absolute().is_relative_to(self.folder.absolute()):
            with contextlib.suppress(ManuscriptError):  # such as a folder that was moved away
                return Project.of_folder(self.folder)
        return Project.of_file(path, self._data_dir)

    def _opened(self, read: Read, read_only: bool) -> None:
        path, file, lease = self.opening, read.file, self._new_lease
        self.opening = self._new_lease = None
        self._let_go(discard=True)
        form = Form.of(file)
        self.read_only = read_only
        self._become(file.text, path=path, form=form, fingerprint=file.fingerprint, lease=lease)
        if file.notes:
            # A guess has to be looked at: it stays until it is dismissed.
            weight = Weight.PROBLEM if file.guessed else Weight.INFORMATION
            self.told.emit(Notice(" ".join(file.notes), weight, topic=ENCODING_TOPIC))

    def _become(
        self,
        text: str,
        *,
        path: Path | None,
        form: Form,
        fingerprint: Fingerprint | None,
        lease: FileLease | None,
    ) -> None:
        self.path, self.form, self._fingerprint, self._lease = path, form, fingerprint, lease
        self._began = object()
        self.revision += 1
        self._edits_since = None
        self._waiting.clear()
        self._editor.load_text(text)
        self._editor.document().setModified(False)
        self._editor.setReadOnly(self.read_only)
        self._journal = None if self.read_only else self._new_journal(text)
        self.watch.follow(path, fingerprint)
        self.changed.emit()

    def _stop_opening(self) -> None:
        if self._new_lease:
            self._new_lease.release()
            self._new_lease = None
        if self.opening:
            self.opening = None
            self._editor.setReadOnly(self.read_only)
            self.changed.emit()

    def _let_go(self, *, discard: bool) -> None:
        if self._journal:
            self._look_at_journal.stop()
            try:
                self._journal.close(discard)
            except ManuscriptError as error:
                log.error("the journal could not be kept: %s", error)
            self._journal = None
        if self._lease:
            self._lease.release()
            self._lease = None
        self.read_only = False
        self.over.emit(ENCODING_TOPIC)
        self.watch.follow(None, None)

    def _on_edited(self, at: int, removed: int, inserted: str) -> None:
        self.revision += 1
        if self._journal:
            self._journal.edit(at, removed, inserted)
        if self._edits_since is not None:
            self._edits_since.append((at, removed, inserted))

    def _new_journal(self, base_text: str) -> Journal:
        project = self._project_of(self.path) if self.path else Project.untitled(self._data_dir)
        self._look_at_journal.start()
        return Journal(
            project,
            self.path,
            base_text,
            encoding=self.form.encoding,
            newline=self.form.newline,
            bom=self.form.bom,
        )

    def _move(self, path: Path, lease: FileLease | None, text: str) -> None:
        """The text lives at `path` from now on, and its journal in the project of `path`."""
        if self._lease:
            self._lease.release()
        self.path, self._lease, self.read_only = path, lease, False
        self._editor.setReadOnly(False)
        before, self._journal = self._journal, self._new_journal(text)
        if before:
            before.close(True)

    def _saved(self, text: str) -> None:
        edits, self._edits_since = self._edits_since or [], None
        if self._journal:
            form = self.form
            self._journal.saved(text, encoding=form.encoding, newline=form.newline, bom=form.bom)
            for edit in edits:
                self._journal.edit(*edit)
        if not edits:
            self._editor.document().setModified(False)
        self.watch.follow(self.path, self._fingerprint)
        self.changed.emit()
        self.saved.emit()

    def _save_next(self) -> None:
        if self._waiting:
            self._waiting.pop(0)()

    def _check_journal(self) -> None:
        error = self._journal.error if self._journal else None
        if error != self._journal_error:
            self._journal_error = error
            if error:
                self.told.emit(Notice(error, Weight.PROBLEM, topic=JOURNAL_TOPIC))
            else:
                self.over.emit(JOURNAL_TOPIC)
