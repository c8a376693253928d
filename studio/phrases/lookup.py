"""Which words of the writer's go on as the letters just typed, and how likely each is."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from studio.phrases.counting import Breath, typed_in

NEAR_WEIGHT = 0.3
"""What the texts of the project say of the next word counts so much. This and the next three were
chosen on novels: docs/completion.md."""
FAR_WEIGHT = 0.05
"""What the folders that the writer has added say counts so much."""
BACK_OFF = 2
"""After a token with n different followers, its followers are counted together with BACK_OFF × n
more words as the whole text has them."""
N_LIKELY = 6
"""How many words are told at a time."""

_LAST = "\U0010ffff"
_STEP = 2_000
"""So many rows between two breaths: about a millisecond."""

T = TypeVar("T")
Numbers = npt.NDArray[np.int32]


def _none() -> Numbers:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Words:
    """Words, sorted, and how often each was written."""

    words: list[str] = field(default_factory=list)
    counts: Numbers = field(default_factory=_none)

    @staticmethod
    def of(rows: Iterable[tuple[str, int]], breathe: Breath = lambda: None) -> Words:
        """From pairs of a word and its count, sorted by word."""
        words: list[str] = []
        counts = array("i")
        for word, n in _slowly(rows, breathe):
            words.append(word)
            counts.append(n)
        return Words(words, np.array(counts, np.int32))


@dataclass(frozen=True, eq=False)
class Near:
    """The words of a project, and which of them follow each token."""

    words: Words = field(default_factory=Words)
    starts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By token: where its followers begin and end in the next two."""
    followers: Numbers = field(default_factory=_none)
    """Places in `words`, ascending for each token."""
    counts: Numbers = field(default_factory=_none)

    @staticmethod
    def of(
        words: Words, pairs: Iterable[tuple[str, str, int]], breathe: Breath = lambda: None
    ) -> Near:
        """From rows of a token, the word after it and their count, sorted by token, then word."""
        places = {word: i for i, word in enumerate(words.words)}
        starts: dict[str, tuple[int, int]] = {}
        followers, counts = array("i"), array("i")
        last, start = "", 0
        for before, word, n in _slowly(pairs, breathe):
            if before != last:
                starts[last] = (start, len(followers))
                last, start = before, len(followers)
            followers.append(places[word])
            counts.append(n)
        starts[last] = (start, len(followers))
        del starts[""]  # no token, only where the first one begins
        return Near(words, starts, np.array(followers, np.int32), np.array(counts, np.int32))


@dataclass(frozen=True, eq=False)
class Phrases:
    """A look-up, never changed: any thread may ask it."""

    words: list[str] = field(default_factory=list)
    """All words of the writer's, sorted."""
    near: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """By word: its share of the words in the project."""
    far: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """By word: its share of those in the added folders, weighted."""
    starts: dict[str, tuple[int, int]] = field(default_factory=dict)
    followers: Numbers = field(default_factory=_none)
    counts: Numbers = field(default_factory=_none)

    @staticmethod
    def of(near: Near, far: Words) -> Phrases:
        """The look-up for the words of a project and those of the added folders."""
        # One word after the other: `sorted` of so many would let no other thread run meanwhile.
        words = [word for word, _ in groupby(merge(near.words.words, far.words))]
        place = {word: i for i, word in enumerate(words)}
        near_at = np.fromiter((place[word] for word in near.words.words), np.int32)
        far_at = np.fromiter((place[word] for word in far.words), np.int32)
        shares, far_shares = np.zeros(len(words)), np.zeros(len(words))
        shares[near_at] = near.words.counts / max(1, near.words.counts.sum())
        far_shares[far_at] = FAR_WEIGHT * far.counts / max(1, far.counts.sum())
        followers = near_at[near.followers]
        return Phrases(words, shares, far_shares, near.starts, followers, near.counts)

    def likely(self, before: str) -> tuple[tuple[str, float], ...]:
        """Words that the one at the end of `before` may be, each with a probability to add to a
        model's own: the `N_LIKELY` likeliest, best first.

        They begin with the letters that are there, and are longer. Only for words that begin with
        a capital letter, as names do: of the others a model knows more. Takes some 0.05 ms.
        """
        token, typed = typed_in(before)
        if not typed[:1].isupper():
            return ()
        first = bisect_left(self.words, typed)
        end = bisect_left(self.words, typed + _LAST, lo=first)
        if first < end and self.words[first] == typed:
            first += 1
        if first == end:
            return ()
        start, stop = self.starts.get(token, (0, 0))
        n_followers = stop - start
        n_follows = int(self.counts[start:stop].sum())
        unseen = BACK_OFF * n_followers
        by_text = unseen / (n_follows + unseen) if n_followers else 1.0
        values = self.far[first:end] + NEAR_WEIGHT * by_text * self.near[first:end]
        if n_followers:
            followers = self.followers[start:stop]
            low, high = np.searchsorted(followers, (first, end))
            share = self.counts[start:stop][low:high] / (n_follows + unseen)
            values[followers[low:high] - first] += NEAR_WEIGHT * share
        return tuple((self.words[first + i], float(values[i])) for i in _highest(values))

    def endings(self, before: str) -> tuple[tuple[str, float], ...]:
        """The same, but of each word only what is not typed yet: for `Request.endings`."""
        found = self.likely(before)
        n_typed = len(typed_in(before)[1]) if found else 0
        return tuple((word[n_typed:], value) for word, value in found)


def _highest(values: npt.NDArray[np.float64]) -> list[int]:
    """Where the highest values are, best first; of equal ones, the first."""
    if len(values) > N_LIKELY:
        least = np.partition(values, -N_LIKELY)[-N_LIKELY]
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    order = np.argsort(-values[places], kind="stable")[:N_LIKELY]
    return [int(place) for place in places[order]]


def _slowly(rows: Iterable[T], breathe: Breath) -> Iterator[T]:
    for i, row in enumerate(rows):
        if i % _STEP == 0:
            breathe()
        yield row
