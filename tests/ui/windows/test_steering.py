"""Memory, note and lore in a window: opened, followed on the disk, given to the model, shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog

from studio.engine import Event, Finished, Priority, Query, Request, Tokenized, Tokenizing
from studio.engine.client import EngineClient, Failed, Ready
from studio.manuscript import write_text
from studio.ui.sees_panel import SeesPanel
from studio.ui.theme import DARK, LIGHT
from studio.writing.context import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@dataclass
class Counter:
    """Takes what is asked and answers when the test says so."""

    asked: list[tuple[Request | Query, Callable[[Event | Failed], None]]] = field(
        default_factory=list
    )
    cancelled: list[int] = field(default_factory=list)

    def ask(self, query: Request | Query, on_event: Callable[[Event | Failed], None]) -> int:
        self.asked.append((query, on_event))
        return len(self.asked)

    @property
    def texts(self) -> list[str]:
        return [query.text for query, _ in self.asked if isinstance(query, Tokenizing)]

    def answers(self, i: int, *starts: int) -> None:
        """The `i`th question, with where the tokens begin."""
        _, on_event = self.asked[i]
        on_event(Tokenized((7,) * len(starts), starts))
        on_event(Finished(0, 0, 0, 0.0, 0.0))
        QApplication.processEvents()

    def fails(self, i: int) -> None:
        self.asked[i][1](Failed("The model stopped unexpectedly."))
        QApplication.processEvents()


@pytest.fixture
def counter(client: ToldClient, monkeypatch: pytest.MonkeyPatch) -> Counter:
    counter = Counter()
    monkeypatch.setattr(client, "ask", counter.ask)
    monkeypatch.setattr(client, "cancel", counter.cancelled.append)
    client.is_ready()
    return counter


@pytest.fixture
def quiet(house: House) -> House:
    """No suggestions: all that is asked is to count."""
    house.desk.settings.change(asking="never")
    return house


def test_an_estimate_is_shown_until_the_model_has_counted(
    quiet: House, counter: Counter, chapter: Path, steering: Path
) -> None:
    window = quiet.opens(chapter)
    quiet.waits(lambda: window.steered.files.folder)
    quiet.types("It")
    panel = _panel(quiet, window)
    rows = [("Memory", "about 7"), ("Lore: lamp", "about 4"), ("Story", "about 5")]
    assert _rows(panel) == rows
    assert panel._total.text() == "In all about 16 tokens; the window holds 4,096."
    assert counter.texts == [panel.context.prompt]
    assert all(query.priority is Priority.IDLE for query, _ in counter.asked)
    lore, story = (panel.context.prompt.index(text) for text in ("The lamp is", "The lamp was"))
    counter.answers(0, 0, 0, 2, lore - 1, lore, lore + 4, story, story + 1, story + 2)
    assert _rows(panel) == [("Memory", "4"), ("Lore: lamp", "2"), ("Story", "3")]
    assert panel._total.text() == "In all 9 tokens; the window holds 4,096."
    panel._refresh()
    assert len(counter.asked) == 1, "what is counted is not asked for again"


def test_while_the_writer_types_what_is_the_same_keeps_its_count_and_stale_answers_are_dropped(
    quiet: House, counter: Counter, chapter: Path, steering: Path
) -> None:
    window = quiet.opens(chapter)
    quiet.waits(lambda: window.steered.files.folder)
    quiet.types("")
    panel = _panel(quiet, window)
    story = panel.context.prompt.index("The lamp was")
    counter.answers(-1, 0, 1, 30, story)
    assert [figure for _, figure in _rows(panel)] == ["2", "1", "1"]
    quiet.types("It burned")
    quiet.waits(lambda: len(counter.asked) == 2)
    quiet.types(" low")
    quiet.waits(lambda: len(counter.asked) == 3)
    assert counter.cancelled == [2]
    counter.answers(1, *range(40))
    assert [figure for _, figure in _rows(panel)] == ["2", "1", "about 8"]
    assert panel._total.text().startswith("In all about 11 tokens;")
    counter.answers(2, 0, 1, 30, story, story + 1)
    assert [figure for _, figure in _rows(panel)] == ["2", "1", "2"]


def test_without_an_answer_it_stays_an_estimate_until_a_model_is_there_again(
    quiet: House, client: ToldClient, counter: Counter, chapter: Path
) -> None:
    window = quiet.opens(chapter)
    quiet.types("")
    panel = _panel(quiet, window)
    counter.fails(-1)
    assert _rows(panel) == [("Story", "about 4")]
    asked = len(counter.asked)
    client.is_ready()
    quiet.waits(lambda: len(counter.asked) > asked)
    counter.answers(-1, 0, 4, 8)
    assert _rows(panel) == [("Story", "3")]


def test_another_model_counts_with_its_own_tokens(
    quiet: House, client: ToldClient, counter: Counter, chapter: Path
) -> None:
    window = quiet.opens(chapter)
    quiet.types("")
    panel = _panel(quiet, window)
    counter.answers(-1, 0, 4, 8)
    assert _rows(panel) == [("Story", "3")]
    asked = len(counter.asked)
    assert client.capabilities is not None
    client.says(Ready(replace(client.capabilities, path=Path("/models/other.gguf"), n_ctx=1024)))
    quiet.waits(lambda: len(counter.asked) > asked)
    assert _rows(panel) == [("Story", "about 4")]
    counter.answers(-1, 0, 2, 4, 6, 8)
    assert panel._total.text() == "In all 5 tokens; the window holds 1,024."


def test_an_empty_text_is_no_tokens(quiet: House, counter: Counter) -> None:
    panel = _panel(quiet, quiet.opens())
    assert panel._total.text() == "In all 0 tokens; the window holds 4,096."
    assert counter.asked == []


@pytest.fixture
def real() -> Iterator[EngineClient]:
    client = EngineClient()
    yield client
    client.close()


def test_a_real_model_counts_what_is_typed(
    house_with: Callable[..., House],
    real: EngineClient,
    chapter: Path,
    steering: Path,
    model_path: Path,
) -> None:
    house = house_with(client=real, default_model=lambda: model_path)
    window = house.opens(chapter)
    house.waits(lambda: window.steered.files.folder and real.capabilities)
    panel = _panel(house, window)
    house.types("Anna wrote")
    for text in (" to Zoë", " – in a hand that nobody could read 🙂", " for years."):
        window.editor.insertPlainText(text)
        house.waits(
            lambda: (
                panel.context.prompt == window.steered.prompt(window.editor.text())
                and panel._counts.exact
            )
        )
        figures = [int(figure) for _, figure in _rows(panel)]
        assert sum(figures) == len(real.tokenize(panel.context.prompt))
        assert panel._total.text().startswith(f"In all {sum(figures)} tokens;")
        assert min(figures) > 0
    house.lamplight.model.end()


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
