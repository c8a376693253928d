"""A process with a window to be measured: `python -m studio.bench.window NAME HOME N BORN`."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

from studio.app import Places, make_desk

SCRIPT = "script.json"
"""In the home folder: what the typist types (`Script`), and with which `model`."""


def main() -> int:
    """Measure one group of figures and print them as JSON; the exit code."""
    from studio.ui.probe import Given, measure
    from studio.ui.probe_paints import Million, Start
    from studio.ui.probe_suggestions import FirstWord, Idle
    from studio.ui.probe_typist import Script, Typist

    probes = {"start": Start, "million": Million, "first word": FirstWord, "idle": Idle}
    name, home, n, born_s = sys.argv[1:]
    folder = Path(home)
    given = Given(folder, int(n), float(born_s))
    places = Places(folder / "settings.json", folder / "data")
    if name != "typist":
        return measure(make_desk(None, places), probes[name], given)
    script = json.loads((folder / SCRIPT).read_text("utf-8"))
    model = script.pop("model")
    desk = make_desk(Path(model) if model else None, places)
    return measure(desk, functools.partial(Typist, script=Script(**script)), given)


if __name__ == "__main__":
    raise SystemExit(main())
