"""Where a suggestion meets the writer's text: what a small model gets wrong there is mended.

Only the suggestion changes, and only where the text before it leaves no doubt. The words are
the model's: spaces, quotation marks, the width of marks, a capital and marks of emphasis are all
that is touched.
"""

from __future__ import annotations

import re

from studio.writing.scripts import is_cjk

_ENDS_CLAUSE = re.compile(r"\w[,;:.!?…][”’\"')\]*_]*$")
# After ! and ? a small letter may be meant: “Stop!” he said.
_ENDS_SENTENCE = re.compile(r"(?<!\.)\.[”’\"')\]*_]*\s+$|\n\s*$")
_ABBREVIATED = re.compile(r"(?:\b[A-Za-z]|\b(?:Mr|Mrs|Ms|Dr|St|vs|etc|No|cf|ca))\.\s+$")
_OPENERS = "([{“‘«‹¿¡「『（"
_NO_SPACE_BEFORE = ".,;:!?…)]}”’»›%"
_WIDE = {",": "，", ".": "。", "!": "！", "?": "？", ":": "：", ";": "；", "(": "（", ")": "）"}
_LOOK_BACK = 2_000
_HABIT = 3
"""Sentences that begin with a small letter until that is how the writer writes."""


def join(before: str, generated: str, after: str = "", *, ended: bool = False) -> str:
    """`generated` as it can stand after `before`.

    Mends, in this order: a space too many or too few, quotation marks straight or curly as in
    the text so far, marks in full width between Chinese or Japanese characters, a capital where
    a sentence begins, and, once it has `ended`, marks of emphasis that it opens and leaves open.
    Until then, what may still change is held back, so that more of the same suggestion only adds
    to the answer (spaces at its end aside).
    """
    if not generated:
        return ""
    recent = before[-_LOOK_BACK:]
    text = _spaced(recent, generated, ended=ended)
    text = _quoted(recent, text)
    text = _in_width(recent, text, after, ended=ended)
    text = _capital(recent, text, ended=ended)
    return _closed(recent, text, after) if ended else text


def _spaced(before: str, text: str, *, ended: bool) -> str:
    if not before:
        return text.lstrip(" ")
    last = before[-1]
    if last.isspace() or last in _OPENERS or (last == '"' and _opens(before[:-1])):
        return text.lstrip(" ")
    if text.startswith("  "):
        text = " " + text.lstrip(" ")
    first = text[0]
    if first == " " and text[1:2] and text[1] in _NO_SPACE_BEFORE and not _spaces_marks(before):
        following = text[2:3]
        if not following and not ended:
            return ""
        if following.isalnum() or (text[1] == "." and following == "."):
            return text  # .5, ...
        return text[1:]
    if first.isalpha() and not is_cjk(first) and _ENDS_CLAUSE.search(before):
        if _is_abbreviation_or_number(before):
            return text
        return " " + text
    return text


def _is_abbreviation_or_number(before: str) -> bool:
    """Whether a point or colon may stand inside of something: 3.5, e.g., a.m., 12:30, a URL."""
    word = before.split()[-1] if before.split() else ""
    return bool(re.search(r"\d[.,:]$|^\W*(?:\w\.)+$|[/@]|\w[.:]\w+[.:]$", word))


def _spaces_marks(before: str) -> bool:
    """Whether the writer has a space before a mark, as French has."""
    return bool(re.search(r"\w[ \u00a0\u202f][!?;:»]", before))


def _opens(before: str) -> bool:
    """Whether a straight quotation mark after `before` opens."""
    paragraph = before.rpartition("\n")[2]
    return paragraph.count('"') % 2 == 0 and (not paragraph or not paragraph[-1].isalnum())


def _quoted(before: str, text: str) -> str:
    """Straight marks as curly ones, or the other way round, as the text before has them."""
    double = _habit(before, '"', "“”")
    if double == "curly":
        text = _curled(before, text, '"', "“", "”")
    elif double == "straight":
        text = text.replace("“", '"').replace("”", '"')
    single = _habit(re.sub(r"(?<!\w)'|'(?!\w)", "", before), "'", "’")
    if single == "curly":
        text = re.sub(r"(?<=\w)'", "’", text)
        if before[-1:].isalnum():
            text = re.sub(r"^'", "’", text)
    elif single == "straight":
        text = re.sub(r"(?<=\w)’", "'", text)
        if before[-1:].isalnum():
            text = re.sub(r"^’", "'", text)
    return text


def _habit(text: str, straight: str, curly: str) -> str:
    n_straight = text.count(straight)
    n_curly = sum(text.count(mark) for mark in curly)
    if n_curly and not n_straight:
        return "curly"
    return "straight" if n_straight and not n_curly else ""


def _curled(before: str, text: str, straight: str, opening: str, closing: str) -> str:
    paragraph = before.rpartition("\n")[2]
    is_open = paragraph.count(opening) > paragraph.count(closing)
    made = []
    for character in text:
        if character == "\n":
            is_open = False
        elif character == opening:
            is_open = True
        elif character == closing:
            is_open = False
        elif character == straight:
            character = closing if is_open else opening
            is_open = not is_open
        made.append(character)
    return "".join(made)


def _in_width(before: str, text: str, after: str, *, ended: bool) -> str:
    """Marks between Chinese or Japanese characters in full width, and no space around them."""
    if not (is_cjk(before[-1:]) or any(map(is_cjk, text))):
        return text
    full_stop_is_wide = "．" not in before
    comma = "、" if re.search(r"[\u3041-\u30ff]", before if is_cjk(before[-1:]) else text) else "，"
    made: list[str] = []
    previous = before[-1:]
    for i, character in enumerate(text):
        following = text[i + 1 : i + 2]
        if character in _WIDE and is_cjk(previous):
            if not following and not ended:
                break
            inside = following.isalnum() and not is_cjk(following)  # a version, a file's name
            if not inside and (character != "." or full_stop_is_wide):
                character = comma if character == "," else _WIDE[character]
        elif character == " " and previous and previous in "，。！？：；、）":
            beside = text[i + 1 :].lstrip(" ")[:1] or after[:1]
            if is_cjk(beside):
                continue
        made.append(character)
        previous = character
    return "".join(made)


def _capital(before: str, text: str, *, ended: bool) -> str:
    """A capital where a sentence begins, if this writer begins sentences with one."""
    lead = re.match(r"[\s“‘\"'(*_]*", text)
    at = lead.end() if lead else 0
    first = text[at : at + 1]
    if not first.islower() or text[at : at + 2].islower() is False:
        return text
    stand = before + text[:at]
    if before and not _ENDS_SENTENCE.search(stand.rstrip("“‘\"'(*_")):
        return text
    if _ABBREVIATED.search(stand) or not _uses_capitals(before):
        return text
    if len(text) == at + 1 and not ended:
        return text[:at]  # it may become “iPhone”
    return text[:at] + first.upper() + text[at + 1 :]


def _uses_capitals(before: str) -> bool:
    starts = re.findall(r"(?:^|[.!?]\s+|\n\s*)[“‘\"'(]*([^\W\d_])", before)
    small = sum(each.islower() for each in starts[1:])
    large = sum(each.isupper() for each in starts)
    return bool(large > small and small < _HABIT)


def _closed(before: str, text: str, after: str) -> str:
    """Marks of emphasis that the suggestion opens are closed, or taken away from its end."""
    paragraph = before.rpartition("\n")[2]
    line = text.rpartition("\n")[2]
    for mark in ("**", "__", "*", "_", "`"):
        if mark in ("*", "_") and (mark * 2) in paragraph + line:
            continue
        alone = re.escape(mark)
        if not re.search(rf"(?:^|[\s“‘\"'(]){alone}[^\s*_`]", line):
            continue
        open_before = paragraph.count(mark) % 2 == 1
        if open_before or line.count(mark) % 2 == 0 or after.startswith(mark):
            continue
        return text + mark
    return text
