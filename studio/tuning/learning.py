"""The training of a run from its first step to its last, or from its last checkpoint on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from studio.tuning import TuningError, checkpoints, plan
from studio.tuning.base import BaseModel
from studio.tuning.checkpoints import Progress
from studio.tuning.documents import Documents, Row, order, rows, steps
from studio.tuning.events import Doing, Evaluated, Event, Finish, Noted, Planned, Saved, Stepped
from studio.tuning.hidden import HiddenStates
from studio.tuning.plan import Plan
from studio.tuning.recipe import Recipe
from studio.tuning.run import BEST
from studio.tuning.trainer import Trainer, Update, learning_rate_at, run

log = logging.getLogger(__name__)

_SAVE_EVERY_S = 300.0
_TOLD_GAIN_NATS = 0.002
"""What counts as a gain on the held-out text."""
_APART_NATS = 0.5
"""So much better on what it trains on than on the held-out text, and it learns by heart."""
_HELD_OUT_TOKENS = 8192
"""Of the held-out text, so much is tried at each evaluation."""
_FEWEST_UPDATES = 60
"""About; with much fewer, a small text is hardly learned (docs/tuning.md)."""
_LOWER_ROW_TOKENS = 2048
_RETHINK = 0.1
"""By so large a share must what is left change, to be planned anew."""


class OutOfMemory(TuningError):
    """The memory was not enough, after all that could be done."""


class DeviceLost(TuningError):
    """The graphics card does not answer any more."""


@dataclass(frozen=True)
class Texts:
    """What is learned from, and what chooses when to stop."""

    train: Documents
    n_passes: np.ndarray[Any, Any]
    """Shape (documents)."""
    held_out: Documents


class Learning:
    """Trains until the end, the time limit, or no more gain; tells what happens by `tell`.

    `breathe` is called between layers: it may stand still, and end the training by raising.
    `stood_still_s` tells how long that was so far, in seconds, and `spent_s` how long all was, that
    included.
    """

    def __init__(
        self,
        folder: Path,
        base: BaseModel,
        model: PreTrainedModel,
        recipe: Recipe,
        chosen: Plan,
        texts: Texts,
        *,
        tell: Callable[[Event], None],
        breathe: Callable[[], None],
        stood_still_s: Callable[[], float],
        sample: Callable[[Trainer, Progress], None],
        spent_s: float,
    ) -> None:
        self._folder = folder
        self._base = base
        self._model = model
        self._recipe = recipe
        self._plan = chosen
        self._texts = texts
        self._tell = tell
        self._breathe = breathe
        self._stood_still_s = stood_still_s
        self._sample = sample
        self._begun_s = time.monotonic() - spent_s
        self._order = np.array(order(texts.n_passes.tolist(), recipe.seed), np.int64)
        self._rates: list[tuple[int, float]] = []
        self._memory_bytes = chosen.memory_bytes
        self.trainer = Trainer(
            model, recipe, layers=chosen.layers, checkpointing=chosen.checkpointing
        )
        self._hook_layers()

    # -- the whole ------------------------------------------------------------------------------

    def work(self) -> Progress:
        """Train to the end; the best adapters are in `trainer` then."""
        found = checkpoints.newest(self._folder / "checkpoints")
        kept, kept_held_out = self._lower_layers()
        if found:
            state, progress = found
            self.trainer.restore(state)
            self._try_out(kept)
            self._begun_s -= progress.seconds
            self._rates = [(max(1, progress.n_tokens), max(1e-3, progress.seconds))]
            self._tell_plan(progress, sure=True)
        else:
            progress = Progress(n_steps=0)
            seconds_per_token = self._try_out(kept)
            progress.base_nats = self._held_out(kept_held_out)
            progress.n_steps = self._n_steps(seconds_per_token)
            self._tell(Evaluated(0, 0, progress.base_nats, progress.base_nats, best=True))
            self._tell_plan(progress, sure=True)
            self._sample(self.trainer, progress)
        try:
            self._train(progress, kept, kept_held_out)
        except Finish as error:
            if progress.step == 0:
                raise TuningError(
                    "Nothing was learned yet, so there is nothing to finish. Go on for a while."
                ) from error
            self._save(progress)  # the evaluation may be stopped
            if progress.step > progress.best_step:
                self._evaluate(progress, kept_held_out)
        except DeviceLost:
            raise  # what is on it is lost, too
        except Exception:
            self._save(progress)
            raise
        self._save(progress)
        best = self._best_file()
        if best.exists():
            self.trainer.put(checkpoints.load_adapters(best))
        if progress.best_nats >= progress.base_nats:
            self._tell(
                Noted(
                    "On the held-out text the model never got better than the base is. The report "
                    "tells what the adapter is worth; a lower learning rate may do better."
                )
            )
        return progress

    def _train(
        self, progress: Progress, kept: HiddenStates | None, kept_held_out: HiddenStates | None
    ) -> None:
        saved_s = time.monotonic()
        for step in self._steps_after(progress.step, progress):
            begin, still = time.monotonic(), self._stood_still_s()
            share = progress.step / max(1, progress.n_steps)
            rate = learning_rate_at(share, self._recipe.warm_up)
            stepped = self._computed(partial(self._step, step, rate, kept))
            seconds = time.monotonic() - begin - (self._stood_still_s() - still)
            progress.step += 1
            progress.n_tokens += stepped.n_tokens
            progress.losses.append(stepped.nats)
            progress.seconds = self._spent_s()
            self._rates = [*self._rates[-19:], (stepped.n_tokens, seconds)]
            self._memory_bytes = max(self._memory_bytes, plan.used_bytes(self._plan.device))
            self._tell(
                Stepped(
                    progress.step,
                    progress.n_tokens,
                    stepped.nats,
                    stepped.learning_rate,
                    self._tokens_per_s(),
                    plan.used_bytes(self._plan.device),
                    self._left_s(progress),
                )
            )
            self._replan(progress)
            if self._is_time_to_evaluate(progress) and not self._evaluate(progress, kept_held_out):
                return
            if time.monotonic() - saved_s > _SAVE_EVERY_S:
                self._save(progress)
                saved_s = time.monotonic()

    def _step(self, documents: Sequence[int], rate: float, kept: HiddenStates | None) -> Update:
        texts = self._texts.train
        return self.trainer.step(texts, self._rows(texts, documents), rate, kept)

    def _rows(self, texts: Documents, documents: Sequence[int]) -> list[Row]:
        """As many tokens in a row as there is memory for, by now."""
        return rows(documents, texts.lengths, self._plan.row_tokens)

    def _steps(self) -> Iterator[list[int]]:
        return steps(self._order.tolist(), self._texts.train.lengths, self._step_tokens)

    @cached_property
    def _step_tokens(self) -> int:
        """As the recipe says, or less where a small text would make too few updates of it."""
        total = int(self._texts.train.lengths[self._order].sum())
        return min(self._recipe.step_tokens, max(self._recipe.n_ctx, total // _FEWEST_UPDATES))

    def _steps_after(self, done: int, progress: Progress) -> Iterator[list[int]]:
        for at, step in enumerate(self._steps()):
            if at >= progress.n_steps:
                return
            if at >= done:
                yield step

    # -- trying ---------------------------------------------------------------------------------

    def _is_time_to_evaluate(self, progress: Progress) -> bool:
        return progress.step == progress.n_steps or self._part(progress) > progress.n_tried

    def _part(self, progress: Progress) -> int:
        """Which part of the run, of as many as there are evaluations, is done."""
        return progress.step * self._recipe.evaluations // progress.n_steps

    def _evaluate(self, progress: Progress, kept: HiddenStates | None) -> bool:
        """Try the held-out text, keep the adapters if they are the best; whether to go on."""
        progress.n_tried = self._part(progress)
        nats = self._computed(partial(self._held_out, kept))
        best = nats < progress.best_nats
        gained = nats < progress.best_nats - _TOLD_GAIN_NATS
        progress.since_best = 0 if gained else progress.since_best + 1
        if best:
            progress.best_nats, progress.best_step = nats, progress.step
            checkpoints.save_adapters(self._best_file(), self.trainer.adapters())
        self._tell(Evaluated(progress.step, progress.n_tokens, nats, progress.base_nats, best=best))
        self._tell_plan(progress, sure=True)
        self._save(progress)
        self._sample(self.trainer, progress)
        recent = progress.losses[-max(5, len(progress.losses) // 10) :]
        by_heart = nats - float(np.mean(recent)) > _APART_NATS and not gained
        if progress.since_best >= self._recipe.patience or by_heart:
            self._tell(
                Noted(
                    "Training longer did not help any more, so it stopped by itself. What was best "
                    f"on the held-out text (step {progress.best_step}) is used."
                )
            )
            return False
        return progress.step < progress.n_steps

    def _held_out(self, kept: HiddenStates | None) -> float:
        documents = self._texts.held_out
        lengths = documents.lengths
        n = max(1, min(len(documents), int(_HELD_OUT_TOKENS / max(1.0, float(lengths.mean())))))
        chosen = np.unique(np.linspace(0, len(documents) - 1, n).round().astype(int)).tolist()
        return self.trainer.evaluate(documents, self._rows(documents, chosen), kept)

    # -- how long, and how much -----------------------------------------------------------------

    def _try_out(self, kept: HiddenStates | None) -> float:
        """Compute a row of the longest documents and change nothing: seconds for each token.

        If the memory is not enough for it, less is computed at once from now on.
        """
        lengths = self._texts.train.lengths
        longest = np.argsort(-lengths, kind="stable")[: 1 + self._plan.row_tokens // 8].tolist()

        def differentiated() -> float:
            """Seconds for each token."""
            row = self._rows(self._texts.train, longest)[0]
            begin, still = time.monotonic(), self._stood_still_s()
            self.trainer.differentiate(self._texts.train, [row], kept)
            seconds = time.monotonic() - begin - (self._stood_still_s() - still)
            return seconds / row.n_tokens

        self._computed(differentiated)  # the first one prepares
        found: float = self._computed(differentiated)
        return found

    def _computed(self, work: Callable[[], Any]) -> Any:
        """`work`, done; again with less at a time as long as the memory is not enough."""
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if _is_lost(error) and not _is_out_of_memory(error):
                    raise DeviceLost(
                        "The graphics card failed in the middle of training. Nothing is lost but "
                        "the last minutes: start the computer anew and go on."
                    ) from error
                if not _is_out_of_memory(error):
                    raise
                log.info("out of memory", exc_info=True)
            # Only now is it let go of what the error's frames held.
            self._shrink()

    def _shrink(self) -> None:
        if self._plan.device == "cuda":
            torch.cuda.empty_cache()
        if self._plan.row_tokens > self._recipe.n_ctx:
            self._plan = replace(self._plan, row_tokens=self._recipe.n_ctx)
        elif not self._plan.checkpointing and self._recipe.checkpointing != "off":
            self._plan = replace(self._plan, checkpointing=True)
            self.trainer.save_memory()
        else:
            raise OutOfMemory(
                "There is not enough memory to train this model. Close other programs and go on, "
                "or choose a smaller model. What was learned so far is kept."
            )
        self._tell(Noted("The memory was short, so less is computed at a time. It takes longer."))

    def _n_steps(self, seconds_per_token: float) -> int:
        """By the passes, and by the time there is."""
        self._rates = [(1, seconds_per_token)]
        if not self._recipe.minutes:
            return self._most_steps
        left = self._recipe.minutes * 60 - self._spent_s() - self._evaluations_s(seconds_per_token)
        by_time = int(left / (seconds_per_token * self._mean_step_tokens))
        return max(1, min(self._most_steps, by_time))

    @cached_property
    def _most_steps(self) -> int:
        """Those that all passes take."""
        total = int(self._texts.train.lengths[self._order].sum())
        return max(1, round(total / self._mean_step_tokens))

    @cached_property
    def _mean_step_tokens(self) -> float:
        n_steps = sum(1 for _ in self._steps())
        return float(self._texts.train.lengths[self._order].sum()) / max(1, n_steps)

    def _evaluations_s(self, seconds_per_token: float) -> float:
        # Forward alone is about a third of the whole.
        n_tokens = min(_HELD_OUT_TOKENS, self._texts.held_out.n_tokens)
        return self._recipe.evaluations * n_tokens * seconds_per_token / 3

    def _replan(self, progress: Progress) -> None:
        """Make the run shorter or longer if it would miss its time: the machine is shared."""
        if not self._recipe.minutes or progress.step >= progress.n_steps:
            return
        left = max(0.0, self._recipe.minutes * 60 - self._spent_s())
        projected = self._left_s(progress)
        more = int((progress.n_steps - progress.step) * left / max(1e-9, projected))
        n_steps = min(self._most_steps, progress.step + max(1, more))
        if abs(n_steps - progress.n_steps) > _RETHINK * (progress.n_steps - progress.step):
            progress.n_steps = n_steps
            self._tell_plan(progress, sure=True)

    def _tell_plan(self, progress: Progress, *, sure: bool) -> None:
        n_tokens = round(progress.n_steps * self._mean_step_tokens)
        self._tell(
            Planned(
                n_steps=progress.n_steps,
                n_tokens=n_tokens,
                passes=n_tokens / max(1, self._texts.train.n_tokens),
                n_trainable=self.trainer.n_trainable,
                device=self._plan.device,
                precision=self._plan.precision,
                checkpointing=self._plan.checkpointing,
                memory_bytes=self._memory_bytes,
                seconds=self._spent_s() + self._left_s(progress),
                sure=sure,
            )
        )

    def _tokens_per_s(self) -> float:
        tokens, seconds = map(sum, zip(*self._rates, strict=True))
        return tokens / max(1e-9, seconds)

    def _left_s(self, progress: Progress) -> float:
        tokens = (progress.n_steps - progress.step) * self._mean_step_tokens
        share = 1 - progress.step / max(1, progress.n_steps)
        return (tokens / self._tokens_per_s()) + share * self._evaluations_s(
            1 / self._tokens_per_s()
        )

    def _spent_s(self) -> float:
        return time.monotonic() - self._begun_s - self._stood_still_s()

    # -- the parts ------------------------------------------------------------------------------

    def _lower_layers(self) -> tuple[HiddenStates | None, HiddenStates | None]:
        """What the layers below the trained ones make of the texts, if there are any."""
        first = self._plan.layers.start
        if first == 0:
            return None, None
        folder = self._folder / "hidden"
        folder.mkdir(mode=0o700, exist_ok=True)
        sets = {"train": self._texts.train, "held-out": self._texts.held_out}
        needed = sum(HiddenStates.size_bytes(each, self._model) for each in sets.values())
        total = sum(each.n_tokens for each in sets.values())
        found, before = [], 0
        for name, documents in sets.items():
            path, done = folder / name, folder / f"{name}.done"
            if not done.exists():
                path.unlink(missing_ok=True)
                plan.require_disk(folder, needed, "What the lower layers make of your texts")
            states = HiddenStates(path, documents, first, self._model)
            if not done.exists():
                every = rows(range(len(documents)), documents.lengths, _LOWER_ROW_TOKENS)
                for n in states.fill(self._model, documents, every, run):
                    self._tell(Doing("lower layers", (before + n) / total))
                checkpoints.sync(path)
                done.touch()
            before += documents.n_tokens
            found.append(states)
        return found[0], found[1]

    def _hook_layers(self) -> None:
        """Breathe before every layer, on the way forward and on the way back."""

        def forward(*_: object) -> None:
            self._breathe()

        def backward(_module: object, _inputs: object, output: Any) -> None:
            tensor = output[0] if isinstance(output, tuple) else output
            if tensor.requires_grad:
                tensor.register_hook(lambda _: self._breathe())

        for layer in self._model.model.layers:
            layer.register_forward_pre_hook(forward)
            layer.register_forward_hook(backward)

    def _save(self, progress: Progress) -> None:
        progress.seconds = self._spent_s()
        checkpoints.save(self._folder / "checkpoints", self.trainer.state(), progress)
        self._tell(Saved(progress.step))

    def _best_file(self) -> Path:
        return self._folder / BEST


def _is_lost(error: BaseException) -> bool:
    """Whether a graphics card gave up; CUDA calls every later call by the same name."""
    return isinstance(error, torch.AcceleratorError) or any(
        said in str(error) for said in ("CUDA error", "HIP error", "MPS backend")
    )


def _is_out_of_memory(error: BaseException) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "allocate" in said or "out of memory" in said
    )
