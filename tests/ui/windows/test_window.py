"""What the windows do together: titles, menus, panels, closing, quitting."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QAction, QDropEvent, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QToolTip,
    QTreeView,
)

from studio.manuscript import pending_untitled
from studio.ui.help_dialogs import AboutDialog, KeysDialog
from studio.ui.notice import Choice, Notice, Weight
from studio.ui.tuning_panel import TuningPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from studio.ui.window import Window
    from tests.ui.windows.conftest import House, ToldClient


def _action(window: Window, label: str) -> QAction:
    for action in window.actions():
        if action.text().replace("&", "").partition("\t")[0] == label:
            return action
    raise AssertionError(f"there is no “{label}” in the menus")


def test_the_title_names_the_text_and_shows_whether_it_is_saved(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter)
    assert window.windowTitle() == "chapter.txt[*] — Lamplight"
    assert not window.isWindowModified()
    house.types("More.")
    assert window.isWindowModified()
    window.editor.undo()
    assert not window.isWindowModified()


def test_the_column_follows_when_a_mark_is_deleted_as_a_word(house: House, qtbot: QtBot) -> None:
    """Qt does not tell that the cursor has moved then."""
    house.lamplight.begin([])
    window = house.window
    house.types("One.")
    place = next(
        each for each in window.findChildren(QLabel) if each.accessibleName() == "Line and column"
    )
    qtbot.waitUntil(lambda: place.text() == "1:5")
    QTest.keyClick(window.editor, Qt.Key.Key_Backspace, Qt.KeyboardModifier.ControlModifier)
    assert window.editor.text() == "One"
    qtbot.waitUntil(lambda: place.text() == "1:4")


def test_an_empty_window_is_used_for_the_first_file_and_others_get_their_own(
    house: House, chapter: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("Other.")
    house.opens(chapter, other)
    assert [window.document.path for window in house.lamplight.windows] == [chapter, other]


def test_a_file_that_is_open_is_shown_where_it_is(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    window.new_window_wanted.emit()
    assert len(house.lamplight.windows) == 2
    house.window.open(chapter)
    assert len(house.lamplight.windows) == 2
    assert house.window.document.path is None


def test_closing_unsaved_text_asks_and_cancel_stays(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    house.types("More.")
    window.close()
    assert "Save the changes" in house.question()
    house.answers("Cancel")
    assert house.lamplight.windows == [window]
    assert window.isVisible()


def test_closing_asks_only_once_at_a_time(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    house.types("More.")
    window.close()
    window.close()
    house.answers("Cancel")
    assert house.question() == ""


def test_closing_can_save_first(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    house.types("More.")
    window.close()
    house.answers("Save")
    house.waits(lambda: not house.lamplight.windows)
    assert chapter.read_text("utf-8") == "The lamp was lit.\nMore."


def test_closing_without_saving_leaves_the_file_and_nothing_to_recover(
    house: House, chapter: Path
) -> None:
    house.opens(chapter).close()
    assert house.question() == ""
    assert house.lamplight.windows == []
    window = house.starts_again()
    house.types("Never mind.")
    window.close()
    house.answers("Don’t save")
    assert house.lamplight.windows == []
    assert pending_untitled(house.desk.data_dir) == []


def test_a_save_that_fails_keeps_the_window_open(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    window.editor.insertPlainText("\0")
    window.close()
    house.answers("Save")
    house.waits(house.notice)
    assert house.lamplight.windows == [window]


def test_an_empty_text_without_a_name_is_closed_without_a_question(house: House) -> None:
    house.opens()
    house.types("x")
    house.window.editor.undo()
    house.window.close()
    assert house.lamplight.windows == []


def test_quitting_asks_in_each_window_and_cancel_keeps_them_all(
    house: House, chapter: Path
) -> None:
    first = house.opens(chapter)
    house.types("One.")
    first.new_window_wanted.emit()
    house.types("Two.")
    first.quit_wanted.emit()
    house.answers("Don’t save")
    house.answers("Cancel")
    assert len(house.lamplight.windows) == 2
    first.quit_wanted.emit()
    house.answers("Don’t save")
    house.answers("Don’t save")
    assert house.lamplight.windows == []


def test_a_signal_ends_it_without_a_question_and_keeps_the_journal(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    house.opens()
    house.types("Half a sentence")
    house.lamplight.guard()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        house.waits(lambda: not house.lamplight.windows)
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert [each.text for each in pending_untitled(house.desk.data_dir)] == ["Half a sentence"]


def test_an_unexpected_error_is_one_quiet_sentence(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    house.opens()
    house.lamplight.guard()
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.excepthook(ValueError, ValueError("x"), None)
    house.waits(house.notice)
    assert house.notice().startswith("Something went wrong inside Lamplight; your text is safe")


def test_the_end_stops_the_model(house: House, client: ToldClient) -> None:
    house.opens()
    house.lamplight.end()
    assert client.closed
    assert client.listeners == []


def test_the_status_bar_counts_words_and_says_where_the_cursor_is(
    house: House, chapter: Path
) -> None:
    house.opens(chapter)
    house.types("Two words")
    shown = house.window.status
    house.waits(lambda: shown._words.text() == "6 words")
    assert shown._place.text() == "2:10"


def test_every_action_says_what_it_does_and_no_key_means_two_things(house: House) -> None:
    window = house.opens()
    window.menus.recent.aboutToShow.emit()
    taken: dict[str, str] = {}
    for action in window.actions():
        assert action.statusTip(), action.text()
        assert action.toolTip() != action.text(), action.text()
        for key in action.shortcuts():
            name = key.toString()
            assert name not in taken, f"{name}: {action.text()} and {taken[name]}"
            taken[name] = action.text()


def test_every_control_has_a_name_and_a_tip(house: House, tmp_path: Path) -> None:
    window = house.opens()
    window.open_folder(tmp_path)
    window.show_tuning()
    for kind in (QPushButton, QToolButton, QComboBox):
        for control in window.findChildren(kind):
            if control.objectName().startswith("qt_") or isinstance(
                control.parentWidget(), QLineEdit
            ):
                continue  # Qt\'s own
            assert control.accessibleName() or control.text(), control.parentWidget()
            assert control.toolTip(), (control.text(), control.parentWidget())


def test_recent_files_are_listed_and_missing_ones_dropped(
    house: House, chapter: Path, tmp_path: Path
) -> None:
    other = tmp_path / "gone.txt"
    other.write_text("x")
    window = house.opens(chapter, other)
    other.unlink()
    window.menus.recent.aboutToShow.emit()
    assert [action.text() for action in window.menus.recent.actions()] == ["chapter.txt"]


def test_the_folder_lists_texts_only_and_opens_them_here(house: House, chapter: Path) -> None:
    folder = chapter.parent
    (folder / "second.md").write_text("Second.")
    (folder / "picture.png").write_bytes(b"x")
    (folder / ".hidden.txt").write_text("x")
    window = house.opens(folder)
    tree = window.findChild(QTreeView)
    model = tree.model()

    def listed() -> list[str]:
        root = tree.rootIndex()
        return [model.index(i, 0, root).data() for i in range(model.rowCount(root))]

    house.waits(lambda: len(listed()) == 2)
    assert sorted(listed()) == ["chapter.txt", "second.md"]
    tree.clicked.emit(model.index(listed().index("chapter.txt"), 0, tree.rootIndex()))
    house.waits(lambda: window.document.path == chapter)
    house.types("Unsaved.")
    tree.clicked.emit(model.index(listed().index("second.md"), 0, tree.rootIndex()))
    house.answers("Save")
    house.waits(lambda: window.document.path == folder / "second.md")
    assert chapter.read_text("utf-8").endswith("Unsaved.")
    assert (folder / ".lamplight").exists() is False


def test_chapters_are_listed_by_their_number_and_folders_first(
    house: House, tmp_path: Path
) -> None:
    for name in ("Chapter 10.txt", "Chapter 2.txt", "chapter 1.txt"):
        (tmp_path / "saga" / "part").mkdir(parents=True, exist_ok=True)
        (tmp_path / "saga" / name).write_text("x")
    window = house.opens(tmp_path / "saga")
    tree = window.findChild(QTreeView)
    model = tree.model()

    def listed() -> list[str]:
        root = tree.rootIndex()
        return [model.index(i, 0, root).data() for i in range(model.rowCount(root))]

    house.waits(lambda: len(listed()) == 4)
    assert listed() == ["part", "chapter 1.txt", "Chapter 2.txt", "Chapter 10.txt"]


def test_an_empty_folder_says_so(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    window = house.opens(folder)
    files = window._files
    assert files is not None
    house.waits(lambda: files._stack.currentWidget() is files._no_texts)


def test_a_file_that_is_dropped_is_opened(house: House, chapter: Path) -> None:
    window = house.opens()
    dragged = QMimeData()
    dragged.setUrls([QUrl.fromLocalFile(str(chapter))])
    event = QDropEvent(
        QPoint(5, 5).toPointF(),
        Qt.DropAction.CopyAction,
        dragged,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    house.waits(lambda: window.document.path == chapter)


def test_the_theme_follows_the_menu(house: House) -> None:
    window = house.opens()
    _action(window, "Dark").trigger()
    assert house.desk.settings.current.theme == "dark"


def test_focus_mode_hides_all_but_the_text_and_its_key_still_works(house: House) -> None:
    window = house.opens()
    action = _action(window, "Focus mode")
    action.trigger()
    assert not window.menuBar().isVisible()
    assert not window.status.isVisible()
    assert action in window.actions()
    action.trigger()
    assert window.menuBar().isVisible()
    assert house.notice() == ""


def test_the_keyboard_reaches_every_part_of_the_window(house: House, chapter: Path) -> None:
    window = house.opens(chapter.parent)
    window.activateWindow()
    window.editor.setFocus()
    window.notices.tell("A sentence.")
    visited = []
    for _ in range(4):
        window.focus_next_part()
        visited.append(window.focusWidget())
    assert window.notices.isAncestorOf(visited[0])
    assert visited[1] is not None
    assert window.status.isAncestorOf(visited[2])
    assert visited[3] is window.editor


def test_the_keys_and_about_dialogs_open(house: House) -> None:
    window = house.opens()
    window.keys()
    keys = house.dialog(KeysDialog)
    assert keys.isVisible()
    keys.close()
    window.about()
    house.dialog(AboutDialog).close()


def test_without_pytorch_the_tuning_panel_says_how_to_add_it(
    house_with: Callable[..., House],
) -> None:
    house = house_with(tuning_missing=lambda: "Tuning needs PyTorch.")
    house.opens().show_tuning()
    panel = house.window.findChild(TuningPanel)
    missing = panel._missing
    house.waits(lambda: missing._sentence.text() == "Tuning needs PyTorch.")
    assert missing._command.text().startswith("make -C ")
    house.clicks(panel, "Copy")
    assert QApplication.clipboard().text() == missing._command.text()
    assert panel.room is None


def test_a_narrow_window_shows_both_panels_and_whole_buttons(
    house: House, chapter: Path, qtbot: QtBot
) -> None:
    window = house.opens(chapter.parent)
    window.show_tuning()
    labels = ("Keep mine", "Load theirs", "Compare…")
    choices = tuple(Choice(label, label, lambda: None) for label in labels)
    window.notices.show_notice(Notice("It was changed.", Weight.PROBLEM, choices))
    window.resize(620, 420)
    qtbot.wait(50)
    assert window.width() <= 640
    for button in window.notices.buttons():
        assert button.width() >= button.sizeHint().width()
        assert window.notices.rect().contains(button.geometry())


def test_a_hint_that_is_too_long_ends_in_an_ellipsis_and_is_shown_whole_by_the_pointer(
    house: House,
) -> None:
    window = house.opens()
    window.resize(700, 500)
    hint = window.status._state
    window.status.show_state("suggestions come when you pause: the model is slow here")
    QApplication.processEvents()
    cut = hint.grab().toImage()
    window.status.show_state("suggestions come when you pause: the model is slow")
    QApplication.processEvents()
    assert hint.grab().toImage() == cut, "both end in … at the same place"
    where = hint.rect().center()
    QApplication.sendEvent(hint, QHelpEvent(QEvent.Type.ToolTip, where, hint.mapToGlobal(where)))
    assert QToolTip.text() == "suggestions come when you pause: the model is slow"
    QToolTip.hideText()
