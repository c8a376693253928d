"""The form of the steering files: plain text, comments, and a few lines at the top of lore.

    ---
    keys: Anna, Miss Blackwood, lighthouse*
    priority: 2
    ---
    Anna Blackwood keeps the lighthouse. <!-- until chapter 9 -->

The top looks like YAML, and what other programs write as YAML there is read, but it is plainer on
purpose: a line is a name and a value, and no value needs quotes, whatever stands in it. YAML takes
offence at `lighthouse*` and `Anna: the keeper`, TOML at every curly quote.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.manuscript.errors import ManuscriptError, shown
from studio.manuscript.text_file import read_text
from studio.steering import WITHIN_CHARS, Key, KeyNotUnderstood, LoreEntry, parse_key, parse_keys

MAX_FILE_BYTES = 256 * 2**10
"""Far more than any model is given of one file; what is larger got there by mistake."""

TEMPLATES = {
    "memory": """\
<!-- Write below what the model should always know: what the book is, who tells it, in which time
and place. A few sentences do. It never sees comments like this one. -->

""",
    "note": """\
<!-- Write below a line or two that colour what comes next, such as
Style: short sentences, dry humour. Anna is tired.
It stands a few paragraphs before the cursor. The model never sees comments like this one. -->

""",
}
LORE_TEMPLATE = """\
---
keys: {name}
priority: 0
on: yes
---
<!-- Write below what the model should know about {name}. It is told while one of the keys stands
in the recent text. Keys are words or phrases with commas between them. Plurals are found too;
lighthouse* is the beginning of a word, =Rose this form alone, /sw(ord|ift)/ a regular expression.
Where there is no room for all, a higher priority comes first. More lines that may stand above:
budget: 80 (the most tokens that this entry takes), always: yes (whatever the text says),
capitals: yes (Rose is not rose), within: 2000 (how many characters back the keys count).
The model never sees comments like this one. -->

"""

_DASHES = "---"
_COMMENT = re.compile(r"<!--.*?-->[ \t]*\n?", re.DOTALL)
_LEFT_OUT = "is left out until that is put right"


@dataclass(frozen=True)
class _Value:
    """What stands after a name at the top of a lore file."""

    text: str
    line: int


def read_plain(path: Path) -> str:
    """The memory or the note, without comments. Raises `ManuscriptError`."""
    return _without_comments(_read(path), path)


def read_entry(path: Path, lore: Path) -> LoreEntry:
    """The lore entry in a file of the folder `lore`. Raises `ManuscriptError`, a sentence that
    names the file and the line.

    Without keys, the name of the file is the key.
    """
    values, text = _split(_read(path), path)

    def read(name: str, parse: Callable[[str], Any], default: Any) -> Any:
        value = values.get(name)
        if value is None or not value.text:
            return default
        try:
            return parse(value.text)
        except ValueError as error:
            raise _complaint(path, value.line, str(error)) from error

    capitals = read("capitals", _yes_or_no, False)
    keys: tuple[Key, ...] = read(
        "keys", lambda written: parse_keys(_unlisted(written), capitals_matter=capitals), ()
    )
    return LoreEntry(
        name=path.relative_to(lore).with_suffix("").as_posix(),
        text=_without_comments(text, path),
        keys=keys or _key_of_name(path.stem, capitals_matter=capitals),
        priority=read("priority", lambda text: _number(text, -1_000, 1_000), 0),
        budget_tokens=read("budget", lambda text: _number(text, 1, 100_000), None),
        on=read("on", _yes_or_no, True),
        always=read("always", _yes_or_no, False),
        within_chars=read("within", lambda text: _number(text, 100, 1_000_000), WITHIN_CHARS),
    )


_NAMES = ("keys", "priority", "budget", "on", "always", "capitals", "within")


def _read(path: Path) -> str:
    try:
        size_bytes = path.stat().st_size
    except OSError:
        size_bytes = 0  # the reading itself tells what is wrong
    if size_bytes > MAX_FILE_BYTES:
        raise ManuscriptError(
            f"{shown(path)} is left out: it has {size_bytes / 2**10:,.0f} KB, and the most is "
            f"{MAX_FILE_BYTES / 2**10:,.0f}. Keep only what the model has to know."
        )
    return read_text(path).text


def _without_comments(text: str, path: Path) -> str:
    begin = text.find("<!--", text.rfind("-->") + 1)
    if begin >= 0:
        begins = text[begin:].partition("\n")[0][:40]
        raise ManuscriptError(
            f"{shown(path)} {_LEFT_OUT}: the comment “{begins}” has no end. Put --> where it ends."
        )
    return re.sub(r"\n{3,}", "\n\n", _COMMENT.sub("", text)).strip()


def _split(text: str, path: Path) -> tuple[dict[str, _Value], str]:
    """The values at the top of a lore file, and the text below them."""
    lines = text.split("\n")
    if lines[0].strip() != _DASHES:
        return {}, text
    values: dict[str, _Value] = {}
    last = ""
    for number, line in enumerate(lines[1:], 2):
        written = line.strip()
        if written == _DASHES:
            return values, "\n".join(lines[number:])
        if not written or written.startswith("#"):
            continue
        if written.startswith("- ") and last:
            # A list as other programs write it: each item on a line of its own.
            held = values[last]
            items = [each for each in (held.text, written[2:].strip()) if each]
            values[last] = _Value(", ".join(items), held.line)
            continue
        name, colon, value = written.partition(":")
        last = name.strip().lower()
        if not colon:
            raise _complaint(
                path, number, f"“{_short(written)}” is not a name and a value, such as “on: yes”."
            )
        if meant := _meant(last):
            raise _complaint(path, number, f"There is no “{last}”; is “{meant}” meant?")
        values[last] = _Value(value.strip(), number)
    raise _complaint(
        path, 1, f"A line {_DASHES} begins the part at the top, and no other one ends it."
    )


def _meant(name: str) -> str:
    """The name that was meant if `name` is none. What is like no name is another program's."""
    if name in _NAMES:
        return ""
    close = difflib.get_close_matches(name, _NAMES, n=1, cutoff=0.7)
    return close[0] if close else ""


def _complaint(path: Path, line: int, sentence: str) -> ManuscriptError:
    return ManuscriptError(f"{shown(path)} {_LEFT_OUT}. Line {line}: {sentence}")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _unlisted(written: str) -> str:
    """A list in YAML's brackets without them."""
    return written[1:-1] if written.startswith("[") and written.endswith("]") else written


def _key_of_name(name: str, *, capitals_matter: bool) -> tuple[Key, ...]:
    try:
        return (parse_key(name.lstrip("/"), capitals_matter=capitals_matter),)
    except KeyNotUnderstood:
        return ()


def _number(text: str, low: int, high: int) -> int:
    try:
        number = int(text.split(maxsplit=1)[0])
    except ValueError:
        raise ValueError(f"“{_short(text)}” should be a whole number.") from None
    if not low <= number <= high:
        raise ValueError(f"{number:,} is not between {low:,} and {high:,}.")
    return number


def _yes_or_no(text: str) -> bool:
    word = text.strip("\"'“”").lower()
    if word in ("yes", "true", "on"):
        return True
    if word in ("no", "false", "off"):
        return False
    raise ValueError(f"“{_short(text)}” should be yes or no.")
