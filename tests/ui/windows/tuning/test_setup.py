"""The set-up of a tuning, and the preview of its texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QSpinBox, QTreeWidget

from studio.tuning.events import Began, Stopped
from studio.tuning.recipe import presets
from tests.ui.windows.tuning.tuner import Tuner, paragraphs


def test_a_start_needs_a_text_a_base_and_a_free_name(tuner: Tuner, model_path: Path) -> None:
    tuner.run("My style", Began(False, 1), Stopped("Stopped."))
    room = tuner.opens()
    setup = room.setup
    assert room.view is setup
    assert setup._name.text() == "My style 2", "a name that is free"
    assert not setup._start.isEnabled()
    tuner.house.client.is_ready(model_path)
    assert setup._base.path == model_path, "the model that writes"
    setup._texts.add([tuner.writes("snow.txt", 20)])
    tuner.house.waits(setup._start.isEnabled)
    setup._name.setText("my STYLE")
    assert "already" in setup._name_trouble.text
    assert not setup._start.isEnabled()
    setup._name.setText("...")
    assert "name" in setup._name_trouble.text
    setup._name.setText("Winter")
    assert setup._start.isEnabled()
    job = setup.job()
    assert job.name == "Winter"
    assert job.preset == "balanced"
    assert job.recipe == presets()["balanced"].recipe, "what nobody touched is as it was"
    assert job.report == "full"


def test_texts_are_listed_with_their_words_and_what_is_none_says_why(
    tuner: Tuner, tmp_path: Path
) -> None:
    setup = tuner.opens().setup
    tuner.writes("snow.txt", 10)
    tuner.writes("ice.txt", 5)
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"%PDF-1.4")
    setup._texts.add([tuner.texts, scan, tuner.texts])
    tuner.house.waits(lambda: setup._texts.n_words is not None)
    assert setup._texts.paths == (tuner.texts, scan), "each once"
    assert setup._texts.n_words == sum(
        len(path.read_text("utf-8").split()) for path in tuner.texts.iterdir()
    )
    assert "PDF" in setup._texts._complaint.text
    assert f"{setup._texts.n_words:,} words" in setup._predicted.text()
    item = setup._texts._list.topLevelItem(1)
    assert item is not None
    tuner.house.window.activateWindow()
    setup._texts._list.setFocus()
    tuner.house.waits(setup._texts._list.hasFocus)
    setup._texts._list.setCurrentItem(item)
    QTest.keyClick(setup._texts._list, Qt.Key.Key_Delete)
    assert setup._texts.paths == (tuner.texts,)
    assert not setup._texts._complaint.text


def test_a_text_can_count_more_than_the_others(tuner: Tuner, model_path: Path) -> None:
    setup = tuner.opens().setup
    tuner.house.client.is_ready(model_path)
    snow, ice = tuner.writes("snow.txt", 10), tuner.writes("ice.txt", 5)
    setup._texts.add([snow, ice])
    shown = setup._texts._list
    tuner.house.window.activateWindow()
    shown.setFocus()
    tuner.house.waits(shown.hasFocus)
    item = shown.topLevelItem(1)
    assert item is not None
    shown.setCurrentItem(item)
    QTest.keyClick(shown, Qt.Key.Key_F2)
    field = shown.findChild(QDoubleSpinBox)
    assert field is not None
    field.selectAll()
    QTest.keyClicks(field, "2.5")
    QTest.keyClick(field, Qt.Key.Key_Return)
    tuner.house.waits(lambda: item.text(2) == "2.5")
    assert setup.job().loss_weights == ((ice, 2.5),)
    tuner.house.waits(lambda: setup._texts.n_words is not None)
    assert setup.job().loss_weights == ((ice, 2.5),), "counting changes no weight"
    item.setSelected(True)
    tuner.house.clicks(setup._texts, "Remove")
    assert setup.job().loss_weights == ()


def test_each_title_with_a_key_leads_to_a_field_that_takes_the_focus(tuner: Tuner) -> None:
    setup = tuner.opens().setup
    titles = [each for each in setup.findChildren(QLabel) if each.buddy() is not None]
    assert {each.text() for each in titles} >= {"&Name", "Te&xts", "&Base model"}
    for each in titles:
        assert each.buddy().focusPolicy() is not Qt.FocusPolicy.NoFocus, each.text()


def test_texts_can_be_dropped_anywhere_and_the_project_is_one_click(tuner: Tuner) -> None:
    snow = tuner.writes("snow.txt", 10)
    tuner.house.opens(tuner.texts)
    setup = tuner.opens().setup
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile(str(snow))])
    event = QDropEvent(
        QPointF(20, 500), Qt.DropAction.CopyAction, dropped,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    setup.dropEvent(event)
    tuner.house.clicks(setup, "This project")
    assert setup._texts.paths == (snow, tuner.texts)
    assert len(tuner.house.lamplight.windows) == 1, "the window has not opened it"


def test_a_base_that_cant_be_tuned_says_why(
    tuner: Tuner, broken_models: dict[str, Path], model_path: Path
) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    setup = tuner.opens().setup
    setup._texts.add([tuner.writes("snow.txt", 10)])
    tuner.house.waits(lambda: setup._base.known is not None)
    setup._base.choose(broken_models["not GGUF"])
    tuner.house.waits(lambda: setup._base.refused)
    assert not setup._start.isEnabled()
    tuner.house.clicks(setup, "The one I write with")
    tuner.house.waits(lambda: setup._base.known is not None)
    assert not setup._base.refused
    assert setup._start.isEnabled()


def test_what_is_under_more_goes_into_the_job(tuner: Tuner, model_path: Path) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    setup = tuner.opens().setup
    setup._texts.add([tuner.writes("snow.txt", 10)])
    tuner.house.clicks(setup, "Thorough")
    more = setup._more
    tuner.house.waits(lambda: more._cleaning)
    more._cleaning["mojibake"].setChecked(False)
    more._cleaning["quotations"].setChecked(True)
    rank = more.numbers.findChild(QSpinBox, "rank")
    assert rank is not None
    thorough = presets()["thorough"].recipe
    assert rank.value() == thorough.rank
    rank.setValue(8)
    more._prompt.setPlainText("It snowed.")
    more._quick.setChecked(True)
    more._controls.add([tuner.writes("other.txt", 3)])
    job = setup.job()
    scale = thorough.alpha / thorough.rank
    assert job.recipe == replace(thorough, rank=8, alpha=8 * scale), "the scale follows the rank"
    assert job.left_on == ("mojibake",)
    assert job.also_cleaned == ("quotations",)
    assert (job.prompt, job.report) == ("It snowed.", "quick")
    assert job.controls == (tuner.texts / "other.txt",)
    assert "controls" in more._where.text(), "where such texts can come from"


def test_numbers_that_make_no_sense_say_so(tuner: Tuner) -> None:
    setup = tuner.opens().setup
    at_once = setup._more.numbers.findChild(QSpinBox, "row_tokens")
    assert at_once is not None
    at_once.setValue(100)
    assert "at least one document" in setup._complaint.text


def _texts_of(tree: QTreeWidget) -> list[str]:
    found = []

    def walk(item: Any) -> None:
        found.append(item.text(0))
        for at in range(item.childCount()):
            walk(item.child(at))

    for at in range(tree.topLevelItemCount()):
        walk(tree.topLevelItem(at))
    return found


def test_the_preview_shows_what_is_trained_on_held_out_and_removed(
    tuner: Tuner, model_path: Path
) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    room = tuner.opens()
    story = tuner.writes("snow.txt", 60)
    said = story.read_text("utf-8")
    story.write_text(f"{said}\n\n{paragraphs('snow.txt', 60)[30]}", "utf-8")
    room.setup._texts.add([story])
    tuner.house.clicks(room.setup, "Look at the texts")
    assert room.view is room.preview
    tree = room.preview._tree
    tuner.house.waits(tree.topLevelItemCount)
    shown = _texts_of(tree)
    assert any(each.startswith("Held out") for each in shown)
    assert any(each.startswith("Repeated passages: 1 place") for each in shown)
    assert "words to train on" in room.preview._figures.text()
    assert "words to learn from" in room.preview._cautions.text(), "so few are told"
    tuner.house.clicks(room.preview, "Back")
    assert room.view is room.setup


def test_too_few_words_are_said_in_the_panel(tuner: Tuner, model_path: Path) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    room = tuner.opens()
    room.setup._texts.add([tuner.writes("note.txt", 1)])
    tuner.house.clicks(room.setup, "Look at the texts")
    tuner.house.waits(lambda: room.preview._complaint.text)
    assert "fewer than 500" in room.preview._complaint.text
    assert not room.preview._start.isVisible()
    tuner.house.clicks(room.preview, "Back")


def test_the_reading_can_be_stopped(tuner: Tuner, model_path: Path) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    room = tuner.opens()
    room.setup._texts.add([tuner.writes("snow.txt", 400)])
    tuner.house.clicks(room.setup, "Look at the texts")
    tuner.house.clicks(room.preview, "Stop")
    assert room.view is room.setup
    QTest.qWait(300)
    assert room.view is room.setup
    assert not room.preview._tree.topLevelItemCount(), "what comes late is not shown"
