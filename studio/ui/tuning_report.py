"""What a tuning brought: its report, and what can be done with it."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QBrush, QColor, QDesktopServices, QTextCursor, QTextOption, QTextTable
from PySide6.QtWidgets import QFileDialog, QFrame, QTextBrowser, QVBoxLayout, QWidget

from studio.tuning import TuningError
from studio.tuning.run import REPORT_PAGE, Run
from studio.ui.background import in_background
from studio.ui.theme import colours_now
from studio.ui.tuning_parts import MARGIN_PX, NARROWEST_PX, Buttons, Complaint, button, head

_DOCUMENT_MARGIN_PX = 10


class ReportView(QWidget):
    """Shows the report of one finished run."""

    adapter_wanted = Signal(Path)
    again_wanted = Signal()
    """Train again, on the same texts, for longer."""
    remove_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._html = ""
        self._name = head("")
        self._page = QTextBrowser()
        self._page.setAccessibleName("Report of the tuning")
        self._page.setToolTip("What the tuning brought, measured; it says so where it did not help")
        self._page.setOpenExternalLinks(True)
        self._page.setTabChangesFocus(True)
        self._page.setFrameShape(QFrame.Shape.NoFrame)
        # A table that is too wide is scrolled; words cut in two can't be read.
        self._page.setWordWrapMode(QTextOption.WrapMode.WordWrap)
        self._page.document().setDocumentMargin(_DOCUMENT_MARGIN_PX)
        self._complaint = Complaint()
        self._use = button("&Use it", "Write with this adapter from now on", self._use_it)
        self._browser = button(
            "Open in &browser", "Show the report as a page, such as to print it", self._open
        )
        self._save = button("Save &as…", "Save the report as an HTML page", self._save_as)
        self._again = button(
            "Train &longer…", "A new tuning on the same texts, with more time",
            self.again_wanted.emit,
        )  # fmt: skip
        self._remove = button(
            "Rem&ove…", "Remove this tuning, its adapter and its report", self.remove_wanted.emit
        )
        around = QVBoxLayout()
        around.setContentsMargins(MARGIN_PX, 0, MARGIN_PX, 10)
        around.setSpacing(8)
        around.addWidget(self._complaint)
        around.addWidget(Buttons(self._use, self._browser, self._save, self._again, self._remove))
        self._name.setContentsMargins(MARGIN_PX, 10, MARGIN_PX, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._name)
        column.addWidget(self._page, 1)
        column.addLayout(around)
        self.setMinimumWidth(NARROWEST_PX)
        self.setFocusProxy(self._use)

    @property
    def title(self) -> str:
        """The name of the tuning that is shown."""
        return self._name.text()

    @property
    def run(self) -> Run | None:
        """What is shown."""
        return self._run

    def show_run(self, run: Run, name: str) -> None:
        """Show its report."""
        self._run = run
        self._name.setText(name)
        self._complaint.say("")
        self._html = ""
        self._page.setPlainText("Reading the report…")
        self._use.setEnabled(False)
        in_background(
            self,
            lambda: _read(run),
            done=lambda page: self._show(run, *page),
            failed=lambda error: self._failed(run, error),
        )

    def _show(self, run: Run, page: str, has_adapter: bool) -> None:
        if run is self._run:
            self._html = page
            self._use.setEnabled(has_adapter)
            self._paint()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._html:
            self._paint()

    def _paint(self) -> None:
        """Qt paints the lines of tables as bright as text, whatever the page says."""
        self._page.setHtml(self._html)
        edge = QBrush(QColor(colours_now().field))
        # As one change: after several, Qt takes what it had not yet laid out to be without height.
        cursor = QTextCursor(self._page.document())
        cursor.beginEditBlock()
        for frame in self._page.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                lines = frame.format()
                lines.setBorderBrush(edge)
                frame.setFormat(lines)
        cursor.endEditBlock()

    def _failed(self, run: Run, error: Exception) -> None:
        if not isinstance(error, TuningError | OSError):
            raise error
        if run is self._run:
            self._page.clear()
            self._use.setEnabled(run.adapter is not None)
            self._complaint.say(str(error))

    def _use_it(self) -> None:
        if self._run and (adapter := self._run.adapter):
            self.adapter_wanted.emit(adapter)

    def _open(self) -> None:
        if self._run:
            page = QUrl.fromLocalFile(str(self._run.folder / REPORT_PAGE))
            if not QDesktopServices.openUrl(page):
                self._complaint.say("No browser could be opened. Save the report instead.")

    def _save_as(self) -> None:
        if self._run is None:
            return
        page = self._run.folder / REPORT_PAGE
        suggested = Path.home() / f"{self._run.folder.name}.html"
        dialog = QFileDialog(self, "Save the report", str(suggested))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        dialog.setNameFilters(["Pages (*.html)"])
        dialog.selectFile(suggested.name)
        dialog.fileSelected.connect(lambda name: self._copy(page, Path(name)))
        dialog.open()

    def _copy(self, page: Path, target: Path) -> None:
        def failed(error: Exception) -> None:
            if not isinstance(error, OSError):
                raise error
            why = error.strerror or str(error)
            self._complaint.say(f"‘{target.name}’ can't be saved ({why}). Choose another place.")

        in_background(
            self,
            lambda: shutil.copyfile(page, target),
            done=lambda _: self._complaint.say(""),
            failed=failed,
        )


def _read(run: Run) -> tuple[str, bool]:
    """The report as HTML for Qt, and whether there is an adapter."""
    from studio.tuning.report import Report, ReportError
    from studio.tuning.report.page import as_html

    if run.report is None:
        raise ReportError("There is no report of this tuning.")
    report = Report.from_json(run.report.read_text("utf-8"))
    return as_html(report, in_app=True), run.adapter is not None
