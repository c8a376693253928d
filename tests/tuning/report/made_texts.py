"""Texts for the tests: made by dice, each author with habits of their own."""

from __future__ import annotations

import random
from dataclasses import dataclass

_NOUNS = ("lamp", "harbour", "window", "letter", "garden", "brother", "winter", "captain", "river")
_VERBS = ("saw", "took", "left", "found", "carried", "watched", "followed", "kept", "mended")


@dataclass(frozen=True)
class Author:
    """How often clauses are joined, and with which small words."""

    joins: tuple[str, ...]
    articles: tuple[str, ...]
    subjects: tuple[str, ...]
    clauses: tuple[int, int]
    """Fewest and most clauses of a sentence."""
    ends: str = "."


BREATHLESS = Author((", and then", ", and", ", because"), ("the", "that"), ("I", "we"), (2, 5))
CURT = Author((";", ", but"), ("a", "some"), ("he", "she"), (1, 2), "!")
SOLEMN = Author((", which", ", upon which", ", for"), ("his", "her"), ("one", "they"), (2, 3))


def written_by(author: Author, n_words: int, seed: int) -> str:
    """Paragraphs with about so many words."""
    dice = random.Random(seed)
    sentences: list[str] = []
    total = 0
    while total < n_words:
        clauses = [
            f"{dice.choice(author.subjects)} {dice.choice(_VERBS)} {dice.choice(author.articles)} "
            f"{dice.choice(_NOUNS)} {dice.choice(('of', 'in', 'near', 'without'))} "
            f"{dice.choice(author.articles)} {dice.choice(_NOUNS)}"
            for _ in range(dice.randint(*author.clauses))
        ]
        sentence = clauses[0]
        for clause in clauses[1:]:
            sentence += f"{dice.choice(author.joins)} {clause}"
        sentences.append(sentence[0].upper() + sentence[1:] + author.ends)
        total += len(sentence.split())
    paragraphs = [" ".join(sentences[i : i + 5]) for i in range(0, len(sentences), 5)]
    return "\n\n".join(paragraphs)
