"""A process with a window to be measured: `python -m studio.bench.window NAME HOME N BORN`."""

from __future__ import annotations

import sys
from pathlib import Path

from studio.app import Places, make_desk


def main() -> int:
    """Measure one group of figures and print them as JSON; the exit code."""
    from studio.ui.probe import Given, measure
    from studio.ui.probe_paints import Million, Start
    from studio.ui.probe_suggestions import FirstWord, Idle

    probes = {"start": Start, "million": Million, "first word": FirstWord, "idle": Idle}
    name, home, n, born_s = sys.argv[1:]
    folder = Path(home)
    desk = make_desk(None, Places(folder / "settings.json", folder / "data"))
    return measure(desk, probes[name], Given(folder, int(n), float(born_s)))


if __name__ == "__main__":
    raise SystemExit(main())
