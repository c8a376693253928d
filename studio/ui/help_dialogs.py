"""Help: the keys, and whose work this is."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QMenu,
    QMenuBar,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

import studio
from studio.ui.icon import lamplight_icon

LICENCES = (
    ("Lamplight", "MIT", "https://opensource.org/license/mit"),
    ("Qt and PySide6", "LGPL 3", "https://doc.qt.io/qtforpython-6/licenses.html"),
    ("llama.cpp", "MIT", "https://github.com/ggml-org/llama.cpp/blob/master/LICENSE"),
    (
        "llama-cpp-python",
        "MIT",
        "https://github.com/abetlen/llama-cpp-python/blob/main/LICENSE.md",
    ),
    (
        "CMU Pronouncing Dictionary",
        "BSD 2-Clause",
        "https://github.com/cmusphinx/cmudict/blob/master/LICENSE",
    ),
    (
        "SmolLM2-135M-Instruct, the included model",
        "Apache 2.0",
        "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
)


class KeysDialog(QDialog):
    """Every action of the menus that has a key, as the menus have them."""

    def __init__(self, bar: QMenuBar, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rows = list(_keys(bar))
        table = QTableWidget(len(rows), 2)
        table.setAccessibleName("Keys")
        table.setHorizontalHeaderLabels(["Key", "What it does"])
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setStretchLastSection(True)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        for i, (key, tip) in enumerate(rows):
            table.setItem(i, 0, QTableWidgetItem(key))
            table.setItem(i, 1, QTableWidgetItem(tip))
        column = QVBoxLayout(self)
        column.addWidget(table)
        column.addWidget(_close_button(self))
        self.resize(640, 560)


class AboutDialog(QDialog):
    """The version, and the licences of what is inside."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Lamplight")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        picture = QLabel()
        picture.setPixmap(lamplight_icon().pixmap(64, 64))
        words = QTextBrowser()
        words.setAccessibleName("About Lamplight")
        words.setOpenExternalLinks(True)
        words.setFrameShape(QTextBrowser.Shape.NoFrame)
        words.setHtml(_about())
        column = QVBoxLayout(self)
        column.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(words)
        column.addWidget(_close_button(self))
        self.resize(460, 340)


def _keys(bar: QMenuBar) -> Iterator[tuple[str, str]]:
    for action in bar.actions():
        # PySide's QAction.menu() would take the menu away from its owner.
        for menu in bar.findChildren(QMenu):
            if menu.menuAction() is action:
                yield from _keys_of(menu.actions())


def _keys_of(actions: list[QAction]) -> Iterator[tuple[str, str]]:
    native = QKeySequence.SequenceFormat.NativeText
    for action in actions:
        # The first one is enough: the others are for old or unusual keyboards.
        key = action.shortcut().toString(native) or action.text().partition("\t")[2]
        if key:
            yield key, action.statusTip()


def _about() -> str:
    rows = "".join(
        f'<tr><td style="padding-right: 16px">{name}</td>'
        f'<td><a href="{link}">{licence}</a></td></tr>'
        for name, licence, link in LICENCES
    )
    return (
        f"<h3>Lamplight {studio.__version__}</h3>"
        "<p>A writing desk with a language model inside. It runs on this machine alone: "
        "your text is sent nowhere.</p>"
        f"<table>{rows}</table><p>Qt {qVersion()}</p>"
    )


def _close_button(dialog: QDialog) -> QDialogButtonBox:
    buttons = QDialogButtonBox()
    buttons.addButton("&Close", QDialogButtonBox.ButtonRole.RejectRole).setToolTip("Close")
    buttons.rejected.connect(dialog.reject)
    return buttons
