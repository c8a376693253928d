"""Forgetting, keystrokes and variety on plain numbers; where to measure; reports as JSON."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from studio.tuning.report import Report, ReportError, forgetting, keystrokes, samples
from studio.tuning.report.figures import Distinct, Forgetting, Keystrokes, NotMeasured, Variety
from studio.tuning.report.forgetting import Moved, divergence
from studio.tuning.report.keystrokes import Typed
from studio.tuning.report.places import spread
from studio.tuning.report.sentences import on_keystrokes, on_variety
from tests.tuning.report.builders import blocks, full_report, perplexity, report
from tests.tuning.report.made_texts import BREATHLESS, written_by


def test_divergence_is_what_the_formula_says() -> None:
    base = np.log(np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]], np.float32)) + 3
    tuned = np.log(np.array([[0.25, 0.5, 0.25], [0.2, 0.2, 0.6]], np.float32)) - 7
    told = divergence(base, tuned)
    assert told == pytest.approx([0.25 * np.log(2), 0.0], abs=1e-6)


def test_divergence_of_many_rows_is_that_of_each() -> None:
    dice = np.random.default_rng(1)
    base, tuned = dice.normal(0, 2, (2, 75, 40)).astype(np.float32)
    single = [divergence(base[i : i + 1], tuned[i : i + 1])[0] for i in range(75)]
    assert divergence(base, tuned) == pytest.approx(single)


def test_a_token_that_can_never_come_adds_nothing() -> None:
    base = np.array([[0.0, 0.0, -np.inf]], np.float32)
    assert divergence(base, base) == pytest.approx([0.0])


def test_what_was_forgotten_is_a_mean_over_tokens() -> None:
    figure = forgetting.summarised([Moved(100, 10.0), Moved(300, 90.0)] * 5)
    assert isinstance(figure, Forgetting)
    assert figure.divergence.value == 0.25
    assert figure.divergence.interval
    assert 0.1 <= figure.divergence.interval[0] < 0.25 < figure.divergence.interval[1] <= 0.3
    assert isinstance(forgetting.summarised([]), NotMeasured)


def test_keystrokes_are_shares_of_all_characters() -> None:
    figure = keystrokes.summarised([Typed(100, 60, 50), Typed(300, 180, 180)] * 5)
    assert isinstance(figure, Keystrokes)
    assert figure.base == pytest.approx(0.40)
    assert figure.tuned == pytest.approx(0.425)
    assert figure.gain.value == pytest.approx(0.025)


def test_more_keystrokes_are_claimed_only_where_they_are_shown() -> None:
    sure = keystrokes.summarised([Typed(200, 120, 110)] * 10)
    unsure = keystrokes.summarised([Typed(200, 120, 90), Typed(200, 90, 119)] * 5)
    assert on_keystrokes(sure).startswith("Tuning saves you more keystrokes")
    assert "+5.0" in on_keystrokes(sure)
    assert on_keystrokes(unsure).startswith("No difference")


def test_a_text_that_repeats_itself_is_less_varied() -> None:
    varied = [written_by(BREATHLESS, 220, seed) for seed in range(5)]
    loops = ["There would be no other way out of it. " * 24] * 5
    figure = samples.variety(varied, loops, varied)
    assert isinstance(figure, Variety)
    assert figure.tuned.threes < 0.02 < figure.base.threes
    assert figure.own is not None
    assert "repeats itself more" in on_variety(figure)
    assert isinstance(samples.variety(["One."], varied, varied), NotMeasured)


def test_a_tenth_fewer_distinct_runs_is_told_as_repeating() -> None:
    less = Variety(1_200, Distinct(0.69, 0.90), Distinct(0.59, 0.82), None)
    same = Variety(1_200, Distinct(0.69, 0.90), Distinct(0.68, 0.89), None)
    assert "repeats itself more" in on_variety(less)
    assert "about as varied" in on_variety(same)


def test_distinct_runs_are_counted_within_texts_alone() -> None:
    found = samples.distinct(["a b a b", "c d"], 100)
    assert found.twos == 3 / 4  # ab, ba, ab, cd
    assert found.threes == 1.0  # aba, bab


def test_places_are_spread_and_do_not_overlap() -> None:
    texts = [written_by(BREATHLESS, n, 1) for n in (2_000, 500, 40)]
    places = spread(texts, 10, 300, lead=100)
    assert len(places) == 10
    assert {place.text for place in places} == {0, 1}
    assert all(place.start >= 100 for place in places)
    for one, other in pairwise(places):
        assert (one.text, one.end) <= (other.text, other.start)
    assert all(texts[p.text][p.start - 1].isspace() for p in places)


def test_openings_are_whole_paragraphs() -> None:
    text = written_by(BREATHLESS, 3_000, 1)
    found = samples.openings([text], 5)
    assert len(found) == 5
    assert len(set(found)) == 5
    paragraphs = set(text.split("\n\n"))
    for opening in found:
        assert opening.endswith("\n\n")
        assert set(opening.strip().split("\n\n")) <= paragraphs
        assert 80 <= len(opening.split()) < 250


def test_a_few_openings_of_many_short_chapters_are_found_and_spread() -> None:
    chapters = [written_by(BREATHLESS, 700, seed) for seed in range(30)]
    found = samples.openings(chapters, 2)
    where = [next(i for i, text in enumerate(chapters) if opening in text) for opening in found]
    assert where == pytest.approx([7, 22], abs=2)


def test_an_endless_paragraph_is_cut_after_a_sentence() -> None:
    text = written_by(BREATHLESS, 3_000, 1).replace("\n\n", " ")
    for opening in samples.openings([text], 3)[1:]:
        assert opening[0].isupper()
        assert opening.rstrip().endswith(".")
        assert len(opening) <= 1_500


def test_a_report_survives_json() -> None:
    for each in (full_report(), report(perplexity(blocks(0.9, n=3)))):
        assert Report.from_json(each.to_json()) == each


def test_json_tells_the_verdict_to_other_readers() -> None:
    told = json.loads(full_report().to_json())
    assert told["verdict"] == full_report().verdict
    assert told["version"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"version": 1, "verdict": ""}',
        full_report().to_json().replace('"strength": 1.0', '"strength": "1"'),
        full_report().to_json().replace('"n_chars"', '"chars"'),
    ],
)
def test_what_is_no_report_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ReportError, match="again"):
        Report.from_json(text)


def test_a_report_of_another_version_is_refused() -> None:
    newer = full_report().to_json().replace('"version": 1', '"version": 2')
    with pytest.raises(ReportError, match="another version"):
        Report.from_json(newer)
