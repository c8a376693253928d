"""Quitting, closing and opening lose nothing that was not given up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox, QPushButton

from studio.ui.file_access import Save
from studio.ui.window import Window
from tests.ui.windows.conftest import House


def _question(window: Window) -> QMessageBox | None:
    boxes = window.findChildren(QMessageBox, "question")
    return next((box for box in boxes if box.isVisible()), None)


def _opens(house: House, path: Path) -> Window:
    """Open a file in a window of its own."""
    window = house.lamplight.open(path, house.lamplight.new_window())
    house.waits(lambda: window.document.opening is None)
    return window


def _answers(house: House, window: Window, label: str) -> None:
    """Wait for the question of this window and answer it."""
    house.waits(lambda: _question(window))
    box = _question(window)
    assert box
    for button in box.findChildren(QPushButton):
        if button.text().replace("&", "") == label:
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
            return
    raise AssertionError(label)


def _types(window: Window, text: str) -> None:
    QTest.keyClicks(window.editor, text)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that writes nothing until the event is set."""
    gate = threading.Event()
    write = Save.write

    def slowly(save: Save) -> object:
        gate.wait(5)
        return write(save)

    monkeypatch.setattr(Save, "write", slowly)
    yield gate
    gate.set()


def _file(folder: Path, name: str, text: str = "Once.") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_quitting_asks_about_a_window_written_in_while_another_is_asked(
    house: House, tmp_path: Path
) -> None:
    first = _opens(house, _file(tmp_path, "a.txt"))
    second = _opens(house, _file(tmp_path, "b.txt"))
    _types(first, "x")
    house.lamplight.quit()
    _types(second, "y")
    _answers(house, first, "Don’t save")
    _answers(house, second, "Save")
    house.waits(lambda: not house.lamplight.windows)
    assert (tmp_path / "a.txt").read_text() == "Once."
    assert (tmp_path / "b.txt").read_text() == "yOnce."


def test_quitting_asks_again_about_a_window_written_in_after_its_answer(
    house: House, tmp_path: Path
) -> None:
    first = _opens(house, _file(tmp_path, "a.txt"))
    second = _opens(house, _file(tmp_path, "b.txt"))
    _types(first, "x")
    _types(second, "y")
    house.lamplight.quit()
    _answers(house, first, "Don’t save")
    house.waits(lambda: _question(second) is not None)
    _types(first, "z")
    _answers(house, second, "Don’t save")
    _answers(house, first, "Save")
    house.waits(lambda: not house.lamplight.windows)
    assert (tmp_path / "a.txt").read_text() == "xzOnce."
    assert (tmp_path / "b.txt").read_text() == "Once."


def test_cancelling_one_question_keeps_all_windows(house: House, tmp_path: Path) -> None:
    first = _opens(house, _file(tmp_path, "a.txt"))
    second = _opens(house, _file(tmp_path, "b.txt"))
    _types(first, "x")
    _types(second, "y")
    house.lamplight.quit()
    _answers(house, first, "Don’t save")
    _answers(house, second, "Cancel")
    assert house.lamplight.windows == [first, second]
    assert first.editor.text() == "xOnce."


def test_what_is_typed_while_the_last_save_is_written_is_not_lost(
    house: House, tmp_path: Path, held: threading.Event
) -> None:
    window = _opens(house, _file(tmp_path, "a.txt"))
    _types(window, "x")
    window.close()
    _answers(house, window, "Save")
    _types(window, "y")
    held.set()
    _answers(house, window, "Save")
    house.waits(lambda: not house.lamplight.windows)
    assert (tmp_path / "a.txt").read_text() == "xyOnce."


def test_a_link_to_an_open_file_shows_its_window(house: House, tmp_path: Path) -> None:
    window = _opens(house, _file(tmp_path, "a.txt"))
    link = tmp_path / "link.txt"
    link.symlink_to("a.txt")
    assert house.lamplight.open(link, window) is window
    assert house.lamplight.windows == [window]


def test_saving_through_a_link_to_the_same_file_saves_it(house: House, tmp_path: Path) -> None:
    path = _file(tmp_path, "a.txt")
    window = _opens(house, path)
    link = tmp_path / "link.txt"
    link.symlink_to("a.txt")
    _types(window, "x")
    told: list[object] = []
    window.document.save(told.append, path=link)
    house.waits(lambda: bool(told))
    assert told == [None]
    assert path.read_text() == "xOnce."
    assert link.is_symlink()
    assert window.document.path == path
