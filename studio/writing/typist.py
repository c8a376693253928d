"""A writer who writes a known text, and takes a suggestion exactly where it says what comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from studio.engine import Ended, Engine, Piece, Request, Why
from studio.writing.completion import Completion
from studio.writing.confidence import Confidence
from studio.writing.context import from_paragraph, grid_start
from studio.writing.craft import Craft, craft_of
from studio.writing.decisions import (
    Action,
    Amount,
    Around,
    Ask,
    Cancel,
    Insert,
    Options,
    Rank,
    ReadAhead,
    WakeAt,
)
from studio.writing.languages import language_of
from studio.writing.segments import next_word

_KEY_EVERY_MS = 100.0
"""Ten keys a second: a quick typist, whom no look-ahead helps."""
_ANSWER_MS = 30.0
"""How long the model seems to take, for the policy."""


@dataclass
class Tally:
    """What a text took to write."""

    chars: int = 0
    keys: int = 0
    shown: int = 0
    """Keys after which a suggestion was in sight."""
    right: int = 0
    """Those whose first word was what the text had next."""
    evaluated: int = 0
    """Tokens of prompts that were evaluated."""
    decoded: int = 0
    """Tokens that were generated."""

    @property
    def saved(self) -> float:
        """The share of keys that need not be pressed."""
        return 1 - self.keys / max(1, self.chars)

    @property
    def right_share(self) -> float:
        """The share of suggestions in sight whose first word was right."""
        return self.right / max(1, self.shown)

    @property
    def wrong_share(self) -> float:
        """The share of keys after which a wrong suggestion was in sight."""
        return (self.shown - self.right) / max(1, self.keys)


@dataclass
class Typist:
    """Drives the policy as the editor does, with a model that answers before the next key."""

    engine: Engine
    counts: Callable[[], tuple[int, int]]
    """Tokens that the engine has evaluated so far: those of prompts, generated ones."""
    reach: int
    """The window over the text before the cursor, in characters."""
    options: Options
    words_only: bool = False
    adapters: tuple[tuple[Path, float], ...] = ()
    endings_of: Callable[[str], tuple[tuple[str, float], ...]] = lambda _: ()
    """As `Completion` takes it."""
    read_ahead: Callable[[str], object] = lambda _: None
    """Has a prompt read, as the program does while the writer does nothing."""

    def write(self, text: str, start: int, n: int, path: Path | None = None) -> Tally:
        """Write `n` characters of `text` from `start` on."""
        craft = craft_of(path, text) if path else Craft.STORY
        policy = Completion(
            self.options, confidence=Confidence().settled(), endings_of=self.endings_of
        )
        policy.writes(craft, language_of(path))
        tally, at, now_ms = Tally(), start, 0.0
        evaluated, decoded = self.counts()
        self.read_ahead(self._around(text, at).before)
        while at < start + n:
            shown = policy.text
            word = next_word(shown, text[max(0, at - 200) : at]) if shown else ""
            right = bool(shown) and is_next(word, text, at)
            tally.shown += bool(shown)
            tally.right += right
            tally.keys += 1
            now_ms += _KEY_EVERY_MS
            if right:
                whole = not self.words_only and is_next(shown, text, at)
                actions = policy.accept(Amount.ALL if whole else Amount.WORD, now_ms)
                taken = next(a.text for a in actions if isinstance(a, Insert))
                if not text.startswith(taken, at):
                    raise ValueError(f"{taken!r} was inserted, and the text has another there")
                at += len(taken)
            else:
                at += 1
                actions = policy.typed(text[at - 1], self._around(text, at), now_ms)
            self._carry_out(policy, actions, now_ms)
        tally.chars = at - start
        now_evaluated, now_decoded = self.counts()
        tally.evaluated, tally.decoded = now_evaluated - evaluated, now_decoded - decoded
        return tally

    def _around(self, text: str, at: int) -> Around:
        start = grid_start(at, self.reach)
        before = text[start:at]
        return Around(from_paragraph(before, self.reach // 2) if start else before, "")

    def _carry_out(self, policy: Completion, actions: list[Action], now_ms: float) -> None:
        until_ms = now_ms + _KEY_EVERY_MS * 0.99
        waiting = list(actions)
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, Ask):
                now_ms = min(now_ms + _ANSWER_MS, until_ms)
                waiting += self._answer(policy, action, now_ms)
            elif isinstance(action, WakeAt) and action.at_ms <= until_ms:
                now_ms = max(now_ms, action.at_ms)
                waiting += policy.tick(now_ms)
            elif isinstance(action, ReadAhead):
                self.read_ahead(action.prompt)
            elif isinstance(action, Rank):
                raise TypeError("nothing follows the typist's cursor")

    def _answer(self, policy: Completion, ask: Ask, now_ms: float) -> list[Action]:
        """Let the engine answer a request, as far as the policy wants it."""
        request: Request = replace(ask.request, adapters=self.adapters)
        actions: list[Action] = []
        cut_short = False
        stream = self.engine.stream(request)
        for event in stream:
            if isinstance(event, Piece):
                said = policy.piece(ask.ask_id, event.text, now_ms, probability=event.probability)
                actions += said
                if Cancel(ask.ask_id) in said:
                    break
            elif isinstance(event, Ended):
                cut_short = event.why is Why.LENGTH
        stream.close()  # type: ignore[attr-defined]  # a generator
        return [*actions, *policy.ended(ask.ask_id, now_ms, cut_short=cut_short)]


def is_next(said: str, text: str, at: int) -> bool:
    """Whether the text has exactly this next, and no word that only begins like it."""
    if not said or not text.startswith(said, at):
        return False
    following = text[at + len(said) : at + len(said) + 1]
    return not (said[-1].isalnum() and following.isalnum())
