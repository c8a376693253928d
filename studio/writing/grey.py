"""Grey text: what is shown or awaited at the cursor, and what is computed to follow it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from studio.writing.answer import Answer, Known, Written
from studio.writing.decisions import Kind


class Batch(Enum):
    """How far the alternatives are, where the best of them is to be shown first."""

    GENERATED = auto()
    """They are being generated."""
    SCORED = auto()
    """It is awaited which one goes best with the text after the cursor."""
    SHOWN = auto()
    """The first to be shown is known, as where nothing is ranked."""


@dataclass
class Grey:
    """The grey text, shown or still awaited."""

    kind: Kind
    ask_id: int
    answer: Answer | Known | Written
    asked_ms: float
    streaming: bool = True
    read_ms: float | None = None
    """When its prompt was read; None until that is told."""
    show_at_ms: float = 0.0
    shown_ms: float | None = None
    """Since when it is, or was, in sight."""
    in_sight: str = ""
    """What the editor shows of it: that, and nothing else, can be taken."""
    taken: str = ""
    """What of it was accepted or typed already."""
    wanted: bool = False
    """The writer asked for it, so it is shown however unsure."""
    n_keys: int = 0
    """After so many keys it was in sight."""
    asked_for: bool = False
    """It was asked for by a key."""
    judged: bool = False
    """It is known whether its first word was right."""
    others: list[Answer] = field(default_factory=list)
    """Alternatives, in the order in which they were generated."""
    batch: Batch = Batch.SHOWN
    at: int = 0
    """Which is shown: 0 for the first suggestion, then the others."""
    steps: int = 0
    """How many alternatives further the writer wants to go, once they are there."""

    @property
    def current(self) -> Answer | Known | Written:
        return self.others[self.at - 1] if self.at else self.answer

    @property
    def generated(self) -> bool:
        """Whether the model has begun to answer."""
        return bool(self.others) or bool(self.answer.text)

    def awaits(self, ask_id: int) -> bool:
        """Whether what comes for this request belongs to it."""
        return self.ask_id == ask_id and self.streaming and self.batch is not Batch.SCORED

    @property
    def rest(self) -> str:
        """What of it is fit to be seen and was not taken yet."""
        text = self.current.text
        if not text.startswith(self.taken):
            return ""
        text = text[len(self.taken) :]
        return text.rstrip() if self.kind is Kind.SUGGESTION or not self.streaming else text

    def choices(self) -> list[int]:
        """Places of the alternatives that differ and have something to show, and of the one
        that is shown."""
        seen: set[str] = {self.current.text.strip(), ""}
        choices = [self.at]
        for i, answer in enumerate([self.answer, *self.others]):
            text = answer.text.strip()
            if answer.has_word and text not in seen:
                choices.append(i)
                seen.add(text)
        return sorted(choices)


@dataclass
class Ahead:
    """What would follow the suggestion in sight, computed while that is read."""

    ask_id: int
    answer: Answer
    asked_ms: float
    streaming: bool = True
    read_ms: float | None = None
    """When its prompt was read."""
