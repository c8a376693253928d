"""Lamplight with real windows and files and an engine client that is told what to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from studio.app import Places, load_options, load_sounds
from studio.engine import Capabilities, Event, LoadOptions, Request
from studio.engine.client import Changed, EngineClient, Failed, Ready, Status
from studio.engine.faster import Copies
from studio.settings import SettingsStore
from studio.tuning.writer_first import WriterFirst
from studio.ui.application import Lamplight
from studio.ui.desk import Desk
from studio.ui.window import Window

D = TypeVar("D", bound=QDialog)
INCLUDED = Path("/models/included.gguf")


@dataclass
class ToldClient:
    """An engine client without an engine: tests say what becomes of a model."""

    loads: list[LoadOptions] = field(default_factory=list)
    listeners: list[Callable[[Status], None]] = field(default_factory=list)
    capabilities: Capabilities | None = None
    sparing: bool = False
    closed: bool = False
    asked: list[Request] = field(default_factory=list)

    def listen(self, on_status: Callable[[Status], None]) -> Callable[[], None]:
        self.listeners.append(on_status)
        return lambda: self.listeners.remove(on_status)

    def load(self, options: LoadOptions) -> None:
        self.loads.append(options)

    def ask(self, request: Request, _on_event: Callable[[Event | Failed], None]) -> int:
        self.asked.append(request)
        return len(self.asked)

    def cancel(self, ticket: int) -> None:
        pass

    def spare(self, on: bool) -> None:
        self.sparing = on

    def close(self) -> None:
        self.closed = True

    def says(self, status: Status) -> None:
        if isinstance(status, Ready | Changed):
            self.capabilities = status.capabilities
        for listener in list(self.listeners):
            listener(status)
        QApplication.processEvents()

    def is_ready(self, path: Path = INCLUDED) -> None:
        self.says(
            Ready(
                Capabilities(
                    name="SmolLM2 135M Instruct",
                    path=path,
                    architecture="llama",
                    n_params=134_515_008,
                    n_ctx=4096,
                    n_ctx_train=8192,
                    n_vocab=49_152,
                    device="CPU, 2 threads",
                    can_shift=True,
                    can_rewind=True,
                    can_infill=False,
                )
            )
        )


class House:
    """A running Lamplight and what a writer does with it."""

    def __init__(self, qtbot: QtBot, desk: Desk, client: ToldClient) -> None:
        self.qtbot = qtbot
        self.desk = desk
        self.client = client
        self.lamplight = self._begun()

    def _begun(self) -> Lamplight:
        return Lamplight(cast(QApplication, QApplication.instance()), self.desk)

    @property
    def window(self) -> Window:
        """The newest window."""
        return self.lamplight.windows[-1]

    def opens(self, *files: Path) -> Window:
        """Start with these files, and wait until they are open."""
        self.lamplight.begin(files)
        for file in files:
            if not file.is_dir():
                self.waits(lambda file=file: file in self._open_files())
        QApplication.processEvents()
        return self.window

    def _open_files(self) -> list[Path | None]:
        return [window.document.path for window in self.lamplight.windows]

    def types(self, text: str) -> None:
        """At the end of the newest window's text."""
        editor = self.window.editor
        cursor = editor.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        editor.setTextCursor(cursor)
        QTest.keyClicks(editor, text)

    def waits(self, until: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(until()), timeout=10_000)

    def notice(self) -> str:
        """The sentence that is shown."""
        current = self.window.notices.current
        return current.sentence if current else ""

    def clicks_notice(self, label: str) -> None:
        """A button of the notice."""
        self.clicks(self.window.notices, label)

    def question(self) -> str:
        """What the writer is asked."""
        boxes = [
            widget
            for widget in QApplication.topLevelWidgets()
            if isinstance(widget, QMessageBox) and widget.isVisible()
        ]
        return boxes[0].text() if boxes else ""

    def answers(self, label: str) -> None:
        """The question that is asked."""
        self.waits(self.question)
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QMessageBox) and widget.isVisible():
                self.clicks(widget, label)
                return

    def dialog(self, kind: type[D]) -> D:
        """The dialog of this kind, as soon as it is there."""
        self.waits(lambda: self._dialogs(kind))
        return self._dialogs(kind)[0]

    def clicks(self, within: QWidget, label: str) -> None:
        """A button, as soon as it can be clicked: Qt shows a new one a moment after it is added."""

        def there() -> None:
            assert _button(within, label), f"there is no button “{label}” that can be clicked"

        self.qtbot.waitUntil(there, timeout=10_000)
        button = _button(within, label)
        assert button
        button.click()
        QApplication.processEvents()

    def _dialogs(self, kind: type[D]) -> list[D]:
        return [
            widget
            for widget in QApplication.topLevelWidgets()
            if isinstance(widget, kind) and widget.isVisible()
        ]

    def crashes(self) -> None:
        """End as a signal ends it: without a question, and nothing thrown away."""
        for window in list(self.lamplight.windows):
            window.close_now(discard=False)
        self.lamplight.model.end()

    def starts_again(self, *files: Path) -> Window:
        self.lamplight = self._begun()
        return self.opens(*files)

    def ends(self) -> None:
        for window in list(self.lamplight.windows):
            for dialog in window.findChildren(QDialog):
                dialog.close()
            window.close_now(discard=True)
        if self.client.listeners:
            self.lamplight.model.end()


def _button(within: QWidget, label: str) -> QAbstractButton | None:
    for button in within.findChildren(QAbstractButton):
        if button.text().replace("&", "").startswith(label) and button.isVisible():
            return button if button.isEnabled() else None
    return None


@pytest.fixture
def client() -> ToldClient:
    return ToldClient()


@pytest.fixture
def desk(client: ToldClient, tmp_path: Path) -> Desk:
    return Desk(
        settings=SettingsStore(tmp_path / "settings.json"),
        client=cast(EngineClient, client),
        data_dir=tmp_path / "data",
        load_options=partial(load_options, Places(tmp_path / "settings.json", tmp_path / "data")),
        default_model=lambda: INCLUDED,
        download_default=lambda: INCLUDED,
        copies=Copies([tmp_path / "copies"]),
        model_override=None,
        tuning_missing=lambda: None,
        adapters_home=tmp_path / "data" / "adapters",
        writer_first=WriterFirst(tmp_path / "data" / "adapters"),
        power_is_short=lambda: False,
        load_sounds=load_sounds,
    )


@pytest.fixture
def house(qtbot: QtBot, desk: Desk, client: ToldClient) -> Iterator[House]:
    house = House(qtbot, desk, client)
    yield house
    house.ends()


@pytest.fixture
def house_with(qtbot: QtBot, desk: Desk, client: ToldClient) -> Iterator[Callable[..., House]]:
    """A house whose desk differs in something."""
    houses: list[House] = []

    def build(**changes: Any) -> House:
        houses.append(House(qtbot, replace(desk, **changes), client))
        return houses[-1]

    yield build
    for house in houses:
        house.ends()


@pytest.fixture
def chapter(tmp_path: Path) -> Path:
    path = tmp_path / "novel" / "chapter.txt"
    path.parent.mkdir()
    path.write_text("The lamp was lit.\n", "utf-8")
    return path
