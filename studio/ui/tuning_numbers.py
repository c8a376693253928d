"""The numbers of a recipe, as fields with their units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QSpinBox,
    QWidget,
)

from studio.tuning.recipe import Recipe
from studio.ui.tuning_parts import not_by_wheel


@dataclass(frozen=True)
class _Number:
    """A field of `Recipe`, or a share of one."""

    key: str
    label: str
    tip: str
    low: float
    high: float
    unit: str = ""
    decimals: int = 0
    step: float = 1.0
    at_least: str = ""
    """What the least value means."""
    times: float = 1.0
    """What is shown is so many times what is kept."""


_NUMBERS = (
    _Number(
        "minutes", "Time", "How long it may train at most; samples and the report come on top",
        0, 100_000, "minutes", step=10, at_least="no limit",
    ),
    _Number(
        "passes", "Passes", "How often the texts are read, at most; it stops earlier by itself "
        "when the held-out text gains no more", 0.1, 50, "times", 1, 0.5,
    ),
    _Number(
        "rank", "Rank", "How much the adapters can hold; more takes more memory and learns small "
        "texts by heart sooner. Their scale follows it", 1, 256, "columns",
    ),
    _Number(
        "learning_rate", "Learning rate", "How far each update goes; shown in thousandths. Too "
        "much, and the model forgets how to write", 0.001, 100, "‰", 3, 0.1, times=1000,
    ),
    _Number(
        "share_of_layers", "Upper layers", "The share of the model's layers that learn, from the "
        "top. With less than all, the lower ones are computed once and kept on disk",
        1, 100, "%", times=100, step=5,
    ),
    _Number(
        "n_ctx", "Tokens of a document", "The longest piece that is read at once; a token is "
        "about three quarters of a word", 32, 8192, "tokens", step=128,
    ),
    _Number(
        "step_tokens", "Tokens of an update", "Tokens that are read for each update of the "
        "weights; fewer where your texts are small", 32, 1_000_000, "tokens", step=512,
    ),
    _Number(
        "row_tokens", "Tokens at once", "Tokens that are computed at once; less takes less "
        "memory. At least those of a document", 0, 1_000_000, "tokens", step=256,
        at_least="automatic",
    ),
    _Number(
        "balance", "Weight of long texts", "1: all texts are read equally often. 0: each text has "
        "the same share, however short", 0, 1, "", 2, 0.1,
    ),
    _Number(
        "evaluations", "Tries on held-out text", "How often the held-out text is tried, and a "
        "sample written, during the training", 1, 1000, "times",
    ),
    _Number(
        "patience", "Patience", "It stops after so many tries without a gain", 1, 1000, "tries",
    ),
    _Number("seed", "Seed", "The same seed makes the same tuning again", 0, 2**31 - 1),
)  # fmt: skip
_CHOICES: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "precision", "Precision", "How exactly it computes; automatic takes what is fast here",
        (("Automatic", "auto"), ("32 bit", "float32"), ("16 bit", "bfloat16"), ("4 bit", "4-bit")),
    ),
    (
        "checkpointing", "Save memory", "Compute more, hold less: a third more time",
        (("Automatic", "auto"), ("On", "on"), ("Off", "off")),
    ),
)  # fmt: skip


class Numbers(QWidget):
    """The numbers that matter. What is not shown stays as the preset has it."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._recipe = Recipe()
        self._fields: dict[str, QSpinBox | QDoubleSpinBox | QComboBox] = {}
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for number in _NUMBERS:
            self._add(form, number.key, number.label, number.tip, _spin(number))
        for key, label, tip, choices in _CHOICES:
            box = QComboBox()
            for name, value in choices:
                box.addItem(name, value)
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
            self._add(form, key, label, tip, box)
        self.show_recipe(self._recipe)

    def show_recipe(self, recipe: Recipe) -> None:
        """Fill the fields in."""
        self._recipe = recipe
        for number in _NUMBERS:
            field = self._fields[number.key]
            with QSignalBlocker(field):
                value = getattr(recipe, number.key) * number.times
                if isinstance(field, QSpinBox):
                    field.setValue(round(value))
                elif isinstance(field, QDoubleSpinBox):
                    field.setValue(value)
        for key, _, _, _ in _CHOICES:
            field = self._fields[key]
            if isinstance(field, QComboBox):
                with QSignalBlocker(field):
                    field.setCurrentIndex(max(0, field.findData(getattr(recipe, key))))

    def show_longer(self, recipe: Recipe) -> None:
        """The same with twice the time, where it is limited, and twice the passes."""
        most = next(number.high for number in _NUMBERS if number.key == "passes")
        self.show_recipe(
            replace(recipe, minutes=2 * recipe.minutes, passes=min(most, 2 * recipe.passes))
        )

    def recipe(self) -> Recipe:
        """What the fields say. Raises `RecipeError` if that makes no sense."""
        values: dict[str, Any] = {}
        for number in _NUMBERS:
            field = self._fields[number.key]
            if isinstance(field, QSpinBox | QDoubleSpinBox):
                kept = getattr(self._recipe, number.key)
                shown = round(kept * number.times, number.decimals)
                # What nobody touched stays exactly as it was.
                value = kept if field.value() == shown else field.value() / number.times
                values[number.key] = type(kept)(value)
        for key, _, _, _ in _CHOICES:
            field = self._fields[key]
            if isinstance(field, QComboBox):
                values[key] = field.currentData()
        scale = self._recipe.alpha / self._recipe.rank
        return replace(self._recipe, **values, alpha=scale * values["rank"])

    def _add(self, form: QFormLayout, key: str, label: str, tip: str, field: Any) -> None:
        field.setToolTip(tip)
        field.setAccessibleName(label)
        field.setAccessibleDescription(tip)
        field.setObjectName(key)
        field.setMinimumWidth(110)
        not_by_wheel(field)
        if isinstance(field, QSpinBox | QDoubleSpinBox):
            field.valueChanged.connect(lambda _: self.changed.emit())
        form.addRow(label, field)
        name = form.labelForField(field)
        if name is not None:
            name.setToolTip(tip)
        self._fields[key] = field


def _spin(number: _Number) -> QSpinBox | QDoubleSpinBox:
    box: QSpinBox | QDoubleSpinBox
    if number.decimals:
        box = QDoubleSpinBox()
        box.setDecimals(number.decimals)
        box.setRange(number.low, number.high)
        box.setSingleStep(number.step)
    else:
        box = QSpinBox()
        box.setRange(int(number.low), int(number.high))
        box.setSingleStep(int(number.step))
        box.setGroupSeparatorShown(number.key != "seed")
    box.setSuffix(f" {number.unit}" if number.unit else "")
    box.setSpecialValueText(number.at_least)
    box.setKeyboardTracking(False)
    return box
