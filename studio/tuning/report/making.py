"""Makes a report: every figure through the engine, as the writer will write with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from studio.tuning.report import copied, forgetting, keystrokes, samples, style
from studio.tuning.report.bootstrap import FEWEST
from studio.tuning.report.copied import TrainingText
from studio.tuning.report.figures import (
    Estimate,
    Forgetting,
    Keystrokes,
    Likelihood,
    NotMeasured,
    Pair,
    Perplexity,
    Report,
    ReportError,
)
from studio.tuning.report.measured import Measured
from studio.tuning.report.perplexity import Block, block, blocks_of, likelihood, personal_gain
from studio.tuning.report.samples import Sample, openings
from studio.tuning.report.voice import Asked, Voice
from studio.tuning.report.words import pieces

_PAIRS = 3
_MOST_SHARED = 0.02
"""Share of a text's words in runs of 12 that the training text has, above which it isn't unseen."""
_CHECKED_PIECES, _CHECKED_WORDS = 100, 200

# What things cost, in tokens that are read: measured with the default model on a processor.
_PER_BASE_SAMPLE = 7 * forgetting.N_TOKENS
_PER_STRETCH, _PER_CHAR = 1_500, 24
_PER_WORD = 5


class Effort(StrEnum):
    """How much to measure."""

    QUICK = "quick"
    """A quarter of the samples: no claim about style, and wide intervals."""
    FULL = "full"


@dataclass(frozen=True)
class Limits:
    """How much of everything is measured, at most."""

    own_blocks: int
    control_blocks: int
    """Of each control."""
    base_samples: int
    """Of 128 tokens, for what was forgotten."""
    stretches: int
    stretch_chars: int
    samples: int
    """Of each model, each after another opening of the held-out text."""
    after_training: int
    """Samples that go on from openings of the training text."""
    block_tokens: int = 512
    sample_words: int = 200

    @staticmethod
    def of(effort: Effort) -> Limits:
        if effort is Effort.QUICK:
            return Limits(16, 8, 8, 8, 120, 6, 2)
        return Limits(64, 24, 24, 16, 250, 26, 6)


@dataclass(frozen=True)
class Passage:
    """A chapter, or another whole part of a text, as plain text."""

    title: str
    text: str


@dataclass(frozen=True)
class Control:
    """A text of the same kind by another author."""

    name: str
    text: str


def make_report(
    engine: Asked,
    *,
    adapter: Path,
    name: str = "",
    own: Sequence[Passage],
    train: Sequence[Passage],
    controls: Sequence[Control] = (),
    strength: float = 1.0,
    effort: Effort = Effort.FULL,
    limits: Limits | None = None,
    on_progress: Callable[[float, str], None] = lambda _fraction, _what: None,
    stop: Callable[[], bool] = lambda: False,
    made: datetime | None = None,
    measured: Measured | None = None,
) -> Report:
    """Measure what `adapter` (a LoRA GGUF, at `strength` 0 to 2) made of the engine's model.

    `name` is what the report calls it, else its file's name.
    `own` is held-out text of the writer: passages that were neither trained on nor used to choose
    when to stop. `train` is what was trained on. `limits`, if given, takes the place of `effort`.
    What is in `measured` is not measured again; what is, is put there.
    `on_progress` is told the fraction done and what is done now. `stop` is asked between steps
    of at most a block of text.

    With the 135M default model and three controls, on processor cores that read 120 tokens a second
    each: quick takes about 16 minutes of one core and full about 50, reckoned from one measured run
    of 18; less time with more cores. A model of ten times the size takes ten times as long. Memory:
    twice 128 rows of logits (50 MB; 270 MB with a vocabulary of 262,000).

    Raises `ReportError` (no held-out text), `ReportStopped`, the engine's `EngineError`, and
    `OSError` where `measured` can't be written.
    """
    if not any(passage.text.strip() for passage in own):
        raise ReportError(
            "There is no held-out text to report on. Keep a chapter of yours out of the training."
        )
    making = _Making(
        Voice(engine, (), stop),
        Voice(engine, ((adapter, strength),), stop),
        [passage.text for passage in own],
        TrainingText([(passage.title, passage.text) for passage in train]),
        limits or Limits.of(effort),
        on_progress,
        measured or Measured(),
    )
    compared = making.fit_to_compare(controls)
    making.plan(compared)
    perplexity = making.perplexity(compared)
    forgot = making.forgetting()
    keys = making.keystrokes()
    base, tuned, worst = making.samples(
        openings(making.own, making.limits.samples),
        openings([passage.text for passage in train], making.limits.after_training),
    )
    base_texts, tuned_texts = [s.text for s in base], [s.text for s in tuned]
    making.tell_last("Comparing styles")
    whole_own = [*(passage.text for passage in train), *making.own]
    return Report(
        made=(made or datetime.now(UTC)).isoformat(timespec="seconds"),
        model=engine.capabilities.name,
        adapter=name or adapter.stem,
        strength=strength,
        effort=str(effort),
        n_train_words=making.train.n_words,
        perplexity=perplexity,
        forgetting=forgot,
        keystrokes=keys,
        style=style.measure(
            base_texts, tuned_texts, whole_own, [(c.name, c.text) for c in compared]
        ),
        copied=copied.measure(making.train, making.own, base, tuned, worst),
        variety=samples.variety(
            base_texts, tuned_texts, pieces(making.own, making.limits.sample_words, len(base))
        ),
        samples=_pairs(base, tuned),
        notes=tuple(making.notes),
    )


class _Making:
    """The two voices, the writer's texts, and how far the work has come."""

    def __init__(
        self,
        base: Voice,
        tuned: Voice,
        own: list[str],
        train: TrainingText,
        limits: Limits,
        on_progress: Callable[[float, str], None],
        measured: Measured,
    ) -> None:
        self.base, self.tuned = base, tuned
        self.own, self.train, self.limits = own, train, limits
        self._on_progress = on_progress
        self._measured = measured
        self.notes: list[str] = []
        self._done = 0.0

    def fit_to_compare(self, controls: Sequence[Control]) -> list[Control]:
        """The controls that can be used; the others are told in `notes`."""
        fit = []
        for control in controls:
            self.base.check()
            shared = self._shared([control.text])
            if not control.text.strip():
                self.notes.append(f"The control ‘{control.name}’ was left out: it is empty.")
            elif shared > _MOST_SHARED:
                self.notes.append(
                    f"The control ‘{control.name}’ was left out: {shared:.0%} of it stands in the "
                    "training text."
                )
            else:
                fit.append(control)
        if (shared := self._shared(self.own)) > _MOST_SHARED:
            self.notes.append(
                f"{shared:.0%} of the held-out text stands in the training text, too, so the "
                "figures are better than on a new text."
            )
        return fit

    def _shared(self, texts: Sequence[str]) -> float:
        checked = pieces(texts, _CHECKED_WORDS, _CHECKED_PIECES) or texts
        return self.train.overlap(checked).copied

    def plan(self, controls: Sequence[Control]) -> None:
        """Estimate what there is to do.

        What is not done after all, such as blocks that a short text does not have, is jumped over.
        """
        limits = self.limits
        self._per_block = 2 * limits.block_tokens
        self._per_stretch = _PER_STRETCH + _PER_CHAR * limits.stretch_chars
        self._per_sample = _PER_WORD * limits.sample_words
        self._total = float(
            self._per_block * (limits.own_blocks + limits.control_blocks * len(controls))
            + _PER_BASE_SAMPLE * limits.base_samples
            + self._per_stretch * limits.stretches
            + self._per_sample * (2 * limits.samples + limits.after_training)
        )

    def tell(self, what: str, done: float = 0.0) -> None:
        """So much more is done; `what` is what follows."""
        self._done += done
        self._on_progress(min(1.0, self._done / self._total), what)

    def tell_last(self, what: str) -> None:
        """All is done but `what`, which takes seconds."""
        self.tell(what, self._total - self._done)

    def perplexity(self, controls: Sequence[Control]) -> Perplexity:
        own_blocks = self._blocks("your held-out text", self.own, self.limits.own_blocks)
        if not own_blocks:
            raise ReportError("The held-out text is too short to report on: it is a single token.")
        by_control = [
            (c.name, self._blocks(c.name, [c.text], self.limits.control_blocks)) for c in controls
        ]
        compared = [(name, blocks) for name, blocks in by_control if len(blocks) >= FEWEST]
        self.notes += [
            f"The control ‘{name}’ was left out: it is too short, and at least {FEWEST} blocks of "
            f"{self.limits.block_tokens} tokens are needed."
            for name, blocks in by_control
            if len(blocks) < FEWEST
        ]
        own = likelihood("Your held-out text", own_blocks)
        personal: Estimate | NotMeasured = NotMeasured(
            "There is no text by others to compare with. Add control texts of the same kind."
        )
        if compared:
            personal = personal_gain(own_blocks, [blocks for _, blocks in compared])
        others: list[Likelihood] = [likelihood(name, blocks) for name, blocks in compared]
        return Perplexity(own, tuple(others), personal)

    def _blocks(self, name: str, texts: Sequence[str], n: int) -> list[Block]:
        self.tell(f"Reading {name}")
        found = []
        size = min(self.limits.block_tokens, self.base.engine.capabilities.n_ctx)
        for text in blocks_of(texts, lambda t: len(self.base.engine.tokenize(t)), n, size):
            read = self._measured.once((text,), Block, partial(self._read, text))
            if not (math.isfinite(read.base) and math.isfinite(read.tuned)):
                raise ReportError(
                    "The model does not answer with numbers, so nothing can be measured. The "
                    "adapter or the model file is damaged."
                )
            found.append(read)
            self.tell(f"Reading {name}", self._per_block)
        self.tell(f"Reading {name}", self._per_block * (n - len(found)))
        return found

    def _read(self, text: str) -> Block:
        return block(self.base.score(text), self.tuned.score(text))

    def forgetting(self) -> Forgetting | NotMeasured:
        what = "Looking for what was forgotten"
        self.tell(what)
        return forgetting.measure(
            self.base,
            self.tuned,
            self.limits.base_samples,
            lambda: self.tell(what, _PER_BASE_SAMPLE),
            self._measured,
        )

    def keystrokes(self) -> Keystrokes | NotMeasured:
        what = "Typing your held-out text"
        self.tell(what)
        return keystrokes.measure(
            self.base,
            self.tuned,
            self.own,
            self.limits.stretches,
            self.limits.stretch_chars,
            lambda: self.tell(what, self._per_stretch),
            self._measured,
        )

    def samples(
        self, prompts: Sequence[str], from_training: Sequence[str]
    ) -> tuple[list[Sample], list[Sample], list[Sample]]:
        """Of the base, of the tuned model, and of that after openings of the training text."""

        def write(voice: Voice, after: Sequence[str], n: int) -> list[Sample]:
            self.tell("Writing samples")
            return samples.write(
                voice,
                after,
                n,
                self.limits.sample_words,
                lambda: self.tell("Writing samples", self._per_sample),
                self._measured,
            )

        return (
            write(self.base, prompts, self.limits.samples),
            write(self.tuned, prompts, self.limits.samples),
            write(self.tuned, from_training, self.limits.after_training),
        )


def _pairs(base: Sequence[Sample], tuned: Sequence[Sample]) -> tuple[Pair, ...]:
    """The first sample after each opening, of both models."""
    pairs: list[Pair] = []
    written = {(sample.opening, sample.seed): sample.text for sample in tuned}
    for sample in base:
        other = written.get((sample.opening, sample.seed))
        if other is not None and all(pair.opening != sample.opening for pair in pairs):
            pairs.append(Pair(sample.opening, sample.seed, sample.text, other))
    return tuple(pairs[:_PAIRS])
