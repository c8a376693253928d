"""What many tests need: the real models, and a home of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Fast tests of windows need no display; journeys ask for a real one themselves.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# As the worker's process has it: else threads that wait for each other take the processor from
# everything else that runs.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# No test may read or change what belongs to the person who runs it, children included.
_HOME = tempfile.mkdtemp(prefix="lamplight-tests-")
for _name, _folder in {
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
}.items():
    os.environ[_name] = str(Path(_HOME) / _folder)


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The default model's file, from its wheel."""
    from studio.library import DefaultModel

    return DefaultModel.declared().find()


@pytest.fixture(scope="session")
def gemma_path() -> Path:
    """Gemma 3 270M's file, put together from its wheels; without them the test fails."""
    from studio.bench.model_in_parts import GEMMA

    return GEMMA.assembled()


@pytest.fixture
def broken_models(model_path: Path, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Model files with one fault each, by the name of the fault."""
    whole = model_path.read_bytes()
    name_of_architecture = b"\x05" + bytes(7) + b"llama"
    assert name_of_architecture in whole
    contents = {
        "empty": b"",
        "not GGUF": b"Once upon a time " * 1000,
        "cut in its header": whole[:5000],
        "cut in its weights": whole[: len(whole) // 2],
        "unknown architecture": whole.replace(
            name_of_architecture, b"\x05" + bytes(7) + b"lyric", 1
        ),
    }
    paths = {}
    for fault, content in contents.items():
        paths[fault] = tmp_path / f"{fault}.gguf"
        paths[fault].write_bytes(content)
    yield paths
    for path in paths.values():
        path.unlink()
