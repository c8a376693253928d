"""Baking an adapter into a copy of its model: a name, a progress bar, a way to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QProgressDialog, QPushButton, QWidget

from studio.tuning.bake import Bake, BakeError, BakeStopped
from studio.ui.adapter_choice import in_percent
from studio.ui.background import in_background, on_gui_thread
from studio.ui.model_choice import ModelChoice
from studio.ui.notice import Choice, Notice, Weight

TOPIC = "baking"


class Baking(QObject):
    """One copy, from the question for its name to the notice that it is there."""

    def __init__(self, model: ModelChoice, tell: Callable[[Notice], None], window: QWidget) -> None:
        super().__init__(window)
        self._model = model
        self._tell = tell
        self._window = window
        self._progress: QProgressDialog | None = None

    def begin(self) -> None:
        """Ask for the name of the new file."""
        base, adapter = self._model.path, self._model.adapters.chosen
        if base is None or adapter is None:
            return
        # The included model lies where no file of the writer's should.
        folder = Path.home() if self._model.includes_it else base.parent
        dialog = QFileDialog(self._window, "Bake into a copy of the model", str(folder))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # it is refused
        dialog.setNameFilters(["Models (*.gguf)"])
        dialog.setDefaultSuffix("gguf")
        dialog.selectFile(f"{base.stem} {adapter.name}.gguf")
        strength = self._model.adapters.strength
        dialog.fileSelected.connect(
            lambda name: self._bake(adapter.path, base, Path(name), strength)
        )
        dialog.open()

    def _bake(self, adapter: Path, base: Path, target: Path, strength: float) -> None:
        bake = Bake(adapter, base, target, strength)
        self._progress = progress = _progress_dialog(
            f"The adapter is baked into ‘{target.name}’ at {in_percent(strength)}.\n"
            "Writing goes on meanwhile.",
            self._window,
        )
        progress.canceled.connect(bake.stop)
        progress.show()
        carry = on_gui_thread(self)

        def work() -> None:
            for done in bake.run():
                carry(lambda done=done: self._show(done))  # type: ignore[misc]

        in_background(
            self,
            work,
            done=lambda _: self._end(_made(target, self._model)),
            failed=self._failed,
        )

    def _show(self, done: float) -> None:
        if self._progress and not self._progress.wasCanceled():
            self._progress.setValue(round(100 * done))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, BakeStopped):
            self._end(Notice(str(error), topic=TOPIC))
        elif isinstance(error, BakeError):
            self._end(Notice(str(error), Weight.PROBLEM, topic=TOPIC))
        else:
            self._end(None)
            raise error

    def _end(self, notice: Notice | None) -> None:
        if self._progress:
            self._progress.deleteLater()
            self._progress = None
        if notice:
            self._tell(notice)
        self.deleteLater()


def _made(target: Path, model: ModelChoice) -> Notice:
    write = Choice("Write with it", f"Load {target}", lambda: model.choose(target))
    return Notice(f"The new model ‘{target.name}’ is there.", choices=(write,), topic=TOPIC)


def _progress_dialog(words: str, window: QWidget) -> QProgressDialog:
    """Does not keep the writer from the text."""
    dialog = QProgressDialog(words, "", 0, 100, window)
    dialog.setWindowTitle("Baking")
    dialog.setWindowModality(Qt.WindowModality.NonModal)
    dialog.setMinimumDuration(0)
    dialog.setAutoClose(False)
    dialog.setAutoReset(False)
    dialog.setMinimumWidth(420)
    stop = QPushButton("&Stop")
    stop.setToolTip("Stop; nothing is kept of the new file")
    stop.setAccessibleName("Stop baking")
    dialog.setCancelButton(stop)
    return dialog
