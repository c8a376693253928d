"""Copies of model files in a format that this machine reads faster.

llama.cpp has no quick way to compute a batch of tokens with some formats, such as Q4_1: it has
one, with repacked weights, for the formats beside them. The same weights as Q8_0 are the same model
(docs/completion.md has the figures), larger, and may be read up to twice as fast. Whether they are
depends on the processor, so it is measured; a copy that is not better is not kept.

A copy lies in a folder of copies and knows the hash of its source, whose place it takes: settings,
adapters and tunings go on naming the source.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from studio.engine import ModelFileError
from studio.engine.gguf_header import read_metadata
from studio.engine.quantize import FILE_TYPES, QuantizeError, file_type_of, recode

log = logging.getLogger(__name__)

SOURCE_HASH = "lamplight.source.sha256"
"""In the metadata of a copy: the SHA-256 of the file that it was made from."""
_TYPE = "Q8_0"
_SLOW = ("Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L")
"""Those that llama.cpp does not repack (ggml-cpu/repack.cpp)."""
_WORTH = 1.1
"""A copy is kept if it is faster by this factor."""
_QUANTIZED = 0.6
"""The share of the time that the copy itself takes, of making and measuring it."""
_RECORD = "copies.json"
_TRIAL = ".trial"
_OLD_S = 3_600.0
"""No copy takes so long to be made and measured."""


@dataclass(frozen=True)
class Verdict:
    """What is known of a copy of one file on this machine."""

    copy: str
    """The file's name, in the folder where this is recorded; empty if there is none to be used."""
    n_bytes: int
    sha256: str
    """Of the source."""
    ratio: float
    """How many times as fast the copy was; 0 if nobody wants to know."""


class Copies:
    """The copies in some folders, the first of which is written to.

    All methods but `make` cost some reads of small files. No folder need exist.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def find(self, model: Path) -> Path | None:
        """The copy to load in place of `model`, if there is one and it is whole."""
        for folder, verdict in self._verdicts(model):
            if not verdict.copy:
                return None
            path = folder / verdict.copy
            with contextlib.suppress(OSError):
                whole = path.stat().st_size == verdict.n_bytes
                if whole and source_of(path) == verdict.sha256:
                    return path
            log.info("%s is gone or was changed", path)
        return None

    def undecided(self, model: Path) -> bool:
        """Whether the file is in a slow format, and nobody has measured or declined a copy."""
        if any(not v.copy or (f / v.copy).is_file() for f, v in self._verdicts(model)):
            return False
        return bool(slow_format(model))

    def size_of_copy(self, model: Path) -> int:
        """About how many bytes a copy would take. Raises `OSError`."""
        given = file_type_of(model)
        bits = given.bits if given else FILE_TYPES[_TYPE].bits
        return int(model.stat().st_size * FILE_TYPES[_TYPE].bits / bits)

    def make(self, model: Path) -> Generator[float, None, None]:
        """Make a copy, measure both, and keep the copy if it is faster: `verdict` tells then.

        Takes some seconds for each gigabyte, and all cores. Yields how much is done, 0 to 1;
        nothing is left behind if it is dropped. Raises `QuantizeError` and `ModelFileError`.
        """
        folder = self._folders[0]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            key = _key(model)
            _refuse_what_does_not_fit(model, self.size_of_copy(model))
            with model.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            # Another Lamplight may make the same one.
            trial = folder / f".{model.stem}.{os.getpid()}{_TRIAL}"
            try:
                for done in recode(model, trial, _TYPE, {SOURCE_HASH: sha256}):
                    yield done * _QUANTIZED
                ratio = 0.0
                for done, told in _measured(model, trial):
                    yield _QUANTIZED + done * (1 - _QUANTIZED)
                    ratio = told
                log.info("a copy of %s is read %.2f times as fast", model.name, ratio)
                verdict = Verdict("", 0, sha256, ratio)
                if ratio >= _WORTH:
                    trial.chmod(model.stat().st_mode & 0o777)  # who may read one may read both
                    target = folder / f"{model.stem}.{sha256[:8]}.{_TYPE}.gguf"
                    verdict = replace(verdict, copy=target.name, n_bytes=trial.stat().st_size)
                    trial.replace(target)
                self._record(key, verdict)
            finally:
                trial.unlink(missing_ok=True)
        except OSError as error:
            raise QuantizeError(
                f"‘{error.filename}’ can't be used ({error.strerror}), so no faster copy was made."
            ) from error

    def verdict(self, model: Path) -> Verdict | None:
        """What came of `make` or `decline`, if either was done with this very file."""
        return next((verdict for _, verdict in self._verdicts(model)), None)

    def decline(self, model: Path) -> None:
        """Use no copy of this file, and remove the one there is.

        Raises `OSError` and `QuantizeError`.
        """
        known = list(self._verdicts(model))
        self._record(_key(model), Verdict("", 0, "", 0.0))
        for folder, verdict in known:
            if verdict.copy and folder == self._folders[0]:
                with contextlib.suppress(OSError):  # it may be in use; the next `make` sweeps it
                    (folder / verdict.copy).unlink(missing_ok=True)

    def _record(self, key: str, verdict: Verdict) -> None:
        folder = self._folders[0]
        try:
            _write(folder, {**_read(folder), key: asdict(verdict)})
        except OSError as error:
            raise QuantizeError(
                f"‘{folder / _RECORD}’ can't be written ({error.strerror}), so no faster copy is "
                "used. Make room on the disk, or check that you may write there."
            ) from error

    def _verdicts(self, model: Path) -> Iterator[tuple[Path, Verdict]]:
        try:
            key = _key(model)
        except OSError:
            return
        for folder in self._folders:
            entry = _read(folder).get(key)
            with contextlib.suppress(TypeError):
                verdict = Verdict(**entry)  # type: ignore[arg-type]  # it may hold anything
                if isinstance(verdict.copy, str) and Path(verdict.copy).name == verdict.copy:
                    yield folder, verdict


def _sweep(folder: Path) -> None:
    """Remove what was left behind by a Lamplight that ended while it made a copy."""
    entries = [entry for entry in _read(folder).values() if isinstance(entry, dict)]
    recorded = {entry.get("copy") for entry in entries}
    for path in folder.iterdir():
        left = path.name.endswith((_TRIAL, ".part")) or path.suffix == ".gguf"
        with contextlib.suppress(OSError):
            if left and path.name not in recorded and time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink()


def _refuse_what_does_not_fit(model: Path, n_bytes: int) -> None:
    """Both are loaded to be measured. Raises `QuantizeError`."""
    needed, free = model.stat().st_size + n_bytes, psutil.virtual_memory().available
    if needed > free:
        raise QuantizeError(
            f"A copy of ‘{model.name}’ can't be measured: that needs {needed / 2**30:.1f} GB of "
            f"memory, and {free / 2**30:.1f} GB are free. The file itself is used."
        )


def slow_format(model: Path) -> str:
    """The format of a file, such as "Q4_1", if it may be slow here; else, or unreadable, empty."""
    try:
        file_type = file_type_of(model)
    except ModelFileError:
        return ""
    return file_type.name if file_type and file_type.name in _SLOW else ""


def source_of(model: Path) -> str:
    """The SHA-256 of the file that this one is a copy of; empty if it is none, or unreadable."""
    try:
        return str(read_metadata(model, [SOURCE_HASH]).get(SOURCE_HASH, ""))
    except ModelFileError:
        return ""


def _key(model: Path) -> str:
    """Another one when the file was written anew, or the processor is another. Raises OSError."""
    status = model.stat()
    return f"{model.name} {status.st_size} {status.st_mtime_ns}, {os.cpu_count()} processors"


def _read(folder: Path) -> dict[str, object]:
    try:
        known = json.loads((folder / _RECORD).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(folder: Path, known: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{_RECORD}.{os.getpid()}.new"
    try:
        beside.write_text(json.dumps(known, indent=1), "utf-8")
        beside.replace(folder / _RECORD)
    finally:
        beside.unlink(missing_ok=True)


def _measured(source: Path, copy: Path) -> Iterator[tuple[float, float]]:
    """(how much is done, how many times as fast the copy is so far), in a process of its own."""
    command = [sys.executable, "-P", "-m", "studio.engine.reading_speed", str(source), str(copy)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as process:
        try:
            for line in process.stdout or ():
                done, ratio = map(float, line.split())
                yield done, ratio
        finally:
            process.kill()  # has ended by itself, unless nobody wants it any more
    if process.returncode:
        log.warning("measuring %s: exit code %s", copy, process.returncode)
        raise QuantizeError(
            f"Whether a copy of ‘{source.name}’ would be read faster could not be measured: "
            "probably the memory was not enough. The file itself is used."
        )
