"""How much of what the model writes is shown, and when it may stop: one rule for each craft."""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.writing import code, ending
from studio.writing.craft import Craft
from studio.writing.ending import Trimmed
from studio.writing.join import join
from studio.writing.languages import Language

__all__ = ["Length", "Trimmed", "fitted", "length", "trim"]


@dataclass(frozen=True)
class Length:
    """How much to ask for, so that the end that fits the place is likely to be in it."""

    max_tokens: int
    stop: tuple[str, ...]


# What a chat model may put where an answer ends, spelled out.
_TEMPLATE = re.compile(r"<\|\w*\|?>|<(?:start|end)_of_turn>|\[/?INST\]|```")
_TEMPLATE_BEGINS = re.compile(r"(?:<\|\w*\|?|<(?:start|end)_\w*|\[/?I?N?S?T?(?<=..)|``)$")
_LINE = ("\n",)
_EMPTY_LINE = ("\n\n",)
_EMPTY_LINES = ("\n\n\n",)


def length(craft: Craft, before: str, after: str, language: Language | None = None) -> Length:
    """How much to ask for between `before` and `after`: enough, because `trim` says when to stop.

    A sentence; a line or a couplet; the rest of a line of code, a statement or a block.
    """
    if craft is Craft.CODE and language is not None:
        if any(map(str.isalnum, after.partition("\n")[0])) or code.inside(before, language):
            return Length(32, _LINE)
        line = before.rpartition("\n")[2]
        begins_block = code.opens_block(before if line.strip() else before.rstrip(), language)
        return Length(96 if begins_block else 48, _EMPTY_LINES)
    if craft is Craft.LYRICS and ending.lines_wanted(before) > 1:
        return Length(48, _EMPTY_LINE)
    return Length(32, _LINE)


def trim(
    craft: Craft,
    before: str,
    after: str,
    generated: str,
    *,
    ended: bool,
    cut_short: bool = False,
    language: Language | None = None,
) -> Trimmed:
    """What to show of `generated`, all that has come so far between `before` and `after`.

    To be asked again on each piece. The text is a beginning of `generated`; it ends with a
    whole character, grows while more comes, and at the end may lose what does not balance.
    `ended`: nothing more will come; `cut_short` with it: because the most tokens were reached
    (`Why.LENGTH`), so that the last word may not be whole.
    """
    over = ended
    template = _TEMPLATE.search(generated)
    if template and template.group() not in before:
        over = True
        generated = generated[: template.start()]
    elif not ended and (begins := _TEMPLATE_BEGINS.search(generated)):
        generated = generated[: begins.start()]
    if craft is Craft.CODE and language is not None:
        return code.trim(before, after, generated, language, ended=over, cut_short=cut_short)
    rule = ending.lyrics if craft is Craft.LYRICS else ending.prose
    return rule(before, after, generated, ended=over, cut_short=cut_short)


def fitted(
    craft: Craft,
    before: str,
    after: str,
    text: str,
    *,
    ended: bool,
    language: Language | None = None,
) -> str:
    """`text` as `trim` answered it, repaired where it joins the writer's own."""
    if craft is Craft.CODE and language is not None:
        return code.fit(before, text, language)
    return join(before, text, after, ended=ended)
