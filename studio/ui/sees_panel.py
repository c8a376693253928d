"""What the model sees: the prompt as it is, and where each part of it comes from."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, QTimer
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QHelpEvent,
    QIcon,
    QPainter,
    QPixmap,
    QShowEvent,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QSplitter,
    QTextEdit,
    QToolTip,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from studio.manuscript.utf16 import length
from studio.ui.desk import Desk
from studio.ui.editor import Editor
from studio.ui.model_choice import ModelChoice
from studio.ui.panel import Panel
from studio.ui.plain_text import for_document
from studio.ui.steered import Steered
from studio.ui.theme import colours_now
from studio.ui.token_counts import TokenCounts
from studio.writing.context import Context, Part, Source

SETTLE_MS = 250
"""The view follows the typing at this distance, so that a key costs nothing here."""
_ICON_PX = 16
_MARGIN_PX = 12
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_UNDERLINES = {
    Source.FILES: QTextCharFormat.UnderlineStyle.DashDotLine,
    Source.LORE: QTextCharFormat.UnderlineStyle.DotLine,
    Source.NOTE: QTextCharFormat.UnderlineStyle.DashUnderline,
}
"""So that the parts can be told apart without their colours."""


class SeesPanel(Panel):
    """Shows the prompt for the text before the cursor, live while it can be seen."""

    def __init__(
        self,
        editor: Editor,
        desk: Desk,
        model: ModelChoice,
        steered: Steered,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("What the model sees", parent)
        self.setObjectName("sees panel")
        self._editor = editor
        self._settings = desk.settings
        self._steered = steered
        self._context = Context("", ())
        self._counts = TokenCounts(desk, self)
        self._counts.changed.connect(self._show_figures)
        self._total = QLabel()
        self._total.setAccessibleName("Tokens in all")
        self._total.setToolTip(
            "How much the model is given, in tokens; “about” until the model has counted them"
        )
        self._total.setWordWrap(True)
        self._parts = QTreeWidget()
        self._parts.setColumnCount(2)
        self._parts.setHeaderLabels(["Part", "Tokens"])
        self._parts.headerItem().setTextAlignment(1, _RIGHT)
        self._parts.setAccessibleName("Parts in their order")
        self._parts.setToolTip("Choose a part to see it in the text below")
        self._parts.setRootIsDecorated(False)
        self._parts.setUniformRowHeights(True)
        self._parts.setFrameShape(QTreeWidget.Shape.NoFrame)
        header = self._parts.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        widest = self._parts.fontMetrics().horizontalAdvance("about 99,999")
        header.resizeSection(1, widest + 2 * _ICON_PX)  # or it would jump with every figure
        self._parts.currentItemChanged.connect(self._go_to)
        self._text = _Prompt()
        self._left_out = QPlainTextEdit(readOnly=True)
        self._left_out.setAccessibleName("Left out, and why")
        self._left_out.setToolTip("What was wanted and is not given to the model, and why")
        self._left_out.setTabChangesFocus(True)
        self._left_out.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._left_out.document().setDocumentMargin(_MARGIN_PX)
        self._left_out.hide()
        boxes = QSplitter(Qt.Orientation.Vertical)
        for box, share in ((self._parts, 2), (self._text, 5), (self._left_out, 1)):
            boxes.addWidget(box)
            boxes.setCollapsible(boxes.count() - 1, False)
            boxes.setStretchFactor(boxes.count() - 1, share)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(boxes, 1)
        column.addWidget(self._total)
        self._total.setContentsMargins(_MARGIN_PX, 2, _MARGIN_PX, 6)
        self.setWidget(inside)
        inside.setMinimumWidth(200)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._refresh)
        for happened in (
            editor.edited,
            editor.typed,
            editor.changed_otherwise,
            editor.cursor_moved,
            steered.changed,
            steered.beside_changed,
            model.changed,
        ):
            happened.connect(self._refresh_soon)
        self.destroyed.connect(desk.settings.listen(lambda _: self._refresh_soon()))

    @property
    def context(self) -> Context:
        """What is shown."""
        return self._context

    def take_focus(self) -> None:
        """Put the focus on the parts."""
        self._parts.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._parts.clear()  # its icons have the old colours
            self._show_parts()
            self._show_figures()
            self._text.colour(self._context.parts)

    def _refresh_soon(self) -> None:
        if self.isVisible() and not self._settle.isActive():
            self._settle.start()

    def _refresh(self) -> None:
        if not self.isVisible():
            return
        before = self._editor.around(self._settings.current.context_chars).before
        context = self._steered.context(before)
        if context != self._context:
            self._show(context)
        self._counts.count(context.parts)
        self._show_figures()

    def _show(self, context: Context) -> None:
        self._context = context
        self._show_parts()
        self._text.show_parts(context.parts)
        reasons = [f"{left.name or left.source.value}: {left.reason}" for left in context.left_out]
        self._left_out.setPlainText("\n".join(["Left out:", *reasons]))
        self._left_out.setVisible(bool(reasons))

    def _show_parts(self) -> None:
        """One row for each part; the rows stay while the parts are the same ones."""
        parts = self._context.parts
        labels = [_label(part) for part in parts]
        rows = [self._parts.topLevelItem(i) for i in range(self._parts.topLevelItemCount())]
        if labels != [row.text(0) for row in rows if row]:
            self._parts.blockSignals(True)
            self._parts.clear()
            self._parts.addTopLevelItems([_row(part) for part in parts])
            self._parts.blockSignals(False)

    def _show_figures(self) -> None:
        """What the model has counted, and estimates for the rest."""
        rate = self._steered.chars_per_token(self._context.prompt)
        total = 0
        for number, (part, counted) in enumerate(
            zip(self._context.parts, self._counts.figures, strict=True)
        ):
            n = _estimate(part.text, rate) if counted is None else counted
            total += n
            if row := self._parts.topLevelItem(number):
                row.setText(1, f"{n:,}" if counted is not None else f"about {n:,}")
        about = "" if self._counts.exact else "about "
        self._total.setText(
            f"In all {about}{total:,} tokens; the window holds {self._steered.n_ctx:,}."
        )

    def _go_to(self, row: QTreeWidgetItem | None) -> None:
        if row is not None:
            self._text.go_to(self._parts.indexOfTopLevelItem(row))


class _Prompt(QPlainTextEdit):
    """The prompt, each part on the ground of its source."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setAccessibleName("What the model sees")
        self.setToolTip("The text that the model is given, exactly as it is")
        self.document().setDocumentMargin(_MARGIN_PX)
        self._prompt = ""
        self._parts: tuple[Part, ...] = ()

    def show_parts(self, parts: tuple[Part, ...]) -> None:
        """Show other parts: only what differs is laid out afresh. The end stays in view."""
        bar = self.verticalScrollBar()
        follow = bar.value() >= bar.maximum()
        self._parts = parts
        prompt = "".join(part.text for part in parts)
        same = _in_common(self._prompt, prompt)
        cursor = QTextCursor(self.document())
        cursor.setPosition(length(prompt[:same]))
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(for_document(prompt[same:]))
        self._prompt = prompt
        self.colour(parts)
        if follow:
            bar.setValue(bar.maximum())

    def colour(self, parts: tuple[Part, ...]) -> None:
        """Paint the ground of each part."""
        selections = []
        for part, (start, end) in zip(parts, _spans(parts), strict=True):
            if part.source is Source.STORY:
                continue
            selection = QTextEdit.ExtraSelection()
            selection.cursor = QTextCursor(self.document())
            selection.cursor.setPosition(start)
            selection.cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            selection.format.setBackground(QBrush(_ground(part.source)))
            if part.source in _UNDERLINES:
                selection.format.setUnderlineStyle(_UNDERLINES[part.source])
                selection.format.setUnderlineColor(QColor(colours_now().grey))
            selections.append(selection)
        self.setExtraSelections(selections)

    def go_to(self, number: int) -> None:
        """Bring the beginning of a part to the top."""
        cursor = self.textCursor()
        cursor.setPosition(_spans(self._parts)[number][0])
        self.moveCursor(QTextCursor.MoveOperation.End)
        self.setTextCursor(cursor)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            at = self.cursorForPosition(event.pos()).position()
            for part, (start, end) in zip(self._parts, _spans(self._parts), strict=True):
                if start <= at < end:
                    QToolTip.showText(event.globalPos(), _label(part), self)
                    return True
        return super().viewportEvent(event)


def _row(part: Part) -> QTreeWidgetItem:
    row = QTreeWidgetItem([_label(part), ""])
    row.setIcon(0, _icon(part.source))
    row.setTextAlignment(1, _RIGHT)
    row.setToolTip(0, f"{_label(part)}: choose it to see it in the text below")
    return row


def _label(part: Part) -> str:
    return f"{part.source.value}: {part.name}" if part.name else part.source.value


def _estimate(text: str, chars_per_token: float) -> int:
    """About how many tokens `text` has."""
    return max(1, round(len(text) / chars_per_token)) if text else 0


def _spans(parts: tuple[Part, ...]) -> list[tuple[int, int]]:
    """Where each part begins and ends, in UTF-16 units."""
    spans, at = [], 0
    for part in parts:
        end = at + length(part.text)
        spans.append((at, end))
        at = end
    return spans


def _in_common(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _ground(source: Source) -> QColor:
    colours = colours_now()
    return QColor(
        {
            Source.FILES: colours.files,
            Source.MEMORY: colours.memory,
            Source.LORE: colours.lore,
            Source.NOTE: colours.note,
            Source.STORY: colours.paper,
        }[source]
    )


def _icon(source: Source) -> QIcon:
    """The ground of a source with its first letter."""
    scale = 2
    picture = QPixmap(_ICON_PX * scale, _ICON_PX * scale)
    picture.fill(_ground(source))
    painter = QPainter(picture)
    painter.setPen(QColor(colours_now().text))
    font = QFont()
    font.setPixelSize(11 * scale)
    painter.setFont(font)
    area = QRect(0, 0, picture.width() - 1, picture.height() - 1)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, source.value[:1])
    painter.setPen(QColor(colours_now().edge))
    painter.drawRect(area)
    painter.end()
    picture.setDevicePixelRatio(scale)
    return QIcon(picture)
