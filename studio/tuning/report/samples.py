"""What both models write: the same openings, the same seeds, and the sampling of stories."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from studio.engine import Piece, Request
from studio.library.presets import presets
from studio.tuning.report.figures import Distinct, NotMeasured, Variety
from studio.tuning.report.measured import Measured
from studio.tuning.report.places import spread
from studio.tuning.report.voice import Voice
from studio.tuning.report.words import cut, words

_OPENING_WORDS = 80
_LONGEST_OPENING = 1_500
"""Characters; what a paragraph has more is cut before a sentence."""
_TOKENS_PER_WORD = 3
_FEWEST_WORDS = 200
"""Below which shares of distinct runs say nothing."""
_PARAGRAPH = re.compile(r"(?<=\n)(?=[^\s#*])")
_SENTENCE = re.compile(r"[.!?…]+[”’\"')\]]*\s+")


@dataclass(frozen=True)
class Sample:
    """What a model wrote after an opening."""

    opening: str
    seed: int
    text: str


def openings(texts: Sequence[str], n: int) -> list[str]:
    """At most `n` beginnings to go on from, of some 80 words, evenly spread over `texts`.

    Each begins and ends with a paragraph, or with a sentence where paragraphs are long.
    """
    found = []
    for place in spread(texts, n, _LONGEST_OPENING):
        text = texts[place.text]
        start = place.start
        if start and (
            found_start := _PARAGRAPH.search(text, start, place.end)
            or _SENTENCE.search(text, start, place.end)
        ):
            start = found_start.end()
        opening = _opening(text[start : start + 2 * _LONGEST_OPENING])
        if opening.strip():
            found.append(opening)
    return found


def _opening(text: str) -> str:
    end = len(cut(text, _OPENING_WORDS))
    paragraph = text.find("\n", end)
    if 0 <= paragraph <= _LONGEST_OPENING:
        return text[:paragraph].rstrip() + "\n\n"
    ends = [found.end() for found in _SENTENCE.finditer(text, 0, _LONGEST_OPENING)]
    return text[: next((each for each in ends if each >= end), end)]


def write(
    voice: Voice,
    prompts: Sequence[str],
    n_samples: int,
    n_words: int,
    on_sample: Callable[[], None] = lambda: None,
    measured: Measured | None = None,
) -> list[Sample]:
    """`n_samples` of `n_words` each, after the prompts in turn, each with its own seed.

    A model may end a text early. Then it is asked again, until it has written as many words or
    was asked twice as often; `on_sample` is called after each of the first `n_samples`.
    """
    known = measured or Measured()
    samples: list[Sample] = []
    left = n_samples * n_words
    for seed in range(2 * n_samples if prompts else 0):
        if left <= 0:
            break
        prompt = prompts[seed % len(prompts)]
        what = (bool(voice.adapters), prompt, seed, n_words)
        samples.append(known.once(what, Sample, partial(_continued, voice, prompt, seed, n_words)))
        left -= len(words(samples[-1].text))
        if seed < n_samples:
            on_sample()
    return samples


def _continued(voice: Voice, prompt: str, seed: int, n_words: int) -> Sample:
    """`n_words` words, or what there is when the text ends."""
    text = ""
    sampling = replace(presets()["story"], seed=seed)
    request = Request(prompt, max_tokens=n_words * _TOKENS_PER_WORD, sampling=sampling)
    for event in voice.stream(request):
        if isinstance(event, Piece):
            text += event.text
            if len(words(text)) > n_words:  # one more, as the last may not be whole
                break
    return Sample(prompt, seed, cut(text, n_words))


def distinct(texts: Sequence[str], n_words: int) -> Distinct:
    """Of the first `n_words` of texts; runs don't go from one text into the next."""
    shares = []
    for length in (2, 3):
        left, runs = n_words, Counter[tuple[str, ...]]()
        for text in texts:
            said = words(text)[:left]
            left -= len(said)
            runs.update(zip(*(said[i:] for i in range(length)), strict=False))
        shares.append(len(runs) / max(1, runs.total()))
    return Distinct(*shares)


def variety(base: Sequence[str], tuned: Sequence[str], own: Sequence[str]) -> Variety | NotMeasured:
    """Over the same number of words, as the shares fall with length."""

    def count(texts: Sequence[str]) -> int:
        return sum(len(words(text)) for text in texts)

    n_words = min(count(base), count(tuned))
    if n_words < _FEWEST_WORDS:
        return NotMeasured(
            f"The models wrote too little: {n_words} words, and {_FEWEST_WORDS} are needed."
        )
    theirs = distinct(own, n_words) if count(own) >= n_words else None
    return Variety(n_words, distinct(base, n_words), distinct(tuned, n_words), theirs)
