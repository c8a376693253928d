"""What is to be tuned, on which texts and how: all that is asked before the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from studio.tuning import TuningError
from studio.tuning.recipe import Recipe, RecipeError, presets
from studio.tuning.run import Job, RunError, folder_name
from studio.ui.tuning_base import Base
from studio.ui.tuning_more import More
from studio.ui.tuning_parts import (
    Buttons,
    Complaint,
    Fold,
    Page,
    button,
    count,
    duration,
    gigabytes,
    head,
    words,
)
from studio.ui.tuning_texts import TextList

FIRST_NAME = "My style"
_USUAL = "balanced"
_KEYS = {"quick": "&Quick", "balanced": "Ba&lanced", "thorough": "Thorou&gh"}
_TOKENS_PER_WORD = 4 / 3


class CantStart(TuningError):
    """Something is missing: a sentence for the writer."""


@dataclass(frozen=True)
class Around:
    """What the set-up asks the window for."""

    home: Path
    """The folder of all tunings."""
    written_with: Callable[[], Path | None]
    """The file of the model that answers."""
    project: Callable[[], Path | None]
    """The folder, or the file, that is open."""


class Setup(Page):
    """A form that makes a `Job`."""

    start_wanted = Signal()
    look_wanted = Signal()

    def __init__(self, around: Around) -> None:
        super().__init__("A new tuning")
        self._taken: set[str] = set()
        self._weights: Path | None = None
        self._name = QLineEdit(FIRST_NAME)
        self._name.setAccessibleName("Name of the tuning")
        self._name.setToolTip("What the tuning and its adapter are called")
        self._name.setMaxLength(100)
        self._name_trouble = Complaint("What is wrong with the name")
        self._texts = TextList(
            "Your texts", "What the model learns from. Drop files and folders here", around.project,
            weighted=True,
        )  # fmt: skip
        self._base = Base(around.written_with)
        self._presets = QButtonGroup(self)
        presets_column = QVBoxLayout()
        presets_column.setSpacing(2)
        for key, preset in presets().items():
            radio = QRadioButton(_KEYS.get(key, preset.name))
            radio.setObjectName(f"preset {key}")
            radio.setToolTip(preset.sentence)
            radio.setAccessibleDescription(preset.sentence)
            radio.setChecked(key == _USUAL)
            sentence = words(preset.sentence, quiet=True)
            sentence.setContentsMargins(22, 0, 0, 4)
            self._presets.addButton(radio)
            presets_column.addWidget(radio)
            presets_column.addWidget(sentence)
        self._more = More(around.home)
        self._fold = Fold("M&ore", "Numbers, cleaning, texts to measure with", self._more)
        self._predicted = words(name="What it will take")
        # So that the buttons below stay where they are when there is more to say.
        self._predicted.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._predicted.setMinimumHeight(3 * self._predicted.fontMetrics().lineSpacing())
        self._predicted.setToolTip(
            "Its process tells more exactly soon after the start, and corrects it as it goes"
        )
        self._complaint = Complaint()
        self._look = button(
            "Loo&k at the texts",
            "See what will be trained on, what is held out and what is cleaned away",
            self.look_wanted.emit,
        )
        self._start = button(
            "Start t&uning", "Start training in the background", self.start_wanted.emit
        )
        self._start.setDefault(True)
        above: tuple[QWidget, ...] = (
            head("&Name", self._name), self._name, self._name_trouble,
            head("Te&xts", self._texts), self._texts,
            head("&Base model", self._base), self._base,
            head("How long"),
        )  # fmt: skip
        for widget in above:
            self.column.addWidget(widget)
        self.column.addLayout(presets_column)
        buttons = Buttons(self._look, self._start)
        below: tuple[QWidget, ...] = (self._fold, self._predicted, self._complaint, buttons)
        for widget in below:
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.setFocusProxy(self._name)
        self.setAcceptDrops(True)
        self._name.textChanged.connect(self._show)
        self._texts.changed.connect(self._show)
        self._base.changed.connect(self._show)
        self._more.changed.connect(self._show)
        self._presets.buttonClicked.connect(lambda _: self._take_preset())
        self._take_preset()

    def job(self) -> Job:
        """What is asked for. Raises `TuningError` with what is missing."""
        if trouble := self._trouble():
            raise CantStart(trouble)
        base = self._base.path
        if base is None:
            raise CantStart("There is no model to train from yet. Choose a base model.")
        return Job(
            name=self._name.text().strip(),
            texts=self._texts.paths,
            base=base,
            recipe=self._more.numbers.recipe(),
            preset=self._preset,
            weights=self._weights,
            held_out=self._more.held_out,
            controls=self._more.controls,
            left_on=self._more.left_on,
            also_cleaned=self._more.also_cleaned,
            loss_weights=self._texts.loss_weights,
            prompt=self._more.prompt,
            report=self._more.report,
        )

    def begin(self, taken: Sequence[str]) -> None:
        """Begin afresh where nothing was filled in; `taken` are the names that are in use."""
        self.know_names(taken)
        if self._is_taken(self._name.text()):
            self._name.setText(self._free_name(FIRST_NAME))

    def know_names(self, taken: Sequence[str]) -> None:
        """These names are in use."""
        self._taken = {each.casefold() for each in taken}
        self._show()

    def show_job(self, job: Job, *, longer: bool) -> None:
        """Fill in what was asked for before, under a new name; `longer` doubles its time."""
        recipe = job.recipe
        self._name.setText(self._free_name(job.name))
        self._texts.show_paths(job.texts, dict(job.loss_weights))
        self._base.choose(job.base)
        self._weights = job.weights
        for radio in self._presets.buttons():
            radio.setChecked(radio.objectName() == f"preset {job.preset}")
        self._more.show_job(job)
        if longer:
            self._more.numbers.show_longer(recipe)
            self._fold.open()
        self._complaint.say("")
        self._show()

    def complain(self, sentence: str) -> None:
        """Say why it did not start."""
        self._complaint.say(sentence)
        self.ensureWidgetVisible(self._complaint)

    def follow_model(self) -> None:
        """Another model answers."""
        self._base.follow()

    def take_focus(self) -> None:
        """Put the focus on the first field."""
        self._name.setFocus()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._texts.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Texts may be dropped anywhere on the page."""
        self._texts.dropEvent(event)

    @property
    def _preset(self) -> str:
        checked = self._presets.checkedButton()
        return checked.objectName().removeprefix("preset ") if checked else ""

    def _take_preset(self) -> None:
        preset = presets().get(self._preset)
        if preset:
            self._more.show_recipe(preset.recipe, quick_report=preset.key == "quick")
        self._show()

    def _trouble(self) -> str:
        """What stands in the way of a start; "" for nothing that is known."""
        if trouble := self._trouble_with_name():
            return trouble
        if not self._texts.paths:
            return "Add at least one text to learn from."
        if self._base.refused:
            return "Choose another base model: this one can’t be tuned."
        return ""

    def _trouble_with_name(self) -> str:
        name = self._name.text()
        try:
            folder_name(name)
        except RunError as error:
            return str(error)
        if self._is_taken(name):
            return f"There is a tuning ‘{name.strip()}’ already. Choose another name."
        return ""

    def _is_taken(self, name: str) -> bool:
        try:
            return folder_name(name).casefold() in self._taken
        except RunError:
            return False

    def _free_name(self, name: str) -> str:
        stem = name.rstrip("0123456789").rstrip() or name
        number, found = 1, name
        while self._is_taken(found):
            number += 1
            found = f"{stem} {number}"
        return found

    def _show(self) -> None:
        self._name_trouble.say(self._trouble_with_name())
        self._complaint.say("")
        has_texts = bool(self._texts.paths)
        self._look.setEnabled(has_texts)
        self._start.setEnabled(not self._trouble() and self._base.path is not None)
        try:
            recipe = self._more.numbers.recipe()
        except RecipeError as error:
            self._predicted.setText("")
            self._complaint.say(str(error))
            self._start.setEnabled(False)
            return
        self._predicted.setText(self._prediction(recipe))

    def _prediction(self, recipe: Recipe) -> str:
        """What is known before the start; the process knows more once it has measured."""
        n_words = self._texts.n_words
        if not self._texts.paths:
            return (
                "Add texts of yours, or drop them here. From about 20,000 words on, a model learns "
                "your own way of writing."
            )
        said = []
        if n_words:
            n_tokens = recipe.passes * n_words * _TOKENS_PER_WORD
            said.append(
                f"{count(n_words, 'word')}, read up to {recipe.passes:g} times: about "
                f"{_rounded(n_tokens):,} tokens."
            )
        if recipe.minutes:
            said.append(
                f"It trains {duration(recipe.minutes * 60)} at most; samples and the report come "
                "on top."
            )
        else:
            said.append("How long it trains is known after its first steps.")
        if known := self._base.known:
            said.append(f"It needs at least {gigabytes(known.least_bytes)} of memory.")
        return " ".join(said)


def _rounded(n: float) -> int:
    """To two figures: nobody knows it better."""
    whole = round(n)
    digits = max(0, len(str(whole)) - 2)
    return round(whole, -digits)
