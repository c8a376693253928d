"""The tuning panel in its window. What a process would tell is written into its file by hand; a
real process is in the last test and in tests/journeys."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QTreeWidget,
    QWidget,
)

from studio.tuning.events import (
    Began,
    Doing,
    Evaluated,
    Event,
    Failed,
    Finished,
    Lines,
    Noted,
    Planned,
    Sampled,
    Standing,
    Stepped,
    Stopped,
)
from studio.tuning.recipe import presets
from studio.tuning.report.page import as_html
from studio.tuning.run import ADAPTER, COMMANDS, EVENTS, LOCK, REPORT, REPORT_PAGE, Job, Run
from studio.ui import tuning_room, tuning_watch
from studio.ui.tuning_progress import Running
from studio.ui.tuning_room import TuningRoom
from studio.ui.tuning_setup import Setup
from studio.ui.tuning_state import Phase, Summary, summaries
from tests.tuning.report.builders import full_report

if TYPE_CHECKING:
    from tests.ui.windows.conftest import House

WORDS = """
    the keeper of light had a dog and stove opinion on weather he trusted sea came up as far
    steps took gate with it gave back in april painted by nobody particular very fine green snow
    lamp stairs rail letter from sister town boat island map winter bread door window she said
    never again until morning slow road harbour quiet old friend
""".split()  # noqa: SIM905

BEGAN = (
    Began(False, 1),
    Planned(40, 80_000, 2.0, 1000, "cpu", "float32", False, 2 * 10**9, 600.0, True),
    Evaluated(0, 0, 3.0, 3.0, True),
    Sampled(0, "It was", " dark.", " dark."),
)


def paragraphs(name: str, n: int) -> list[str]:
    dice = random.Random(name)
    sentences = [
        " ".join(dice.choices(WORDS, k=dice.randint(8, 16))).capitalize() + "."
        for _ in range(6 * n)
    ]
    return [" ".join(sentences[at : at + 6]) for at in range(0, 6 * n, 6)]


def step(n: int) -> Stepped:
    return Stepped(n, 2000 * n, 3.0 - 0.01 * n, 1e-3, 100.0, 10**9, 300.0)


class Tuner:
    """A writer at the tuning panel, and the process that the test plays."""

    def __init__(self, house: House, tmp_path: Path) -> None:
        self.house = house
        self.home = house.desk.adapters_home
        self.base = tmp_path / "base.gguf"
        self.texts = tmp_path / "stories"
        self.texts.mkdir()
        self._locks: list[FileLock] = []

    def writes(self, name: str, n_paragraphs: int) -> Path:
        """A story of about 70 words a paragraph, no two alike."""
        path = self.texts / name
        path.write_text("\n\n".join(paragraphs(name, n_paragraphs)), "utf-8")
        return path

    def run(self, name: str, *events: Event, job: Job | None = None) -> Run:
        """A run that has told so much, and on which nobody works."""
        job = job or Job(name, (self.texts,), self.base, presets()["quick"].recipe, "quick")
        run = Run.begin(self.home, job)
        self.tells(run, *events)
        return run

    def running(self, name: str, *events: Event) -> Run:
        """A run on which a process works."""
        run = self.run(name, *events)
        lock = FileLock(run.folder / LOCK)
        lock.acquire()
        self._locks.append(lock)
        return run

    def tells(self, run: Run, *events: Event) -> None:
        with Lines(run.folder / EVENTS) as lines:
            for event in events:
                lines.tell(event)

    def done(self, name: str) -> Run:
        """A run with its adapter and its report."""
        run = self.run(name, *BEGAN, step(1))
        self.finishes(run)
        return run

    def finishes(self, run: Run) -> None:
        report = full_report()
        (run.folder / REPORT).write_text(report.to_json(), "utf-8")
        (run.folder / REPORT_PAGE).write_text(as_html(report), "utf-8")
        (run.folder / ADAPTER).write_bytes(b"GGUF")
        self.tells(run, Finished(report.verdict))

    def dies(self) -> None:
        while self._locks:
            self._locks.pop().release()

    def commands(self, run: Run) -> list[str]:
        try:
            lines = (run.folder / COMMANDS).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line)["do"] for line in lines]

    def opens(self) -> TuningRoom:
        """The panel in the newest window."""
        if not self.house.lamplight.windows:
            self.house.opens()
        window = self.house.window
        window.resize(1000, 800)
        window.show_tuning()
        panel = window._tuning
        assert panel is not None
        self.house.waits(lambda: panel.room is not None and panel.room._looked)
        room = panel.room
        assert room is not None
        return room

    def clicks(self, within: QWidget, label: str) -> None:
        for each in within.findChildren(QAbstractButton):
            if each.text().replace("&", "").startswith(label) and each.isVisible():
                assert each.isEnabled(), label
                each.click()
                QApplication.processEvents()
                return
        raise AssertionError(f"there is no button “{label}”")


@pytest.fixture
def tuner(house: House, tmp_path: Path) -> Iterator[Tuner]:
    tuner = Tuner(house, tmp_path)
    yield tuner
    tuner.dies()


def _shown(view: QWidget) -> str:
    labels = [each.text() for each in view.findChildren(QLabel) if each.isVisibleTo(view)]
    return "\n".join(labels)


# -- set-up ------------------------------------------------------------------------------------


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
    tuner.clicks(setup._texts, "Remove")
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
    tuner.clicks(setup, "This project")
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
    tuner.clicks(setup, "The one I write with")
    tuner.house.waits(lambda: setup._base.known is not None)
    assert not setup._base.refused
    assert setup._start.isEnabled()


def test_what_is_under_more_goes_into_the_job(tuner: Tuner, model_path: Path) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    setup = tuner.opens().setup
    setup._texts.add([tuner.writes("snow.txt", 10)])
    tuner.clicks(setup, "Thorough")
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


# -- the preview -------------------------------------------------------------------------------


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
    tuner.clicks(room.setup, "Look at the texts")
    assert room.view is room.preview
    tree = room.preview._tree
    tuner.house.waits(tree.topLevelItemCount)
    shown = _texts_of(tree)
    assert any(each.startswith("Held out") for each in shown)
    assert any(each.startswith("Repeated passages: 1 place") for each in shown)
    assert "words to train on" in room.preview._figures.text()
    assert "words to learn from" in room.preview._cautions.text(), "so few are told"
    tuner.clicks(room.preview, "Back")
    assert room.view is room.setup


def test_too_few_words_are_said_in_the_panel(tuner: Tuner, model_path: Path) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    room = tuner.opens()
    room.setup._texts.add([tuner.writes("note.txt", 1)])
    tuner.clicks(room.setup, "Look at the texts")
    tuner.house.waits(lambda: room.preview._complaint.text)
    assert "fewer than 500" in room.preview._complaint.text
    assert not room.preview._start.isVisible()
    tuner.clicks(room.preview, "Back")


def test_the_reading_can_be_stopped(tuner: Tuner, model_path: Path) -> None:
    tuner.house.opens()
    tuner.house.client.is_ready(model_path)
    room = tuner.opens()
    room.setup._texts.add([tuner.writes("snow.txt", 400)])
    tuner.clicks(room.setup, "Look at the texts")
    tuner.clicks(room.preview, "Stop")
    assert room.view is room.setup
    QTest.qWait(300)
    assert room.view is room.setup
    assert not room.preview._tree.topLevelItemCount(), "what comes late is not shown"


# -- at work -----------------------------------------------------------------------------------


def test_a_new_window_finds_what_is_at_work_and_follows_it(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, *map(step, range(1, 11)))
    room = tuner.opens()
    running = room.running
    tuner.house.waits(lambda: room.view is running and "step 10" in _shown(running))
    shown = _shown(running)
    assert "Training" in shown
    assert "20,000 of 80,000" in shown
    assert "100 tokens/s" in shown
    assert "5 minutes" in shown
    assert running._bar.value() == 250
    tuner.tells(
        run,
        step(11),
        Evaluated(11, 22_000, 2.8, 3.0, True),
        Sampled(11, "It was", " dark.", " raining."),
        Noted("There are few words."),
    )
    tuner.house.waits(lambda: "step 11" in _shown(running))
    shown = _shown(running)
    assert "18% fewer" in shown
    assert "0.819" in shown
    assert "There are few words." in shown
    assert running._samples._tuned.toPlainText() == "raining."
    running._samples._older.click()
    assert running._samples._tuned.toPlainText() == "dark."
    assert "before training" in _shown(running)
    figures = running._curves.figures_at(21_000.0)
    assert "held out at 22,000 tokens: 2.800, base 3.000 nats a token" in figures


def test_a_sample_that_is_looked_at_stays_when_newer_ones_come(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, Sampled(5, "It was", " dark.", " five."))
    running = tuner.opens().running
    tuner.house.waits(lambda: running._samples._tuned.toPlainText() == "five.")
    running._samples._older.click()
    tuner.tells(run, Sampled(9, "It was", " dark.", " nine."))
    tuner.house.waits(lambda: "1 of 3" in running._samples._which.text())
    assert running._samples._tuned.toPlainText() == "dark."


def test_a_long_prompt_is_shown_by_its_last_whole_words(tuner: Tuner) -> None:
    prompt = "It snowed on the harbour and nobody came. " * 9 + "It was"
    tuner.running("Winter", *BEGAN, Sampled(9, prompt, " dark.", " nine."))
    running = tuner.opens().running
    tuner.house.waits(lambda: running._samples._tuned.toPlainText() == "nine.")
    shown = running._samples._prompt.text()
    assert shown.endswith("nobody came. It was”")
    first = shown.removeprefix("After “… ").split()[0]
    assert first in prompt.split()


def test_it_is_paused_gone_on_with_finished_and_stopped(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1))
    running = tuner.opens().running
    tuner.house.waits(running._finish.isEnabled)
    tuner.clicks(running, "Pause")
    assert "Pausing" in running._now.text()
    tuner.tells(run, Standing("asked"))
    tuner.house.waits(lambda: running._pause.text() == "&Go on")
    assert "Paused" in running._now.text()
    tuner.clicks(running, "Go on")
    tuner.tells(run, Standing(""))
    tuner.house.waits(lambda: running._pause.text() == "&Pause")
    tuner.clicks(running, "Finish now")
    assert not running._stop.isEnabled(), "it is told once"
    tuner.house.waits(lambda: tuner.commands(run) == ["pause", "go on", "finish"])
    tuner.tells(run, Doing("report", 0.1, "Reading"))
    tuner.house.waits(running._stop.isEnabled)
    assert "Measuring" in running._now.text() or "Reading" in running._now.text()


def test_it_says_quietly_that_it_waits_for_the_writer(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1), Standing("writer"))
    running = tuner.opens().running
    tuner.house.waits(running._still.isVisible)
    tuner.tells(run, Standing(""), step(2))
    tuner.house.waits(lambda: not running._still.isVisible())


def test_what_was_killed_says_where_and_goes_on(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_watch, "SILENT_S", 0.2)
    run = tuner.running("Winter", *BEGAN, step(1), step(2))
    room = tuner.opens()
    running = room.running
    tuner.house.waits(running._finish.isEnabled)
    tuner.dies()
    tuner.house.waits(running._go_on.isVisible)
    assert "ended from outside" in running._now.text()
    assert "step 2" in running._now.text()
    begun: list[Path] = []
    monkeypatch.setattr(Run, "start", lambda self: begun.append(self.folder))
    tuner.clicks(running, "Go on")
    assert "Starting" in running._now.text()
    tuner.house.waits(lambda: begun == [run.folder])
    tuner.tells(run, Began(True, 2), step(2))
    tuner.house.waits(running._pause.isVisible)


def test_a_cut_off_run_is_what_a_new_window_shows(tuner: Tuner) -> None:
    tuner.run("Winter", *BEGAN, step(7))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running and room.running._go_on.isVisible())
    assert "step 7" in room.running._now.text()


def test_a_process_that_never_begins_is_told(tuner: Tuner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_watch, "BEGINS_WITHIN_S", 0.2)
    monkeypatch.setattr(Run, "start", lambda _: None)
    tuner.run("Winter", Began(False, 1), Stopped("Stopped."))
    room = tuner.opens()
    tuner.clicks(room, "My tunings")
    tuner.clicks(room.all, "Open")
    running = room.running
    tuner.house.waits(running._go_on.isVisible)
    tuner.clicks(running, "Go on")
    tuner.house.waits(running._go_on.isVisible)
    assert running._now.text() == tuning_watch.NOT_BEGUN


def test_what_was_seen_before_the_start_does_not_end_it(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of a new run is free until its process is there."""
    monkeypatch.setattr(Run, "start", lambda _: None)
    watch = tuning_watch.Watch(tuner.run("Winter"), tuner.house.opens())
    watch.start()
    tuner.house.waits(lambda: not watch._reading)
    assert watch.phase is Phase.STARTING
    tuner.tells(watch.run, *BEGAN)
    tuner.house.waits(lambda: watch.phase is Phase.RUNNING)


# -- done --------------------------------------------------------------------------------------


def test_when_it_is_done_its_report_is_there_and_can_be_used(tuner: Tuner, tmp_path: Path) -> None:
    run = tuner.running("Winter", *BEGAN, step(1), Doing("report", 0.5, "Reading"))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running)
    wanted: list[Path] = []
    room.adapter_wanted.connect(wanted.append)
    tuner.finishes(run)
    tuner.dies()
    tuner.house.waits(lambda: room.view is room.report and room.report._use.isEnabled())
    assert full_report().verdict in room.report._page.toPlainText()
    tuner.clicks(room.report, "Use it")
    assert wanted == [run.folder / ADAPTER]
    target = tmp_path / "saved.html"
    room.report._copy(run.folder / REPORT_PAGE, target)
    tuner.house.waits(target.exists)
    room.report._copy(run.folder / REPORT_PAGE, tmp_path / "none" / "saved.html")
    tuner.house.waits(lambda: room.report._complaint.text)
    assert "Choose another place" in room.report._complaint.text


def test_an_end_that_is_not_seen_is_told_in_the_window(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running and room.running._pause.isEnabled())
    tuner.house.window._tuning.close()  # type: ignore[union-attr]
    tuner.finishes(run)
    tuner.dies()
    tuner.house.waits(lambda: tuner.house.notice() == "The tuning ‘Winter’ is done.")
    tuner.clicks(tuner.house.window.notices, "See it")
    assert room.isVisible()
    tuner.house.waits(lambda: full_report().verdict in room.report._page.toPlainText())
    assert room.view is room.report

    failing = tuner.running("Spring", *BEGAN, step(1))
    room.look()
    tuner.house.waits(lambda: len(room._known) == 2)
    tuner.clicks(room, "My tunings")
    tuner.clicks(room.all, "Open")
    tuner.house.waits(lambda: room.running.title == "Spring" and room.running._pause.isEnabled())
    tuner.clicks(room, "New tuning")
    tuner.tells(failing, Failed("The disk is full. Make room."))
    told = "The tuning ‘Spring’ stopped. The disk is full. Make room."
    tuner.house.waits(lambda: tuner.house.notice() == told)


def test_an_end_that_is_seen_is_not_told_twice(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running)
    tuner.tells(run, Failed("The disk is full. Make room."))
    tuner.house.waits(lambda: "disk is full" in room.running._now.text())
    assert tuner.house.notice() == ""


def test_the_focus_stays_in_the_panel_from_view_to_view(
    tuner: Tuner, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "start", lambda _: None)
    room = tuner.opens()
    tuner.house.client.is_ready(model_path)
    room.setup._texts.add([tuner.writes("snow.txt", 20)])
    tuner.house.waits(room.setup._start.isEnabled)
    tuner.house.window.activateWindow()
    room.setup._start.setFocus()
    tuner.house.waits(room.setup._start.hasFocus)
    tuner.clicks(room.setup, "Start tuning")
    tuner.house.waits(lambda: room.view is room.running)
    focused = tuner.house.window.focusWidget()
    assert focused is not None
    assert room.running is focused or room.running.isAncestorOf(focused)


def test_training_longer_fills_the_set_up_in(tuner: Tuner, model_path: Path) -> None:
    recipe = replace(presets()["quick"].recipe, rank=24, alpha=48.0)
    job = Job(
        "Winter", (tuner.texts,), model_path, recipe, "quick",
        left_on=("mojibake",), controls=(tuner.writes("other.txt", 3),), prompt="It snowed.",
        loss_weights=((tuner.texts, 2.0),), report="quick",
    )  # fmt: skip
    run = tuner.run("Winter", *BEGAN, job=job)
    tuner.finishes(run)
    room = tuner.opens()
    tuner.clicks(room, "My tunings")
    tuner.clicks(room.all, "Open")
    tuner.house.waits(lambda: room.view is room.report)
    tuner.clicks(room.report, "Train longer")
    tuner.house.waits(lambda: room.view is room.setup)
    made = room.setup.job()
    longer = replace(recipe, minutes=2 * recipe.minutes, passes=2 * recipe.passes)
    assert made == replace(job, name="Winter 2", recipe=longer)


def test_all_tunings_are_listed_and_one_is_removed_after_a_question(tuner: Tuner) -> None:
    tuner.run("Summer", Began(False, 1), Stopped("Stopped. It can go on."))
    time.sleep(0.02)  # the newest first
    run = tuner.done("Winter")
    room = tuner.opens()
    tuner.clicks(room, "My tunings (2)")
    rows = [room.all._list.item(i).text() for i in range(room.all._list.count())]
    assert rows[0].startswith("Winter\n")
    assert "base.gguf" in rows[0]
    assert full_report().verdict in rows[0]
    assert "It can go on." in rows[1]
    tuner.clicks(room.all, "Remove")
    assert "Winter" in tuner.house.question()
    tuner.house.answers("Cancel")
    assert run.folder.exists()
    tuner.clicks(room.all, "Remove")
    tuner.house.answers("Remove")
    tuner.house.waits(lambda: room.all._list.count() == 1)
    assert not run.folder.exists()
    assert room._list.text() == "M&y tunings (1)"


def test_a_tuning_that_begins_while_the_list_is_read_is_in_it(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tuner.opens()
    tuner.house.waits(lambda: not room._looking)
    has_read, goes_on = threading.Event(), threading.Event()

    def reads_slowly(home: Path) -> list[Summary]:
        found = summaries(home)
        has_read.set()
        goes_on.wait(10)
        return found

    monkeypatch.setattr(tuning_room, "summaries", reads_slowly)
    room.look()
    assert has_read.wait(10)
    tuner.run("Winter", Began(False, 1), Stopped("Stopped."))
    room.look()
    goes_on.set()
    tuner.house.waits(lambda: room._list.text() == "M&y tunings (1)")


def test_a_report_that_cant_be_read_leaves_the_adapter_usable(tuner: Tuner) -> None:
    run = tuner.done("Winter")
    (run.folder / REPORT).write_text("{}", "utf-8")
    room = tuner.opens()
    tuner.clicks(room, "My tunings")
    tuner.clicks(room.all, "Open")
    tuner.house.waits(lambda: room.report._complaint.text)
    assert "damaged" in room.report._complaint.text
    assert room.report._use.isEnabled()


# -- all of it ---------------------------------------------------------------------------------


def _views(tuner: Tuner) -> dict[type, QWidget]:
    run = tuner.running("Winter", *BEGAN, *map(step, range(1, 30)), Noted("A" * 90))
    room = tuner.opens()
    room.setup._fold.open()
    room.setup._texts.add([tuner.writes(f"{'long-name-' * 12}.txt", 10)])
    tuner.house.waits(lambda: room.setup._more._cleaning and "step 29" in _shown(room.running))
    room.report.show_run(run, "Winter")
    return {type(view): view for view in (room.setup, room.preview, room.running, room.report)}


def test_every_control_has_a_name_and_a_tip_and_a_key_of_its_own(tuner: Tuner) -> None:
    views = _views(tuner)
    room = tuner.house.window._tuning.room
    menus = {
        str(QKeySequence.mnemonic(menu.text()).toString())
        for menu in tuner.house.window.menuBar().actions()
    }
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QTreeWidget)
    for view in (*views.values(), room.all):
        room._show(view)
        taken = dict.fromkeys(menus, "a menu")
        taken |= {
            QKeySequence.mnemonic(each.text()).toString(): "above"
            for each in (room._new, room._list)
        }
        for control in (c for kind in kinds for c in view.findChildren(kind)):
            if control.objectName().startswith("qt_") or isinstance(
                control.parentWidget(), QAbstractSpinBox | QTreeWidget
            ):
                continue  # Qt's own
            name = control.accessibleName() or getattr(control, "text", str)()
            assert name, (view, control)
            assert control.toolTip(), (view, name)
        for each in (*view.findChildren(QAbstractButton), *view.findChildren(QLabel)):
            if each.isVisible() and (key := QKeySequence.mnemonic(each.text()).toString()):
                if isinstance(each, QLabel) and each.buddy() is None:
                    continue
                assert key not in taken, (view, each.text(), taken[key])
                taken[key] = each.text()


@pytest.mark.parametrize("width", [320, 360, 600])
def test_nothing_is_wider_than_the_panel(tuner: Tuner, width: int) -> None:
    views = _views(tuner)
    for kind, view in views.items():
        view.setParent(None)  # type: ignore[call-overload]
        view.resize(width, 700)
        view.show()
        QTest.qWait(50)
        if kind in (Setup, Running):
            bar = view.horizontalScrollBar()
            assert bar.maximum() == 0, (kind, bar.maximum())
        else:
            assert view.minimumSizeHint().width() <= width, kind
        view.hide()
        view.deleteLater()


def test_the_curves_have_the_colours_of_the_theme(tuner: Tuner) -> None:
    tuner.running("Winter", *BEGAN, step(1))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running and room.running._curves.isVisible())
    for theme, darker in (("light", False), ("dark", True)):
        tuner.house.desk.settings.change(theme=theme)
        QApplication.processEvents()
        ground = room.running._curves._plot.backgroundBrush().color()
        assert (ground.lightnessF() < 0.5) is darker


def test_a_key_holds_training_up_only_if_the_writer_wants_it_so(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner.house.opens()
    pressed: list[bool] = []
    first = tuner.house.desk.writer_first
    monkeypatch.setattr(first, "at_work", lambda: pressed.append(True))
    tuner.house.types("a")
    assert not pressed
    tuner.house.desk.settings.change(tune_only_when_idle=True)
    tuner.house.types("b")
    assert pressed


def test_the_panel_goes_with_everything_else_for_the_text_alone(tuner: Tuner) -> None:
    tuner.opens()
    window = tuner.house.window
    assert window._tuning is not None
    window.show_text_alone(True)
    assert window._tuning.isHidden()
    window.show_text_alone(False)
    assert not window._tuning.isHidden()


def test_closing_the_window_in_the_middle_leaves_nothing_behind(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running)
    first = tuner.house.window
    tuner.house.lamplight.new_window()
    first.close_now(discard=True)
    tuner.tells(run, step(2))
    again = tuner.opens()
    assert again is not room
    tuner.house.waits(lambda: "step 2" in _shown(again.running))
    assert tuner.commands(run) == [], "nobody has told it anything"


_START = """
import sys
from pathlib import Path
from studio.app import Places, make_desk
from studio.ui import application
places = Places(Path(sys.argv[1]) / "settings.json", Path(sys.argv[1]) / "data")
desk = make_desk(None, places)
heavy = {"torch", "transformers", "gguf", "pyqtgraph", "datasketch", "jinja2", "ftfy"}
print(sorted(heavy & set(sys.modules)), "studio.ui.tuning_panel" in sys.modules)
desk.client.close()
"""


def test_a_window_starts_without_any_of_it(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", _START, str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "[] False"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_process_is_started_watched_and_stopped(tuner: Tuner, tmp_path: Path) -> None:
    from tests.tuning.tiny import make

    _, base = make("llama, tied", tmp_path)
    tuner.house.opens()
    tuner.house.client.is_ready(base)
    room = tuner.opens()
    room.setup._texts.add([tuner.writes("snow.txt", 12)])
    for key in ("passes", "patience"):  # or it would be done before it can be stopped
        field = room.setup._more.numbers.findChild(QAbstractSpinBox, key)
        assert isinstance(field, QSpinBox | QDoubleSpinBox)
        field.setValue(field.maximum())
    tuner.house.waits(room.setup._start.isEnabled)
    tuner.clicks(room.setup, "Start tuning")
    qtbot, running = tuner.house.qtbot, room.running
    qtbot.waitUntil(lambda: room.view is running, timeout=20_000)
    watch = running.watch
    assert watch is not None
    qtbot.waitUntil(lambda: bool(watch.state.steps), timeout=300_000)
    assert watch.phase is Phase.RUNNING
    tuner.clicks(running, "Stop")
    qtbot.waitUntil(running._go_on.isVisible, timeout=120_000)
    assert isinstance(watch.state.last, Stopped)
    qtbot.waitUntil(lambda: not watch.run.is_running, timeout=60_000)
