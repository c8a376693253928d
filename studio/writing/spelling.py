"""A guess at how an English word sounds, from its letters alone."""

from __future__ import annotations

import re
import unicodedata

# What letters stand for, in ARPAbet without stress; the first rule that fits counts.
_TABLE = r"""
a(?=[^aeiouyw]es?$) EY
e(?=[^aeiouyw]es?$) IY
i(?=[^aeiouyw]es?$) AY
o(?=[^aeiouyw]es?$) OW
u(?=[^aeiouyw]es?$) UW
y(?=[^aeiouyw]es?$) AY
(?<=[^aeiouy])le$ AH L
(?<=[^aeiouy])les$ AH L Z
(?<=[td])ed$ IH D
ed$ D
(?<=[sxz])es$ IH Z
(?<=[^aeiouy])es$ Z
e$
[aeiou]igh EY
igh AY
ough OW
augh AO
tion SH AH N
sion ZH AH N
ere$ IH R
ore$ AO R
are$ EH R
ire$ AY R
ure$ UH R
oor|our|or AO R
ear|eer|ier IH R
air EH R
ar AA R
er|ir|ur ER
ee|ea|ie IY
ey$ IY
ei|ai|ay|ey EY
oa|ow|oe OW
oo|ew|ue UW
ou AW
oi|oy OY
au|aw AO
a$ AH
i$|y$ IY
o$ OW
u$ UW
a AE
e EH
i|y(?=[^aeiouy]) IH
o AA
u AH
y Y
sch|sh SH
tch|ch CH
th TH
ph F
ck|cc K
ng NG
n(?=k) NG
qu K W
wh W
kn N
wr R
c(?=[eiy]) S
g(?=[ey]) JH
bb?|mb$ B
c K
dd? D
ff? F
gg?h? G
h HH
j JH
kk? K
ll? L
mm? M
nn? N
pp? P
q K
rr? R
ss? S
tt? T
vv? V
w W
x K S
zz? Z
"""
_RULES = [
    (re.compile(pattern), tuple(phones))
    for pattern, *phones in (line.split() for line in _TABLE.strip().splitlines())
]
_VOWELS = frozenset(
    ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
)


def spell_out(word: str) -> tuple[str, ...]:
    """The phones of a word in small letters, stressed; empty if it has no Latin letters."""
    letters = "".join(c for c in unicodedata.normalize("NFD", word) if "a" <= c <= "z")
    phones: list[str] = []
    at = 0
    while at < len(letters):
        length, sounds = next(
            (len(found.group()), sounds)
            for rule, sounds in _RULES
            if (found := rule.match(letters, at))
        )
        phones += sounds
        at += length
    return _stressed(phones)


def _stressed(phones: list[str]) -> tuple[str, ...]:
    """With the stress on the first syllable of two and on the last but one of more."""
    vowels = [i for i, phone in enumerate(phones) if phone in _VOWELS]
    stressed = vowels[max(0, len(vowels) - 2)] if vowels else -1
    return tuple(
        f"{phone}{int(i == stressed)}" if phone in _VOWELS else phone
        for i, phone in enumerate(phones)
    )
