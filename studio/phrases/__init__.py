"""The writer's own words: what they have written before, offered while a word is being typed.

A cache language model (Kuhn and De Mori 1990, "A Cache-Based Natural Language Model for Speech
Recognition"): nothing is trained, words are counted. `Index` counts files and remembers it,
`Phrases` looks up.
"""

from __future__ import annotations

from collections.abc import Iterable

from studio.phrases.counting import Breath, Counts, count
from studio.phrases.index import Index, forget_index, forget_unused
from studio.phrases.lookup import Near, Phrases, Words

__all__ = [
    "Breath",
    "Counts",
    "Index",
    "Near",
    "Phrases",
    "Words",
    "count",
    "forget_index",
    "forget_unused",
    "phrases_of",
]


def phrases_of(near: Iterable[str], far: Iterable[str] = ()) -> Phrases:
    """The look-up for these texts: those of the project, and the writer's other ones."""
    ours, others = Counts(), Counts()
    for text in near:
        ours.add(count(text))
    for text in far:
        others.add(count(text, pairs=False))
    words = Words.of(sorted(ours.words.items()))
    pairs = sorted((before, word, n) for (before, word), n in ours.pairs.items())
    return Phrases.of(Near.of(words, pairs), Words.of(sorted(others.words.items())))
