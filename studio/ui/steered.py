"""What steers the model in one window: the files, followed on the disk, and the prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from studio.manuscript import (
    ManuscriptError,
    SteeringFiles,
    begin_file,
    find_steering,
    read_steering,
    steering_home,
)
from studio.ui.background import in_background
from studio.ui.desk import Desk
from studio.ui.notice import Notice, Weight
from studio.writing.context import Budget, Context, Part, Source, TokenRate, assemble

SETTLE_MS = 300
"""Other programs write in several steps; look when they have come to rest."""
TOPIC = "steering"


class Steered(QObject):
    """Turns the text before the cursor into a prompt, with the steering files of the document.

    The files are read in the background. The prompt is made at once, on the GUI thread.
    """

    changed = Signal()
    """Other files, or other words in them."""
    beside_changed = Signal()
    """Other code is told of the other open files."""
    told = Signal(object)
    """A `Notice`."""
    over = Signal(str)
    """What notices of this topic said is over."""

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.files = SteeringFiles()
        self.beside = ""
        """What of the code in other windows comes first; see `OpenFiles`."""
        self._desk = desk
        self._rate = TokenRate()
        self._model: Path | None = None  # the one that the rate was learned of
        self._text: tuple[Path | None, Path | None] = (None, None)
        self._watcher = QFileSystemWatcher(self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.look)
        self._watcher.fileChanged.connect(self._settle.start)
        self._watcher.directoryChanged.connect(self._settle.start)

    # -- the prompt ------------------------------------------------------------------------

    def context(self, before: str) -> Context:
        """What the model is given for the text `before` the cursor."""
        rate = self.chars_per_token(before)
        budget = self.budget(rate)
        if not self.beside:
            return assemble(before, self.files.steering, budget, rate)
        budget = budget.beside(round(len(self.beside) / rate))
        context = assemble(before, self.files.steering, budget, rate)
        parts = (Part(Source.FILES, self.beside), *context.parts)
        return Context(self.beside + context.prompt, parts, context.left_out)

    def read_beside(self, text: str) -> None:
        """Put this code of other files first from now on."""
        if text != self.beside:
            self.beside = text
            self.beside_changed.emit()

    def prompt(self, before: str) -> str:
        """The same as one text."""
        return self.context(before).prompt

    def budget(self, chars_per_token: float) -> Budget:
        """The room for each source, with the writer's settings and the model at hand."""
        settings = self._desk.settings.current
        return Budget.of(settings, n_ctx=self.n_ctx, chars_per_token=chars_per_token)

    @property
    def n_ctx(self) -> int:
        """Tokens that the context window holds, or will once a model is there."""
        ready = self._desk.client.capabilities
        return ready.n_ctx if ready else self._desk.settings.current.n_ctx

    def chars_per_token(self, text: str) -> float:
        """About how many characters of `text` make a token."""
        return self._rate.chars_per_token(text)

    def learn(self, prompt: str, tokens: int) -> None:
        """The model counted `tokens` in a prompt."""
        ready = self._desk.client.capabilities
        if ready and ready.path != self._model:
            self._model = ready.path
            self._rate.forget()
        self._rate.learn(prompt, tokens)

    # -- the files -------------------------------------------------------------------------

    def follow(self, file: Path | None, folder: Path | None) -> None:
        """Read what belongs to a text: to a `file`, or to one without a name in `folder`."""
        if (file, folder) != self._text:
            self._text = (file, folder)
            self.look()

    def look(self) -> None:
        """Look now, such as when the writer comes back to the window."""
        text, known = self._text, self.files
        if text == (None, None) and known.folder is None:
            return  # a new text, with nothing to look for

        def done(files: SteeringFiles) -> None:
            if text == self._text:  # else another text is in the window by now
                self._take(files)

        in_background(self, lambda: read_steering(find_steering(*text), known), done=done)

    def begin(self, file_in: Callable[[Path], Path], done: Callable[[Path], None]) -> None:
        """Make a steering file if it is not there, then call `done` with its path.

        `file_in` names the file in a steering folder; it may raise `ManuscriptError`.
        """
        text = self._text

        def made(path: Path) -> None:
            self.look()
            done(path)

        def failed(error: Exception) -> None:
            if not isinstance(error, ManuscriptError):
                raise error
            self.told.emit(Notice(str(error), topic=TOPIC))

        in_background(
            self, lambda: begin_file(file_in(steering_home(*text))), done=made, failed=failed
        )

    def _take(self, files: SteeringFiles) -> None:
        wanted = {path for path, _, _ in files.stamp}
        watched = {*self._watcher.files(), *self._watcher.directories()}
        if gone := watched - wanted:
            self._watcher.removePaths(list(gone))
        if new := wanted - watched:  # a file that was replaced is among them
            self._watcher.addPaths(list(new))
        if files is self.files:
            return
        before, self.files = self.files, files
        if files.problems:
            more = len(files.problems) - 1
            rest = f" And {more} more." if more else ""
            sentence = f"{files.problems[0]}{rest}"
            self.told.emit(Notice(sentence, Weight.PROBLEM, topic=TOPIC))
        elif before.problems:
            self.over.emit(TOPIC)
        self.changed.emit()
