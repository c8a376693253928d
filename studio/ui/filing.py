"""Opening, saving and closing in one window, with the questions that come up on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget
from shiboken6 import isValid

from studio.manuscript import ChangedOnDisk, InUse, ManuscriptError, NotEncodable, TextFile
from studio.ui.disk_watch import Found
from studio.ui.document import Document
from studio.ui.file_access import Form, TooBig
from studio.ui.memory import Memory
from studio.ui.notice import Choice, Notice, NoticeBar, Weight
from studio.ui.question import Answer, Role, ask
from studio.ui.recovery_dialog import CompareDialog

SAVE_TOPIC = "save"
DISK_TOPIC = "disk"


class Filing(QObject):
    """What the File menu does. Every question is a dialog of the window, never waited for."""

    def __init__(
        self, window: QWidget, document: Document, notices: NoticeBar, memory: Memory
    ) -> None:
        super().__init__(window)
        self._window = window
        self._document = document
        self._notices = notices
        self._memory = memory
        self._gone = False  # the writer knows that the file is not on the disk any more
        self._asking: QMessageBox | None = None
        document.watch.found.connect(self._on_disk)

    # -- opening ---------------------------------------------------------------------------

    def open(self, path: Path, *, read_only: bool = False, any_size: bool = False) -> None:
        """Open a file in this window; what was open has been dealt with."""

        def then(error: ManuscriptError | None) -> None:
            if error is None:
                self._notices.withdraw(SAVE_TOPIC)
                self._notices.withdraw(DISK_TOPIC)
                self._memory.add("files", path)
            elif isinstance(error, InUse):
                self._ask_in_use(path, error)
            elif isinstance(error, TooBig):
                self._ask_too_big(path, error, read_only=read_only)
            else:
                self._problem(error)

        self._document.open(path, then, read_only=read_only, any_size=any_size)

    def open_after_asking(self, path: Path) -> None:
        """Open a file in this window, once the writer has saved what is in it or let it go."""
        self.settle(lambda: self.open(path))

    def _ask_in_use(self, path: Path, error: InUse) -> None:
        ask(
            self._window,
            str(error),
            "You can read it here meanwhile, or go on in a copy without a name.",
            [
                Answer(
                    "Open to read only",
                    "Show the text here; it can't be changed in this window",
                    lambda: self.open(path, read_only=True),
                ),
                Answer(
                    "Open a copy",
                    "Begin a new text with the same words",
                    lambda: self._document.open_copy(path, self._tell_problem),
                ),
            ],
        )

    def _ask_too_big(self, path: Path, error: TooBig, *, read_only: bool) -> None:
        ask(
            self._window,
            f"{error} Open it all the same?",
            "It may take a while, and several times its size in memory.",
            [
                Answer(
                    "Open it",
                    "Open the file, however large it is",
                    lambda: self.open(path, read_only=read_only, any_size=True),
                )
            ],
        )

    # -- saving ----------------------------------------------------------------------------

    def save(self, saved: Callable[[], None] | None = None) -> None:
        """Save under the name it has, or ask for one; `saved` is called if that succeeds."""
        if self._document.path is None or self._document.read_only:
            self.save_as(saved)
        else:
            self._save(saved)

    def save_as(self, saved: Callable[[], None] | None = None) -> None:
        """Ask for a name and save."""
        document = self._document
        folder = document.folder or next(
            (path.parent for path in self._memory.for_menu("files")), Path.home()
        )
        proposed = document.path or folder / f"{document.name}.txt"
        dialog = QFileDialog(self._window, "Save as", str(proposed.parent))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["Texts (*.txt *.md *.markdown *.text)", "All files (*)"])
        dialog.setDefaultSuffix("txt")
        dialog.selectFile(proposed.name)
        dialog.fileSelected.connect(lambda name: self._save(saved, path=Path(name)))
        dialog.open()

    def _save(
        self,
        saved: Callable[[], None] | None,
        *,
        path: Path | None = None,
        form: Form | None = None,
        over_theirs: bool = False,
    ) -> None:
        target = path or self._document.path or Path()

        def then(error: ManuscriptError | None) -> None:
            if error is None:
                self._gone = False
                self._notices.withdraw(SAVE_TOPIC)
                self._notices.withdraw(DISK_TOPIC)
                if self._document.path:
                    self._memory.add("files", self._document.path)
                if saved:
                    saved()
            elif isinstance(error, ChangedOnDisk):
                if self._gone and not target.exists():
                    self._save(saved, over_theirs=True)
                else:
                    self._ask_changed(saved)
            else:
                self._tell_not_saved(error, saved, path)

        self._document.save(then, path=path, form=form, over_theirs=over_theirs)

    def _tell_not_saved(
        self, error: ManuscriptError, saved: Callable[[], None] | None, path: Path | None
    ) -> None:
        choices = [Choice("Save as…", "Save the text elsewhere", lambda: self.save_as(saved))]
        if isinstance(error, NotEncodable):
            as_utf8 = self._document.form.in_utf8()
            choices.insert(
                0,
                Choice(
                    "Save as UTF-8",
                    "UTF-8 has every character",
                    lambda: self._save(saved, path=path, form=as_utf8),
                ),
            )
        else:
            again = Choice("Try again", "Save once more", lambda: self._save(saved, path=path))
            choices.append(again)
        self._notices.show_notice(Notice(str(error), Weight.PROBLEM, tuple(choices), SAVE_TOPIC))

    # -- closing ---------------------------------------------------------------------------

    def settle(self, then: Callable[[], None]) -> None:
        """Ask what is to become of unsaved text, then go on; "Cancel" ends it here.

        What was typed while the text was being saved is asked about, too.
        """
        document = self._document
        if not document.modified:
            then()
            return
        if self._asking and isValid(self._asking) and self._asking.isVisible():
            self._asking.raise_()
            return
        self._asking = ask(
            self._window,
            f"Save the changes to “{document.name}”?",
            "Without saving, what you wrote since the last save is lost.",
            [
                Answer("&Save", "Save, then go on", lambda: self.save(lambda: self.settle(then))),
                Answer(
                    "&Don’t save",
                    "Go on, and lose the changes",
                    then,
                    Role.DestructiveRole,
                ),
            ],
        )

    # -- changed by another program --------------------------------------------------------

    def _on_disk(self, found: Found) -> None:
        name = self._document.name
        self._gone = found is Found.GONE
        if found is Found.SAME:
            self._notices.withdraw(DISK_TOPIC)
        elif found is Found.GONE:
            self._document.differs()
            sentence = f"‘{name}’ is not on the disk any more. Saving puts it back."
            again = Choice("Save", "Write the file again", self.save)
            elsewhere = Choice("Save as…", "Save the text elsewhere", self.save_as)
            self._notices.show_notice(
                Notice(sentence, Weight.PROBLEM, (again, elsewhere), DISK_TOPIC)
            )
        else:
            self._notices.show_notice(
                Notice(
                    f"‘{name}’ was changed by another program.",
                    Weight.PROBLEM,
                    (
                        Choice("Keep mine", _KEEP_TIP, self._keep_mine),
                        Choice("Load theirs", _LOAD_TIP, self._load_theirs),
                        Choice("Compare…", _COMPARE_TIP, self._compare),
                    ),
                    DISK_TOPIC,
                )
            )

    def _ask_changed(self, saved: Callable[[], None] | None) -> None:
        """The file changed just before a save; nothing was written."""
        document = self._document
        if document.path and not document.path.exists():
            ask(
                self._window,
                f"‘{document.name}’ is not on the disk any more.",
                "It was deleted, moved or renamed by another program.",
                [
                    Answer(
                        "Save it again",
                        "Write the file again where it was",
                        lambda: self._save(saved, over_theirs=True),
                    ),
                    Answer("Save as…", "Save the text elsewhere", lambda: self.save_as(saved)),
                ],
            )
            return
        ask(
            self._window,
            f"‘{document.name}’ was changed by another program since you opened or saved it.",
            "Nothing has been saved yet.",
            [
                Answer("Compare…", _COMPARE_TIP, lambda: self._compare(saved)),
                Answer(
                    "Keep mine",
                    "Save your text over the other one",
                    lambda: self._save(saved, over_theirs=True),
                    Role.DestructiveRole,
                ),
                Answer("Load theirs", _LOAD_TIP, self._load_theirs, Role.ActionRole),
            ],
        )

    def _keep_mine(self) -> None:
        self._document.read_theirs(
            lambda theirs: self._document.keep_mine(theirs.fingerprint), self._problem
        )

    def _load_theirs(self) -> None:
        def take(theirs: TextFile) -> None:
            self._document.take_theirs(theirs)
            self._notices.withdraw(DISK_TOPIC)
            self._notices.tell("The other text is here now. Undo brings yours back.")

        self._document.read_theirs(take, self._problem)

    def _compare(self, saved: Callable[[], None] | None = None) -> None:
        def show(theirs: TextFile) -> None:
            dialog = CompareDialog(
                self._document.name, theirs.text, self._document.text(), self._window
            )

            def keep() -> None:
                self._document.keep_mine(theirs.fingerprint)
                self._notices.withdraw(DISK_TOPIC)
                if saved:
                    self._save(saved)

            def load() -> None:
                self._document.take_theirs(theirs)
                self._notices.withdraw(DISK_TOPIC)

            dialog.keep_mine.connect(keep)
            dialog.load_theirs.connect(load)
            dialog.open()

        self._document.read_theirs(show, self._problem)

    def _tell_problem(self, error: ManuscriptError | None) -> None:
        if error:
            self._problem(error)

    def _problem(self, error: ManuscriptError) -> None:
        self._notices.show_notice(Notice(str(error), Weight.PROBLEM))


_KEEP_TIP = "Stay with this text; saving it writes over the other one"
_LOAD_TIP = "Take the text from the disk; undo brings yours back"
_COMPARE_TIP = "Show where the two texts differ"
