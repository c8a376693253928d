"""The colours of a paragraph's text, beside grey text or an input method's in its midst.

Qt keeps both in one list, with places that count what is in the midst in.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QTextLayout

from studio.manuscript.utf16 import length

Format = QTextLayout.FormatRange


def text_formats(layout: QTextLayout) -> list[Format]:
    """The formats of the text itself, with places in the text."""
    at, n = _midst(layout)
    return [_moved(each, at + n, -n) for each in layout.formats() if not _within(each, at, n)]


def set_text_formats(layout: QTextLayout, formats: Sequence[Format]) -> None:
    """Colour the text itself; what is in its midst stays as it is."""
    at, n = _midst(layout)
    within = [each for each in layout.formats() if _within(each, at, n)]
    layout.setFormats([*(_moved(each, at, n) for each in formats), *within])


def put_midst(layout: QTextLayout, at: int, text: str, formats: Sequence[Format] = ()) -> None:
    """Show `text` at `at`, in `formats`, in the midst of the paragraph; none if it is empty."""
    own = text_formats(layout)
    layout.setPreeditArea(at if text else -1, text)
    n = length(text)
    layout.setFormats([*(_moved(each, at, n) for each in own), *formats])


def _midst(layout: QTextLayout) -> tuple[int, int]:
    n = length(layout.preeditAreaText())
    return (layout.preeditAreaPosition(), n) if n else (0, 0)


def _within(format_: Format, at: int, n: int) -> bool:
    return n > 0 and at <= format_.start and format_.start + format_.length <= at + n


def _moved(format_: Format, at: int, by: int) -> Format:
    """`format_` where `by` units more, or less, stand at `at`."""
    if not by:
        return format_
    moved = Format()
    moved.start, moved.length, moved.format = format_.start, format_.length, format_.format
    if format_.start >= at:
        moved.start += by
    elif format_.start + format_.length > at - max(0, -by):
        moved.length += by
    return moved
