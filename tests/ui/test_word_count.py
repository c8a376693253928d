"""Words are counted as a reader would, and kept counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QTextDocument
from pytestqt.qtbot import QtBot

from studio.ui.word_count import ParagraphCounts, count_words

if TYPE_CHECKING:
    from tests.ui.conftest import Writer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        (" … — !", 0),
        ("Call me Ishmael.", 3),
        ("don't, won’t, rock’n’roll", 3),
        ("a well-known mother-in-law", 3),
        ("word—word – word--word", 4),
        ("wait...what", 2),
        ("either/or", 2),
        ("3.14 and 1,000,000 at 10:30", 5),
        ("“Yes,” she said; ‘no’.", 4),
        ("naïve cafe\u0301s", 2),
        ("हिन्दी में लिखना", 3),
        ("no\u00a0break\u202fspaces", 3),
        ("one\u2028two\tthree", 3),
        ("你好，世界。", 4),
        ("これはペンです", 7),
        ("한국어 문장", 2),
        ("mixed 中文 and English", 5),
        ("_ * ***", 0),
        ("_emphasis_ **bold**", 2),
        ("😀 smile", 1),
    ],
)
def test_words_are_what_a_reader_counts(text: str, words: int) -> None:
    assert count_words(text) == words


def test_the_count_follows_every_change(writer: Writer) -> None:
    counts: list[int] = []
    writer.opens("one two\nthree")
    writer.editor.word_count_changed.connect(counts.append)
    writer.types(" four")
    writer.types("\n")
    writer.editor.replace(0, 8, "")
    writer.editor.undo()
    assert writer.editor.word_count() == 4
    assert counts[0] == 4
    assert counts[-1] == 4
    assert 2 in counts


def test_a_long_text_is_counted_between_other_events(writer: Writer, qtbot: QtBot) -> None:
    writer.opens("ten words are in this line of the long text\n" * 20_000)
    counts = ParagraphCounts(writer.editor.document(), count_words)
    assert not counts.complete
    qtbot.waitUntil(lambda: counts.complete)
    assert counts.total == 200_000


def test_changes_while_a_long_text_is_being_counted_are_counted_once(
    writer: Writer, qtbot: QtBot
) -> None:
    writer.opens("one two three\n" * 50_000)
    document = writer.editor.document()
    counts = ParagraphCounts(document, count_words)
    steps = 0
    while not counts.complete:
        cursor = document.find("two", steps % 50 * 10_000)
        cursor.insertText("\n" if steps % 3 else "five\nsix seven")
        cursor.movePosition(cursor.MoveOperation.Start)
        cursor.insertText("new words ")
        steps += 1
        qtbot.wait(1)
    assert steps > 3
    assert counts.total == recount(document)


def test_a_paragraph_that_never_ends_is_counted_soon_after_a_change(
    writer: Writer, qtbot: QtBot
) -> None:
    writer.opens("word " * 20_000)
    writer.types("more")
    qtbot.waitUntil(lambda: writer.editor.word_count() == 20_001)


def recount(document: QTextDocument) -> int:
    blocks = (document.findBlockByNumber(n) for n in range(document.blockCount()))
    return sum(count_words(block.text()) for block in blocks)
