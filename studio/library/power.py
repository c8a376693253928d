"""Whether the machine should be spared: it runs on battery, or it is hot."""

from __future__ import annotations

import psutil


def wants_sparing() -> bool:
    """On battery, or hotter than a sensor calls high. May take some milliseconds.

    What a machine does not tell counts as well.
    """
    return _on_battery() or _hot()


def _on_battery() -> bool:
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, NotImplementedError, OSError, RuntimeError):
        return False
    return battery is not None and battery.power_plugged is False


def _hot() -> bool:
    try:
        sensors = psutil.sensors_temperatures()
    except (AttributeError, NotImplementedError, OSError, RuntimeError, ValueError):
        return False
    return any(
        each.high and each.current and each.current >= each.high
        for of_chip in sensors.values()
        for each in of_chip
    )
