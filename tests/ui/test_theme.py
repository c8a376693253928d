"""Both themes can be read, and the desktop's choice is followed."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QFontMetricsF, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from studio.settings import Settings, SettingsStore
from studio.ui.theme import DARK, LIGHT, Colours, Theme, code_font, palette_of, writing_font
from studio.writing.lexing import Part

Role = QPalette.ColorRole
Group = QPalette.ColorGroup


def _luminance(colour: QColor) -> float:
    """Relative luminance as WCAG 2.2 defines it."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(each) for each in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_can_be_read(colours: Colours) -> None:
    palette = palette_of(colours)
    pairs = [
        *product([Role.WindowText, Role.PlaceholderText, Role.Link], [Role.Window, Role.Base]),
        (Role.Text, Role.Base),
        (Role.Text, Role.AlternateBase),
        (Role.ButtonText, Role.Button),
        (Role.ToolTipText, Role.ToolTipBase),
        (Role.HighlightedText, Role.Highlight),
    ]
    for text, ground in pairs:
        found = _contrast(palette.color(text), palette.color(ground))
        assert found >= 4.5, f"{text.name} on {ground.name}: {found:.1f}"


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_disabled_text_can_be_made_out_and_looks_disabled(colours: Colours) -> None:
    palette = palette_of(colours)
    for text, ground in ((Role.WindowText, Role.Window), (Role.ButtonText, Role.Button)):
        disabled = palette.color(Group.Disabled, text)
        assert _contrast(disabled, palette.color(Group.Disabled, ground)) >= 2.5
        assert disabled != palette.color(Group.Active, text)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_parts_of_code_can_be_read(colours: Colours) -> None:
    for part in Part:
        text = QColor(getattr(colours.code, part.value))
        assert _contrast(text, QColor(colours.paper)) >= 4.5, part


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_differences_can_be_read_on_their_grounds(colours: Colours) -> None:
    text = QColor(colours.text)
    for ground in (colours.added, colours.added_word, colours.removed, colours.removed_word):
        assert _contrast(text, QColor(ground)) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_what_the_model_sees_can_be_read_on_the_ground_of_each_source(colours: Colours) -> None:
    for ground in (colours.memory, colours.lore, colours.note):
        assert _contrast(QColor(colours.text), QColor(ground)) >= 4.5


@pytest.mark.parametrize("kind", [QCheckBox, QRadioButton, QLineEdit, QSpinBox, QDoubleSpinBox])
@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_can_be_ticked_or_filled_in_has_an_edge_that_can_be_seen(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, kind: type[QWidget], name: str
) -> None:
    store = SettingsStore(tmp_path / "settings.json")
    theme = Theme(qapp, store)
    store.change(theme=name)
    page = QWidget()
    qtbot.addWidget(page)
    QVBoxLayout(page).addWidget(kind())
    picture = page.grab().toImage()
    ground = QColor(theme.colours.window)
    assert picture.pixelColor(0, 0) == ground
    middle = picture.height() // 2
    drawn = [picture.pixelColor(x, middle) for x in range(24)]  # from the left into the widget
    for around in (ground, QColor(theme.colours.paper)):
        assert max(_contrast(each, around) for each in drawn) >= 3.0


def test_the_theme_follows_the_setting(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    store = SettingsStore(tmp_path / "settings.json")
    theme = Theme(qapp, store)
    store.change(theme="dark")
    assert theme.dark
    assert qapp.palette().color(Role.Base) == QColor(DARK.paper)
    store.change(theme="light")
    assert qapp.palette().color(Role.Base) == QColor(LIGHT.paper)


def test_the_writer_chooses_the_font_and_a_serif_one_is_there_without(qtbot: QtBot) -> None:
    own = writing_font(Settings(font_family="My Own Font", font_size_pt=18))
    assert own.families()[0] == "My Own Font"
    assert own.pointSize() == 18
    assert "Georgia" in writing_font(Settings()).families()


def test_code_has_a_font_of_even_widths(qtbot: QtBot) -> None:
    own = code_font(Settings(code_font_family="My Own Mono", font_size_pt=18))
    assert own.families()[0] == "My Own Mono"
    assert own.pointSize() == 18
    metrics = QFontMetricsF(code_font(Settings()))
    assert metrics.horizontalAdvance("i") == metrics.horizontalAdvance("W")
