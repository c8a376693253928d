"""The text: plain, quick with a million words, exact about every change of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QEvent, QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDropEvent,
    QFocusEvent,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from studio.manuscript.utf16 import Edit, length
from studio.settings import SettingsStore
from studio.ui import code_keys
from studio.ui.ghost import GhostText
from studio.ui.page import Page
from studio.ui.plain_text import (
    for_clipboard,
    for_document,
    from_document,
    splits_pair,
    text_between,
    with_newlines,
)
from studio.ui.word_count import ParagraphCounts, count_words
from studio.writing.context import from_paragraph, grid_start
from studio.writing.decisions import Around
from studio.writing.graphemes import splits
from studio.writing.languages import Language

if TYPE_CHECKING:
    from studio.ui.highlight import Highlighter

AFTER_UNITS = 2_000
"""How much of the text after the cursor `around` tells."""

_ANYWHERE = QTextOption.WrapMode.WrapAnywhere
_BETWEEN_WORDS = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
_FOCUS_COMES_BACK = (
    Qt.FocusReason.ActiveWindowFocusReason,
    Qt.FocusReason.PopupFocusReason,
    Qt.FocusReason.MenuBarFocusReason,
)

_CHARACTER_UNITS = 64
"""A longer character, as a reader sees them, is not looked for."""
_NO_STEP = -1

MAX_WORD_WRAPPED_UNITS = 50_000
"""While there is a longer paragraph, lines break anywhere: to find the ends of words, Qt's layout
takes 18 s a key in one line of 1 MB without spaces, and 0.2 s without looking for them."""


class _Place(NamedTuple):
    """Where the cursor is; `anchor` is the other end of the selection."""

    position: int
    anchor: int


class _Known(NamedTuple):
    """A part of the text as it was before a change."""

    at: int
    text: str


class Editor(Page):
    """A plain-text editor with grey text at its cursor.

    Offsets count UTF-16 code units, as in Qt. What happens within one key press (or one event
    of an input method, one paste, ...) is reported once, when it is over.
    """

    edited = Signal(int, int, object)
    """`at`, `removed`, `inserted` (str): every change of the text, in order and exact."""
    typed = Signal(object)
    """Plain typing is over, by key or input method: the str that now stands before the cursor."""
    changed_otherwise = Signal()
    """Any other change of the text is over."""
    cursor_moved = Signal()
    """Cursor or selection moved without a change, or an input method began to compose."""
    loaded = Signal()
    """Another text was begun."""
    left = Signal()
    """The focus went to another part of the window."""
    word_count_changed = Signal(int)

    def __init__(self, settings: SettingsStore, parent: QWidget | None = None) -> None:
        super().__init__(settings, parent)
        self.setAccessibleName("Text")
        self.keys_first: Callable[[QKeyEvent], bool] = lambda _: False
        """Is offered every key before the editor; answers whether it took it."""
        self.wants_key: Callable[[QKeyEvent], bool] = lambda _: False
        """Whether a key is for `keys_first`, even if a menu has the same one."""
        self.ghost = GhostText(self)
        self.recoloured.connect(self._recolour)
        self._highlighter: Highlighter | None = None
        self._language: Language | None = None
        self._length = 0
        self._endless: list[QTextCursor] = []  # in paragraphs too long to break between words
        self._edits: list[Edit] | None = None  # of the event that is being handled
        self._known: _Known | None = None
        self._last_place = _Place(0, 0)
        self._loading = False
        self._composing = False
        self._undoing = False
        self._own_undo_step = _NO_STEP  # how many there were when one was made that stays alone
        self._settle = QTimer(self)  # reports a change that came outside of an event
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._settled)
        document = self.document()
        document.contentsChange.connect(self._on_contents_change)
        self._words = ParagraphCounts(document, count_words, self)
        self._words.changed.connect(lambda: self.word_count_changed.emit(self._words.total))
        self.cursorPositionChanged.connect(self._on_cursor)
        self.selectionChanged.connect(self._on_cursor)

    # -- the text ---------------------------------------------------------------------------

    def text(self) -> str:
        """The whole text, as it was loaded and edited, character for character."""
        return from_document(self.document().toRawText())

    def load_text(self, text: str) -> None:
        """Begin with another text: nothing to undo, not modified, the cursor at its start."""
        self.ghost.clear()
        self._settle.stop()
        self._loading = True
        try:
            if max(map(len, text.split("\n"))) > MAX_WORD_WRAPPED_UNITS:
                self.setWordWrapMode(_ANYWHERE)
            self.setPlainText(for_document(text))
        finally:
            self._loading = False
        self._choose_wrapping(0, self._length)
        self._own_undo_step = _NO_STEP
        self._last_place = self._place()
        self.cursor_moved.emit()
        self.loaded.emit()

    def replace(self, at: int, removed: int, inserted: str) -> None:
        """Put `inserted` in the place of `removed` units, as one undo step."""
        cursor = QTextCursor(self.document())
        cursor.setPosition(at)
        cursor.setPosition(at + removed, QTextCursor.MoveMode.KeepAnchor)
        with self.reporting():
            self._insert(cursor, inserted)

    def insert_accepted(self, text: str) -> None:
        """Put grey text into the document at the cursor, as an undo step of its own."""
        cursor = self.textCursor()
        with self.reporting(silently=True):
            self._insert(cursor, text)
            self.setTextCursor(cursor)

    @property
    def language(self) -> Language | None:
        """What the text is written in, if it is code."""
        return self._language

    def write_in(self, language: Language | None) -> None:
        """Treat the text as code of this language, or as prose: colours, font, Enter and Tab."""
        if language is self._language:
            return
        self._language = language
        if self._highlighter:
            self._highlighter.clear()
            self._highlighter.deleteLater()
        self._highlighter = None
        if language:
            from studio.ui.highlight import Highlighter  # here: prose does not need it

            self._highlighter = Highlighter(self.document(), language)
        self.show_as_code(language is not None)

    def _recolour(self) -> None:
        self.ghost.recolour()
        if self._highlighter:
            self._highlighter.recolour()

    def word_count(self) -> int:
        """Words in the text; of the part counted so far, for a moment after a long one opens."""
        return self._words.total

    def _insert(self, cursor: QTextCursor, text: str) -> None:
        """Insert as an undo step of its own, which typing before and after does not join."""
        cursor.beginEditBlock()
        cursor.insertText(for_document(text))
        cursor.endEditBlock()
        self._own_undo_step = self.document().availableUndoSteps()

    def around(self, reach: int, position: int | None = None) -> Around:
        """The text before the cursor, `reach` to twice that many units, and some after it.

        Or that about another `position`, in UTF-16 units.
        """
        position = self.textCursor().position() if position is None else position
        start = grid_start(position, reach)
        before = text_between(self.document(), start, position)
        end = min(position + AFTER_UNITS, self._length)
        return Around(
            from_paragraph(before, reach // 2) if start else before,
            text_between(self.document(), position, end),
        )

    @property
    def undoing(self) -> bool:
        """Whether the change that is being reported is an undo or redo."""
        return self._undoing

    @property
    def composing(self) -> bool:
        """Whether an input method is in the middle of a word."""
        return self._composing

    # -- what is reported --------------------------------------------------------------------

    @contextmanager
    def reporting(self, typing: str = "", *, silently: bool = False) -> Iterator[None]:
        """All changes inside are reported as one when it ends.

        The grey text is away meanwhile; it comes back if nothing happened. `typing` is the text
        that plain typing would insert. `silently` leaves it at `edited`.
        """
        if self._edits is not None:
            yield
            return
        edits: list[Edit] = []
        self._edits = edits
        before = self._place()
        grey = self.ghost.text
        self.ghost.clear()
        try:
            yield
        finally:
            self._edits = None
            self._last_place = after = self._place()
            if edits:
                if not silently:
                    self._report(edits, typing)
            elif after != before:
                self.cursor_moved.emit()
            elif not self._composing:
                self.ghost.show(grey)

    def _report(self, edits: list[Edit], typing: str) -> None:
        at, removed, inserted = edits[0]
        end = at + length(inserted)
        if len(edits) == 1 and not removed and inserted == typing and self._place() == (end, end):
            self.typed.emit(inserted)
        else:
            self.changed_otherwise.emit()

    def _on_contents_change(self, at: int, _: int, added: int) -> None:
        # Qt reports too much at times: one more unit at the end of the document, or the whole
        # paragraph while an input method composes. The lengths before and after are certain.
        old, new = self._length, self.document().characterCount() - 1
        self._length = new
        if self._loading:
            return
        self._choose_wrapping(at, min(added, new - at))
        if self._known is None:
            self.ghost.clear_after_change(at, added)
        added = min(added, new - at)
        edit = Edit(at, added - (new - old), text_between(self.document(), at, at + added))
        if self._known:
            edit = _without_what_stayed(edit, self._known)
        if not edit.removed and not edit.inserted:
            return
        if self.document().availableUndoSteps() != self._own_undo_step:
            # What an input method composes may be told as a change, too, and is none.
            self._own_undo_step = _NO_STEP
        self.edited.emit(*edit)
        if self._edits is None:
            self._settle.start()
        else:
            self._edits.append(edit)

    def _choose_wrapping(self, at: int, added: int) -> None:
        """Before Qt lays the change out: see `MAX_WORD_WRAPPED_UNITS`."""
        document = self.document()
        first, last = document.findBlock(at), document.findBlock(at + added)
        changed = {first.position(): first, last.position(): last}
        if added > MAX_WORD_WRAPPED_UNITS:
            while first.isValid() and first.position() < last.position():
                changed[first.position()] = first
                first = first.next()
        known = {
            place.block().position(): place
            for place in self._endless
            if place.block().length() > MAX_WORD_WRAPPED_UNITS
        }
        for position, block in changed.items():
            if position not in known and block.length() > MAX_WORD_WRAPPED_UNITS:
                known[position] = QTextCursor(block)
        self._endless = list(known.values())
        wanted = _ANYWHERE if self._endless else _BETWEEN_WORDS
        if self.wordWrapMode() is not wanted:
            self.setWordWrapMode(wanted)

    def _settled(self) -> None:
        self._last_place = self._place()
        self.changed_otherwise.emit()

    def _on_cursor(self) -> None:
        if self._edits is not None or self._loading or self._settle.isActive():
            return
        place = self._place()
        if place != self._last_place:
            self._last_place = place
            self.ghost.clear()
            self.cursor_moved.emit()

    def _place(self) -> _Place:
        cursor = self.textCursor()
        return _Place(cursor.position(), cursor.anchor())

    # -- keys, input methods, mouse ----------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if (
            event.type() is QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self.wants_key(event)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.keys_first(event):
            event.accept()
            return
        if not self.isReadOnly():
            if event.matches(QKeySequence.StandardKey.Undo):
                self.undo()
                return
            if event.matches(QKeySequence.StandardKey.Redo):
                self.redo()
                return
        if self._language and not self.isReadOnly() and self._code_key(event, self._language):
            event.accept()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event = _without_shift(event)
        typing = with_newlines(event.text())
        with self.reporting(typing):
            if (
                self._own_undo_step != _NO_STEP
                and _is_plain_typing(event)
                and not self.isReadOnly()
            ):
                # Qt would join it with the insertion before, an edit block does not.
                cursor = self.textCursor()
                self._insert(cursor, typing)
                self.setTextCursor(cursor)
                self._own_undo_step = _NO_STEP
            else:
                at = self.textCursor().position()
                super().keyPressEvent(event)
                if not self._edits:
                    self._leave_character(at)

    def _leave_character(self, came_from: int) -> None:
        """Move on if the cursor stands within a character: Qt stops inside of a flag that follows
        another emoji."""
        cursor = self.textCursor()
        at = cursor.position()
        step = 1 if at > came_from else -1
        while at != came_from and 0 < at < self._length and self._within_character(at):
            at += step
        if at != cursor.position():
            cursor.setPosition(
                at,
                QTextCursor.MoveMode.KeepAnchor
                if cursor.hasSelection()
                else QTextCursor.MoveMode.MoveAnchor,
            )
            self.setTextCursor(cursor)

    def _within_character(self, at: int) -> bool:
        document = self.document()
        before = text_between(document, max(0, at - _CHARACTER_UNITS), at)
        after = text_between(document, at, min(at + _CHARACTER_UNITS, self._length))
        return splits_pair(document, at) or splits(before, after)

    def _code_key(self, event: QKeyEvent, language: Language) -> bool:
        """Do what a key does in code only; whether it is such a key."""
        edit = code_keys.edit_of(event, self.textCursor(), language)
        if edit is None:
            return False
        with self.reporting(edit.typing):
            cursor = edit.make()
            self._own_undo_step = self.document().availableUndoSteps()
            self.setTextCursor(cursor)
            self.ensureCursorVisible()
        return True

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        began = bool(event.preeditString()) and not self._composing
        self._composing = bool(event.preeditString())
        with self.reporting(event.commitString()):
            block = self.textCursor().block()
            self._known = _Known(block.position(), from_document(block.text()))
            try:
                super().inputMethodEvent(event)
            finally:
                self._known = None
        if began:
            self.cursor_moved.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.ghost.visible or event.button() is not Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        # Without the grey text the paragraph flows differently: what was clicked counts.
        clicked = self.ghost.position_at(event.position())
        with self.reporting():
            super().mousePressEvent(event)
            extend = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            cursor = self.textCursor()
            cursor.setPosition(
                clicked,
                QTextCursor.MoveMode.KeepAnchor if extend else QTextCursor.MoveMode.MoveAnchor,
            )
            self.setTextCursor(cursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        with self.reporting():  # the middle button pastes
            super().mouseReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in _FOCUS_COMES_BACK:
            self.left.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by_wheel(event)
        else:
            super().wheelEvent(event)

    # -- clipboard, drag and drop, undo ------------------------------------------------------

    def undo(self) -> None:
        with self._taking_back(), self.reporting():
            super().undo()

    def redo(self) -> None:
        with self._taking_back(), self.reporting():
            super().redo()

    def context_menu(self) -> QMenu:
        """Qt's own, but for its undo and redo, which go past those of this class."""
        menu = self.createStandardContextMenu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in menu.actions():
            deed = {"edit-undo": self.undo, "edit-redo": self.redo}.get(action.objectName())
            if deed:
                action.triggered.disconnect()
                action.triggered.connect(deed)
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.context_menu().popup(event.globalPos())

    @contextmanager
    def _taking_back(self) -> Iterator[None]:
        self._undoing = True
        try:
            yield
        finally:
            self._undoing = False

    def createMimeDataFromSelection(self) -> QMimeData:
        """The selection as plain text; Qt's own would lose no-break spaces."""
        return for_clipboard(from_document(self.textCursor().selectedText()))

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        # A file that is dropped here is for the window to open.
        return source.hasText() and not any(url.isLocalFile() for url in source.urls())

    def insertFromMimeData(self, source: QMimeData) -> None:
        cursor = self.textCursor()
        with self.reporting():
            self._insert(cursor, with_newlines(source.text()))
            self.setTextCursor(cursor)

    def dropEvent(self, event: QDropEvent) -> None:
        with self.reporting():
            super().dropEvent(event)


def _is_plain_typing(event: QKeyEvent) -> bool:
    command = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier
    return bool(event.text()) and event.text().isprintable() and not event.modifiers() & command


def _without_shift(event: QKeyEvent) -> QKeyEvent:
    """Shift+Return as Return; Qt would put a U+2028 into the text."""
    return QKeyEvent(
        event.type(),
        event.key(),
        event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier,
        event.text(),
        event.isAutoRepeat(),
        event.count(),
    )


def _without_what_stayed(edit: Edit, known: _Known) -> Edit:
    """`edit` without what it has in common at its ends with the text that it replaces."""
    at, removed, inserted = edit
    start, end = at - known.at, at - known.at + removed
    if start < 0 or end > length(known.text):
        return edit
    old = known.text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")
    head = 0
    while head < min(len(old), len(inserted)) and old[head] == inserted[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(inserted)) - head and old[-1 - tail] == inserted[-1 - tail]:
        tail += 1
    return Edit(
        at + length(old[:head]),
        length(old[head : len(old) - tail]),
        inserted[head : len(inserted) - tail],
    )
