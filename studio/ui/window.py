"""A window: one text, and everything around it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QMainWindow, QVBoxLayout, QWidget

from studio.manuscript import TEXT_SUFFIXES, same_file
from studio.settings import Settings, SettingsError
from studio.ui.adapter_bar import AdapterBar
from studio.ui.adapter_menu import adapter_file_dialog
from studio.ui.asking import AskingChoice
from studio.ui.completer import Completer
from studio.ui.craft_choice import CraftChoice
from studio.ui.desk import Desk
from studio.ui.document import Document
from studio.ui.editor import Editor
from studio.ui.files_panel import FilesPanel
from studio.ui.filing import Filing
from studio.ui.find_bar import FindBar
from studio.ui.grey_keys import shown
from studio.ui.line_bar import LineBar
from studio.ui.memory import Memory
from studio.ui.menus import Menus
from studio.ui.model_choice import ModelChoice
from studio.ui.notice import Choice, Notice, NoticeBar
from studio.ui.open_files import OpenFiles
from studio.ui.own_words import TOPIC as WORDS_TOPIC
from studio.ui.own_words import AddedFolders, OwnWords
from studio.ui.status_bar import WritingStatusBar
from studio.ui.steered import Steered
from studio.ui.suggesting import Suggesting
from studio.ui.verse_margin import VerseMargin
from studio.ui.word_folders import word_folder_dialog
from studio.writing.craft import Craft
from studio.writing.languages import CODE_SUFFIXES, language_of

if TYPE_CHECKING:
    from studio.ui.sees_panel import SeesPanel
    from studio.ui.tuning_panel import TuningPanel

FIRST_SIZE = QSize(1000, 720)
SMALLEST = QSize(620, 360)  # both panels and a notice fit
FOCUS_MODE = "Focus mode. Shift+F11 brings the rest back."
EMPTY = "Write here. Lamplight goes on in grey, and {} takes it."
TAB = "What should {} take of a suggestion?"
FORGOTTEN = "How sure a suggestion must be is learned anew. Words of your texts stay known."
STOPPED = "Stopped. The words that were counted are kept, and the next start goes on with the rest."


class Window(QMainWindow):
    """The parts of one window, and what its menus do."""

    open_wanted = Signal(Path)
    """The writer wants this file, in whatever window."""
    new_window_wanted = Signal()
    quit_wanted = Signal()
    closed = Signal()
    """It is closed for good."""

    def __init__(
        self,
        desk: Desk,
        model: ModelChoice,
        memory: Memory,
        suggesting: Suggesting,
        added: AddedFolders,
    ) -> None:
        super().__init__()
        self.desk = desk
        self.model = model
        self.memory = memory
        self.editor = Editor(desk.settings)
        self.editor.setAccessibleName("Text")
        self.steered = Steered(desk, self)
        self._suggesting = suggesting
        self.own_words = OwnWords(desk, added, self)
        self.completer = Completer(
            self.editor, desk, suggesting, self, self.steered.prompt, self.own_words.endings
        )
        self.asking = AskingChoice(desk.settings, suggesting, self.completer, self.change, self)
        self.find_bar = FindBar(self.editor)
        self.line_bar = LineBar(self.editor, desk)
        self.adapter_bar = AdapterBar(self.editor, model.adapters)
        self.verse_margin = VerseMargin(self.editor, desk.load_sounds)
        self.notices = NoticeBar()
        self.document = Document(self.editor, desk.data_dir, self)
        self.craft = CraftChoice(self.editor, self.document)
        self.open_files = OpenFiles(self.editor, self.document, self.steered)
        self.filing = Filing(self, self.document, self.notices, memory)
        self._files: FilesPanel | None = None
        self._sees: SeesPanel | None = None
        self._tuning: TuningPanel | None = None
        self._tuning_was_shown = False
        self._settled = False
        self._path: Path | None = None
        self._alone = False
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.editor, 1)
        column.addWidget(self.find_bar)
        column.addWidget(self.line_bar)
        column.addWidget(self.adapter_bar)
        column.addWidget(self.notices)
        self.setCentralWidget(inside)
        self.setFocusProxy(self.editor)
        self.menus = Menus(self)
        self.status = WritingStatusBar(self.editor, model, self.menus.model, self.asking)
        self.setStatusBar(self.status)
        self.setAcceptDrops(True)
        self.setMinimumSize(SMALLEST)
        self.resize(FIRST_SIZE)
        self._connect()
        self._show_document()
        self._show_craft()
        self._take(desk.settings.current)
        self.editor.setFocus()

    # -- the File menu ---------------------------------------------------------------------

    def new(self) -> None:
        """Begin a new text here, once the present one has been dealt with."""
        self.filing.settle(self.document.new)

    def open(self, path: Path) -> None:
        """Open a file: here if nothing was written here yet, else in a window of its own."""
        self.open_wanted.emit(path)

    def open_dialog(self) -> None:
        """Ask for a file and open it."""
        dialog = QFileDialog(self, "Open", str(self._folder_to_open()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        texts, code = (
            " ".join(f"*{suffix}" for suffix in sorted(suffixes))
            for suffixes in (TEXT_SUFFIXES, CODE_SUFFIXES)
        )
        dialog.setNameFilters([f"Texts ({texts})", f"Code ({code})", "All files (*)"])
        dialog.fileSelected.connect(lambda name: self.open(Path(name)))
        dialog.open()

    def open_folder_dialog(self) -> None:
        """Ask for a folder and list its texts."""
        dialog = QFileDialog(self, "Open folder", str(self._folder_to_open()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.open_folder(Path(name)))
        dialog.open()

    def open_folder(self, folder: Path) -> None:
        """List the texts of `folder` beside the editor."""
        self.document.folder = folder
        self.memory.add("folders", folder)
        self.menus.files.setChecked(True)
        self.show_files(True)
        self._files_panel().show_folder(folder)
        self.steered.follow(self.document.path, folder)
        self.own_words.follow(self.document.path, folder)

    def place_as_before(self) -> None:
        """Put it where the window that was closed last was."""
        self.restoreGeometry(QByteArray.fromBase64(self.memory.geometry.encode()))

    def close_now(self, *, discard: bool) -> None:
        """Close without a question; unsaved text is thrown away or offered at the next start."""
        self._settled = True
        self.document.close(discard=discard)
        self.close()

    # -- the other menus -------------------------------------------------------------------

    def change(self, **values: Any) -> None:
        """Change a setting, and say so if it can't be kept."""
        try:
            self.desk.settings.change(**values)
        except SettingsError as error:
            self.notices.tell(str(error))

    def settings(self) -> None:
        """Open the settings."""
        from studio.ui.runs_on import RunsOn  # here: not needed to start
        from studio.ui.settings_dialog import SettingsDialog

        heads = {"Machine": RunsOn(self.model, self.desk.settings)}
        SettingsDialog(self.desk.settings, self, heads, self.menus.keys()).open()

    def forget_what_was_learned(self) -> None:
        """Begin afresh with how sure a suggestion must be."""
        self._suggesting.learned.forget()
        self.notices.tell(FORGOTTEN)

    def add_word_folder_dialog(self) -> None:
        """Ask for a folder with texts of the writer's, and learn words from them."""
        dialog = word_folder_dialog(self)
        dialog.fileSelected.connect(self.add_word_folder)
        dialog.open()

    def add_word_folder(self, folder: str) -> None:
        """Learn words from the texts in `folder` from now on."""
        known = self.desk.settings.current.word_folders
        self.change(
            own_words=True, word_folders=(*(each for each in known if each != folder), folder)
        )
        if folder in self.desk.settings.current.word_folders:
            name = Path(folder).name or folder
            self.notices.show_notice(
                Notice(f"Words are learned from the texts in ‘{name}’.", topic=WORDS_TOPIC)
            )

    def stop_learning_words(self) -> None:
        """Count no more texts for now."""
        self.own_words.stop()
        self.notices.show_notice(Notice(STOPPED, topic=WORDS_TOPIC))

    def show_files(self, shown: bool) -> None:
        """Show or hide the texts of the folder."""
        if shown or self._files:
            self._files_panel().setVisible(shown)

    def show_what_the_model_sees(self, shown: bool) -> None:
        """Show or hide the prompt beside the text."""
        if self._sees is None and shown:
            from studio.ui.sees_panel import SeesPanel  # here: not needed to start

            self._sees = SeesPanel(self.editor, self.desk, self.model, self.steered, self)
            self._sees.visibilityChanged.connect(self._panel_shown)
            self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._sees)
        if self._sees:
            self._sees.setVisible(shown)

    def show_full_screen(self, full: bool) -> None:
        """Use the whole screen, or a window on it."""
        self.setWindowState(
            self.windowState() | Qt.WindowState.WindowFullScreen
            if full
            else self.windowState() & ~Qt.WindowState.WindowFullScreen
        )

    def show_text_alone(self, alone: bool) -> None:
        """Hide everything but the text, and show the text on the whole screen."""
        self._alone = alone
        self.menuBar().setVisible(not alone)
        self.status.setVisible(not alone)
        self.show_files(not alone and self.menus.files.isChecked())
        self.show_what_the_model_sees(not alone and self.menus.sees.isChecked())
        self._hide_tuning(alone)
        self.show_full_screen(alone)
        if alone:
            self.notices.show_notice(Notice(FOCUS_MODE, topic=FOCUS_MODE))
        else:
            self.notices.withdraw(FOCUS_MODE)

    def show_tuning(self) -> None:
        """Show what is tuned, or what tuning needs, beside the text."""
        if self._tuning is None:
            from studio.ui.tuning_panel import TuningPanel  # here: not needed to start

            self._tuning = TuningPanel(self.desk, self.model, self._project, self)
            self._tuning.adapter_wanted.connect(self.use_adapter)
            self._tuning.told.connect(self.notices.show_notice)
            self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._tuning)
        self._tuning.show()
        self._tuning.raise_()
        self._tuning.take_focus()

    def use_adapter(self, path: Path) -> None:
        """Write with this adapter from now on. A notice says why if it can't be used, and offers
        the model that it was made for."""
        self.model.adapters.use(path)

    def open_adapter_dialog(self) -> None:
        """Ask for the file of an adapter and use it."""
        chosen = self.model.adapters.chosen
        dialog = adapter_file_dialog(self, chosen.path.parent if chosen else None)
        dialog.fileSelected.connect(lambda name: self.use_adapter(Path(name)))
        dialog.open()

    def bake_adapter_dialog(self) -> None:
        """Ask for the name of a copy of the model that has the adapter in it, and make it."""
        from studio.ui.baking import Baking  # here: not needed to start

        Baking(self.model, self.notices.show_notice, self).begin()

    def keys(self) -> None:
        """Show all keys."""
        from studio.ui.help_dialogs import KeysDialog  # here: not needed to start

        KeysDialog(self.menuBar(), self).open()

    def about(self) -> None:
        """Show version and licences."""
        from studio.ui.help_dialogs import AboutDialog  # here: not needed to start

        AboutDialog(self).open()

    def focus_next_part(self) -> None:
        """Move the focus from the text to the notice, the panels, the model, and back."""
        parts: list[tuple[QWidget, Any]] = [(self.editor, self.editor.setFocus)]
        if self.notices.isVisible():
            parts.append((self.notices, self.notices.take_focus))
        if self._files and self._files.isVisible():
            parts.append((self._files, self._files.take_focus))
        if self._sees and self._sees.isVisible():
            parts.append((self._sees, self._sees.take_focus))
        if self._tuning and self._tuning.isVisible():
            parts.append((self._tuning, self._tuning.take_focus))
        if self.status.isVisible():
            parts.append((self.status, self.status.take_focus))
        focused = self.focusWidget()
        here = next(
            (
                i
                for i, (part, _) in enumerate(parts)
                if focused and (part is focused or part.isAncestorOf(focused))
            ),
            -1,
        )
        parts[(here + 1) % len(parts)][1]()

    # -- within ----------------------------------------------------------------------------

    def _connect(self) -> None:
        self.document.changed.connect(self._show_document)
        self.document.told.connect(self.notices.show_notice)
        self.document.over.connect(self.notices.withdraw)
        self.completer.told.connect(self.notices.tell)
        self.completer.prompt_read.connect(self.steered.learn)
        self.completer.tab_asked.connect(self._ask_about_tab)
        self.model.changed.connect(self.completer.configure)
        self.model.adapters.swapped.connect(self.completer.forget)
        self.adapter_bar.file_wanted.connect(self.open_adapter_dialog)
        self.menus.adapter.bar_wanted.connect(self.adapter_bar.open)
        self.menus.adapter.file_wanted.connect(self.open_adapter_dialog)
        self.menus.adapter.baking_wanted.connect(self.bake_adapter_dialog)
        self.status.adapter_wanted.connect(self.adapter_bar.open)
        self.steered.changed.connect(self.completer.forget)
        self.steered.told.connect(self.notices.show_notice)
        self.steered.over.connect(self.notices.withdraw)
        self.completer.state_changed.connect(self.status.show_state)
        self.document.saved.connect(self.own_words.saved)
        self.own_words.state_changed.connect(self.status.show_reading)
        self.own_words.state_changed.connect(self.menus.show_reading)
        self.closed.connect(self.own_words.end)
        self.editor.told.connect(self.notices.tell)
        self.editor.edited.connect(self._at_work)
        self.editor.cursor_moved.connect(self._at_work)
        self.line_bar.told.connect(self.notices.tell)
        self.craft.changed.connect(self._show_craft)
        self.notices.left.connect(self.editor.setFocus)
        stop = self.desk.settings.listen(self._take)
        self.closed.connect(stop)

    def _take(self, settings: Settings) -> None:
        self.menus.show_settings()
        self.editor.setPlaceholderText(EMPTY.format(shown(settings.key_accept) or "a key"))

    def _ask_about_tab(self) -> None:
        """The first time, and until it is answered; nothing is inserted meanwhile."""

        def answer(takes: str) -> None:
            self.change(tab_takes=takes)
            self.completer.take_as_said()

        key = shown(self.desk.settings.current.key_accept)
        choices = (
            Choice("&All of it", f"{key} takes the whole suggestion", lambda: answer("all")),
            Choice("One &word", f"{key} takes one word at a time", lambda: answer("word")),
        )
        self.notices.show_notice(Notice(TAB.format(key), choices=choices, topic=TAB))

    def _show_document(self) -> None:
        document = self.document
        name = document.name + (" (read only)" if document.read_only else "")
        if document.opening:
            name = f"Opening {document.opening.name}…"
        self.setWindowTitle(f"{name}[*] — Lamplight")
        self.setWindowModified(document.modified)
        self.editor.write_in(language_of(document.path))
        self.completer.writes(self.craft.craft, language_of(document.path))
        if self._files:
            self._files.mark(document.path)
        self.steered.follow(document.path, document.folder)
        self.own_words.follow(document.path, document.folder)
        if document.path != self._path:
            self._path = document.path
            self.open_files.look()
            self.completer.opened()

    def _show_craft(self) -> None:
        self.menus.show_craft()
        self.completer.writes(self.craft.craft, language_of(self.document.path))
        self.verse_margin.show_for_verse(self.craft.craft is Craft.LYRICS)

    def _files_panel(self) -> FilesPanel:
        if self._files is None:
            self._files = FilesPanel(tuple(sorted(TEXT_SUFFIXES | CODE_SUFFIXES)), self)
            self._files.chosen.connect(self._open_from_folder)
            self._files.folder_wanted.connect(self.open_folder_dialog)
            self._files.visibilityChanged.connect(self._panel_shown)
            self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self._files)
        return self._files

    def _panel_shown(self, _: bool) -> None:
        """A panel may also be closed by its own cross."""
        if self._alone:
            return
        if self._files:
            self.menus.files.setChecked(not self._files.isHidden())
        if self._sees:
            self.menus.sees.setChecked(not self._sees.isHidden())

    def _open_from_folder(self, path: Path) -> None:
        if not same_file(path, self.document.path):
            self.filing.open_after_asking(path)

    def _hide_tuning(self, alone: bool) -> None:
        """Put its panel away for the text alone, and back where it was."""
        if self._tuning is None:
            return
        if alone:
            self._tuning_was_shown = not self._tuning.isHidden()
        self._tuning.setVisible(not alone and self._tuning_was_shown)

    def _at_work(self) -> None:
        if self.desk.settings.current.tune_only_when_idle:
            self.desk.writer_first.at_work()

    def _project(self) -> Path | None:
        """What is written in: the folder that is open, or the file."""
        return self.document.folder or self.document.path

    def _folder_to_open(self) -> Path:
        recent = self.memory.for_menu("files")
        here = self.document.path or (recent[0] if recent else None)
        return self.document.folder or (here.parent if here else Path.home())

    # -- events ----------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self.document.watch.look()
            self.steered.look()
            self.open_files.look()
            self.model.adapters.look()
        elif event.type() is QEvent.Type.WindowStateChange:
            self.menus.full_screen.setChecked(self.isFullScreen())

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._settled:
            if self.document.modified:
                event.ignore()
                self.filing.settle(lambda: self.close_now(discard=True))
                return
            self._settled = True
            self.document.close(discard=True)
        if not self.isFullScreen():
            self.memory.geometry = self.saveGeometry().toBase64().toStdString()
        super().closeEvent(event)
        self.closed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _files_in(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for path in _files_in(event.mimeData()):
            if path.is_dir():
                self.open_folder(path)
            else:
                self.open(path)
        event.acceptProposedAction()


def _files_in(dragged: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in dragged.urls() if url.isLocalFile()]
