"""What the model sees: memory, the story so far, lore and the author's note, in this order.

    memory, lore that is always wanted
    the story so far
    lore whose keys occur in the recent text, the author's note
    the last paragraphs, the one that is being written

The engine keeps what it has evaluated and goes on from where two prompts begin to differ. So all
but the last paragraph depends on the finished paragraphs alone: typing on inside of one only makes
the prompt longer. Where paragraphs end, what stands in the middle moves along in coarse steps.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate, pairwise

from studio.settings import Settings
from studio.steering import LoreEntry, RecentText, Steering, TooSlow

NEAR_TOKENS = 150
"""Between lore and note and the paragraph that is being written stands so much story, or up to
`STEP_TOKENS` more: near enough to tell, far enough that a change costs little to evaluate."""
STEP_TOKENS = 300
MARGIN = 0.9
"""The share of the context window that is planned for: tokens are estimated."""


class Source(Enum):
    """Where a part of the prompt comes from."""

    FILES = "Open files"
    MEMORY = "Memory"
    LORE = "Lore"
    STORY = "Story"
    NOTE = "Author’s note"


@dataclass(frozen=True)
class Part:
    """A part of the prompt; all of them one after the other are the prompt."""

    source: Source
    text: str
    name: str = ""
    """Of the lore entry."""


def tokens_of_parts(parts: Sequence[Part], starts: Sequence[int]) -> list[int]:
    """How many tokens of a prompt begin in each of its parts.

    `starts` are where the tokens begin in the prompt, in code points and in their order.
    """
    ends = accumulate(len(part.text) for part in parts)
    before = [0, *(bisect_left(starts, end) for end in ends)]
    return [to - since for since, to in pairwise(before)]


@dataclass(frozen=True)
class LeftOut:
    """What is not in the prompt though it was wanted there, and why."""

    source: Source
    name: str
    reason: str
    """A sentence."""


@dataclass(frozen=True)
class Context:
    """A prompt and where it comes from."""

    prompt: str
    parts: tuple[Part, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Budget:
    """How many tokens each source may take at the most."""

    story_tokens: int
    memory_tokens: int
    note_tokens: int
    lore_tokens: int

    @staticmethod
    def of(settings: Settings, *, n_ctx: int, chars_per_token: float) -> Budget:
        """What the settings say, as far as a context window of `n_ctx` tokens has room for it."""
        room = int(n_ctx * MARGIN) - max(settings.draft_tokens, settings.suggestion_tokens)
        room = max(room, n_ctx // 4)
        memory = min(settings.memory_tokens, room // 4)
        lore = min(settings.lore_tokens, room // 4)
        note = min(settings.note_tokens, room // 8)
        # The window over the story is up to twice as long as the setting says.
        story = round(2 * settings.context_chars / chars_per_token)
        return Budget(min(story, room - memory - lore - note), memory, note, lore)

    def beside(self, tokens: int) -> Budget:
        """The same room with so many tokens of other files in it, which the story makes way for."""
        return replace(self, story_tokens=max(self.story_tokens - tokens, self.story_tokens // 2))

    def reach_chars(self, chars_per_token: float) -> int:
        """How much of the story is given at the least, in characters; `grid_start`'s `reach`."""
        return max(1, int(self.story_tokens * chars_per_token) // 2)


class TokenRate:
    """How many characters of this writer's text make a token, learned from the model's answers.

    It changes in leaps: each one makes another prompt.
    """

    def __init__(self) -> None:
        self._learned = 0.0

    def learn(self, prompt: str, tokens: int) -> None:
        """The model counted so many tokens in `prompt`."""
        if tokens < _ENOUGH_TOKENS or not prompt:
            return
        known, found = self.chars_per_token(prompt), len(prompt) / tokens
        if abs(found - known) > _LEAP * known:
            self._learned = found

    def forget(self) -> None:
        """Another model is there, with other tokens."""
        self._learned = 0.0

    def chars_per_token(self, text: str) -> float:
        """What was learned; before that, a careful guess from the letters of `text`."""
        if self._learned:
            return self._learned
        if text.isascii():
            return _ASCII_CHARS_PER_TOKEN
        # Scripts that a model's vocabulary knows little of take a token for each letter.
        extra = (len(text.encode("utf-8", "replace")) - len(text)) / len(text)
        return _ASCII_CHARS_PER_TOKEN if extra < _FEW else 1.0 if extra > _MANY else 2.0


_ENOUGH_TOKENS = 200
_LEAP = 0.2
_ASCII_CHARS_PER_TOKEN = 4.0
_FEW, _MANY = 0.1, 1.2  # bytes of UTF-8 beyond one, per character


def grid_start(position: int, reach: int, step: int | None = None) -> int:
    """Where the window over a text begins when the cursor is at `position`.

    The start moves in steps of `step`, or else `reach`, so that typing on leaves the beginning of
    the prompt, and with it the engine's cache, as it is. The window spans `reach` to
    `reach + step` units (the caller's: code points, or UTF-16 units as in Qt) or reaches back to
    the beginning.
    """
    step = step or reach
    return max(0, (position - reach) // step * step)


def from_paragraph(text: str, within: int) -> str:
    """`text` from its first whole paragraph on, where that begins within so many units.

    Else it is cut at a word, so that it never begins in the middle of one. `within` is the same
    while the text grows, and with it the beginning. For a text cut by `grid_start`, not for one
    from the beginning of the document.
    """
    line_end = text.find("\n", 0, within)
    if line_end >= 0:
        return text[line_end + 1 :].lstrip("\n")
    space = text.find(" ", 0, within)
    return text[space + 1 :] if space >= 0 else text


def assemble(before: str, steering: Steering, budget: Budget, chars_per_token: float) -> Context:
    """The prompt for the text `before` the cursor.

    `before` is the whole text up to there or the end of it; where it begins has to stay while
    the writer types on (`grid_start`). Quick to ask again while a paragraph is being written.
    """
    reach = budget.reach_chars(chars_per_token)
    start = grid_start(len(before), reach)
    story = from_paragraph(before[start:], reach // 2) if start else before
    end = story.rfind("\n") + 1
    head = _head(story[:end], steering, budget, chars_per_token)
    last = story[end:]
    if not last:
        return head
    parts = head.parts
    if parts and parts[-1].source is Source.STORY:
        parts = (*parts[:-1], Part(Source.STORY, parts[-1].text + last))
    else:
        parts = (*parts, Part(Source.STORY, last))
    return Context(head.prompt + last, parts, head.left_out)


@functools.lru_cache(maxsize=8)
def _head(finished: str, steering: Steering, budget: Budget, chars_per_token: float) -> Context:
    """The context of paragraphs that have ended; the one being written comes after it."""
    near, step = (round(n * chars_per_token) for n in (NEAR_TOKENS, STEP_TOKENS))
    place = _place(finished, grid_start(len(finished), near, step), step)
    earlier, later = finished[:place], finished[place:]
    lore = _choose_lore(finished, steering.lore, budget.lore_tokens, chars_per_token, step)
    left_out = list(lore.left_out)

    def cut(source: Source, text: str, tokens: int) -> str:
        kept = cut_at_sentence(text, int(tokens * chars_per_token))
        if len(kept) < len(text):
            left_out.append(LeftOut(source, "", _cut_reason(source, len(text) - len(kept), tokens)))
        return kept

    parts: list[Part] = []
    if memory := cut(Source.MEMORY, steering.memory.strip(), budget.memory_tokens):
        parts.append(Part(Source.MEMORY, f"{memory}\n\n"))
    parts += [Part(Source.LORE, f"{text}\n\n", name) for name, text in lore.always]
    if earlier:
        parts.append(Part(Source.STORY, earlier))
    # The paragraphs in between are set apart as those around them are.
    apart = "\n\n" if not earlier or earlier.endswith("\n\n") else "\n"
    parts += [Part(Source.LORE, text + apart, name) for name, text in lore.matched]
    if note := cut(Source.NOTE, steering.note.strip(), budget.note_tokens):
        parts.append(Part(Source.NOTE, _as_note(note) + apart))
    if later:
        parts.append(Part(Source.STORY, later))
    parts = list(_joined(parts))
    return Context("".join(part.text for part in parts), tuple(parts), tuple(left_out))


def _as_note(note: str) -> str:
    """In brackets, as the field writes it, so that it does not pass for a part of the story."""
    return note if note.startswith("[") else f"[Author’s note: {note}]"


def _joined(parts: list[Part]) -> Iterator[Part]:
    """Story that nothing interrupts is one part."""
    held: Part | None = None
    for part in parts:
        if held and part.source is held.source is Source.STORY:
            held = Part(Source.STORY, held.text + part.text)
            continue
        if held:
            yield held
        held = part
    if held:
        yield held


def _place(finished: str, position: int, step: int) -> int:
    """The end of a paragraph at or before `position`; of a stanza or section if one is near."""
    blank = finished.rfind("\n\n", max(0, position - step), position)
    if blank >= 0:
        return blank + 2
    return finished.rfind("\n", 0, position) + 1


# -- lore ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lore:
    """The entries that are given, as (name, text), and those that are not."""

    always: list[tuple[str, str]]
    matched: list[tuple[str, str]]
    left_out: list[LeftOut]


def _choose_lore(
    finished: str,
    entries: tuple[LoreEntry, ...],
    tokens: int,
    chars_per_token: float,
    step: int,
) -> _Lore:
    """The entries of the highest priority that fit into `tokens`."""
    chosen = _Lore([], [], [])
    recent: dict[int, RecentText] = {}
    left_chars = room_chars = int(tokens * chars_per_token)
    # By priority and name and not by place in the text: entries that stay keep their order.
    for entry in sorted(entries, key=lambda entry: (-entry.priority, entry.name.casefold())):
        if not entry.on or not entry.text.strip():
            continue
        try:
            wanted = entry.always or _occurs(entry, finished, recent, step)
        except TooSlow as slow:
            reason = f"Looking for the pattern “{slow}” takes too long. Make it simpler."
            chosen.left_out.append(LeftOut(Source.LORE, entry.name, reason))
            continue
        if not wanted:
            continue
        text = entry.text.strip()
        if entry.budget_tokens is not None:
            text = cut_at_sentence(text, int(entry.budget_tokens * chars_per_token))
        needed = len(text) + len("\n\n")
        if needed > left_chars:
            reason = (
                f"It needs about {needed / chars_per_token:,.0f} tokens, and "
                f"{left_chars / chars_per_token:,.0f} of the "
                f"{room_chars / chars_per_token:,.0f} for lore are left."
            )
            chosen.left_out.append(LeftOut(Source.LORE, entry.name, reason))
            continue
        left_chars -= needed
        (chosen.always if entry.always else chosen.matched).append((entry.name, text))
    return chosen


def _occurs(entry: LoreEntry, finished: str, recent: dict[int, RecentText], step: int) -> bool:
    """Whether a key of `entry` occurs in the recent text, whose beginning moves in steps too."""
    within = entry.within_chars
    if within not in recent:
        start = grid_start(len(finished), within, step)
        text = from_paragraph(finished[start:], within // 2) if start else finished
        recent[within] = RecentText(text)
    return any(key.occurs(recent[within]) for key in entry.keys)


# -- cutting -------------------------------------------------------------------------------------

_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[”’\"')\]]*+(?=\s)|[。！？]+[」』”]*|(?=\n)")


def cut_at_sentence(text: str, limit: int) -> str:
    """`text` up to its last sentence or line that ends within `limit` characters.

    Where none does, it is cut at a word.
    """
    if len(text) <= limit:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text[: limit + 1])]
    cut = next((end for end in reversed(ends) if 0 < end <= limit), 0)
    if not cut:
        space = text.rfind(" ", 0, limit + 1)
        cut = space if space > 0 else limit
    return text[:cut].rstrip()


def _cut_reason(source: Source, chars: int, tokens: int) -> str:
    what = "memory" if source is Source.MEMORY else "note"
    return (
        f"The last {chars:,} characters of the {what} are left out: it may take {tokens:,} tokens."
    )
