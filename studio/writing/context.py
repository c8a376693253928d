"""What the model sees of a text that may be longer than its context window."""

from __future__ import annotations


def grid_start(position: int, reach: int) -> int:
    """Where the window over a text begins when the cursor is at `position`.

    The start moves in steps of `reach`, so that typing on leaves the beginning of the prompt,
    and with it the engine's cache, as it is. The window spans `reach` to `2 * reach` units
    (the caller's: code points, or UTF-16 units as in Qt) or reaches back to the beginning.
    """
    return max(0, (position - reach) // reach * reach)


def from_paragraph(text: str, *, at_beginning: bool) -> str:
    """`text` from its first whole paragraph on, unless it is the beginning of the document.

    Without a paragraph's end in the first half it is cut at a word, so that it never begins
    in the middle of one.
    """
    if at_beginning:
        return text
    half = len(text) // 2
    line_end = text.find("\n", 0, half)
    if line_end >= 0:
        return text[line_end + 1 :].lstrip("\n")
    space = text.find(" ", 0, half)
    return text[space + 1 :] if space >= 0 else text
