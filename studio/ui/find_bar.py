"""Find and replace, in a bar below the text."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

from PySide6.QtCore import QRegularExpression, Qt, QTimer
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from studio.ui.editor import Editor
from studio.ui.search import Search, Sought

_FIELD_CHARS = 28
_TYPING_PAUSE_MS = 60
"""What is being typed into the field is looked for after a pause this long."""
# Command+H hides the program on a Mac.
_REPLACE_KEYS = "Ctrl+Alt+F" if sys.platform == "darwin" else "Ctrl+H"


class FindBar(QFrame):
    """The bar. Its `actions` are those of the Edit menu, with their keys."""

    def __init__(self, editor: Editor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editor = editor
        self._search: Search | None = None
        self._from = 0  # where to look for what is being typed
        self._to_select: Callable[[], bool] | None = None  # once all of the text was searched
        self.setAccessibleName("Find and replace")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._what = self._field("Find", "The text to look for; Enter finds the next one")
        self._with = self._field(
            "Replace with",
            "The text to put in its place; Enter replaces the match that is selected",
        )
        self._case = self._option("Aa", "Match case: “Rose” does not find “rose”")
        self._words = self._option("Word", "Whole words only: “cat” does not find “catch”")
        self._regular = self._option(
            ".*",
            "Regular expression, within a paragraph; \\1 in the replacement is its first group",
        )
        self._state = QLabel()
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setAccessibleName("Matches")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_PAUSE_MS)
        self._pause.timeout.connect(self._look)
        self._build()
        self._add_actions()
        self.hide()

    # -- what the menu and the keys do -------------------------------------------------------

    def open_find(self) -> None:
        """Show the bar to find; looks for the selected words if there are any."""
        self._open(replacing=False)

    def open_replace(self) -> None:
        """Show the bar to find and replace."""
        self._open(replacing=True)

    def find_next(self) -> None:
        """Select the next match, from the beginning again after the last one."""
        cursor = self._editor.textCursor
        self._go(lambda search: self._arrive(search.select_from(cursor().selectionEnd())))

    def find_previous(self) -> None:
        """Select the match before."""
        cursor = self._editor.textCursor
        self._go(lambda search: self._arrive(search.select_before(cursor().selectionStart())))

    def replace_one(self) -> None:
        """Replace the selected match and go to the next one; if none is, go there first."""
        if self._pause.isActive():
            self._look()
            return
        if self._search and self._search.complete and not self._editor.isReadOnly():
            self._search.replace_selected(self._with.text())
        self.find_next()

    def replace_all(self) -> None:
        """Replace all matches; one undo takes it back."""
        if self._pause.isActive():
            self._look()
        if self._search and not self._editor.isReadOnly():
            n = self._search.replace_all(self._with.text())
            self._state.setText(f"{n:,} replaced" if n else "nothing to replace")

    def close_bar(self) -> None:
        """Put the bar away and go back to the text."""
        self._pause.stop()
        self._end_search()
        self.hide()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- the search --------------------------------------------------------------------------

    def _open(self, *, replacing: bool) -> None:
        cursor = self._editor.textCursor()
        selected = cursor.selectedText()
        self._from = cursor.selectionStart()
        searching = self._search is not None and self._search.index() is not None
        if selected and not searching and "\u2029" not in selected:
            regular = self._regular.isChecked()
            self._what.setText(QRegularExpression.escape(selected) if regular else selected)
        for widget in self._replacing:
            widget.setVisible(replacing)
        self.show()
        self._what.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._what.selectAll()
        self._look()

    def _typing(self) -> None:
        if self._search is None:
            self._from = self._editor.textCursor().selectionStart()
        self._pause.start()

    def _look(self) -> None:
        """Begin to look for what the field says, from where the bar was opened."""
        self._pause.stop()
        self._end_search()
        sought = Sought(
            self._what.text(),
            match_case=self._case.isChecked(),
            whole_words=self._words.isChecked(),
            regular=self._regular.isChecked(),
        )
        pattern = sought.pattern()
        if not sought.text:
            self._say("")
        elif not pattern.isValid():
            self._say(
                f"This is no regular expression: {pattern.errorString()}"
                f" (character {pattern.patternErrorOffset() + 1})"
            )
        else:
            self._search = Search(self._editor, sought, self)
            self._search.changed.connect(self._on_progress)
            self._editor.selectionChanged.connect(self._tell)
            self._go(lambda search: search.select_from(self._from))

    def _end_search(self) -> None:
        if self._search:
            self._editor.selectionChanged.disconnect(self._tell)
            self._search.deleteLater()
            self._search = None
        self._to_select = None

    def _go(self, select: Callable[[Search], bool]) -> None:
        """Select a match now, or as soon as all of a long text was searched."""
        if self._pause.isActive() or (self._search is None and self._what.text()):
            self._look()
        search = self._search
        if search is None:
            self.open_find()
            return
        self._to_select = lambda: select(search)
        self._on_progress()

    def _arrive(self, found: bool) -> bool:
        """The writer went to this match: what is typed into the field is looked for from here."""
        if found:
            self._from = self._editor.textCursor().selectionStart()
        return found

    def _on_progress(self) -> None:
        if self._search and self._search.complete and self._to_select:
            select, self._to_select = self._to_select, None
            select()
        self._tell()

    def _tell(self) -> None:
        """Say which match of how many is selected."""
        search = self._search
        if search is None:
            return
        if not search.complete:
            self._say(f"{search.total:,} so far…")
        elif not search.total:
            self._say("not found")
        else:
            index = search.index()
            of = f"{index:,} of " if index else ""
            self._say(f"{of}{search.total:,}")

    def _say(self, words: str) -> None:
        self._state.setText(words)
        self._what.setAccessibleDescription(words)

    # -- how it is made ----------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
        elif enter and self._with.hasFocus():
            self.replace_one()
        elif enter and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.find_previous()
        elif enter:
            self.find_next()
        else:
            super().keyPressEvent(event)

    def _field(self, name: str, tip: str) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText(name)
        field.setAccessibleName(name)
        field.setToolTip(tip)
        field.setClearButtonEnabled(True)
        field.setMinimumWidth(_FIELD_CHARS * field.fontMetrics().averageCharWidth())
        return field

    def _option(self, label: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(label)
        button.setCheckable(True)
        button.setAutoRaise(True)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(":")[0].partition(",")[0])
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.toggled.connect(self._look)
        return button

    def _button(self, label: str, tip: str, do: Callable[[], None]) -> QPushButton:
        button = QPushButton(label)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        button.setAutoDefault(False)
        button.clicked.connect(do)
        return button

    def _build(self) -> None:
        self._what.textChanged.connect(self._typing)
        close = QToolButton()
        close.setText("✕")  # Qt's icon nearly vanishes in the dark theme
        close.setAutoRaise(True)
        close.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        close.setToolTip("Close the bar (Esc)")
        close.setAccessibleName("Close the bar")
        close.clicked.connect(self.close_bar)
        finding = QHBoxLayout()
        for widget in (
            self._case,
            self._words,
            self._regular,
            self._button("Previous", "Go to the match before (Shift+F3)", self.find_previous),
            self._button("Next", "Go to the next match (F3)", self.find_next),
        ):
            finding.addWidget(widget)
        finding.addWidget(self._state, 1)
        finding.addWidget(close)
        replacing = QHBoxLayout()
        one = self._button("Replace", "Replace this match and go to the next", self.replace_one)
        every = self._button(
            "Replace all", "Replace all matches (one undo takes it back)", self.replace_all
        )
        replacing.addWidget(one)
        replacing.addWidget(every)
        replacing.addStretch(1)
        self._replacing = (self._with, one, every)
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 6, 6, 6)
        grid.addWidget(self._what, 0, 0)
        grid.addLayout(finding, 0, 1)
        grid.addWidget(self._with, 1, 0)
        grid.addLayout(replacing, 1, 1)
        grid.setColumnStretch(1, 1)
        order = [self._what, self._with, self._case, self._words, self._regular]
        for before, after in itertools.pairwise(order):
            QWidget.setTabOrder(before, after)

    def _add_actions(self) -> None:
        """For the Edit menu, by `menu.addActions(bar.actions())`."""
        for label, keys, do in (
            ("&Find…", ["Ctrl+F"], self.open_find),
            ("Find and &Replace…", [_REPLACE_KEYS], self.open_replace),
            ("Find &Next", ["F3", "Ctrl+G"], self.find_next),
            ("Find &Previous", ["Shift+F3", "Ctrl+Shift+G"], self.find_previous),
        ):
            action = QAction(label, self)
            action.setShortcuts([QKeySequence(key) for key in keys])
            action.triggered.connect(do)
            self.addAction(action)
