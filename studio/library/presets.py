"""Sampling presets, which are data: models/presets.toml."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

from studio.engine import Sampling

_FILE = Path(__file__).parents[2] / "models" / "presets.toml"


@functools.cache
def presets() -> dict[str, Sampling]:
    """All presets by name: story, lyrics, code, exact."""
    return {
        name: Sampling(**values) for name, values in tomllib.loads(_FILE.read_text("utf-8")).items()
    }
