"""`lamplight adapters`, and `--adapter` of other commands."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.app import Places
    from studio.engine import AdapterSet
    from studio.library.adapters import Adapter

_COLUMNS = ("NAME", "MADE FOR", "WHICH IS", "SIZE", "MADE ON")


def add_adapters(commands: Any) -> None:
    """Add `adapters` to the commands of a parser."""
    listing = commands.add_parser(
        "adapters", help="list what tuning has made", description=run.__doc__
    )
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--adapter`."""
    parser.add_argument(
        "--adapter",
        metavar="NAME[:STRENGTH]",
        help="write with the adapter of a tuning, or with a GGUF file of one; the strength is 1 as "
        "it was trained, and goes from 0 to 1.5",
    )


def run(options: argparse.Namespace) -> int:
    """List the adapters on this machine: the model that each was made for and whether that is
    here, and what its report says first."""
    from studio.app import Places, adapters_home
    from studio.library.adapters import Hashes, adapters_in, find_base

    places = Places.of_user()
    hashes = Hashes(_memo(places))
    found, problems = adapters_in(adapters_home(places))
    for problem in problems:
        sys.stderr.write(f"lamplight: {problem}\n")
    bases = [find_base(each, _models(each, places), hashes) for each in found]
    if options.json:
        listed = [_as_json(each, base) for each, base in zip(found, bases, strict=True)]
        sys.stdout.write(json.dumps(listed, ensure_ascii=False) + "\n")
    elif not found:
        sys.stderr.write("There are no adapters yet: lamplight tune makes one from your texts.\n")
    else:
        _print_table(found, bases)
    return 0


def adapters_of(word: str | None, model: Path, places: Places) -> AdapterSet:
    """What `--adapter` asks for, if it is for this model. Raises `AdapterError`."""
    if word is None:
        return ()
    from studio.app import adapters_home
    from studio.library.adapters import AdapterError, Hashes, Model, read_adapter, why_unfit

    path, strength = _meant(word, adapters_home(places))
    adapter = read_adapter(path)
    reason = why_unfit(adapter, Model.of_file(model, Hashes(_memo(places))))
    if reason:
        raise AdapterError(f"{reason} Choose its own model with --model.")
    return ((path.absolute(), strength),)


def _meant(word: str, home: Path) -> tuple[Path, float]:
    """The file and the strength that NAME, FILE, NAME:0.8 and FILE:0.8 mean."""
    from studio.library.adapters import MAX_STRENGTH, AdapterError

    if path := _file_of(word, home):
        return path, 1.0
    name, _, number = word.rpartition(":")
    path = _file_of(name, home) if name else None
    if path is None:
        raise AdapterError(
            f"There is no adapter ‘{word}’: neither a tuning of this name nor a file. "
            "lamplight adapters lists what there is."
        )
    try:
        strength = float(number)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= MAX_STRENGTH:
        raise AdapterError(
            f"“{number}” is no strength. Choose one from 0 to {MAX_STRENGTH:g}; 1 is as trained."
        )
    return path, strength


def _file_of(name: str, home: Path) -> Path | None:
    from studio.library.adapters import ADAPTER
    from studio.tuning.run import RunError, folder_name

    with contextlib.suppress(RunError):
        tuned = home / folder_name(name) / ADAPTER
        if tuned.is_file():
            return tuned
    path = Path(name).expanduser()
    return path if path.is_file() else None


def _models(adapter: Adapter, places: Places) -> Iterator[Path]:
    """All that may be the base of an adapter."""
    from studio.library import DefaultModel, LibraryError
    from studio.settings import SettingsStore
    from studio.tuning.run import Run, RunError
    from studio.ui.memory import Memory

    with contextlib.suppress(RunError):
        yield Run(adapter.path.parent).job.base
    with contextlib.suppress(LibraryError):
        yield DefaultModel.declared().find()
    if chosen := SettingsStore(places.settings).current.model_path:
        yield Path(chosen)
    yield from Memory(places.data / "memory.json").recent("models")


def _memo(places: Places) -> Path:
    return places.data / "hashes.json"


def _as_json(adapter: Adapter, base: Path | None) -> dict[str, object]:
    return {
        "name": adapter.name,
        "path": str(adapter.path),
        "base": adapter.base_name,
        "base_path": str(base) if base else None,
        "size_bytes": adapter.size_bytes,
        "made": _when(adapter.written_s, "%Y-%m-%dT%H:%M:%S"),
        "verdict": adapter.verdict,
    }


def _print_table(adapters: list[Adapter], bases: list[Path | None]) -> None:
    rows = [
        (
            each.name,
            each.base_name or "unknown",
            "here" if base else "not here" if each.base_name else "",
            f"{each.size_bytes / 1e6:.1f} MB",
            _when(each.written_s, "%Y-%m-%d"),
        )
        for each, base in zip(adapters, bases, strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    verdicts = ["", *(each.verdict for each in adapters)]
    for row, verdict in zip([_COLUMNS, *rows], verdicts, strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")
        if verdict:
            sys.stdout.write(f"  {verdict}\n")


def _when(seconds: float, form: str) -> str:
    return time.strftime(form, time.localtime(seconds))
