"""Small texts for tests, made up of plain words: no two sentences are alike."""

from __future__ import annotations

import random

_NOUNS = (
    "lamp river window harbour letter garden stone ladder kettle winter brother engine candle "
    "forest table captain doctor mirror bridge market shadow tailor morning violin cellar "
    "baker"
)
_VERBS = (
    "watched carried opened forgot painted followed counted mended answered crossed sold "
    "borrowed warmed remembered lifted measured hid broke found washed"
)
_HOWS = "slowly|twice|at dawn|without a word|with both hands|after supper|near the wall|by itself"
_SYLLABLES = [
    "ma",
    "ro",
    "del",
    "vin",
    "sa",
    "ka",
    "lor",
    "ben",
    "ti",
    "nes",
    "wel",
    "fa",
    "dor",
    "mi",
    "hal",
    "gra",
]
_ADJECTIVES = "small grey quiet broken yellow heavy narrow distant careful patient silver"


def sentence(dice: random.Random) -> str:
    """Ten words or so, such as a novel may have."""

    def one(words: str) -> str:
        return dice.choice(words.split())

    def name() -> str:
        return "".join(dice.choices(_SYLLABLES, k=dice.randint(2, 3))).capitalize()

    how = dice.choice(_HOWS.split("|"))
    return (
        f"{name()} {one(_VERBS)} the {one(_ADJECTIVES)} {one(_NOUNS)} of {name()} {how}, and "
        f"{name()} {one(_VERBS)} the {one(_NOUNS)} from {name()} for {name()}."
    )


def paragraphs(n_words: int, seed: int = 0) -> list[str]:
    """Paragraphs of some sentences each, with at least so many words in all."""
    dice = random.Random(seed)
    made: list[str] = []
    n = 0
    while n < n_words:
        made.append(" ".join(sentence(dice) for _ in range(dice.randint(2, 6))))
        n += len(made[-1].split())
    return made


def prose(n_words: int, seed: int = 0) -> str:
    """The same as a plain text, a blank line between paragraphs."""
    return "\n\n".join(paragraphs(n_words, seed))


def novel(n_chapters: int, n_words: int, seed: int = 0) -> str:
    """A plain text with chapters of about so many words each."""
    return "\n\n".join(
        f"## Chapter {n}\n\n{prose(n_words, seed * 1000 + n)}" for n in range(1, n_chapters + 1)
    )
