"""Texts that tests train on."""

from __future__ import annotations

import random

_WORDS = (
    "the keeper,a gull,my sister,the old pilot,nobody,the boy,her aunt,the lamp",
    "watched,forgot,carried,painted,sold,mended,counted,buried,named,hid",
    "the harbour,three coats,a letter,every rope,the blue door,some bread,her own name,a map",
    "before dawn,in the rain,without a word,all winter,for luck,on the stairs,after that,twice",
)


def story(n_words: int, seed: int = 1) -> str:
    """Sentences that no two paragraphs share."""
    dice = random.Random(seed)
    who, does, what, when = (line.split(",") for line in _WORDS)
    parts, n = ["# The first"], 0
    while n < n_words:
        lines = [
            f"{dice.choice(who)} {dice.choice(does)} {dice.choice(what)} "
            f"{dice.choice(when)}, {dice.randint(2, 999)} times".capitalize()
            for _ in range(dice.randint(2, 6))
        ]
        parts.append(". ".join(lines) + ".")
        n += len(parts[-1].split())
        if dice.random() < 0.05:
            parts.append(f"# Chapter {len(parts)}")
    return "\n\n".join(parts)
