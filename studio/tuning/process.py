"""`python -m studio.tuning.process FOLDER`: works on a run until it is done, or told to stop.

A process of its own, apart from the window's: it lives on when that is closed. What it does is told
in `events.jsonl` and it is told what to do in `commands.jsonl` (`studio.tuning.events`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import filelock
import numpy as np
from numpy.typing import NDArray

from studio.engine import (
    AdapterSet,
    EngineError,
    LoadOptions,
    Piece,
    Request,
)
from studio.engine.client import EngineClient
from studio.library.presets import presets as sampling_presets
from studio.manuscript import ManuscriptError
from studio.manuscript.durable import PRIVATE_FILE, replace_file
from studio.tuning import TuningError, export, missing, parity, training_set
from studio.tuning import run as runs
from studio.tuning.base import BaseModel, inspect
from studio.tuning.courtesy import Hold, step_back
from studio.tuning.documents import Documents
from studio.tuning.events import (
    Began,
    Checked,
    Doing,
    Event,
    Failed,
    Finish,
    Finished,
    Following,
    Lines,
    Noted,
    Sampled,
    Standing,
    Stopped,
)
from studio.tuning.parity import Parity
from studio.tuning.report import (
    Control,
    Effort,
    Measured,
    Passage,
    Report,
    make_report,
)
from studio.tuning.report.controls import books_in
from studio.tuning.report.page import as_html
from studio.tuning.report.voice import Asked
from studio.tuning.run import Job, Run
from studio.tuning.texts import (
    Cleaning,
    Progress,
    TextsError,
    find_texts,
    passes,
    prepare,
    read_work,
)
from studio.tuning.training_set import Kept
from studio.writing.completion import heals_draft

if TYPE_CHECKING:
    import torch

    from studio.tuning.checkpoints import Progress as TrainingProgress
    from studio.tuning.plan import Plan
    from studio.tuning.trainer import Trainer

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
_TELL_READING_EVERY_S = 0.2
_PARITY_TOKENS = 300
_SAMPLE_TOKENS = 80
_PROMPT_WORDS = 40
_N_CTX = 4096
_PLAN = "plan.json"


class _Told(Exception):
    """Told to stop: end now, to be gone on with later."""


def main(folder: Path) -> int:
    """Work on the run in `folder` in the background; the exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.captureWarnings(True)
    step_back()
    signal.signal(signal.SIGTERM, _on_term)
    return work_on(folder)


def work_on(folder: Path) -> int:
    """Work on the run in `folder` until an end is told; 0 when it is done, 1 when it is not."""
    lock = filelock.FileLock(folder / runs.LOCK)
    try:
        # Whoever looks whether a process is there holds it for a moment.
        lock.acquire(timeout=2)
    except filelock.Timeout:
        log.info("another process works on %s", folder)
        return 1
    with lock, Lines(folder / runs.EVENTS) as lines:
        last = _last_of(folder, lines.tell)
        with contextlib.suppress(OSError):  # a disk that is full takes no word more
            lines.tell(last)
    return 0 if isinstance(last, Finished) else 1


def _last_of(folder: Path, tell: Callable[[Event], None]) -> Stopped | Failed | Finished:
    """All the work, and how it ended."""
    try:
        return Finished(_Work(Run(folder), tell).work())
    except (_Told, KeyboardInterrupt):
        return Stopped("Stopped. It can go on from here at any time.")
    except (TuningError, EngineError, ManuscriptError) as error:
        log.info("failed", exc_info=True)
        return Failed(str(error))
    except MemoryError:
        log.exception("failed")
        return Failed("There is not enough memory. Close other programs and go on.")
    except OSError as error:
        log.exception("failed")
        return Failed(
            f"Something could not be written or read ({error.strerror or error}). Make room on the "
            "disk and go on: nothing that was learned is lost."
        )
    except Exception as error:  # the last place where it can be told
        log.exception("failed")
        return Failed(
            f"Tuning met an error that it has no words for ({type(error).__name__}). Go on from "
            f"the last checkpoint; the details are in {folder / 'log.txt'}."
        )


def _on_term(*_: object) -> None:
    raise _Told


class _Work:
    """One process's work on a run: what is done already is not done again."""

    def __init__(self, run: Run, tell: Callable[[Event], None]) -> None:
        self._run = run
        self._folder = run.folder
        self._tell = tell
        self._job: Job = run.job
        self._hold = Hold(run.folder.parent / runs.HOLD)
        self._commands = Following(run.folder / runs.COMMANDS)
        self._looked_s = 0.0
        self._read_told_s = 0.0
        self._paused = False
        self._training = False
        self._stood_still_s = 0.0
        self._begun_s = time.monotonic()

    def work(self) -> str:
        """Do all there is to do; what the report says first."""
        resumed = (self._folder / "checkpoints").exists()
        self._tell(Began(resumed, os.getpid()))
        if sentence := missing():
            raise TuningError(sentence)
        base = inspect(self._job.base)
        if not Kept.there(self._folder):
            self._read_texts(base)
        kept = Kept.read(self._folder)
        if self._run.adapter is None:
            self._learn(base, kept)
        self._clear_up()
        if self._run.report is None:
            self._report(kept)
        return Report.from_json((self._folder / runs.REPORT).read_text("utf-8")).verdict

    # -- the parts ------------------------------------------------------------------------------

    def _read_texts(self, base: BaseModel) -> None:
        job = self._job
        prepared = prepare(
            job.texts,
            cleaning=cleaning_of(job),
            held_out=job.held_out,
            weights=dict(job.loss_weights),
            on_progress=self._on_reading,
        )
        for caution in prepared.cautions:
            self._tell(Noted(caution.sentence))
        with closing(self._client()) as client:
            client.open(self._load_options())
            training_set.keep(
                self._folder,
                prepared,
                client,
                base,
                job.recipe.n_ctx,
                lambda share, title: self._tell(
                    Doing("texts", share, f"Counting the tokens of {title}")
                ),
                self._breathe,
            )

    def _on_reading(self, progress: Progress) -> None:
        self._breathe()
        now = time.monotonic()
        if now - self._read_told_s > _TELL_READING_EVERY_S:
            self._read_told_s = now
            self._tell(Doing("texts", progress.share, progress.doing))

    def _learn(self, base: BaseModel, kept: Kept) -> None:
        """Train, and make the adapter."""
        # PyTorch takes seconds to load, and only this needs it.
        from studio.tuning import learning, weights

        job = self._job
        self._tell(Doing("model", 0.0, f"Reading {base.path.name}"))
        chosen = self._planned(base)
        train = Documents.load(self._folder / runs.TRAIN_TOKENS)
        held_out = Documents.load(self._folder / runs.HELD_OUT_TOKENS)
        model = weights.load(base, job.weights)
        tokens = [int(token) for token in held_out.tokens[:_PARITY_TOKENS]]
        before = self._parity(model, tokens)
        parity.refuse_base(before, self._limit(base), base.path.name)
        self._tell(Checked(adapter=False, nats=before.nats))
        model = weights.on_device(model, base, chosen)
        texts = learning.Texts(train, self._passes_of(train, kept), held_out)
        learned = learning.Learning(
            self._folder,
            base,
            model,
            job.recipe,
            chosen,
            texts,
            tell=self._tell,
            breathe=self._breathe,
            stood_still_s=lambda: self._stood_still_s,
            sample=self._sampler(base, kept),
            spent_s=time.monotonic() - self._begun_s,
        )
        self._training = True
        learned.work()
        self._training = False
        self._make_adapter(base, learned.trainer, before, tokens)

    def _clear_up(self) -> None:
        """Remove what only the training needed."""
        for folder in ("hidden", "checkpoints"):
            shutil.rmtree(self._folder / folder, ignore_errors=True)
        (self._folder / runs.BEST).unlink(missing_ok=True)
        (self._folder / _PLAN).unlink(missing_ok=True)

    def _planned(self, base: BaseModel) -> Plan:
        """The plan of before, as far as the losses depend on it, or a new one."""
        from studio.tuning import plan

        kept, recipe = self._folder / _PLAN, self._job.recipe
        with contextlib.suppress(OSError, ValueError, KeyError):
            before = json.loads(kept.read_text("utf-8"))
            if before["device"] == plan.device():
                recipe = replace(recipe, precision=before["precision"])
        chosen = plan.plan(base, recipe)
        text = json.dumps({"device": chosen.device, "precision": chosen.precision})
        replace_file(kept, [text.encode()], permissions=PRIVATE_FILE)
        return chosen

    def _passes_of(self, documents: Documents, kept: Kept) -> NDArray[np.float64]:
        recipe = self._job.recipe
        n_passes = np.array(passes(kept.n_words, recipe.passes, recipe.balance))
        found: NDArray[np.float64] = n_passes[documents.works]
        return found

    def _parity(
        self,
        model: torch.nn.Module,
        tokens: Sequence[int],
        adapter: Path | None = None,
    ) -> Parity:
        """How far PyTorch and llama.cpp are apart over some tokens of the held-out text."""
        import torch

        with closing(self._client()) as client:
            client.open(self._load_options())
            adapters = ((adapter, 1.0),) if adapter else ()
            theirs = client.logits(tokens, adapters=adapters)
        with torch.no_grad():
            row = torch.tensor([list(tokens)])
            ours = model(input_ids=row, use_cache=False).logits[0].float().numpy()
        return parity.compare(ours, theirs)

    def _limit(self, base: BaseModel) -> float:
        if base.full_precision:
            return parity.EXACT_NATS
        return parity.OTHER_WEIGHTS_NATS if self._job.weights else parity.QUANTIZED_NATS

    def _make_adapter(
        self, base: BaseModel, trainer: Trainer, before: Parity, tokens: Sequence[int]
    ) -> None:
        from studio.tuning import weights

        self._tell(Doing("adapter", 0.0, "Making the adapter"))
        peft = self._folder / runs.PEFT
        self._keep(trainer, base, peft)
        adapter = self._folder / f".{runs.ADAPTER}"
        export.write_adapter(peft, base, adapter, name=self._job.name)
        self._tell(Doing("adapter", 0.5, "Checking the adapter"))
        # In 32-bit floats again, whatever it was trained in, and from what is on the disk.
        fresh = weights.with_adapter(weights.load(base, self._job.weights), peft)
        after = self._parity(fresh, tokens, adapter)
        parity.refuse_adapter(before, after, self._limit(base))
        self._tell(Checked(adapter=True, nats=after.nats))
        (self._folder / runs.MEASURED).unlink(missing_ok=True)
        adapter.rename(self._folder / runs.ADAPTER)

    def _keep(self, trainer: Trainer, base: BaseModel, target: Path) -> None:
        """Save the adapter as PEFT has it, with the name and the hash of its base."""
        from studio.tuning import checkpoints

        part = target.with_name(f".{target.name}")
        shutil.rmtree(part, ignore_errors=True)
        trainer.save(part)
        config = json.loads((part / export.CONFIG).read_text("utf-8"))
        config["base_model_name_or_path"] = base.path.name
        config["revision"] = base.sha256
        (part / export.CONFIG).write_text(json.dumps(config, indent=1), "utf-8")
        (part / "README.md").unlink(missing_ok=True)
        for file in part.iterdir():
            checkpoints.sync(file)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)

    def _sampler(self, base: BaseModel, kept: Kept) -> Callable[[Trainer, TrainingProgress], None]:
        """Writes on after the same words, with the adapter as it is and without, as at the desk."""
        prompt = self._job.prompt or _opening(kept.held_out)
        folder = self._folder / ".sample"

        def sample(trainer: Trainer, progress: TrainingProgress) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            try:
                with closing(self._client()) as client:
                    client.open(self._load_options())
                    if not progress.base_sample:
                        progress.base_sample = self._continued(client, prompt, ())
                    tuned = progress.base_sample
                    if progress.step:
                        trainer.save(folder)
                        adapter = export.write_adapter(
                            folder, base, folder / runs.ADAPTER, name="sample"
                        )
                        tuned = self._continued(client, prompt, ((adapter, 1.0),))
                self._tell(Sampled(progress.step, prompt, progress.base_sample, tuned))
            except EngineError as error:
                self._tell(Noted(f"No sample this time. {error}"))
            finally:
                shutil.rmtree(folder, ignore_errors=True)

        return sample

    def _continued(self, client: EngineClient, prompt: str, adapters: AdapterSet) -> str:
        request = Request(
            prompt=prompt,
            max_tokens=_SAMPLE_TOKENS,
            sampling=replace(sampling_presets()["story"], seed=self._job.recipe.seed),
            adapters=adapters,
            heal=heals_draft(prompt),
        )
        pieces = []
        for event in client.stream(request):
            self._breathe()
            if isinstance(event, Piece):
                pieces.append(event.text)
        return "".join(pieces)

    def _report(self, kept: Kept) -> None:
        adapter = self._run.adapter
        if adapter is None:
            raise TuningError("There is no adapter to report on. Train it again.")

        def told(share: float, words: str) -> None:
            self._breathe()
            self._tell(Doing("report", share, words))

        with closing(self._client()) as client:
            client.open(self._load_options())
            made = make_report(
                cast(Asked, client),
                adapter=adapter,
                name=self._job.name,
                own=kept.report,
                train=kept.train,
                controls=self._controls(),
                effort=Effort(self._job.report),
                on_progress=told,
                stop=self._is_to_stop,
                measured=Measured(self._folder / runs.MEASURED),
            )
        page = as_html(made).encode()
        replace_file(self._folder / runs.REPORT_PAGE, [page], permissions=PRIVATE_FILE)
        replace_file(
            self._folder / runs.REPORT, [made.to_json().encode()], permissions=PRIVATE_FILE
        )
        (self._folder / runs.MEASURED).unlink(missing_ok=True)

    def _controls(self) -> list[Control]:
        """Texts by others: those that were chosen, or else the books that lie ready."""
        paths = list(self._job.controls)
        if not paths:
            paths = [path for _, path in books_in(self._run.folder.parent / runs.CONTROLS)]
        found = []
        for given in paths:
            self._breathe()
            try:
                for path in find_texts([given]):
                    work = read_work(path)
                    text = "\n\n".join(chapter.text for chapter in work.chapters)
                    found.append(Control(work.title, text))
            except TextsError as error:  # such as one that is gone by now
                self._tell(Noted(str(error)))
        return found

    # -- the engine -----------------------------------------------------------------------------

    def _client(self) -> EngineClient:
        return EngineClient(log_path=self._folder / "engine.log")

    def _load_options(self) -> LoadOptions:
        # What was measured at the desk, in a copy: what is measured here, behind all other work, is
        # not for the desk.
        memo = self._folder / "threads.json"
        if not memo.exists():
            with contextlib.suppress(OSError):
                shutil.copyfile(self._folder.parent.parent / "threads.json", memo)
        return LoadOptions(self._job.base, n_ctx=_N_CTX, threads_memo=memo)

    # -- being told -----------------------------------------------------------------------------

    def _breathe(self) -> None:
        """Let the writer go first, and see whether something is to be done.

        Raises `_Told` and `Finish`.
        """
        if time.monotonic() - self._looked_s < _LOOK_EVERY_S:
            return
        self._listen()
        if self._hold.left_s() > 0:
            with self._standing("writer"):
                self._hold.wait(self._is_to_stop)
        if self._paused:
            with self._standing("asked"):
                while self._paused:
                    time.sleep(_LOOK_EVERY_S)
                    self._listen()
        self._looked_s = time.monotonic()

    @contextlib.contextmanager
    def _standing(self, why: Literal["writer", "asked"]) -> Iterator[None]:
        """Tell that it stands still, and count how long, whatever ends it."""
        begin = time.monotonic()
        self._tell(Standing(why))
        try:
            yield
        finally:
            self._stood_still_s += time.monotonic() - begin
            self._tell(Standing(""))

    def _is_to_stop(self) -> bool:
        """For those who ask, rather than breathe: ends by raising, as `_breathe` does."""
        self._listen()
        return False

    def _listen(self) -> None:
        for line in self._commands.lines():
            try:
                do = json.loads(line)["do"] if line else ""
            except (ValueError, KeyError, TypeError):
                continue
            if do == "stop":
                raise _Told
            if do == "finish" and self._training:
                self._paused = False
                raise Finish
            if do in ("pause", "go on"):
                self._paused = do == "pause"


def cleaning_of(job: Job) -> Cleaning:
    """What a job wants cleaned away."""
    switches = dict.fromkeys(job.left_on, False) | dict.fromkeys(job.also_cleaned, True)
    return replace(Cleaning(), **switches)


def _opening(passages: Sequence[Passage]) -> str:
    """The first words of the first passage that is long enough, up to a word's end."""
    for passage in passages:
        words = passage.text.split(" ")
        if len(words) > 2 * _PROMPT_WORDS:
            return " ".join(words[:_PROMPT_WORDS])
    return passages[0].text[:200]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
