"""Suggestions in code: a statement or a block, brackets that balance, indentation that fits.

`trim` cuts and `fit` indents. Both look at the text alone: a scanner that knows strings,
comments and brackets is enough for them, works on code that is half written, and takes a
fraction of a millisecond.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from studio.writing.ending import Trimmed, whole_end, without_following
from studio.writing.languages import Blocks, Language

_LOOK_BACK = 4_000
_LOOK_AHEAD = 2_000
"""Characters before and after the cursor that are looked at."""
_CLOSES = {")": "(", "]": "[", "}": "{"}
_BLANK = re.compile(r"[ \t]*")
_WORD_CLOSERS = re.compile(r"[ \t]*(?:end|fi|done|esac|</)\b|[ \t]*</")
_SURELY_CODE = re.compile(
    r"^[ \t]*(?:(?:async )?def \w+\(|class \w+[(:]|@\w|import \w+$)", re.MULTILINE
)
_LEAST_SAME = 8
"""Characters of a line cut short from which on it counts as the line after the cursor."""


def trim(
    before: str,
    after: str,
    generated: str,
    language: Language,
    *,
    ended: bool,
    cut_short: bool = False,
) -> Trimmed:
    """`generated` up to the end of the statement, or of the block where one begins.

    It never closes a bracket or a string that `after` closes or that nothing has opened, and
    never repeats the lines that follow. When it has `ended`, what it opened it has closed.
    """
    same_line, _, below = after.partition("\n")
    recent = _recent(before, language)
    walk = _Walk(recent, after, generated, language, ended=ended)
    end, over = walk.end()
    text = generated[:end]
    if any(map(str.isalnum, same_line)):
        line, newline, _ = text.partition("\n")
        over = over or bool(newline)
        text, met = without_following(line, same_line, ended=ended or over)
        over = over or met
    else:
        text, met = _without_lines_below(recent, below, text, ended=ended or over)
        over = over or met
    if ended and not over:
        text = _balanced(recent, text, language, cut_short=cut_short)
    return Trimmed(whole_end(generated, text, ended=ended or over), over or ended)


def fit(before: str, text: str, language: Language) -> str:
    """`text` with the indentation of the place and in the file's own way, tabs or spaces.

    After a line that opens a block it begins one level deeper, elsewhere never deeper than the
    line before; what stands in lines further down moves along.
    """
    if not text.strip():
        return text
    unit = indent_unit(before, language)
    head = text[: len(text) - len(text.lstrip("\n"))]
    line = before.rpartition("\n")[2]
    at_start = bool(head) or not line.strip()
    lines = [_in_units(each, unit) for each in text[len(head) :].split("\n")]
    if not at_start:
        return "\n".join([text.partition("\n")[0], *lines[1:]])
    if inside(before, language):
        return text
    typed = "" if head else line
    written = _lead(lines[0])
    wanted = _first_indent(before, lines[0].strip(), typed + written, language, unit)
    if not wanted.startswith(typed):
        wanted = typed  # what the writer typed stays
    old, new = typed + written, wanted
    shifted = [new[len(typed) :] + lines[0][len(written) :]]
    shifted += [_moved(each, old, new) for each in lines[1:]]
    return head + "\n".join(shifted)


def next_indent(before: str, language: Language) -> str:
    """What Enter puts at the start of the new line when the cursor stands after `before`."""
    line = before.rpartition("\n")[2]
    lead = _lead(line)
    if opens_block(before, language):
        return lead + indent_unit(before, language)
    return lead


def closing_indent(before: str, bracket: str, language: Language) -> str | None:
    """The indentation of a line that begins with a closing `bracket`: that of the line on which
    it was opened. None where the cursor after `before` is not in a blank line, or none is open.
    """
    recent = _recent(before, language)
    if recent.rpartition("\n")[2].strip() or inside(before, language):
        return None
    stack: list[re.Match[str]] = []
    for found in _pattern(language).finditer(recent):
        if found.lastgroup == "open":
            stack.append(found)
        elif found.lastgroup == "close" and stack:
            stack.pop()
    if not stack or stack[-1].group() != _CLOSES.get(bracket):
        return None
    start = recent.rfind("\n", 0, stack[-1].start()) + 1
    return _lead(recent[start:])


def indent_unit(text: str, language: Language) -> str:
    """One level of indentation as `text` has it: a tab, or so many spaces."""
    return _indent_unit(text[-_LOOK_BACK * 2 :], language)


def opens_block(before: str, language: Language) -> bool:
    """Whether the last line of `before` is one that a deeper line follows."""
    recent = _recent(before, language)
    end = len(recent)
    for found in _pattern(language).finditer(recent):
        if found.end() == len(recent):
            if found.lastgroup == "string" and not _closing_quote(found.group(), language):
                return False
            if found.lastgroup == "comment":
                end = found.start()
    code = recent[:end].rpartition("\n")[2].rstrip()
    return code.endswith(("(", "[", "{")) or any(_ends_with(code, o) for o in language.openers)


def inside(before: str, language: Language) -> bool:
    """Whether the cursor after `before` stands in a string or comment that spans lines."""
    recent = _recent(before, language) + "\n"
    for found in _pattern(language).finditer(recent):
        if found.end() == len(recent) and found.lastgroup in ("comment", "string"):
            return True
    return False


# -- where it ends -------------------------------------------------------------------------


@dataclass
class _Open:
    """A bracket that is open."""

    bracket: str
    at: int
    closed_after: bool = False
    """What follows the cursor closes it."""


@dataclass
class _Walk:
    """One way through the code around the cursor and the suggestion, to find its end."""

    recent: str
    after: str
    generated: str
    language: Language
    ended: bool
    _stack: list[_Open] = field(default_factory=list)
    _depth: int = 0
    """Brackets that were open at the cursor and still are."""
    _left: bool = False
    """A block that the cursor was in was closed."""

    def end(self) -> tuple[int, bool]:
        """How much of `generated` belongs to the statement or block, and whether that is all."""
        at = len(self.recent)
        text = self.recent + self.generated
        arrived = False
        for found in _pattern(self.language).finditer(text):
            if not arrived and found.end() > at:
                arrived = True
                self._arrive(crossing=found.start() < at)
                if found.start() < at and found.lastgroup in ("comment", "string"):
                    left = self._leaves(found)
                    if left is not None:
                        return left - at, True
                    continue
            if not arrived:
                self._take(found)
                continue
            stop = self._stops(text, found)
            if stop is not None:
                end, over = stop
                return max(0, end - at), over
        return len(self.generated), False

    def _arrive(self, *, crossing: bool) -> None:
        """Remember how things stand at the cursor."""
        line_start = self.recent.rfind("\n") + 1
        self._depth = len(self._stack)
        self._line_start = self._cursor_line = line_start
        line = self.recent[line_start:]
        self._in_block = False
        self._parent = ""
        self._body_lines = 0
        if not line.strip():
            above = self.recent[:line_start].rstrip()
            if above and opens_block(above, self.language):
                self._in_block = True
                self._parent = _lead(above.rpartition("\n")[2])
        follows = self.after[:_LOOK_AHEAD]
        if crossing:
            follows = follows.partition("\n")[2]
        closers = _unmatched_closers(follows, self.language)
        index = len(self._stack)
        for closer in closers:
            match = next(
                (i for i in range(index - 1, -1, -1) if self._stack[i].bracket == _CLOSES[closer]),
                None,
            )
            if match is None:
                break
            self._stack[match].closed_after = True
            index = match

    def _take(self, found: re.Match[str]) -> bool:
        """Open or close; whether that fits."""
        if found.lastgroup == "open":
            self._stack.append(_Open(found.group(), found.start()))
        elif found.lastgroup == "close":
            if not self._stack or self._stack[-1].bracket != _CLOSES[found.group()]:
                return False
            closed = self._stack.pop()
            if len(self._stack) < self._depth:
                self._depth = len(self._stack)
                self._left = self._left or closed.at < self._cursor_line or self._is_block(closed)
        return True

    def _is_block(self, bracket: _Open) -> bool:
        return bracket.bracket == "{" and self.language.blocks is not Blocks.INDENTATION

    def _leaves(self, found: re.Match[str]) -> int | None:
        """Where the string or comment that the cursor is in must not go on."""
        at = len(self.recent)
        newline = found.string.find("\n", at, found.end())
        if newline >= 0:
            return newline
        closing = _closing_quote(found.group(), self.language)
        if closing and closing in self.after.partition("\n")[0]:
            return max(at, found.end() - len(closing))
        return None

    def _stops(self, text: str, found: re.Match[str]) -> tuple[int, bool] | None:
        kind = found.lastgroup
        if kind == "close":
            index = len(self._stack) - 1
            if index >= 0 and index < self._depth and self._stack[index].closed_after:
                return found.start(), True
            if not self._take(found):
                return found.start(), True
        elif kind == "open":
            self._take(found)
        elif kind == "newline":
            return self._at_line_end(text, found.start())
        return None

    def _at_line_end(self, text: str, end: int) -> tuple[int, bool] | None:
        line = text[self._line_start : end]
        started, self._line_start = self._line_start, end + 1
        if self._continues(started):
            return None
        if self._left:
            return end, True
        if line.strip():
            self._body_lines += 1
        if not self._in_block:
            if not line.strip():
                return None if not text[len(self.recent) : end].strip() else (end, True)
            if not opens_block(text[:end], self.language):
                return end, True
            self._in_block = True
            self._parent = _lead(line)
            self._body_lines = 0
        return self._below(text, end)

    def _continues(self, line_start: int) -> bool:
        """Whether a bracket that is open makes the next line part of this one."""
        if not self._stack:
            return False
        last = self._stack[-1]
        if len(self._stack) > self._depth:
            return True
        on_line = last.at >= self._cursor_line and line_start <= last.at
        return on_line and not self._is_block(last)

    def _below(self, text: str, end: int) -> tuple[int, bool] | None:
        """In a block: whether the next line still belongs to it."""
        blank = _BLANK.match(text, end + 1)
        lead = blank.group() if blank else ""
        rest = text[end + 1 + len(lead) :]
        if not rest:
            return (end, True) if self.ended else (end, False)
        if rest[0] == "\n":
            return (end, True) if self._body_lines else None
        if _width(lead) > _width(self._parent):
            return None
        if rest[0] in _CLOSES or _WORD_CLOSERS.match(rest):
            below = self.after.partition("\n")[2].lstrip("\n").partition("\n")[0]
            line = (lead + rest).partition("\n")[0]
            if rest[0] not in _CLOSES and below.rstrip() == line.rstrip():
                return end, True
            self._in_block = False
            return None
        return end, True


def _unmatched_closers(text: str, language: Language) -> list[str]:
    depth: list[str] = []
    unmatched: list[str] = []
    for found in _pattern(language).finditer(text):
        if found.lastgroup == "open":
            depth.append(found.group())
        elif found.lastgroup == "close":
            if depth and depth[-1] == _CLOSES[found.group()]:
                depth.pop()
            elif not depth:
                unmatched.append(found.group())
    return unmatched


def _without_lines_below(recent: str, below: str, text: str, *, ended: bool) -> tuple[str, bool]:
    """`text` up to a line that stands below the cursor already."""
    following = next((line.rstrip() for line in below.split("\n") if line.strip()), "")
    if not following:
        return text, False
    typed = recent.rpartition("\n")[2]
    lines = text.split("\n")
    start = 0
    for i, line in enumerate(lines):
        whole = (typed + line if i == 0 else line).rstrip()
        mine = not typed.strip() or i > 0
        last = i == len(lines) - 1
        if mine and whole.strip():
            same = whole == following
            partly = last and following.startswith(whole)
            if same or (partly and (not ended or len(whole.strip()) >= _LEAST_SAME)):
                return text[: max(0, start - 1)], same and (not last or ended)
        start += len(line) + 1
    return text, False


def _balanced(recent: str, text: str, language: Language, *, cut_short: bool) -> str:
    """What is left of a suggestion that ended before its statement did."""
    at = len(recent)
    opened: list[int] = []
    lines = [0]
    for found in _pattern(language).finditer(recent + text):
        if found.end() <= at:
            continue
        if found.lastgroup == "open":
            opened.append(found.start() - at)
        elif found.lastgroup == "close" and opened:
            opened.pop()
        elif found.lastgroup == "newline" and not opened:
            lines.append(found.start() - at)
        elif (
            found.lastgroup == "string"
            and found.start() >= at
            and not _closing_quote(found.group(), language)
        ):
            opened.append(found.start() - at)
    if lines[-1] and (opened or cut_short):
        while len(lines) > 2 and opens_block(recent + text[: lines[-1]], language):
            lines.pop()  # a block that nothing stands in
        return text[: lines[-1]]
    if opened:
        return text[: opened[0]]
    if cut_short and text[-1:].isalnum():
        kept = re.sub(r"\w+$", "", text)
        return kept if kept.strip() else text
    return text


# -- indentation ---------------------------------------------------------------------------


def _first_indent(before: str, first: str, has: str, language: Language, unit: str) -> str:
    """The whole indentation of a line that begins with the suggestion; it has `has` so far."""
    above = before.rstrip()
    if not above:
        return ""
    lead = _lead(above.rpartition("\n")[2])
    if opens_block(above, language):
        if first[:1] in _CLOSES:
            return lead
        aligned = above.endswith(("(", "[")) and _width(has) > _width(lead)
        return has if aligned else lead + unit
    if first[:1] in _CLOSES:
        return lead.removesuffix(unit)
    if _in_brackets(above, language):
        return has  # set to what looks best
    if _width(has) > _width(lead):
        return lead
    if not has and language.blocks is Blocks.BRACES:
        return lead
    return has


def _in_brackets(before: str, language: Language) -> bool:
    """Whether a bracket is open after `before` that is not a block's."""
    stack: list[str] = []
    for found in _pattern(language).finditer(_recent(before, language)):
        if found.lastgroup == "open":
            stack.append(found.group())
        elif found.lastgroup == "close" and stack and stack[-1] == _CLOSES[found.group()]:
            stack.pop()
    return bool(stack) and (stack[-1] != "{" or language.blocks is Blocks.INDENTATION)


def _moved(line: str, old: str, new: str) -> str:
    if not line.strip():
        return line
    lead = _lead(line)
    if lead.startswith(old):
        return new + line[len(old) :]
    closes = line[len(lead)] in _CLOSES or _WORD_CLOSERS.match(line)
    if not closes:
        return new + line[len(lead) :]  # a line further out would not belong to the block
    if len(new) < len(old):
        return lead[len(old) - len(new) :] + line[len(lead) :]
    return new[len(old) :] + line


def _in_units(line: str, unit: str) -> str:
    """`line` with tabs or spaces as `unit` has them."""
    lead = _lead(line)
    if unit == "\t":
        if " " not in lead:
            return line
        spaces = _width(lead)
        step = 4 if spaces % 4 == 0 else 2
        return "\t" * (spaces // step) + line[len(lead) :]
    return lead.replace("\t", unit) + line[len(lead) :]


@lru_cache(maxsize=8)
def _indent_unit(text: str, language: Language) -> str:
    steps: Counter[str] = Counter()
    last = ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        lead = _lead(line)
        if lead.startswith("\t"):
            steps["\t"] += 1
        elif len(lead) - len(last) in (2, 3, 4, 8) and not last.startswith("\t"):
            steps[" " * (len(lead) - len(last))] += 1
        last = lead
    return steps.most_common(1)[0][0] if steps else language.indent


def _lead(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _width(lead: str) -> int:
    return len(lead.expandtabs(4))


# -- the scanner ---------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _pattern(language: Language) -> re.Pattern[str]:
    """Finds comments, strings, brackets and ends of lines, and nothing in between."""
    comments = []
    if language.block_comment:
        begin, end = map(re.escape, language.block_comment)
        comments.append(rf"{begin}(?s:.*?)(?:{end}|\Z)")
    begin, end = language.comment
    if not end:
        comments.append(rf"{re.escape(begin)}[^\n]*")
    strings = []
    for quote in sorted(language.quotes, key=len, reverse=True):
        mark = re.escape(quote)
        if len(quote) > 1 or quote == "`":
            strings.append(rf"{mark}(?s:\\.|(?!{mark}).)*(?:{mark}|\Z)")
        else:
            strings.append(rf"{mark}(?:\\[^\n]|[^\\\n{mark}])*(?:{mark}|(?=\n)|\\?\Z)")
    parts = [rf"(?P<comment>{'|'.join(comments)})"] if comments else []
    parts += [rf"(?P<string>{'|'.join(strings)})"] if strings else []
    parts += [
        r"(?P<joined>\\\n)",
        r"(?P<open>[(\[{])",
        r"(?P<close>[)\]}])",
        r"(?P<newline>\n)",
    ]
    return re.compile("|".join(parts))


def _closing_quote(string: str, language: Language) -> str:
    """What ends `string`, a whole one with its quotation marks; empty if it is not closed."""
    for quote in sorted(language.quotes, key=len, reverse=True):
        if string.startswith(quote):
            closed = len(string) >= 2 * len(quote) and string.endswith(quote)
            slashes = len(string[: -len(quote)]) - len(string[: -len(quote)].rstrip("\\"))
            return quote if closed and slashes % 2 == 0 else ""
    return ""


@lru_cache(maxsize=8)
def _recent(before: str, language: Language) -> str:
    """The end of `before`, from the start of a line.

    In Python, from a line that is surely code if there is one: what begins within a docstring
    would take code for strings and strings for code.
    """
    start = max(0, len(before) - _LOOK_BACK)
    if start:
        start = before.find("\n", start) + 1 or start
    if language.blocks is Blocks.INDENTATION:
        sure = _SURELY_CODE.search(before, start, max(start, before.rfind("\n")))
        start = sure.start() if sure else start
    return before[start:]


def _ends_with(code: str, opener: str) -> bool:
    if not code.endswith(opener):
        return False
    previous = code[-len(opener) - 1 : -len(opener)]
    return not (opener[0].isalpha() and (previous.isalnum() or previous == "_"))
