"""A line on request: one that ends in a given rhyme and has about so many syllables.

A small model hardly ever rhymes by itself. But with each line that it samples, an engine tells
the likeliest tokens at every place, and among them there often is a word that would rhyme just
where the line is long enough: the line may end there. Such lines are collected from a batch of
samples; where they are too few, a grammar lets the model choose a rhyme for the beginnings it
wrote. Then the model judges how naturally each line ends, and every line is measured by the
dictionary, whoever proposed it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

from studio.engine import (
    GREEDY,
    MAX_ALTERNATIVES,
    MAX_VERSIONS,
    Event,
    Piece,
    Request,
    Sampling,
    Token,
)
from studio.writing.sounds import Rhyme, Sounds
from studio.writing.verse import (
    is_heading,
    is_weak,
    last_word,
    line_to_rhyme_with,
    metre,
    stress_pattern,
    syllables,
    words,
)

SYLLABLES_OFF = 1
"""A line may have so many syllables more or fewer than asked for."""
ENOUGH = 5
"""Lines that meet the wish; with so many, no more are looked for."""
MAX_SYLLABLES = 24

_ROUNDS = 3
_SAMPLING = Sampling(temperature=1.0, top_k=0, min_p=0.03)
_NOT_IN_A_LINE = r"\n0-9*_#<>|{}@/\\=+~^" + r"\[\]"
_A_LINE = f'[^{_NOT_IN_A_LINE}]* "\\n"'
_NEW_LINE = f"root ::= [^{_NOT_IN_A_LINE} \\t.,;:!?)—–-] {_A_LINE}"
_REST_OF_LINE = f"root ::= {_A_LINE}"
"""Grammars of a line: not a blank one, no list, no mark-up."""
_JUDGED_AT_ONCE = 8
_BEGINNINGS = 6
"""How many beginnings of lines the grammar gives rhymes to."""
_KNOWN_WORD = -11.0
"""A word that the model finds less likely at its place (a logarithm) is one of the many rare
names in the dictionary."""
_MAX_GRAMMAR_WORDS = 300
_NATURAL_END, _AFTER_WEAK_WORD = math.log(0.04), math.log(0.2)
"""A line whose end the model finds less likely is no line ("I carried a spoon for")."""
_MAY_REPEAT = 2
"""Words that a line may say again beyond saying each twice."""
_END_WEIGHT = 1.5
_METRE_WEIGHT = 0.6
_OFF_WEIGHT = 0.15
_END_MARKS = ("\n", ",", ".", ";", "!", "?", ":", "—", " —", "...", "…")
_SOUND_LINE = re.compile(r"[\w\s,;:.!?'’()—–-]+")


@dataclass(frozen=True)
class LineWanted:
    """What is asked for."""

    before: str
    """The text up to the cursor; what stands in its last line is the line's beginning."""
    rhyme_with: str
    """A word; empty for a line that need not rhyme."""
    syllables: int
    """1 to `MAX_SYLLABLES`, those of the line's beginning included."""
    like: str = ""
    """A line whose metre is wanted; empty for any."""

    @staticmethod
    def at_the_end_of(before: str, sounds: Sounds) -> LineWanted:
        """What one would ask for there: the rhyme, length and metre that the stanza has so far.

        Where the last line is complete already, a new one is begun: `before` ends with a newline.
        """
        *earlier, here = before.split("\n")
        so_far = "\n".join([*earlier, ""])
        like = line_to_rhyme_with(so_far, sounds)
        n = _length(like, so_far, sounds)
        if syllables(here, sounds) >= _WHOLE_LINE * n or is_heading(here):
            before = f"{before.rstrip(' ')}\n"
            like = line_to_rhyme_with(before, sounds)
            n = _length(like, before, sounds)
        return LineWanted(before, last_word(like), n, like)


_USUAL_SYLLABLES = 8
_WHOLE_LINE = 0.7
"""The share of the expected length from which on a line is taken for complete."""


def _length(like: str, before: str, sounds: Sounds) -> int:
    """As long as the line to rhyme with, else as the one before."""
    if not like:
        like = next((each for each in reversed(before.split("\n")) if words(each)), "")
    return min(syllables(like, sounds), MAX_SYLLABLES) or _USUAL_SYLLABLES


@dataclass(frozen=True)
class Candidate:
    """A line, and what was measured of it."""

    text: str
    """What has to be inserted."""
    syllables: int
    rhyme: Rhyme
    """With the word that was asked for."""
    guessed: bool
    """One of the two words is not in the dictionary, so the rhyme is a guess."""
    metre: float | None
    """How far the stresses agree with the line's whose metre is wanted, 0 to 1; None for any."""
    meets: bool
    """It rhymes perfectly and is long enough to within `SYLLABLES_OFF`: what was asked for."""
    log_prob: float
    """The mean of its tokens', the line's end among them: how natural the model finds it."""


@dataclass(frozen=True)
class _Written:
    """A line or its beginning, as the model wrote it."""

    text: str
    log_prob: float
    """Of all its tokens together."""
    n_tokens: int

    @property
    def mean(self) -> float:
        return self.log_prob / max(1, self.n_tokens)


@dataclass
class _Harvest:
    """What the samples gave."""

    lines: dict[str, _Written] = field(default_factory=dict)
    """Lines to be judged."""
    beginnings: dict[str, _Written] = field(default_factory=dict)
    """What a rhyme of one or two syllables would complete."""

    def add(self, to: dict[str, _Written], written: _Written) -> None:
        known = to.get(written.text)
        if known is None or known.log_prob < written.log_prob:
            to[written.text] = written


class LineSearch:
    """A search in steps: ask the engine `request`, hand every event to `hear`, call `go_on` when
    the request has ended, and so on until `request` is None. `candidates` grow meanwhile.

    Making one and `go_on` read the dictionary: some tenths of a second, so not in a GUI's thread.
    """

    def __init__(self, wanted: LineWanted, sounds: Sounds, *, seed: int = 0) -> None:
        self._wanted = wanted
        self._sounds = sounds
        self._seed = seed
        self._begun = wanted.before.rpartition("\n")[2].rstrip()
        self._prompt = wanted.before.rstrip(" \t") if self._begun else wanted.before
        self._earlier = {line.strip().lower() for line in wanted.before.split("\n")}
        self._like = stress_pattern(wanted.like, sounds)
        self._rhymes: dict[str, int] = {}
        self._judged: dict[str, Candidate] = {}
        self._heard: dict[int, list[Token]] = {}
        self.first_sample: str | None = None
        """The first line that the model wrote, without any choice."""
        self._plan = self._steps()
        self.request: Request | None = next(self._plan)

    @property
    def candidates(self) -> list[Candidate]:
        """Best first: those that meet the wish, then the others by how near they come."""
        return sorted(self._judged.values(), key=self._rank)

    def hear(self, event: Event) -> None:
        """Take what the engine answers to `request`."""
        if isinstance(event, Piece):
            self._heard.setdefault(event.version, []).extend(event.tokens)

    def go_on(self) -> None:
        """All of `request` has been answered: find the next one."""
        answers = [self._heard[version] for version in sorted(self._heard)]
        self._heard = {}
        try:
            self.request = self._plan.send(answers)
        except StopIteration:
            self.request = None

    def measure(self, text: str, log_prob: float) -> Candidate:
        """The candidate that `text` is, after the line's beginning."""
        wanted, line = self._wanted, self._begun + text
        n, word = syllables(line, self._sounds), last_word(line)
        rhyme = self._sounds.rhyme(word, wanted.rhyme_with)
        rhymes = not wanted.rhyme_with or rhyme is Rhyme.PERFECT
        return Candidate(
            text=text,
            syllables=n,
            rhyme=rhyme,
            guessed=not (self._sounds.knows(word) and self._sounds.knows(wanted.rhyme_with)),
            metre=metre(stress_pattern(line, self._sounds), self._like) if self._like else None,
            meets=rhymes and abs(n - wanted.syllables) <= SYLLABLES_OFF,
            log_prob=log_prob,
        )

    # -- the plan ----------------------------------------------------------------------------

    def _steps(self) -> Generator[Request, Sequence[Sequence[Token]], None]:
        harvest = _Harvest()
        for each in range(_ROUNDS):
            answers = yield self._sample(self._seed + each * MAX_VERSIONS)
            if not self._rhymes:
                self._rhymes = self._rhyme_words()
            for tokens in answers:
                self._gather(tokens, harvest)
            yield from self._judge(harvest)
            if self._enough():
                return
        if self._rhymes:
            yield from self._complete(harvest)
            yield from self._judge(harvest)

    def _sample(self, seed: int) -> Request:
        left = self._wanted.syllables - syllables(self._begun, self._sounds)
        return Request(
            prompt=self._prompt,
            max_tokens=2 * max(1, left) + 6,
            sampling=replace(_SAMPLING, seed=seed),
            versions=MAX_VERSIONS,
            stop=("\n",),
            grammar=_REST_OF_LINE if self._begun else _NEW_LINE,
            alternatives=MAX_ALTERNATIVES,
            heal=False,
        )

    def _rhyme_words(self) -> dict[str, int]:
        """Words that rhyme, with their syllables."""
        found = self._sounds.rhymes(self._wanted.rhyme_with)
        return {word: syllables(word, self._sounds) for word in found if word.isalpha()}

    def _gather(self, tokens: Sequence[Token], harvest: _Harvest) -> None:
        """A sampled line as it is, every place where it may end in a rhyme, and beginnings."""
        spelled, log_prob = b"", 0.0
        for n, token in enumerate(tokens):
            text = _decoded(spelled)
            if text is not None and (text or self._begun):
                so_far = _Written(text, log_prob, n)
                self._end_in_a_rhyme(so_far, token, harvest)
            spelled, log_prob = spelled + token.spelling, log_prob + token.log_prob
        line = (_decoded(spelled) or "").partition("\n")[0].rstrip(" ,.;:!?—-")
        if self.first_sample is None:
            self.first_sample = line
        if line:
            harvest.add(harvest.lines, _Written(line, log_prob, len(tokens)))

    def _end_in_a_rhyme(self, so_far: _Written, place: Token, harvest: _Harvest) -> None:
        left = self._wanted.syllables - syllables(self._begun + so_far.text, self._sounds)
        if left < 0:
            return
        for _, spelling, log_prob in place.alternatives:
            word = _decoded(spelling) or ""
            n = self._rhymes.get(word[1:].lower()) if word.startswith(" ") else None
            if n is not None and abs(left - n) <= SYLLABLES_OFF:
                line = _Written(so_far.text + word, so_far.log_prob + log_prob, so_far.n_tokens + 1)
                harvest.add(harvest.lines, line)
        if 1 <= left <= 2 and place.spelling.startswith(b" "):
            harvest.add(harvest.beginnings, so_far)

    def _complete(self, harvest: _Harvest) -> Generator[Request, Sequence[Sequence[Token]], None]:
        """Let the model choose a rhyme for its likeliest beginnings."""
        best = sorted(harvest.beginnings.values(), key=lambda each: -each.mean)
        for beginning in best[:_BEGINNINGS]:
            line = self._begun + beginning.text
            left = self._wanted.syllables - syllables(line, self._sounds)
            fitting = [w for w, n in self._rhymes.items() if abs(left - n) <= SYLLABLES_OFF]
            if not fitting:
                continue
            chosen = " | ".join(f'" {word}"' for word in fitting[:_MAX_GRAMMAR_WORDS])
            answers = yield Request(
                prompt=self._prompt + beginning.text,
                max_tokens=6,
                sampling=replace(_SAMPLING, seed=self._seed),
                versions=MAX_VERSIONS,
                grammar=f"root ::= ({chosen})",
                alternatives=1,
                heal=False,
            )
            for tokens in answers:
                word = _decoded(b"".join(token.spelling for token in tokens)) or ""
                log_prob = sum(token.log_prob for token in tokens)
                if word[1:] in self._rhymes and log_prob >= _KNOWN_WORD:
                    harvest.add(
                        harvest.lines,
                        _Written(
                            beginning.text + word,
                            beginning.log_prob + log_prob,
                            beginning.n_tokens + len(tokens),
                        ),
                    )

    def _judge(self, harvest: _Harvest) -> Generator[Request, Sequence[Sequence[Token]], None]:
        """Ask how likely the best new lines end where they do; all of these are measured."""
        new = [each for each in harvest.lines.values() if self._is_sound(each)]
        new.sort(key=lambda each: (not self.measure(each.text, 0.0).meets, -each.mean))
        for each in new[:_JUDGED_AT_ONCE]:
            answers = yield Request(
                prompt=self._prompt + each.text,
                max_tokens=1,
                sampling=GREEDY,
                alternatives=MAX_ALTERNATIVES,
                heal=False,
            )
            end = _ends(answers[0][0]) if answers and answers[0] else _NATURAL_END
            weak = is_weak(last_word(each.text))
            candidate = self.measure(
                each.text,
                (each.log_prob + _END_WEIGHT * end) / (each.n_tokens + _END_WEIGHT),
            )
            self._earlier.add(self._whole(each))
            if end >= (_AFTER_WEAK_WORD if weak else _NATURAL_END):
                self._judged[each.text] = candidate

    def _is_sound(self, line: _Written) -> bool:
        """Whether it is new and looks like a line: not "no, no, no, no, no"."""
        whole = self._whole(line)
        said = words(whole)
        return (
            whole not in self._earlier
            and _SOUND_LINE.fullmatch(line.text) is not None
            and len(said) < 2 * len(set(said)) + _MAY_REPEAT
        )

    def _whole(self, line: _Written) -> str:
        return (self._begun + line.text).strip().lower()

    def _enough(self) -> bool:
        return sum(each.meets for each in self._judged.values()) >= ENOUGH

    def _rank(self, candidate: Candidate) -> tuple[bool, int, float]:
        off = abs(candidate.syllables - self._wanted.syllables)
        missed = 0 if candidate.meets else (Rhyme.PERFECT - candidate.rhyme) * 2 + off
        merit = candidate.log_prob + _METRE_WEIGHT * (candidate.metre or 0) - _OFF_WEIGHT * off
        return not candidate.meets, missed, -merit


def _decoded(spelling: bytes) -> str | None:
    """The text; None in the middle of a character."""
    try:
        return spelling.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _ends(place: Token) -> float:
    """How likely a line ends here: the logarithm of the probability."""
    probability = sum(
        math.exp(log_prob)
        for _, spelling, log_prob in place.alternatives
        if (_decoded(spelling) or "").startswith(_END_MARKS)
    )
    return math.log(max(probability, 1e-6))
