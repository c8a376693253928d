"""The model that is to be tuned: the one that the writer writes with, or another file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.tuning import TuningError
from studio.ui.background import in_background
from studio.ui.model_choice import model_file_dialog
from studio.ui.tuning_parts import Buttons, Complaint, button, words


@dataclass(frozen=True)
class Known:
    """What its file says of a base."""

    path: Path
    words: str
    least_bytes: int
    """Of memory, while its weights are read for training in 32 bits; more for a long document."""


class Base(QWidget):
    """Shows the base, and why it can't be tuned if it can't."""

    changed = Signal()

    def __init__(self, written_with: Callable[[], Path | None]) -> None:
        super().__init__()
        self._written_with = written_with
        self._chosen: Path | None = None
        self._known: Known | None = None
        self._looked_at: Path | None = None
        self._name = words(name="Base model")
        self._about = words(name="What the base model is", quiet=True)
        self._complaint = Complaint("Why the base can’t be tuned")
        self._choose = button(
            "&Choose another…", "Choose a GGUF file to train from", self._browse,
            "Choose another base model",
        )  # fmt: skip
        self._back = button(
            "The one I write with", "Train from the model that answers now", self.use_written_with,
        )  # fmt: skip
        self._back.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self._name, self._about, self._complaint):
            column.addWidget(widget)
        column.addWidget(Buttons(self._choose, self._back))
        self.setFocusProxy(self._choose)
        self.follow()

    @property
    def path(self) -> Path | None:
        """The file to train from; None while no model is there at all."""
        return self._chosen or self._written_with()

    @property
    def known(self) -> Known | None:
        """What it is, once it was looked at and can be tuned."""
        return self._known

    @property
    def refused(self) -> bool:
        """It was looked at, and can't be tuned."""
        return bool(self._complaint.text)

    def choose(self, path: Path) -> None:
        """Train from this file."""
        self._chosen = None if path == self._written_with() else path
        self.follow()

    def use_written_with(self) -> None:
        """Train from the model that answers."""
        self._chosen = None
        self.follow()

    def follow(self) -> None:
        """Another model answers, or another file was chosen."""
        path = self.path
        self._back.setVisible(self._chosen is not None)
        if path == self._looked_at and path is not None:
            return
        self._looked_at, self._known = path, None
        self._complaint.say("")
        self._about.setText("Looking whether it can be tuned…" if path else "")
        self._about.setVisible(path is not None)
        self._name.setText(path.name if path else "No model is loaded yet. Choose one.")
        self._name.setToolTip(str(path) if path else "")
        self.changed.emit()
        if path:
            in_background(
                self,
                lambda: _inspected(path),
                done=lambda known: self._tell(path, known, ""),
                failed=lambda error: self._failed(path, error),
            )

    def _failed(self, path: Path, error: Exception) -> None:
        if not isinstance(error, TuningError):
            raise error
        self._tell(path, None, str(error))

    def _tell(self, path: Path, known: Known | None, why: str) -> None:
        if path != self._looked_at:
            return
        self._known = known
        self._about.setText(known.words if known else "")
        self._about.setVisible(known is not None)
        self._complaint.say(why)
        self.changed.emit()

    def _browse(self) -> None:
        here = self.path
        dialog = model_file_dialog(self, here.parent if here else None)
        dialog.setWindowTitle("Choose a base model")
        dialog.fileSelected.connect(lambda name: self.choose(Path(name)))
        dialog.open()


def _inspected(path: Path) -> Known:
    from studio.tuning.base import inspect
    from studio.tuning.memory import loading_bytes

    base = inspect(path)
    kept = "16 or 32 bits" if base.full_precision else "fewer bits (quantized)"
    return Known(
        path,
        f"{base.n_params / 1e6:,.0f} million weights in {base.n_layers} layers, kept in {kept}.",
        loading_bytes(base),
    )
