"""What was not saved is offered at the next start, with a difference to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QListWidget

from studio.manuscript import Project, pending_recoveries, pending_untitled
from studio.ui.difference_view import DifferenceView
from studio.ui.recovery_dialog import RecoveryDialog

if TYPE_CHECKING:
    from tests.ui.windows.conftest import House


def _left_unsaved(house: House, text: str, *files: Path) -> None:
    house.opens(*files)
    house.types(text)
    house.crashes()


def test_unsaved_changes_are_offered_with_their_difference(house: House, chapter: Path) -> None:
    _left_unsaved(house, "It burned all night.", chapter)
    house.starts_again()
    dialog = house.dialog(RecoveryDialog)
    house.waits(lambda: "4 words differ." in dialog._sentence.text())
    assert "before ‘chapter.txt’ was saved" in dialog._sentence.text()
    shown = dialog.findChild(DifferenceView).toPlainText()
    assert "+\u2002It burned all night." in shown
    dialog.reject()


def test_restoring_leaves_the_file_alone_and_can_be_undone(house: House, chapter: Path) -> None:
    _left_unsaved(house, "It burned.", chapter)
    house.starts_again()
    house.clicks(house.dialog(RecoveryDialog), "Restore")
    house.waits(lambda: house.window.editor.text() == "The lamp was lit.\nIt burned.")
    window = house.window
    assert window.document.path == chapter
    assert window.document.modified
    assert chapter.read_text("utf-8") == "The lamp was lit.\n"
    project = Project.of_file(chapter, house.desk.data_dir)
    house.waits(lambda: not pending_recoveries(project))
    window.editor.undo()
    assert window.editor.text() == "The lamp was lit.\n"


def test_a_restored_text_survives_another_crash(house: House, chapter: Path) -> None:
    _left_unsaved(house, "It burned.", chapter)
    house.starts_again()
    house.clicks(house.dialog(RecoveryDialog), "Restore")
    house.waits(lambda: house.window.editor.text().endswith("It burned."))
    project = Project.of_file(chapter, house.desk.data_dir)
    house.waits(lambda: not pending_recoveries(project))
    house.crashes()
    assert [each.text for each in pending_recoveries(project)] == ["The lamp was lit.\nIt burned."]


def test_it_is_offered_once_when_its_file_is_opened_at_the_start(
    house: House, chapter: Path
) -> None:
    _left_unsaved(house, "It burned.", chapter)
    house.starts_again(chapter)
    dialog = house.dialog(RecoveryDialog)
    house.qtbot.wait(200)
    assert len(house._dialogs(RecoveryDialog)) == 1
    house.clicks(dialog, "Restore")
    house.waits(lambda: house.window.editor.text().endswith("It burned."))
    house.qtbot.wait(200)
    assert house._dialogs(RecoveryDialog) == []
    assert len(house.lamplight.windows) == 1


def test_keeping_the_file_throws_the_changes_away(house: House, chapter: Path) -> None:
    _left_unsaved(house, "It burned.", chapter)
    house.starts_again()
    house.clicks(house.dialog(RecoveryDialog), "Keep the file")
    project = Project.of_file(chapter, house.desk.data_dir)
    house.waits(lambda: not pending_recoveries(project))
    assert chapter.read_text("utf-8") == "The lamp was lit.\n"


def test_deciding_later_offers_it_again(house: House, chapter: Path) -> None:
    _left_unsaved(house, "It burned.", chapter)
    house.starts_again()
    house.clicks(house.dialog(RecoveryDialog), "Decide later")
    house.crashes()
    house.starts_again()
    house.dialog(RecoveryDialog).reject()


def test_texts_without_a_name_are_listed_and_thrown_away_only_after_a_question(
    house: House,
) -> None:
    house.opens()
    house.types("First of them")
    house.lamplight.new_window()
    house.types("Second of them")
    house.crashes()
    house.starts_again()
    dialog = house.dialog(RecoveryDialog)
    assert dialog.findChild(QListWidget).count() == 2
    house.clicks(dialog, "Throw it away")
    house.answers("Throw it away")
    house.waits(lambda: len(pending_untitled(house.desk.data_dir)) == 1)
    house.clicks(dialog, "Restore")
    house.waits(lambda: house.window.editor.text())
    assert house.window.document.path is None
    house.waits(lambda: not pending_untitled(house.desk.data_dir))


def test_a_text_whose_file_is_gone_gets_its_name_back(house: House, chapter: Path) -> None:
    _left_unsaved(house, "It burned.", chapter)
    chapter.unlink()
    house.starts_again()
    house.clicks(house.dialog(RecoveryDialog), "Restore")
    house.waits(lambda: house.window.editor.text().endswith("It burned."))
    assert house.window.document.path == chapter
    house.window.filing.save()
    house.waits(chapter.exists)
    assert chapter.read_text("utf-8") == "The lamp was lit.\nIt burned."


def test_a_text_in_a_folder_is_found_though_only_the_folder_was_opened(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter.parent)
    window.filing.open(chapter)
    house.waits(lambda: window.document.path == chapter)
    house.types("It burned.")
    house.crashes()
    assert pending_recoveries(Project.of_folder(chapter.parent))
    house.starts_again()
    house.clicks(house.dialog(RecoveryDialog), "Restore")
    house.waits(lambda: house.window.editor.text().endswith("It burned."))


def test_keys_of_a_writer_who_is_typing_press_no_button(house: House, chapter: Path) -> None:
    _left_unsaved(house, "Unsaved.", chapter)
    house.starts_again()
    dialog = house.dialog(RecoveryDialog)
    house.waits(dialog._view.hasFocus)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
        QTest.keyClick(dialog._view, key)
    assert dialog.isVisible()
    assert dialog.current is not None
    dialog.reject()
