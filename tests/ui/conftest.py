"""A writer at a desk: an editor in its window, the keys, and a client that is played by hand.

`PlayedClient` stands in for the engine where a test says what the model answers and when: slowly,
never, or with a failure. What the real model answers is tested in tests/journeys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QInputMethodEvent, QKeyEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.app import Places, load_options, load_sounds
from studio.engine import Capabilities, Event, Finished, Piece, ReadingAhead, Request
from studio.engine.client import EngineClient, Failed
from studio.engine.faster import Copies
from studio.settings import SettingsStore
from studio.tuning.writer_first import WriterFirst
from studio.ui.desk import Desk
from studio.ui.editor import Editor

NO_KEY = Qt.KeyboardModifier.NoModifier


@dataclass
class Asked:
    """A request that the played client got."""

    request: Request
    on_event: Callable[[Event | Failed], None]
    cancelled: bool = False

    def gets(self, *events: Event | Failed) -> None:
        for event in events:
            self.on_event(event)
        QApplication.processEvents()

    def says(self, *pieces: str) -> None:
        """Some text comes."""
        self.gets(*(Piece(0, text) for text in pieces))

    def ends(self) -> None:
        """All has come."""
        self.gets(Finished(1, 0, 1, 1.0, 1.0))


@dataclass
class PlayedClient:
    """An engine client that answers what the test says, when it says so."""

    asked: list[Asked] = field(default_factory=list)
    read: list[ReadingAhead] = field(default_factory=list)
    """What it was to read before anything is asked."""
    capabilities: Capabilities | None = None

    def ask(
        self, request: Request | ReadingAhead, on_event: Callable[[Event | Failed], None]
    ) -> int:
        if isinstance(request, ReadingAhead):
            self.read.append(request)
            return -1
        self.asked.append(Asked(request, on_event))
        return len(self.asked) - 1

    def cancel(self, ticket: int) -> None:
        self.asked[ticket].cancelled = True

    @property
    def last(self) -> Asked:
        return self.asked[-1]


class Writer:
    """What a person does with an editor, and what the editor reports of it."""

    def __init__(self, editor: Editor, desk: Desk, client: PlayedClient) -> None:
        self.editor = editor
        self.desk = desk
        self.client = client
        self._reports: list[tuple[object, ...]] = []
        editor.edited.connect(lambda *edit: self._reports.append(("edited", *edit)))
        editor.typed.connect(lambda text: self._reports.append(("typed", text)))
        editor.changed_otherwise.connect(lambda: self._reports.append(("changed_otherwise",)))
        editor.cursor_moved.connect(lambda: self._reports.append(("cursor_moved",)))

    def opens(self, text: str, cursor: int | None = None) -> None:
        """Begin with `text`; the cursor at its end or at `cursor`."""
        self.editor.load_text(text)
        end = self.editor.document().characterCount() - 1
        self.puts_cursor(end if cursor is None else cursor)
        self._reports.clear()

    def types(self, text: str) -> None:
        """Press the keys of `text`, one after the other."""
        special = {"\n": (Qt.Key.Key_Return, "\r"), "\t": (Qt.Key.Key_Tab, "\t")}
        for character in text:
            key, says = special.get(character, (Qt.Key.Key_unknown, character))
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                QApplication.sendEvent(self.editor, QKeyEvent(kind, key, NO_KEY, says))

    def presses(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NO_KEY) -> None:
        QTest.keyClick(self.editor, key, modifiers)

    def puts_cursor(self, position: int, anchor: int | None = None) -> None:
        """Put the cursor there; with `anchor`, select from it."""
        cursor = self.editor.textCursor()
        cursor.setPosition(position if anchor is None else anchor)
        cursor.setPosition(position, QTextCursor.MoveMode.KeepAnchor)
        self.editor.setTextCursor(cursor)

    def composes(self, preedit: str, commit: str = "") -> None:
        """What an input method sends while the writer composes, and what was composed."""
        event = QInputMethodEvent(preedit, [])
        event.setCommitString(commit)
        QApplication.sendEvent(self.editor, event)

    def reports(self) -> list[tuple[object, ...]]:
        """What the editor reported since the last time."""
        reports, self._reports = self._reports, []
        return reports


@pytest.fixture
def writer(qtbot: QtBot, tmp_path: Path) -> Writer:
    """A writer with an empty page in front of them."""
    client = PlayedClient()
    desk = Desk(
        settings=SettingsStore(tmp_path / "settings.json"),
        client=cast(EngineClient, client),
        data_dir=tmp_path / "data",
        load_options=partial(load_options, Places(tmp_path / "settings.json", tmp_path / "data")),
        default_model=lambda: tmp_path / "none.gguf",
        download_default=lambda: tmp_path / "none.gguf",
        copies=Copies([tmp_path / "copies"]),
        model_override=None,
        tuning_missing=lambda: None,
        adapters_home=tmp_path / "data" / "adapters",
        writer_first=WriterFirst(tmp_path / "data" / "adapters"),
        power_is_short=lambda: False,
        load_sounds=load_sounds,
    )
    editor = Editor(desk.settings)
    qtbot.addWidget(editor)
    editor.resize(700, 500)
    editor.show()
    editor.activateWindow()
    editor.setFocus()
    qtbot.waitUntil(editor.hasFocus)
    return Writer(editor, desk, client)
