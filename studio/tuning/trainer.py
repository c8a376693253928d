"""The training itself: a model, its adapters, documents in, losses out.

Knows nothing of files, processes and windows. Everything that a later step depends on is in
`state`, so that a run that goes on from it gives the losses that it would have given.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from transformers import PreTrainedModel

from studio.tuning import TuningError, lora
from studio.tuning.documents import Documents, Row
from studio.tuning.hidden import HiddenStates, LowerLayersDone
from studio.tuning.loss import MASKED, weighted_nats
from studio.tuning.recipe import Recipe

_FILLED_TO = 64
"""oneDNN makes, and keeps, a program for each length of a row that it meets in bfloat16: with rows
of any length, 200 MB an update."""
_MEAN_POWER = 2
"""In the mean of all updates the t-th counts about as t to this power."""


class Diverged(TuningError):
    """The loss is no number any more."""


@dataclass(frozen=True)
class Update:
    """One update of the adapters."""

    nats: float
    """Mean loss of the step's tokens, weighted."""
    n_tokens: int
    learning_rate: float


class Trainer:
    """Trains adapters on a model that stays as it is.

    What it learns is the mean of the adapters after every update so far, the later ones counting
    more (polynomial-decay averaging, arXiv 1212.1824): it knows less of the books by heart than
    the last ones do, and fits unseen ones better (docs/tuning.md).

    `model` is in evaluation mode, on its device, in the precision of the computation. `kept`
    holds what its lower layers made of the documents; without, they are computed every time.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        recipe: Recipe,
        *,
        layers: range,
        checkpointing: bool = False,
    ) -> None:
        self._recipe = recipe
        self.peft: PeftModel = lora.add_adapters(
            model,
            rank=recipe.rank,
            alpha=recipe.alpha,
            layers=layers,
            dropout=recipe.dropout,
            seed=recipe.seed,
        )
        self._model = model
        head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
        self._head: torch.Tensor = head.weight
        self._device = model.device
        self._names, weights = zip(*self._trainable(), strict=True)
        self._weights: list[torch.nn.Parameter] = list(weights)
        self._means = [weight.detach().clone() for weight in self._weights]
        for weight in self._weights:
            # They stay where they are: made anew in each update, among what is freed before them,
            # they leave holes.
            weight.grad = torch.zeros_like(weight)
        self._optimizer = torch.optim.AdamW(
            self._weights,
            lr=recipe.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=recipe.weight_decay,
            fused=self._device.type in ("cpu", "cuda"),
        )
        self.n_steps = 0
        """Updates so far."""
        self._checkpointing = False
        if checkpointing:
            self.save_memory()

    def save_memory(self) -> None:
        """From now on compute what is inside a layer again on the way back."""
        inner: Any = self._model
        inner.activation_checkpointing_enable({"use_reentrant": False})
        self._checkpointing = True

    def _trainable(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [(n, w) for n, w in self.peft.named_parameters() if w.requires_grad]

    @property
    def n_trainable(self) -> int:
        """Numbers that are learned."""
        return sum(weight.numel() for weight in self._weights)

    # -- computing ------------------------------------------------------------------------------

    def step(
        self,
        documents: Documents,
        rows: Sequence[Row],
        rate: float,
        kept: HiddenStates | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> Update:
        """Learn from these rows, with a share `rate` (0 to 1) of the highest learning rate.

        `breathe` is called between rows. What it raises leaves the adapters as they were, and so
        does `Diverged`.
        """
        nats = self.differentiate(documents, rows, kept, breathe)
        if not math.isfinite(nats):
            raise Diverged(
                "The training came apart: its loss is no number any more. Begin again with a lower "
                f"learning rate than {self._recipe.learning_rate:g}."
            )
        torch.nn.utils.clip_grad_norm_(self._weights, self._recipe.clip)
        learning_rate = self._recipe.learning_rate * rate
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        self.n_steps += 1
        share = (_MEAN_POWER + 1) / (_MEAN_POWER + self.n_steps)
        for mean, weight in zip(self._means, self._weights, strict=True):
            mean.lerp_(weight.detach(), share)
        return Update(nats, sum(row.n_tokens for row in rows), learning_rate)

    def differentiate(
        self,
        documents: Documents,
        rows: Sequence[Row],
        kept: HiddenStates | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> float:
        """Compute the loss of these rows and its gradient, and change nothing."""
        total = sum(_label_weights(documents, row).sum() for row in rows)
        nats = 0.0
        self._optimizer.zero_grad(set_to_none=False)
        with self._learning():
            for row in rows:
                breathe()
                loss = self._nats(documents, row, kept) / max(1e-9, float(total))
                loss.backward()  # type: ignore[no-untyped-call]
                nats += loss.item()
        return nats

    @torch.no_grad()
    def evaluate(
        self,
        documents: Documents,
        rows: Sequence[Row],
        kept: HiddenStates | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> float:
        """Mean nats per token of these rows with what was learned, every token counting alike."""
        nats, n = 0.0, 0
        with self._learned():
            for row in rows:
                breathe()
                nats += self._nats(documents, row, kept, weighted=False).item()
                n += row.n_tokens - len(row.documents)
        return nats / max(1, n)

    def _nats(
        self, documents: Documents, row: Row, kept: HiddenStates | None, *, weighted: bool = True
    ) -> torch.Tensor:
        """The sum of the (weighted) losses of a row's tokens."""
        hidden = run(self._model, documents, row, kept)
        filler = len(hidden) - row.n_tokens
        labels = np.append(_labels(documents, row), [MASKED] * filler)
        weights = np.append(_label_weights(documents, row, weighted=weighted), [0.0] * filler)
        return weighted_nats(
            hidden,
            self._head,
            torch.from_numpy(labels.astype(np.int64)).to(self._device),
            torch.from_numpy(weights.astype(np.float32)).to(self._device),
            getattr(self._model.config, "final_logit_softcapping", None),
        )

    @contextlib.contextmanager
    def _learning(self) -> Iterator[None]:
        if not (self._checkpointing or self._recipe.dropout):
            yield
            return
        self.peft.train()
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(self._recipe.seed + 1_000_003 * self.n_steps)
            try:
                yield
            finally:
                self.peft.train(False)

    @contextlib.contextmanager
    def _learned(self) -> Iterator[None]:
        """The means in the places of the weights."""
        last = [weight.data for weight in self._weights]
        try:
            for weight, mean in zip(self._weights, self._means, strict=True):
                weight.data = mean
            yield
        finally:
            for weight, data in zip(self._weights, last, strict=True):
                weight.data = data

    # -- what is kept ---------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write what was learned as PEFT's files. Raises `OSError`."""
        with self._learned():
            self.peft.save_pretrained(str(folder))

    def adapters(self) -> dict[str, torch.Tensor]:
        """A copy of what was learned."""
        return self._copies(self._means)

    def put(self, adapters: dict[str, torch.Tensor]) -> None:
        """Take over what `adapters` gave. Raises `KeyError` and `RuntimeError` for another's."""
        with torch.no_grad():
            for name, weight, mean in zip(self._names, self._weights, self._means, strict=True):
                weight.copy_(adapters[name])
                mean.copy_(adapters[name])

    def _copies(self, weights: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        return {
            name: weight.detach().cpu().clone()
            for name, weight in zip(self._names, weights, strict=True)
        }

    def state(self) -> dict[str, torch.Tensor]:
        """All that the next steps depend on, by name."""
        found = {f"adapter/{name}": copy for name, copy in self._copies(self._weights).items()}
        found |= {f"mean/{name}": copy for name, copy in self._copies(self._means).items()}
        for name, weight in zip(self._names, self._weights, strict=True):
            for key, value in self._optimizer.state.get(weight, {}).items():
                found[f"optimizer/{key}/{name}"] = value.detach().cpu().clone()
        found["n_steps"] = torch.tensor(self.n_steps)
        return found

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from what `state` gave. Raises `KeyError` and `RuntimeError` if it is another's."""
        with torch.no_grad():
            for name, weight, mean in zip(self._names, self._weights, self._means, strict=True):
                weight.copy_(state[f"adapter/{name}"])
                mean.copy_(state[f"mean/{name}"])
        kept: dict[torch.Tensor, dict[str, Any]] = {}
        for name, weight in zip(self._names, self._weights, strict=True):
            for key in ("step", "exp_avg", "exp_avg_sq"):
                value = state.get(f"optimizer/{key}/{name}")
                if value is not None:
                    device = (
                        "cpu" if key == "step" and self._device.type != "cuda" else self._device
                    )
                    kept.setdefault(weight, {})[key] = value.to(device)
        self._optimizer.state.clear()
        self._optimizer.state.update(kept)
        self.n_steps = int(state["n_steps"])


def run(
    model: PreTrainedModel, documents: Documents, row: Row, kept: HiddenStates | None = None
) -> torch.Tensor:
    """What the layers make of a row; shape (tokens, n_embd), with filler after the row's own."""
    on_cpu = model.device.type == "cpu" and model.dtype is torch.bfloat16
    filler = -row.n_tokens % _FILLED_TO if on_cpu else 0
    lengths = (*row.lengths, filler) if filler else row.lengths
    places = np.concatenate([np.arange(n) for n in lengths])
    more: dict[str, Any] = {
        "position_ids": torch.from_numpy(places)[None].to(model.device),
        "lengths": lengths,
        "use_cache": False,
    }
    if kept is None:
        tokens = np.concatenate([documents[at] for at in row.documents]).astype(np.int64)
        tokens = np.append(tokens, np.zeros(filler, np.int64))
        more["input_ids"] = torch.from_numpy(tokens)[None].to(model.device)
        found = model.model(**more)
    else:
        states = torch.cat([kept[at] for at in row.documents])
        states = torch.cat([states, states.new_zeros(filler, states.shape[1])])
        hidden = states[None].to(model.device)
        with LowerLayersDone(model, kept.layer):
            found = model.model(inputs_embeds=hidden, **more)
    answer: torch.Tensor = found.last_hidden_state[0]
    return answer


def _labels(documents: Documents, row: Row) -> NDArray[np.int64]:
    """The next token of each, none after a document's last."""
    labels = [np.append(documents[at][1:].astype(np.int64), MASKED) for at in row.documents]
    return np.concatenate(labels)


def _label_weights(documents: Documents, row: Row, *, weighted: bool = True) -> NDArray[np.float32]:
    parts = []
    for at, n in zip(row.documents, row.lengths, strict=True):
        part = np.full(n, documents.weights[at] if weighted else 1.0, np.float32)
        part[-1] = 0.0
        parts.append(part)
    return np.concatenate(parts)


def learning_rate_at(progress: float, warm_up: float) -> float:
    """The share of the highest learning rate at a place of the run, 0 to 1: up in a line, and down
    to a tenth along a cosine."""
    if progress < warm_up:
        return max(progress / warm_up, 0.02)
    fall = (progress - warm_up) / max(1e-9, 1 - warm_up)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, fall)))
