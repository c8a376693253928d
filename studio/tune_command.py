"""`lamplight tune`: the same tuning as the panel's, followed in a terminal."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.tuning import TuningError

if TYPE_CHECKING:
    from studio.tuning.events import Event, Following
    from studio.tuning.run import Run

_LOOK_EVERY_S = 0.3
_GONE_AFTER_S = 5.0
_BEGINS_WITHIN_S = 60.0
"""On a slow disk the first word takes as long."""
_FIXED = (
    "base", "preset", "control", "held_out", "weights", "loss_weight", "minutes", "passes", "rank",
    "learning_rate", "seed", "quick_report",
)  # fmt: skip
"""What is asked for once, when a tuning is begun."""


class NotATuning(TuningError):
    """What was asked can't be done as it was asked."""


def add_tune(commands: Any) -> None:
    """Add `tune` to the commands of a parser."""
    tune = commands.add_parser(
        "tune",
        help="let a model learn your style",
        description=run.__doc__,
        epilog="lamplight tune report NAME prints the report of a tuning (--html FILE saves it as "
        "a page). To tune on a file that is called report, write ./report.",
    )
    tune.add_argument("texts", nargs="+", metavar="TEXTS", help="files and folders of your own")
    tune.add_argument("--base", type=Path, metavar="MODEL", help="a GGUF file to start from")
    tune.add_argument("--out", metavar="NAME", help="what to call it (default: as the first text)")
    tune.add_argument("--preset", metavar="KEY", help="quick, balanced (default) or thorough")
    tune.add_argument(
        "--control", type=Path, nargs="+", default=(), metavar="TEXTS", help="texts by others"
    )
    tune.add_argument(
        "--held-out",
        type=Path,
        nargs="+",
        default=(),
        metavar="TEXTS",
        help="texts of yours that are only reported on (default: chapters of TEXTS)",
    )
    tune.add_argument(
        "--weights", type=Path, metavar="DIR", help="the base's own safetensors to train from"
    )
    tune.add_argument(
        "--loss-weight",
        type=_weighed,
        action="append",
        default=[],
        metavar="TEXT=N",
        help="a text on which a mistake counts N times as much (0.1 to 10); may be repeated",
    )
    tune.add_argument("--minutes", type=float, metavar="N", help="how long it may train at most")
    tune.add_argument("--passes", type=float, metavar="N", help="how often it reads the texts")
    tune.add_argument("--rank", type=int, metavar="N", help="rank of the adapter")
    tune.add_argument("--learning-rate", type=float, metavar="X", help="the highest one")
    tune.add_argument("--seed", type=int, metavar="N", help="same seed, same tuning")
    tune.add_argument("--quick-report", action="store_true", help="measure less")
    tune.add_argument("--resume", action="store_true", help="go on with a tuning that was stopped")
    tune.add_argument("--html", type=Path, metavar="FILE", help="with report: save it as a page")
    tune.add_argument("--json", action="store_true", help="print JSON, one event a line")
    tune.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fine-tune a model on TEXTS (md, txt, docx, odt, epub, html, folders) and report what it
    learned. It trains in a process of its own; Ctrl+C stops it, and --resume goes on."""
    from studio.app import Places, adapters_home
    from studio.tuning import missing

    home = adapters_home(Places.of_user())
    if options.texts[0] == "report":
        return _print_report(home, options)
    if options.html:
        raise NotATuning("--html goes with a report: lamplight tune report NAME --html FILE.")
    if sentence := missing():
        raise TuningError(sentence)
    from studio.tuning.run import Run

    if options.resume:
        values = {name: getattr(options, name) for name in _FIXED}
        changed = [n for n, v in values.items() if not (v is None or v is False or v in ([], ()))]
        if changed:
            given = ", ".join("--" + name.replace("_", "-") for name in changed)
            raise NotATuning(f"--resume goes on with what was asked for before. Leave out {given}.")
        tuning = _begun(home, options)
        if tuning.report:
            raise NotATuning(f"‘{tuning.folder.name}’ is done. Its report: lamplight tune report.")
        if tuning.is_running:
            return _follow(tuning, as_json=options.json, from_now=True)
    else:
        tuning = Run.begin(home, _job(options))
    tuning.start()
    return _follow(tuning, as_json=options.json, from_now=options.resume)


def _begun(home: Path, options: argparse.Namespace) -> Run:
    """The tuning that is meant by --out, by its own name, or by the text that it began with."""
    from studio.tuning.run import Run, RunError

    given = options.out or options.texts[0]
    with contextlib.suppress(RunError):
        return Run.named(home, given)
    try:
        return Run.named(home, _named_after(Path(given)))
    except RunError as error:
        raise NotATuning(f"There is no tuning ‘{given}’.") from error


def _weighed(given: str) -> tuple[Path, float]:
    """A text and its loss weight. Raises `argparse.ArgumentTypeError`."""
    from studio.tuning.run import LEAST_LOSS_WEIGHT, MOST_LOSS_WEIGHT

    path, _, number = given.rpartition("=")
    with contextlib.suppress(ValueError):
        if path and LEAST_LOSS_WEIGHT <= float(number) <= MOST_LOSS_WEIGHT:
            return Path(path), float(number)
    raise argparse.ArgumentTypeError(
        f"{given}: write the text, =, and a number from {LEAST_LOSS_WEIGHT:g} to "
        f"{MOST_LOSS_WEIGHT:g}, such as novel.md=2"
    )


def _named_after(text: Path) -> str:
    whole = text.resolve()
    return whole.name if whole.is_dir() else whole.stem


def _job(options: argparse.Namespace) -> Any:
    from studio.library import DefaultModel
    from studio.tuning.recipe import presets
    from studio.tuning.run import Job

    key = options.preset or "balanced"
    preset = presets().get(key)
    if preset is None:
        raise NotATuning(f"There is no preset “{key}”. There are: {', '.join(presets())}.")
    named = ("minutes", "passes", "rank", "learning_rate", "seed")
    given = {name: v for name in named if (v := getattr(options, name)) is not None}
    if "rank" in given:
        given["alpha"] = 2.0 * given["rank"]
    base = options.base or DefaultModel.declared().find()
    if not base.is_file():
        raise NotATuning(f"There is no model file ‘{base}’.")
    texts = [Path(text) for text in options.texts]
    weighed = [path for path, _ in options.loss_weight]
    for path in (*texts, *options.control, *options.held_out, *weighed):
        if not path.exists():
            raise NotATuning(f"There is no file or folder ‘{path}’.")
    return Job(
        name=options.out or _named_after(texts[0]),
        texts=tuple(path.resolve() for path in texts),
        base=base.absolute(),  # a link in the hub's cache has the better name
        recipe=replace(preset.recipe, **given),
        preset=key,
        weights=options.weights and options.weights.resolve(),
        held_out=tuple(path.resolve() for path in options.held_out),
        controls=tuple(path.resolve() for path in options.control),
        loss_weights=tuple((path.resolve(), weight) for path, weight in options.loss_weight),
        report="quick" if options.quick_report or key == "quick" else "full",
    )


def _follow(tuning: Run, *, as_json: bool, from_now: bool) -> int:
    """Show what a run tells until it ends; the exit code."""
    from studio.tuning.events import LAST, Finished, to_line
    from studio.tuning.run import EVENTS

    following = tuning.follow()
    if from_now:
        before = list(following.events())
        if not as_json and before:
            print(f"Going on with ‘{tuning.folder.name}’.", file=sys.stderr)
    shown = _Shown(sys.stderr.isatty())
    silent_s, heard = time.monotonic(), False
    try:
        while True:
            for told in following.events():
                silent_s, heard = time.monotonic(), True
                if as_json:
                    print(to_line(told.event, told.at_s), end="", flush=True)
                else:
                    shown.show(told.event)
                if isinstance(told.event, LAST):
                    return _ended(tuning, told.event, as_json=as_json)
            patience_s = _GONE_AFTER_S if heard else _BEGINS_WITHIN_S
            if time.monotonic() - silent_s > patience_s and not tuning.is_running:
                raise TuningError(
                    f"The training was ended from outside, perhaps for want of memory. Go on with "
                    f"--resume; {tuning.folder / EVENTS} holds what it told."
                )
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        shown.close()
        tuning.tell("stop")
        print("Stopping…", file=sys.stderr)
        last = _last_word(tuning, following, begun=heard)
        if isinstance(last, Finished):
            return _ended(tuning, last, as_json=as_json)
        name = tuning.folder.name
        print(f"Stopped. Go on with: lamplight tune --resume {name!r}", file=sys.stderr)
        return 130


def _last_word(tuning: Run, following: Following, *, begun: bool) -> Event | None:
    """What the process tells last; None if it ends without. It may not even have `begun` yet."""
    from studio.tuning.events import LAST

    since_s = time.monotonic()
    while True:
        gone = not tuning.is_running
        for told in following.events():
            begun = True
            if isinstance(told.event, LAST):
                return told.event
        if gone and (begun or time.monotonic() - since_s > _BEGINS_WITHIN_S):
            return None
        time.sleep(_LOOK_EVERY_S)


def _ended(tuning: Run, last: Event, *, as_json: bool) -> int:
    from studio.tuning.events import Finished

    if not isinstance(last, Finished):
        raise TuningError(last.sentence)  # type: ignore[union-attr]
    if not as_json:
        print(_report_text(tuning))
        print(f"\nThe adapter: {tuning.adapter}")
    return 0


class _Shown:
    """A bar for the training, a line for everything else that matters."""

    def __init__(self, in_terminal: bool) -> None:
        from tqdm import tqdm

        self._in_terminal = in_terminal
        self._make = tqdm
        self._bar: tqdm[Any] | None = None
        self._doing = ""
        self._told_share = 0

    def show(self, event: Event) -> None:
        from studio.tuning import events as e

        match event:
            case e.Doing(what=what, words=words):
                if what != self._doing:
                    self._doing, self._told_share = what, 0
                    self._say(
                        {"texts": "Reading the texts…", "report": "Measuring…"}.get(what, words)
                    )
                if what == "report" and (tenth := int(10 * event.share)) > self._told_share:
                    self._told_share = tenth
                    self._say(f"  {10 * tenth}%: {words}")
            case e.Planned() if self._bar is None:
                minutes = max(1, round(event.seconds / 60))
                self._say(
                    f"About {minutes:,} minute{'' if minutes == 1 else 's'}, "
                    f"{event.n_tokens:,} tokens ({event.passes:.2g} passes), "
                    f"{event.memory_bytes / 1e9:.1f} GB of memory, {event.precision} "
                    f"on {event.device}."
                )
                if self._in_terminal:
                    self._bar = self._make(total=event.n_steps, unit="step", file=sys.stderr)
            case e.Planned() if self._bar:
                self._bar.total = event.n_steps
            case e.Stepped() if self._bar:
                self._bar.n = event.step
                self._bar.set_postfix_str(
                    f"loss {event.nats:.3f}, {event.tokens_per_s:,.0f} tokens/s", refresh=True
                )
            case e.Evaluated() if event.step:
                ratio = 2.718281828 ** (event.nats - event.base_nats)
                self._say(
                    f"Step {event.step}: held-out perplexity {ratio:.3f} of the base's"
                    f"{'' if event.best else ' (not the best)'}"
                )
            case e.Sampled() if event.step:
                self._say(f"  …{event.tuned.strip()[:200]}".replace("\n", " "))
            case e.Noted():
                self._say(event.sentence)
            case _:
                if isinstance(event, e.LAST):
                    self.close()

    def close(self) -> None:
        if self._bar:
            self._bar.close()
            self._bar = None

    def _say(self, line: str) -> None:
        if line:
            self._make.write(line, file=sys.stderr)


def _print_report(home: Path, options: argparse.Namespace) -> int:
    from studio.tuning.run import Run

    names: Sequence[str] = options.texts[1:]
    if len(names) != 1:
        raise NotATuning("Name one tuning: lamplight tune report NAME.")
    tuning = Run.named(home, names[0])
    if tuning.report is None:
        raise NotATuning(f"‘{tuning.folder.name}’ has no report yet.")
    if options.json:
        print(json.dumps(json.loads(tuning.report.read_text("utf-8")), ensure_ascii=False))
        return 0
    if options.html:
        from studio.tuning.report.page import as_html

        try:
            options.html.write_text(as_html(_report(tuning)), "utf-8")
        except OSError as error:
            raise NotATuning(
                f"‘{options.html}’ can't be written ({error.strerror}). Choose another place."
            ) from error
        print(f"Saved as {options.html}.")
        return 0
    print(_report_text(tuning))
    return 0


def _report(tuning: Run) -> Any:
    from studio.tuning.report import Report

    if tuning.report is None:
        raise NotATuning(f"‘{tuning.folder.name}’ has no report yet.")
    return Report.from_json(tuning.report.read_text("utf-8"))


def _report_text(tuning: Run) -> str:
    from studio.tuning.report.page import as_text

    return as_text(_report(tuning))
