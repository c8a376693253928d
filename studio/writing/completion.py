"""The policy of the grey text: when to ask, what to ask, and what to show.

A state machine without a window, a thread or a clock. The editor tells it what happened and
carries out the actions that come back; time is passed in, in milliseconds. The same machine
holds suggestions (short, asked for by a pause in typing) and drafts (long, asked for by a key):
both are grey text at the cursor that is not part of the document until a key says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from studio.engine import GREEDY, Priority, Request, Sampling
from studio.writing.segments import next_sentence, next_word


@dataclass(frozen=True)
class Around:
    """The text around the cursor: the window that the model is given, and what follows."""

    before: str
    after: str


@dataclass(frozen=True)
class Options:
    """What the writer's settings say."""

    enabled: bool = True
    pause_ms: float = 80
    suggestion_tokens: int = 16
    draft_tokens: int = 200
    draft_sampling: Sampling = field(default_factory=Sampling)


class Amount(Enum):
    """How much of the grey text to take."""

    ALL = auto()
    WORD = auto()
    SENTENCE = auto()


_TAKE: dict[Amount, Callable[[str], str]] = {
    Amount.ALL: str,
    Amount.WORD: next_word,
    Amount.SENTENCE: next_sentence,
}


@dataclass(frozen=True)
class Ask:
    """Send this request; its answers come back with `ask_id`."""

    ask_id: int
    request: Request


@dataclass(frozen=True)
class Cancel:
    """The answer to this request is not wanted any more."""

    ask_id: int


@dataclass(frozen=True)
class Show:
    """Show this grey text at the cursor, and nothing else."""

    text: str


@dataclass(frozen=True)
class Hide:
    """Take the grey text away."""


@dataclass(frozen=True)
class Insert:
    """Put this text into the document at the cursor, as one undo step."""

    text: str


@dataclass(frozen=True)
class WakeAt:
    """Call `tick` at this time; replaces an earlier one."""

    at_ms: float


@dataclass(frozen=True)
class Tell:
    """Show this sentence quietly."""

    sentence: str


Action = Ask | Cancel | Show | Hide | Insert | WakeAt | Tell


def heals_draft(before: str) -> bool:
    """Whether a draft may reshape the last word before it: not one that looks finished.

    A suggestion completes the word being typed; a draft is asked for after one.
    """
    return not before[-1:].isalnum()


def suggestion(prompt: str, max_tokens: int) -> Request:
    """What is asked for a suggestion after `prompt`: the likeliest end of the line."""
    return Request(
        prompt=prompt,
        max_tokens=max_tokens,
        sampling=GREEDY,
        stop=("\n",),
        priority=Priority.INLINE,
    )


class Kind(Enum):
    """What the grey text is."""

    SUGGESTION = auto()
    DRAFT = auto()


@dataclass(frozen=True)
class _Grey:
    """The grey text: what was generated and not yet taken or typed."""

    kind: Kind
    ask_id: int
    text: str = ""
    streaming: bool = True


class Completion:
    """The policy of one editor.

    Every method answers with the actions to carry out, in their order. `Insert` is reported
    back by nothing: the machine has already taken it into account.
    """

    def __init__(
        self, options: Options | None = None, prompt_of: Callable[[str], str] = str
    ) -> None:
        """`prompt_of` makes of the text before the cursor what the model is given."""
        self._options = options or Options()
        self._prompt_of = prompt_of
        self._around = Around("", "")
        self._grey: _Grey | None = None
        self._ask_at_ms: float | None = None
        self._ids = 0
        self._tries = 0

    @property
    def kind(self) -> Kind | None:
        """What is shown or awaited, if anything."""
        return self._grey.kind if self._grey else None

    @property
    def streaming(self) -> bool:
        """Whether more of the grey text is still to come."""
        return self._grey is not None and self._grey.streaming

    @property
    def text(self) -> str:
        """The grey text as it is shown."""
        return self._shown()

    def configure(self, options: Options) -> list[Action]:
        """Take new options; switching suggestions off takes one away."""
        self._options = options
        if options.enabled or self.kind is not Kind.SUGGESTION:
            return []
        return self.dismiss()

    def typed(self, text: str, around: Around, now_ms: float) -> list[Action]:
        """The writer typed `text`, which now stands before the cursor.

        Typing what the grey text says trims it; typing anything else takes it away, and a
        pause asks again.
        """
        self._around = around
        grey = self._grey
        if grey and grey.text.startswith(text):
            self._grey = replace(grey, text=grey.text[len(text) :])
            if self._shown() or grey.streaming:
                return [self._show()]
        return [*self._drop(), *self._ask_after_pause(now_ms)]

    def changed(self, around: Around, now_ms: float) -> list[Action]:
        """The text changed in another way: deleted, pasted, undone, replaced."""
        self._around = around
        return [*self._drop(), *self._ask_after_pause(now_ms)]

    def moved(self, around: Around) -> list[Action]:
        """The cursor went elsewhere, or a selection or an input method began."""
        self._around = around
        self._ask_at_ms = None
        return self._drop()

    def tick(self, now_ms: float) -> list[Action]:
        """The time that `WakeAt` named has come."""
        if self._ask_at_ms is None:
            return []
        if now_ms < self._ask_at_ms:
            return [WakeAt(self._ask_at_ms)]
        self._ask_at_ms = None
        return [*self._drop(), *self._ask_suggestion()]

    def draft(self, around: Around) -> list[Action]:
        """Write a draft from the cursor on; asked again, write another one."""
        self._around = around
        self._ask_at_ms = None
        if not around.before.strip():
            return [Tell("Write a few words first: the draft goes on from them.")]
        again = self.kind is Kind.DRAFT
        self._tries = self._tries + 1 if again else 0
        sampling = self._options.draft_sampling
        request = Request(
            prompt=self._prompt_of(around.before),
            max_tokens=self._options.draft_tokens,
            sampling=replace(sampling, seed=(sampling.seed + self._tries) % 2**31),
            heal=heals_draft(around.before),
            priority=Priority.DRAFT,
        )
        return [*self._drop(), self._begin(Kind.DRAFT, request)]

    def piece(self, ask_id: int, text: str) -> list[Action]:
        """Some text came for a request."""
        if self._grey is None or self._grey.ask_id != ask_id:
            return []
        before = self._shown()
        self._grey = replace(self._grey, text=self._grey.text + text)
        return [self._show()] if self._shown() != before else []

    def ended(self, ask_id: int) -> list[Action]:
        """The answer is complete, or there will be no more of it."""
        if self._grey is None or self._grey.ask_id != ask_id:
            return []
        self._grey = replace(self._grey, streaming=False)
        if self._shown():
            return [self._show()]
        self._grey = None
        return [Hide()]

    def accept(self, amount: Amount, now_ms: float) -> list[Action]:
        """Take the grey text, or the next word or sentence of it, into the document.

        The rest stays without being computed again.
        """
        shown = self._shown()
        if self._grey is None or not shown:
            return []
        taken = _TAKE[amount](shown)
        if amount is Amount.ALL and self._grey.kind is Kind.DRAFT and self._grey.streaming:
            taken = shown.rstrip()
        self._around = replace(self._around, before=self._around.before + taken)
        self._grey = replace(self._grey, text=self._grey.text[len(taken) :])
        actions: list[Action] = [Insert(taken)]
        if amount is not Amount.ALL and (self._shown() or self._grey.streaming):
            return [*actions, self._show()]
        return [*actions, *self._drop(), *self._ask_after_pause(now_ms)]

    def stop(self) -> list[Action]:
        """Stop a draft that is being written and keep what there is of it."""
        if self._grey is None or not self._grey.streaming:
            return []
        ask_id = self._grey.ask_id
        return [Cancel(ask_id), *self.ended(ask_id)]

    def dismiss(self) -> list[Action]:
        """Take the grey text away and ask nothing until the writer types on."""
        self._ask_at_ms = None
        return self._drop()

    def _ask_after_pause(self, now_ms: float) -> list[Action]:
        if not self._options.enabled or not self._worth_asking():
            self._ask_at_ms = None
            return []
        self._ask_at_ms = now_ms + self._options.pause_ms
        return [WakeAt(self._ask_at_ms)]

    def _worth_asking(self) -> bool:
        """Nothing is asked before the first word, nor with the cursor inside a word."""
        around = self._around
        return bool(around.before.strip()) and not around.after[:1].isalnum()

    def _ask_suggestion(self) -> list[Action]:
        if not self._options.enabled or not self._worth_asking():
            return []
        prompt = self._prompt_of(self._around.before)
        request = suggestion(prompt, self._options.suggestion_tokens)
        return [self._begin(Kind.SUGGESTION, request)]

    def _begin(self, kind: Kind, request: Request) -> Ask:
        self._ids += 1
        self._grey = _Grey(kind, self._ids)
        return Ask(self._ids, request)

    def _drop(self) -> list[Action]:
        """Forget the grey text, whatever it is."""
        grey, self._grey = self._grey, None
        if grey is None:
            return []
        return [*([Cancel(grey.ask_id)] if grey.streaming else []), Hide()]

    def _shown(self) -> str:
        """The part of the grey text that is fit to be seen."""
        if self._grey is None:
            return ""
        text = self._grey.text
        if not self._grey.streaming or self._grey.kind is Kind.SUGGESTION:
            text = text.rstrip()
        if self._grey.kind is Kind.SUGGESTION and text.strip():
            following = self._around.after.partition("\n")[0].strip()
            if following and (
                text.strip().startswith(following) or following.startswith(text.strip())
            ):
                return ""
        return text

    def _show(self) -> Action:
        shown = self._shown()
        return Show(shown) if shown else Hide()
