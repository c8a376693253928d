"""Passages that stay or go for what they are, whatever the other passages are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from studio.tuning.texts.kinds import Cleaning, Kind, Removals
from studio.tuning.texts.sensitive import find_secrets
from studio.tuning.texts.works import SCENE_BREAK, Chapter, Work, count_words

_SURE_WORDS = 20
"""Paragraphs this long are told apart well: of 4,663 of David Copperfield, none was mistaken."""
_SURE = 0.95
_NO_LANGUAGE = "zxx"
_PARAGRAPHS_A_BREATH = 20
# Languages that even readers confuse in a single paragraph.
_ALIKE = (
    ("en", "pcm"), ("no", "nn", "da"), ("hr", "bs", "sr"), ("id", "ms"), ("pt", "gl"),
    ("zh", "wuu", "yue"), ("ar", "arz", "ary"), ("uz", "uzs"), ("ca", "oc"), ("it", "vec", "lij"),
    ("af", "nl"), ("cs", "sk"), ("fr", "gcr", "gcf", "ht", "wa"), ("es", "an", "ext"),
)  # fmt: skip
_FAMILY = {language: family[0] for family in _ALIKE for language in family}


class Judge:
    """Says of each passage why it goes, if it does."""

    def __init__(self, works: Iterable[Work], cleaning: Cleaning, breathe: Callable[[], None]):
        self._cleaning = cleaning
        self._languages: dict[str, str | None] = {}
        self.language: str | None = None
        """The code of the language that most words are in; None where it is not looked for."""
        if cleaning.has(Kind.LANGUAGE):
            n_words: Counter[str] = Counter()
            for work in works:
                for chapter in work.chapters:
                    for number, paragraph in enumerate(chapter.paragraphs):
                        if number % _PARAGRAPHS_A_BREATH == 0:
                            breathe()
                        if language := self._language_of(paragraph):
                            n_words[language] += count_words(paragraph)
            self.language = max(n_words, key=lambda each: (n_words[each], each), default=None)

    def why_not(self, chapter: Chapter, number: int) -> Kind | None:
        """Why the paragraph with this number goes, or None if it stays."""
        paragraph = chapter.paragraphs[number]
        if paragraph == SCENE_BREAK:
            return None
        if number in chapter.quoted and self._cleaning.has(Kind.QUOTATIONS):
            return Kind.QUOTATIONS
        if self.language:
            language = self._language_of(paragraph)
            if language and language != self.language:
                return Kind.LANGUAGE
        if self._cleaning.has(Kind.KEYS) or self._cleaning.has(Kind.CONTACTS):
            secrets = find_secrets(paragraph)
            if secrets.n_keys and self._cleaning.has(Kind.KEYS):
                return Kind.KEYS
            if secrets.n_contacts and self._cleaning.has(Kind.CONTACTS):
                return Kind.CONTACTS
        return None

    def n_words_kept(self, chapter: Chapter) -> int:
        """Of the words in a chapter, those in passages that stay."""
        return sum(
            count_words(paragraph)
            for number, paragraph in enumerate(chapter.paragraphs)
            if self.why_not(chapter, number) is None
        )

    def judged(self, work: Work, removals: Removals, breathe: Callable[[], None]) -> Work:
        """The work without the passages that go."""
        chapters = []
        for chapter in work.chapters:
            breathe()
            gone = set()
            for number, paragraph in enumerate(chapter.paragraphs):
                if kind := self.why_not(chapter, number):
                    gone.add(number)
                    removals.add(kind, work.path, paragraph)
            chapters.append(chapter.without(gone))
        return work.with_chapters(chapters)

    def _language_of(self, paragraph: str) -> str | None:
        """The language of a paragraph long enough to be sure of it, else None."""
        if paragraph not in self._languages:
            self._languages[paragraph] = _identified(paragraph)
        return self._languages[paragraph]


def _identified(paragraph: str) -> str | None:
    if count_words(paragraph) < _SURE_WORDS:
        return None
    language: str
    language, confidence = _identifier().classify(paragraph)
    if confidence < _SURE or language == _NO_LANGUAGE:
        return None
    return _FAMILY.get(language, language)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
