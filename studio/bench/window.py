"""A process with a window to be measured: `python -m studio.bench.window NAME HOME KEYS`."""

from __future__ import annotations

import sys
from pathlib import Path

from studio.app import Places, make_desk


def main() -> int:
    """Measure one group of figures and print them as JSON; the exit code."""
    from studio.ui.probe import measure

    name, home, keys = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    desk = make_desk(None, Places(home / "settings.json", home / "data"))
    return measure(desk, name, home, keys)


if __name__ == "__main__":
    raise SystemExit(main())
