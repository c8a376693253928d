"""Ask for a line of verse, in a bar below the text."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import assert_never

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.engine import (
    Counted,
    Ended,
    Evaluated,
    Event,
    Finished,
    Piece,
    Reading,
    Scored,
    Tokenized,
)
from studio.engine.client import Failed
from studio.library import LibraryError
from studio.manuscript.utf16 import length
from studio.ui import engine_bridge
from studio.ui.background import in_background
from studio.ui.desk import Desk
from studio.ui.editor import Editor
from studio.writing.sounds import Rhyme, Sounds
from studio.writing.verse_line import (
    MAX_SYLLABLES,
    SYLLABLES_OFF,
    Candidate,
    LineSearch,
    LineWanted,
)

_CONTEXT_UNITS = 2_000
_SHOWN = 8
_COLUMNS = 4  # line, rhyme, length, metre
_TEXT = Qt.ItemDataRole.UserRole


class LineBar(QFrame):
    """The bar: a rhyme and a length are asked for, and lines come with what was measured.

    Enter puts the chosen line into the text, or asks once the fields say something else. The
    arrow keys choose, Esc closes.
    """

    told = Signal(str)
    """A sentence for the writer."""

    def __init__(self, editor: Editor, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editor = editor
        self._desk = desk
        self._client = desk.client
        self._load = desk.load_sounds
        self._sounds: Sounds | None = None
        self._place = QTextCursor()  # where the line goes; moves along with edits before it
        self._before = ""
        self._asked_for = ("", 0)
        self._picked = False  # the writer chose a line, which stays chosen when others come
        self._wanted: LineWanted | None = None  # as the place suggests it
        self._search: LineSearch | None = None
        self._ticket: int | None = None
        self._asks = 0  # also the seed: asking again brings other lines
        self.setAccessibleName("Ask for a line")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._rhyme = QLineEdit()
        self._syllables = QSpinBox()
        self._ask = QPushButton("&Ask")
        self._state = QLabel()
        self._lines = QTableWidget(0, _COLUMNS)
        self._build()
        self.hide()
        editor.loaded.connect(self._forget)

    def open(self) -> None:
        """Show the bar and ask for the line that the place of the cursor suggests."""
        if self._editor.isReadOnly():
            self.told.emit("This text can't be changed, so no line can be put into it.")
            return
        self._stop()
        self._show([])
        self._place = QTextCursor(self._editor.textCursor())
        self._place.setPosition(self._place.position())
        self._before = self._editor.around(_CONTEXT_UNITS).before
        self._say("reading the dictionary…" if self._sounds is None else "")
        self.show()
        self._rhyme.setFocus(Qt.FocusReason.ShortcutFocusReason)
        in_background(self, self._load, done=self._begin, failed=self._failed)

    def close_bar(self) -> None:
        """Put the bar away, stop what is being written, and go back to the text."""
        self._stop()
        self.hide()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def ask(self) -> None:
        """Ask for lines as the fields say."""
        sounds, wanted = self._sounds, self._wanted
        if sounds is None or wanted is None:
            return
        self._stop()
        self._show([])
        word, n = self._asked_for = self._fields()
        if word and not sounds.say(word):
            self._say(f"“{word}” has no letters to rhyme with.")
            return
        wanted = replace(wanted, rhyme_with=word, syllables=n)
        seed, self._asks = 1000 * self._asks, self._asks + 1
        self._picked = False
        self._say("looking for lines…")
        self._show_asking(True)
        turn = self._asks
        in_background(
            self,
            lambda: LineSearch(wanted, sounds, seed=seed),
            done=lambda search: self._go(search, turn),
            failed=self._failed,
        )

    def insert(self) -> None:
        """Put the chosen line into the text, as one undo step, and close."""
        text, wanted = self._chosen(), self._wanted
        if text is None or wanted is None or self._editor.isReadOnly():
            return
        at = self._place.position()
        if wanted.before.endswith("\n") and self._place.positionInBlock() > 0:
            text = f"\n{text}"
        elif self._editor.document().characterAt(at - 1).isspace():
            text = text.lstrip()
        self._editor.replace(at, 0, text)
        cursor = self._editor.textCursor()
        cursor.setPosition(at + length(text))
        self._editor.setTextCursor(cursor)
        self.close_bar()

    # -- the search --------------------------------------------------------------------------

    def _begin(self, sounds: Sounds) -> None:
        """The sounds are there: fill the fields in as the place suggests."""
        self._sounds = sounds
        if self.isHidden():
            return
        wanted = LineWanted.at_the_end_of(self._before, sounds)
        self._wanted = wanted
        self._rhyme.setText(wanted.rhyme_with)
        self._rhyme.selectAll()
        self._syllables.setValue(wanted.syllables)
        self.ask()

    def _go(self, search: LineSearch, turn: int) -> None:
        """Show what there is, and ask the model on."""
        if turn != self._asks or self._stopped:
            return
        self._search = search
        self._show(search.candidates)
        if search.request is None:
            self._end()
            return
        self._ticket = engine_bridge.ask(
            self, self._desk, search.request, lambda event: self._on_event(event, search, turn)
        )

    def _on_event(self, event: Event | Failed, search: LineSearch, turn: int) -> None:
        if turn != self._asks or self._stopped:
            return
        match event:
            case Finished():
                self._ticket = None
                in_background(
                    self,
                    search.go_on,
                    done=lambda _: self._go(search, turn),
                    failed=self._failed,
                )
            case Failed():
                self._ticket = None
                self._show_asking(False)
                self._say(event.sentence)
            case Piece() | Reading() | Ended():
                search.hear(event)
            case Tokenized() | Scored() | Evaluated() | Counted():
                pass  # answers to queries
            case _:
                assert_never(event)

    def _stop(self) -> None:
        """Stop the search; the lines that came stay."""
        if self._ticket is not None:
            self._client.cancel(self._ticket)
            self._ticket = None
        if not self._stopped:
            self._show_asking(False)
            self._tell_outcome()

    def _forget(self) -> None:
        """Another text was begun: what was asked for has no place in it."""
        self._stop()
        self.hide()

    def _end(self) -> None:
        self._show_asking(False)
        self._tell_outcome()

    @property
    def _stopped(self) -> bool:
        return self._ask.text() == "&Ask"

    def _tell_outcome(self) -> None:
        candidates = self._search.candidates if self._search else []
        met = sum(each.meets for each in candidates)
        if met:
            self._say(f"{met} {'line' if met == 1 else 'lines'}: ↑ ↓ choose, Enter takes it")
        elif candidates:
            self._say("No line has both the rhyme and the length. These come nearest.")
        else:
            self._say("No line was found. Ask again, or with another rhyme or length.")

    def _failed(self, error: Exception) -> None:
        self._show_asking(False)
        if not isinstance(error, LibraryError):
            self._say("Something went wrong. Ask again.")
            raise error
        self._say(str(error))

    # -- what is shown -----------------------------------------------------------------------

    def _show(self, candidates: list[Candidate]) -> None:
        """The lines that meet the wish, or if none does, those that come nearest."""
        kept = self._chosen() if self._picked else None
        shown = ([each for each in candidates if each.meets] or candidates)[:_SHOWN]
        self._lines.setRowCount(len(shown))
        row = 0
        for i, each in enumerate(shown):
            facts = [each.text.strip(), *self._facts(each)]
            items = [QTableWidgetItem(words) for words in facts]
            items[0].setData(_TEXT, each.text)
            items[0].setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(filter(None, facts)))
            for column, item in enumerate(items):
                self._lines.setItem(i, column, item)
            if each.text == kept:
                row = i
        self._lines.setCurrentCell(row, 0)
        row_px = self._lines.verticalHeader().defaultSectionSize()
        if shown and self._lines.height() != row_px * len(shown):
            # The bar grows over the place that the line is for.
            QTimer.singleShot(0, self._editor, self._editor.ensureCursorVisible)
        self._lines.setFixedHeight(row_px * len(shown))
        self._lines.setVisible(bool(shown))

    def _chosen(self) -> str | None:
        """The text of the chosen line."""
        item = self._lines.item(self._lines.currentRow(), 0)
        return str(item.data(_TEXT)) if item else None

    def _pick(self) -> None:
        self._picked = True

    def _fields(self) -> tuple[str, int]:
        return self._rhyme.text().strip(), self._syllables.value()

    def _facts(self, candidate: Candidate) -> list[str]:
        """What was measured, in words."""
        word, n = self._asked_for
        rhyme = {
            Rhyme.PERFECT: f"rhymes with “{word}”",
            Rhyme.SAME: f"ends in “{word}” again",
            Rhyme.NEAR: f"nearly rhymes with “{word}”",
            Rhyme.NONE: "does not rhyme",
        }[candidate.rhyme]
        if candidate.guessed and candidate.rhyme is not Rhyme.NONE:
            rhyme += " (a guess)"
        length = f"{candidate.syllables} syllables"
        if candidate.syllables != n:
            length += f" of {n}"
        metre = "" if candidate.metre is None else f"metre {candidate.metre:.0%}"
        return [rhyme if word else "", length, metre]

    def _say(self, words: str) -> None:
        self._state.setText(words)
        self._lines.setAccessibleDescription(words)
        self._rhyme.setAccessibleDescription(words)

    def _show_asking(self, on: bool) -> None:
        self._ask.setText("&Stop" if on else "&Ask")
        self._ask.setToolTip("Stop looking for lines" if on else "Look for lines, or for others")

    def _ask_or_stop(self) -> None:
        if self._stopped:
            self.ask()
        else:
            self._stop()

    # -- how it is made ----------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._chosen() is None or self._fields() != self._asked_for:
                self.ask()
            else:
                self.insert()
        elif step and self._lines.rowCount():
            self._picked = True
            row = self._lines.currentRow() + step
            self._lines.setCurrentCell(max(0, min(row, self._lines.rowCount() - 1)), 0)
        else:
            super().keyPressEvent(event)

    def _build(self) -> None:
        self._rhyme.setPlaceholderText("any ending")
        self._rhyme.setAccessibleName("Rhyme with")
        self._rhyme.setToolTip("The word that the line shall rhyme with; empty for any ending")
        self._rhyme.setMaximumWidth(22 * self._rhyme.fontMetrics().averageCharWidth())
        self._syllables.setRange(1, MAX_SYLLABLES)
        self._syllables.setAccessibleName("Syllables")
        self._syllables.setToolTip(
            f"How many syllables the line shall have; {SYLLABLES_OFF} more or fewer will do"
        )
        self._ask.setAccessibleName("Ask for lines, or stop")
        self._ask.setAutoDefault(False)
        self._ask.clicked.connect(self._ask_or_stop)
        self._show_asking(False)
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setAccessibleName("What came of it")
        self._lines.setAccessibleName("Lines")
        self._lines.setToolTip("Enter or a double click puts the chosen line into the text")
        self._lines.setFrameShape(QFrame.Shape.NoFrame)
        self._lines.setShowGrid(False)
        self._lines.setWordWrap(False)
        self._lines.setTabKeyNavigation(False)
        self._lines.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._lines.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._lines.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._lines.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._lines.verticalHeader().hide()
        self._lines.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self._lines.horizontalHeader()
        header.hide()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._lines.cellClicked.connect(self._pick)
        self._lines.cellDoubleClicked.connect(lambda _row, _column: self.insert())
        self._lines.hide()
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        close.setToolTip("Close the bar (Esc)")
        close.setAccessibleName("Close the bar")
        close.clicked.connect(self.close_bar)
        fields = QHBoxLayout()
        for name, field in (("&Rhyme with", self._rhyme), ("S&yllables", self._syllables)):
            label = QLabel(name)
            label.setBuddy(field)
            fields.addWidget(label)
            fields.addWidget(field)
        fields.addWidget(self._ask)
        fields.addWidget(self._state, 1)
        fields.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 6, 6)
        column.addLayout(fields)
        column.addWidget(self._lines)
        order: list[QWidget] = [self._rhyme, self._syllables, self._ask, self._lines, close]
        for before, after in itertools.pairwise(order):
            QWidget.setTabOrder(before, after)
