"""Every setting, declared once: type, default, range and a sentence.

The settings dialog, the file on disk and its validation are made from these declarations.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class SettingsError(Exception):
    """A setting can't be kept: a sentence for the writer."""


@dataclass(frozen=True)
class Declared:
    """What the dialog and the validation need to know of one setting."""

    key: str
    default: Any
    group: str
    label: str
    sentence: str
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    words: tuple[str, ...]
    """What the choices are called."""
    is_key: bool
    """A key of the keyboard, as Qt writes it: `Ctrl+Right`; empty for none."""

    def accepts(self, value: object) -> bool:
        """Whether `value` has the type of the default and lies in the range."""
        if isinstance(self.default, bool) or isinstance(value, bool):
            return isinstance(value, bool) and isinstance(self.default, bool)
        if isinstance(self.default, float) and isinstance(value, int):
            value = float(value)
        if type(value) is not type(self.default):
            return False
        if isinstance(value, tuple):
            return all(isinstance(each, str) and each and _can_be_kept(each) for each in value)
        if self.choices:
            return value in self.choices
        if isinstance(value, int | float):
            low, high = self.minimum, self.maximum
            return (low is None or value >= low) and (high is None or value <= high)
        return True


def _can_be_kept(text: str) -> bool:
    """Whether it can be written: names of files may have bytes that are no letters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _setting(
    default: Any,
    group: str,
    label: str,
    sentence: str,
    *,
    unit: str = "",
    between: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
    is_key: bool = False,
) -> Any:
    low, high = between or (None, None)
    return field(
        default=default,
        metadata={
            "group": group,
            "label": label,
            "sentence": sentence,
            "unit": unit,
            "minimum": low,
            "maximum": high,
            "choices": choices,
            "words": words or tuple(choice.capitalize() for choice in choices),
            "is_key": is_key,
        },
    )


def _key(default: str, label: str, sentence: str) -> Any:
    return _setting(default, "Keys", label, sentence, is_key=True)


_NEXT_WORD = "Alt+Right" if sys.platform == "darwin" else "Ctrl+Right"


@dataclass(frozen=True)
class Settings:
    """The writer's settings, immutable; change them through a `SettingsStore`."""

    theme: str = _setting(
        "system",
        "Look",
        "Theme",
        "Light, dark, or whatever the desktop uses.",
        choices=("system", "light", "dark"),
    )
    font_family: str = _setting(
        "", "Look", "Font", "The font of the text; empty for Lamplight's own choice."
    )
    code_font_family: str = _setting(
        "", "Look", "Font for code", "The font of program files; empty for Lamplight's own choice."
    )
    font_size_pt: int = _setting(
        13, "Look", "Font size", "Size of the text.", unit="pt", between=(6, 72)
    )
    line_width_chars: int = _setting(
        72,
        "Look",
        "Line width",
        "The longest line, in average characters; 0 uses the whole window.",
        unit="characters",
        between=(0, 400),
    )
    asking: str = _setting(
        "always",
        "Suggestions",
        "Suggest",
        "When the text is continued in grey at the cursor.",
        choices=("always", "on request", "never"),
        words=("While I type", "Only when I ask", "Never"),
    )
    only_when_sure: bool = _setting(
        True,
        "Suggestions",
        "Only when it is likely to be right",
        "Shows less, and less that is wrong. How sure it must be is learned from what you take.",
    )
    suggestion_tokens: int = _setting(
        16,
        "Suggestions",
        "Longest suggestion",
        "The longest grey suggestion; a token is about three quarters of a word.",
        unit="tokens",
        between=(1, 128),
    )
    tab_takes: str = _setting(
        "ask",
        "Suggestions",
        "Tab takes",
        "What Tab takes of a suggestion in prose and verse. In code, and of a draft, it takes all.",
        choices=("ask", "all", "word"),
        words=("Ask me the first time", "All of it", "One word"),
    )
    announce: bool = _setting(
        False,
        "Suggestions",
        "Tell screen readers of suggestions",
        "A suggestion is read out when it appears. The key to review it always works.",
    )
    save_power: str = _setting(
        "automatic",
        "Suggestions",
        "Save power",
        "Suggests after a pause in typing, with half of the threads, and computes nothing ahead. "
        "Automatic: on battery, and while the machine is hot.",
        choices=("automatic", "always", "never"),
    )
    own_words: bool = _setting(
        True,
        "Words",
        "Learn words from my texts",
        "Names, and other words with a capital, that you have used before are suggested while you "
        "type them. They are counted on this machine, in the project or the file that is open.",
    )
    word_folders: tuple[str, ...] = _setting(
        (),
        "Words",
        "Folders of my texts",
        "Words are learned from the texts in these folders, too. They count for less than those of "
        "the project.",
    )
    draft_tokens: int = _setting(
        200,
        "Drafts",
        "Longest draft",
        "The longest draft that Ctrl+Enter writes.",
        unit="tokens",
        between=(8, 4096),
    )
    draft_temperature: float = _setting(
        0.8,
        "Drafts",
        "Temperature",
        "0 always takes the likeliest word; higher is bolder.",
        between=(0.0, 2.0),
    )
    draft_min_p: float = _setting(
        0.05,
        "Drafts",
        "Min-p",
        "Words less likely than this share of the likeliest one are left out.",
        between=(0.0, 1.0),
    )
    memory_tokens: int = _setting(
        500,
        "Steering",
        "Room for the memory",
        "The most that the model is given of the project’s memory.",
        unit="tokens",
        between=(0, 32_000),
    )
    lore_tokens: int = _setting(
        400,
        "Steering",
        "Room for lore",
        "The most that all lore entries together may take; the most important ones come first.",
        unit="tokens",
        between=(0, 32_000),
    )
    note_tokens: int = _setting(
        100,
        "Steering",
        "Room for the author’s note",
        "The most that the model is given of the author’s note.",
        unit="tokens",
        between=(0, 4_000),
    )
    context_chars: int = _setting(
        3000,
        "Model",
        "Text the model reads",
        "How much of the text before the cursor the model is given; more is slower at first.",
        unit="characters",
        between=(200, 200_000),
    )
    n_ctx: int = _setting(
        4096,
        "Model",
        "Context window",
        "Room for text in the model's memory; a change loads the model again.",
        unit="tokens",
        between=(512, 131_072),
    )
    model_path: str = _setting(
        "", "Model", "Model file", "The GGUF file to write with; empty for the one included."
    )
    n_threads: int = _setting(
        0,
        "Machine",
        "Processor threads",
        "Threads that the model computes with; automatic measures how many are fastest.",
        unit="threads",
        between=(0, 256),
    )
    gpu_layers: int = _setting(
        -1,
        "Machine",
        "Layers on the GPU",
        "How many of the model's layers a GPU takes, if there is one.",
        unit="layers",
        between=(-1, 1000),
    )
    flash_attention: str = _setting(
        "auto",
        "Machine",
        "Flash attention",
        "Faster on most GPUs and slower on a processor; automatic knows which.",
        choices=("auto", "on", "off"),
        words=("Automatic", "On", "Off"),
    )
    kv_type: str = _setting(
        "f16",
        "Machine",
        "Memory for the text",
        "Half the memory leaves room for a larger context window, a little less exactly; flash "
        "attention is then on.",
        choices=("f16", "q8_0"),
        words=("Full precision", "Half the memory"),
    )
    tune_only_when_idle: bool = _setting(
        False,
        "Machine",
        "Tune only when I’m idle",
        "A tuning stands still for two minutes after every key that you press. It always waits for "
        "your suggestions.",
    )
    key_accept: str = _key("Tab", "Take it", "Takes the grey text, or as much as Tab is to take.")
    key_all: str = _key("Alt+End", "Take all of it", "Takes the grey text to its end.")
    key_word: str = _key(_NEXT_WORD, "Take the next word", "Takes the next word of the grey text.")
    key_sentence: str = _key(
        "Ctrl+Down",
        "Take the next sentence or line",
        "Takes the next sentence of the grey text; in verse and code, the next line.",
    )
    key_dismiss: str = _key(
        "Esc", "Put it away", "Stops the draft that is being written, or takes grey text away."
    )
    key_suggest: str = _key(
        "Ctrl+Space", "Suggest now", "Suggests something here, however unsure the model is."
    )
    key_next: str = _key("Alt+]", "Next suggestion", "Shows another suggestion for the place.")
    key_previous: str = _key("Alt+[", "Previous suggestion", "Shows the one before it again.")
    key_draft: str = _key(
        "Ctrl+Return", "Write a draft", "Writes on from the cursor; once more for another draft."
    )
    key_review: str = _key(
        "Ctrl+Shift+J", "Read it out", "Has a screen reader say what the grey text is."
    )

    @staticmethod
    def declared() -> Iterator[Declared]:
        """All settings in the order of the dialog."""
        for each in fields(Settings):
            yield _declared(each)

    def checked(self) -> Settings:
        """These settings. Raises `SettingsError` naming the first one out of range."""
        for each in self.declared():
            value = getattr(self, each.key)
            if not each.accepts(value):
                raise SettingsError(f"“{each.label}” can't be {value!r}. {_allowed(each)}")
        self._check_keys()
        return self

    def _check_keys(self) -> None:
        known: dict[str, str] = {}
        for each in self.declared():
            if not each.is_key or not (key := getattr(self, each.key)):
                continue
            if key.removeprefix("Shift+") in _TYPED or len(key.removeprefix("Shift+")) == 1:
                raise SettingsError(
                    f"“{key}” writes into the text. Choose a key together with Ctrl or Alt."
                )
            other = known.setdefault(key.casefold(), each.label)
            if other is not each.label:
                raise SettingsError(
                    f"“{key}” is the key for “{other}” already. Choose another one for "
                    f"“{each.label}”."
                )


_TYPED = ("Space", "Return", "Enter", "Backspace", "Del")


def _declared(of: Field[Any]) -> Declared:
    return Declared(key=of.name, default=of.default, **of.metadata)


def _allowed(of: Declared) -> str:
    if isinstance(of.default, tuple):
        return "Choose folders whose names have only letters that can be written."
    if of.choices:
        return f"Choose one of: {', '.join(of.choices)}."
    if of.minimum is not None and of.maximum is not None:
        unit = f" {of.unit}" if of.unit else ""
        return f"Choose a value from {of.minimum:g} to {of.maximum:g}{unit}."
    return f"Choose a value such as {of.default!r}."


class SettingsStore:
    """The settings and their file. A damaged file or value falls back to the default."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listeners: list[Callable[[Settings], None]] = []
        self.current = _read(path)

    def change(self, **values: Any) -> None:
        """Take new values, keep them on disk and tell the listeners.

        Raises `SettingsError` for a value out of range, or when the file can't be written
        (the new values hold for this session all the same).
        """
        changed = replace(self.current, **values).checked()
        if changed == self.current:
            return
        self.current = changed
        for listener in list(self._listeners):
            listener(changed)
        self._write()

    def listen(self, listener: Callable[[Settings], None]) -> Callable[[], None]:
        """Call `listener` after each change; the answer stops that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _write(self) -> None:
        values = {
            each.key: getattr(self.current, each.key)
            for each in Settings.declared()
            if getattr(self.current, each.key) != each.default
        }
        beside = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")
            beside.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise SettingsError(
                f"The settings could not be kept in ‘{self._path}’ ({error.strerror}). "
                "They hold until you close the window."
            ) from error


def _read(path: Path) -> Settings:
    try:
        kept = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        log.warning("settings in %s are not readable, defaults are used: %s", path, error)
        return Settings()
    if not isinstance(kept, dict):
        return Settings()
    good = {}
    for each in Settings.declared():
        if each.key in kept:
            value = kept[each.key]
            if isinstance(each.default, tuple) and isinstance(value, list):
                value = tuple(value)  # which JSON does not know
            if each.accepts(value):
                good[each.key] = value
            else:
                log.warning("setting %s: %r is out of range", each.key, value)
    settings = Settings(**good)
    try:
        return settings.checked()
    except SettingsError as error:
        log.warning("the keys in %s are not used: %s", path, error)
        keys = {each.key: each.default for each in Settings.declared() if each.is_key}
        return replace(settings, **keys)
