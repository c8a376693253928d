"""What a writer should know before a night of training, with numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from studio.manuscript.errors import shown
from studio.tuning.texts.kinds import Cleaning, Kind, Removed
from studio.tuning.texts.sensitive import find_secrets
from studio.tuning.texts.works import Work

MIN_WORDS = 500
"""With fewer nothing is prepared."""
FEW_WORDS = 5_000
WISHED_WORDS = 20_000
_MUCH_REPEATED = 0.1
"""Of runs of five words; 98 novels together have 0.03, those by one writer less."""
_MUCH_FOREIGN = 0.1
_MAX_NAMED = 3


class CautionKind(StrEnum):
    """What a caution is about."""

    TOO_LITTLE = "too_little"
    REPETITION = "repetition"
    SECRETS = "secrets"
    LANGUAGES = "languages"
    LEFT_OUT = "left_out"
    ONE_HELD_OUT_SET = "one_held_out_set"


@dataclass(frozen=True)
class Caution:
    """Something that stands in the way of a good result, and is no error."""

    kind: CautionKind
    sentence: str


def of_size(n_words: int, *, one_set: bool) -> list[Caution]:
    """What is to be said of so many words to train on."""
    found = []
    if n_words < FEW_WORDS:
        found.append(
            f"There are {n_words:,} words to learn from. With fewer than {FEW_WORDS:,} a model "
            "learns little of how you write; the words that Lamplight remembers of your texts, and "
            "examples in its memory, do more."
        )
    elif n_words < WISHED_WORDS:
        found.append(
            f"There are {n_words:,} words to learn from. From about {WISHED_WORDS:,} on, what is "
            "learned is likelier to be your own way of writing than prose in general."
        )
    cautions = [Caution(CautionKind.TOO_LITTLE, each) for each in found]
    if one_set:
        cautions.append(
            Caution(
                CautionKind.ONE_HELD_OUT_SET,
                "There is too little text to keep two parts of it apart: the same chapters say "
                "when to stop and are reported on, so the report will be a little too good.",
            )
        )
    return cautions


def of_repetition(share: float) -> list[Caution]:
    """What is to be said of the share of runs of five words that come more than once."""
    if share < _MUCH_REPEATED:
        return []
    return [
        Caution(
            CautionKind.REPETITION,
            f"{share:.0%} of all runs of five words stand in your texts more than once. A model "
            "learns to repeat them. Leave out lists, forms and copies.",
        )
    ]


def of_languages(n_words: int, language: str | None, removed: Sequence[Removed]) -> list[Caution]:
    """What is to be said of passages in other languages, of `n_words` that there were."""
    n_foreign = sum(each.n_words for each in removed if each.kind is Kind.LANGUAGE)
    if language is None or n_foreign < _MUCH_FOREIGN * n_words:
        return []
    return [
        Caution(
            CautionKind.LANGUAGES,
            f"{n_foreign:,} of {n_words:,} words are in another language than most (“{language}”) "
            "and were left out. Tune on them by themselves, or switch off “"
            f"{Kind.LANGUAGE.label}” to learn from all.",
        )
    ]


def of_secrets(
    works: Iterable[Work], cleaning: Cleaning, breathe: Callable[[], None]
) -> list[Caution]:
    """What is to be said of keys, addresses and numbers in texts that hold all they had."""
    keys: Counter[Path] = Counter()
    contacts: Counter[Path] = Counter()
    kinds: Counter[str] = Counter()
    for work in works:
        for chapter in work.chapters:
            breathe()
            for paragraph in chapter.paragraphs:
                found = find_secrets(paragraph)
                keys[work.path] += found.n_keys
                contacts[work.path] += found.n_contacts
                kinds["e-mail address"] += found.n_e_mails
                kinds["telephone number"] += found.n_phones
                kinds["account number"] += found.n_accounts
    cautions = []
    if n := keys.total():
        cautions.append(
            f"There {'is' if n == 1 else 'are'} {_counted(n, 'key')} to services or machines "
            f"{_where(keys)}. {_fate(Kind.KEYS, cleaning)}"
        )
    if contacts.total():
        listed = ", ".join(_counted(n, name) for name, n in kinds.items() if n)
        cautions.append(f"There are {listed} {_where(contacts)}. {_fate(Kind.CONTACTS, cleaning)}")
    return [Caution(CautionKind.SECRETS, each) for each in cautions]


def _fate(kind: Kind, cleaning: Cleaning) -> str:
    if cleaning.has(kind):
        return "Their paragraphs were left out."
    return (
        "A model can repeat what it has learned. If they are real, switch on “"
        f"{kind.label}” to leave their paragraphs out."
    )


def _counted(n: int, name: str) -> str:
    plural = f"{name}es" if name.endswith("s") else f"{name}s"
    return f"{n:,} {name if n == 1 else plural}"


def _where(counts: Counter[Path]) -> str:
    places = [(path, n) for path, n in counts.most_common() if n]
    named = [f"{shown(path)} ({n:,})" for path, n in places[:_MAX_NAMED]]
    if len(places) > _MAX_NAMED:
        named.append(f"{len(places) - _MAX_NAMED:,} more")
    return f"in {', '.join(named)}"
