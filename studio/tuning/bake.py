"""An adapter baked into a copy of its base, in a process of its own.

`python -m studio.tuning.bake ADAPTER BASE TARGET STRENGTH` tells line by line how far it is. It
stops, and leaves nothing behind, when its stdin is closed: also when whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.engine import EngineError
from studio.library import LibraryError
from studio.library.adapters import Hashes, Model, read_adapter, why_unfit
from studio.tuning import TuningError

if TYPE_CHECKING:
    from studio.tuning.base import BaseModel
    from studio.tuning.export import Pair

_NEEDED = ("gguf", "safetensors")
_STOPPED = 3
"""The exit code of who was stopped."""
_ROOM = 1.05
"""What a file takes beside its weights."""


class BakeError(TuningError):
    """The copy could not be made."""


class BakeStopped(BakeError):
    """It was stopped, and nothing was written."""


class Bake:
    """One copy that is being made."""

    def __init__(self, adapter: Path, base: Path, target: Path, strength: float = 1.0) -> None:
        """`adapter` is a GGUF file."""
        self._arguments = [str(adapter), str(base), str(target), str(strength)]
        self._target = target
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(self) -> Iterator[float]:
        """Make it; how much is done, 0 to 1. The file is there when the iterator is at its end.

        Raises `BakeError`; then there is no file, and nothing lies beside its place.
        """
        absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if absent:
            raise BakeError(
                f"Baking needs {' and '.join(absent)}, which this installation does not have. To "
                "add what tuning needs, close Lamplight and run “make run” in its folder."
            )
        reason = ""
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "studio.tuning.bake", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"PYTHONUTF8": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        ) as process:
            self._process = process
            if self._stopped:
                self.stop()
            try:
                for line in process.stdout or ():
                    word, _, rest = line.strip().partition(" ")
                    if word == "done":
                        yield float(rest)
                    elif word == "failed":
                        reason = rest
            finally:
                self.stop()  # it has ended by itself, unless nobody wants the copy any more
        if process.returncode == _STOPPED:
            raise BakeStopped("Stopped. No model file was written.")
        if process.returncode != 0:
            raise BakeError(
                reason
                or f"‘{self._target.name}’ could not be made: the process that made it was ended, "
                "perhaps for want of memory. Close other programs and try again."
            )

    def stop(self) -> None:
        """From any thread: stop it. What was written is removed."""
        self._stopped = True
        if self._process and self._process.stdin:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()


def read_pairs(adapter: Path, base: BaseModel) -> Mapping[str, Pair]:
    """What the GGUF file of an adapter adds to each weight of `base`, scaled as llama.cpp does.

    Raises `BakeError`.
    """
    import gguf
    import numpy as np

    from studio.tuning.base import Shape
    from studio.tuning.export import Pair

    name = f"‘{adapter.name}’"
    try:
        reader = gguf.GGUFReader(adapter)
        alpha_of = reader.fields.get("adapter.lora.alpha")
        alpha = float(alpha_of.contents()) if alpha_of else 0.0
        halves: dict[str, dict[str, Any]] = {}
        for tensor in reader.tensors:
            weight, _, part = tensor.name.rpartition(".")
            values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            halves.setdefault(weight, {})[part] = values
    except (ValueError, IndexError, KeyError, OSError, OverflowError, NotImplementedError) as error:
        raise BakeError(f"The adapter {name} is damaged. Get it again.") from error
    pairs = {}
    for weight, parts in halves.items():
        a, b = parts.get("lora_a"), parts.get("lora_b")
        if a is None or b is None or len(parts) != 2:
            raise BakeError(f"The adapter {name} holds “{weight}”, which can't be baked.")
        shape = base.weights.get(weight)
        if shape != Shape(b.shape[0], a.shape[1]) or a.shape[0] != b.shape[1]:
            raise BakeError(f"The adapter {name} does not fit ‘{base.path.name}’ (“{weight}”).")
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise BakeError(f"The adapter {name} is damaged: “{weight}” is no number any more.")
        pairs[weight] = Pair(a, b * np.float32(alpha / len(a) if alpha else 1.0))
    return pairs


def _refuse_what_can_be_seen(adapter: Path, base: Path, target: Path) -> None:
    if target.exists():
        raise BakeError(
            f"There is a file ‘{target.name}’ already. Choose another name, or remove it first."
        )
    reason = why_unfit(read_adapter(adapter), Model.of_file(base, Hashes(None)))
    if reason:
        raise BakeError(reason)


def _refuse_for_want_of_room(base: BaseModel, target: Path) -> None:
    """The copy is made in 16 or 32 bits first, and made smaller from there."""
    size = base.path.stat().st_size
    needed = size * _ROOM if base.full_precision else size * _ROOM + 2 * base.n_params
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise BakeError(
            f"Baking needs {needed / 1e9:.1f} GB in ‘{target.parent}’, and {free / 1e9:.1f} GB are "
            "free. Make room or choose another place."
        )


def _steps(
    adapter: Path, base_path: Path, target: Path, strength: float
) -> Generator[float, None, None]:
    from studio.tuning.base import inspect
    from studio.tuning.export import bake_pairs

    _refuse_what_can_be_seen(adapter, base_path, target)
    base = inspect(base_path)
    _refuse_for_want_of_room(base, target)
    yield from bake_pairs(read_pairs(adapter, base), base, target, strength=strength)


def _sentence(error: Exception, target: Path) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return (
                f"‘{target.name}’ could not be written to its end: the disk is full. Make room or "
                "choose another place."
            )
        return (
            f"‘{target.name}’ can't be written in ‘{target.parent}’ ({error.strerror}). Choose "
            "another place."
        )
    if isinstance(error, MemoryError):
        return "There is not enough memory for it. Close other programs and try again."
    return str(error)


def main(arguments: list[str]) -> int:
    """Bake; the exit code. Tells on stdout."""
    adapter, base, target = map(Path, arguments[:3])
    stopped = threading.Event()

    def watch() -> None:
        while os.read(0, 1024):  # not by sys.stdin: its lock would be held when Python ends
            pass
        stopped.set()

    threading.Thread(target=watch, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # the writer's suggestions come first
    try:
        with contextlib.closing(_steps(adapter, base, target, float(arguments[3]))) as steps:
            for done in steps:
                if stopped.is_set():
                    if done < 1:
                        return _STOPPED
                    break
                _tell(f"done {done:.4f}")
    except (TuningError, EngineError, LibraryError, OSError, MemoryError) as error:
        _tell(f"failed {_sentence(error, target)}")
        return 1
    return 0


def _tell(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody wants it any more: stdin says so, too
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
