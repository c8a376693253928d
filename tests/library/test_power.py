"""On battery, or hot: what the machine says of itself, and machines that say nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from studio.library.power import wants_sparing


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    def says(battery: Any, degrees: Any) -> None:
        monkeypatch.setattr(psutil, "sensors_battery", battery, raising=False)
        monkeypatch.setattr(psutil, "sensors_temperatures", degrees, raising=False)

    says(lambda: None, dict)
    return says


def _chip(current: float | None, high: float | None) -> dict[str, list[SimpleNamespace]]:
    return {
        "cpu": [
            SimpleNamespace(current=40.0, high=90.0),
            SimpleNamespace(current=current, high=high),
        ]
    }


@pytest.mark.parametrize(("plugged", "sparing"), [(True, False), (False, True), (None, False)])
def test_on_battery_it_is_spared(machine: Any, plugged: bool | None, sparing: bool) -> None:
    machine(lambda: SimpleNamespace(power_plugged=plugged), dict)
    assert wants_sparing() is sparing


@pytest.mark.parametrize(
    ("current", "high", "sparing"),
    [
        (95.0, 90.0, True),
        (60.0, 90.0, False),
        (95.0, None, False),
        (None, 90.0, False),
        (60.0, 0.0, False),
    ],
)
def test_a_hot_machine_is_spared(
    machine: Any, current: float | None, high: float | None, sparing: bool
) -> None:
    machine(lambda: None, lambda: _chip(current, high))
    assert wants_sparing() is sparing


def test_a_machine_that_says_nothing_is_not_spared(machine: Any) -> None:
    def refuses() -> None:
        raise OSError("no sensors")

    machine(refuses, refuses)
    assert not wants_sparing()
