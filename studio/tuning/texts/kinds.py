"""What can be cleaned away, what is, and the count of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from studio.tuning.texts.works import count_words

_MAX_EXAMPLES = 3
_EXAMPLE_CHARS = 120


class Kind(StrEnum):
    """What cleaning can mend or leave out, in the order in which it does."""

    MOJIBAKE = "mojibake"
    PUBLISHER = "publisher"
    PAGES = "pages"
    MARKUP = "markup"
    LINE_ENDS = "line_ends"
    DRAFTS = "drafts"
    QUOTATIONS = "quotations"
    LANGUAGE = "language"
    KEYS = "keys"
    CONTACTS = "contacts"
    HELD_OUT = "held_out"
    DUPLICATES = "duplicates"

    @property
    def label(self) -> str:
        """A short name for a person."""
        return _LABELS[self]

    @property
    def about(self) -> str:
        """A sentence that says what happens."""
        return _ABOUT[self]


_LABELS = {
    Kind.MOJIBAKE: "Garbled letters",
    Kind.PUBLISHER: "Licences and publishers’ pages",
    Kind.PAGES: "Page numbers and running heads",
    Kind.MARKUP: "Left-over markup",
    Kind.LINE_ENDS: "Broken line ends",
    Kind.DRAFTS: "Older drafts",
    Kind.QUOTATIONS: "Marked quotations",
    Kind.LANGUAGE: "Other languages",
    Kind.KEYS: "Passwords and keys",
    Kind.CONTACTS: "Addresses and numbers",
    Kind.HELD_OUT: "Also in the held-out part",
    Kind.DUPLICATES: "Repeated passages",
}
_ABOUT = {
    Kind.MOJIBAKE: (
        "Letters such as “Ã©” that were saved in one encoding and read in another are mended. "
        "Quotation marks, dashes and spaces stay as you write them."
    ),
    Kind.PUBLISHER: ("Licences, rights pages and tables of contents are left out."),
    Kind.PAGES: ("Lines that stand at the top or foot of every page are left out."),
    Kind.MARKUP: (
        "Tags, codes and invisible characters that are no text are taken out; the words in "
        "them stay."
    ),
    Kind.LINE_ENDS: (
        "Prose that was broken into lines at a fixed width becomes whole paragraphs again. "
        "Verse stays."
    ),
    Kind.DRAFTS: ("Of a chapter that is there in several drafts, the newest stays."),
    Kind.QUOTATIONS: (
        "Passages that a file marks as quotations are left out. Off unless you ask for it: in "
        "a novel these are mostly letters and songs that its author wrote."
    ),
    Kind.LANGUAGE: (
        "Passages of twenty words or more in another language than most of your text are left out."
    ),
    Kind.KEYS: (
        "Paragraphs with keys to services are left out: a model can repeat what it learned."
    ),
    Kind.CONTACTS: (
        "Paragraphs with e-mail addresses, telephone or account numbers are left out. Off "
        "unless you ask for it: in a story they may be invented."
    ),
    Kind.HELD_OUT: (
        "Passages much like those that are kept for measuring are not trained on. Always "
        "done: else the measures would mean nothing."
    ),
    Kind.DUPLICATES: ("Of paragraphs that are there twice, or nearly, the newest stays."),
}


@dataclass(frozen=True)
class Cleaning:
    """What to clean away: a switch for each `Kind` but `HELD_OUT`, which is always done."""

    mojibake: bool = True
    publisher: bool = True
    pages: bool = True
    markup: bool = True
    line_ends: bool = True
    drafts: bool = True
    quotations: bool = False
    language: bool = True
    keys: bool = True
    contacts: bool = False
    duplicates: bool = True

    def has(self, kind: Kind) -> bool:
        """Whether this is to be cleaned away."""
        return kind is Kind.HELD_OUT or bool(getattr(self, kind.value))


@dataclass(frozen=True)
class Removed:
    """What was cleaned away of one kind in one work."""

    kind: Kind
    work: Path
    n_passages: int
    """Paragraphs, chapters or lines that were left out or mended."""
    n_words: int
    """How many words there are fewer."""
    examples: tuple[str, ...]
    """At most three, shortened, each on one line."""


class Removals:
    """Keeps count."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Kind, Path], list[int]] = defaultdict(lambda: [0, 0])
        self._examples: dict[tuple[Kind, Path], list[str]] = defaultdict(list)

    def add(self, kind: Kind, work: Path, text: str, n_words: int | None = None) -> None:
        """Count a passage; all its words are gone unless `n_words` says how many."""
        counts = self._counts[kind, work]
        counts[0] += 1
        counts[1] += count_words(text) if n_words is None else n_words
        examples = self._examples[kind, work]
        if len(examples) < _MAX_EXAMPLES and (short := _shortened(text)) not in examples:
            examples.append(short)

    def counted(self) -> tuple[Removed, ...]:
        """All, by kind, in the order of the works."""
        order = list(Kind)
        return tuple(
            Removed(kind, work, n_passages, n_words, tuple(self._examples[kind, work]))
            for (kind, work), (n_passages, n_words) in sorted(
                self._counts.items(), key=lambda each: order.index(each[0][0])
            )
        )


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXAMPLE_CHARS else f"{line[: _EXAMPLE_CHARS - 1].rstrip()}…"
