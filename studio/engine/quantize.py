"""Copies of model files in other formats: smaller ones, for adapters that are baked into their
base, and ones that are read faster.

llama.cpp does the work in a process of its own (`quantizing`): it takes
minutes, and a file that it stumbles over would take its process down.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.engine import EngineError
from studio.engine.gguf_header import read_metadata
from studio.engine.model_file import refuse_unfit

log = logging.getLogger(__name__)


class QuantizeError(EngineError):
    """A smaller copy of a model could not be made."""


@dataclass(frozen=True)
class FileType:
    """A kind of GGUF file: how the weights in it are kept."""

    name: str
    """As in file names, such as "Q4_K_M"."""
    number: int
    """`llama_ftype` in llama.h, and `general.file_type` in the file."""
    bits: float
    """About how many a weight takes."""


# All that need no importance matrix.
FILE_TYPES = {
    each.name: each
    for each in (
        FileType("F32", 0, 32),
        FileType("F16", 1, 16),
        FileType("BF16", 32, 16),
        FileType("Q8_0", 7, 8.5),
        FileType("Q6_K", 18, 6.6),
        FileType("Q5_K_M", 17, 5.7),
        FileType("Q5_K_S", 16, 5.5),
        FileType("Q5_1", 9, 6),
        FileType("Q5_0", 8, 5.5),
        FileType("Q4_K_M", 15, 4.9),
        FileType("Q4_K_S", 14, 4.6),
        FileType("IQ4_NL", 25, 4.5),
        FileType("IQ4_XS", 30, 4.3),
        FileType("Q4_1", 3, 5),
        FileType("Q4_0", 2, 4.5),
        FileType("Q3_K_L", 13, 4.3),
        FileType("Q3_K_M", 12, 3.9),
        FileType("Q3_K_S", 11, 3.5),
        FileType("Q2_K", 10, 3.2),
    )
}
_FULL = ("F32", "F16", "BF16")


def file_type_of(path: Path) -> FileType | None:
    """How the weights of a GGUF file are kept, as it says itself.

    None if it does not say, or says a kind that `quantize` can't make. Raises `ModelFileError`.
    """
    refuse_unfit(path)
    number = read_metadata(path, ["general.file_type"]).get("general.file_type")
    return next((each for each in FILE_TYPES.values() if each.number == number), None)


def quantize(source: Path, target: Path, file_type: str) -> Iterator[float]:
    """Write a copy of `source` (F32, F16 or BF16) as `file_type`, one of `FILE_TYPES`.

    Yields how much is done, 0 to 1, at every tensor; the copy is there when the iterator is at
    its end, and nothing is if it is dropped before. Raises `ModelFileError` for a source that
    can't be used and `QuantizeError` for anything else.
    """
    yield from _written(source, target, _accepted(source, target, file_type), {})


def _written(
    source: Path, target: Path, wanted: FileType, said: Mapping[str, str]
) -> Iterator[float]:
    try:
        handle, name = tempfile.mkstemp(".part", ".", target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    os.close(handle)
    part = Path(name)
    try:
        yield from _in_a_process(source, part, wanted, target, said)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        part.unlink(missing_ok=True)


def recode(source: Path, target: Path, file_type: str, said: Mapping[str, str]) -> Iterator[float]:
    """As `quantize`, of a source that may be quantized already: its weights in another format.

    `file_type` should have more bits than the source's, or the copy is another model. `said` is
    added to what the file says of itself; up to 127 letters each.
    """
    wanted = _accepted(source, target, file_type, quantized=True)
    yield from _written(source, target, wanted, said)


def _accepted(source: Path, target: Path, file_type: str, *, quantized: bool = False) -> FileType:
    """The type that is meant, if all that can be seen beforehand is well."""
    wanted = FILE_TYPES.get(file_type)
    if wanted is None:
        raise QuantizeError(
            f"There is no file type “{file_type}”. Choose one of {', '.join(FILE_TYPES)}."
        )
    given = file_type_of(source)
    if given and given.name not in _FULL and not quantized:
        raise QuantizeError(
            f"‘{source.name}’ is quantized already ({given.name}), and would lose more by being "
            "quantized again. Choose the F16 or F32 file that it was made from."
        )
    if target.exists():
        raise QuantizeError(
            f"There is a file ‘{target.name}’ already. Choose another name, or remove it first."
        )
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise _unwritable(target, error) from error
    needed = source.stat().st_size * wanted.bits / (given.bits if given else 16)
    if needed > free:
        raise QuantizeError(
            f"‘{target.name}’ needs about {_size(needed)}, and {_size(free)} are free on the "
            "disk. Make room, or choose another place or a smaller type."
        )
    return wanted


def _in_a_process(
    source: Path, part: Path, wanted: FileType, target: Path, said: Mapping[str, str]
) -> Iterator[float]:
    command = [sys.executable, "-P", "-m", "studio.engine.quantizing"]
    command += [str(source), str(part), str(wanted.number)]
    command += [f"{key}={value}" for key, value in said.items()]
    reason = ""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as process:
        try:
            for line in process.stdout or ():
                word, _, rest = line.strip().partition(" ")
                if word == "done":
                    done, total = map(int, rest.split())
                    yield done / total
                elif word == "failed":
                    reason = rest
        finally:
            process.kill()  # has ended by itself, unless nobody wants the copy any more
    if process.returncode == 0:
        return
    log.warning("quantize %s: exit code %s, %s", source, process.returncode, reason)
    if "iostream" in reason or "ios_base" in reason:
        raise QuantizeError(
            f"‘{target.name}’ could not be written to its end: the disk is probably full. "
            "Make room or choose another place."
        )
    if "requantizing" in reason:
        raise QuantizeError(
            f"‘{source.name}’ is quantized already. Choose the F16 or F32 file that it was made "
            "from."
        )
    raise QuantizeError(
        f"‘{source.name}’ could not be quantized"
        f"{f' ({reason})' if reason else ': it is damaged, or the memory was not enough'}. "
        "Nothing was written."
    )


def _unwritable(target: Path, error: OSError) -> QuantizeError:
    return QuantizeError(
        f"‘{target.name}’ can't be written in ‘{target.parent}’ ({error.strerror}). "
        "Choose another place."
    )


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
