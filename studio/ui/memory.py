"""What the windows remember between two runs: recent files, folders and models, their size, and
which adapter was used with which model."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from studio.library.adapters import MAX_STRENGTH

log = logging.getLogger(__name__)

KEPT = 50
"""How many of each kind are kept. More than a menu shows: some may be gone, and the folders are
where unsaved text is looked for at the start."""
IN_MENU = 10

Kind = Literal["files", "folders", "models", "adapters"]


@dataclass(frozen=True)
class _Remembered:
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    geometry: str = ""
    adapted: dict[str, tuple[str, float]] = field(default_factory=dict)
    """For the file of a model, that of its adapter, and the strength."""


class Memory:
    """A small JSON file that is read afresh each time: other Lamplights write it too.

    Nothing of it is worth a message to the writer: what can't be read or written is logged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def recent(self, kind: Kind) -> list[Path]:
        """The newest first, also those that are gone by now."""
        names: tuple[str, ...] = getattr(self._read(), kind)
        return [Path(name) for name in names]

    def for_menu(self, kind: Kind) -> list[Path]:
        """The newest ones that still exist."""
        there: list[Path] = []
        for path in self.recent(kind):
            with contextlib.suppress(OSError):
                if path.exists():
                    there.append(path)
            if len(there) == IN_MENU:
                break
        return there

    def add(self, kind: Kind, path: Path) -> None:
        """`path` was just used."""
        name = str(path.absolute())
        known = self._read()
        others = [other for other in getattr(known, kind) if other != name]
        newest = (name, *others)[:KEPT]
        match kind:
            case "files":
                self._write(replace(known, files=newest))
            case "folders":
                self._write(replace(known, folders=newest))
            case "models":
                self._write(replace(known, models=newest))
            case "adapters":
                self._write(replace(known, adapters=newest))

    def adapter_of(self, model: Path) -> tuple[Path, float] | None:
        """The adapter that this model is used with, and its strength (1 is as trained)."""
        name, strength = self._read().adapted.get(str(model.absolute()), ("", 1.0))
        return (Path(name), strength) if name else None

    def use_adapter(self, model: Path, adapter: Path | None, strength: float = 1.0) -> None:
        """Use this model with that adapter from now on, or with none."""
        known = self._read()
        name = str(model.absolute())
        others = [each for each in known.adapted.items() if each[0] != name][1 - KEPT :]
        this = [(name, (str(adapter.absolute()), strength))] if adapter else []
        self._write(replace(known, adapted=dict(others + this)))

    @property
    def geometry(self) -> str:
        """Place and size of the window that was closed last, as Qt tells it, in base 64."""
        return self._read().geometry

    @geometry.setter
    def geometry(self, value: str) -> None:
        self._write(replace(self._read(), geometry=value))

    def _read(self) -> _Remembered:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return _Remembered()
        except (OSError, ValueError) as error:
            log.warning("%s is not readable: %s", self._path, error)
            return _Remembered()
        if not isinstance(kept, dict):
            return _Remembered()
        geometry = kept.get("geometry")
        return _Remembered(
            files=_names(kept.get("files")),
            folders=_names(kept.get("folders")),
            models=_names(kept.get("models")),
            adapters=_names(kept.get("adapters")),
            geometry=geometry if isinstance(geometry, str) else "",
            adapted=dict(_adapted(kept.get("adapted"))),
        )

    def _write(self, remembered: _Remembered) -> None:
        beside = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(asdict(remembered), indent=1), "utf-8")
            beside.replace(self._path)
        except OSError as error:
            log.warning("%s could not be written: %s", self._path, error)
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def _names(kept: object) -> tuple[str, ...]:
    return tuple(each for each in kept if isinstance(each, str)) if isinstance(kept, list) else ()


def _adapted(kept: object) -> Iterator[tuple[str, tuple[str, float]]]:
    for model, used in kept.items() if isinstance(kept, dict) else ():
        match used:
            case [str(adapter), float() | int() as strength] if 0 <= strength <= MAX_STRENGTH:
                yield model, (adapter, float(strength))
