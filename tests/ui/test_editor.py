"""The editor: exact reports of every change, and nothing of the text altered."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QMouseEvent, QTextCursor, QTextDocument, QTextOption, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.manuscript.utf16 import Edit, Utf16Text, length
from studio.ui.search import Search, Sought

if TYPE_CHECKING:
    from tests.ui.conftest import Writer

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier

ODD = [
    "non\u00a0breaking and narrow\u202fspaces",
    "a line\u2028separator and a paragraph\u2029separator",
    "\ufeffa mark of byte order, twice: \ufeff",
    "Qt's own \ufdd0 and \ufdd1",
    "astral 😀 and family 👩‍👩‍👧",
    "combining e\u0301 and a\u0308\u0323",
    "עברית and العربية",
    "中文、日本語、한국어",
    "tab\tform feed\x0cvertical tab\x0bnext line\x85",
    "\n\n\nempty lines\n\n",
    "",
]


@pytest.mark.parametrize("text", ODD)
def test_a_text_comes_out_as_it_went_in(writer: Writer, text: str) -> None:
    writer.opens(text)
    assert writer.editor.text() == text


@pytest.mark.parametrize("text", ODD)
def test_what_is_copied_and_pasted_stays_the_same_but_for_line_ends(
    writer: Writer, text: str
) -> None:
    writer.opens(text)
    copied = writer.editor.createMimeDataFromSelection()
    writer.editor.selectAll()
    if text:
        copied = writer.editor.createMimeDataFromSelection()
    writer.opens("")
    writer.editor.insertFromMimeData(copied)
    assert writer.editor.text() == copied.text().replace("\u2029", "\n")


def test_loading_is_no_edit_and_can_not_be_undone(writer: Writer) -> None:
    writer.opens("")
    writer.editor.load_text("Another text.")
    assert writer.reports() == [("cursor_moved",)]
    assert not writer.editor.document().isUndoAvailable()
    assert not writer.editor.document().isModified()


def test_typing_is_reported_character_by_character(writer: Writer) -> None:
    writer.types("Hé")
    assert writer.reports() == [
        ("edited", 0, 0, "H"),
        ("typed", "H"),
        ("edited", 1, 0, "é"),
        ("typed", "é"),
    ]


@pytest.mark.parametrize("modifiers", [Qt.KeyboardModifier.NoModifier, SHIFT])
def test_enter_begins_a_paragraph_with_or_without_shift(
    writer: Writer, modifiers: Qt.KeyboardModifier
) -> None:
    writer.opens("one")
    writer.presses(Qt.Key.Key_Return, modifiers)
    assert writer.editor.text() == "one\n"
    assert writer.reports() == [("edited", 3, 0, "\n"), ("typed", "\n")]


def test_tab_is_typed_where_nothing_is_suggested(writer: Writer) -> None:
    writer.presses(Qt.Key.Key_Tab)
    assert writer.reports() == [("edited", 0, 0, "\t"), ("typed", "\t")]


def test_offsets_count_utf16_units(writer: Writer) -> None:
    writer.opens("😀")
    writer.types("x")
    assert writer.reports() == [("edited", 2, 0, "x"), ("typed", "x")]
    writer.presses(Qt.Key.Key_Backspace)
    writer.presses(Qt.Key.Key_Backspace)
    assert writer.reports() == [
        ("edited", 2, 1, ""),
        ("changed_otherwise",),
        ("edited", 0, 2, ""),
        ("changed_otherwise",),
    ]


def test_typing_over_a_selection_is_another_change(writer: Writer) -> None:
    writer.opens("one two")
    writer.puts_cursor(3, anchor=0)
    writer.reports()
    writer.types("x")
    assert writer.reports() == [("edited", 0, 3, "x"), ("changed_otherwise",)]


def test_a_paste_is_one_change_in_plain_text(writer: Writer) -> None:
    writer.opens("ab", cursor=1)
    rich = QMimeData()
    rich.setText("x\r\ny\rz\u2029")
    rich.setHtml("<b>x</b>")
    writer.editor.insertFromMimeData(rich)
    assert writer.editor.text() == "ax\ny\nz\nb"
    assert writer.reports() == [("edited", 1, 0, "x\ny\nz\n"), ("changed_otherwise",)]


def test_the_clipboards_own_keys_paste(writer: Writer) -> None:
    writer.opens("word")
    QApplication.clipboard().setText(" more")
    writer.presses(Qt.Key.Key_V, CONTROL)
    assert writer.reports() == [("edited", 4, 0, " more"), ("changed_otherwise",)]


def test_undo_and_redo_are_one_change_each_by_key_and_by_menu(writer: Writer) -> None:
    writer.types("ab")
    writer.reports()
    writer.presses(Qt.Key.Key_Z, CONTROL)
    writer.editor.redo()
    assert writer.reports() == [
        ("edited", 0, 2, ""),
        ("changed_otherwise",),
        ("edited", 0, 0, "ab"),
        ("changed_otherwise",),
    ]


def test_a_change_from_outside_is_reported_when_it_is_over(writer: Writer) -> None:
    """As by a part of Qt that goes past this class."""
    writer.opens("one two")
    cursor = QTextCursor(writer.editor.document())
    cursor.insertText("x")
    assert writer.reports() == [("edited", 0, 0, "x")]
    QApplication.processEvents()
    assert writer.reports() == [("changed_otherwise",)]


def test_moving_and_selecting_are_reported_once_each(writer: Writer) -> None:
    writer.opens("one two")
    writer.presses(Qt.Key.Key_Left)
    writer.presses(Qt.Key.Key_Left, SHIFT)
    writer.editor.selectAll()
    writer.editor.selectAll()
    assert writer.reports() == [("cursor_moved",)] * 3


def test_a_key_that_does_nothing_reports_nothing(writer: Writer) -> None:
    writer.presses(Qt.Key.Key_Left)
    writer.presses(Qt.Key.Key_Shift)
    writer.presses(Qt.Key.Key_Backspace)
    assert writer.reports() == []


def test_chinese_is_typed_when_it_is_committed(writer: Writer) -> None:
    writer.opens("some words before ")
    writer.composes("n")
    assert writer.reports() == [("cursor_moved",)]
    writer.composes("ni")
    writer.composes("ni hao")
    assert writer.reports() == []
    assert writer.editor.text() == "some words before "
    writer.composes("", "你好")
    assert writer.reports() == [("edited", 18, 0, "你好"), ("typed", "你好")]


def test_a_composition_that_is_given_up_changes_nothing(writer: Writer) -> None:
    writer.opens("some words")
    writer.composes("n")
    writer.composes("")
    assert writer.reports() == [("cursor_moved",)]
    assert not writer.editor.composing


def test_a_dead_key_types_one_letter(writer: Writer) -> None:
    writer.opens("caf")
    writer.composes("", "é")
    assert writer.reports() == [("edited", 3, 0, "é"), ("typed", "é")]


def test_accepted_text_is_one_undo_step_that_typing_does_not_join(writer: Writer) -> None:
    writer.types("ab")
    writer.reports()
    writer.editor.insert_accepted(" accepted")
    writer.editor.insert_accepted(" twice")
    assert writer.reports() == [("edited", 2, 0, " accepted"), ("edited", 11, 0, " twice")]
    writer.types("cd")
    steps = []
    while writer.editor.document().isUndoAvailable():
        writer.editor.undo()
        steps.append(writer.editor.text())
    assert steps == ["ab accepted twice", "ab accepted", "ab", ""]


def test_chinese_typed_after_an_accept_is_another_undo_step(writer: Writer) -> None:
    writer.editor.insert_accepted("accepted")
    writer.composes("hao")
    writer.composes("", "好")
    writer.editor.undo()
    assert writer.editor.text() == "accepted"


def test_around_is_the_text_before_and_after_the_cursor(writer: Writer) -> None:
    writer.opens("One.\nTwo\u00a0three.\nFour.", cursor=8)
    around = writer.editor.around(1000)
    assert (around.before, around.after) == ("One.\nTwo", "\u00a0three.\nFour.")


def test_the_window_before_the_cursor_begins_with_a_paragraph_and_stays(writer: Writer) -> None:
    paragraph = "😀 Some words to fill it up.\n"
    writer.opens(paragraph * 200)
    before = writer.editor.around(1000).before
    assert before.startswith("😀 Some")
    assert 1000 <= length(before) <= 2000
    writer.types("x")
    assert writer.editor.around(1000).before == before + "x"


def test_a_window_never_begins_with_half_a_character(writer: Writer) -> None:
    writer.opens("a" + "😀" * 2000)
    writer.editor.around(1000).before.encode("utf-8")


@pytest.mark.parametrize("shift", [False, True])
def test_the_cursor_keys_do_not_stop_inside_a_flag(writer: Writer, shift: bool) -> None:
    """Qt's do, where another emoji stands before it."""
    held = SHIFT if shift else Qt.KeyboardModifier.NoModifier
    writer.opens("a 😀🇩🇪🇫🇷!")
    places = []
    for key in [Qt.Key.Key_Left] * 4 + [Qt.Key.Key_Right] * 4:
        writer.presses(key, held)
        places.append(writer.editor.textCursor().position())
    assert places == [12, 8, 4, 2, 4, 8, 12, 13]
    assert writer.editor.textCursor().anchor() == 13


def test_a_dropped_file_is_left_to_the_window(writer: Writer) -> None:
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile("/tmp/chapter.txt")])
    assert not writer.editor.canInsertFromMimeData(dropped)


def test_quitting_with_a_copied_text_ends_without_a_crash(writer: Writer) -> None:
    """The clipboard is deleted after Python has ended."""
    copy_and_quit = """
from PySide6.QtWidgets import QApplication
from studio.settings import SettingsStore
from studio.ui.editor import Editor
from pathlib import Path
application = QApplication([])
editor = Editor(SettingsStore(Path("no file")))
editor.load_text("text")
editor.selectAll()
editor.copy()
"""
    assert subprocess.run([sys.executable, "-c", copy_and_quit], check=False).returncode == 0


def test_qt_does_not_use_up_none_and_true() -> None:
    """See studio/ui/__init__.py."""
    call_often = """
import studio.ui
from PySide6.QtCore import QTimer
timer = QTimer()
for _ in range(100_000):
    timer.setInterval(1)
    timer.timeout.emit()
"""
    assert subprocess.run([sys.executable, "-c", call_often], check=False).returncode == 0


# -- exact edits, whatever happens ---------------------------------------------------------------

SNIPPETS = st.sampled_from(
    ["a", "Zoë ", "😀", "👩‍👩‍👧", "e\u0301", "שלום", "中文", "one\ntwo", "x\r\ny", "p\u2029q",
     "l\u2028m", "\u00a0", "\ufeff", "\ufdd0", "\t", "\n", " ", "the the the"]
)  # fmt: skip
PLACES = st.integers(0, 60)
LOW_SURROGATES = [b"\xdc", b"\xdd", b"\xde", b"\xdf"]
STEPS = st.one_of(
    st.tuples(st.just("type"), SNIPPETS),
    st.tuples(st.just("paste"), SNIPPETS),
    st.tuples(st.just("accept"), SNIPPETS),
    st.tuples(st.just("ghost"), SNIPPETS),
    st.tuples(st.just("compose"), SNIPPETS),
    st.tuples(st.just("commit"), SNIPPETS),
    st.tuples(st.just("move"), PLACES),
    st.tuples(st.just("select"), PLACES, PLACES),
    st.tuples(st.just("replace"), PLACES, PLACES, SNIPPETS),
    st.tuples(st.just("replace all"), st.sampled_from("ate \n"), SNIPPETS),
    st.tuples(
        st.just("key"),
        st.sampled_from(
            [
                Qt.Key.Key_Backspace,
                Qt.Key.Key_Delete,
                Qt.Key.Key_Return,
                Qt.Key.Key_Left,
                Qt.Key.Key_Up,
                Qt.Key.Key_End,
            ]
        ),
        st.sampled_from([Qt.KeyboardModifier.NoModifier, CONTROL, SHIFT]),
    ),
    st.tuples(st.sampled_from(["undo", "redo", "outside", "drag", "clear ghost"])),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.text(alphabet="ab é😀中\n\u00a0\u2028\u2029", max_size=30), st.lists(STEPS, max_size=25))
def test_replaying_the_edits_always_gives_the_text(
    writer: Writer, text: str, steps: list[tuple[object, ...]]
) -> None:
    editor = writer.editor
    editor.ghost.clear()
    writer.composes("")
    writer.opens(text)
    assert editor.text() == text
    replayed = Utf16Text(text)
    exact = []
    replay = editor.edited.connect(lambda *edit: exact.append(replayed.apply(Edit(*edit))))
    try:
        for step in steps:
            do(writer, *step)
            assert str(replayed) == editor.text()
            assert len(replayed) == editor.document().characterCount() - 1
        assert all(exact), "an edit reached beyond the text"
        QApplication.processEvents()
        assert editor.word_count() == sum_of_words(editor.document())
    finally:
        editor.edited.disconnect(replay)


def sum_of_words(document: QTextDocument) -> int:
    from studio.ui.word_count import count_words

    blocks = (document.findBlockByNumber(n) for n in range(document.blockCount()))
    return sum(count_words(block.text()) for block in blocks)


def do(writer: Writer, what: str, *how: object) -> None:
    editor = writer.editor
    if editor.composing and what in ("type", "key"):
        writer.composes("")  # an input method takes the keys, or ends what it composes before
    units = editor.text().encode("utf-16-le")
    places = [min(place, len(units) // 2) for place in how if isinstance(place, int)]
    # A person puts the cursor before or behind a character, never into it.
    places = [place - (units[2 * place + 1 :][:1] in LOW_SURROGATES) for place in places]
    if what in ("move", "select"):
        writer.puts_cursor(*places)
    elif what == "replace":
        editor.replace(min(places), abs(places[0] - places[1]), how[-1])
    else:
        DEEDS[what](writer, *how)


def paste(writer: Writer, text: str) -> None:
    pasted = QMimeData()
    pasted.setText(text)
    writer.editor.insertFromMimeData(pasted)


def change_from_outside(writer: Writer) -> None:
    cursor = QTextCursor(writer.editor.document())
    cursor.beginEditBlock()
    cursor.insertText("1\n")
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.insertText("2")
    cursor.endEditBlock()


def drag(writer: Writer) -> None:
    viewport = writer.editor.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    QTest.mouseMove(viewport, QPoint(60, 50))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=QPoint(60, 50))


DEEDS: dict[str, Callable[..., object]] = {
    "type": lambda writer, text: writer.types(text),
    "paste": paste,
    "accept": lambda writer, text: writer.editor.insert_accepted(text),
    "ghost": lambda writer, text: writer.editor.composing or writer.editor.ghost.show(text),
    "clear ghost": lambda writer: writer.editor.ghost.clear(),
    "compose": lambda writer, text: writer.composes(text),
    "commit": lambda writer, text: writer.composes("", text),
    "replace all": lambda writer, old, new: Search(writer.editor, Sought(old)).replace_all(new),
    "key": lambda writer, key, modifiers: writer.presses(key, modifiers),
    "undo": lambda writer: writer.editor.undo(),
    "redo": lambda writer: writer.editor.redo(),
    "outside": change_from_outside,
    "drag": drag,
}


# -- the page ------------------------------------------------------------------------------------


def test_the_column_is_centred_and_as_wide_as_the_settings_say(writer: Writer) -> None:
    writer.editor.resize(1600, 400)
    writer.desk.settings.change(line_width_chars=40)
    margins = writer.editor.viewportMargins()
    average = writer.editor.fontMetrics().averageCharWidth()
    assert 0 < margins.left() <= margins.right() < margins.left() + 30
    assert 40 * average < writer.editor.viewport().width() < 46 * average + 40
    writer.desk.settings.change(line_width_chars=0)
    assert writer.editor.viewportMargins().left() == 0


def test_a_narrow_window_uses_all_its_width(writer: Writer) -> None:
    writer.editor.resize(200, 400)
    assert writer.editor.viewportMargins().left() == 0


def test_lines_break_as_before_when_the_scroll_bar_appears(writer: Writer) -> None:
    writer.opens("short")
    QApplication.processEvents()
    width = writer.editor.viewport().width()
    writer.opens("long\n" * 100)
    QApplication.processEvents()
    assert writer.editor.verticalScrollBar().isVisible()
    assert writer.editor.viewport().width() == width
    writer.opens("short again")
    QApplication.processEvents()
    assert writer.editor.viewport().width() == width


def test_zooming_is_kept_in_the_settings_and_stops_at_its_limits(writer: Writer) -> None:
    writer.editor.zoom_in()
    assert writer.desk.settings.current.font_size_pt == 14
    assert writer.editor.font().pointSize() == 14
    writer.editor.zoom_reset()
    assert writer.editor.font().pointSize() == 13
    for _ in range(100):
        writer.editor.zoom_out()
    assert writer.editor.font().pointSize() == 6


def test_the_wheel_zooms_with_control_and_scrolls_from_the_margins(writer: Writer) -> None:
    writer.editor.resize(1600, 400)
    writer.opens("line\n" * 200, cursor=0)
    turn_wheel(writer, CONTROL, 120)
    assert writer.editor.font().pointSize() == 14
    turn_wheel(writer, Qt.KeyboardModifier.NoModifier, -240)
    assert writer.editor.verticalScrollBar().value() > 0


def turn_wheel(writer: Writer, modifiers: Qt.KeyboardModifier, angle: int) -> None:
    at = QPointF(3, 100)  # beside the column
    event = QWheelEvent(
        at,
        writer.editor.mapToGlobal(at),
        QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(writer.editor, event)


def test_a_click_beside_the_column_puts_the_cursor_into_its_line(writer: Writer) -> None:
    writer.editor.resize(1600, 400)
    writer.opens("first\nsecond\nthird", cursor=0)
    y = writer.editor.cursorRect().center().y() + writer.editor.fontMetrics().lineSpacing()
    at = QPointF(3, y)
    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
        event = QMouseEvent(
            kind,
            at,
            writer.editor.mapToGlobal(at),
            Qt.MouseButton.LeftButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(writer.editor, event)
    assert writer.editor.textCursor().position() == len("first\n")


def test_settings_that_can_not_be_written_are_told(writer: Writer) -> None:
    told: list[str] = []
    writer.editor.told.connect(told.append)
    writer.desk.settings._path.mkdir()
    writer.editor.zoom_in()
    assert len(told) == 1
    assert writer.editor.font().pointSize() == 14


def test_a_line_without_spaces_is_quick_to_write_in(writer: Writer) -> None:
    """Looking for the ends of words in it would take Qt 0.8 s a key."""
    writer.opens("z" * 200_000, cursor=1_000)
    began = time.perf_counter()
    writer.types("y")
    writer.editor.viewport().grab()
    assert time.perf_counter() - began < 0.4


def test_words_stay_whole_again_once_the_endless_line_is_gone(writer: Writer) -> None:
    writer.opens("Once upon a time")
    between_words = writer.editor.wordWrapMode()
    writer.puts_cursor(0)
    writer.editor.replace(0, 0, "z" * 100_000 + "\n")
    assert writer.editor.wordWrapMode() is QTextOption.WrapMode.WrapAnywhere
    writer.editor.undo()
    assert writer.editor.wordWrapMode() is between_words
    writer.editor.redo()
    writer.opens("Once upon a time")
    assert writer.editor.wordWrapMode() is between_words
