"""Light and dark colours, and the font of the text.

Calm and paper-like: warm neutrals, one amber accent. Every pair of text and ground has a
contrast of at least 4.5:1 (WCAG 2.2 AA); what is disabled has at least 2.5:1.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QToolTip

from studio.settings import Settings, SettingsStore


@dataclass(frozen=True)
class CodeColours:
    """The parts of code (`studio.writing.lexing.Part`), as #rrggbb on paper."""

    comment: str
    string: str
    number: str
    keyword: str
    definition: str
    builtin: str


@dataclass(frozen=True)
class Colours:
    """All colours of one theme, as #rrggbb."""

    window: str
    paper: str
    stripe: str
    button: str
    text: str
    grey: str
    """Grey text: suggestions, placeholders."""
    disabled: str
    accent: str
    link: str
    selection: str
    selected_text: str
    edge: str
    field: str
    """Edge of what can be ticked or filled in; at least 3:1 on what is around it."""
    tip: str
    tip_text: str
    added: str
    """Ground of a line that was added, in a difference."""
    added_word: str
    removed: str
    removed_word: str
    memory: str
    """Ground of what the model is given of the memory; the same for lore and note."""
    lore: str
    note: str
    files: str
    code: CodeColours


LIGHT = Colours(
    window="#f1ede4",
    paper="#fcfaf5",
    stripe="#f5f1e8",
    button="#ebe5d8",
    text="#2b2720",
    grey="#726a5c",
    disabled="#968d7e",
    accent="#96601a",
    link="#855008",
    selection="#e7cf98",
    selected_text="#2b2720",
    edge="#cfc6b4",
    field="#776f63",
    tip="#fffdf8",
    tip_text="#2b2720",
    added="#e3f1de",
    added_word="#b4dba6",
    removed="#f9e3de",
    removed_word="#f0b8ac",
    memory="#d9e6f4",
    lore="#e2edc9",
    note="#f4dceb",
    files="#ece4d0",
    code=CodeColours(
        comment="#4d7168",
        string="#3b6e22",
        number="#1f5f99",
        keyword="#93305f",
        definition="#85500a",
        builtin="#5249a8",
    ),
)

DARK = Colours(
    window="#2d2a25",
    paper="#211f1b",
    stripe="#282521",
    button="#3c382f",
    text="#e8e1d3",
    grey="#a1988a",
    disabled="#857c6e",
    accent="#dba856",
    link="#e3b566",
    selection="#6a5020",
    selected_text="#fff6e2",
    edge="#544d43",
    field="#80796d",
    tip="#3a362f",
    tip_text="#f2ebdd",
    added="#24361f",
    added_word="#3f6632",
    removed="#44241f",
    removed_word="#7d3a30",
    memory="#20384f",
    lore="#33431d",
    note="#522d47",
    files="#453c26",
    code=CodeColours(
        comment="#83a99c",
        string="#a3c98c",
        number="#8dbbe6",
        keyword="#e79dba",
        definition="#e6c07a",
        builtin="#b9b3f2",
    ),
)

_DARKER = 140
"""In percent: what Fusion draws edges with is the ground made so much darker."""
_FIELDS = ("QCheckBox", "QRadioButton", "QLineEdit", "QAbstractSpinBox")
_ROUND = "QRadioButton"

WRITING_FONTS = (
    "Literata",
    "Source Serif 4",
    "Source Serif Pro",
    "Charter",
    "Iowan Old Style",
    "Noto Serif",
    "Georgia",
    "Cambria",
    "Liberation Serif",
    "DejaVu Serif",
)
"""Fonts to write with, the best first; the first one that is installed is used."""

CODE_FONTS = (
    "JetBrains Mono",
    "Cascadia Code",
    "Source Code Pro",
    "SF Mono",
    "Menlo",
    "Consolas",
    "Noto Sans Mono",
    "DejaVu Sans Mono",
    "Liberation Mono",
)
"""The same for code."""


def palette_of(colours: Colours) -> QPalette:
    """The palette that paints every widget in `colours`."""
    palette = QPalette()
    role = QPalette.ColorRole
    roles = {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.paper,
        role.AlternateBase: colours.stripe,
        role.Text: colours.text,
        role.PlaceholderText: colours.grey,
        role.Button: colours.button,
        role.ButtonText: colours.text,
        role.BrightText: colours.selected_text,
        role.ToolTipBase: colours.tip,
        role.ToolTipText: colours.tip_text,
        role.Highlight: colours.selection,
        role.HighlightedText: colours.selected_text,
        role.Accent: colours.accent,
        role.Link: colours.link,
        role.LinkVisited: colours.link,
        role.Light: colours.paper,
        role.Midlight: colours.stripe,
        role.Mid: colours.edge,
        role.Dark: colours.edge,
    }
    for each, colour in roles.items():
        palette.setColor(each, QColor(colour))
    palette.setColor(role.Shadow, QColor(colours.edge).darker(150))
    for each in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, QColor(colours.disabled))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(colours.button))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Base, QColor(colours.window))
    return palette


def writing_font(settings: Settings) -> QFont:
    """The font of the text: the writer's, or the best serif font that is installed."""
    font = QFont()
    chosen = (settings.font_family,) if settings.font_family else ()
    font.setFamilies([*chosen, *WRITING_FONTS])
    font.setStyleHint(QFont.StyleHint.Serif)
    font.setPointSize(settings.font_size_pt)
    return font


def code_font(settings: Settings) -> QFont:
    """The font of code: the writer's, or the best one that is installed with even widths."""
    font = QFont()
    chosen = (settings.code_font_family,) if settings.code_font_family else ()
    font.setFamilies([*chosen, *CODE_FONTS])
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setFixedPitch(True)
    font.setPointSize(settings.font_size_pt)
    return font


class Theme(QObject):
    """Keeps the application in the colours that the settings ask for."""

    changed = Signal()

    def __init__(self, application: QApplication, store: SettingsStore) -> None:
        super().__init__(application)
        self._application = application
        self._wanted = ""
        self._hints = application.styleHints()
        self._hints.colorSchemeChanged.connect(self._follow_desktop)
        application.setStyle("Fusion")
        self.take(store.current)
        self.destroyed.connect(store.listen(self.take))

    @property
    def dark(self) -> bool:
        """Whether the dark colours are in use."""
        if self._wanted == "system":
            return self._hints.colorScheme() is Qt.ColorScheme.Dark
        return self._wanted == "dark"

    @property
    def colours(self) -> Colours:
        """The colours in use."""
        return DARK if self.dark else LIGHT

    def take(self, settings: Settings) -> None:
        """Use the theme of `settings`."""
        if settings.theme == self._wanted:
            return
        self._wanted = settings.theme
        schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        self._hints.setColorScheme(schemes.get(settings.theme, Qt.ColorScheme.Unknown))
        self._apply()

    def _follow_desktop(self) -> None:
        if self._wanted == "system":
            self._apply()

    def _apply(self) -> None:
        palette = palette_of(self.colours)
        self._application.setPalette(palette)
        # Fusion takes their edges from the ground around them, which in the dark leaves none.
        fields = QPalette(palette)
        for each in _FIELDS:
            # A ring is painted with soft edges, and looks paler than a frame.
            edge = self.colours.grey if each == _ROUND else self.colours.field
            fields.setColor(QPalette.ColorRole.Window, QColor(edge).lighter(_DARKER))
            self._application.setPalette(fields, each)  # type: ignore[arg-type]  # str it is
        QToolTip.setPalette(palette)
        self.changed.emit()


def colours_now() -> Colours:
    """The colours that the application is painted in."""
    window = QApplication.palette().color(QPalette.ColorRole.Window)
    return DARK if window.lightnessF() < 0.5 else LIGHT
