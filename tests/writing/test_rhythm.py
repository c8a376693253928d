"""A typist's keys, and what they have seen by the time one falls."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from studio.writing.rhythm import SEEN_AFTER_MS, Sight, human, steady

PLAIN = "the keeper of the light went slowly up the stairs and looked out to sea again "


def test_a_steady_typist_never_pauses() -> None:
    after = steady(200)
    assert {after(PLAIN[:i]) for i in range(len(PLAIN))} == {200}


def test_a_person_types_60_words_a_minute_inside_of_words() -> None:
    after = human(60, seed=1)
    keys = [after("lighthou") for _ in range(4_000)]
    assert 190 < statistics.fmean(keys) < 210
    assert 60 < statistics.stdev(keys) < 110
    assert min(keys) > 20


def test_a_person_thinks_at_the_end_of_sentences_and_paragraphs() -> None:
    after = human(60, seed=1)
    for end in ("He slept. ", "“Who?” ", "It rained.\n", "(So be it.) ", "Now! ", "wait… "):
        assert all(after(end) > 600 for _ in range(50)), end


def test_a_person_does_not_think_twice_about_one_paragraph() -> None:
    after = human(60, seed=1)
    assert statistics.fmean(after("It rained.\n\n") for _ in range(200)) < 300


def test_a_person_pauses_now_and_then_before_a_word() -> None:
    after = human(60, seed=1)
    thinks = sum(after("of the ") > 700 for _ in range(2_000)) / 2_000
    assert 0.01 < thinks < 0.08


def test_the_same_seed_types_the_same() -> None:
    one, other, third = human(60, 1), human(60, 1), human(60, 2)
    texts = [PLAIN[:i] for i in range(1, 60)]
    assert [one(t) for t in texts] == [other(t) for t in texts] != [third(t) for t in texts]


def test_what_was_in_sight_for_a_moment_was_not_seen() -> None:
    sight = Sight()
    sight.painted(10, " lamp", 1_000)
    assert not sight.seen(5, 1_000 + SEEN_AFTER_MS - 1)
    assert sight.seen(5, 1_000 + SEEN_AFTER_MS)


def test_grey_text_that_is_typed_into_stays_seen() -> None:
    sight = Sight()
    sight.painted(10, " lamp was lit", 1_000)
    sight.painted(11, "lamp was lit", 1_300)
    assert sight.seen(4, 1_300)


def test_letters_that_came_later_were_not_seen_before() -> None:
    sight = Sight()
    sight.painted(10, " lamp", 1_000)
    sight.painted(10, " lamplight", 1_200)
    assert sight.seen(5, 1_260)
    assert not sight.seen(10, 1_260)


def test_other_words_in_the_same_place_are_new() -> None:
    sight = Sight()
    sight.painted(10, " lamp", 1_000)
    sight.painted(10, " land", 1_200)
    assert sight.seen(3, 1_260)
    assert not sight.seen(5, 1_260)


def test_what_was_gone_for_a_moment_was_not_in_sight() -> None:
    sight = Sight()
    sight.painted(10, " lamp", 1_000)
    sight.painted(10, "", 1_200)
    assert not sight.seen(1, 2_000)
    sight.painted(10, " lamp", 1_210)
    assert not sight.seen(5, 1_300)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.text("ab ", max_size=8), st.integers(0, 400)), max_size=20
    )
)
def test_a_letter_is_seen_only_after_it_stood_there_for_long_enough(
    paints: list[tuple[int, str, int]],
) -> None:
    """Against the definition: look back at every paint until one did not show it there."""
    sight, now_ms, history = Sight(), 0.0, []
    for at, text, wait_ms in paints:
        sight.painted(at, text, now_ms)
        history.append((now_ms, at, text))
        now_ms += wait_ms
        for n in range(1, len(text) + 1):
            since = None
            place = at + n - 1
            for painted_ms, was_at, was in reversed(history):
                shown = was[place - was_at :][:1] if place >= was_at else ""
                if shown != text[n - 1]:
                    break
                since = painted_ms
            if since is None or now_ms - since < SEEN_AFTER_MS:
                assert not sight.seen(n, now_ms)
