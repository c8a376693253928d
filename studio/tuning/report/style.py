"""How near what the models write is to the writer's style, with the writer as the yardstick.

A distance alone says nothing: two chapters by one writer differ, too, and short texts differ more
than long ones. So everything is measured on the same number of words: what the base wrote, what
the tuned model wrote, and pieces of the writer's own text, each held against the centre of
the writer's *other* pieces. What is near as the writer's own pieces are is near enough. The
controls' pieces show what another author's distance is.

- Cosine Delta (Smith and Aldridge 2011, after Burrows 2002): the 150 most frequent words, their
  rates as standard scores, and the angle between two such profiles. A standard score needs
  to know how authors differ. The reference is the writer and the controls, each author with the
  same weight however long the book: with two controls at least, as one would only tell "more like
  the control", and with the writer alone the centre would be zero and the angle noise. With few
  authors the scale is rough; it is the same for all that is compared, so the order holds better
  than the size. The pieces that are measured are part of the reference themselves, which flatters
  the writer's own and the controls a little, and the models' writing not at all.
- Function words, sentence lengths and punctuation need no reference: their rates are compared as
  they are.

The interval is over samples, base and tuned together. It is for these openings and seeds.
"""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.tuning.report import bootstrap
from studio.tuning.report.figures import Distance, NotMeasured, Rate, Style
from studio.tuning.report.words import pieces, sentence_lengths, words

FEWEST_WORDS = 5_000
_N_FREQUENT = 150
_N_OWN_WORDS = 100
_OWN_PIECES, _CONTROL_PIECES = 24, 8
_FEWEST_OWN_PIECES = 3
_FEWEST_CONTROLS = 2
_LISTED_WORDS = 8
_LONGEST_SENTENCE = 120
"""Words; longer ones count as so long."""
_MARKS = {
    ",": ",",
    ";": ";",
    ":": ":",
    "— –": "—–",
    "…": "…",
    "!": "!",
    "?": "?",
    "“ ” «»": '“”"«»„「」',
    "( )": "()",
}
_ENGLISH = Path(__file__).parents[3] / "models" / "function_words.toml"

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class _Measure:
    """One respect in which texts differ: how to count, and how far two profiles are apart."""

    name: str
    unit: str
    count: Callable[[str], Counts]
    """Additive: the counts of two texts are those of both; the last number is what to divide by."""
    distance: Callable[[Counts, Counts], Counts]
    """Of profiles, shape (..., k), from one profile."""


def measure(
    base: Sequence[str],
    tuned: Sequence[str],
    own: Sequence[str],
    controls: Sequence[tuple[str, str]],
) -> Style | NotMeasured:
    """Samples of both models, all of the writer's texts, and (name, text) of the controls."""
    n_words = min(sum(len(words(text)) for text in texts) for texts in (base, tuned))
    if n_words < FEWEST_WORDS:
        return NotMeasured(
            f"Not claimed: each model wrote {n_words:,} words or little more, and below "
            f"{FEWEST_WORDS:,} a distance in style is chance."
        )
    own_pieces = pieces(own, n_words, _OWN_PIECES)
    if len(own_pieces) < _FEWEST_OWN_PIECES:
        return NotMeasured(
            f"Not claimed: a yardstick needs {_FEWEST_OWN_PIECES} pieces of {n_words:,} words of "
            f"your own, and there are {len(own_pieces)}."
        )
    others = [pieces([text], n_words, _CONTROL_PIECES) for _, text in controls]
    others = [each for each in others if each]
    listed = function_words(own_pieces)
    by_word = _by_word("Function words", listed)

    def compare(one: _Measure) -> Distance:
        return _compare(one, base, tuned, own_pieces, [p for each in others for p in each])

    delta: Distance | NotMeasured
    if len(others) < _FEWEST_CONTROLS:
        delta = NotMeasured(
            f"Delta needs {_FEWEST_CONTROLS} control texts of {n_words:,} words at least, and "
            f"there {'is' if len(others) == 1 else 'are'} {len(others)}."
        )
    else:
        delta = compare(_cosine_delta([own_pieces, *others]))
    return Style(
        n_words,
        len(own_pieces),
        delta,
        (compare(by_word), compare(_SENTENCES), compare(_PUNCTUATION)),
        _rates(by_word, listed, base, tuned, own_pieces, n=_LISTED_WORDS),
        _rates(_PUNCTUATION, list(_MARKS), base, tuned, own_pieces),
        Rate("words a sentence", *(_mean_sentence(t) for t in (base, tuned, own_pieces))),
    )


def function_words(texts: Sequence[str]) -> list[str]:
    """English ones if the texts are English, else the most frequent words of these texts."""
    counted = Counter(word for text in texts for word in words(text))
    english = _english()
    share = sum(counted[word] for word in english) / max(1, counted.total())
    # In English half of all words are among them, in other languages a tenth at the most.
    return (
        list(english) if share > 0.25 else [word for word, _ in counted.most_common(_N_OWN_WORDS)]
    )


@functools.cache
def _english() -> tuple[str, ...]:
    return tuple(tomllib.loads(_ENGLISH.read_text("utf-8"))["english"])


def _compare(
    one: _Measure,
    base: Sequence[str],
    tuned: Sequence[str],
    own: Sequence[str],
    others: Sequence[str],
) -> Distance:
    own_counts = np.array([one.count(text) for text in own])
    # For each piece the centre of the others. All else is held against each of these as well, so
    # that the yardstick is no farther away only because its centres have a piece less.
    centres = [_profile(own_counts.sum(axis=0) - row) for row in own_counts]
    alone = [
        float(one.distance(_profile(row), centre))
        for row, centre in zip(own_counts, centres, strict=True)
    ]

    def from_centres(counts: Counts) -> Counts:
        profiles = _profile(counts)
        mean: Counts = np.mean([one.distance(profiles, centre) for centre in centres], axis=0)
        return mean

    distances, drawn = [], []
    n = min(len(base), len(tuned))
    taken = bootstrap.draws(n, bootstrap.dice())
    for texts in (base, tuned):
        counts = np.array([one.count(text) for text in texts])
        distances.append(float(from_centres(counts.sum(axis=0))))
        drawn.append(from_centres(taken @ counts[:n]))
    theirs = [float(from_centres(one.count(text))) for text in others]
    return Distance(
        one.name,
        one.unit,
        distances[0],
        distances[1],
        bootstrap.estimate(distances[0] - distances[1], drawn[0] - drawn[1], n),
        float(np.mean(alone)),
        (min(alone), max(alone)),
        float(np.mean(theirs)) if theirs else None,
    )


def _profile(counts: Counts) -> Counts:
    """Rates from counts."""
    rates: Counts = counts[..., :-1] / np.maximum(counts[..., -1:], 1)
    return rates


def _apart(profiles: Counts, centre: Counts) -> Counts:
    """Differences of rates, summed, for 1,000 words."""
    total: Counts = 1_000 * np.abs(profiles - centre).sum(axis=-1)
    return total


def _by_word(name: str, listed: Sequence[str]) -> _Measure:
    return _Measure(name, "of 1,000 words", functools.partial(_count_words, listed), _apart)


def _count_words(listed: Sequence[str], text: str) -> Counts:
    counted = Counter(words(text))
    return np.array([*(counted[word] for word in listed), counted.total()], dtype=np.float64)


def _count_marks(text: str) -> Counts:
    counted = Counter(text)
    of_each = [sum(counted[mark] for mark in marks) for marks in _MARKS.values()]
    return np.array([*of_each, len(words(text))], dtype=np.float64)


def _count_sentences(text: str) -> Counts:
    """How many are at most so long, for each length."""
    lengths = np.minimum(sentence_lengths(text), _LONGEST_SENTENCE).astype(np.int64)
    up_to = np.bincount(lengths, minlength=_LONGEST_SENTENCE + 1).cumsum()
    return np.array([*up_to, len(lengths)], dtype=np.float64)


def _earth_moved(profiles: Counts, centre: Counts) -> Counts:
    """How many words the lengths have to be moved on average (Wasserstein distance)."""
    total: Counts = np.abs(profiles - centre).sum(axis=-1)
    return total


_PUNCTUATION = _Measure("Punctuation", "marks in 1,000 words", _count_marks, _apart)
_SENTENCES = _Measure("Sentence lengths", "words", _count_sentences, _earth_moved)


def _cosine_delta(authors: Sequence[Sequence[str]]) -> _Measure:
    """Over the words, and with the scale, that these authors have together, each alike."""
    totals: Counter[str] = Counter()
    for texts in authors:
        counted = Counter(word for text in texts for word in words(text))
        for word, n in counted.items():
            totals[word] += n * 1_000_000 // counted.total()
    frequent = [word for word, _ in totals.most_common(_N_FREQUENT)]
    rates = [
        _profile(np.array([_count_words(frequent, text) for text in texts])) for texts in authors
    ]
    mean = np.mean([each.mean(axis=0) for each in rates], axis=0)
    spread = np.sqrt(np.mean([((each - mean) ** 2).mean(axis=0) for each in rates], axis=0))
    kept = spread > 0

    def distance(profiles: Counts, centre: Counts) -> Counts:
        scores = (profiles - mean)[..., kept] / spread[kept]
        target = (centre - mean)[kept] / spread[kept]
        lengths = np.linalg.norm(scores, axis=-1) * np.linalg.norm(target)
        angle: Counts = 1 - (scores @ target) / np.maximum(lengths, 1e-12)
        return angle

    count = functools.partial(_count_words, frequent)
    return _Measure("Delta", "0 the same, 1 unrelated, 2 opposite", count, distance)


def _rates(
    one: _Measure,
    names: Sequence[str],
    base: Sequence[str],
    tuned: Sequence[str],
    own: Sequence[str],
    n: int | None = None,
) -> tuple[Rate, ...]:
    """For 1,000 words; with `n`, those in which the base is farthest from the writer."""
    profiles = [
        1_000 * _profile(np.sum([one.count(text) for text in texts], axis=0))
        for texts in (base, tuned, own)
    ]
    order = list(range(len(names)))
    if n is not None:
        order = np.argsort(-np.abs(profiles[0] - profiles[2]), kind="stable")[:n].tolist()
    return tuple(Rate(names[i], *(float(profile[i]) for profile in profiles)) for i in order)


def _mean_sentence(texts: Sequence[str]) -> float:
    lengths = [n for text in texts for n in sentence_lengths(text)]
    return float(np.mean(lengths)) if lengths else 0.0
