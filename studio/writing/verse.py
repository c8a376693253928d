"""Song lyrics and verse: sections, stanzas, syllables, rhyme schemes and metre."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from studio.writing.sounds import Phones, Sounds

# -- sections ----------------------------------------------------------------------------------

_NAMES = (
    r"verse|chorus|pre[ -]?chorus|post[ -]?chorus|bridge|intro|outro|refrain|hook|coda|interlude|"
    r"solo|instrumental|break|breakdown|middle eight|middle 8|tag|ending|prelude|stanza|drop|vamp"
)
_HEADING = re.compile(
    rf"\s*(?:\[\s*(?P<bracketed>(?:{_NAMES})\b[^\]\n]*)\]"
    rf"|\#{{1,6}}\s+(?P<marked>(?:{_NAMES})\b.*?)"
    rf"|(?P<plain>(?:{_NAMES})(?:\s+\w{{1,4}})?):)\s*",
    re.IGNORECASE,
)
_MAX_HEADING_CHARS = 80


@dataclass(frozen=True)
class Section:
    """A part of a song: lines `first` to before `end`, counted from 0, without its heading."""

    name: str
    """As it is written: "Verse 1"; empty for lines before the first heading."""
    first: int
    end: int


@lru_cache(maxsize=4096)
def heading(line: str) -> str | None:
    """The section's name if the line is a heading: "[Chorus]", "Chorus:" or "## Chorus"."""
    if len(line) > _MAX_HEADING_CHARS:
        return None
    found = _HEADING.fullmatch(line)
    return found[found.lastgroup or 0].strip() if found else None


def is_heading(line: str) -> bool:
    """Whether the line names a section of a song."""
    return heading(line) is not None


def sections(text: str) -> list[Section]:
    """The sections of a song in order. A text without headings is one section."""
    lines = text.split("\n")
    found: list[Section] = []
    name, first = "", 0
    for number, line in enumerate(lines):
        named = heading(line)
        if named is not None:
            if name or any(each.strip() for each in lines[first:number]):
                found.append(Section(name, first, number))
            name, first = named, number + 1
    return [*found, Section(name, first, len(lines))]


# -- words -------------------------------------------------------------------------------------

_WORD = re.compile(
    r"['’]?[^\W\d_]+(?:[\u0300-\u036f]|['’](?=[^\W\d_])|[^\W\d_])*['’]?|\d[\d,.]*\d|\d"
)
_CHORD = re.compile(r"\[[^\]\n]{0,40}\]")
_CHORD_NAME = re.compile(
    r"\(?[A-G][b#♭♯]?(?:maj|min|m|dim|aug|sus|add|M|\+|°|ø)*\d{0,2}(?:[b#]\d+)?(?:/[A-G][b#♭♯]?)?\)?"
)
_EACH_ITS_OWN = re.compile(
    r"[\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]"
)
"""Characters that are said as one syllable: Chinese, Japanese syllables, Korean."""


@lru_cache(maxsize=4096)
def words(line: str) -> tuple[str, ...]:
    """The words that are sung: no chords ("[Am]"), no headings, numbers in letters."""
    if is_heading(line) or _is_chords(line):
        return ()
    found: list[str] = []
    for each in _WORD.findall(_CHORD.sub(" ", line)):
        found += number_words(each) if each[0].isdigit() else [each]
    return tuple(found)


def _is_chords(line: str) -> bool:
    names = line.split()
    return bool(names) and all(map(_CHORD_NAME.fullmatch, names)) and names not in (["A"], ["a"])


_NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
"""
_ONES = _NUMBERS.split()
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number_words(digits: str) -> list[str]:
    """A number as it is said: "1984" as a year, long or odd ones digit by digit."""
    plain = digits.replace(",", "")
    if not (plain.isascii() and plain.isdigit()) or len(plain) > 6 or plain != plain.lstrip("0"):
        return [_ONES[int(c)] for c in plain if c.isdecimal()]
    n = int(plain)
    if "," not in digits and 1100 <= n < 2000:
        rest = _below_100(n % 100) if n % 100 else ["hundred"]
        return [*_below_100(n // 100), *(["oh"] if 0 < n % 100 < 10 else []), *rest]
    return _said(n)


def _said(n: int) -> list[str]:
    if n >= 1000:
        return [*_said(n // 1000), "thousand", *(_said(n % 1000) if n % 1000 else [])]
    if n >= 100:
        return [_ONES[n // 100], "hundred", *(_below_100(n % 100) if n % 100 else [])]
    return _below_100(n)


def _below_100(n: int) -> list[str]:
    if n < 20:
        return [_ONES[n]]
    return [_TENS[n // 10 - 2], *([_ONES[n % 10]] if n % 10 else [])]


# -- one line ----------------------------------------------------------------------------------


def syllables(line: str, sounds: Sounds) -> int:
    """How many syllables a line is said with.

    Of a word that can be said in two lengths the shorter one counts, as in most verse: "every"
    has two, "fire" one.
    """
    return sum(len(_usual(word, sounds)) for word in words(line))


def stress_pattern(line: str, sounds: Sounds) -> str:
    """A mark for each syllable: "1" stressed, "0" not, "+" and "-" for words of one syllable,
    which bend: "+" is rather stressed ("moon"), "-" rather not ("the")."""
    marks = []
    for word in words(line):
        stresses = _usual(word, sounds)
        if len(stresses) == 1:
            marks.append("-" if is_weak(word) else "+")
        else:
            marks.append(stresses.replace("2", "1"))
    return "".join(marks)


def metre(pattern: str, like: str) -> float:
    """How far two stress patterns agree, 0 to 1, laid together at their ends, where they rhyme."""
    n = min(len(pattern), len(like))
    if not n:
        return 0.0
    pairs = zip(pattern[-n:], like[-n:], strict=True)
    return sum(_agreement(a, b) for a, b in pairs) / max(len(pattern), len(like))


def last_word(line: str) -> str:
    """The word that a line rhymes with; empty if it has none."""
    found = words(line)
    return found[-1] if found else ""


def is_weak(word: str) -> bool:
    """Whether it is one of the small words that hold a sentence together ("the", "for")."""
    return word.lower().replace("’", "'") in _WEAK


def _usual(word: str, sounds: Sounds) -> str:
    """The stresses of a word, a digit for each syllable."""
    said = [spoken.stresses for spoken in sounds.say(word)]
    if said:
        return min(said, key=len)
    return "1" * len(_EACH_ITS_OWN.findall(word))


def _agreement(a: str, b: str) -> float:
    if (a in "1+") == (b in "1+"):
        return 1.0
    return 0.5 if a in "+-" or b in "+-" else 0.0


_WEAK_WORDS = """
a an the and but or nor as at by for from in of on to up with than that is am are was were be
been has have had do does did will would shall should can could may might must i you he she it
we they me him her us them my your his its our their if so this i'm you're he's she's it's we're
they're i'll you'll i've when while there who what then not 'tis 'twas oh
"""
_WEAK = frozenset(_WEAK_WORDS.split())

# -- stanzas -----------------------------------------------------------------------------------

UNNAMED = "·"
"""Stands for a rhyme past the 26th of a stanza."""


def is_break(line: str) -> bool:
    """Whether a stanza ends here: a blank line or a heading."""
    return not line.strip() or is_heading(line)


def rhyme_scheme(lines: Sequence[str], sounds: Sounds) -> list[str]:
    """A letter for each line, afresh in each stanza; lines that rhyme perfectly share one.

    A line that rhymes with none has a letter of its own, as in ABCB; a line without words has
    an empty string.
    """
    scheme: list[str] = []
    letters: dict[Phones, str] = {}  # by ending, of this stanza
    n = 0
    for line in lines:
        if is_break(line):
            letters, n = {}, 0
        endings = sounds.endings(last_word(line))
        if not endings:
            scheme.append("")
            continue
        letter = next((letters[each] for each in endings if each in letters), None)
        if letter is None:
            letter = string.ascii_uppercase[n] if n < 26 else UNNAMED
            n += 1
        letters.update(dict.fromkeys(endings, letter))
        scheme.append(letter)
    return scheme


def line_to_rhyme_with(text: str, sounds: Sounds) -> str:
    """The line before the end of `text` that the next line would rhyme with; empty if none.

    As in the stanza before, if this one follows its scheme so far; else in couplets once two
    lines rhyme, and crosswise (ABAB) until then.
    """
    *earlier, here = _stanzas(text)
    scheme = rhyme_scheme(here, sounds)
    n = len(here)
    for model in reversed(earlier):
        wanted = rhyme_scheme(model, sounds)
        if len(model) > n and wanted[:n] == scheme:
            same = [i for i in range(n) if wanted[i] == wanted[n]]
            return here[same[-1]] if same else ""
    lonely = [i for i in range(n) if scheme.count(scheme[i]) == 1]
    if not lonely:
        return ""
    couplets = n > 2 and len(lonely) == 1
    return here[lonely[-1] if couplets or n == 1 else lonely[-2 if len(lonely) > 1 else -1]]


def _stanzas(text: str) -> list[list[str]]:
    """The stanzas' lines with words in them; the last one may have none yet."""
    found: list[list[str]] = [[]]
    *lines, last = text.split("\n")
    for line in (*lines, last) if last.strip() else lines:
        if is_break(line):
            if found[-1]:
                found.append([])
        elif words(line):
            found[-1].append(line)
    return found
