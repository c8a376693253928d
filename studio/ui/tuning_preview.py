"""What will be trained on: read in the background, then shown work by work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from studio.tuning import TuningError
from studio.tuning.run import Job
from studio.ui.background import in_background, on_gui_thread
from studio.ui.tuning_parts import Buttons, Complaint, Page, button, count, words

if TYPE_CHECKING:
    from studio.tuning.texts import Prepared, Progress, Removed, Source

_YIELD_S = 0.001
_TOLD_EVERY_S = 0.1
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class _Enough(Exception):
    """The writer does not want to know any more."""


@dataclass(frozen=True)
class _Looked:
    """What was found."""

    prepared: Prepared
    sources: tuple[Source, ...]


class Preview(Page):
    """Prepares the texts of a job as its process will, and shows what comes of it."""

    start_wanted = Signal()
    back_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("What will be trained on")
        self._turn = 0
        self._stop_it = threading.Event()
        self._doing = words(name="What is done now")
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setFormat("%p %")
        self._bar.setAccessibleName("How far the reading is")
        self._bar.setToolTip("How far the reading is")
        self._complaint = Complaint()
        self._figures = words(name="How much there is")
        self._cautions = words(name="What to know before training")
        self._tree = _tree()
        self._rest = QWidget()  # in the place of the tree
        self._enough = button("Sto&p", "Read no further and go back", self.stop)
        self._back = button("&Back", "Back to the settings", self.back_wanted.emit)
        self._start = button("Start t&uning", "Train on these texts", self.start_wanted.emit)
        column = self.column
        for widget in (
            self._doing, self._bar, self._complaint, self._figures, self._cautions,
        ):  # fmt: skip
            column.addWidget(widget)
        column.addWidget(self._tree, 1)
        column.addWidget(self._rest, 1)
        column.addWidget(Buttons(self._enough, self._back, self._start))
        self.setFocusProxy(self._tree)
        self._show_reading(False)

    def look(self, job: Job) -> None:
        """Read the texts of `job` and show them."""
        self.stop()
        self._turn += 1
        turn, self._stop_it = self._turn, threading.Event()
        self._doing.setText("Looking for texts…")
        self._bar.setValue(0)
        self._complaint.say("")
        self._tree.clear()
        self._show_reading(True)
        told = self._teller(turn, self._stop_it)
        in_background(
            self,
            lambda: _looked(job, told),
            done=lambda found: self._show(found, turn),
            failed=lambda error: self._failed(error, turn),
        )

    def stop(self) -> None:
        """Read no further."""
        if not self._stop_it.is_set() and self._bar.isVisibleTo(self):
            self._stop_it.set()
            self._turn += 1
            self._show_reading(False)
            self.back_wanted.emit()

    def _teller(self, turn: int, stopped: threading.Event) -> Callable[[Progress], None]:
        carry = on_gui_thread(self)
        last_s = 0.0

        def told(progress: Progress) -> None:
            nonlocal last_s
            if stopped.is_set():
                raise _Enough
            time.sleep(_YIELD_S)  # the window's thread goes first
            if time.monotonic() - last_s > _TOLD_EVERY_S:
                last_s = time.monotonic()
                carry(lambda: self._progress(progress, turn))

        return told

    def _progress(self, progress: Progress, turn: int) -> None:
        if turn == self._turn:
            self._doing.setText(f"{progress.doing}…")
            self._bar.setValue(round(1000 * progress.share))

    def _failed(self, error: Exception, turn: int) -> None:
        if isinstance(error, _Enough) or turn != self._turn:
            return
        if not isinstance(error, TuningError):
            raise error
        self._show_reading(False)
        self._complaint.say(str(error))
        for widget in (self._figures, self._cautions, self._tree, self._start):
            widget.hide()
        self._rest.show()

    def _show(self, found: _Looked, turn: int) -> None:
        if turn != self._turn:
            return
        self._show_reading(False)
        figures = found.prepared.figures
        held_out = (
            f"{figures.n_words_report:,} more are held out: to say when to stop, and for the report"
            if figures.report_is_validation
            else f"{figures.n_words_validation:,} more are held out to say when to stop, and "
            f"{figures.n_words_report:,} for the report"
        )
        self._figures.setText(f"{figures.n_words_train:,} words to train on. {held_out}.")
        cautions = [caution.sentence for caution in found.prepared.cautions]
        self._cautions.setText("\n".join(f"•  {each}" for each in cautions))
        self._cautions.setVisible(bool(cautions))
        items = [_item(source) for source in found.sources]
        self._tree.addTopLevelItems(items)
        for item in items:
            _spanned(item)
        if first := self._tree.topLevelItem(0):
            self._tree.setCurrentItem(first)
            first.setExpanded(len(found.sources) == 1)
        self._tree.setFocus()

    def _show_reading(self, reading: bool) -> None:
        at_work: tuple[QWidget, ...] = (self._doing, self._bar, self._rest, self._enough)
        found: tuple[QWidget, ...] = (
            self._figures, self._cautions, self._tree, self._back, self._start
        )  # fmt: skip
        for widget in at_work:
            widget.setVisible(reading)
        for widget in found:
            widget.setVisible(not reading)


def _looked(job: Job, told: Callable[[Progress], None]) -> _Looked:
    from studio.tuning.process import cleaning_of
    from studio.tuning.texts import prepare, preview

    prepared = prepare(
        job.texts,
        cleaning=cleaning_of(job),
        held_out=job.held_out,
        weights=dict(job.loss_weights),
        on_progress=told,
    )
    return _Looked(prepared, preview(prepared, job.recipe.passes, job.recipe.balance))


def _tree() -> QTreeWidget:
    tree = QTreeWidget()
    tree.setColumnCount(3)
    tree.setHeaderLabels(["Text", "Words", "Passes"])
    tree.setAccessibleName("What will be trained on")
    tree.setToolTip("Each text; open one to see what is held out of it, and what was removed")
    tree.setTextElideMode(Qt.TextElideMode.ElideRight)
    tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setIndentation(14)
    tree.setMinimumHeight(160)
    header = tree.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for column, widest in ((1, "9,999,999"), (2, "Passes")):
        tree.headerItem().setTextAlignment(column, _RIGHT)
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(column, tree.fontMetrics().horizontalAdvance(widest) + 18)
    return tree


def _item(source: Source) -> QTreeWidgetItem:
    """A text, with what is held out of it and what was removed below it."""
    from studio.tuning.texts import Use

    n_passes = f"{source.n_passes:.1f}" if source.n_passes else "held out"
    item = _row([source.title, f"{source.n_words:,}", n_passes], str(source.path))
    for use, title in (
        (Use.VALIDATION, "Held out, to say when to stop"),
        (Use.REPORT, "Held out, for the report"),
    ):
        chapters = [chapter for chapter in source.chapters if chapter.use is use]
        if not chapters:
            continue
        n_words = sum(chapter.n_words for chapter in chapters)
        part = _row([title, f"{n_words:,}", ""], "Nothing of this is trained on")
        part.addChildren(
            [_row([each.title or "Untitled", f"{each.n_words:,}", ""]) for each in chapters]
        )
        item.addChild(part)
    if source.removed:
        n_words = sum(removed.n_words for removed in source.removed)
        gone = _row(["Removed", f"−{n_words:,}", ""], "What is cleaned away, and what is mended")
        gone.addChildren([_removed(each) for each in source.removed])
        item.addChild(gone)
    return item


def _removed(removed: Removed) -> QTreeWidgetItem:
    """What was cleaned away of one kind, with examples."""
    much = f"{count(removed.n_passages, 'place')}, {count(removed.n_words, 'word')}"
    item = _row([f"{removed.kind.label}: {much}"], removed.kind.about)
    item.addChildren([_row([f"“{each}”"], each) for each in removed.examples])
    return item


def _spanned(item: QTreeWidgetItem) -> None:
    """What has no figures takes the room of their columns. Only once it is in its tree."""
    for at in range(item.childCount()):
        if (child := item.child(at)) is not None:
            child.setFirstColumnSpanned(child.columnCount() == 1)
            _spanned(child)


def _row(texts: Sequence[str], tip: str = "") -> QTreeWidgetItem:
    row = QTreeWidgetItem(list(texts))
    row.setToolTip(0, tip or texts[0])
    for column in range(1, len(texts)):
        row.setTextAlignment(column, _RIGHT)
    return row
