"""Where a suggestion in prose or verse ends: the sentence, the line, and before what is there.

`prose` and `lyrics` are asked on every piece that comes, with all that was generated so far.
They cut and never change: `Trimmed.text` is a beginning of what was generated, of whole
characters, and while more comes it only grows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.writing import graphemes


@dataclass(frozen=True)
class Trimmed:
    """How much of a generated continuation to show."""

    text: str
    complete: bool
    """Nothing that could still be generated would be shown: it may stop."""


NOTHING = Trimmed("", complete=True)

_TERMINATOR = re.compile(r"[.!?…]+[”’\"')\]*_]*|[。！？]+[」』”’]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(“‘\"'])(?:Mr|Mrs|Ms|Dr|St|Prof|Rev|Hon|Capt|Col|Gen|Lt|Sgt|Jr|Sr|vs|etc|e\.g|i\.e"
    r"|Mme|Mlle|No|Vol|[A-Z])\.$"
)
_CLAUSE_END = re.compile(r"[,;:—–，；：、](?=\s|[”’\"])|[，；：、—]")
_OPENING = "([{“‘«‹¿¡「『（《〈【［"
_HEADING = re.compile(r"\[[^\]\n]*\]?\s*$")
_LEAST_REPEAT = 20
"""Characters of a sentence that begins like the one before it until it counts as a loop."""
_LEAST_MEETING = 12
"""Characters that are the same as those after the cursor until more is not waited for."""
_WORDS_LOOKED_BACK = 40


def prose(
    before: str, after: str, generated: str, *, ended: bool, cut_short: bool = False
) -> Trimmed:
    """Up to the end of the sentence or paragraph.

    `ended`: nothing more comes; `cut_short` with it: only because the most tokens were reached,
    so the last word may not be whole. Then it ends with a clause, or at least with a word.
    """
    text, newline, _ = generated.partition("\n")
    end = sentence_end(text, ended=ended or bool(newline))
    over = ended or bool(newline) or end is not None
    if end is not None:
        text = text[:end]
    elif cut_short and not newline:
        text = _whole_clause(text)
    text, met = without_following(text, after, ended=over)
    text, looped = _without_loop(before, text, ended=over)
    return Trimmed(fit_to_show(before, generated, text, ended=over), over or met or looped)


def lyrics(
    before: str, after: str, generated: str, *, ended: bool, cut_short: bool = False
) -> Trimmed:
    """The line that the cursor is in; from an empty line on, what makes the couplet whole.

    The parameters are those of `prose`.
    """
    head = generated[: len(generated) - len(generated.lstrip("\n"))]
    if head and not before.rpartition("\n")[2].strip():
        return NOTHING  # only more empty lines
    lines = generated[len(head) :].split("\n")
    wanted = lines_wanted(before + head)
    kept, over = lines[:wanted], ended or len(lines) > wanted
    for i, line in enumerate(kept):
        last = i == len(lines) - 1
        if i and (_HEADING.match(line) or not (line.strip() or last)):
            kept, over = kept[:i], True
            break
        if _repeats_line(before + head, kept[:i], line, partly=last and not ended):
            kept, over = kept[:i], over or not last
            break
    if cut_short and len(kept) == len(lines):
        kept = kept[:-1] if len(kept) > 1 else [_whole_words(kept[0])]
    text = head + "\n".join(kept) if any(kept) else ""
    text, met = without_following(text, after, ended=over)
    return Trimmed(fit_to_show(before, generated, text, ended=over), over or met)


def sentence_end(text: str, *, ended: bool = True) -> int | None:
    """Where the first sentence of `text` ends, its closing quotation marks included.

    Until `text` has `ended`, an end is one only once it is seen what follows.
    """
    for found in _TERMINATOR.finditer(text):
        end, rest = found.end(), text[found.end() :]
        if found.group()[0] in "。！？":
            if rest or ended:
                return end
            return None
        if not rest:
            return end if ended and not _ABBREVIATION.search(text[:end]) else None
        if not rest[0].isspace() or _ABBREVIATION.search(text[:end]):
            continue
        following = rest.lstrip()
        if found.group() in (".", "?", "!"):
            return end
        if following[:1].islower():
            continue  # “Stop!” he said
        if following or ended or "\n" in rest:
            return end
        return None
    return None


def _whole_words(text: str) -> str:
    """`text` without a last word that may not be whole, unless it is the only one."""
    if not text[-1:].isalnum():
        return text
    kept = re.sub(r"\s+[\w'’-]+$", "", text)
    return kept if kept.strip() else text


def _whole_clause(text: str) -> str:
    """`text` up to its last clause if that is most of it, else up to its last whole word."""
    ends = [found.end() for found in _CLAUSE_END.finditer(text)]
    if ends and ends[-1] >= len(text) // 2:
        return text[: ends[-1]]
    return _whole_words(text)


def without_following(text: str, after: str, *, ended: bool) -> tuple[str, bool]:
    """`text` up to where it meets what follows the cursor; nothing if it only repeats that.

    An end that may still turn out to meet it is held back until it has `ended`. Also answers
    whether it is certain that it met.
    """
    following = _squeezed(after)
    line = _squeezed(after.partition("\n")[0])
    if not following:
        return text, False
    for start in _starts(text):
        tail = _squeezed(text[start:])
        certain = tail[:_LEAST_MEETING] == following[:_LEAST_MEETING] and (
            len(tail) >= _LEAST_MEETING or tail == following
        )
        certain = certain or (bool(line) and _begins_with(tail, line))
        if certain or (following.startswith(tail) and (line or not ended)):
            kept = text[:start]
            if after[:1].isspace() or not kept.strip():
                kept = kept.rstrip()
            return kept, certain
    return text, False


def _begins_with(text: str, words: str) -> bool:
    rest = text[len(words) :]
    return text.startswith(words) and not (rest[:1].isalnum() and words[-1].isalnum())


def _starts(text: str) -> list[int]:
    """Where words and marks of `text` begin."""
    return [found.start() for found in re.finditer(r"\w+(?:['’-]\w+)*|[^\w\s]", text)]


def _squeezed(text: str) -> str:
    return " ".join(text[:400].split())


def _without_loop(before: str, text: str, *, ended: bool) -> tuple[str, bool]:
    """`text` without what says again what was just said."""
    paragraphs = before[-2_000:]
    said = [each for each in _sentences(paragraphs) if each.strip()]
    typed = ""
    if said and not _is_whole(paragraphs):
        typed = said.pop()
    now = _squeezed(typed + text).casefold()
    if said and now and text.strip():
        last = _squeezed(said[-1]).casefold()
        if last.startswith(now):
            if len(now) >= min(_LEAST_REPEAT, len(last)) and len(last) >= _LEAST_REPEAT:
                return "", True
            if not ended and len(last) >= _LEAST_REPEAT:
                return "", False
        elif len(last) >= _LEAST_REPEAT and now.startswith(last):
            return "", True
    return _without_stutter(before, text)


def _without_stutter(before: str, text: str) -> tuple[str, bool]:
    """Cut before a row of words comes for the third time, or one word for the fourth."""
    words = before.split()[-_WORDS_LOOKED_BACK:]
    n_before = len(words)
    found = list(re.finditer(r"\S+", text))
    if before and not before[-1].isspace() and text[:1].strip() and words and found:
        words[-1] += found[0].group()  # the word that is being finished
        found = found[1:]
    words += [each.group() for each in found]
    words = [word.casefold().strip(".,;:!?") for word in words]
    for i in range(n_before, len(words)):
        for size in range(1, 9):
            times = 4 if size == 1 else 3
            start = i + 1 - size * times
            if start < 0:
                break
            row = words[i + 1 - size : i + 1]
            if all(words[start + k * size : start + (k + 1) * size] == row for k in range(times)):
                first = i + 1 - size - n_before
                return (text[: found[first].start()] if first >= 0 else ""), True
    return text, False


def _sentences(text: str) -> list[str]:
    parts: list[str] = []
    for paragraph in text.split("\n"):
        rest = paragraph
        while rest:
            end = sentence_end(rest) or len(rest)
            parts.append(rest[:end])
            rest = rest[end:]
    return parts


def _is_whole(text: str) -> bool:
    """Whether a new sentence begins after `text`."""
    line = text.rpartition("\n")[2]
    if not line.strip():
        return True
    last = _sentences(line)[-1]
    return not last.strip() or sentence_end(last) == len(last.rstrip())


def lines_wanted(before: str) -> int:
    """How many lines of verse to write after `before`: one, or two where a couplet begins."""
    lines = before.split("\n")
    if lines[-1].strip():
        return 1
    stanza = 0
    for line in reversed(lines[:-1]):
        if not line.strip() or _HEADING.match(line):
            break
        stanza += 1
    return 2 if stanza % 2 == 0 else 1


def _repeats_line(before: str, shown: list[str], line: str, *, partly: bool) -> bool:
    """Whether a line that begins in the suggestion is the one just before it again.

    `partly`: it is not all there, and so far it is the same.
    """
    if not shown and before.rpartition("\n")[2].strip():
        return False  # the writer began it so
    earlier = shown or [each for each in before.split("\n") if each.strip()]
    if not earlier or not line.strip():
        return False
    last, now = _squeezed(earlier[-1]).casefold(), _squeezed(line).casefold()
    return last.startswith(now) if partly else last == now


def whole_end(generated: str, text: str, *, ended: bool) -> str:
    """`text`, a beginning of `generated`, without half a character or space at its end."""
    kept = graphemes.whole(text, ended=ended or len(text) < len(generated))
    while True:
        shorter = generated[: graphemes.cut(generated, len(kept.rstrip()))]
        shorter = graphemes.whole(shorter, ended=True)
        if shorter == kept:
            return kept
        kept = shorter


def fit_to_show(before: str, generated: str, text: str, *, ended: bool) -> str:
    """The same, and without a lone opening mark."""
    kept = whole_end(generated, text, ended=ended)
    while kept and (kept[-1] in _OPENING or _opens_quote(before, kept)):
        kept = whole_end(generated, kept[:-1], ended=ended)
    return kept


def _opens_quote(before: str, text: str) -> bool:
    """Whether the straight quotation mark at the end of `text` opens."""
    if text[-1] not in "\"'":
        return False
    previous = text[-2:-1] or before[-1:]
    return not previous or previous.isspace() or previous in _OPENING
