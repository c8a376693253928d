"""When the text before the cursor is read, though nothing is asked yet."""

from __future__ import annotations

_REST_MS = 150.0
"""A cursor that stays for so long where it was put is taken to rest there."""
_PAUSE_MS = 300.0
"""The same after a key."""
_SPARING_MS = 2_000.0
"""Both, on battery or when the machine is hot."""
_BEHIND_CHARS, _SPARING_CHARS = 24, 400
"""A writer who does not pause is read along with as soon as so much is unread."""


class ReadingOn:
    """Keeps the model's reading a few words behind the cursor while nothing is asked of it."""

    def __init__(self) -> None:
        self.due_ms: float | None = None
        """When to have the text before the cursor read."""
        self.sparing = False
        self._read = ""

    def rests(self, now_ms: float) -> None:
        """The cursor was put somewhere, or the text that it stands in has changed."""
        self.due_ms = now_ms + (_SPARING_MS if self.sparing else _REST_MS)

    def typed(self, before: str, now_ms: float) -> None:
        """Something was typed, and the model is not asked for now."""
        unread = len(before) - (len(self._read) if before.startswith(self._read) else 0)
        behind = unread >= (_SPARING_CHARS if self.sparing else _BEHIND_CHARS)
        pause_ms = _SPARING_MS if self.sparing else _PAUSE_MS
        self.due_ms = now_ms if behind else now_ms + pause_ms

    def reads(self, before: str) -> None:
        """The model is asked about this text, or has been told to read it."""
        self._read, self.due_ms = before, None

    def forget(self) -> None:
        """What was read is of no use: another model answers, or is given other things."""
        self._read = ""
