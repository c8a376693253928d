"""The one place that wires the parts together."""

from __future__ import annotations

import functools
import logging
import logging.handlers
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import platformdirs

from studio.engine import LoadOptions
from studio.engine.client import EngineClient
from studio.engine.faster import Copies
from studio.library import DefaultModel
from studio.settings import Settings, SettingsStore

if TYPE_CHECKING:
    from studio.ui.desk import Desk
    from studio.writing.sounds import Sounds

NAME = "lamplight"


@dataclass(frozen=True)
class Places:
    """Where Lamplight keeps what is the writer's."""

    settings: Path
    data: Path

    @staticmethod
    def of_user() -> Places:
        return Places(
            settings=platformdirs.user_config_path(NAME, appauthor=False) / "settings.json",
            data=platformdirs.user_data_path(NAME, appauthor=False),
        )


def adapters_home(places: Places) -> Path:
    """The folder of all tunings and what they made."""
    return places.data / "adapters"


def copies(places: Places) -> Copies:
    """Copies of model files that are read faster: the writer's, then those of the set-up."""
    return Copies(copy_folders(places))


def shared_copies() -> Copies:
    """Those beside the program, for everyone who uses it."""
    return Copies([_beside_the_program()])


def copy_folders(places: Places) -> tuple[Path, ...]:
    """As in `LoadOptions.copies`."""
    return places.data / "copies", _beside_the_program()


def _beside_the_program() -> Path:
    return Path(sys.prefix) / "share" / NAME / "copies"


def load_options(places: Places, settings: Settings, path: Path) -> LoadOptions:
    """How to load a model file with the writer's settings."""
    return LoadOptions(
        path=path.expanduser(),
        threads_memo=places.data / "threads.json",
        copies=copy_folders(places),
        n_ctx=settings.n_ctx,
        n_threads=settings.n_threads or None,
        gpu_layers=settings.gpu_layers,
        flash_attention=cast(Literal["auto", "on", "off"], settings.flash_attention),
        kv_type=cast(Literal["f16", "q8_0"], settings.kv_type),
    )


def engine_log(places: Places) -> Path:
    """What the model's process prints."""
    return places.data / "logs" / "engine.log"


def new_client(places: Places) -> EngineClient:
    """An engine client whose worker keeps a log in the data folder."""
    return EngineClient(log_path=engine_log(places))


def keep_log(places: Places) -> Path:
    """Log into the data folder, a few hundred kilobytes at most; where to."""
    path = places.data / "logs" / "lamplight.log"
    handler: logging.Handler
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=256 * 1024, backupCount=1, encoding="utf-8"
        )
    except OSError:
        handler = logging.NullHandler()  # writing matters more than a log
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    return path


def make_desk(model: Path | None, places: Places) -> Desk:
    """All that the windows need from the other parts."""
    from studio import tuning
    from studio.library.power import wants_sparing
    from studio.tuning.writer_first import CourteousClient, WriterFirst
    from studio.ui.desk import Desk

    default = DefaultModel.declared()
    home = adapters_home(places)
    writer_first = WriterFirst(home)
    return Desk(
        settings=SettingsStore(places.settings),
        client=CourteousClient(writer_first, log_path=engine_log(places)),
        data_dir=places.data,
        load_options=functools.partial(load_options, places),
        default_model=default.find,
        download_default=default.download,
        copies=copies(places),
        model_override=model,
        tuning_missing=tuning.missing,
        adapters_home=home,
        writer_first=writer_first,
        power_is_short=wants_sparing,
        load_sounds=load_sounds,
    )


@functools.cache
def load_sounds() -> Sounds:
    """How words sound, from the dictionary on this machine. Raises `LibraryError`."""
    from studio.library.pronunciation import read_cmudict
    from studio.writing.sounds import Sounds

    return Sounds(read_cmudict())


def open_editor(files: Sequence[Path], model: Path | None) -> int:
    """Open the window and stay until it is closed; the exit code."""
    from studio.ui.application import run

    places = Places.of_user()
    keep_log(places)
    return run(make_desk(model, places), files)
