"""A song in a window: its margin, its craft, and a line that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QSpinBox, QTableWidget, QToolButton

from studio.engine import Event, Finished, Piece, Request, Token
from studio.engine.client import EngineClient, Failed
from studio.library import LibraryError
from studio.ui.window import Window
from studio.writing.craft import Craft
from studio.writing.sounds import Sounds
from tests.ui.windows.conftest import House, ToldClient

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
SONG = (
    "[Verse]\nI saw the moon\nI had a cat\nIt was in June\nHe wore a hat\n\n"
    "Sing low, sing low\nSing high, sing high\n"
)


class SingingClient(ToldClient):
    """Answers each request for a line at once, with the same line and its end."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line
        self.asked: list[Request] = []
        self.silent = False
        self.cancelled: list[int] = []

    def ask(self, request: Request, on_event: Callable[[Event | Failed], None]) -> int:
        self.asked.append(request)
        if not self.silent:
            for word in self.line.split(" ") if request.versions > 1 else ["x"]:
                spelled = word if word in (self.line.split(" ")[0], "x") else f" {word}"
                ends = ((1, b"\n", math.log(0.5)),)
                on_event(Piece(0, spelled, 0.5, (Token(0, spelled.encode(), -1.0, 0, ends),)))
            on_event(Finished(1, 0, 1, 1.0, 1.0))
        return len(self.asked)

    def cancel(self, ticket: int) -> None:
        self.cancelled.append(ticket)


@pytest.fixture
def singer(house_with: Callable[..., House]) -> tuple[House, SingingClient]:
    client = SingingClient("We did not know")
    return house_with(client=cast(EngineClient, client)), client


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "waltz.lyrics"
    path.write_text(SONG, "utf-8")
    return path


def ask(house: House) -> None:
    """The key, and the end of the text before it."""
    house.types("")
    QTest.keyClick(house.window, Qt.Key.Key_L, CTRL_SHIFT)


def state(window: Window) -> str:
    return next(
        label.text()
        for label in window.line_bar.findChildren(QLabel)
        if label.accessibleName() == "What came of it"
    )


def rhyme_field(window: Window) -> QLineEdit:
    fields = window.line_bar.findChildren(QLineEdit)
    return next(each for each in fields if each.accessibleName() == "Rhyme with")


def lines(window: Window) -> list[str]:
    table = window.line_bar.findChild(QTableWidget)
    rows = [[table.item(row, c).text() for c in range(4)] for row in range(table.rowCount())]
    return [" | ".join(filter(None, row)) for row in rows]


def test_a_song_shows_syllables_and_rhymes(house: House, song: Path) -> None:
    window = house.opens(song)
    assert window.craft.craft is Craft.LYRICS
    house.waits(window.verse_margin.isVisible)
    house.waits(lambda: window.verse_margin.facts)
    assert window.verse_margin.facts == {
        0: (0, ""),
        1: (4, "A"),
        2: (4, "B"),
        3: (4, "A"),
        4: (4, "B"),
        5: (0, ""),
        6: (4, "A"),
        7: (4, "B"),
        8: (0, ""),
    }


def test_the_margin_follows_what_is_typed(house: House, song: Path) -> None:
    window = house.opens(song)
    house.waits(lambda: window.verse_margin.facts)
    house.types("La la the snow")
    house.waits(lambda: window.verse_margin.facts.get(8) == (4, "A"))


def test_the_margin_does_not_stand_on_the_text(house: House, song: Path) -> None:
    window = house.opens(song)
    house.waits(window.verse_margin.isVisible)
    for width in (1000, 620):
        window.resize(width, 500)
        house.waits(lambda width=width: window.width() == width)
        margin = window.verse_margin.geometry()
        assert margin.left() >= 0
        assert margin.right() < window.editor.viewport().geometry().left()


def test_a_story_has_no_margin(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    assert window.craft.craft is Craft.STORY
    assert not window.verse_margin.isVisible()


def test_a_heading_makes_a_song_of_it(house: House) -> None:
    window = house.opens()
    house.types("[Chorus]")
    house.waits(window.verse_margin.isVisible)


def test_the_writer_may_say_what_it_is(house: House, chapter: Path, song: Path) -> None:
    window = house.opens(chapter)
    action(window, "Lyrics and verse").trigger()
    assert window.craft.craft is Craft.LYRICS
    assert window.verse_margin.isVisible()
    assert action(window, "Lyrics and verse").isChecked()
    action(window, "As the file says").trigger()
    assert window.craft.craft is Craft.STORY
    assert not window.verse_margin.isVisible()


def test_another_text_is_looked_at_afresh(house: House, song: Path) -> None:
    window = house.opens(song)
    action(window, "Code").trigger()
    assert window.craft.craft is Craft.CODE
    window.new()
    assert window.craft.chosen is None
    assert window.craft.craft is Craft.STORY


def action(window: Window, label: str) -> QAction:
    return next(a for a in window.actions() if a.text().replace("&", "") == label)


def test_a_line_is_asked_for_and_taken(singer: tuple[House, SingingClient], song: Path) -> None:
    house, client = singer
    window = house.opens(song)
    ask(house)
    house.waits(lambda: lines(window))
    assert rhyme_field(window).text() == "low"
    assert window.line_bar.findChild(QSpinBox).value() == 4
    assert client.asked[0].prompt == SONG
    assert client.asked[0].versions == 8


def test_the_text_gets_the_line_and_one_undo_takes_it_back(
    singer: tuple[House, SingingClient], song: Path
) -> None:
    house, client = singer
    client.line = "Away we go"
    window = house.opens(song)
    ask(house)
    house.waits(
        lambda: lines(window) == ["Away we go | rhymes with “low” | 4 syllables | metre 75%"]
    )
    QTest.keyClick(rhyme_field(window), Qt.Key.Key_Return)
    assert window.document.text() == f"{SONG}Away we go"
    assert not window.line_bar.isVisible()
    assert window.editor.textCursor().atEnd()
    window.editor.undo()
    assert window.document.text() == SONG


def test_other_words_in_the_fields_ask_again(
    singer: tuple[House, SingingClient], song: Path
) -> None:
    house, client = singer
    window = house.opens(song)
    ask(house)
    house.waits(lambda: "Enter takes" in state(window))
    n = len(client.asked)
    client.line = "I watched the sky"
    rhyme_field(window).setText("high")
    QTest.keyClick(rhyme_field(window), Qt.Key.Key_Return)
    house.waits(lambda: len(client.asked) > n and "Enter takes" in state(window))
    assert window.document.text() == SONG
    assert lines(window)[0].startswith("I watched the sky | rhymes with “high”")


def test_lines_that_miss_the_wish_are_shown_as_what_they_are(
    singer: tuple[House, SingingClient], song: Path
) -> None:
    house, client = singer
    client.line = "The river took my only friend"
    window = house.opens(song)
    ask(house)
    house.waits(lambda: "come nearest" in state(window))
    assert state(window).startswith("No line has both")
    assert [line.split(" | ")[:3] for line in lines(window)] == [
        ["The river took my only friend", "does not rhyme", "8 syllables of 4"]
    ]


def test_escape_stops_the_model_and_goes_back_to_the_text(
    singer: tuple[House, SingingClient], song: Path
) -> None:
    house, client = singer
    client.silent = True
    window = house.opens(song)
    ask(house)
    house.waits(lambda: client.asked)
    assert state(window) == "looking for lines…"
    QTest.keyClick(window.line_bar, Qt.Key.Key_Escape)
    assert client.cancelled == [1]
    assert not window.line_bar.isVisible()
    assert window.editor.hasFocus()
    assert window.document.text() == SONG


def test_a_search_can_be_stopped_by_its_button(
    singer: tuple[House, SingingClient], song: Path
) -> None:
    house, client = singer
    client.silent = True
    window = house.opens(song)
    ask(house)
    house.waits(lambda: client.asked)
    house.clicks(window.line_bar, "Stop")
    assert client.cancelled == [1]
    assert state(window).startswith("No line was found")


def test_another_text_puts_the_bar_away(singer: tuple[House, SingingClient], song: Path) -> None:
    house, client = singer
    client.silent = True
    window = house.opens(song)
    ask(house)
    house.waits(lambda: client.asked)
    window.new()
    assert not window.line_bar.isVisible()
    assert client.cancelled == [1]


def test_a_word_without_letters_is_refused_in_words(
    singer: tuple[House, SingingClient], song: Path
) -> None:
    house, client = singer
    window = house.opens(song)
    ask(house)
    house.waits(lambda: client.asked)
    field = rhyme_field(window)
    field.setText("?!")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert state(window) == "“?!” has no letters to rhyme with."


def test_a_dead_engine_is_told_in_its_words(house_with: Callable[..., House], song: Path) -> None:
    class Dead(ToldClient):
        def ask(self, _request: Request, on_event: Callable[[Event | Failed], None]) -> int:
            on_event(Failed("No model is open."))
            return 1

    house = house_with(client=cast(EngineClient, Dead()))
    window = house.opens(song)
    ask(house)
    house.waits(lambda: state(window) == "No model is open.")


def test_without_a_dictionary_the_bar_says_so(house_with: Callable[..., House], song: Path) -> None:
    def missing() -> Sounds:
        raise LibraryError("The pronouncing dictionary is not here.")

    house = house_with(load_sounds=missing)
    window = house.opens(song)
    ask(house)
    house.waits(lambda: state(window) == "The pronouncing dictionary is not here.")
    assert window.verse_margin.facts == {}


def test_every_control_of_the_bar_says_what_it_is(house: House, song: Path) -> None:
    window = house.opens(song)
    ask(house)
    for kind in (QLineEdit, QSpinBox, QPushButton, QToolButton, QTableWidget):
        for control in window.line_bar.findChildren(kind):
            if not control.objectName().startswith("qt_"):
                assert control.accessibleName(), control
                assert control.toolTip(), control
