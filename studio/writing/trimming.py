"""How much of what the model writes is shown, and when it may stop: one rule for each craft."""

from __future__ import annotations

import re

from studio.writing import code, ending
from studio.writing.craft import Craft
from studio.writing.ending import Trimmed
from studio.writing.join import join
from studio.writing.languages import Language

__all__ = ["Trimmed", "fitted", "trim"]

# What a chat model may put where an answer ends, spelled out.
_TEMPLATE = re.compile(r"<\|\w*\|?>|<(?:start|end)_of_turn>|\[/?INST\]|```")
_TEMPLATE_BEGINS = re.compile(r"(?:<[\w|]*|\[/?[A-Z]*|`{1,2})$")


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
