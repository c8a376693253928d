"""Which script a character belongs to, as far as cutting and joining text need to know."""

from __future__ import annotations

import re

_HAN = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_CJK = re.compile(rf"[{_HAN}{_KANA}]")
_UNSPACED = re.compile(
    rf"[{_HAN}{_KANA}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"  # and Thai, Lao, Burmese, Khmer
)
_KANA_ONLY = re.compile(rf"[{_KANA}]")
_CJK_START = re.compile(rf"\s*[“‘「『（《〈【]*[{_HAN}{_KANA}]")
# Common characters that only one of the two ways of writing Chinese has.
_SIMPLIFIED = re.compile("[们这国个来时说会为对学没还过开问现实边话让远觉听见车东长门间应样给]")
_TRADITIONAL = re.compile("[們這國個來時說會為對學沒還過開問現實邊話讓遠覺聽見車東長門間應樣給]")


def is_cjk(character: str) -> bool:
    """Whether it is a Chinese character or a Japanese syllable, which no space parts."""
    return bool(_CJK.match(character))


def has_unspaced(text: str) -> bool:
    """Whether `text` has a letter of a script that puts no spaces between words."""
    return not text.isascii() and bool(_UNSPACED.search(text))


def begins_cjk(text: str) -> bool:
    """Whether the first word of `text` is written without spaces, in Chinese or Japanese."""
    return bool(_CJK_START.match(text))


def writing_of(text: str) -> str:
    """ "ja", "zh-hans" or "zh-hant": how `text`, which is one of them, is written."""
    if _KANA_ONLY.search(text):
        return "ja"
    n_simplified = len(_SIMPLIFIED.findall(text))
    return "zh-hant" if len(_TRADITIONAL.findall(text)) > n_simplified else "zh-hans"
