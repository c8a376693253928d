"""When suggestions come, what Tab takes, the keys: in windows, menus and the status bar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTableWidget, QToolButton

from studio.ui.help_dialogs import KeysDialog
from studio.ui.settings_dialog import SettingsDialog
from studio.writing.answer import Known
from studio.writing.confidence import Confidence
from studio.writing.context import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.desk import Desk
    from studio.ui.window import Window
    from tests.ui.windows.conftest import House, ToldClient


def _action(window: Window, label: str) -> QAction:
    for action in window.actions():
        if action.text().replace("&", "").partition("\t")[0] == label:
            return action
    raise AssertionError(f"there is no “{label}” in the menus")


def _button(window: Window) -> QToolButton:
    return window.status._asking_button


def _click(window: Window) -> None:
    QTest.mouseClick(
        _button(window), Qt.MouseButton.LeftButton, pos=_button(window).rect().center()
    )


# -- when suggestions come -----------------------------------------------------------------------


def test_one_click_turns_to_the_next_mode_in_every_window(house: House) -> None:
    window = house.opens()
    window.new_window_wanted.emit()
    seen = []
    for _ in range(4):
        seen.append((house.desk.settings.current.asking, _button(house.window).text()))
        _click(window)
    assert seen == [
        ("always", "suggestions on"),
        ("on request", "suggestions when I ask"),
        ("never", "suggestions off"),
        ("always", "suggestions on"),
    ]


def test_the_suggest_menu_and_the_button_have_the_same_entries(house: House) -> None:
    window = house.opens()
    _action(window, "Off").trigger()
    assert house.desk.settings.current.asking == "never"
    assert _action(window, "Off").isChecked()
    assert not _action(window, "Not for 20 minutes").isEnabled()
    menu = _button(window).menu()
    assert [action.text().replace("&", "") for action in menu.actions() if action.text()] == [
        "On",
        "Only when I ask",
        "Off",
        "Not for 20 minutes",
        "Go on now",
    ]


def test_not_for_20_minutes_holds_in_all_windows_until_go_on_now(house: House) -> None:
    window = house.opens()
    window.new_window_wanted.emit()
    other = house.window
    _action(window, "Not for 20 minutes").trigger()
    for each in (window, other):
        assert _button(each).text() == "no suggestions for 20 min"
        assert _action(each, "Go on now").isVisible()
        assert not _action(each, "Not for 20 minutes").isVisible()
    _click(other)
    assert _button(window).text() == "suggestions on"
    assert not _action(window, "Go on now").isVisible()


def test_one_click_on_the_status_bar_brings_quiet_for_20_minutes(house: House) -> None:
    window = house.opens()
    pause = window.status._pause_button
    assert pause.isVisible()
    QTest.mouseClick(pause, Qt.MouseButton.LeftButton)
    assert _button(window).text() == "no suggestions for 20 min"
    assert not pause.isVisible()
    _click(window)
    assert pause.isVisible()
    _action(window, "Off").trigger()
    assert not pause.isVisible()


def test_choosing_a_mode_ends_the_pause(house: House) -> None:
    window = house.opens()
    _action(window, "Not for 20 minutes").trigger()
    _action(window, "On").trigger()
    assert _button(window).text() == "suggestions on"


def test_after_many_rejections_the_button_says_so_and_a_click_goes_on(house: House) -> None:
    window = house.opens()
    for _ in range(20):
        window.completer._policy.pace.not_wanted(1000)
    house.types("x")
    assert _button(window).text() == "suggestions rest"
    assert _action(window, "Go on now").isVisible()
    _click(window)
    assert _button(window).text() == "suggestions on"


# -- Tab -----------------------------------------------------------------------------------------


def test_the_first_tab_asks_in_the_notice_and_its_answer_does_it(
    house: House, client: ToldClient
) -> None:
    window = house.opens()
    window.activateWindow()
    window.editor.setFocus()
    house.types("Once ")
    window.completer.forget()
    window.completer._policy._recent.keep("Once ", "", Known("upon a time", 1.0))
    window.completer.suggest()
    house.waits(lambda: window.editor.ghost.text == "upon a time")
    QTest.keyClick(window.editor, Qt.Key.Key_Tab)
    assert house.notice() == "What should Tab take of a suggestion?"
    assert window.editor.text() == "Once "
    house.clicks_notice("One word")
    assert window.editor.text() == "Once upon"
    assert house.desk.settings.current.tab_takes == "word"
    assert house.notice() == ""


def test_the_question_can_be_answered_with_the_keyboard(house: House) -> None:
    window = house.opens()
    window.activateWindow()
    window.editor.setFocus()
    house.types("Once ")
    window.completer.forget()
    window.completer._policy._recent.keep("Once ", "", Known("upon a time", 1.0))
    window.completer.suggest()
    house.waits(lambda: window.editor.ghost.visible)
    QTest.keyClick(window.editor, Qt.Key.Key_Tab)
    window.notices.take_focus()
    focused = window.focusWidget()
    assert focused is window.notices.buttons()[0]
    QTest.keyClick(focused, Qt.Key.Key_Space)
    assert window.editor.text() == "Once upon a time"
    assert window.editor.hasFocus()


# -- keys ----------------------------------------------------------------------------------------


def test_menus_and_the_keys_dialog_show_the_bound_keys(house: House) -> None:
    window = house.opens()
    assert _action(window, "Take the next word").text().endswith("\tCtrl+Right")
    house.desk.settings.change(key_word="F2", key_next="")
    assert _action(window, "Take the next word").text().endswith("\tF2")
    assert "\t" not in _action(window, "Next suggestion").text()
    window.keys()
    table = house.dialog(KeysDialog).findChild(QTableWidget)
    rows = [(table.item(i, 0).text(), table.item(i, 1).text()) for i in range(table.rowCount())]
    assert ("F2", "Take its next word") in rows
    assert ("Alt+End", "Take all of the grey text") in rows
    assert ("Ctrl+Space", "Suggest something here, however unsure the model is") in rows


def test_a_key_of_the_menus_can_not_be_bound_in_the_settings(house: House) -> None:
    window = house.opens()
    window.settings()
    dialog = house.dialog(SettingsDialog)
    dialog._change("key_word", "Ctrl+S")
    assert "“Save”" in dialog._complaint.text()


# -- what is learned -----------------------------------------------------------------------------


def test_what_was_learned_is_there_at_the_next_start_and_can_be_forgotten(house: House) -> None:
    window = house.opens()
    house.lamplight.learned.learn(Confidence(threshold=0.6, seen=30))
    assert window.completer._policy.confidence.threshold == 0.6
    house.lamplight.learned.end()
    house.crashes()
    window = house.starts_again()
    house.waits(lambda: window.completer._policy.confidence == Confidence(0.6, 30))
    _action(window, "Forget what was learned").trigger()
    assert window.completer._policy.confidence == Confidence()
    assert house.notice().startswith("How sure a suggestion must be is learned anew.")
    house.lamplight.learned.end()
    house.crashes()
    window = house.starts_again()
    house.qtbot.wait(50)
    assert window.completer._policy.confidence == Confidence()


# -- power ---------------------------------------------------------------------------------------


def test_on_battery_it_asks_less_unless_the_writer_says_otherwise(
    house_with: Callable[..., House],
) -> None:
    house = house_with(power_is_short=lambda: True)
    house.opens()
    suggesting = house.lamplight.suggesting
    house.waits(lambda: suggesting.sparing)
    house.waits(lambda: house.window.completer._policy.pace.sparing)
    house.desk.settings.change(save_power="never")
    assert not house.window.completer._policy.pace.sparing
    house.desk.settings.change(save_power="always")
    assert house.window.completer._policy.pace.sparing


def test_on_battery_the_model_is_told_to_spare_and_with_power_back_no_more(
    house_with: Callable[..., House], client: ToldClient
) -> None:
    short = True
    house = house_with(power_is_short=lambda: short)
    house.opens()
    house.waits(lambda: client.sparing)
    short = False
    house.lamplight.suggesting._look_at_power()
    house.waits(lambda: not client.sparing)


@pytest.mark.parametrize(("wanted", "spared"), [("always", True), ("never", False)])
def test_what_the_writer_wants_of_power_is_told_at_the_start_and_when_it_changes(
    house_with: Callable[..., House], desk: Desk, client: ToldClient, wanted: str, spared: bool
) -> None:
    desk.settings.change(save_power=wanted)
    client.sparing = not spared
    house = house_with(power_is_short=lambda: not spared)
    assert client.sparing is spared
    house.desk.settings.change(save_power="never" if spared else "always")
    assert client.sparing is not spared


# -- other open files ----------------------------------------------------------------------------


def test_code_in_other_windows_is_told_and_follows_what_is_written_there(
    house: House, tmp_path: Path
) -> None:
    lamp, use = tmp_path / "lamp.py", tmp_path / "use.py"
    lamp.write_text("class Lamp:\n    def light(self, wick):\n        self.wick = wick\n")
    use.write_text("from lamp import Lamp\n\n\ndef begin():\n    ")
    house.opens(lamp, use)
    shown, window = house.lamplight.windows
    house.types("")
    window.open_files.look()
    house.waits(lambda: "def light" in window.steered.beside)
    context = window.steered.context("from lamp import Lamp\n\n\n")
    assert context.parts[0].source is Source.FILES
    assert context.prompt.startswith("# lamp.py\nclass Lamp:")
    assert context.prompt.endswith("from lamp import Lamp\n\n\n")
    shown.editor.selectAll()
    QTest.keyClicks(shown.editor, "class Lamp: burns = 1")
    window.open_files.look()
    house.waits(lambda: "burns = 1" in window.steered.beside)
    shown.close_now(discard=True)
    window.open_files.look()
    assert window.steered.beside == ""


def test_a_story_is_told_nothing_of_the_code_beside_it(
    house: House, chapter: Path, tmp_path: Path
) -> None:
    (tmp_path / "lamp.py").write_text("class Lamp:\n    pass\n")
    house.opens(tmp_path / "lamp.py", chapter)
    house.window.open_files.look()
    assert house.window.steered.beside == ""


def test_another_file_of_the_same_craft_brings_its_own_language(
    house: House, tmp_path: Path
) -> None:
    (tmp_path / "lamp.py").write_text("x = 1\n")
    window = house.opens(tmp_path / "lamp.py")
    language = window.completer._policy._language
    assert language is not None
    (tmp_path / "lamp.js").write_text("x = 1\n")
    window.filing.open(tmp_path / "lamp.js")
    house.waits(lambda: window.document.path == tmp_path / "lamp.js")
    assert window.completer._policy._language not in (None, language)
