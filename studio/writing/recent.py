"""Suggestions of the last minutes, found again by the text around the cursor.

Undo, going back, deleting the last word or typing what was said an hour ago is answered at once.
The idea and its size are llama.vim's (ring of 250 answers, 128 characters looked back).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import replace

from studio.writing.answer import Known

ASKED_FOR = math.inf
"""How sure what the writer asked for by a key is kept as being: it comes back in any case."""
SIZE = 250
LOOK_BACK_CHARS = 128
_BEFORE_CHARS, _AFTER_CHARS = 200, 60


class Recent:
    """The last `SIZE` suggestions, the least recently wanted one first to go."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], Known] = OrderedDict()

    def keep(self, before: str, after: str, known: Known) -> None:
        """Keep what was suggested between `before` and `after`."""
        key = _key(before, after)
        self._answers[key] = known
        self._answers.move_to_end(key)
        while len(self._answers) > SIZE:
            self._answers.popitem(last=False)

    def find(self, before: str, after: str) -> Known | None:
        """What goes on from here: asked for here, or somewhat earlier and typed along since."""
        for n in range(min(LOOK_BACK_CHARS, len(before)) + 1):
            key = _key(before[: len(before) - n], after)
            found = self._answers.get(key)
            if found is None:
                continue
            typed = before[len(before) - n :]
            if len(found.text) > n and found.text.startswith(typed):
                self._answers.move_to_end(key)
                return replace(found, text=found.text[n:])
        return None

    def forget(self) -> None:
        """The model, or what it is given besides the text, has changed."""
        self._answers.clear()


def _key(before: str, after: str) -> tuple[str, str]:
    return before[-_BEFORE_CHARS:], after[:_AFTER_CHARS]
