"""Reports for the tests, built from plain figures."""

from __future__ import annotations

import numpy as np

from studio.tuning.report.figures import (
    Copied,
    Distance,
    Distinct,
    Estimate,
    Forgetting,
    Keystrokes,
    NotMeasured,
    Overlap,
    Pair,
    Perplexity,
    Rate,
    Report,
    Run,
    Style,
    Variety,
)
from studio.tuning.report.perplexity import Block, likelihood, personal_gain


def blocks(ratio: float, n: int = 40, spread: float = 0.03, seed: int = 1) -> list[Block]:
    """Blocks whose perplexities, tuned over base, lie around `ratio`."""
    dice = np.random.default_rng(seed)
    bases = dice.normal(3.6, 0.2, n)
    gains = dice.normal(np.log(ratio), spread, n)
    gains += np.log(ratio) - gains.mean()
    return [
        Block(511, 380, float(-511 * base), float(-511 * (base + gain)))
        for base, gain in zip(bases, gains, strict=True)
    ]


def perplexity(own: list[Block], *controls: tuple[str, list[Block]]) -> Perplexity:
    return Perplexity(
        likelihood("Your held-out text", own),
        tuple(likelihood(name, each) for name, each in controls),
        personal_gain(own, [each for _, each in controls])
        if controls
        else NotMeasured("There is no text by others."),
    )


def report(figures: Perplexity) -> Report:
    """A report in which nothing but the perplexity is measured."""
    nothing = NotMeasured("It was left out.")
    return Report(
        made="2026-11-25T21:00:00+00:00",
        model="SmolLM2 135M",
        adapter="mine",
        strength=1.0,
        effort="full",
        n_train_words=123_456,
        perplexity=figures,
        forgetting=nothing,
        keystrokes=nothing,
        style=nothing,
        copied=nothing,
        variety=nothing,
        samples=(),
    )


def full_report() -> Report:
    """A report in which everything is measured, with figures that are easy to find again."""
    own = blocks(0.80)
    others = [(f"Control {i}", blocks(0.86 + i / 100, seed=i)) for i in range(3)]

    def distance(name: str, unit: str) -> Distance:
        nearer = Estimate(0.2, (0.1, 0.3))
        return Distance(name, unit, 0.9, 0.7, nearer, 0.6, (0.45, 0.75), 1.02)

    plain = report(perplexity(own, *others))
    return Report(
        **{
            **plain.__dict__,
            "forgetting": Forgetting(24, 3_011, Estimate(0.137, (0.121, 0.155))),
            "keystrokes": Keystrokes(16, 4_801, 0.384, 0.427, Estimate(0.043, (0.011, 0.075))),
            "style": Style(
                5_003,
                19,
                distance("Delta", "0 the same"),
                (distance("Function words", "of 1,000 words"),),
                (Rate("whilst", 0.1, 2.2, 3.3),),
                (Rate(";", 1.5, 4.5, 5.5),),
                Rate("words a sentence", 11.5, 15.5, 16.5),
            ),
            "copied": Copied(
                Overlap(5_003, 14, 0.0028, 0.031),
                Overlap(5_003, 7, 0.0, 0.012),
                Overlap(6_002, 8, 0.0, 0.027),
                Overlap(1_201, 31, 0.026, 0.06),
                1,
                (Run("the long way round by the mill", 14, "Love <1921>", after_training=False),),
            ),
            "variety": Variety(5_003, Distinct(0.71, 0.93), Distinct(0.72, 0.94), None),
            "samples": (Pair("It was dark.\n\n", 3, "Base wrote <this>.", "Tuned wrote & that."),),
        }
    )
