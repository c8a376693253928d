"""Sets Lamplight up and starts it: ``make run`` calls this, ``py packaging\\setup.py run`` too.

Needs nothing but Python's own library. This file only looks for a Python that is new enough, and
so it has to be readable to an old one; the work is in installer.py.
"""

from __future__ import annotations

import os
import shutil
import sys

OLDEST = (3, 11)
NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")


def hand_over_to_newer_python() -> None:
    """Starts again under a newer Python; returns if there is none beside the old."""
    for name in NEWER_PYTHONS:
        path = shutil.which(name)
        if path:
            os.execv(path, [path, *sys.argv])  # noqa: S606


def main() -> int:
    if sys.version_info < OLDEST:
        hand_over_to_newer_python()
        have = ".".join(map(str, sys.version_info[:2]))
        print(
            f"Lamplight needs Python 3.11 or newer, and this is Python {have}. Install a newer"
            " one, or name it: make run PYTHON=/path/to/python3.12",
            file=sys.stderr,
        )
        return 1
    import installer

    return installer.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
