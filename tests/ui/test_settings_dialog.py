"""The settings dialog shows what is declared and changes it at once."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QKeySequenceEdit,
    QLabel,
    QListWidget,
    QPushButton,
    QSpinBox,
    QStyle,
    QStyleOptionTab,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from studio.settings import Settings, SettingsStore
from studio.ui.settings_dialog import SettingsDialog
from studio.ui.word_folders import WordFolders


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "settings.json")


@pytest.fixture
def dialog(qtbot: QtBot, store: SettingsStore) -> SettingsDialog:
    dialog = SettingsDialog(store)
    dialog.show()
    qtbot.addWidget(dialog)
    return dialog


def test_every_declared_setting_is_shown_with_its_sentence(dialog: SettingsDialog) -> None:
    sentences = {label.text() for label in dialog.findChildren(QLabel)}
    for each in Settings.declared():
        control = dialog.findChild(QWidget, each.key)
        assert control is not None, each.key
        assert control.toolTip() == each.sentence
        assert control.accessibleName() == each.label
        assert each.sentence in sentences


def test_a_setting_declared_tomorrow_needs_no_change_here(dialog: SettingsDialog) -> None:
    assert len(dialog._controls) == len(fields(Settings))


def test_no_tab_cuts_its_words_off(dialog: SettingsDialog, qapp: QApplication) -> None:
    qapp.setStyle("Fusion")
    bar = dialog.findChild(QTabBar)
    for i in range(bar.count()):
        option = QStyleOptionTab()
        bar.initStyleOption(option, i)
        room = bar.style().subElementRect(QStyle.SubElement.SE_TabBarTabText, option, bar)
        words = bar.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, bar.tabText(i))
        assert room.height() >= words.height(), bar.tabText(i)
        assert room.width() >= words.width(), bar.tabText(i)


def test_a_change_holds_at_once(dialog: SettingsDialog, store: SettingsStore) -> None:
    dialog.findChild(QCheckBox, "only_when_sure").click()
    dialog.findChild(QSpinBox, "suggestion_tokens").setValue(30)
    dialog.findChild(QDoubleSpinBox, "draft_temperature").setValue(1.1)
    theme = dialog.findChild(QComboBox, "theme")
    theme.setCurrentIndex(theme.findData("dark"))
    now = store.current
    assert (now.only_when_sure, now.suggestion_tokens, now.draft_temperature, now.theme) == (
        False,
        30,
        1.1,
        "dark",
    )


def test_a_change_elsewhere_is_shown(dialog: SettingsDialog, store: SettingsStore) -> None:
    store.change(font_size_pt=20, font_family="A font that nobody has")
    assert dialog.findChild(QSpinBox, "font_size_pt").value() == 20
    assert dialog.findChild(QComboBox, "font_family").currentText() == "A font that nobody has"
    assert store.current.font_family == "A font that nobody has"


def test_opening_it_changes_nothing(tmp_path: Path, qtbot: QtBot) -> None:
    store = SettingsStore(tmp_path / "own.json")
    store.change(draft_min_p=0.02, n_ctx=2048, gpu_layers=7)
    before = store.current
    dialog = SettingsDialog(store)
    qtbot.addWidget(dialog)
    dialog.show()
    assert store.current == before


def test_defaults_sets_the_page_back_and_no_other(
    dialog: SettingsDialog, store: SettingsStore
) -> None:
    store.change(suggestion_tokens=90, n_ctx=1024)
    dialog.show_group("Model")
    dialog._set_back()
    assert store.current.n_ctx == Settings().n_ctx
    assert store.current.suggestion_tokens == 90


def test_settings_that_can_not_be_kept_say_so(dialog: SettingsDialog, tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    dialog.findChild(QSpinBox, "suggestion_tokens").setValue(30)
    assert "could not be kept" in dialog._complaint.text()
    assert dialog._complaint.isVisible()


def test_a_closed_dialog_hears_of_no_change(qtbot: QtBot, store: SettingsStore) -> None:
    dialog = SettingsDialog(store)
    dialog.show()
    dialog.close()
    qtbot.waitUntil(lambda: not isValid(dialog))
    store.change(suggestion_tokens=123)


def _press(dialog: SettingsDialog, setting: str, key: str) -> QKeySequenceEdit:
    edit = dialog.findChild(QKeySequenceEdit, setting)
    edit.setKeySequence(QKeySequence(key))
    return edit


def test_a_key_is_taken_by_pressing_it(dialog: SettingsDialog, store: SettingsStore) -> None:
    dialog.show_group("Keys")
    edit = dialog.findChild(QKeySequenceEdit, "key_word")
    QTest.keyClick(edit, Qt.Key.Key_F2)
    assert store.current.key_word == "F2"
    edit.clear()
    assert store.current.key_word == ""


def test_a_key_that_another_one_has_is_refused_with_a_sentence(
    dialog: SettingsDialog, store: SettingsStore
) -> None:
    edit = _press(dialog, "key_word", "Tab")
    assert "is the key for “Take it” already" in dialog._complaint.text()
    assert store.current.key_word == Settings().key_word
    assert edit.keySequence() == QKeySequence(Settings().key_word)


def test_a_key_of_the_menus_is_refused_with_a_sentence(qtbot: QtBot, store: SettingsStore) -> None:
    dialog = SettingsDialog(store, menu_keys={"Ctrl+S": "Save"})
    qtbot.addWidget(dialog)
    dialog.show()
    _press(dialog, "key_word", "Ctrl+S")
    assert "is the key for “Save” in the menus" in dialog._complaint.text()
    assert store.current.key_word == Settings().key_word
    _press(dialog, "key_word", "F2")
    assert not dialog._complaint.isVisible()


def test_folders_are_added_and_removed_with_the_keyboard(
    qtbot: QtBot, dialog: SettingsDialog, store: SettingsStore, tmp_path: Path
) -> None:
    dialog.show_group("Words")
    folders = dialog.findChild(WordFolders, "word_folders")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        QTest.keyClick(_button(folders, "Add…"), Qt.Key.Key_Space)
        folders.findChild(QFileDialog).fileSelected.emit(str(tmp_path / name))
        folders.findChild(QFileDialog).close()
    assert store.current.word_folders == (str(tmp_path / "one"), str(tmp_path / "two"))
    assert not _button(folders, "Remove").isEnabled()
    listed = folders.findChild(QListWidget)
    QTest.keyClick(listed, Qt.Key.Key_Home)
    QTest.keyClick(listed, Qt.Key.Key_Space)
    QTest.keyClick(_button(folders, "Remove"), Qt.Key.Key_Space)
    assert store.current.word_folders == (str(tmp_path / "two"),)
    dialog.activateWindow()
    listed.setFocus()
    qtbot.waitUntil(listed.hasFocus)
    QTest.keyClick(listed, Qt.Key.Key_Home)
    QTest.keyClick(listed, Qt.Key.Key_Space)
    QTest.keyClick(listed, Qt.Key.Key_Delete)
    assert store.current.word_folders == ()
    assert listed.count() == 0


def test_a_folder_that_is_there_already_is_not_added_again(
    dialog: SettingsDialog, store: SettingsStore
) -> None:
    store.change(word_folders=("/novels",))
    dialog.findChild(WordFolders, "word_folders").add("/novels")
    assert store.current.word_folders == ("/novels",)


def _button(within: QWidget, label: str) -> QPushButton:
    return next(
        each for each in within.findChildren(QPushButton) if each.text().replace("&", "") == label
    )
