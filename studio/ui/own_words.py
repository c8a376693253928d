"""Words of the writer's own texts, for the suggestions of one window.

The texts are counted in the background, in pieces with rests between them, so that typing never
waits. What was counted is kept, so that the next start reads only what has changed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from studio.manuscript import (
    ManuscriptError,
    Project,
    is_steering_folder,
    path_key,
    real_path,
)
from studio.phrases import Breath, Index, Near, Phrases, Words, forget_index, forget_unused
from studio.settings import Settings, SettingsStore
from studio.ui.background import in_background, on_gui_thread
from studio.ui.desk import Desk
from studio.ui.notice import Notice
from studio.writing.languages import language_of

REST_S = 0.002
"""After each piece of the counting, which takes as long."""
SHOW_AFTER_MS = 1_000
"""What is done sooner is not worth a word."""
SETTLE_MS = 1_000
"""After a save, before its file is counted anew."""
FOLDER = "words"
"""In the user's data folder: what was counted. Not beside the texts: it changes with every save,
and their folder may be one that is copied to other machines."""
ADDED = "added.sqlite"
KEPT_S = 180 * 86_400.0
"""The counts of a project that was not open for so long are deleted."""
TOPIC = "own words"

T = TypeVar("T")
Told = Callable[[int, int], None]


class _Stopped(Exception):
    """The result is not wanted any more."""


class Reading(QObject):
    """Counts in the background, one job at a time: a newer one ends the one before."""

    changed = Signal()
    """`percent` is another."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.percent: int | None = None
        """How much is done; None if nothing is being read, or not for long yet."""
        self._done_percent = 0
        self._stop: threading.Event | None = None
        self._show = QTimer(self)
        self._show.setSingleShot(True)
        self._show.setInterval(SHOW_AFTER_MS)
        self._show.timeout.connect(lambda: self._put(self._done_percent))

    @property
    def running(self) -> bool:
        """Whether a job is not done yet."""
        return self._stop is not None

    def start(self, work: Callable[[Breath, Told], T], done: Callable[[T], None]) -> None:
        """Do `work` with what it is to call as it goes on, then call `done` here."""
        self.stop()
        stop = self._stop = threading.Event()
        carry = on_gui_thread(self)
        self._done_percent = percent = 0

        def breathe() -> None:
            time.sleep(REST_S)
            if stop.is_set():
                raise _Stopped

        def told(n_done: int, n_total: int) -> None:
            nonlocal percent
            now = 100 * n_done // max(1, n_total)
            if now != percent:
                percent = now
                carry(partial(self._hear, stop, now))

        def ended(result: T) -> None:
            if stop is self._stop:
                self.stop()
                done(result)

        def failed(error: Exception) -> None:
            if stop is self._stop:
                self.stop()
            if not isinstance(error, _Stopped):
                raise error

        self._show.start()
        in_background(self, lambda: work(breathe, told), done=ended, failed=failed)

    def stop(self) -> None:
        """End what is going on, if anything is; nothing more comes of it."""
        if self._stop:
            self._stop.set()
        self._stop = None
        self._show.stop()
        self._put(None)

    def _hear(self, stop: threading.Event, percent: int) -> None:
        if stop is self._stop:
            self._done_percent = percent
            if not self._show.isActive():
                self._put(percent)

    def _put(self, percent: int | None) -> None:
        if percent != self.percent:
            self.percent = percent
            self.changed.emit()


class AddedFolders(QObject):
    """The words of the folders that the writer has added. One for all windows."""

    changed = Signal()
    """`words` are others."""
    told = Signal(object)
    """A `Notice`."""
    over = Signal(str)
    """What notices of this topic said is over."""

    def __init__(
        self, settings: SettingsStore, data_dir: Path, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.words = Words()
        self.reading = Reading(self)
        self._settings = settings
        self._folder = data_dir / FOLDER
        self._wanted: tuple[str, ...] | None = None  # None: no words at all
        self.destroyed.connect(settings.listen(self._take))

    def begin(self) -> None:
        """Lamplight has begun: read what has changed since the last time."""
        settings = self._settings.current
        before_s = time.time() - KEPT_S if settings.own_words else math.inf
        in_background(
            self,
            lambda: forget_unused(self._folder, before_s),
            done=lambda _: self._take(self._settings.current),
        )

    def end(self) -> None:
        """Lamplight ends."""
        self.reading.stop()

    def _take(self, settings: Settings) -> None:
        wanted = settings.word_folders if settings.own_words else None
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self.over.emit(TOPIC)
        index = self._folder / ADDED
        if wanted:
            self.reading.start(partial(_read_folders, index, wanted), self._have)
            return
        self.reading.stop()
        self._have((Words(), []))
        forget = partial(forget_index, index)
        if wanted is None:
            forget = partial(forget_unused, self._folder, math.inf)
        in_background(self, forget, done=lambda _: None)

    def _have(self, read: tuple[Words, list[str]]) -> None:
        self.words, problems = read
        if problems:
            more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
            self.told.emit(Notice(f"{problems[0]}{more}", topic=TOPIC))
        self.changed.emit()


class OwnWords(QObject):
    """The words of one window's project, or of its file that was opened alone, and the added ones.

    Without the setting `own_words` nothing is read; `AddedFolders` deletes what was counted.
    """

    state_changed = Signal(str)
    """Short words for the status bar."""

    def __init__(self, desk: Desk, added: AddedFolders, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._added = added
        self._folder = desk.data_dir / FOLDER
        self._on = desk.settings.current.own_words
        self._place: tuple[Path | None, Path | None] = (None, None)  # the file, or the folder
        self._near = Near()
        self._phrases = Phrases()
        self._reading = Reading(self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._reading.changed.connect(self._tell)
        added.reading.changed.connect(self._tell)
        added.changed.connect(self._put_together)
        self.destroyed.connect(desk.settings.listen(self._take))
        self._put_together()

    def endings(self, before: str) -> tuple[tuple[str, float], ...]:
        """How the word at the end of `before` may go on, as in `Request.endings`."""
        return self._phrases.endings(before)

    @property
    def state(self) -> str:
        """What is being read, in short words; empty if nothing is, or not for long."""
        for reading in (self._reading, self._added.reading):
            if reading.percent is not None:
                return f"learning words from your texts, {reading.percent} %"
        return ""

    def follow(self, file: Path | None, folder: Path | None) -> None:
        """The window shows `file`, or a text without a name, and lists `folder`, if any."""
        if folder and (file is None or file.absolute().is_relative_to(folder.absolute())):
            file = None
        else:
            folder = None
        if (file, folder) != self._place:
            self._place = (file, folder)
            self._have(Near())
            self._look()

    def saved(self) -> None:
        """The text was saved: count it anew, in a moment."""
        self._settle.start()

    def stop(self) -> None:
        """Read no more texts, here and in the added folders, until something changes."""
        self._reading.stop()
        self._added.reading.stop()

    def end(self) -> None:
        """The window is closed."""
        self._settle.stop()
        self._reading.stop()

    def _take(self, settings: Settings) -> None:
        if settings.own_words != self._on:
            self._on = settings.own_words
            self._look()

    def _look(self) -> None:
        file, folder = self._place
        if self._on and (file or folder):
            self._reading.start(partial(_read_near, self._folder, file, folder), self._have)
        else:
            self._reading.stop()
            self._have(Near())

    def _have(self, near: Near) -> None:
        self._near = near
        self._put_together()

    def _put_together(self) -> None:
        near, far = self._near, self._added.words

        def take(phrases: Phrases) -> None:
            if near is self._near and far is self._added.words:
                self._phrases = phrases

        if near.words.words or far.words:
            in_background(self, lambda: Phrases.of(near, far), done=take)
        else:
            take(Phrases())

    def _tell(self) -> None:
        self.state_changed.emit(self.state)


def _read_near(
    indexes: Path, file: Path | None, folder: Path | None, breathe: Breath, told: Told
) -> Near:
    """The words of the project in `folder`, or of `file` alone unless it steers or is code."""
    if folder:
        try:
            project = Project.of_folder(folder)
        except ManuscriptError:  # it was moved away
            return Near()
        # The name is for people who look into the folder.
        index = indexes / f"{real_path(folder).name[:40]}-{path_key(folder)}.sqlite"
        return Index(index).near(project.texts(breathe), breathe, told)
    if file is None or language_of(file) or any(map(is_steering_folder, real_path(file).parents)):
        return Near()
    return Index(None).near([file], breathe, told)  # counted in a moment: nothing to keep


def _read_folders(
    index: Path, folders: tuple[str, ...], breathe: Breath, told: Told
) -> tuple[Words, list[str]]:
    """The words of the added folders, and a sentence for each that is not there."""
    files: list[Path] = []
    problems = []
    for folder in folders:
        try:
            files += Project.of_folder(Path(folder)).texts(breathe)
        except ManuscriptError:
            problems.append(
                f"‘{folder}’ is not there, so no words are learned from it. Take it out in the "
                "settings, or put it back."
            )
    return Index(index).far(list(dict.fromkeys(files)), breathe, told), problems
