"""One way to train, in a process of its own, so that its memory is its own: `python -m
studio.bench.tune_once WAY FILE SECONDS PRECISION`; prints what it took.

Every way has the same model in the same precision, rank, weights that are adapted, optimizer and
texts. Only tokens of the text count, not what fills up a batch. The first update is not timed. The
memory is the process's own, or on a graphics card what PyTorch took of it.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainingArguments,
)
from transformers import (
    Trainer as PlainTrainer,
)

from studio.engine import LoadOptions
from studio.engine.llama import LlamaEngine
from studio.library import DefaultModel
from studio.tuning import plan, weights
from studio.tuning.base import inspect
from studio.tuning.documents import Documents, rows, steps
from studio.tuning.plan import Plan
from studio.tuning.recipe import Precision, Recipe
from studio.tuning.trainer import Trainer

_N_CTX, _BATCH = 512, 4
_RECIPE = Recipe(n_ctx=_N_CTX)


def main() -> int:
    way, file, seconds, precision = sys.argv[1:]
    path = DefaultModel.declared().find()
    with_engine = LlamaEngine(LoadOptions(path, n_threads=2))
    text = Path(file).read_text("utf-8")
    # What they train on comes out of one tokenizer: llama.cpp's.
    paragraphs = [with_engine.tokenize(each)[:_N_CTX] for each in text.split("\n\n")[:4000]]
    whole = with_engine.tokenize(text[:1_000_000])
    with_engine.close()
    base = inspect(path)
    chosen = plan.plan(base, replace(_RECIPE, precision=cast(Precision, precision)))
    model = weights.on_device(weights.load(base), base, chosen)
    if way == "ours":
        tokens, took = _ours(model, paragraphs, chosen, float(seconds))
    elif way == "trainer":
        tokens, took = _trainer(model, paragraphs, float(seconds))
    else:
        tokens, took = _loop(model, whole, float(seconds))
    if chosen.device == "cuda":
        peak = torch.cuda.max_memory_allocated()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak *= 1 if sys.platform == "darwin" else 1024
    print(json.dumps({"tokens": tokens, "seconds": took, "peak_bytes": peak}))
    return 0


def _lora(model: PreTrainedModel) -> Any:
    config = LoraConfig(
        r=_RECIPE.rank, lora_alpha=int(_RECIPE.alpha), target_modules="all-linear", lora_dropout=0.0
    )
    return get_peft_model(model, config)


def _trainer(
    model: PreTrainedModel, paragraphs: Sequence[list[int]], seconds: float
) -> tuple[int, float]:
    """transformers' Trainer: four paragraphs a batch, filled up to the longest."""
    counted = _Counted(seconds)

    def collate(batch: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(each["input_ids"]) for each in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
        for at, each in enumerate(batch):
            n = len(each["input_ids"])
            ids[at, :n] = labels[at, :n] = torch.tensor(each["input_ids"])
            mask[at, :n] = 1
        counted.n += int(mask.sum())
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    model.set_attn_implementation("sdpa")
    arguments = TrainingArguments(
        output_dir="unused",
        per_device_train_batch_size=_BATCH,
        max_steps=1_000_000,
        learning_rate=_RECIPE.learning_rate,
        logging_steps=1_000_000,
        save_strategy="no",
        report_to=[],
        use_cpu=model.device.type == "cpu",
        bf16=model.dtype is torch.bfloat16,
        disable_tqdm=True,
        dataloader_num_workers=0,
        remove_unused_columns=False,
        seed=1,
    )
    # A run over all of a text meets its longest paragraph; here it is in the first batch.
    longest = max(range(len(paragraphs)), key=lambda at: len(paragraphs[at]))
    chosen = np.random.default_rng(1).permutation(len(paragraphs)).tolist()
    chosen.remove(longest)
    dataset: Any = [
        {"input_ids": paragraphs[at]} for at in (longest, *chosen) if len(paragraphs[at]) > 1
    ]
    _InOrder(
        model=_lora(model),
        args=arguments,
        train_dataset=dataset,
        data_collator=collate,
        callbacks=[counted],
    ).train()
    return counted.result()


class _InOrder(PlainTrainer):
    """Takes the paragraphs as they are given: they are in a random order already."""

    def _get_train_sampler(self, *_: Any) -> Any:
        dataset: Any = self.train_dataset
        return torch.utils.data.SequentialSampler(dataset)


class _Counted(TrainerCallback):
    """Stops a Trainer after some seconds, and knows the tokens of the updates it timed."""

    def __init__(self, seconds: float) -> None:
        self.n = 0
        self._seconds = seconds
        self._begun: tuple[int, float] | None = None
        self._done = (0, 0.0)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        now = time.perf_counter()
        if self._begun is None:
            self._begun = (self.n, now)
        self._done = (self.n - self._begun[0], now - self._begun[1])
        if self._done[1] > self._seconds:
            control.should_training_stop = True

    def result(self) -> tuple[int, float]:
        return self._done


def _loop(model: PreTrainedModel, whole: list[int], seconds: float) -> tuple[int, float]:
    """A plain loop: two whole blocks of 512 tokens a batch."""
    model.set_attn_implementation("sdpa")
    peft = _lora(model)
    optimizer = torch.optim.AdamW(
        [each for each in peft.parameters() if each.requires_grad], lr=_RECIPE.learning_rate
    )
    blocks = torch.tensor(whole[: len(whole) // _N_CTX * _N_CTX]).view(-1, _N_CTX)

    def updates() -> Iterator[int]:
        for batch in itertools.cycle(torch.split(blocks.to(model.device), 2)):
            loss = peft(input_ids=batch, labels=batch, use_cache=False).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            yield batch.numel()

    return _timed(updates(), seconds)


def _ours(
    model: PreTrainedModel, paragraphs: Sequence[list[int]], chosen: Plan, seconds: float
) -> tuple[int, float]:
    """As a tuning does it: paragraphs in documents, documents in rows."""
    pieces: list[list[int]] = [[]]
    for paragraph in paragraphs:
        if len(pieces[-1]) + len(paragraph) > _N_CTX:
            pieces.append([])
        pieces[-1] += paragraph
    documents = Documents.of([(piece, 1.0, 0) for piece in pieces if len(piece) > 1])
    trainer = Trainer(model, _RECIPE, layers=chosen.layers, checkpointing=chosen.checkpointing)
    order = np.random.default_rng(1).permutation(len(documents)).tolist()
    order *= 50  # a graphics card reads them all
    packed = (
        rows(step, documents.lengths, chosen.row_tokens)
        for step in steps(order, documents.lengths, _RECIPE.step_tokens)
    )
    return _timed((trainer.step(documents, step, 1.0).n_tokens for step in packed), seconds)


def _timed(updates: Iterator[int], seconds: float) -> tuple[int, float]:
    """Tokens and seconds of all updates but the first."""
    next(updates)
    begin, n, took = time.perf_counter(), 0, 0.0
    for n_tokens in updates:
        n += n_tokens
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # what is begun is not yet done
        took = time.perf_counter() - begin
        if took > seconds:
            break
    return n, took


if __name__ == "__main__":
    sys.exit(main())
