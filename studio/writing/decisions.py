"""The words of the grey text's policy: what it is told, and what it decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from studio.engine import Request, Sampling


class Kind(Enum):
    """What the grey text is."""

    SUGGESTION = auto()
    DRAFT = auto()


@dataclass(frozen=True)
class Around:
    """The text around the cursor: the window that the model is given, and what follows."""

    before: str
    after: str


class Asking(StrEnum):
    """When the model is asked for a suggestion."""

    ALWAYS = "always"
    ON_REQUEST = "on request"
    NEVER = "never"


@dataclass(frozen=True)
class Options:
    """What the writer's settings say."""

    asking: Asking = Asking.ALWAYS
    suggestion_tokens: int = 16
    draft_tokens: int = 200
    draft_sampling: Sampling = field(default_factory=Sampling)
    fills_in: bool = False
    """The model reads what follows the cursor (`Capabilities.can_infill`)."""
    gated: bool = True
    """Show only what is likely enough to be right; else all."""
    sparing: bool = False
    """Ask less: the machine is on battery or hot."""


class Amount(Enum):
    """How much of the grey text to take."""

    ALL = auto()
    WORD = auto()
    SENTENCE = auto()
    """Or the line, in verse and code."""


@dataclass(frozen=True)
class Ask:
    """Send this request; its answers come back with `ask_id`."""

    ask_id: int
    request: Request


@dataclass(frozen=True)
class ReadAhead:
    """Have the model read this prompt while nothing else is asked; nothing is reported back."""

    prompt: str
    suffix: str = ""


@dataclass(frozen=True)
class Rank:
    """Tell `ranked` how likely `following` is after each of `candidates`, best first wanted."""

    ask_id: int
    prompt: str
    candidates: tuple[str, ...]
    following: str


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


Action = Ask | ReadAhead | Rank | Cancel | Show | Hide | Insert | WakeAt | Tell
