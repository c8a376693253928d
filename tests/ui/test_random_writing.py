"""Text and cursor are those of a plain string, whatever a writer and the model do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import regex
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QTextBlock
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from shiboken6 import delete

from studio.engine import Finished, Piece, Request
from studio.manuscript.utf16 import length
from studio.ui.completer import Completer
from studio.ui.learned import Learned
from studio.ui.suggesting import Suggesting
from studio.writing import graphemes
from studio.writing.craft import Craft
from studio.writing.segments import next_line, next_sentence, next_word

if TYPE_CHECKING:
    from tests.ui.conftest import Writer

CONTROL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier

TEXTS = [
    "The boy, who was late",
    "👩‍👩‍👧 and 👍🏽 and 🇩🇪🇫🇷",
    "e\u0301a\u0308\u0323 as typed on a Mac",
    "שלום עולם",
    "مرحبا بالعالم\nand on",
    "中文和日本語を書く。",
    "one\u2028two\n\nthree",
    "# Heading\n“Curly,” he said",
    "",
]
TYPED = [
    *("a", "o", " ", "é", "”", "\n"),
    *("😀", "👩‍👩‍👧", "🇩", "🇪", "e\u0301", "\u0308"),
    *("ש", "ب", "中", "。"),
]
SUGGESTED = [
    "upon a time.",
    " who came. He went",
    "ly and so",
    "👩‍👩‍👧 and 👍🏽!",
    "\u200d👧 next",
    "🇪🇫🇷 flags",
    "\u0301 marks a\u0308\u0323",
    "של עולם, that",
    "中文。日本語です",
    "a\r\nb",
    " went home,\nand all was well\nand so on",
    "\ufffd?",
    "",
]
PASTED = ["x\r\ny", "p\rq", "s\u2028t", "u\u2029v", "🇩🇪", "\u0301", "ready to go"]
GATE_MS = 30
"""As a rule something that came at once is in sight by then."""
PLACES = st.integers(0, 40)
WITH_GREY = st.sampled_from(
    ["type_on", "accept", "accept_word", "accept_sentence", "another", "dismiss", "backspace"]
)
KEYS = st.sampled_from(["undo", "redo", "undo", "backspace", "left", "right", "type_on"])
STEPS = st.one_of(
    st.tuples(st.just("suggest"), st.sampled_from(SUGGESTED), st.lists(WITH_GREY, max_size=4)),
    st.tuples(st.just("suggest"), st.sampled_from(SUGGESTED), st.lists(WITH_GREY, max_size=4)),
    st.tuples(st.just("type"), st.sampled_from(TYPED)),
    st.tuples(st.just("type"), st.sampled_from(TYPED)),
    st.tuples(KEYS),
    st.tuples(KEYS),
    st.tuples(st.just("pause"), st.sampled_from(SUGGESTED), st.lists(WITH_GREY, max_size=4)),
    st.tuples(st.just("paste"), st.sampled_from(PASTED)),
    st.tuples(st.just("compose"), st.sampled_from(["ni", "´"])),
    st.tuples(st.just("commit"), st.sampled_from(["你", "é", "👩‍👩‍👧"])),
    st.tuples(st.just("move"), PLACES),
    st.tuples(st.just("select"), PLACES, PLACES),
)


@dataclass
class Plain:
    """A text as a string, with a cursor that counts its characters; and all that it was."""

    text: str
    at: int = 0
    anchor: int = 0
    past: list[tuple[str, bool]] = field(default_factory=list)
    """Texts up to now, and whether the step to each was one that undo takes back alone."""
    future: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = self.anchor = len(self.text)
        self.past = [(self.text, True)]

    @property
    def before(self) -> str:
        return self.text[: self.at]

    @property
    def after(self) -> str:
        return self.text[self.at :]

    @property
    def selected(self) -> bool:
        return self.at != self.anchor

    def put(self, text: str, *, alone: bool = False) -> None:
        """`text` in the place of the selection."""
        start, end = sorted((self.at, self.anchor))
        self.becomes(self.text[:start] + text + self.text[end:], start + len(text), alone=alone)

    def backspace(self) -> None:
        if not self.selected and self.at:
            self.anchor = self.at - 1
        self.put("")

    def becomes(self, text: str, at: int, *, alone: bool = False) -> None:
        if text != self.text:
            self.past.append((text, alone))
            self.future.clear()
        self.text, self.at, self.anchor = text, at, at

    def goes(self, at: int, anchor: int | None = None) -> None:
        self.at = min(at, len(self.text))
        self.anchor = self.at if anchor is None else min(anchor, len(self.text))

    def step(self, by: int) -> None:
        """To the next (1) or the previous (-1) place between two characters of a reader."""
        if self.selected:
            self.goes(max(self.at, self.anchor) if by > 0 else min(self.at, self.anchor))
            return
        found = [0, *(match.end() for match in regex.finditer(r"\X", self.text))]
        places = [place for place in found if (place - self.at) * by > 0]
        if places:
            self.goes(places[0] if by > 0 else places[-1])

    def undo(self, text: str) -> None:
        """`text`, which undo has made, is an earlier one; what was accepted goes by itself.

        Or it is the same: Qt takes Enter on an empty page back in two steps.
        """
        while self.past[-1][0] != text:
            state = self.past.pop()
            self.future.append(state)
            assert self.past, "undo made a text that never was"
            more = self.past[-1][0] != text
            assert not more or not (state[1] or self.past[-1][1]), "undo took back two steps"
        self.text = text

    def redo(self, text: str) -> None:
        if not self.future:
            assert text == self.text
            return
        while self.past[-1][0] != text:
            assert self.future, "redo made a text that never was"
            self.past.append(self.future.pop())
        self.text = text

    def chars(self, units: int) -> int:
        """A place in the text that Qt has told, in characters."""
        return len(self.text.encode("utf-16-le")[: 2 * units].decode("utf-16-le"))


class Table:
    """A writer, a model that says what the test says, and the same in plain."""

    def __init__(self, writer: Writer, completer: Completer, text: str, craft: Craft) -> None:
        self.writer, self.editor, self.client = writer, writer.editor, writer.client
        self.completer, self.craft = completer, craft
        self.n_answered = len(self.client.asked)
        writer.opens(text)
        self.plain = Plain(text)

    @property
    def grey(self) -> str:
        return self.editor.ghost.text

    def do(self, what: str, *how: Any) -> None:
        if self.editor.composing and what not in ("compose", "commit"):
            self.writer.composes("")  # an input method takes the keys, or gives up before
        getattr(self, what)(*how)
        self.check()

    # -- what a writer does --------------------------------------------------------------------

    def type(self, text: str) -> None:
        for character in text:
            self.writer.types(character)
            self.plain.put(character)
            self.check()

    def type_on(self) -> None:
        """What the grey text says."""
        if self.grey:
            self.type(regex.findall(r"\X", self.grey)[0])

    def backspace(self) -> None:
        self.writer.presses(Qt.Key.Key_Backspace)
        self.plain.backspace()

    def paste(self, text: str) -> None:
        pasted = QMimeData()
        pasted.setText(text)
        self.editor.insertFromMimeData(pasted)
        for end in ("\r\n", "\r", "\u2029"):
            text = text.replace(end, "\n")
        self.plain.put(text, alone=True)

    def compose(self, text: str) -> None:
        self.writer.composes(text)
        if self.plain.selected:
            self.plain.put("")

    def commit(self, text: str) -> None:
        self.writer.composes("", text)
        self.plain.put(text)

    def move(self, at: int) -> None:
        self.plain.goes(at)
        self.writer.puts_cursor(length(self.plain.before))

    def select(self, at: int, anchor: int) -> None:
        self.plain.goes(at, anchor)
        chosen = self.plain.text[: self.plain.anchor]
        self.writer.puts_cursor(length(self.plain.before), length(chosen))

    def left(self) -> None:
        self._step(Qt.Key.Key_Left, -1)

    def right(self) -> None:
        self._step(Qt.Key.Key_Right, 1)

    def _step(self, key: Qt.Key, by: int) -> None:
        block = self.editor.textCursor().block()
        self.writer.presses(key)
        leftwards = block.textDirection() is Qt.LayoutDirection.RightToLeft
        self.plain.step(-by if leftwards else by)

    def undo(self) -> None:
        self.editor.undo()
        self._goes_where_qt_says(self.plain.undo)

    def redo(self) -> None:
        self.editor.redo()
        self._goes_where_qt_says(self.plain.redo)

    def _goes_where_qt_says(self, becomes: Callable[[str], None]) -> None:
        cursor = self.editor.textCursor()
        becomes(self.editor.text())
        self.plain.goes(self.plain.chars(cursor.position()), self.plain.chars(cursor.anchor()))

    def suggest(self, text: str, deeds: list[str]) -> None:
        """Ask for a suggestion and get `text`, then do something with it."""
        self.writer.presses(Qt.Key.Key_Space, CONTROL)
        self.model_says(text)
        for deed in deeds:
            self.do(deed)

    def pause(self, text: str, deeds: list[str]) -> None:
        """Look what comes by itself, after a letter or a space."""
        self.type(" " if text[:1].isalnum() else "o")
        self.model_says(text)
        QTest.qWait(GATE_MS)
        for deed in deeds:
            self.do(deed)

    def another(self) -> None:
        self.writer.presses(Qt.Key.Key_BracketRight, ALT)
        self.model_says("another one", "a third")

    def dismiss(self) -> None:
        self.writer.presses(Qt.Key.Key_Escape)
        assert not self.grey

    def accept(self) -> None:
        if grey := self.grey:
            self.writer.presses(Qt.Key.Key_Tab)
            self.plain.put(grey, alone=True)

    def accept_word(self) -> None:
        if grey := self.grey:
            self.writer.presses(Qt.Key.Key_Right, CONTROL)
            self.plain.put(next_word(grey, self.plain.before), alone=True)

    def accept_sentence(self) -> None:
        if grey := self.grey:
            self.writer.presses(Qt.Key.Key_Down, CONTROL)
            taken = next_sentence(grey) if self.craft is Craft.STORY else next_line(grey)
            self.plain.put(taken, alone=True)

    # -- what comes of it ------------------------------------------------------------------------

    def model_says(self, *texts: str) -> None:
        """What is asked and still wanted gets these answers, one a version."""
        while self.n_answered < len(self.client.asked):
            asked = self.client.asked[self.n_answered]
            self.n_answered += 1
            if not asked.cancelled:
                n = asked.request.versions if isinstance(asked.request, Request) else 0
                for version in range(n):
                    for piece in texts[version % len(texts)]:
                        asked.gets(Piece(version, piece))
                        self.check()
                asked.gets(Finished(1, 0, 1, 1.0, 1.0))

    def check(self) -> None:
        """The text, the cursor and the selection are those of the string; grey text is fit."""
        plain, editor, grey = self.plain, self.editor, self.grey
        cursor = editor.textCursor()
        assert editor.text() == plain.text
        assert cursor.position() == length(plain.before)
        assert cursor.anchor() == length(plain.text[: plain.anchor])
        found = {
            block.position() + block.layout().preeditAreaPosition(): text
            for block in self.blocks()
            if (text := block.layout().preeditAreaText()) and not editor.composing
        }
        assert found == ({cursor.position(): grey.replace("\n", "\u2028")} if grey else {})
        if grey:
            assert not editor.composing
            assert not plain.selected
            assert grey == self.completer._policy.text
            assert graphemes.whole(grey, ended=True) == grey
            for before, after in (
                (plain.before, plain.after),
                (plain.before, grey),
                (grey, plain.after),
            ):
                assert not graphemes.splits(before, after)

    def blocks(self) -> Iterator[QTextBlock]:
        block = self.editor.document().firstBlock()
        while block.isValid():
            yield block
            block = block.next()


@contextmanager
def at_the_table(writer: Writer, text: str, craft: Craft) -> Iterator[Table]:
    writer.desk.settings.change(tab_takes="all", only_when_sure=False)
    writer.composes("")
    learned = Learned(writer.desk.data_dir / "confidence.json", writer.editor)
    suggesting = Suggesting(writer.desk.settings, learned, lambda: False, writer.editor)
    completer = Completer(writer.editor, writer.desk, suggesting)
    completer.writes(craft, None)
    try:
        yield Table(writer, completer, text, craft)
    finally:
        writer.editor.ghost.clear()
        delete(completer)
        delete(suggesting)
        QApplication.processEvents()


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(
    text="مرحبا بالعالم\nand on",
    craft=Craft.STORY,
    steps=[("move", 0), ("paste", "s\u2028t"), ("compose", "ni"), ("type", "a")],
)
@given(
    text=st.sampled_from(TEXTS),
    craft=st.sampled_from([Craft.STORY, Craft.LYRICS]),
    steps=st.lists(STEPS, max_size=30),
)
def test_text_and_cursor_are_those_of_a_plain_string_whatever_happens(
    writer: Writer, text: str, craft: Craft, steps: list[tuple[Any, ...]]
) -> None:
    with at_the_table(writer, text, craft) as table:
        for step in steps:
            table.do(*step)
        while writer.editor.document().isUndoAvailable():
            table.do("undo")
        assert writer.editor.text() == text
