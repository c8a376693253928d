"""Colours of code follow the text, and leave room for grey text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QColor, QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication, QPlainTextDocumentLayout
from pytestqt.qtbot import QtBot

from studio.ui.block_formats import text_formats
from studio.ui.highlight import Highlighter
from studio.ui.theme import DARK, LIGHT, palette_of
from studio.writing.languages import Language, language_of
from studio.writing.lexing import Lexing
from tests.ui.conftest import Writer

PYTHON = language_of(Path("a.py"))
JS = language_of(Path("a.js"))
YAML = language_of(Path("a.yaml"))
assert PYTHON
assert JS
assert YAML


def _document(text: str) -> QTextDocument:
    document = QTextDocument()
    document.setDocumentLayout(QPlainTextDocumentLayout(document))
    document.setPlainText(text)
    return document


def _colours(document: QTextDocument) -> list[list[tuple[int, int, str]]]:
    lines = []
    block = document.begin()
    while block.isValid():
        lines.append(
            [
                (each.start, each.length, each.format.foreground().color().name())
                for each in text_formats(block.layout())
            ]
        )
        block = block.next()
    return lines


def _expected(text: str, language: Language) -> list[list[tuple[int, int, str]]]:
    return [
        [(start, n, getattr(LIGHT.code, part.value)) for start, n, part in line.spans]
        for line in Lexing(language.lexer).lines(text)
    ]


def _finish(highlighter: Highlighter) -> None:
    while not highlighter.complete:
        highlighter._go_on()


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> None:
    qapp.setPalette(palette_of(LIGHT))


_PIECE = st.sampled_from(
    [
        "\n",
        "\n\n",
        '"""',
        "'",
        "def f():\n",
        "/*",
        "*/",
        "x = 1 ",
        "# c",
        "`",
        "a: b\n",
        "字👩🏽",
        " ",
    ]
)
_TEXT = st.lists(_PIECE, max_size=30).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(text='\n"""\n\'\n', edits=[(7, 0, '"""'), (0, 0, "\n")], language=JS, hurried=False)
@given(
    text=_TEXT,
    edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 8), _TEXT), max_size=6),
    language=st.sampled_from([PYTHON, JS, YAML]),
    hurried=st.booleans(),
)
def test_after_any_edits_the_colours_are_those_of_the_whole_text(
    qapp: QApplication,
    text: str,
    edits: list[tuple[int, int, str]],
    language: Language,
    hurried: bool,
) -> None:
    document = _document(text)
    highlighter = Highlighter(document, language)
    for at, removed, inserted in edits:
        n = document.characterCount() - 1
        cursor = QTextCursor(document)
        cursor.setPosition(min(at, n))
        cursor.setPosition(min(at + removed, n), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(inserted)
        if not hurried:
            _finish(highlighter)
    _finish(highlighter)
    highlighter._settle()
    _finish(highlighter)
    plain = document.toRawText().replace("\u2029", "\n")
    assert _colours(document) == _expected(plain, language)


def test_a_string_that_is_begun_far_above_is_coloured_to_its_end(qtbot: QtBot) -> None:
    lines = ["x = 1"] * 3_000
    document = _document("\n".join(lines))
    highlighter = Highlighter(document, PYTHON)
    _finish(highlighter)
    cursor = QTextCursor(document.findBlockByNumber(100))
    cursor.insertText('s = """')
    assert not highlighter.complete  # the key is not kept waiting for all of them
    qtbot.waitUntil(lambda: highlighter.complete)
    text = document.toPlainText()
    assert _colours(document) == _expected(text, PYTHON)
    document.undo()
    qtbot.waitUntil(lambda: highlighter.complete)
    assert _colours(document) == _expected("\n".join(lines), PYTHON)


def test_a_long_text_is_coloured_between_other_events(qtbot: QtBot) -> None:
    document = _document("def f(x):\n    return 'a' + str(1)  # c\n\n" * 2_000)
    highlighter = Highlighter(document, PYTHON)
    assert not highlighter.complete
    qtbot.waitUntil(lambda: highlighter.complete)
    assert all(_colours(document)[:-1][0])


def test_an_endless_line_is_left_as_it_is(qtbot: QtBot) -> None:
    document = _document("x = 1\n" + "'a', " * 100_000 + "\ny = 2")
    highlighter = Highlighter(document, PYTHON)
    _finish(highlighter)
    assert [bool(line) for line in _colours(document)] == [True, False, True]


def test_the_editor_colours_code_and_only_code(writer: Writer) -> None:
    writer.opens("def f(): pass")
    assert not any(_colours(writer.editor.document()))
    writer.editor.write_in(PYTHON)
    assert any(_colours(writer.editor.document()))
    assert writer.editor.font().fixedPitch()
    writer.editor.write_in(None)
    assert not any(_colours(writer.editor.document()))
    assert not writer.editor.font().fixedPitch()


def test_grey_text_leaves_the_colours_where_they_are(writer: Writer) -> None:
    writer.editor.write_in(PYTHON)
    writer.opens("x = 'abc'  # end", cursor=6)
    document = writer.editor.document()
    before = _colours(document)
    assert before[0]
    writer.editor.ghost.show("grey words")
    assert _colours(document) == before
    shown = document.begin().layout().formats()
    ghost = next(each for each in shown if each.length == len("grey words"))
    assert ghost.start == 6
    comment = max(shown, key=lambda each: each.start)
    assert comment.start == "x = 'abc'  # end".index("#") + len("grey words")
    writer.editor.ghost.clear()
    assert _colours(document) == before
    assert len(document.begin().layout().formats()) == len(before[0])


def test_colouring_is_no_change_of_the_text(writer: Writer) -> None:
    writer.opens("x = 1")
    writer.editor.document().setModified(False)
    writer.editor.write_in(PYTHON)
    assert writer.reports() == []
    assert not writer.editor.document().isModified()
    assert not writer.editor.document().isUndoAvailable()


def test_another_theme_colours_anew(writer: Writer, qapp: QApplication) -> None:
    writer.editor.write_in(PYTHON)
    writer.opens("# comment")
    qapp.setPalette(palette_of(DARK))
    QApplication.processEvents()
    assert _colours(writer.editor.document())[0][0][2] == QColor(DARK.code.comment).name()
    qapp.setPalette(palette_of(LIGHT))


@pytest.mark.parametrize("commit", ["né", ""])
def test_an_input_method_leaves_the_colours(writer: Writer, commit: str) -> None:
    writer.editor.write_in(PYTHON)
    writer.opens("x = 'abc'  # end", cursor=9)
    writer.composes("ne")
    writer.composes("né")
    writer.composes("", commit)
    text = "x = 'abc'" + commit + "  # end"
    assert writer.editor.text() == text
    assert _colours(writer.editor.document()) == _expected(text, PYTHON)


def test_deleting_many_lines_while_they_are_coloured(qtbot: QtBot) -> None:
    document = _document("s = 'a'\n" * 5_000)
    highlighter = Highlighter(document, PYTHON)
    assert not highlighter.complete
    cursor = QTextCursor(document.findBlockByNumber(10))
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    cursor.removeSelectedText()
    qtbot.waitUntil(lambda: highlighter.complete)
    assert _colours(document) == _expected("s = 'a'\n" * 10, PYTHON)
