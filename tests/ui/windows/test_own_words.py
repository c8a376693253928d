"""The writer's own words: counted when a project is opened, and told to the model."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog

from studio.phrases import Index, Words
from studio.ui import own_words
from studio.ui.window import Window

if TYPE_CHECKING:
    from tests.ui.windows.conftest import House, ToldClient


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    folder = tmp_path / "novel"
    folder.mkdir()
    (folder / "one.txt").write_text("Quillon lit the lamp. Then Quillon left.\n", "utf-8")
    (folder / "two.txt").write_text("It was late. ", "utf-8")
    return folder


@pytest.fixture
def novels(tmp_path: Path) -> Path:
    """Another folder with older texts."""
    folder = tmp_path / "novels"
    folder.mkdir()
    (folder / "old.txt").write_text("Zephyrine wept.\n", "utf-8")
    return folder


def knows(window: Window, typed: str, ending: str) -> bool:
    return ending in dict(window.own_words.endings(typed))


def kept(house: House) -> list[str]:
    """What there are counts of on the disk."""
    files = (house.desk.data_dir / "words").glob("*.sqlite")
    return sorted(path.stem.partition("-")[0] for path in files)


def action(window: Window, label: str) -> QAction:
    return next(each for each in window.actions() if each.text().replace("&", "") == label)


def test_a_name_in_the_project_is_told_when_its_first_letters_are_typed(
    house: House, client: ToldClient, novel: Path
) -> None:
    window = house.opens(novel, novel / "two.txt")
    client.is_ready()
    house.waits(lambda: knows(window, "Then Qui", "llon"))
    window.editor.activateWindow()
    window.editor.setFocus()
    house.waits(window.editor.hasFocus)
    house.types("Then Qui")
    house.waits(lambda: client.asked)
    asked = [request for request in client.asked if request.prompt.endswith("Then Qui")]
    assert asked
    assert asked[-1].endings[0][0] == "llon"
    assert 0 < asked[-1].endings[0][1] < 1


def test_code_is_not_told_of_them(house: House, client: ToldClient, novel: Path) -> None:
    (novel / "tool.py").write_text("lamp = 1\n", "utf-8")
    window = house.opens(novel, novel / "tool.py")
    client.is_ready()
    house.waits(lambda: knows(window, "Then Qui", "llon"))
    window.editor.activateWindow()
    window.editor.setFocus()
    house.waits(window.editor.hasFocus)
    house.types("Qui")
    house.waits(lambda: client.asked)
    assert all(request.endings == () for request in client.asked)


def test_the_words_of_code_are_not_learned(house: House, novel: Path) -> None:
    (novel / "tool.py").write_text("Quincunx = 1\n", "utf-8")
    window = house.opens(novel / "tool.py")
    house.waits(lambda: not window.own_words._reading.running)
    assert not knows(window, "Quinc", "unx")


def test_a_file_that_is_opened_alone_is_learned_from_and_leaves_nothing(
    house: House, novel: Path
) -> None:
    window = house.opens(novel / "one.txt")
    house.waits(lambda: knows(window, "Qui", "llon"))
    assert kept(house) == []


def test_what_was_saved_is_learned(house: House, novel: Path) -> None:
    window = house.opens(novel, novel / "two.txt")
    house.waits(lambda: knows(window, "Qui", "llon"))
    house.types("Ermintrude came.")
    window.filing.save()
    house.waits(lambda: knows(window, "Ermin", "trude"))
    assert knows(window, "Qui", "llon")


def test_what_is_counted_does_not_lie_beside_the_texts(house: House, novel: Path) -> None:
    window = house.opens(novel)
    house.waits(lambda: knows(window, "Qui", "llon"))
    assert sorted(path.name for path in novel.iterdir()) == ["one.txt", "two.txt"]
    assert kept(house) == ["novel"]


def test_a_project_that_was_not_open_for_long_is_forgotten(
    house: House, novel: Path, novels: Path
) -> None:
    window = house.opens(novel)
    house.waits(lambda: knows(window, "Qui", "llon"))
    (index,) = (house.desk.data_dir / "words").glob("novel-*")
    os.utime(index, (1, 1))
    house.starts_again(novels)
    house.waits(lambda: kept(house) == ["novels"])


def test_another_project_has_other_words(house: House, novel: Path, novels: Path) -> None:
    window = house.opens(novel)
    house.waits(lambda: knows(window, "Qui", "llon"))
    window.open_folder(novels)
    house.waits(lambda: knows(window, "Zeph", "yrine"))
    assert not knows(window, "Qui", "llon")


def test_an_added_folder_is_learned_from_in_every_window(
    house: House, novel: Path, novels: Path
) -> None:
    window = house.opens(novel)
    other = house.lamplight.new_window()
    action(window, "Add a folder of my texts…").trigger()
    house.dialog(QFileDialog).fileSelected.emit(str(novels))
    house.waits(lambda: knows(window, "Zeph", "yrine") and knows(other, "Zeph", "yrine"))
    house.waits(lambda: knows(window, "Qui", "llon"))
    assert house.desk.settings.current.word_folders == (str(novels),)
    house.desk.settings.change(word_folders=())
    house.waits(lambda: not knows(window, "Zeph", "yrine") and not knows(other, "Zeph", "yrine"))
    house.waits(lambda: kept(house) == ["novel"])


def test_added_folders_are_read_at_the_next_start(house: House, novels: Path) -> None:
    house.desk.settings.change(word_folders=(str(novels),))
    window = house.opens()
    house.waits(lambda: knows(window, "Zeph", "yrine"))


def test_a_folder_that_is_gone_is_told_quietly(house: House, novels: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    house.desk.settings.change(word_folders=(str(gone), str(novels)))
    window = house.opens()
    house.waits(lambda: knows(window, "Zeph", "yrine"))
    house.waits(lambda: f"‘{gone}’ is not there" in house.notice())
    assert house.question() == ""
    house.desk.settings.change(word_folders=(str(novels),))
    assert house.notice() == "", "it is taken out"


def test_a_whole_disk_has_a_name(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_words, "_read_folders", lambda *_: (Words(), []))
    window = house.opens()
    root = Path.cwd().anchor
    window.add_word_folder(root)
    assert f"‘{root}’" in house.notice()


def test_switched_off_nothing_is_known_and_nothing_kept(
    house: House, novel: Path, novels: Path
) -> None:
    house.desk.settings.change(word_folders=(str(novels),))
    window = house.opens(novel)
    house.waits(lambda: knows(window, "Zeph", "yrine") and knows(window, "Qui", "llon"))
    assert kept(house) == ["added", "novel"]
    switch = action(window, "Words from my texts")
    assert switch.isChecked()
    switch.trigger()
    house.waits(lambda: not knows(window, "Zeph", "yrine") and not knows(window, "Qui", "llon"))
    house.waits(lambda: kept(house) == [])
    switch.trigger()
    house.waits(lambda: knows(window, "Zeph", "yrine") and knows(window, "Qui", "llon"))


def test_a_long_reading_is_shown_and_can_be_stopped(
    house: House, novel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(
        _: Index, _files: list[Path], breathe: Callable[[], None], told: own_words.Told
    ) -> None:
        told(42, 100)
        while not go_on.is_set():
            breathe()

    monkeypatch.setattr(own_words, "SHOW_AFTER_MS", 0)
    monkeypatch.setattr(Index, "near", slow)
    window = house.opens(novel)
    stop = action(window, "Stop learning words")
    house.waits(lambda: "42 %" in window.status._state.text())
    assert stop.isVisible()
    stop.trigger()
    assert window.status._state.text() == ""
    assert not stop.isVisible()
    assert house.notice().startswith("Stopped.")
    house.desk.settings.change(own_words=False)
    assert house.notice() == "", "what was counted is deleted"
    go_on.set()


def test_words_are_learned_where_nothing_can_be_kept(house: House, novel: Path) -> None:
    house.desk.data_dir.mkdir()
    (house.desk.data_dir / "words").write_text("a file where the folder would be", "utf-8")
    window = house.opens(novel)
    house.waits(lambda: knows(window, "Qui", "llon"))
    assert house.notice() == ""


def test_steering_files_are_not_learned_from(house: House, novel: Path) -> None:
    (novel / "steering").mkdir()
    memory = novel / "steering" / "memory.md"
    memory.write_text("Quincunx is a secret.\n", "utf-8")
    window = house.opens(memory)
    house.waits(lambda: not window.own_words._reading.running)
    assert not knows(window, "Quinc", "unx")
