"""What the figures mean, in sentences for a writer; the first line above all."""

from __future__ import annotations

from studio.tuning.report.copied import COPIED_WORDS, MOST_COPIED, MOST_IN_FIVES
from studio.tuning.report.figures import (
    Copied,
    Distance,
    Estimate,
    Forgetting,
    Keystrokes,
    NotMeasured,
    Report,
    Style,
    Variety,
)

_COLLAPSED = 0.95
"""Times the base's distinct runs of three words, below which the tuned model repeats itself."""


def verdict(report: Report) -> str:
    """The first line: whether tuning helped, and whether it learned the writer or only the kind."""
    own, personal = report.perplexity.own, report.perplexity.personal
    figures = (
        f"perplexity went from {own.base.perplexity:.2f} to {own.tuned.perplexity:.2f}, a ratio of "
        f"{interval(own.ratio, 3)}"
    )
    if own.ratio.interval is None:
        return (
            f"Too little to tell: your held-out text has {_count(own.n_tokens, 'token')}. On it "
            f"{figures}, which may be chance."
        )
    if own.ratio.is_above(1):
        return (
            "Tuning did harm: the model finds your text less likely than before. On held-out text "
            f"of yours {figures}."
        )
    if not own.ratio.is_below(1):
        return f"Tuning did not help: on held-out text of yours {figures}."
    if isinstance(personal, NotMeasured):
        return (
            f"Tuning helped: on held-out text of yours {figures}. Whether it learned you, or only "
            "this kind of text, was not measured."
        )
    others = report.perplexity.controls
    against = others[0].name if len(others) == 1 else f"{len(others)} texts by others"
    times = f"{interval(personal, 3)} times the ratio on {against}"
    if personal.is_below(1):
        return f"The model learned you: on held-out text of yours {figures}, and that is {times}."
    if personal.is_above(1):
        return (
            "The model learned this kind of text and nothing personal, as others gained more: on "
            f"held-out text of yours {figures}, and that is {times}."
        )
    if personal.interval is None:
        return (
            f"Tuning helped: on held-out text of yours {figures}. There is too little text to tell "
            "whether it learned you, or only this kind of text."
        )
    return (
        "The model learned this kind of text, and nothing personal that can be shown: on held-out "
        f"text of yours {figures}, and that is {times}."
    )


def doubts(report: Report) -> list[str]:
    """What makes the verdict weaker than it sounds; empty for most reports."""
    own, controls = report.perplexity.own, report.perplexity.controls
    found = []
    if 0 < len(controls) < 3:
        found.append(
            "Three control texts or more are better: what two authors gain can differ by more than "
            "what is looked for."
        )
    ahead = [c.name for c in controls if c.ratio.value < own.ratio.value]
    personal = report.perplexity.personal
    if ahead and isinstance(personal, Estimate) and personal.is_below(1):
        found.append(f"But {_listed(ahead)} gained more than your own text did.")
    return [*found, *report.notes]


def on_forgetting(figure: Forgetting | NotMeasured) -> str:
    if isinstance(figure, NotMeasured):
        return figure.why
    return (
        f"On what the base model itself writes, the tuned one differs by "
        f"{interval(figure.divergence, 3)} nats a token; 0 would be nothing forgotten."
    )


def on_keystrokes(figure: Keystrokes | NotMeasured) -> str:
    if isinstance(figure, NotMeasured):
        return figure.why
    if figure.gain.is_above(0):
        told = "Tuning saves you more keystrokes"
    elif figure.gain.is_below(0):
        told = "Tuning costs you keystrokes"
    else:
        told = "No difference in keystrokes can be shown"
    return (
        f"{told}: {percent(figure.base)} saved with the base and {percent(figure.tuned)} tuned, a "
        f"difference of {points(figure.gain)} points."
    )


def on_style(figure: Style | NotMeasured) -> str:
    if isinstance(figure, NotMeasured):
        return figure.why
    distances = list(figure.distances)
    if isinstance(figure.delta, Distance):
        distances.insert(0, figure.delta)
    nearer = [d.name.lower() for d in distances if d.nearer.is_above(0)]
    farther = [d.name.lower() for d in distances if d.nearer.is_below(0)]
    if not nearer and not farther:
        return (
            "What the tuned model writes is not shown to be nearer to your style than the base’s."
        )
    told = []
    if nearer:
        told.append(f"nearer to you in {_listed(nearer)}")
    if farther:
        told.append(f"farther from you in {_listed(farther)}")
    reached = [d.name.lower() for d in distances if d.tuned <= d.own_range[1]]
    line = f"What the tuned model writes is {' and '.join(told)}."
    if reached:
        line += f" It is as near as your own chapters are to each other in {_listed(reached)}."
    return line


def warnings_on(figure: Copied | NotMeasured) -> list[str]:
    """What is too much; empty if nothing is."""
    if isinstance(figure, NotMeasured):
        return []
    found = []
    if figure.tuned.copied > MOST_COPIED:
        found.append(
            f"{percent(figure.tuned.copied)} of the words the tuned model writes are copied from "
            f"your training text in runs of {COPIED_WORDS} words or more (at most "
            f"{percent(MOST_COPIED)} is usual). Fewer passes over the text help."
        )
    if not isinstance(figure.own, NotMeasured):
        usual = figure.own.in_fives
        if figure.tuned.in_fives > MOST_IN_FIVES * usual and figure.tuned.in_fives > MOST_COPIED:
            found.append(
                f"{percent(figure.tuned.in_fives)} of its words stand in runs of five that your "
                f"training text has, too; in your own held-out chapters it is {percent(usual)}."
            )
    return found


def on_copied(figure: Copied | NotMeasured) -> str:
    if isinstance(figure, NotMeasured):
        return figure.why
    if not figure.n_runs:
        return (
            f"Nothing was copied: no run of {COPIED_WORDS} words or more of your training text "
            f"stands in the samples (the longest has {_count(figure.tuned.longest, 'word')})."
        )
    told = f"{_count(figure.n_runs, 'run')} of {COPIED_WORDS} words or more"
    verb = "was" if figure.n_runs == 1 else "were"
    if warned := warnings_on(figure):
        return f"{told} {verb} copied. {' '.join(warned)}"
    if figure.tuned.copied > 0:
        return f"{told} {verb} copied, no more than is usual."
    return f"{told} {verb} copied, only after openings of the training text itself."


def on_variety(figure: Variety | NotMeasured) -> str:
    if isinstance(figure, NotMeasured):
        return figure.why
    if figure.tuned.threes < _COLLAPSED * figure.base.threes:
        return "The tuned model repeats itself more than the base does."
    return "The tuned model is about as varied as the base, or more."


def interval(figure: Estimate, digits: int, *, sign: bool = False) -> str:
    """The figure and its interval: "0.83 (0.81 to 0.85)"."""
    form = f"{'+' if sign else ''}.{digits}f"
    value = _minus(format(figure.value, form))
    if figure.interval is None:
        return f"{value} (no interval)"
    low, high = (_minus(format(end, form)) for end in figure.interval)
    return f"{value} ({low} to {high})"


def points(share: Estimate) -> str:
    """A difference of shares and its interval, in percentage points."""
    ends = share.interval
    scaled = Estimate(100 * share.value, (100 * ends[0], 100 * ends[1]) if ends else None)
    return interval(scaled, 1, sign=True)


def percent(share: float) -> str:
    return f"{_minus(format(100 * share, '.1f'))}%"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
