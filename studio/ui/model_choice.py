"""Which model writes: the one that the writer chose, and how it fares.

All windows share one `ModelChoice`. It asks the client to load and says what came of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from studio.engine import Capabilities, LoadOptions
from studio.engine.client import Changed, Down, LoadFailed, Loading, Ready, Restarting, Status
from studio.library import LibraryError
from studio.settings import Settings, SettingsError
from studio.ui.adapter_choice import AdapterChoice
from studio.ui.background import in_background, on_gui_thread
from studio.ui.desk import Desk
from studio.ui.faster_copy import FasterCopy
from studio.ui.memory import Memory
from studio.ui.notice import Choice, Notice, Weight

log = logging.getLogger(__name__)

STOPPED = "model stopped"
REFUSED = "model refused"
_WHEN_LOADED = ("n_ctx", "model_path", "n_threads", "gpu_layers", "flash_attention", "kv_type")
SETTLE_MS = 800
"""A setting of the model that is being turned is left alone for this long before a reload."""


class ModelChoice(QObject):
    """The model that is wanted, and the status of the one that answers."""

    changed = Signal()
    """`words` or `path` changed."""
    told = Signal(object)
    """A `Notice` for the window in front."""
    over = Signal(str)
    """What notices of this topic said is over."""

    def __init__(self, desk: Desk, memory: Memory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._memory = memory
        self._status: Status | None = None
        self._chosen: Path | None = None  # by the writer, and not yet kept in the settings
        self._asked: LoadOptions | None = None
        self._included: Path | None = None
        self._looking = ""  # what is done in the background to have the included model
        self._ever_ready = False
        self._before: Settings | None = None  # as they were, while changed ones are tried
        self._applied = desk.settings.current
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._apply_settings)
        self.adapters = AdapterChoice(desk, memory, self)
        """What is added to the model."""
        self.adapters.told.connect(self.told)
        self.adapters.over.connect(self.over)
        self.adapters.base_wanted.connect(self._choose_base)
        self.faster = FasterCopy(desk.copies, self)
        """The copy that this machine reads faster."""
        self.faster.told.connect(self.told)
        self.faster.over.connect(self.over)
        self.faster.changed.connect(self.changed)
        self.faster.reload_wanted.connect(self.start_again)
        carry = on_gui_thread(self)
        self._stop_listening = (
            desk.client.listen(lambda status: carry(lambda: self._take(status))),
            desk.settings.listen(self._on_settings),
        )

    @property
    def words(self) -> str:
        """The model and its device for the status bar."""
        match self._status:
            case Loading(path, fraction):
                return f"loading {path.name}… {fraction:.0%}".replace("%", " %")
            case Restarting():
                return "the model is starting again…"
            case Down():
                return "no model: it stopped"
        if self.faster.words:
            return self.faster.words
        ready = self._desk.client.capabilities
        if ready is not None:
            return f"{ready.name} on {ready.device}"
        return self._looking or "no model"

    @property
    def ready(self) -> Capabilities | None:
        """What answers, unless something else is being loaded or tried."""
        if isinstance(self._status, Loading | Restarting | Down):
            return None
        return self._desk.client.capabilities

    @property
    def path(self) -> Path | None:
        """The file of the model that answers."""
        ready = self._desk.client.capabilities
        return ready.path if ready else None

    @property
    def includes_it(self) -> bool:
        """Whether the model that answers is the included one."""
        return self._included is not None and self.path == self._included

    def start(self) -> None:
        """Load the model of the command line, of the settings, or the included one."""
        wanted = self._desk.model_override or self._desk.settings.current.model_path
        if wanted:
            self._load(Path(wanted))
        else:
            self._load_included()

    def choose(self, path: Path) -> None:
        """Load the file that the writer chose; it is kept in the settings once it answers."""
        self.over.emit(REFUSED)
        self._looking = ""
        self._chosen = path.expanduser()
        self._load(path)

    def use_included(self) -> None:
        """Go back to the model that comes with Lamplight."""
        self.over.emit(REFUSED)
        self._chosen = None
        self._keep(model_path="")
        self._load_included()

    def start_again(self) -> None:
        """Load once more what was loaded last."""
        if self._asked:
            self._load(self._asked.path)
        else:
            self.start()

    def measure_again(self) -> None:
        """Load what answers once more and find out how many threads are fastest."""
        if self._asked:
            self._load(self._asked.path, measure_threads=True)

    def end(self) -> None:
        """Hear no more of the client and the settings."""
        self.faster.end()
        for stop in self._stop_listening:
            stop()

    def _choose_base(self, path: Path) -> None:
        if path == self._included:
            self.use_included()
        else:
            self.choose(path)

    def _load(self, path: Path, *, measure_threads: bool = False) -> None:
        settings = self._desk.settings.current
        self._applied = settings
        options = self._desk.load_options(settings, path)
        self._asked = replace(options, measure_threads=measure_threads)
        self._desk.client.load(self._asked)

    def _load_included(self) -> None:
        self._get_included("looking for the model…", self._desk.default_model)

    def _download_included(self) -> None:
        self._get_included("downloading the model…", self._desk.download_default)

    def _get_included(self, words: str, get: Callable[[], Path]) -> None:
        if self._looking:
            return
        self._looking = words
        self.changed.emit()
        in_background(self, get, done=self._found, failed=self._not_found)

    def _found(self, path: Path) -> None:
        self._included = path

        def load() -> None:
            wanted, self._looking = self._looking, ""
            if wanted:  # and the writer has not chosen another one meanwhile
                self._load(path)

        self.faster.prepare(path, load)

    def _not_found(self, error: Exception) -> None:
        self._looking = ""
        self.changed.emit()
        if not isinstance(error, LibraryError):
            raise error
        log.warning("no included model: %s", error)
        download = Choice(
            "Download it", "Get the included model from the internet", self._download_included
        )
        self._complain(REFUSED, str(error), download)

    def _take(self, status: Status) -> None:
        if not isinstance(status, Changed):  # it changes nothing of whether a model answers
            self._status = status
        match status:
            case Loading() if self._desk.client.capabilities is None:
                self.adapters.answers(None)
            case Ready(capabilities):
                self._ever_ready = True
                self._before = None
                self.over.emit(STOPPED)
                self._keep_choice()
                self.adapters.answers(capabilities)
                self.faster.answers(capabilities, included=self.includes_it)
            case LoadFailed(path, sentence):
                self._failed(path, sentence)
            case Restarting(sentence):
                self.adapters.answers(None)
                self.told.emit(Notice(sentence, topic=STOPPED))
            case Down(sentence):
                self.adapters.answers(None)
                again = Choice("Start again", "Start the model once more", self.start_again)
                self._complain(STOPPED, sentence, again)
        self.changed.emit()

    def _failed(self, path: Path, sentence: str) -> None:
        """Once a model has answered, the client itself goes back to it."""
        self._chosen = None
        if self._before is not None:
            before, self._before = self._before, None
            self._keep(**_of_model(before))
            sentence = f"{sentence} The settings are as they were before."
        if self._ever_ready or path == self._included:
            self._complain(REFUSED, sentence)
        else:
            self._complain(REFUSED, f"{sentence} The included model is used instead.")
            self._load_included()

    def _complain(self, topic: str, sentence: str, *choices: Choice) -> None:
        self.told.emit(Notice(sentence, Weight.PROBLEM, choices, topic))

    def _keep_choice(self) -> None:
        path = self.path
        if self._chosen is None or path is None or path != self._chosen:
            return
        self._chosen = None
        self._memory.add("models", path)
        self._keep(model_path=str(path))

    def _keep(self, **values: Any) -> None:
        """Keep settings of the model without loading because of them."""
        self._applied = replace(self._applied, **values)
        try:
            self._desk.settings.change(**values)
        except SettingsError as error:
            self.told.emit(Notice(str(error)))

    def _on_settings(self, settings: Settings) -> None:
        if _of_model(settings) != _of_model(self._applied):
            self._settle.start()

    def _apply_settings(self) -> None:
        """The writer changed what only takes effect when a model is loaded."""
        settings = self._desk.settings.current
        applied, self._applied = self._applied, settings
        if _of_model(settings) == _of_model(applied):
            return
        self._before = self._before or applied
        if settings.model_path != applied.model_path and not settings.model_path:
            self._load_included()
        elif settings.model_path != applied.model_path:
            self._load(Path(settings.model_path))
        elif self._asked:
            self._load(self._asked.path)


def model_file_dialog(parent: QWidget, folder: Path | None) -> QFileDialog:
    """A dialog, not yet open, that chooses a model file."""
    dialog = QFileDialog(parent, "Open a model", str(folder or Path.home()))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(["Models (*.gguf)", "All files (*)"])
    return dialog


def _of_model(settings: Settings) -> dict[str, Any]:
    """The settings that take effect when a model is loaded."""
    return {key: getattr(settings, key) for key in _WHEN_LOADED}
