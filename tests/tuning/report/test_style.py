"""Delta and the profiles tell one author from another, and claim nothing of short texts."""

from __future__ import annotations

import pytest

from studio.tuning.report import style
from studio.tuning.report.figures import Distance, NotMeasured, Style
from studio.tuning.report.sentences import on_style
from studio.tuning.report.words import cut, pieces, sentence_lengths, sentences, words
from tests.tuning.report.made_texts import BREATHLESS, CURT, SOLEMN, Author, written_by


def samples(author: Author, seed: int, n: int = 26) -> list[str]:
    return [cut(written_by(author, 220, seed + i), 200) for i in range(n)]


OWN = [written_by(BREATHLESS, 11_000, seed) for seed in (1, 2)]
CONTROLS = [("Curt", written_by(CURT, 11_000, 3)), ("Solemn", written_by(SOLEMN, 11_000, 4))]


@pytest.fixture(scope="module")
def learned() -> Style:
    """The base writes as the curt do, the tuned model as the writer."""
    figure = style.measure(samples(CURT, 100), samples(BREATHLESS, 200), OWN, CONTROLS)
    assert isinstance(figure, Style)
    return figure


def test_delta_tells_two_styles_apart(learned: Style) -> None:
    assert isinstance(learned.delta, Distance)
    assert learned.delta.nearer.is_above(0)
    assert learned.delta.base > 1 > learned.delta.own_range[1]
    assert learned.delta.others is not None
    assert learned.delta.others > learned.delta.own_range[1]
    assert learned.delta.tuned <= learned.delta.own_range[1]


def test_all_profiles_say_the_same(learned: Style) -> None:
    assert [d.name for d in learned.distances] == [
        "Function words",
        "Sentence lengths",
        "Punctuation",
    ]
    assert all(d.nearer.is_above(0) for d in learned.distances)
    assert all(d.base > d.own_range[1] for d in learned.distances)
    assert "nearer to you in delta, function words" in on_style(learned)


def test_the_words_that_tell_are_listed(learned: Style) -> None:
    assert {"the", "he"} <= {rate.what for rate in learned.words}
    exclaims = next(rate for rate in learned.marks if rate.what == "!")
    assert exclaims.base > 10 > exclaims.own == exclaims.tuned == 0
    assert learned.words_per_sentence.base < learned.words_per_sentence.own


def test_nothing_changed_is_not_nearer() -> None:
    same = samples(CURT, 100)
    figure = style.measure(same, same, OWN, CONTROLS)
    assert isinstance(figure, Style)
    assert isinstance(figure.delta, Distance)
    for each in (figure.delta, *figure.distances):
        assert each.nearer.value == 0
        assert not each.nearer.is_above(0)
    assert "not shown to be nearer" in on_style(figure)


def test_below_five_thousand_words_nothing_is_claimed() -> None:
    figure = style.measure(samples(CURT, 1, 24), samples(BREATHLESS, 1, 26), OWN, CONTROLS)
    assert isinstance(figure, NotMeasured)
    assert "4,800" in figure.why


def test_without_text_for_a_yardstick_nothing_is_claimed() -> None:
    figure = style.measure(samples(CURT, 1), samples(BREATHLESS, 1), OWN[:1], CONTROLS)
    assert isinstance(figure, NotMeasured)
    assert "yardstick" in figure.why


def test_one_control_is_not_enough_for_delta_but_for_the_rest() -> None:
    figure = style.measure(samples(CURT, 1), samples(BREATHLESS, 1), OWN, CONTROLS[:1])
    assert isinstance(figure, Style)
    assert isinstance(figure.delta, NotMeasured)
    assert figure.distances[0].others is not None


def test_other_languages_take_the_writers_own_words() -> None:
    german = "Der Mann und die Frau gingen in den Wald, und der Hund lief hinter ihnen her."
    assert style.function_words([german])[:2] == ["der", "und"]
    assert "the" in style.function_words([written_by(BREATHLESS, 500, 1)])


def test_words_are_counted_as_a_reader_would() -> None:
    assert words("Don’t stop—it’s 5 o'clock, Zoë!") == ["don't", "stop", "it's", "o'clock", "zoë"]
    assert cut("One, two, three four.", 3) == "One, two, three"
    assert cut("One.", 3) == "One."


def test_pieces_are_as_long_as_asked_for_and_do_not_overlap() -> None:
    text = " ".join(f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(600))
    found = pieces([text], 100, 3)
    assert [len(words(piece)) for piece in found] == [100, 100, 100]
    assert len({word for piece in found for word in words(piece)}) == 300
    assert pieces(["Too short."], 100, 3) == []


def test_a_sentence_that_was_cut_off_does_not_count() -> None:
    text = "Chapter One\n\n“Stop!” he said to Mr. Bell. It rained.\nThen nobody"
    assert list(sentences(text)) == ["Chapter One", "“Stop!” he said to Mr. Bell.", "It rained."]
    assert sentence_lengths(text) == [2, 6, 2]
