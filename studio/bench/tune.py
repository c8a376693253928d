"""Tuning: speed and memory against what else there is, and what half an hour of it brings.

Speed and memory are in 32-bit floats, which every processor can; on a graphics card in 16 bits, and
in 4 bits in rows of their own.

The writer is one that no setting was chosen on. The long rows share one training of thirty minutes,
made by the very process that the panel starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from studio.bench import Row, Wanted
from studio.library import DefaultModel

if TYPE_CHECKING:
    from studio.tuning.report import Report
    from studio.tuning.run import Run

_TRAIN = (
    "p-g-wodehouse_love-among-the-chickens",
    "p-g-wodehouse_the-coming-of-bill",
    "p-g-wodehouse_the-little-nugget",
)
_REPORT = "p-g-wodehouse_psmith-in-the-city"
_CONTROLS = (
    "edith-wharton_the-age-of-innocence",
    "jack-london_martin-eden",
    "h-g-wells_the-war-of-the-worlds",
)

_SPEED_TRAINER = "tokens/s, of transformers' Trainer and peft"
_SPEED_LOOP = "tokens/s, of a plain peft loop on full blocks"
_MEMORY = "peak memory, of transformers' Trainer and peft"
_4_BITS = " (4 bits)"
"""Rows of a graphics card. Those without it are in 16 bits there."""
_QUICK = "held-out gain of top layers alone, of all layers in the same time"
_PERPLEXITY = "perplexity of an unseen book after 30 minutes, of the base's"
_PERSONAL = "the same, of three control authors'"
_PERSONAL_HIGH = "the same, upper end of the 95% interval"
_KEYS = "keystrokes saved on that book, points more than the base"
_KL_FULL = "nats between llama.cpp and PEFT with the adapter, f16 base"
_KL_DEFAULT = "nats between llama.cpp and PEFT with the adapter, of those without, default base"
_RESUMED = "largest difference of a loss after kill -9 and going on"

_Ways = Mapping[str, Mapping[str, float]]
"""For each way to train, its "tokens/s" and its "peak" of memory in bytes."""

ROWS = [
    Row(_SPEED_TRAINER, "x", 1.5, "higher"),
    Row(_SPEED_LOOP, "x", 0.9, "higher"),
    Row(_MEMORY, "x", 0.6),
    Row(_SPEED_TRAINER + _4_BITS, "x", 1.5, "higher"),
    Row(_SPEED_LOOP + _4_BITS, "x", 0.9, "higher"),
    Row(_MEMORY + _4_BITS, "x", 0.6),
    Row(_RESUMED, "nats", 1e-5),
    Row(_PERPLEXITY, "x", 0.8),
    Row(_PERSONAL, "x", 0.95),
    Row(_PERSONAL_HIGH, "x", 1.0),
    Row(_KEYS, "points", 3.0, "higher"),
    Row(_KL_FULL, "nats", 1e-4),
    Row(_KL_DEFAULT, "x", 1.0),
    Row(_QUICK, "x", None, "higher"),
]


def measure(wanted: Wanted) -> Iterator[tuple[str, float | None]]:
    """Yield the wanted rows. All of them take about two and a half hours on two cores."""
    if wanted.corpus is None:
        raise ValueError("this suite needs a corpus")
    with tempfile.TemporaryDirectory(prefix="lamplight-bench-") as folder:
        bench = _Bench(wanted.corpus.resolve() / "prose", Path(folder), quick=wanted.quick)
        for row in ROWS:
            if row.name in wanted.rows:
                yield row.name, _FIGURES[row.name](bench)


class _Bench:
    """What is measured once for several rows."""

    def __init__(self, prose: Path, folder: Path, *, quick: bool) -> None:
        self._prose = prose
        self._folder = folder
        self.quick = quick

    def _texts(self, *names: str) -> tuple[Path, ...]:
        return tuple(self._prose / f"{name}.txt" for name in names)

    # -- speed and memory -----------------------------------------------------------------------

    @cached_property
    def ways(self) -> _Ways:
        from studio.tuning import plan

        return self._ways("bfloat16" if plan.device() == "cuda" else "float32")

    @cached_property
    def ways_in_4_bits(self) -> _Ways | None:
        """None without a graphics card that can."""
        from studio.tuning import plan

        return self._ways("4-bit") if plan.can_4_bits() else None

    def _ways(self, precision: str) -> _Ways:
        """Each way to train, in a process of its own, one after the other, twice."""
        seconds = 20 if self.quick else 90
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(1 if self.quick else 2):
            for way in ("trainer", "loop", "ours"):
                found.setdefault(way, []).append(self._way(way, seconds, precision))
        return {
            way: {
                "tokens/s": max(each["tokens"] / each["seconds"] for each in runs),
                "peak": max(each["peak_bytes"] for each in runs),
            }
            for way, runs in found.items()
        }

    def _way(self, way: str, seconds: int, precision: str) -> dict[str, float]:
        from studio.tuning.run import ENVIRONMENT

        command = [sys.executable, "-P", "-m", "studio.bench.tune_once", way]
        command += [str(self._texts(_TRAIN[1])[0]), str(seconds), precision]
        done = subprocess.run(
            command,
            env=os.environ | ENVIRONMENT,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            text=True,
        )
        answer: dict[str, float] = json.loads(done.stdout.strip().split("\n")[-1])
        print(f"    {way}, {precision}: {answer}", file=sys.stderr)
        return answer

    # -- what it brings -------------------------------------------------------------------------

    def trained(
        self, name: str, minutes: float, share_of_layers: float = 1.0, *, report: bool = True
    ) -> Run:
        """A run of the panel's own process, done, or as far as its adapter."""
        from studio.tuning.recipe import presets
        from studio.tuning.run import Job, Run

        recipe = presets()["balanced"].recipe
        job = Job(
            name=name,
            texts=self._texts(*_TRAIN),
            base=DefaultModel.declared().find(),
            recipe=replace(recipe, minutes=minutes, share_of_layers=share_of_layers),
            held_out=self._texts(_REPORT),
            controls=self._texts(*_CONTROLS),
            report="quick" if self.quick else "full",
        )
        run = Run.begin(self._folder / "adapters", job)
        run.start()
        _wait_for(run, report=report)
        return run

    @cached_property
    def half_hour(self) -> Run:
        return self.trained("half an hour", 2.0 if self.quick else 30.0)

    @cached_property
    def report(self) -> Report:
        from studio.tuning.report import Report

        path = self.half_hour.report
        if path is None:
            raise RuntimeError("the training made no report")
        return Report.from_json(path.read_text("utf-8"))

    def losses(self, name: str, kill_after: int | None) -> dict[int, float]:
        """The losses of a short training, by step."""
        from studio.tuning.events import LAST, Began, Doing, Stepped
        from studio.tuning.recipe import presets
        from studio.tuning.run import Job, Run

        # A pass over so little that it is twelve updates of the usual size.
        recipe = replace(presets()["balanced"].recipe, minutes=0.0, passes=0.09, evaluations=4)
        job = Job(name, self._texts(*_TRAIN), DefaultModel.declared().find(), recipe)
        run = Run.begin(self._folder / "adapters", job)
        run.start()
        following, found, pid = run.follow(), dict[int, float](), 0
        while True:
            for told in following.events():
                event = told.event
                if isinstance(event, Began):
                    pid = event.pid
                elif isinstance(event, Stepped):
                    found[event.step] = event.nats
                    if event.step == kill_after:
                        kill_after = None
                        psutil.Process(pid).kill()
                        while run.is_running:
                            time.sleep(0.1)
                        run.start()
                elif isinstance(event, LAST) or event == Doing(
                    "adapter", 0.0, "Making the adapter"
                ):
                    if run.is_running:
                        run.tell("stop")
                    while run.is_running:
                        time.sleep(0.1)
                    return found
            time.sleep(0.1)

    def divergences(self, *, full: bool) -> tuple[float, float]:
        """Nats a token between PyTorch and llama.cpp, without the adapter of half an hour and with
        it; with `full`, on the base in 16-bit floats."""
        import torch

        from studio.engine import LoadOptions
        from studio.engine.llama import LlamaEngine
        from studio.tuning import export, parity, weights
        from studio.tuning.base import inspect
        from studio.tuning.run import PEFT

        base = inspect(DefaultModel.declared().find())
        peft = self.half_hour.folder / PEFT
        if full:
            path = self._folder / "full.gguf"
            export.write_full(base, path)
            base = inspect(path)
        adapter = export.write_adapter(peft, base, self._folder / f"{full}.gguf", name="bench")
        text = self._texts(_REPORT)[0].read_text("utf-8")[50_000:53_000]
        found = []
        with closing(LlamaEngine(LoadOptions(base.path, n_ctx=1024))) as engine:
            tokens = engine.tokenize(text)[:512]
            for adapters in ((), ((adapter, 1.0),)):
                model: Any = weights.load(base)
                if adapters:
                    model = weights.with_adapter(model, peft)
                with torch.no_grad():
                    ours = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]
                theirs = engine.logits(tokens, adapters=adapters)
                found.append(parity.compare(ours.float().numpy(), theirs).nats)
        return found[0], found[1]

    def held_out_gain(self, run: Run) -> float:
        """Nats per token that the held-out text lost at the best."""
        from studio.tuning.events import Evaluated

        tried = [t.event for t in run.follow().events() if isinstance(t.event, Evaluated)]
        return tried[0].base_nats - min(event.nats for event in tried)


def _wait_for(run: Run, *, report: bool) -> None:
    from studio.tuning.events import LAST, Doing, Finished, Stepped

    following, said_s = run.follow(), time.monotonic()
    while True:
        for told in following.events():
            if isinstance(told.event, Stepped) and time.monotonic() - said_s > 60:
                said_s = time.monotonic()
                step = told.event
                print(
                    f"    step {step.step}: {step.n_tokens:,} tokens, "
                    f"{step.tokens_per_s:.0f} tokens/s",
                    file=sys.stderr,
                )
            if isinstance(told.event, Doing) and told.event.what == "report" and not report:
                run.tell("stop")
                while run.is_running:
                    time.sleep(0.1)
                return
            if isinstance(told.event, LAST):
                if not isinstance(told.event, Finished):
                    raise RuntimeError(told.event.sentence)
                return
        time.sleep(0.5)


def _speed(ways: _Ways, against: str) -> float:
    return ways["ours"]["tokens/s"] / ways[against]["tokens/s"]


def _peak(ways: _Ways) -> float:
    return ways["ours"]["peak"] / ways["trainer"]["peak"]


def _in_4_bits(figure: Callable[[_Ways], float]) -> Callable[[_Bench], float | None]:
    return lambda bench: None if bench.ways_in_4_bits is None else figure(bench.ways_in_4_bits)


def _perplexity(bench: _Bench) -> float:
    return bench.report.perplexity.own.ratio.value


def _personal(bench: _Bench) -> float | None:
    from studio.tuning.report.figures import Estimate

    personal = bench.report.perplexity.personal
    return personal.value if isinstance(personal, Estimate) else None


def _personal_high(bench: _Bench) -> float | None:
    from studio.tuning.report.figures import Estimate

    personal = bench.report.perplexity.personal
    if not isinstance(personal, Estimate) or personal.interval is None:
        return None
    return personal.interval[1]


def _keys(bench: _Bench) -> float | None:
    from studio.tuning.report.figures import Keystrokes

    keys = bench.report.keystrokes
    return 100 * keys.gain.value if isinstance(keys, Keystrokes) else None


def _quick_gain(bench: _Bench) -> float:
    minutes = 2.0 if bench.quick else 10.0
    top = bench.trained("top layers", minutes, share_of_layers=0.4, report=False)
    full = bench.trained("all layers", minutes, report=False)
    return bench.held_out_gain(top) / bench.held_out_gain(full)


def _resumed(bench: _Bench) -> float:
    """Twelve updates, once in one go and once killed after the fifth."""
    whole = bench.losses("whole", kill_after=None)
    killed = bench.losses("killed", kill_after=5)
    return max(abs(whole[step] - killed[step]) for step in whole)


def _kl_full(bench: _Bench) -> float:
    return bench.divergences(full=True)[1]


def _kl_default(bench: _Bench) -> float:
    untuned, tuned = bench.divergences(full=False)
    return tuned / untuned


_FIGURES: Mapping[str, Callable[[_Bench], float | None]] = {
    _SPEED_TRAINER: lambda bench: _speed(bench.ways, "trainer"),
    _SPEED_LOOP: lambda bench: _speed(bench.ways, "loop"),
    _MEMORY: lambda bench: _peak(bench.ways),
    _SPEED_TRAINER + _4_BITS: _in_4_bits(lambda ways: _speed(ways, "trainer")),
    _SPEED_LOOP + _4_BITS: _in_4_bits(lambda ways: _speed(ways, "loop")),
    _MEMORY + _4_BITS: _in_4_bits(_peak),
    _RESUMED: _resumed,
    _PERPLEXITY: _perplexity,
    _PERSONAL: _personal,
    _PERSONAL_HIGH: _personal_high,
    _KEYS: _keys,
    _KL_FULL: _kl_full,
    _KL_DEFAULT: _kl_default,
    _QUICK: _quick_gain,
}
