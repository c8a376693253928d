"""A process with a window to be measured: `python -m studio.bench.window NAME HOME KEYS BORN`."""

from __future__ import annotations

import sys
from pathlib import Path

from studio.app import Places, make_desk


def main() -> int:
    """Measure one group of figures and print them as JSON; the exit code."""
    from studio.ui.probe import measure

    name, home, keys, born_s = sys.argv[1:]
    folder = Path(home)
    desk = make_desk(None, Places(folder / "settings.json", folder / "data"))
    return measure(desk, name, folder, int(keys), float(born_s))


if __name__ == "__main__":
    raise SystemExit(main())
