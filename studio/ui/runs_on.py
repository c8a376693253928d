"""What the model runs on, in plain words, and a button that measures its threads again."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from studio.engine import Capabilities
from studio.settings import Settings, SettingsStore
from studio.ui.model_choice import ModelChoice


class RunsOn(QWidget):
    """Stands above the settings of the machine."""

    def __init__(
        self, model: ModelChoice, store: SettingsStore, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._store = store
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setAccessibleName("What the model runs on")
        self._words.setToolTip("The model that writes now, and what computes it")
        self._measure = QPushButton("&Measure the threads again")
        self._measure.setAccessibleName("Measure the threads again")
        self._measure.setAutoDefault(False)
        self._measure.clicked.connect(model.measure_again)
        effect = QLabel(
            "A change on this page loads the model again; your text is not touched by it."
        )
        effect.setWordWrap(True)
        effect.setForegroundRole(effect.palette().ColorRole.PlaceholderText)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._words)
        column.addWidget(self._measure, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(effect)
        model.changed.connect(self._show)
        self.destroyed.connect(store.listen(lambda _: self._show()))
        self._show()

    def _show(self) -> None:
        ready = self._model.ready
        self._words.setText(in_words(ready) if ready else f"{_capital(self._model.words)}.")
        by_hand = self._store.current.n_threads != Settings().n_threads
        self._measure.setEnabled(ready is not None and not by_hand)
        self._measure.setToolTip(
            "The number of threads is set below; automatic has it measured"
            if by_hand
            else "Try again how many threads are fastest; other programs should be idle"
        )


def in_words(model: Capabilities) -> str:
    """What a model runs on, as sentences."""
    n = model.n_threads
    why = " (to save power)" if model.sparing else " (measured)" if model.threads_measured else ""
    threads = f"{n} thread{'' if n == 1 else 's'}{why}"
    if model.gpu_layers:
        n_all = sum(count for _, count in model.layers)
        gpus = " and ".join(
            f"{count} of its {n_all} layers on {device}"
            for device, count in model.layers
            if device != "CPU"
        )
        where = f"with {gpus}"
        if model.gpu_layers < n_all:
            where += f" and the rest on the processor with {threads}"
    else:
        where = f"on the processor with {threads}"
    attention = "on" if model.flash_attention else "off"
    return f"{model.name} runs {where}. Flash attention is {attention}."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".")
