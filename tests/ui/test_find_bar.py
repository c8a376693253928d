"""Find and replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from studio.ui.find_bar import FindBar

if TYPE_CHECKING:
    from tests.ui.conftest import Writer


class Finder:
    """A writer whose window has a find bar."""

    def __init__(self, writer: Writer, qtbot: QtBot) -> None:
        self.writer = writer
        self.editor = writer.editor
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.bar = FindBar(writer.editor)
        column = QVBoxLayout(self.window)
        column.addWidget(writer.editor)
        column.addWidget(self.bar)
        self.window.resize(900, 500)
        self.window.show()
        self.window.activateWindow()
        self.editor.setFocus()
        qtbot.waitUntil(self.editor.hasFocus)
        self._qtbot = qtbot

    def finds(self, text: str) -> str:
        """Open the bar, type, and read what it says."""
        self.bar.open_find()
        field = self.field("Find")
        field.clear()
        QTest.keyClicks(field, text)
        self._qtbot.wait(100)
        return self.says

    def field(self, name: str) -> QLineEdit:
        [found] = [
            each for each in self.bar.findChildren(QLineEdit) if each.accessibleName() == name
        ]
        return found

    def clicks(self, label: str) -> None:
        [button] = [each for each in self.bar.findChildren(QAbstractButton) if each.text() == label]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    @property
    def says(self) -> str:
        [label] = [
            each for each in self.bar.findChildren(QLabel) if each.accessibleName() == "Matches"
        ]
        return label.text()

    @property
    def selected(self) -> tuple[int, str]:
        cursor = self.editor.textCursor()
        return cursor.selectionStart(), cursor.selectedText()


@pytest.fixture
def finder(writer: Writer, qtbot: QtBot) -> Finder:
    return Finder(writer, qtbot)


def test_the_first_match_from_the_cursor_is_selected_while_typing(finder: Finder) -> None:
    finder.writer.opens("rose, Rose,\nprimrose", cursor=2)
    assert finder.finds("rose") == "2 of 3"
    assert finder.selected == (6, "Rose")


def test_next_and_previous_go_round(finder: Finder) -> None:
    finder.writer.opens("rose, Rose,\nprimrose", cursor=0)
    finder.finds("rose")
    places = []
    for _ in range(3):
        QTest.keyClick(finder.field("Find"), Qt.Key.Key_Return)
        places.append((finder.selected[0], finder.says))
    assert places == [(6, "2 of 3"), (16, "3 of 3"), (0, "1 of 3")]
    finder.clicks("Previous")
    assert finder.selected[0] == 16
    QTest.keyClick(finder.field("Find"), Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert finder.selected[0] == 6


def test_case_whole_words_and_expressions_narrow_the_search(finder: Finder) -> None:
    finder.writer.opens("rose, Rose,\nprimrose", cursor=0)
    finder.finds("Rose")
    finder.clicks("Aa")
    assert finder.says == "1 of 1"
    finder.clicks("Aa")
    finder.clicks("Word")
    assert finder.says == "1 of 2"
    finder.clicks("Word")
    finder.clicks(".*")
    assert finder.finds("^r|m.*e$") == "1 of 2"


def test_whole_words_know_letters_with_accents(finder: Finder) -> None:
    finder.writer.opens("café cafés", cursor=0)
    finder.clicks("Word")
    assert finder.finds("caf") == "not found"


def test_a_faulty_expression_is_explained(finder: Finder) -> None:
    finder.writer.opens("text")
    finder.clicks(".*")
    assert finder.finds("(a").startswith("This is no regular expression: ")


def test_an_expression_that_would_take_forever_is_given_up(finder: Finder) -> None:
    finder.writer.opens("a" * 60 + "!")
    finder.clicks(".*")
    assert finder.finds("(a+)+$") == "not found"


def test_empty_matches_are_passed_over(finder: Finder) -> None:
    finder.writer.opens("abc\n\nxaax")
    finder.clicks(".*")
    assert finder.finds("a*") == "1 of 2"


def test_the_selected_words_are_looked_for(finder: Finder) -> None:
    finder.writer.opens("one two one")
    finder.writer.puts_cursor(3, anchor=0)
    finder.bar.open_find()
    assert finder.field("Find").text() == "one"
    assert finder.says == "1 of 2"


def test_a_space_finds_a_no_break_space(finder: Finder) -> None:
    finder.writer.opens("10\u00a0km", cursor=0)
    assert finder.finds("10 km") == "1 of 1"


def test_matches_behind_astral_characters_are_selected_exactly(finder: Finder) -> None:
    finder.writer.opens("😀😀 rose\n\ufeffrose", cursor=0)
    finder.finds("rose")
    assert finder.selected == (5, "rose")
    finder.bar.find_next()
    assert finder.selected == (11, "rose")


def test_the_count_follows_the_text(finder: Finder) -> None:
    finder.writer.opens("rose ", cursor=5)
    assert finder.finds("rose") == "1 of 1"
    finder.editor.setFocus()
    finder.writer.puts_cursor(5)
    finder.writer.types("rose")
    assert finder.says == "2"


def test_replace_goes_from_match_to_match(finder: Finder) -> None:
    finder.writer.opens("a rose is a rose", cursor=0)
    finder.bar.open_replace()
    finder.finds("rose")
    finder.bar.open_replace()
    QTest.keyClicks(finder.field("Replace with"), "poppy")
    finder.clicks("Replace")
    assert finder.editor.text() == "a poppy is a rose"
    assert finder.selected == (13, "rose")
    finder.clicks("Replace")
    assert finder.editor.text() == "a poppy is a poppy"
    finder.editor.undo()
    assert finder.editor.text() == "a poppy is a rose"


def test_replace_all_is_one_undo_step_and_one_change(finder: Finder) -> None:
    text = "rose rose\nno\nrose 😀rose"
    finder.writer.opens(text, cursor=0)
    finder.finds("rose")
    finder.bar.open_replace()
    QTest.keyClicks(finder.field("Replace with"), "rosebud")
    finder.writer.reports()
    finder.clicks("Replace all")
    assert finder.editor.text() == text.replace("rose", "rosebud")
    assert finder.says == "4 replaced"
    assert [report[0] for report in finder.writer.reports()] == ["edited", "changed_otherwise"]
    finder.editor.undo()
    assert finder.editor.text() == text
    assert not finder.editor.document().isUndoAvailable()


def test_groups_can_be_put_into_the_replacement(finder: Finder) -> None:
    finder.writer.opens("Smith, Jane\nDoe, John", cursor=0)
    finder.clicks(".*")
    finder.finds(r"(\w+), (\w+)")
    finder.bar.open_replace()
    QTest.keyClicks(finder.field("Replace with"), r"\2 \1\n\\")
    finder.clicks("Replace all")
    assert finder.editor.text() == "Jane Smith\n\\\nJohn Doe\n\\"


def test_a_plain_replacement_is_taken_as_it_is(finder: Finder) -> None:
    finder.writer.opens("x", cursor=0)
    finder.finds("x")
    finder.bar.open_replace()
    QTest.keyClicks(finder.field("Replace with"), r"\1\n")
    finder.clicks("Replace all")
    assert finder.editor.text() == r"\1\n"


def test_nothing_is_replaced_in_a_text_to_be_read_only(finder: Finder) -> None:
    finder.writer.opens("x", cursor=0)
    finder.finds("x")
    finder.editor.setReadOnly(True)
    finder.bar.open_replace()
    finder.clicks("Replace")
    finder.clicks("Replace all")
    assert finder.editor.text() == "x"


def test_escape_closes_the_bar_and_goes_back_to_the_text(finder: Finder) -> None:
    finder.writer.opens("rose", cursor=0)
    finder.finds("rose")
    QTest.keyClick(finder.field("Find"), Qt.Key.Key_Escape)
    assert not finder.bar.isVisible()
    assert finder.editor.hasFocus()
    assert finder.selected == (0, "rose")


def test_find_next_goes_on_after_the_bar_was_closed(finder: Finder) -> None:
    finder.writer.opens("rose rose", cursor=0)
    finder.finds("rose")
    finder.bar.close_bar()
    finder.bar.find_next()
    assert finder.selected == (5, "rose")
    assert not finder.bar.isVisible()


def test_find_next_without_anything_to_find_opens_the_bar(finder: Finder) -> None:
    finder.bar.find_next()
    assert finder.bar.isVisible()
    assert finder.field("Find").hasFocus()


def test_a_long_text_is_searched_between_other_events(finder: Finder, qtbot: QtBot) -> None:
    finder.writer.opens("some words to pass over\n" * 100_000 + "rose", cursor=0)
    finder.finds("rose")
    qtbot.waitUntil(lambda: finder.says == "1 of 1")
    assert finder.selected[1] == "rose"


def test_every_control_says_what_it_does(finder: Finder) -> None:
    finder.bar.open_replace()
    own = Qt.FindChildOption.FindDirectChildrenOnly  # the fields have buttons of Qt's within
    buttons = finder.bar.findChildren(QAbstractButton, options=own)
    for control in (*buttons, *finder.bar.findChildren(QLineEdit)):
        assert control.toolTip(), control
        assert control.accessibleName(), control
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control


def test_the_edit_menu_gets_its_actions_from_the_bar(finder: Finder) -> None:
    keys = {action.text(): action.shortcut().toString() for action in finder.bar.actions()}
    assert keys["&Find…"] == "Ctrl+F"
    assert keys["Find &Next"] == "F3"
    assert keys["Find &Previous"] == "Shift+F3"


def test_its_close_button_is_a_letter_that_every_theme_can_show(finder: Finder) -> None:
    close = next(
        button
        for button in finder.bar.findChildren(QToolButton)
        if button.accessibleName() == "Close the bar"
    )
    assert close.text() == "✕"
    assert close.icon().isNull()
