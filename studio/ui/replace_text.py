"""Putting another text in the place of the one in the editor, as one step that can be undone."""

from __future__ import annotations

from studio.manuscript.utf16 import length
from studio.ui.editor import Editor


def replace_text(editor: Editor, text: str) -> int:
    """Make `text` the text of the editor by changing only what differs, between its ends.

    Answers where the change ends, in UTF-16 units.
    """
    old = editor.text()
    head = _common_head(old, text)
    tail = min(_common_head(old[::-1], text[::-1]), min(len(old), len(text)) - head)
    gone, come = old[head : len(old) - tail], text[head : len(text) - tail]
    at = length(old[:head])
    if gone or come:
        editor.replace(at, length(gone), come)
    return at + length(come)


def _common_head(one: str, other: str) -> int:
    """How many characters at the beginning are the same; by halves, as strings compare fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
