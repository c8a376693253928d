"""How English words sound: their syllables, stresses and rhymes.

The words are those of the CMU Pronouncing Dictionary, in its notation (ARPAbet: "M UW1 N", a
vowel's digit telling its stress: 1 primary, 2 secondary, 0 none). Other words are guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from studio.writing.spelling import spell_out

Phones = tuple[str, ...]

_REMEMBERED_WORDS = 20_000


class Rhyme(IntEnum):
    """How two words rhyme."""

    NONE = 0
    NEAR = 1
    """The same vowels and related consonants ("time", "mine"), or only an unstressed ending."""
    SAME = 2
    """The same word, or one that sounds like it ("two", "too")."""
    PERFECT = 3
    """Other words with the same sounds from the last stressed vowel on ("moon", "June")."""


@dataclass(frozen=True)
class Spoken:
    """One way to say a word."""

    phones: Phones
    guessed: bool = False
    """It is not in the dictionary."""

    @property
    def stresses(self) -> str:
        """A digit for each syllable: 1, 2 or 0."""
        return "".join(phone[-1] for phone in self.phones if phone[-1].isdigit())

    @property
    def ending(self) -> Phones:
        """The sounds that have to agree in a rhyme: from the last stressed vowel on."""
        return _without_stress(self.phones[_last_vowel(self.phones, "12") :])


class Sounds:
    """What words sound like.

    `cmudict` is the file `cmudict.dict`: a word a line, in small letters, with its phones.
    Making this takes a tenth of a second; asking is quick. Thread-safe.
    """

    def __init__(self, cmudict: bytes) -> None:
        self._words: dict[str, list[str]] = {}
        self._said: dict[str, tuple[Spoken, ...]] = {}
        self._endings: dict[str, frozenset[Phones]] = {}
        for line in cmudict.decode("utf-8").splitlines():
            word, _, phones = line.partition(" ")
            self._words.setdefault(word.partition("(")[0], []).append(phones.partition(" #")[0])

    def say(self, word: str) -> tuple[Spoken, ...]:
        """The ways to say a word, the usual one first; none for what has no letters."""
        said = self._said.get(word)
        if said is None:
            if len(self._said) >= _REMEMBERED_WORDS:
                self._said.clear()
            said = self._said[word] = self._say(_plain(word))
        return said

    def knows(self, word: str) -> bool:
        """Whether the word is in the dictionary."""
        return bool(self._known(_plain(word)))

    def endings(self, word: str) -> frozenset[Phones]:
        """What has to agree in a perfect rhyme, for each way to say the word."""
        found = self._endings.get(word)
        if found is None:
            if len(self._endings) >= _REMEMBERED_WORDS:
                self._endings.clear()
            found = frozenset(spoken.ending for spoken in self.say(word))
            self._endings[word] = found
        return found

    def rhyme(self, one: str, other: str) -> Rhyme:
        """How two words rhyme, in the most favourable way to say them."""
        if one == other and self.say(one):
            return Rhyme.SAME
        return max(
            (_rhyme(a, b) for a in self.say(one) for b in self.say(other)), default=Rhyme.NONE
        )

    def rhymes(self, word: str) -> list[str]:
        """All words of the dictionary that are a perfect rhyme and sound different.

        Reads the whole dictionary: a tenth of a second.
        """
        said = self.say(word)
        endings = self.endings(word)
        same = {" ".join(spoken.phones) for spoken in said}
        last = tuple({ending[-1] for ending in endings})
        return [
            other
            for other, ways in self._words.items()
            # Most words differ in their last sound, which is quick to see.
            if any(phones.rstrip("012").endswith(last) for phones in ways)
            and any(Spoken(tuple(phones.split())).ending in endings for phones in ways)
            and same.isdisjoint(ways)
        ]

    # -- words that are not in the dictionary ------------------------------------------------

    def _say(self, word: str) -> tuple[Spoken, ...]:
        if known := self._known(word):
            return tuple(Spoken(tuple(phones.split())) for phones in known)
        if not any(c.isalpha() for c in word):
            return ()
        guess = self._elided(word) or self._inflected(word) or self._compound(word)
        phones = guess or spell_out(word)
        return (Spoken(phones, guessed=True),) if phones else ()

    def _elided(self, word: str) -> Phones | None:
        """Old spellings: "o'er", "heav'n", "wand'ring"."""
        if "'" not in word.strip("'"):
            return None
        if word in _ELIDED:
            return _ELIDED[word]
        head, _, tail = word.partition("'")
        for vowel in "ei":
            whole = self._words.get(f"{head}{vowel}{tail}")
            if whole and tail and tail not in _ENDINGS:
                return _without_a_weak_vowel(tuple(whole[0].split()))
        return None

    def _inflected(self, word: str) -> Phones | None:
        """A known word with an ending: "dancin'", "moonlight's"."""
        bare = word.removesuffix("'")
        if bare.endswith("in") and (known := self._first(f"{bare}g")):
            return (*known[:-1], "N")
        for ending in ("'s", "s'", "s"):
            if word.endswith(ending) and (known := self._first(word.removesuffix(ending))):
                return (*known, *_plural(known[-1]))
        for ending, adds in (("'d", ("D",)), ("'ll", ("AH0", "L")), ("'ve", ("AH0", "V"))):
            if word.endswith(ending) and (known := self._first(word.removesuffix(ending))):
                return (*known, *adds)
        return None

    def _compound(self, word: str) -> Phones | None:
        """The end of the word as a known word sounds, and what stands before it: "starshine"."""
        letters = word.replace("'", "")
        for at in range(1, len(letters) - 2):
            tail = self._first(letters[at:])
            if tail is None or letters[at] in "aeiouy":
                continue
            head = self._first(letters[:at]) if at > 2 else None
            return (*(head or spell_out(letters[:at])), *tail)
        return None

    def _known(self, word: str) -> list[str]:
        """What the dictionary says, with an apostrophe that may be a quotation mark or without."""
        return self._words.get(word) or self._words.get(word.strip("'")) or []

    def _first(self, word: str) -> Phones | None:
        known = self._words.get(word)
        return tuple(known[0].split()) if known else None


def _rhyme(one: Spoken, other: Spoken) -> Rhyme:
    a, b = one.ending, other.ending
    if a == b:
        same = _without_stress(one.phones) == _without_stress(other.phones)
        return Rhyme.SAME if same else Rhyme.PERFECT
    if _related(a) == _related(b):
        return Rhyme.NEAR
    # "memory" and "free": the last syllables are the same, the stresses are not.
    last_a, last_b = (
        _without_stress(s.phones[_last_vowel(s.phones, "012") :]) for s in (one, other)
    )
    weak = len(a) > len(last_a) or len(b) > len(last_b)
    return Rhyme.NEAR if weak and last_a == last_b else Rhyme.NONE


def _last_vowel(phones: Phones, stresses: str) -> int:
    """Where the last vowel of these stresses is, else the last one, else 0."""
    for wanted in (stresses, "012"):
        for i in range(len(phones) - 1, -1, -1):
            if phones[i][-1] in wanted:
                return i
    return 0


def _without_stress(phones: Iterable[str]) -> Phones:
    return tuple(phone.rstrip("012") for phone in phones)


_FAMILIES = (
    ("M", "N", "NG"),
    ("P", "T", "K"),
    ("B", "D", "G"),
    ("F", "TH", "S", "SH", "CH"),
    ("V", "DH", "Z", "ZH", "JH"),
)
_FAMILY = {phone: family[0] for family in _FAMILIES for phone in family}


def _related(ending: Phones) -> Phones:
    """`ending` with one consonant standing for all of its family."""
    return tuple(_FAMILY.get(phone, phone) for phone in ending)


def _plain(word: str) -> str:
    """In small letters without accents, as the dictionary has its words."""
    if not word.isascii():
        word = "".join(
            c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)
        )
        word = word.replace("’", "'").replace("‘", "'")
    return word.lower()


_ENDINGS = ("s", "d", "t", "ll", "re", "ve", "m")
_ELIDED: dict[str, Phones] = {
    "o'er": ("AO1", "R"),
    "e'er": ("EH1", "R"),
    "ne'er": ("N", "EH1", "R"),
    "where'er": ("W", "EH0", "R", "EH1", "R"),
    "whene'er": ("W", "EH0", "N", "EH1", "R"),
    "e'en": ("IY1", "N"),
    "i'th": ("IH1", "TH"),
}


def _without_a_weak_vowel(phones: Phones) -> Phones:
    """One syllable less, as poets have it: "heav'n" is said in one."""
    for weak, left in _DROPPED.items():
        if weak in phones:
            i = len(phones) - 1 - phones[::-1].index(weak)
            return (*phones[:i], *left, *phones[i + 1 :])
    return phones


_DROPPED: dict[str, Phones] = {"ER0": ("R",), "AH0": (), "IH0": ()}


def _plural(last: str) -> Phones:
    if last in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return ("IH0", "Z")
    return ("S",) if last in ("P", "T", "K", "F", "TH") else ("Z",)
