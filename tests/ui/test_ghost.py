"""Grey text is seen at the cursor and is nowhere in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QPalette, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.ui.ghost import MAX_PARAGRAPH_UNITS
from studio.ui.theme import DARK, LIGHT, Colours, palette_of

if TYPE_CHECKING:
    from tests.ui.conftest import Writer


def painted(writer: Writer) -> str:
    """All grey text in all paragraphs."""
    block = writer.editor.document().firstBlock()
    found = ""
    while block.isValid():
        found += block.layout().preeditAreaText()
        block = block.next()
    return found


def lines(writer: Writer) -> int:
    QApplication.processEvents()
    return writer.editor.textCursor().block().layout().lineCount()


def test_the_ghost_is_never_in_the_saved_text(writer: Writer) -> None:
    writer.opens("She opened the ")
    writer.editor.ghost.show("door.\nIt was dark.")
    editor = writer.editor
    assert painted(writer) == "door.\u2028It was dark."
    assert editor.text() == "She opened the "
    assert not editor.document().isUndoAvailable()
    assert not editor.document().isModified()
    assert editor.word_count() == 3
    assert writer.reports() == []
    editor.selectAll()
    assert editor.createMimeDataFromSelection().text() == "She opened the "


def test_a_ghost_of_two_paragraphs_takes_their_lines(writer: Writer) -> None:
    writer.opens("One")
    writer.editor.ghost.show(" two.\n\nThree.")
    assert lines(writer) == 3
    writer.editor.ghost.clear()
    assert lines(writer) == 1


def test_the_ghost_pushes_the_rest_of_the_paragraph_along(writer: Writer) -> None:
    writer.opens("before after\nnext", cursor=6)
    x = right_of(writer, 12)
    writer.editor.ghost.show(" grey")
    QApplication.processEvents()
    assert right_of(writer, 12 + 5) > x


def right_of(writer: Writer, place: int) -> float:
    line = writer.editor.document().firstBlock().layout().lineAt(0)
    return line.cursorToX(place)[0]


@pytest.mark.parametrize(
    "act",
    [
        lambda w: w.types("x"),
        lambda w: w.types("\n"),
        lambda w: w.presses(Qt.Key.Key_Backspace),
        lambda w: w.presses(Qt.Key.Key_Left),
        lambda w: w.presses(Qt.Key.Key_Up),
        lambda w: w.presses(Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier),
        lambda w: w.editor.selectAll(),
        lambda w: w.puts_cursor(0),
        lambda w: w.editor.undo(),
        lambda w: w.editor.replace(0, 2, "x"),
        lambda w: w.editor.replace(0, 20, "one\ntwo\nthree"),
        lambda w: w.editor.replace(9, 4, "\n"),
        lambda w: w.editor.insert_accepted("x"),
        lambda w: w.editor.load_text("Another."),
        lambda w: w.composes("n"),
        lambda w: QTextCursor(w.editor.document()).insertText("\n"),
        lambda w: QTest.mouseClick(
            w.editor.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 20)
        ),
    ],
)
def test_whatever_changes_text_or_cursor_takes_the_ghost_away_first(
    writer: Writer, act: object
) -> None:
    writer.types("typed\n")
    writer.editor.insert_accepted("one two three\nfour")
    writer.puts_cursor(14)
    writer.editor.ghost.show(" grey text")
    act(writer)
    assert not writer.editor.ghost.visible
    assert "grey" not in painted(writer)


def test_input_method_composition_takes_the_ghost_away_first(writer: Writer) -> None:
    writer.opens("她说：")
    writer.editor.ghost.show("“你好。”")
    writer.composes("ni")
    assert painted(writer) == "ni"
    writer.composes("", "你")
    assert painted(writer) == ""
    assert writer.editor.text() == "她说：你"


def test_a_dead_key_over_a_ghost_types_its_letter(writer: Writer) -> None:
    writer.opens("caf")
    writer.editor.ghost.show("é au lait")
    writer.composes("´")
    writer.composes("", "é")
    assert writer.editor.text() == "café"


def test_a_key_that_changes_nothing_leaves_the_ghost(writer: Writer) -> None:
    writer.opens("words")
    writer.editor.ghost.show(" more")
    writer.presses(Qt.Key.Key_Shift)
    writer.presses(Qt.Key.Key_F5)
    assert writer.editor.ghost.text == painted(writer) == " more"


@pytest.mark.parametrize(
    ("where", "position"),
    [("before", 3), ("in the ghost", 10), ("behind", 13), ("at the line's end", 16)],
)
def test_a_click_around_the_ghost_puts_the_cursor_where_it_was_seen(
    writer: Writer, where: str, position: int
) -> None:
    ghost = "grey text "
    writer.opens("one three two six\nnext", cursor=10)
    writer.editor.ghost.show(ghost)
    QApplication.processEvents()
    seen = position + len(ghost) if position > 10 else position
    if where == "in the ghost":
        seen += 4
    line = writer.editor.document().firstBlock().layout().lineAt(0)
    top = writer.editor.cursorRect().center().y()
    at = QPoint(round(line.cursorToX(seen)[0]), top)
    QTest.mouseClick(writer.editor.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert writer.editor.textCursor().position() == position


def test_a_click_below_a_long_ghost_hits_the_paragraph_that_was_seen_there(writer: Writer) -> None:
    writer.opens("first\nsecond\nthird", cursor=5)
    writer.editor.ghost.show("\none\ntwo\nthree")
    QApplication.processEvents()
    area = writer.editor.blockBoundingGeometry(writer.editor.document().findBlockByNumber(1))
    at = area.translated(writer.editor.contentOffset()).topLeft() + QPointF(20, 5)
    QTest.mouseClick(writer.editor.viewport(), Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert 6 <= writer.editor.textCursor().position() <= 8


def test_shift_and_click_behind_a_ghost_select_up_to_there(writer: Writer) -> None:
    writer.opens("one two three", cursor=4)
    writer.editor.ghost.show("grey text ")
    QApplication.processEvents()
    line = writer.editor.document().firstBlock().layout().lineAt(0)
    at = QPoint(round(line.cursorToX(7 + 10)[0]), writer.editor.cursorRect().center().y())
    QTest.mouseClick(
        writer.editor.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ShiftModifier,
        pos=at,
    )
    cursor = writer.editor.textCursor()
    assert (cursor.anchor(), cursor.position()) == (4, 7)


def test_the_cursor_is_drawn_before_the_ghost(writer: Writer) -> None:
    writer.opens("one two")
    QApplication.processEvents()
    without = writer.editor.cursorRect()
    writer.editor.ghost.show(" three four five\nsix")
    QApplication.processEvents()
    assert writer.editor.cursorRect() == without


def test_a_draft_scrolls_until_the_cursor_would_go_out_of_sight(writer: Writer) -> None:
    writer.opens("line\n" * 100)
    bar = writer.editor.verticalScrollBar()
    writer.puts_cursor(0)
    writer.puts_cursor(5 * 15 - 1)  # near the bottom of what is in sight
    QApplication.processEvents()
    top = bar.value()
    writer.editor.ghost.show("\n".join(["grey"] * 12))
    QApplication.processEvents()
    assert bar.value() > top
    height = writer.editor.viewport().height()
    assert bottom_of_ghost(writer) <= height
    writer.editor.ghost.show("\n".join(["grey"] * 200))
    QApplication.processEvents()
    assert 0 <= writer.editor.cursorRect().top() < 2 * writer.editor.cursorRect().height() + 20
    assert bottom_of_ghost(writer) > height


def bottom_of_ghost(writer: Writer) -> float:
    block = writer.editor.textCursor().block()
    area = writer.editor.blockBoundingGeometry(block).translated(writer.editor.contentOffset())
    return area.bottom()


def test_a_draft_leaves_the_view_alone_when_the_writer_has_scrolled_away(writer: Writer) -> None:
    writer.opens("line\n" * 200)
    writer.editor.ghost.show("grey")
    bar = writer.editor.verticalScrollBar()
    bar.setValue(0)
    writer.editor.ghost.show("grey\n" * 20)
    QApplication.processEvents()
    assert bar.value() == 0


def test_a_paragraph_that_never_ends_gets_no_ghost(writer: Writer) -> None:
    writer.opens("word " * (MAX_PARAGRAPH_UNITS // 5 + 1))
    writer.editor.ghost.show("grey")
    assert not writer.editor.ghost.possible
    assert painted(writer) == ""
    writer.types("\n")
    writer.editor.ghost.show("grey")
    assert painted(writer) == "grey"


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_the_grey_can_be_read_on_its_paper(writer: Writer, colours: Colours) -> None:
    writer.opens("words")
    writer.editor.setPalette(palette_of(colours))
    writer.editor.ghost.show(" grey")
    [grey] = writer.editor.textCursor().block().layout().formats()
    paper = writer.editor.palette().color(QPalette.ColorRole.Base)
    assert contrast(grey.format.foreground().color(), paper) >= 4.5


def test_the_grey_follows_the_palette(writer: Writer) -> None:
    writer.opens("words")
    writer.editor.setPalette(palette_of(LIGHT))
    writer.editor.ghost.show(" grey")
    writer.editor.setPalette(palette_of(DARK))
    [grey] = writer.editor.textCursor().block().layout().formats()
    assert grey.format.foreground().color() == QColor(DARK.grey)


def contrast(one: QColor, other: QColor) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in colour.getRgbF()[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
