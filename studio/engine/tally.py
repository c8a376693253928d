"""How much of what a model computes it had computed before."""

from __future__ import annotations

from collections import OrderedDict

_LOOK_BACK = 48
"""A token after the same so many others is taken for the same place of a text."""
_MOST = 200_000


class Tally:
    """Counts tokens as they are evaluated, from the time it is begun."""

    def __init__(self) -> None:
        self.again = 0
        self._on = False
        self._known: OrderedDict[int, None] = OrderedDict()

    def begin(self) -> None:
        """Count from now on, unless it does already. What was computed before is not known."""
        self._on = True

    def add(self, before: list[int], tokens: list[int]) -> None:
        """`tokens` are evaluated after those that stand `before` them."""
        if not self._on:
            return
        window = before[-_LOOK_BACK:]
        for token in tokens:
            window = [*window[-_LOOK_BACK:], token]
            place = hash(tuple(window))
            if place in self._known:
                self.again += 1
            else:
                self._known[place] = None
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
