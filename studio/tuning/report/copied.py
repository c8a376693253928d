"""What in a text was copied from the training text: runs of the same words.

Some five words in a row stand in any two books; in unseen books by the same author the longest
common run was 6 to 9 words. So 12 words or more are copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.tuning.report.figures import Copied, NotMeasured, Overlap, Run
from studio.tuning.report.samples import Sample
from studio.tuning.report.words import words

COPIED_WORDS = 12
_FIVE = 5
MOST_COPIED = 0.001
"""Share of words in copied runs above which the reader is warned."""
MOST_IN_FIVES = 2.0
"""Times the writer's own share of words in runs of five, above which the reader is warned."""
LISTED = 12
_FEWEST_OWN_WORDS = 2_000
_PLACES = 64
"""Places of a run's first words that are tried, in a text that says them very often."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Match:
    """Words `start` to `end` of a text, and where they stand in the training text."""

    start: int
    end: int
    source: str


class TrainingText:
    """The words of the training text, found by runs of five. A million words take seconds."""

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        """`passages` are titles and texts."""
        self._titles = [title for title, _ in passages]
        self._ids: dict[str, int] = {}
        parts, self._starts, at = [], [], 0
        for _, text in passages:
            said = [self._ids.setdefault(word, len(self._ids) + 2) for word in words(text)]
            self._starts.append(at)
            parts.append(np.array([*said, 1], dtype=np.uint64))  # 1 stands in no other text
            at += len(said) + 1
        self._words = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        hashes = _hashes(self._words)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    @property
    def n_words(self) -> int:
        return len(self._words) - len(self._starts)

    def matches(self, said: Sequence[str]) -> Iterator[Match]:
        """The runs of five words or more, each as long as it goes, from left to right.

        A run that goes on after a longer one began within it is told as well.
        """
        ids = np.array([self._ids.get(word, 0) for word in said], dtype=np.uint64)
        hashes = _hashes(ids)
        left = np.searchsorted(self._hashes, hashes, "left")
        right = np.searchsorted(self._hashes, hashes, "right")
        known, reached = right > left, 0
        for start in np.flatnonzero(known):
            across = reached - _FIVE + 1  # what goes on after the last run has these five words
            if start < across and not (across < len(known) and known[across]):
                continue
            places = self._order[left[start] : min(right[start], left[start] + _PLACES)]
            length, place = max((self._common(ids, int(start), int(p)), int(p)) for p in places)
            if length >= _FIVE and start + length > reached:
                reached = int(start) + length
                yield Match(int(start), reached, self._title(place))

    def overlap(self, texts: Sequence[str]) -> Overlap:
        """How much of these texts stands in the training text."""
        n_words = longest = copied = in_fives = 0
        for text in texts:
            said = words(text)
            matches = list(self.matches(said))
            n_words += len(said)
            longest = max([longest, *(m.end - m.start for m in matches)])
            copied += _covered([m for m in matches if m.end - m.start >= COPIED_WORDS])
            in_fives += _covered(matches)
        return Overlap(n_words, longest, copied / max(1, n_words), in_fives / max(1, n_words))

    def runs(self, sample: Sample, *, after_training: bool) -> list[Run]:
        """The copied runs of a sample, but for what its opening said before it."""
        said = words(sample.text)
        before = f" {' '.join(words(sample.opening))} "
        found = []
        for match in self.matches(said):
            text = " ".join(said[match.start : match.end])
            n_words = match.end - match.start
            if n_words >= COPIED_WORDS and f" {text} " not in before:
                found.append(Run(text, n_words, match.source, after_training))
        return found

    def _common(self, ids: NDArray[np.uint64], at: int, place: int) -> int:
        n = min(len(ids) - at, len(self._words) - place)
        here, there, length = ids[at : at + n], self._words[place : place + n], 0
        while length < n:  # in steps, as most runs are short and texts are long
            step = here[length : length + 32] == there[length : length + 32]
            if not step.all():
                return length + int(np.argmin(step))
            length += len(step)
        return length

    def _title(self, place: int) -> str:
        return self._titles[int(np.searchsorted(self._starts, place, "right")) - 1]


def _hashes(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One for each run of five; numbers overflow on purpose."""
    n = max(0, len(ids) - _FIVE + 1)
    hashes = np.zeros(n, dtype=np.uint64)
    for i in range(_FIVE):
        hashes = (hashes + ids[i : i + n]) * _FACTOR
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _covered(matches: Sequence[Match]) -> int:
    """Words in at least one of the matches, which are in order."""
    total = reached = 0
    for match in matches:
        total += max(0, match.end - max(match.start, reached))
        reached = max(reached, match.end)
    return total


def measure(
    train: TrainingText,
    own: Sequence[str],
    base: Sequence[Sample],
    tuned: Sequence[Sample],
    after_training: Sequence[Sample],
) -> Copied | NotMeasured:
    """What of the samples was copied; `after_training` go on from the training text itself."""
    if not train.n_words:
        return NotMeasured("No training text was given.")
    theirs: Overlap | NotMeasured = train.overlap(own)
    if isinstance(theirs, Overlap) and theirs.n_words < _FEWEST_OWN_WORDS:
        theirs = NotMeasured(
            f"The held-out text has {theirs.n_words:,} words, and {_FEWEST_OWN_WORDS:,} are needed."
        )
    worst: Overlap | NotMeasured = NotMeasured("The model wrote nothing.")
    if after_training:
        worst = train.overlap([sample.text for sample in after_training])
    runs = [run for sample in tuned for run in train.runs(sample, after_training=False)]
    runs += [run for sample in after_training for run in train.runs(sample, after_training=True)]
    runs.sort(key=lambda run: -run.n_words)
    return Copied(
        train.overlap([sample.text for sample in tuned]),
        train.overlap([sample.text for sample in base]),
        theirs,
        worst,
        len(runs),
        tuple(runs[:LISTED]),
    )
