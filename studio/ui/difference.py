"""Two texts side by side in one column: what was added, what was removed. Plain values, no Qt.

Lines are compared first (a line is a paragraph here), then the words of the lines that differ.
The work is bounded, whatever the texts are: past the limits only the
ends that both texts share are taken for the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_PAIRS = 300_000
"""Pairs of equal lines, or of equal words, that are still aligned (a second of work or so)."""
MOST_LINES_SHOWN = 400
UNCHANGED_WORDS_SHOWN = 12
"""Words of an unchanged run that are shown at each end of it."""
CHANGED_WORDS_SHOWN = 600

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+(?:['’]\w+)*|\s+|[^\w\s]+")
_Op = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class Run:
    """Some words of a line that belong together."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Line:
    """One line of the difference. `mark` is "+", "-", " " for context, or "…" for a gap."""

    mark: str
    runs: tuple[Run, ...] = ()

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True)
class Difference:
    """What has to change in the one text to make it the other."""

    lines: tuple[Line, ...]
    words: int
    """How many words differ; a word that took another one's place counts once."""
    complete: bool
    """Whether `lines` show all of it."""


def difference(before: str, after: str) -> Difference:
    """The difference from `before` to `after`, with a line of context around each change."""
    old = before.split("\n") if before else []
    new = after.split("\n") if after else []
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    old_end, new_end = len(old) - tail, len(new) - tail
    lines: list[Line] = []
    n_words = 0
    shown_to = 0  # in `new`: the lines before it are in the list or in a gap
    for op, i1, i2, j1, j2 in _aligned(old[head:old_end], new[head:new_end]):
        if op == "equal":
            continue
        j1, j2, i1, i2 = j1 + head, j2 + head, i1 + head, i2 + head
        if j1 - 1 > shown_to:
            lines.append(Line("…"))
        if j1 - 1 >= shown_to and j1 > 0:
            lines.append(_context(new[j1 - 1]))
        changed, differ = _changed(old[i1:i2], new[j1:j2])
        lines.extend(changed)
        n_words += differ
        shown_to = j2
        if j2 < len(new):
            lines.append(_context(new[j2]))
            shown_to = j2 + 1
    if lines and shown_to < len(new):
        lines.append(Line("…"))
    return Difference(tuple(lines[:MOST_LINES_SHOWN]), n_words, len(lines) <= MOST_LINES_SHOWN)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return i
    return min(len(one), len(other))


def _aligned(old: Sequence[str], new: Sequence[str]) -> Sequence[_Op]:
    """How to make `old` into `new`; only by its two ends where more would take too long."""
    if _pairs(old, new) <= MOST_PAIRS:
        return SequenceMatcher(None, old, new).get_opcodes()
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    i, j = len(old) - tail, len(new) - tail
    ops = (
        ("equal", 0, head, 0, head),
        ("replace", head, i, head, j),
        ("equal", i, len(old), j, len(new)),
    )
    return [op for op in ops if op[1] < op[2] or op[3] < op[4]]


def _pairs(old: Sequence[str], new: Sequence[str]) -> int:
    """How many pairs difflib will look at; it skips what is in over 1 % of 200 places."""
    most = len(new) // 100 + 1 if len(new) >= 200 else len(new)
    counts = Counter(old)
    return sum(n * counts[each] for each, n in Counter(new).items() if n <= most)


def _changed(old: Sequence[str], new: Sequence[str]) -> tuple[list[Line], int]:
    """The lines for one block of changes, and how many words differ in it."""
    lines: list[Line] = []
    if len(old) == len(new) and len(old) <= MOST_LINES_SHOWN:
        n_words = 0
        for a, b in zip(old, new, strict=True):
            pair, differ = _word_by_word(a, b)
            lines.extend(pair)
            n_words += differ
        return lines, n_words
    lines.extend(_whole("-", line) for line in old[:MOST_LINES_SHOWN])
    lines.extend(_whole("+", line) for line in new[:MOST_LINES_SHOWN])
    gone, come = _counted(old), _counted(new)
    return lines, max((gone - come).total(), (come - gone).total())


def _counted(lines: Sequence[str]) -> Counter[str]:
    return Counter(word for line in lines for word in _WORD.findall(line) if word[0].isalnum())


def _count(words: Sequence[str]) -> int:
    return sum(word[0].isalnum() for word in words)


def _word_by_word(old: str, new: str) -> tuple[list[Line], int]:
    a, b = _WORD.findall(old), _WORD.findall(new)
    gone: list[Run] = []
    come: list[Run] = []
    differ = 0
    for op, i1, i2, j1, j2 in _aligned(a, b):
        if op == "equal":
            same = Run(_shortened(a[i1:i2], UNCHANGED_WORDS_SHOWN), False)
            gone.append(same)
            come.append(same)
            continue
        gone.append(Run(_shortened(a[i1:i2], CHANGED_WORDS_SHOWN), True))
        come.append(Run(_shortened(b[j1:j2], CHANGED_WORDS_SHOWN), True))
        differ += max(_count(a[i1:i2]), _count(b[j1:j2]))
    return [
        Line("-", tuple(run for run in gone if run.text)),
        Line("+", tuple(run for run in come if run.text)),
    ], differ


def _whole(mark: str, line: str) -> Line:
    return Line(mark, (Run(_shortened(_WORD.findall(line), CHANGED_WORDS_SHOWN), True),))


def _context(line: str) -> Line:
    return Line(" ", (Run(_shortened(_WORD.findall(line), UNCHANGED_WORDS_SHOWN), False),))


def _shortened(words: Sequence[str], shown: int) -> str:
    """The words with the middle left out if that is long; `shown` of them stay at each end."""
    ends = 2 * shown  # the spaces between them are in the list, too
    if len(words) <= 2 * ends + ends // 2:
        return "".join(words)
    return "".join([*words[:ends], " … ", *words[-ends:]])
