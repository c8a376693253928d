"""Memory, note and lore in a window: opened, followed on the disk, given to the model, shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog

from studio.engine import Request
from studio.manuscript import write_text
from studio.ui.sees_panel import SeesPanel
from studio.ui.theme import DARK, LIGHT
from studio.writing.context import Source

if TYPE_CHECKING:
    from studio.ui.window import Window
    from tests.ui.windows.conftest import House, ToldClient

CONTROL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def _action(window: Window, label: str) -> QAction:
    for action in window.actions():
        if action.text().replace("&", "") == label:
            return action
    raise AssertionError(f"there is no “{label}” in the menus")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def _panel(house: House, window: Window) -> SeesPanel:
    _action(window, "What the model sees").trigger()
    panel = window.findChild(SeesPanel)
    house.waits(panel.isVisible)
    return panel


def _rows(panel: SeesPanel) -> list[tuple[str, str]]:
    tree = panel._parts
    rows = [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
    return [(row.text(0), row.text(1)) for row in rows]


@pytest.fixture
def steering(chapter: Path) -> Path:
    """The steering folder of the chapter's project, with a memory and two lore entries."""
    home = chapter.parent / "steering"
    _write(home / "memory.md", "A lighthouse in the north.")
    _write(home / "lore" / "lamp.md", "The lamp is old.")
    _write(home / "lore" / "Anna.md", "Anna keeps it.")
    return home


def test_the_memory_is_made_with_a_hint_and_opened_beside_the_story(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter.parent)
    window.open(chapter)
    house.waits(lambda: window.document.path == chapter)
    _action(window, "Memory").trigger()
    memory = chapter.parent / "steering" / "memory.md"
    house.waits(lambda: house.window.document.path == memory)
    assert house.window is not window
    assert "what the model should always know" in house.window.editor.text()


def test_a_file_opened_alone_keeps_its_note_in_a_folder_beside_it(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter)
    _action(window, "Author’s note").trigger()
    note = chapter.parent / "chapter.txt.steering" / "note.md"
    house.waits(lambda: house.window.document.path == note)


def test_a_text_without_a_place_is_to_be_saved_first(house: House) -> None:
    window = house.opens()
    _action(window, "Memory").trigger()
    house.waits(house.notice)
    assert house.notice().startswith("Save this text first")


def test_a_new_lore_entry_is_called_as_the_writer_says(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    cursor = window.editor.textCursor()
    cursor.setPosition(4)
    cursor.setPosition(8, cursor.MoveMode.KeepAnchor)
    window.editor.setTextCursor(cursor)
    _action(window, "New lore entry…").trigger()
    dialog = house.dialog(QInputDialog)
    assert dialog.textValue() == "lamp"
    dialog.setTextValue("The Lamp")
    dialog.accept()
    entry = chapter.parent / "chapter.txt.steering" / "lore" / "The Lamp.md"
    house.waits(lambda: house.window.document.path == entry)
    assert "keys: The Lamp\n" in house.window.editor.text()


def test_the_menu_lists_the_lore_and_opens_it(house: House, chapter: Path, steering: Path) -> None:
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.lore)
    menu = window.menus.steering.lore
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions()] == ["Anna", "lamp"]
    menu.actions()[1].trigger()
    house.waits(lambda: house.window.document.path == steering / "lore" / "lamp.md")


def test_suggestions_and_drafts_are_asked_for_with_the_steering(
    house: House, client: ToldClient, chapter: Path, steering: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []
    monkeypatch.setattr(client, "ask", lambda request, _: asked.append(request) or 1)
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.folder)
    window.activateWindow()
    window.editor.setFocus()
    house.types("It burned")
    house.waits(lambda: asked)
    told = "A lighthouse in the north.\n\nThe lamp is old.\n\nThe lamp was lit.\nIt burned"
    assert asked[-1].prompt == told
    window.completer.draft()
    assert asked[-1].prompt == told
    assert asked[-1].max_tokens == house.desk.settings.current.draft_tokens


def test_the_view_counts_with_what_the_model_said(
    house: House, client: ToldClient, chapter: Path
) -> None:
    client.is_ready()
    window = house.opens(chapter)
    panel = _panel(house, window)
    window.editor.insertPlainText("x " * 1_000)
    house.waits(lambda: _rows(panel) == [("Story", "about 500")])
    window.completer.prompt_read.emit("x " * 1_000, 1_000)
    window.editor.insertPlainText("x x ")
    house.waits(lambda: _rows(panel) == [("Story", "about 1,002")])
    client.is_ready(Path("/models/other.gguf"))
    window.completer.prompt_read.emit("x", 1)
    window.editor.insertPlainText("x x ")
    house.waits(lambda: _rows(panel) == [("Story", "about 502")])


def test_a_change_on_the_disk_is_read_and_a_broken_file_is_named(
    house: House, chapter: Path, steering: Path
) -> None:
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.folder)
    _write(steering / "memory.md", "A ship in the south.")
    house.waits(lambda: window.steered.files.steering.memory == "A ship in the south.")
    for memory in ("A hut.", "A house."):  # a file that is replaced is followed on
        write_text(steering / "memory.md", memory)
        house.waits(lambda memory=memory: window.steered.files.steering.memory == memory)
    _write(steering / "lore" / "Anna.md", "---\npriority: high\n---\nAnna keeps it.")
    house.waits(house.notice)
    assert "‘Anna.md’" in house.notice()
    assert "Line 2" in house.notice()
    _write(steering / "lore" / "Anna.md", "Anna keeps it no more.")
    house.waits(lambda: not house.notice())


def test_the_view_shows_the_prompt_its_parts_and_what_is_left_out(
    house: House, chapter: Path, steering: Path
) -> None:
    _write(steering / "note.md", "Slow.")
    _write(steering / "lore" / "lit.md", "Long. " * 400)
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.folder)
    house.types("It")
    panel = _panel(house, window)
    assert panel._text.toPlainText() == (
        "A lighthouse in the north.\n\nThe lamp is old.\n\n[Author’s note: Slow.]\n\n"
        "The lamp was lit.\nIt"
    )
    assert _rows(panel) == [
        ("Memory", "about 7"),
        ("Lore: lamp", "about 4"),
        ("Author’s note", "about 6"),
        ("Story", "about 5"),
    ]
    assert panel._total.text() == "In all about 22 tokens; the window holds 4,096."
    assert panel._left_out.isVisible()
    assert panel._left_out.toPlainText().startswith("Left out:\nlit: It needs about 600 tokens")


def test_the_view_follows_the_typing_and_the_files(
    house: House, chapter: Path, steering: Path
) -> None:
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.folder)
    panel = _panel(house, window)
    house.types("Then Anna ")
    window.editor.insertPlainText("🙂 came.")
    house.waits(lambda: panel._text.toPlainText().endswith("Then Anna 🙂 came."))
    assert "Lore: Anna" not in dict(_rows(panel))
    QTest.keyClick(window.editor, Qt.Key.Key_Return)
    house.waits(lambda: "Lore: Anna" in dict(_rows(panel)))
    _write(steering / "lore" / "Anna.md", "Anna left.")
    house.waits(lambda: "Anna left." in panel._text.toPlainText())
    assert panel._text.toPlainText() == panel.context.prompt


def test_nothing_is_done_for_a_view_that_is_hidden(
    house: House, chapter: Path, steering: Path
) -> None:
    window = house.opens(chapter)
    panel = _panel(house, window)
    action = _action(window, "What the model sees")
    action.trigger()
    house.types("More.")
    assert not panel._settle.isActive()
    assert "More." not in panel._text.toPlainText()
    action.trigger()
    house.waits(lambda: panel._text.toPlainText().endswith("More."))


def test_its_key_shows_it_and_its_cross_unchecks_the_menu(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_M, CONTROL_SHIFT)
    panel = window.findChild(SeesPanel)
    assert panel.isVisible()
    panel.close()
    assert not window.menus.sees.isChecked()


def test_a_chosen_part_is_brought_into_view(house: House, chapter: Path, steering: Path) -> None:
    chapter.write_text("A long line of words that goes on.\n\n" * 60 + "The lamp.\n", "utf-8")
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.folder)
    house.types("x")
    panel = _panel(house, window)
    bar = panel._text.verticalScrollBar()
    assert bar.value() == bar.maximum()
    panel._parts.setCurrentItem(panel._parts.topLevelItem(0))
    assert bar.value() == 0
    lore = [part.source for part in panel.context.parts].index(Source.LORE)
    panel._parts.setCurrentItem(panel._parts.topLevelItem(lore))
    assert panel._text.textCursor().block().text() == "The lamp is old."


def test_the_parts_are_marked_without_colours_too(
    house: House, chapter: Path, steering: Path
) -> None:
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.folder)
    house.types("x")
    panel = _panel(house, window)
    selections = panel._text.extraSelections()
    memory, lore = selections
    assert lore.cursor.selectedText().startswith("The lamp is old.")
    assert lore.format.underlineStyle() != memory.format.underlineStyle()
    assert panel._parts.topLevelItem(1).icon(0).isNull() is False

    def grounds() -> list[str]:
        selections = panel._text.extraSelections()
        return [each.format.background().color().name() for each in selections]

    house.desk.settings.change(theme="light")
    assert grounds() == [LIGHT.memory, LIGHT.lore]
    house.desk.settings.change(theme="dark")
    house.waits(lambda: grounds() == [DARK.memory, DARK.lore])


def test_the_keyboard_reaches_the_view(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    window.activateWindow()
    panel = _panel(house, window)
    window.editor.setFocus()
    window.focus_next_part()
    assert panel.isAncestorOf(window.focusWidget())
