"""One answer of the model as it grows, and what of it is fit to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from studio.writing import graphemes
from studio.writing.craft import Craft
from studio.writing.languages import Language
from studio.writing.segments import next_word
from studio.writing.trimming import fitted, trim

LEAST_SURE = 0.05
"""A suggestion goes on for as long as all of it, multiplied, is at least so probable, and every
word likely enough. If one key takes all of n words, another one that is right saves a key; one
that is wrong makes n keys of the one. So its probability must be above (n - 1) / n."""
LEAST_SURE_GATED = 0.5
"""The same where only what is likely to be right is shown: of what was accepted in part, the rest
stays in sight."""
_LOOK_BACK = 200
"""So many characters tell where a word ends."""


@dataclass(frozen=True)
class Place:
    """Where an answer goes: the text on both sides, and what kind of text it is."""

    before: str
    after: str
    craft: Craft = Craft.STORY
    language: Language | None = None


@dataclass
class Answer:
    """What was generated for a place so far."""

    place: Place
    least_sure: float = LEAST_SURE
    ended: bool = False
    cut_short: bool = False
    """It ended because the most tokens were reached."""
    _pieces: list[tuple[str, float]] = field(default_factory=list)
    _fit: tuple[int, bool, str, bool] = (-1, False, "", False)

    @property
    def generated(self) -> str:
        return "".join(text for text, _ in self._pieces)

    @property
    def text(self) -> str:
        """What may be shown of it: whole characters, up to a natural end, joined to the place."""
        return self._fitted()[0]

    @property
    def complete(self) -> bool:
        """Nothing that is still to come would be shown."""
        return self.ended or self._fitted()[1]

    @property
    def cut(self) -> bool:
        """Whether it stops only because what comes next is a guess."""
        return not self.ended and self._while_sure()[1]

    @property
    def has_word(self) -> bool:
        """Whether its first word is whole."""
        return self.complete or len(next_word(self.text, self.place.before)) < len(self.text)

    @property
    def sure(self) -> float:
        """The probability of its first word: of the tokens that spell it, multiplied."""
        word = next_word(self.generated, self.place.before)
        end = len(word.rstrip(".,;:!?…”\"')]")) or len(word)
        sure, at = 1.0, 0
        for text, probability in self._pieces:
            if at >= end:
                break
            sure *= probability
            at += len(text)
        return sure

    def add(self, text: str, probability: float) -> None:
        """More of it came."""
        self._pieces.append((text, probability))

    def end(self, *, cut_short: bool) -> None:
        """No more will come."""
        self.ended, self.cut_short = True, cut_short

    def guess(self) -> None:
        """Go on to the natural end, however unlikely: the writer has asked for it."""
        self.least_sure = 0.0
        self._fit = (-1, False, "", False)

    def _fitted(self) -> tuple[str, bool]:
        n, ended, text, complete = self._fit
        if (n, ended) == (len(self._pieces), self.ended):
            return text, complete
        place, (kept, unsure) = self.place, self._while_sure()
        trimmed = trim(
            place.craft,
            place.before,
            place.after,
            kept,
            ended=self.ended or unsure,
            cut_short=self.cut_short and not unsure,
            language=place.language,
        )
        complete = trimmed.complete or unsure
        text = fitted(
            place.craft,
            place.before,
            place.after,
            trimmed.text,
            ended=complete,
            language=place.language,
        )
        if place.after and not text.strip():
            text = ""
        self._fit = len(self._pieces), self.ended, text, complete
        return text, complete

    def _while_sure(self) -> tuple[str, bool]:
        """The generated text up to where it becomes a guess, and whether it does."""
        text, sure, start = self.generated, 1.0, 0
        if not self.least_sure:
            return text, False
        for n_words, (end, probability) in enumerate(self._words()):
            sure *= probability
            if n_words and (sure < self.least_sure or probability <= (n_words - 1) / n_words):
                return text[:start], True
            start = end
        return text, False

    def _words(self) -> Iterator[tuple[int, float]]:
        """Where each word of the generated text ends, and the probability of its tokens."""
        text, before = self.generated, self.place.before[-_LOOK_BACK:]
        end = begun = 0
        pieces = iter(self._pieces)
        while text[end:].strip():
            end += len(next_word(text[end:], before + text[:end]))
            probability = 1.0
            while begun < end:
                piece, likely = next(pieces)
                probability *= likely
                begun += len(piece)
                while text[end:begun].strip():  # a token that begins the next word, too
                    end += len(next_word(text[end:], before + text[:end]))
            yield end, probability


@dataclass(frozen=True)
class Known:
    """A suggestion from before, as it was fit to be seen then."""

    text: str
    sure: float
    cut: bool = False
    """It stopped only because what came next was a guess."""
    complete = has_word = True

    def end(self, *, cut_short: bool) -> None:
        """It has ended long ago."""


@dataclass
class Written:
    """A draft: shown as it is generated, in whole characters."""

    generated: str = ""
    ended: bool = False
    sure = 1.0
    has_word = True
    complete = False

    @property
    def text(self) -> str:
        return graphemes.whole(self.generated, ended=self.ended)

    def add(self, text: str, probability: float) -> None:
        """More of it came; a draft is shown however likely it is."""
        del probability
        self.generated += text

    def end(self, *, cut_short: bool) -> None:
        """No more will come."""
        del cut_short
        self.ended = True
