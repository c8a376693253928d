"""LoRA adapters on this machine: which there are, and which model each was made for.

llama.cpp adds an adapter to any model of the same shape without a word, and what comes out is
noise, or worse, nearly right. So an adapter of ours remembers the hash of its base.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.engine import ModelFileError
from studio.engine.faster import source_of
from studio.engine.gguf_header import read_metadata
from studio.library import LibraryError

log = logging.getLogger(__name__)

ADAPTER, REPORT = "adapter.gguf", "report.json"
"""In the folder of a tuning."""
BASE_HASH, BASE_NAME = "lamplight.base.sha256", "lamplight.base.file"
"""Where an adapter's file remembers its base."""
MAX_STRENGTH = 1.5
_REMEMBERED = 100


class AdapterError(LibraryError):
    """An adapter can't be used: a sentence for the writer."""


@dataclass(frozen=True)
class Adapter:
    """What the file of an adapter says of it."""

    path: Path
    name: str
    """That of the tuning, or of the file."""
    architecture: str
    base_name: str
    """The file name of the model it was made for, or ""."""
    base_hash: str
    """That model's SHA-256, or ""."""
    size_bytes: int
    written_s: float
    """When, in seconds since 1970."""

    @property
    def verdict(self) -> str:
        """The first line of its report, or ""."""
        if self.path.name != ADAPTER:
            return ""
        try:
            report = json.loads((self.path.parent / REPORT).read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        said = report.get("verdict") if isinstance(report, dict) else None
        return said if isinstance(said, str) else ""


@dataclass(frozen=True)
class Model:
    """A model that an adapter may be for."""

    path: Path
    architecture: str
    hashes: Hashes

    @staticmethod
    def of_file(path: Path, hashes: Hashes) -> Model:
        """Raises `AdapterError` if it can't be read."""
        try:
            said = read_metadata(path, ["general.architecture"])
        except ModelFileError as error:
            raise AdapterError(str(error)) from error
        return Model(path, str(said.get("general.architecture", "")), hashes)


def read_adapter(path: Path) -> Adapter:
    """What an adapter's file says; its weights are not looked at. Raises `AdapterError`."""
    keys = ["general.type", "general.architecture", "adapter.type", BASE_HASH, BASE_NAME]
    if not path.exists():
        raise AdapterError(f"There is no adapter file ‘{path}’. It may have been moved.")
    try:
        said = read_metadata(path, keys)
        status = path.stat()
    except ModelFileError as error:
        raise AdapterError(str(error)) from error
    except OSError as error:
        raise AdapterError(f"‘{path.name}’ can't be read ({error.strerror}).") from error
    if (said.get("general.type"), said.get("adapter.type")) != ("adapter", "lora"):
        raise AdapterError(f"‘{path.name}’ is not a LoRA adapter. Choose another file.")
    return Adapter(
        path=path,
        name=name_of(path),
        architecture=str(said.get("general.architecture", "")),
        base_name=str(said.get(BASE_NAME, "")),
        base_hash=str(said.get(BASE_HASH, "")),
        size_bytes=status.st_size,
        written_s=status.st_mtime,
    )


def name_of(path: Path) -> str:
    """What an adapter's file is called: as its tuning is, or as the file."""
    return path.parent.name if path.name == ADAPTER else path.stem


def adapters_in(home: Path) -> tuple[list[Adapter], list[str]]:
    """The adapters of all tunings in the folder `home`, the newest first, and what is wrong with
    those that can't be read, in sentences."""
    found, problems = [], []
    for path in sorted(home.glob(f"*/{ADAPTER}")):
        try:
            found.append(read_adapter(path))
        except AdapterError as error:
            problems.append(f"The adapter of ‘{path.parent.name}’ is not usable. {error}")
    return sorted(found, key=lambda each: -each.written_s), problems


def why_unfit(adapter: Adapter, model: Model) -> str | None:
    """Why `adapter` is not for `model`, or None.

    May have to read all of the model's file, once. Raises `AdapterError` if it can't.
    """
    name, file = f"‘{adapter.name}’", f"‘{model.path.name}’"
    if adapter.architecture != model.architecture:
        return (
            f"The adapter {name} is for a “{adapter.architecture}” model, and {file} is a "
            f"“{model.architecture}” model."
        )
    if not adapter.base_hash or adapter.base_hash == model.hashes.of(model.path):
        return None
    if adapter.base_name == model.path.name:
        return (
            f"The adapter {name} was made for another file that is called {file}, too. It does "
            "not fit this one."
        )
    base = f"‘{adapter.base_name}’" if adapter.base_name else "another model"
    return f"The adapter {name} was made for {base} and does not fit {file}."


def doubt_about(adapter: Adapter) -> str:
    """A quiet word about an adapter that nobody can say is for the model; "" if it is ours."""
    if adapter.base_hash:
        return ""
    return (
        f"‘{adapter.name}’ does not say which model it was made for. If what it writes makes no "
        "sense, it was made for another one."
    )


def find_base(adapter: Adapter, candidates: Iterable[Path], hashes: Hashes) -> Path | None:
    """The model that `adapter` was made for, if it is one of these files.

    Only those that have its name are read for it, or are known already.
    """
    if not adapter.base_hash:
        return None
    for path in dict.fromkeys(candidates):
        with contextlib.suppress(AdapterError):
            named = path.name == adapter.base_name and path.is_file()
            if (hashes.of(path) if named else hashes.known(path)) == adapter.base_hash:
                return path
    return None


class Hashes:
    """The SHA-256 of model files: computed once for each and remembered. Thread-safe."""

    def __init__(self, memo: Path | None) -> None:
        """`memo`: a JSON file, which other Lamplights write, too."""
        self._memo = memo
        self._turn = threading.Lock()
        self._mine: dict[str, str] = {}

    def of(self, path: Path) -> str:
        """Takes a second for each gigabyte or so, the first time. Raises `AdapterError`.

        That of a copy in another format is its source's: the same adapters fit.
        """
        with self._turn:  # who asks for the same meanwhile need not compute it, too
            if known := self.known(path):
                return known
            try:
                key = _key(path)
                found = source_of(path)
                if not found:
                    with path.open("rb") as file:
                        found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise AdapterError(
                    f"‘{path.name}’ can't be read ({error.strerror}), so nobody can say which "
                    "adapters are for it."
                ) from error
            self._keep(key, found)
            return found

    def known(self, path: Path) -> str | None:
        """The hash, if this very file was read before. Computes nothing."""
        try:
            key = _key(path)
        except OSError:
            return None
        return self._mine.get(key) or self._read().get(key)

    def _keep(self, key: str, found: str) -> None:
        self._mine[key] = found
        if self._memo is None:
            return
        others = [(k, v) for k, v in self._read().items() if k != key]
        known = dict([*others[1 - _REMEMBERED :], (key, found)])
        beside = self._memo.with_suffix(f".{os.getpid()}.new")
        try:
            self._memo.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(known, indent=1), "utf-8")
            beside.replace(self._memo)
        except OSError as error:
            log.info("hashes are not remembered: %s", error)
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(self._memo.read_text("utf-8")) if self._memo else {}
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {key: value for key, value in known.items() if isinstance(value, str)}


def _key(path: Path) -> str:
    """Another one when the file was written anew. Raises `OSError`."""
    said = path.stat()
    return f"{path.absolute()} {said.st_size} {said.st_mtime_ns}"
