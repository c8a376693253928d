"""What the figures of perplexity say, and what the first line makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from studio.tuning.report.figures import Estimate
from studio.tuning.report.perplexity import blocks_of, likelihood, personal_gain
from studio.tuning.report.sentences import doubts
from tests.tuning.report.builders import blocks, perplexity, report
from tests.tuning.report.made_texts import BREATHLESS, written_by


def test_base_and_tuned_alike_give_a_ratio_of_one_and_did_not_help() -> None:
    figures = perplexity(blocks(1.0, spread=0.0), ("Emma", blocks(1.0, spread=0.0)))
    assert figures.own.ratio == Estimate(1.0, (1.0, 1.0))
    assert report(figures).verdict.startswith("Tuning did not help")


def test_a_ratio_that_may_be_one_did_not_help() -> None:
    figures = perplexity(blocks(0.999, spread=0.05), ("Emma", blocks(1.0)))
    assert report(figures).verdict.startswith("Tuning did not help")


def test_fiction_that_was_learned_is_not_taken_for_the_writer() -> None:
    figures = perplexity(
        blocks(0.83, seed=1), ("The Age of Innocence", blocks(0.82, spread=0.04, seed=2))
    )
    assert isinstance(figures.personal, Estimate)
    assert figures.personal.value == pytest.approx(0.83 / 0.82, abs=1e-9)
    first = report(figures).verdict
    assert "nothing personal" in first
    assert "learned you" not in first


def test_more_than_all_controls_is_the_writer() -> None:
    controls = [(name, blocks(0.9, seed=i)) for i, name in enumerate("ABC", 2)]
    first = report(perplexity(blocks(0.80), *controls)).verdict
    assert first.startswith("The model learned you")
    assert "0.889" in first  # 0.80 / 0.90
    assert "a ratio of 0.800" in first


def test_it_is_told_when_a_control_gained_more_all_the_same() -> None:
    figures = perplexity(
        blocks(0.80),
        ("Emma", blocks(0.78, seed=2)),
        ("Dracula", blocks(0.95, seed=3)),
        ("Kim", blocks(0.95, seed=4)),
    )
    assert report(figures).verdict.startswith("The model learned you")
    assert any("Emma gained more" in doubt for doubt in doubts(report(figures)))


def test_the_controls_weigh_alike_however_long_they_are() -> None:
    gain = personal_gain(blocks(0.8), [blocks(0.9, n=200), blocks(0.81, n=10)])
    assert gain.value == pytest.approx(0.8 / np.sqrt(0.9 * 0.81), abs=1e-9)


def test_without_controls_the_personal_part_is_not_measured() -> None:
    first = report(perplexity(blocks(0.8))).verdict
    assert first.startswith("Tuning helped")
    assert "not measured" in first


def test_a_text_that_became_less_likely_was_harmed() -> None:
    figures = perplexity(blocks(1.1), ("Emma", blocks(1.3)))
    assert report(figures).verdict.startswith("Tuning did harm")


def test_others_may_gain_more_than_the_writer() -> None:
    first = report(perplexity(blocks(0.9), ("Emma", blocks(0.8)))).verdict
    assert "nothing personal, as others gained more" in first
    assert "Emma" in first


def test_a_few_blocks_have_no_interval_and_make_no_claim() -> None:
    figures = perplexity(blocks(0.5, n=7), ("Emma", blocks(0.9)))
    assert figures.own.ratio.interval is None
    assert isinstance(figures.personal, Estimate)
    assert figures.personal.interval is None
    assert report(figures).verdict.startswith("Too little to tell")


def test_few_blocks_of_a_control_make_no_claim_either() -> None:
    first = report(perplexity(blocks(0.5), ("Emma", blocks(0.9, n=5)))).verdict
    assert "learned you" not in first.replace("whether it learned you", "")


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    dice = np.random.default_rng(5)
    truth, held = 0.9, 0
    for _ in range(200):
        found = dice.normal(np.log(truth), 0.06, 20)
        sample = [
            block.__class__(500, 380, -1800.0, -1800.0 - 500 * float(gain))
            for block, gain in zip(blocks(1.0, n=20), found, strict=True)
        ]
        interval = likelihood("own", sample).ratio.interval
        assert interval
        held += interval[0] <= truth <= interval[1]
    assert 0.89 <= held / 200 <= 0.99


def test_pairing_makes_the_interval_narrow() -> None:
    # Blocks differ by 0.2 nats a token, the gains by 0.03: only the latter may count.
    interval = likelihood("own", blocks(0.9)).ratio.interval
    assert interval
    assert interval[1] - interval[0] < 0.03


def count(text: str) -> int:
    """Tokens of three characters."""
    return -(-len(text) // 3)


def test_blocks_are_whole_words_and_none_is_too_long() -> None:
    texts = [written_by(BREATHLESS, 900, seed=1), written_by(BREATHLESS, 50, seed=2)]
    found = blocks_of(texts, count, 100, 128)
    said = [word for block in found for word in block.split()]
    assert all(count(block) <= 128 for block in found)
    assert len(said) > 0.9 * sum(len(text.split()) for text in texts)
    assert set(said) <= {word for text in texts for word in text.split()}


def test_few_blocks_of_a_long_text_are_spread_over_it() -> None:
    text = " ".join(str(n) for n in range(10_000))
    found = blocks_of([text], count, 4, 128)
    firsts = [int(block.split()[0]) for block in found]
    assert len(found) == 4
    assert firsts == pytest.approx([1250, 3750, 6250, 8750], abs=400)


def test_a_text_without_spaces_is_cut_too() -> None:
    found = blocks_of(["漢" * 2_000], count, 100, 128)
    assert sum(map(len, found)) > 1_800


def test_texts_of_nothing_have_no_blocks() -> None:
    assert blocks_of(["", " \n "], count, 10, 128) == []
