"""The figures of a report: values that can be kept as JSON, and nothing that makes them."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass

from studio.tuning import TuningError

VERSION = 1
"""Of the JSON. One more whenever a field changes its meaning or goes."""


class ReportError(TuningError):
    """A report can't be made or read: a sentence for the writer."""


@dataclass(frozen=True)
class Estimate:
    """A figure and where it lies with 95% confidence; None where there is too little to tell."""

    value: float
    interval: tuple[float, float] | None

    def is_below(self, limit: float) -> bool:
        """The whole interval is."""
        return self.interval is not None and self.interval[1] < limit

    def is_above(self, limit: float) -> bool:
        """The whole interval is."""
        return self.interval is not None and self.interval[0] > limit


@dataclass(frozen=True)
class NotMeasured:
    """Stands where a figure would; `why` is a sentence."""

    why: str


@dataclass(frozen=True)
class Surprise:
    """How unexpected a text is to a model; natural logarithms."""

    nats_per_token: float
    nats_per_word: float
    """Comparable between models whose tokens differ."""
    perplexity: float
    """exp of nats per token."""


@dataclass(frozen=True)
class Likelihood:
    """One text under both models."""

    name: str
    n_blocks: int
    n_tokens: int
    n_words: int
    base: Surprise
    tuned: Surprise
    ratio: Estimate
    """Perplexity of tuned over base; below 1 the text became likelier."""


@dataclass(frozen=True)
class Perplexity:
    """The writer's held-out text, and texts by others."""

    own: Likelihood
    controls: tuple[Likelihood, ...]
    personal: Estimate | NotMeasured
    """Own ratio over the geometric mean of the controls' ratios; below 1 what was gained is more
    than what any such text gains."""


@dataclass(frozen=True)
class Forgetting:
    """KL divergence of the tuned model from the base, nats a token, on what the base writes."""

    n_samples: int
    n_tokens: int
    divergence: Estimate


@dataclass(frozen=True)
class Keystrokes:
    """Shares of keystrokes saved on held-out text, everything shown."""

    n_stretches: int
    n_chars: int
    base: float
    tuned: float
    gain: Estimate
    """Tuned minus base."""


@dataclass(frozen=True)
class Distance:
    """How far what the models write is from the writer, in one respect."""

    name: str
    unit: str
    base: float
    tuned: float
    nearer: Estimate
    """Base minus tuned; above 0 tuning came nearer to the writer."""
    own: float
    """The yardstick: the writer's own pieces of the same length, the mean of each one's distance
    from the others."""
    own_range: tuple[float, float]
    """The least and the greatest of these."""
    others: float | None
    """The same for pieces of the controls; None without."""


@dataclass(frozen=True)
class Rate:
    """How often a word or mark stands, for 1,000 words, or a mean length."""

    what: str
    base: float
    tuned: float
    own: float


@dataclass(frozen=True)
class Style:
    """What the models write, against the writer's own pieces of the same length."""

    n_words: int
    """Of each model's writing, and of a piece."""
    n_own_pieces: int
    delta: Distance | NotMeasured
    """Cosine Delta."""
    distances: tuple[Distance, ...]
    """Function words, sentence lengths, punctuation."""
    words: tuple[Rate, ...]
    """The function words in which the base is farthest from the writer."""
    marks: tuple[Rate, ...]
    words_per_sentence: Rate


@dataclass(frozen=True)
class Overlap:
    """How much of a text stands in the training text, too."""

    n_words: int
    longest: int
    """Words in the longest run that both have."""
    copied: float
    """Share of words in runs of 12 words or more."""
    in_fives: float
    """Share of words in runs of 5 words or more."""


@dataclass(frozen=True)
class Run:
    """Words that stand in the training text just so."""

    text: str
    n_words: int
    source: str
    """The passage of the training text."""
    after_training: bool
    """The sample went on from an opening of the training text: the worst case."""


@dataclass(frozen=True)
class Copied:
    """What of the samples stands in the training text."""

    tuned: Overlap
    base: Overlap
    own: Overlap | NotMeasured
    """The writer's held-out text: how much anyone repeats themselves."""
    after_training: Overlap | NotMeasured
    """The tuned model, going on from openings of the training text."""
    n_runs: int
    runs: tuple[Run, ...]
    """The longest, at most 12, in all samples of the tuned model."""


@dataclass(frozen=True)
class Distinct:
    """Shares of runs of two and of three words that come only once or the first time."""

    twos: float
    threes: float


@dataclass(frozen=True)
class Variety:
    """How varied the samples are; a style that collapses shows here first."""

    n_words: int
    base: Distinct
    tuned: Distinct
    own: Distinct | None
    """Of as many words of the writer's held-out text; None if there are not so many."""


@dataclass(frozen=True)
class Pair:
    """What both models write after the same opening, with the same seed."""

    opening: str
    seed: int
    base: str
    tuned: str


@dataclass(frozen=True)
class Report:
    """What a tuning brought, measured with the model and the adapter as they are written with."""

    made: str
    """When, ISO 8601."""
    model: str
    adapter: str
    strength: float
    effort: str
    n_train_words: int
    perplexity: Perplexity
    forgetting: Forgetting | NotMeasured
    keystrokes: Keystrokes | NotMeasured
    style: Style | NotMeasured
    copied: Copied | NotMeasured
    variety: Variety | NotMeasured
    samples: tuple[Pair, ...]
    notes: tuple[str, ...] = ()
    """Sentences about what was left out, or makes a figure doubtful."""

    @property
    def verdict(self) -> str:
        """The first line: whether tuning helped, and whether it learned the writer."""
        from studio.tuning.report.sentences import verdict

        return verdict(self)

    def to_json(self) -> str:
        """The report as JSON, with its version and, for other readers, the verdict."""
        whole = {"version": VERSION, "verdict": self.verdict, **asdict(self)}
        return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str) -> Report:
        """The report that `to_json` wrote. Raises `ReportError`."""
        try:
            whole = json.loads(text)
            version = whole.pop("version")
            whole.pop("verdict")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ReportError(
                "This is not a report of a tuning, or it is damaged. Make the report again."
            ) from error
        if version != VERSION:
            raise ReportError(
                f"This report was written by another version of Lamplight (format {version}, and "
                f"this one reads {VERSION}). Make the report again."
            )
        try:
            report = _read(whole, Report)
        except (KeyError, TypeError, ValueError) as error:
            raise ReportError("This report is damaged. Make it again.") from error
        assert isinstance(report, Report)  # noqa: S101  # for the types alone
        return report


def _read(value: object, wanted: typing.Any) -> object:
    """A value of a type of this module from what JSON made of it."""
    origin = typing.get_origin(wanted)
    if origin in (types.UnionType, typing.Union):
        return _read(value, _which(value, typing.get_args(wanted)))
    if is_dataclass(wanted) and isinstance(wanted, type):
        if not isinstance(value, Mapping) or set(value) != _names(wanted):
            raise ValueError(f"no {wanted.__name__}")
        hints = typing.get_type_hints(wanted)
        return wanted(**{name: _read(value[name], hints[name]) for name in value})
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError("no list")
        of = typing.get_args(wanted)
        each = [of[0]] * len(value) if of[-1] is Ellipsis else of
        return tuple(_read(v, t) for v, t in zip(value, each, strict=True))
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise TypeError(f"no {wanted}")
    return value


def _which(value: object, choices: tuple[typing.Any, ...]) -> typing.Any:
    """The one of `choices` that `value` is."""
    if value is None:
        return types.NoneType
    kinds = [kind for kind in choices if kind is not types.NoneType]
    if isinstance(value, Mapping):
        kinds = [kind for kind in kinds if is_dataclass(kind) and set(value) == _names(kind)]
    if len(kinds) != 1:
        raise ValueError("none of what may stand here")
    return kinds[0]


def _names(kind: typing.Any) -> set[str]:
    return {field.name for field in fields(kind)}
