"""Suggestions of the last minutes, found again by the text around the cursor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studio.writing.answer import Known
from studio.writing.recent import LOOK_BACK_CHARS, SIZE, Recent

BEFORE = "The keeper climbed "


def test_what_was_suggested_here_is_found_again() -> None:
    recent = Recent()
    recent.keep(BEFORE, " up", Known("the stairs", 0.7))
    assert recent.find(BEFORE, " up") == Known("the stairs", 0.7)
    assert recent.find(BEFORE, " down") is None
    assert recent.find(BEFORE + "x", " up") is None


def test_what_was_typed_along_since_is_left_off() -> None:
    recent = Recent()
    recent.keep(BEFORE, "", Known("the stairs", 0.7))
    assert recent.find(BEFORE + "the st", "") == Known("airs", 0.7)
    assert recent.find(BEFORE + "the stairs", "") is None
    assert recent.find(BEFORE + "the sto", "") is None


def test_the_newest_answer_here_counts() -> None:
    recent = Recent()
    recent.keep(BEFORE, "", Known("the stairs", 0.7))
    recent.keep(BEFORE, "", Known("a ladder", 0.5))
    assert recent.find(BEFORE, "") == Known("a ladder", 0.5)


def test_the_one_not_wanted_for_longest_goes_first() -> None:
    recent = Recent()
    for i in range(SIZE):
        recent.keep(f"{i} ", "", Known(f"word {i}", 1.0))
    assert recent.find("0 ", "")
    recent.keep("new ", "", Known("word", 1.0))
    assert recent.find("0 ", ""), "it was wanted a moment ago"
    assert recent.find("1 ", "") is None
    assert recent.find("2 ", "")


def test_it_is_not_looked_for_further_back_than_it_is_worth() -> None:
    recent = Recent()
    long = "word " * 60
    recent.keep("", "", Known(long, 1.0))
    assert recent.find(long[:LOOK_BACK_CHARS], "")
    assert recent.find(long[: LOOK_BACK_CHARS + 1], "") is None


def test_all_is_forgotten_at_once() -> None:
    recent = Recent()
    recent.keep(BEFORE, "", Known("the stairs", 0.7))
    recent.forget()
    assert recent.find(BEFORE, "") is None


@given(
    st.lists(
        st.tuples(st.text("ab 🙂é", max_size=4), st.text("ab 🙂é", min_size=1, max_size=6)),
        max_size=20,
    ),
    st.text("ab 🙂é", max_size=8),
)
def test_what_is_found_goes_on_from_the_cursor(kept: list[tuple[str, str]], before: str) -> None:
    recent = Recent()
    for place, text in kept:
        recent.keep(place, "", Known(text, 1.0))
    found = recent.find(before, "")
    whole = {place + text for place, text in kept}
    if found:
        assert found.text
        assert before + found.text in whole
    else:
        newest = dict(kept)
        assert not any(
            before.startswith(place)
            and (place + text).startswith(before)
            and place + text != before
            for place, text in newest.items()
        )
