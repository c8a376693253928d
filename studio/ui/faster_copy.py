"""The copy of a model that this machine reads faster: offered, made, measured, taken away.

That of the included model is made without a question, if the set-up has not done so: it is part of
Lamplight. That of a file of the writer's is offered, once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from studio.engine import Capabilities, EngineError
from studio.engine.faster import Copies, Verdict, slow_format
from studio.ui.background import in_background, on_gui_thread
from studio.ui.notice import Choice, Notice, Weight

log = logging.getLogger(__name__)

TOPIC = "faster copy"


class FasterCopy(QObject):
    """That of the model that answers. All reading and making is done in the background."""

    changed = Signal()
    """`words` or what the menu shows changed."""
    told = Signal(object)
    """A `Notice` for the window in front."""
    over = Signal(str)
    reload_wanted = Signal()
    """Another file is to be loaded for the same model."""

    def __init__(self, copies: Copies, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._copies = copies
        self.words = ""
        """What is done, for the status bar."""
        self._path: Path | None = None
        self._format = ""
        self._in_use = False
        self._stopped = False

    @property
    def possible(self) -> bool:
        """Whether the model that answers may have one."""
        return (bool(self._format) or self._in_use) and not self.words

    @property
    def in_use(self) -> bool:
        """Whether a copy answers in place of the file."""
        return self._in_use

    def prepare(self, included: Path, then: Callable[[], None]) -> None:
        """Make the copy of the included model if that was never done; `then` in any case."""

        def decide(undecided: bool) -> None:
            if undecided:
                words = "preparing the model for this machine…"
                self._make(included, words, lambda _: then(), without)
            else:
                then()

        def without(error: Exception) -> None:
            """The file itself is used, today and at every start."""
            log.warning("no faster copy of %s", included, exc_info=error)
            decline = self._copies.decline
            in_background(self, lambda: decline(included), done=lambda _: None, failed=_log)
            then()

        def unknown(error: Exception) -> None:
            _log(error)
            then()

        undecided = self._copies.undecided
        in_background(self, lambda: undecided(included), done=decide, failed=unknown)

    def end(self) -> None:
        """Lamplight ends: stop what is being made."""
        self._stopped = True

    def answers(self, capabilities: Capabilities | None, *, included: bool) -> None:
        """Another model answers; a copy of a file of the writer's is offered if it may help."""
        if not self.words:
            self.over.emit(TOPIC)
        self._path = path = capabilities.path if capabilities else None
        self._in_use = capabilities is not None and capabilities.copy is not None
        self._format = ""
        on_gpu = capabilities is not None and capabilities.gpu_layers > 0
        if path is None or on_gpu:
            return

        def look() -> tuple[str, bool, int]:
            kept_as = slow_format(path)
            size = self._copies.size_of_copy(path) if kept_as else 0
            return kept_as, self._copies.undecided(path), size

        def take(found: tuple[str, bool, int]) -> None:
            if path != self._path:
                return  # another one answers by now
            self._format, undecided, size = found
            if undecided and not included and not self.words:
                self._offer(path, self._format, size)

        in_background(self, look, done=take, failed=_log)

    def make(self) -> None:
        """Make and measure one, because the writer said so."""
        if path := self._path:
            self._begin(path)

    def remove(self) -> None:
        """Use none of the model that answers, and remove the one there is."""
        if path := self._path:
            decline = self._copies.decline
            in_background(
                self,
                lambda: decline(path),
                done=lambda _: self.reload_wanted.emit(),
                failed=self._failed,
            )

    def _offer(self, path: Path, kept_as: str, size: int) -> None:
        self.told.emit(
            Notice(
                f"This machine may read ‘{path.name}’ slowly: it is in the format {kept_as}. A "
                f"copy in another format takes about {_size(size)} and may bring suggestions "
                "sooner; the file stays as it is.",
                choices=(
                    Choice(
                        "Make a copy",
                        "Make a copy, measure both, and use the faster one",
                        lambda: self._begin(path),
                    ),
                    Choice(
                        "Not for this model",
                        "Use the file as it is, and do not ask again",
                        lambda: self._decline(path),
                    ),
                ),
                topic=TOPIC,
            )
        )

    def _decline(self, path: Path) -> None:
        in_background(
            self, lambda: self._copies.decline(path), done=lambda _: None, failed=self._failed
        )

    def _begin(self, path: Path) -> None:
        stop = Choice("Stop", "Stop; nothing is kept of the copy", self._stop)
        self.told.emit(
            Notice(
                f"A copy of ‘{path.name}’ is being made and measured. Writing goes on meanwhile.",
                choices=(stop,),
                topic=TOPIC,
            )
        )
        self._make(path, "making a faster copy…", partial(self._made, path), self._failed)

    def _make(
        self,
        path: Path,
        words: str,
        then: Callable[[Verdict | None], None],
        failed: Callable[[Exception], None],
    ) -> None:
        carry = on_gui_thread(self)
        self._stopped = False

        def work() -> Verdict | None:
            steps = self._copies.make(path)
            for done in steps:
                if self._stopped:
                    steps.close()
                    return None
                carry(partial(self._say, f"{words} {done:.0%}".replace("%", " %")))
            return self._copies.verdict(path)

        def end(verdict: Verdict | None) -> None:
            self._say("")
            then(verdict)

        def fail(error: Exception) -> None:
            self._say("")
            failed(error)

        self._say(words)
        in_background(self, work, done=end, failed=fail)

    def _say(self, words: str) -> None:
        self.words = words
        self.changed.emit()

    def _stop(self) -> None:
        self._stopped = True

    def _made(self, path: Path, verdict: Verdict | None) -> None:
        self.over.emit(TOPIC)
        if verdict is None:
            return
        if not verdict.copy:
            self.told.emit(
                Notice(f"A copy of ‘{path.name}’ would not be read faster here: none is kept.")
            )
            return
        self.told.emit(
            Notice(
                f"The copy of ‘{path.name}’ is read {verdict.ratio:.1f} times as fast: it is used "
                "from now on."
            )
        )
        if path == self._path:
            self.reload_wanted.emit()

    def _failed(self, error: Exception) -> None:
        self.over.emit(TOPIC)
        if isinstance(error, EngineError | OSError):
            self.told.emit(Notice(str(error), Weight.PROBLEM, topic=TOPIC))
        else:
            raise error


def _log(error: Exception) -> None:
    log.info("nothing is known of a faster copy", exc_info=error)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
