"""Enter and Tab in code, each one step to undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from studio.writing.languages import language_of
from tests.ui.conftest import Writer

PYTHON = language_of(Path("a.py"))


@pytest.fixture
def coder(writer: Writer) -> Writer:
    writer.editor.write_in(PYTHON)
    return writer


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("    x = 1", "    x = 1\n    "),
        ("if x:", "if x:\n    "),
        ("f(", "f(\n    "),
        ("\tx = 1", "\tx = 1\n\t"),
        ("", "\n"),
    ],
)
def test_enter_keeps_or_deepens_the_indentation(coder: Writer, text: str, after: str) -> None:
    coder.opens(text)
    coder.types("\n")
    assert coder.editor.text() == after
    assert coder.editor.textCursor().position() == len(after)
    assert ("typed", after[len(text) :]) in coder.reports()
    coder.editor.undo()
    assert coder.editor.text() == text


def test_enter_after_typing_is_a_step_of_its_own(coder: Writer) -> None:
    coder.types("if x:")
    coder.types("\n")
    coder.types("y")
    assert coder.editor.text() == "if x:\n    y"
    coder.editor.undo()
    assert coder.editor.text() == "if x:\n    "
    coder.editor.undo()
    assert coder.editor.text() == "if x:"


def test_tab_goes_to_the_next_stop(coder: Writer) -> None:
    coder.opens("ab")
    coder.presses(Qt.Key.Key_Tab)
    assert coder.editor.text() == "ab  "
    coder.presses(Qt.Key.Key_Tab)
    assert coder.editor.text() == "ab      "
    coder.editor.undo()
    assert coder.editor.text() == "ab  "


def test_tab_and_shift_tab_move_the_selected_lines(coder: Writer) -> None:
    coder.opens("a\n\n  b\nc")
    coder.puts_cursor(6, anchor=0)
    coder.presses(Qt.Key.Key_Tab)
    assert coder.editor.text() == "    a\n\n      b\nc"
    coder.editor.undo()
    assert coder.editor.text() == "a\n\n  b\nc"
    coder.puts_cursor(6, anchor=0)
    coder.presses(Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert coder.editor.text() == "a\n\nb\nc"
    coder.editor.undo()
    assert coder.editor.text() == "a\n\n  b\nc"


def test_shift_tab_without_a_selection_moves_the_line(coder: Writer) -> None:
    coder.opens("if x:\n        y", cursor=12)
    coder.presses(Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert coder.editor.text() == "if x:\n    y"


def test_prose_keeps_its_keys(writer: Writer) -> None:
    writer.opens("    He said:")
    writer.types("\n")
    assert writer.editor.text() == "    He said:\n"
    writer.presses(Qt.Key.Key_Tab)
    assert writer.editor.text() == "    He said:\n\t"


def test_a_text_that_is_only_for_reading_is_left_alone(coder: Writer) -> None:
    coder.opens("if x:")
    coder.editor.setReadOnly(True)
    coder.types("\n")
    coder.presses(Qt.Key.Key_Tab)
    assert coder.editor.text() == "if x:"


JAVASCRIPT = language_of(Path("a.js"))


@pytest.mark.parametrize(
    ("text", "bracket", "after"),
    [
        ("if (x) {\n  y();\n  ", "}", "if (x) {\n  y();\n}"),
        ("{\n\tf(\n\t\tx,\n\t\t", ")", "{\n\tf(\n\t\tx,\n\t)"),
        ("{\n  f();\n    ", ")", "{\n  f();\n    )"),  # it closes nothing
        ("  x = ", "}", "  x = }"),
        ("  // {\n  ", "}", "  // {\n  }"),
        ("if (x) {\n", "}", "if (x) {\n}"),
    ],
)
def test_a_closing_bracket_goes_out_to_where_its_block_began(
    coder: Writer, text: str, bracket: str, after: str
) -> None:
    coder.editor.write_in(JAVASCRIPT)
    coder.opens(text)
    coder.types(bracket)
    assert coder.editor.text() == after
    assert coder.editor.textCursor().position() == len(after)
    coder.editor.undo()
    assert coder.editor.text() == text
