"""What is done: the report, the notice of it, and all tunings in a list."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from studio.tuning.events import Began, Doing, Failed, Stopped
from studio.tuning.recipe import presets
from studio.tuning.report.figures import Pair
from studio.tuning.run import ADAPTER, REPORT, REPORT_PAGE, Job
from studio.ui import tuning_room
from studio.ui.tuning_panel import FIRST_WIDTH_PX
from studio.ui.tuning_state import Summary, summaries
from tests.tuning.report.builders import full_report
from tests.ui.windows.tuning.tuner import BEGAN, Tuner, paragraphs, step


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
    tuner.house.clicks(room.report, "Use it")
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
    tuner.house.clicks(tuner.house.window.notices, "See it")
    assert room.isVisible()
    tuner.house.waits(lambda: full_report().verdict in room.report._page.toPlainText())
    assert room.view is room.report

    failing = tuner.running("Spring", *BEGAN, step(1))
    room.look()
    tuner.house.waits(lambda: len(room._known) == 2)
    tuner.house.clicks(room, "My tunings")
    tuner.house.clicks(room.all, "Open")
    tuner.house.waits(lambda: room.running.title == "Spring" and room.running._pause.isEnabled())
    tuner.house.clicks(room, "New tuning")
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
    tuner.house.clicks(room, "My tunings")
    tuner.house.clicks(room.all, "Open")
    tuner.house.waits(lambda: room.view is room.report)
    tuner.house.clicks(room.report, "Train longer")
    tuner.house.waits(lambda: room.view is room.setup)
    made = room.setup.job()
    longer = replace(recipe, minutes=2 * recipe.minutes, passes=2 * recipe.passes)
    assert made == replace(job, name="Winter 2", recipe=longer)


def test_all_tunings_are_listed_and_one_is_removed_after_a_question(tuner: Tuner) -> None:
    tuner.run("Summer", Began(False, 1), Stopped("Stopped. It can go on."))
    time.sleep(0.02)  # the newest first
    run = tuner.done("Winter")
    room = tuner.opens()
    tuner.house.clicks(room, "My tunings (2)")
    rows = [room.all._list.item(i).text() for i in range(room.all._list.count())]
    assert rows[0].startswith("Winter\n")
    assert "base.gguf" in rows[0]
    assert full_report().verdict in rows[0]
    assert "It can go on." in rows[1]
    tuner.house.clicks(room.all, "Remove")
    assert "Winter" in tuner.house.question()
    tuner.house.answers("Cancel")
    assert run.folder.exists()
    tuner.house.clicks(room.all, "Remove")
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


def test_the_report_fits_into_the_panel_as_it_opens(tuner: Tuner) -> None:
    figures = full_report().perplexity
    names = ("g-k-chesterton_the-innocence-of-father-brown", "The Scarlet Pimpernel", "Kim")
    controls = tuple(replace(figures.controls[0], name=name) for name in names)
    report = replace(full_report(), perplexity=replace(figures, controls=controls))
    run = tuner.done("Winter")
    (run.folder / REPORT).write_text(report.to_json(), "utf-8")
    view = tuner.opens().report
    view.show_run(run, "Winter")
    view.setParent(None)  # type: ignore[call-overload]
    view.resize(FIRST_WIDTH_PX, 700)
    view.show()
    tuner.house.waits(lambda: "Pimpernel" in view._page.toPlainText())
    assert view._page.horizontalScrollBar().maximum() == 0
    view.deleteLater()


def test_every_sentence_of_a_long_report_is_to_be_seen(tuner: Tuner) -> None:
    long = "\n\n".join(paragraphs("a sample", 40))
    report = replace(full_report(), samples=tuple(Pair("It was", 1, long, long) for _ in range(3)))
    run = tuner.done("Winter")
    (run.folder / REPORT).write_text(report.to_json(), "utf-8")
    room = tuner.opens()
    tuner.house.clicks(room, "My tunings")
    tuner.house.clicks(room.all, "Open")
    page = room.report._page
    tuner.house.waits(lambda: "Side by side" in page.toPlainText())
    document = page.document()
    layout = document.documentLayout()
    tuner.house.waits(lambda: page.verticalScrollBar().maximum() > 10 * page.height())
    block, n = document.begin(), 0
    while block.isValid():
        if block.text():
            assert layout.blockBoundingRect(block).height() > 0, block.text()
            n += 1
        block = block.next()
    assert n > 300


def test_a_report_that_cant_be_read_leaves_the_adapter_usable(tuner: Tuner) -> None:
    run = tuner.done("Winter")
    (run.folder / REPORT).write_text("{}", "utf-8")
    room = tuner.opens()
    tuner.house.clicks(room, "My tunings")
    tuner.house.clicks(room.all, "Open")
    tuner.house.waits(lambda: room.report._complaint.text)
    assert "damaged" in room.report._complaint.text
    assert room.report._use.isEnabled()
