"""What the windows need from the rest of the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from studio.engine import AdapterSet, LoadOptions
from studio.engine.client import EngineClient
from studio.engine.faster import Copies
from studio.settings import Settings, SettingsStore
from studio.tuning.writer_first import WriterFirst
from studio.writing.sounds import Sounds


@dataclass
class InUse:
    """What the adapter that the writer chose means to whoever asks the model."""

    adapters: AdapterSet = ()
    """All of the writer's requests carry them."""
    doubt: Callable[[], None] = lambda: None
    """Called when a request that carried them failed."""


@dataclass(frozen=True)
class Desk:
    """Made by `studio.app`, handed to every window."""

    settings: SettingsStore
    client: EngineClient
    data_dir: Path
    """The user's data folder."""
    load_options: Callable[[Settings, Path], LoadOptions]
    """How to load a model file with these settings."""
    default_model: Callable[[], Path]
    """The included model's file. Raises `LibraryError` if it is not on this machine."""
    download_default: Callable[[], Path]
    """Gets the included model; may take minutes. Raises `LibraryError`."""
    copies: Copies
    """Copies of model files in formats that this machine reads faster."""
    model_override: Path | None
    """`--model` of the command line; takes precedence over the settings."""
    tuning_missing: Callable[[], str | None]
    """None if fine-tuning can be done here, else the sentence that says what to add."""
    adapters_home: Path
    """The folder of all tunings and what they made; it need not exist."""
    writer_first: WriterFirst
    """Has training stand still; the client does so while the writer waits for it."""
    power_is_short: Callable[[], bool]
    """Whether the machine runs on battery or is hot; takes some milliseconds."""
    load_sounds: Callable[[], Sounds]
    """How words sound; the first time takes a tenth of a second. Raises `LibraryError`."""
    in_use: InUse = field(default_factory=InUse)
