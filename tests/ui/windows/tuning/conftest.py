"""The tuning panel in its window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.windows.tuning.tuner import Tuner

if TYPE_CHECKING:
    from tests.ui.windows.conftest import House


@pytest.fixture
def tuner(house: House, tmp_path: Path) -> Iterator[Tuner]:
    tuner = Tuner(house, tmp_path)
    yield tuner
    tuner.dies()
