"""What the lower layers make of the texts, computed once and kept on disk.

Where only the upper layers learn, the lower ones say the same in every pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from studio.tuning.documents import Documents, Row


class HiddenStates:
    """The states that go into a layer, for each token of some documents; a file."""

    def __init__(
        self, path: Path, documents: Documents, layer: int, model: PreTrainedModel
    ) -> None:
        """A new file of states to come, or the one that `fill` has completed before."""
        self.layer = layer
        self._starts = documents.starts
        self._states = torch.from_file(
            str(path),
            shared=True,
            size=documents.n_tokens * model.config.hidden_size,
            dtype=model.dtype,
        ).view(documents.n_tokens, -1)

    def __getitem__(self, at: int) -> torch.Tensor:
        """Those of a document; shape (tokens, n_embd)."""
        return self._states[int(self._starts[at]) : int(self._starts[at + 1])]

    @staticmethod
    def size_bytes(documents: Documents, model: PreTrainedModel) -> int:
        """What they take on disk."""
        return documents.n_tokens * int(model.config.hidden_size) * model.dtype.itemsize

    @torch.no_grad()
    def fill(
        self,
        model: PreTrainedModel,
        documents: Documents,
        rows: Iterable[Row],
        evaluate: Callable[[PreTrainedModel, Documents, Row], Any],
    ) -> Iterator[int]:
        """Compute the states of all rows; yields how many tokens are done, after each."""
        done = 0
        layer = model.model.layers[self.layer]
        for row in rows:
            states = _before(layer, partial(evaluate, model, documents, row))
            for document, part in zip(
                row.documents, torch.split(states[: row.n_tokens], list(row.lengths)), strict=True
            ):
                self[document].copy_(part)
            done += row.n_tokens
            yield done


def _before(layer: nn.Module, evaluate: Callable[[], Any]) -> torch.Tensor:
    """The states that `evaluate` brings before a layer; shape (tokens, n_embd)."""
    caught: list[torch.Tensor] = []

    def catch(_module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        caught.append(inputs[0] if inputs else named["hidden_states"])
        raise _Caught

    hook = layer.register_forward_pre_hook(catch, with_kwargs=True)
    try:
        evaluate()
    except _Caught:
        return caught[0][0]
    finally:
        hook.remove()
    raise ValueError("the layer was not reached")


class _Caught(Exception):
    """The states are there; the layers above are not needed."""


class _Nothing(nn.Module):
    """In the place of a layer whose work is done."""

    def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return hidden_states


class LowerLayersDone:
    """While entered, the layers below `layer` of a model pass on what they are given."""

    def __init__(self, model: PreTrainedModel, layer: int) -> None:
        self._inner: Any = model.model
        self._layers: nn.ModuleList = model.model.layers
        self._upper = nn.ModuleList(
            [_Nothing() if at < layer else each for at, each in enumerate(self._layers)]
        )

    def __enter__(self) -> None:
        self._inner.layers = self._upper

    def __exit__(self, *_: object) -> None:
        self._inner.layers = self._layers
