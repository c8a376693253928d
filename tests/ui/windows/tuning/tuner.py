"""A writer at the tuning panel, and a process that tests play: what it would tell is written
into its file by hand."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from PySide6.QtWidgets import QLabel, QWidget

from studio.tuning.events import Began, Evaluated, Event, Finished, Lines, Planned, Sampled, Stepped
from studio.tuning.recipe import presets
from studio.tuning.report.page import as_html
from studio.tuning.run import ADAPTER, COMMANDS, EVENTS, LOCK, REPORT, REPORT_PAGE, Job, Run
from studio.ui.tuning_room import TuningRoom
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
    """So many of six sentences each, no two alike."""
    dice = random.Random(name)
    sentences = [
        " ".join(dice.choices(WORDS, k=dice.randint(8, 16))).capitalize() + "."
        for _ in range(6 * n)
    ]
    return [" ".join(sentences[at : at + 6]) for at in range(0, 6 * n, 6)]


def step(n: int) -> Stepped:
    """The n-th, of 2,000 tokens."""
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


def words_in(view: QWidget) -> str:
    """Every label of a view."""
    labels = [each.text() for each in view.findChildren(QLabel) if each.isVisibleTo(view)]
    return "\n".join(labels)
