"""Checkpoints on disk: each whole or not there at all, whatever ends the process."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from safetensors.torch import save as to_bytes

from studio.manuscript.durable import PRIVATE_FILE, replace_file

log = logging.getLogger(__name__)

_STATE, _PROGRESS = "state.safetensors", "progress.json"
_KEPT = 2


@dataclass
class Progress:
    """How far a run is; what a later step depends on besides the trainer's state."""

    n_steps: int
    """That it will have."""
    step: int = 0
    n_tokens: int = 0
    """Read in training so far."""
    seconds: float = 0.0
    """Of work so far, without what it stood still."""
    base_nats: float = 0.0
    """Of the held-out text, per token, before the first step."""
    best_nats: float = float("inf")
    best_step: int = 0
    n_tried: int = 0
    """How many parts of the run ended with an evaluation."""
    since_best: int = 0
    """Evaluations without a gain."""
    base_sample: str = ""
    """What the base writes on with."""
    losses: list[float] = field(default_factory=list)
    """Of every step."""


def save(folder: Path, state: dict[str, torch.Tensor], progress: Progress) -> None:
    """Keep this beside the one before, on the disk when the call returns. Raises `OSError`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{progress.step:07}"
    if target.exists():
        return
    part = folder / f".{progress.step:07}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    save_file(state, part / _STATE)
    (part / _PROGRESS).write_text(json.dumps(asdict(progress)), "utf-8")
    for file in (part / _STATE, part / _PROGRESS):
        sync(file)
    sync(part)
    part.rename(target)
    sync(folder)
    for old in _steps(folder)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def save_adapters(path: Path, adapters: dict[str, torch.Tensor]) -> None:
    """Put the adapters' weights in the place of `path`, all or nothing. Raises `OSError`."""
    replace_file(path, [to_bytes(adapters)], permissions=PRIVATE_FILE)


def load_adapters(path: Path) -> dict[str, torch.Tensor]:
    """What `save_adapters` kept. Raises `OSError` and `SafetensorError`."""
    return load_file(path)


def newest(folder: Path) -> tuple[dict[str, torch.Tensor], Progress] | None:
    """The last checkpoint that can be read, if any."""
    for step in reversed(_steps(folder)):
        try:
            state = load_file(step / _STATE)
            values: dict[str, Any] = json.loads((step / _PROGRESS).read_text("utf-8"))
            known = {each.name for each in fields(Progress)}
            return state, Progress(**{k: v for k, v in values.items() if k in known})
        except (OSError, ValueError, TypeError, SafetensorError):
            log.warning("the checkpoint %s can't be read", step, exc_info=True)
    return None


def sync(path: Path) -> None:
    """Return when a file or folder is on the disk. Raises `OSError` for a file that is not."""
    if path.is_dir():
        with contextlib.suppress(OSError):  # not every system can sync a folder
            _fsync(path, os.O_RDONLY)
    else:
        _fsync(path, os.O_RDWR)


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _steps(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.name.isdigit())
    except OSError:
        return []
