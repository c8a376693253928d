"""Why the file of a model or an adapter can't be used, in words."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import psutil

from studio.engine import EngineError, ModelFileError

log = logging.getLogger(__name__)

_NAME = re.compile(r"[\w.-]*", re.ASCII)
_OTHER_MODEL = ("arch mismatch", "not exist in base model", "incorrect shape", "not transposed")


def refuse_unfit(path: Path, gpu_bytes: int = 0) -> None:
    """Refuse what can be seen without reading the whole file. Raises `ModelFileError`.

    `gpu_bytes` are free on the GPUs that share the model with the machine's own memory.
    """
    size = refuse_unreadable(path)
    available = psutil.virtual_memory().available + gpu_bytes
    if size > available:
        raise ModelFileError(
            f"‘{path.name}’ needs {size / 2**30:.1f} GB of memory, and {available / 2**30:.1f} GB "
            "are free. Close other programs or choose a smaller model."
        )


def refuse_unreadable(path: Path) -> int:
    """Refuse what is no GGUF file at a glance; its size in bytes. Raises `ModelFileError`."""
    name = f"‘{path.name}’"
    try:
        if path.is_dir():
            raise ModelFileError(f"{name} is a folder. Choose a model file that ends in .gguf.")
        if path.exists() and not path.is_file():
            raise ModelFileError(f"{name} is not a file. Choose a model file that ends in .gguf.")
        with path.open("rb") as file:
            magic = file.read(4)
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise ModelFileError(
            f"There is no file ‘{path}’. It may have been moved: open the model again."
        ) from error
    except OSError as error:
        raise ModelFileError(
            f"{name} can't be read ({error.strerror}). Check that you may read it."
        ) from error
    if magic != b"GGUF":
        raise ModelFileError(
            f"{name} is not a GGUF model{' (it is empty)' if not size else ''}. "
            "Choose a model file in the GGUF format."
        )
    return size


def why_not_loaded(path: Path, lines: list[str]) -> ModelFileError:
    """What llama.cpp's log says about a file that it did not load, as a sentence."""
    for line in lines:
        log.info("llama.cpp: %s", line)
    text = "\n".join(lines)
    name = f"‘{path.name}’"
    if "unknown model architecture" in text:
        architecture = text.split("unknown model architecture:")[1].split("\n")[0].strip(" '")
        if not _NAME.fullmatch(architecture):
            return _unusable(name)
        kind = f"“{architecture}” model" if architecture else "model without a name"
        return ModelFileError(
            f"{name} is a {kind}, which this version of llama.cpp does not know. "
            "Choose another model."
        )
    if "not within the file bounds" in text or "failed to read" in text:
        return ModelFileError(
            f"{name} is cut short or damaged: {_size(path)} are there, and "
            "parts of the model are missing. Download it again or choose another one."
        )
    if "failed to allocate" in text or "unable to allocate" in text:
        return ModelFileError(
            f"There is not enough memory for {name}. Close other programs or choose a smaller "
            "model."
        )
    return _unusable(name)


def refuse_unfit_adapter(path: Path) -> None:
    """Refuse what can be seen at a glance to be no adapter. Raises `ModelFileError`."""
    if not path.is_file():
        raise ModelFileError(f"There is no adapter file ‘{path}’. It may have been moved.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelFileError(
            f"The adapter ‘{path.name}’ can't be read ({error.strerror}). Check that you may read "
            "it."
        ) from error
    if magic != b"GGUF":
        raise ModelFileError(
            f"‘{path.name}’ is not an adapter in the GGUF format. Choose another file."
        )


def why_not_adapted(path: Path, lines: list[str]) -> ModelFileError:
    """What llama.cpp's log says about an adapter that it did not load, as a sentence."""
    for line in lines:
        log.info("llama.cpp: %s", line)
    text = "\n".join(lines)
    name = f"‘{path.name}’"
    if "expect general.type" in text or "expect adapter.type" in text:
        return ModelFileError(
            f"{name} is not a LoRA adapter, or it is damaged. Choose another file."
        )
    if any(said in text for said in _OTHER_MODEL):
        return ModelFileError(
            f"The adapter {name} does not fit this model. Choose one that was made for it."
        )
    if "failed to allocate" in text:
        return ModelFileError(f"There is not enough memory for the adapter {name}.")
    return ModelFileError(
        f"The adapter {name} is cut short or damaged. Get it again or choose another one."
    )


def damaged(path: Path) -> ModelFileError:
    """The error for a model that loads and answers with no numbers."""
    return ModelFileError(
        f"‘{path.name}’ is damaged: the model answers with nothing but nonsense. Download it again "
        "or choose another one."
    )


def nonsense(adapters: list[str]) -> EngineError:
    """The error for an answer that is not made of numbers; `adapters` are the files in use."""
    if adapters:
        names = " and ".join(f"‘{Path(each).name}’" for each in adapters)
        return EngineError(
            f"The model answers with nothing but nonsense while it uses {names}: the adapter is "
            "probably damaged. Switch it off or choose another one."
        )
    return EngineError(
        "The model answers with nothing but nonsense: its file is probably damaged. Choose another "
        "one."
    )


def _unusable(name: str) -> ModelFileError:
    return ModelFileError(
        f"{name} can't be used: it is damaged or not a language model that llama.cpp can run. "
        "Download it again or choose another one."
    )


def _size(path: Path) -> str:
    size_bytes = path.stat().st_size
    if size_bytes < 10**6:
        return f"{size_bytes / 1e3:,.1f} kB"
    return f"{size_bytes / 1e6:,.0f} MB"
