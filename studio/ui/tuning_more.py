"""What most writers never need to set: numbers, cleaning, texts to measure with, the report."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QPlainTextEdit, QVBoxLayout, QWidget

from studio.tuning.recipe import Recipe
from studio.tuning.run import CONTROLS, Job
from studio.ui.background import in_background
from studio.ui.tuning_numbers import Numbers
from studio.ui.tuning_parts import head, words
from studio.ui.tuning_texts import TextList

_PROMPT_LINES = 3


class More(QWidget):
    """Fields with the rest of a job. What needs heavy imports comes from the background."""

    changed = Signal()

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.numbers = Numbers()
        self.numbers.changed.connect(self.changed)
        self._cleaning: dict[str, QCheckBox] = {}
        self._default: dict[str, bool] = {}
        self._wanted_cleaning: dict[str, bool] = {}
        self._cleaning_column = QVBoxLayout()
        self._held_out = TextList(
            "Held-out texts", "Of yours, and only ever reported on: nothing of them is trained on",
        )  # fmt: skip
        self._controls = TextList(
            "Control texts", "By other authors, of the kind that you write; only compared with",
        )  # fmt: skip
        self._where = words("", name="How to get control texts", quiet=True)
        self._prompt = QPlainTextEdit()
        self._prompt.setPlaceholderText("an opening of your held-out text")
        self._prompt.setTabChangesFocus(True)
        self._prompt.setAccessibleName("Prompt of the samples")
        self._prompt.setToolTip("What the samples during the training go on from")
        self._prompt.setFixedHeight(_PROMPT_LINES * self._prompt.fontMetrics().lineSpacing() + 14)
        self._quick = QCheckBox("Measure less at the end")
        self._quick.setToolTip("A quicker report, with wider intervals and no measure of style")
        self._quick.setAccessibleDescription(self._quick.toolTip())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(head("Numbers"))
        column.addWidget(self.numbers)
        column.addWidget(head("Clean away"))
        column.addLayout(self._cleaning_column)
        column.addWidget(head("Held-out texts of your own choice"))
        column.addWidget(
            words("Without any, some chapters of your texts are held out.", quiet=True)
        )
        column.addWidget(self._held_out)
        column.addWidget(head("Texts by others, to compare with"))
        column.addWidget(self._where)
        column.addWidget(self._controls)
        column.addWidget(head("Prompt of the samples", self._prompt))
        column.addWidget(self._prompt)
        column.addWidget(head("Report"))
        column.addWidget(self._quick)
        for each in (self._held_out, self._controls):
            each.changed.connect(self.changed)
        in_background(self, lambda: _words_from_afar(home), done=self._fill_in)

    def show_recipe(self, recipe: Recipe, *, quick_report: bool) -> None:
        """Those of a preset."""
        self.numbers.show_recipe(recipe)
        self._quick.setChecked(quick_report)

    def show_job(self, job: Job) -> None:
        """All that a job had here."""
        self.show_recipe(job.recipe, quick_report=job.report == "quick")
        self._held_out.show_paths(job.held_out)
        self._controls.show_paths(job.controls)
        self._prompt.setPlainText(job.prompt)
        self._wanted_cleaning = dict.fromkeys(job.left_on, False) | dict.fromkeys(
            job.also_cleaned, True
        )
        self._check_cleaning()

    @property
    def held_out(self) -> tuple[Path, ...]:
        return self._held_out.paths

    @property
    def controls(self) -> tuple[Path, ...]:
        return self._controls.paths

    @property
    def prompt(self) -> str:
        return self._prompt.toPlainText().strip()

    @property
    def report(self) -> str:
        """ "quick" or "full"."""
        return "quick" if self._quick.isChecked() else "full"

    @property
    def left_on(self) -> tuple[str, ...]:
        """What is usually cleaned away, and is not to be."""
        return tuple(key for key, on in self._switched().items() if not on)

    @property
    def also_cleaned(self) -> tuple[str, ...]:
        """What is usually left, and is to be cleaned away."""
        return tuple(key for key, on in self._switched().items() if on)

    def _switched(self) -> dict[str, bool]:
        """What is otherwise than usual."""
        if not self._cleaning:  # they are still being read
            return self._wanted_cleaning
        return {
            key: box.isChecked()
            for key, box in self._cleaning.items()
            if box.isChecked() is not self._default[key]
        }

    def _fill_in(self, found: tuple[list[tuple[str, str, str, bool]], str]) -> None:
        kinds, where = found
        self._where.setText(where)
        for key, label, about, on in kinds:
            box = QCheckBox(label)
            box.setToolTip(about)
            box.setAccessibleDescription(about)
            box.setObjectName(f"clean {key}")
            self._default[key] = on
            self._cleaning[key] = box
            self._cleaning_column.addWidget(box)
        self._check_cleaning()

    def _check_cleaning(self) -> None:
        for key, box in self._cleaning.items():
            box.setChecked(self._wanted_cleaning.get(key, self._default[key]))


def _words_from_afar(home: Path) -> tuple[list[tuple[str, str, str, bool]], str]:
    """The kinds of cleaning (key, label, sentence, usual), and where control texts go."""
    from studio.tuning.report.controls import where_to_put
    from studio.tuning.texts import Cleaning, Kind

    usual = Cleaning()
    kinds = [
        (kind.value, kind.label, kind.about, usual.has(kind))
        for kind in Kind
        if kind is not Kind.HELD_OUT
    ]
    return kinds, where_to_put(home / CONTROLS)
