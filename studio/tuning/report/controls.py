"""Public-domain books to compare with, and where they go: models/controls.toml."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).parents[3] / "models" / "controls.toml"


@dataclass(frozen=True)
class ControlBook:
    """A book by somebody else that a tuning can be compared on."""

    title: str
    author: str
    year: int
    """Of its first publication as a book."""
    kind: str
    """Such as "detective stories"; a control should be of the writer's kind."""
    repository: str
    """Its name at Standard Ebooks."""
    licence: str

    @property
    def file(self) -> str:
        """What to call its file; another ending that can be read will do, too."""
        return f"{self.repository}.epub"

    @property
    def source(self) -> str:
        """Where to find it, in words."""
        return f"Standard Ebooks, repository {self.repository}"

    @property
    def name(self) -> str:
        return f"{self.title} ({self.author}, {self.year})"


@functools.cache
def control_books() -> tuple[ControlBook, ...]:
    """All that are known, in the order of the file."""
    known = tomllib.loads(_FILE.read_text("utf-8"))
    return tuple(ControlBook(**book, licence=known["licence"]) for book in known["book"])


def books_in(folder: Path) -> list[tuple[ControlBook, Path]]:
    """Those that the writer has put into `folder`, whatever their ending; none without a folder."""
    try:
        there = {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}
    except OSError:
        return []
    return [(book, there[book.repository]) for book in control_books() if book.repository in there]


def where_to_put(folder: Path) -> str:
    """The sentence that says how to get controls, and where they go."""
    example = control_books()[0]
    return (
        "To see what a model learned of you and not only of this kind of text, it is compared on "
        "books by others. Choose files of your own, three or more of the kind that you write, or "
        f"get books from Standard Ebooks (such as {example.name}) and put them into {folder} "
        f"under their names there, such as {example.file}."
    )
