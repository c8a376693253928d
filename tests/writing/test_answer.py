"""One answer of the model as it grows, and what of it is fit to be seen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.writing.answer import Answer, Known, Place, Written
from studio.writing.craft import Craft
from studio.writing.graphemes import splits

BEFORE = "The keeper climbed "


def _answer(
    pieces: Sequence[tuple[str, float]], before: str = BEFORE, after: str = "", *, end: bool = False
) -> Answer:
    answer = Answer(Place(before, after))
    for text, probability in pieces:
        answer.add(text, probability)
    if end:
        answer.end(cut_short=False)
    return answer


def test_its_first_word_is_whole_when_the_next_begins_or_it_has_ended() -> None:
    assert not _answer([("sta", 1.0)]).has_word
    assert _answer([("sta", 1.0), ("irs", 1.0), (" of", 1.0)]).has_word
    assert _answer([("stairs", 1.0)], end=True).has_word


def test_it_is_as_sure_as_the_tokens_that_spell_its_first_word() -> None:
    answer = _answer([("sta", 0.9), ("irs", 0.8), (",", 0.1), (" slowly", 0.5)])
    assert answer.sure == pytest.approx(0.72)


def test_it_stops_where_it_becomes_a_guess() -> None:
    pieces = [("the", 0.9), (" stairs", 0.9), (" of", 0.9), (" to", 0.1), (" hell", 0.9)]
    answer = _answer(pieces)
    assert answer.text.startswith("the stairs")
    assert "to" not in answer.text
    assert answer.complete


def test_a_first_word_that_is_a_guess_is_kept_whole() -> None:
    answer = _answer([("sta", 0.05), ("irs", 0.9), (" of", 0.9)])
    assert answer.text == "stairs"
    assert answer.complete


def test_another_word_comes_if_it_is_likelier_to_save_a_key_than_to_cost_some() -> None:
    # Of two words one key is at stake: half. Of three words two are: two thirds.
    assert _answer([("the", 0.9), (" ro", 0.2), ("und", 0.9), (" tower", 0.6)]).text == (
        "the round tower"
    )
    assert _answer([("the", 0.9), (" round", 0.9), (" tow", 0.7), ("er", 0.7)]).text == "the round"
    three = [("the", 0.9), (" round", 0.9), (" tower", 0.9)]
    assert _answer([*three, (" stood", 0.7)]).text == "the round tower stood"
    assert _answer([*three, (" stood", 0.6)]).text == "the round tower"


def test_in_prose_it_ends_with_the_sentence() -> None:
    answer = _answer([("the stairs.", 1.0), (" Then", 1.0)])
    assert (answer.text, answer.complete) == ("the stairs.", True)


def test_what_stands_after_the_cursor_is_not_said_again() -> None:
    assert _answer([("the stairs.", 1.0)], after=" the stairs.\n", end=True).text == ""


def test_half_a_word_at_the_end_of_the_tokens_is_left_off() -> None:
    answer = _answer([("the stairs of the ligh", 1.0)])
    answer.end(cut_short=True)
    assert answer.text == "the stairs of the"


def test_a_suggestion_from_before_is_whole() -> None:
    known = Known("the stairs", 0.4)
    known.end(cut_short=False)
    assert known.has_word
    assert known.complete


def test_a_draft_is_never_a_guess_and_holds_half_a_character_back() -> None:
    draft = Written()
    draft.add(" 🙂\u200d", 0.01)
    assert draft.text == " "
    assert draft.sure == 1.0
    draft.end(cut_short=False)
    assert draft.text == " "


_PIECES = st.lists(
    st.tuples(
        st.text(st.sampled_from("the stairs.,\n“”é🙂e\u0301👩\u200d💻 ")), st.floats(0.01, 1)
    ),
    max_size=12,
)


@given(_PIECES, st.sampled_from(["", " up", "\nThen", ", he said.\n"]), st.sampled_from(Craft))
def test_it_only_grows_until_it_ends_and_is_made_of_whole_characters(
    pieces: list[tuple[str, float]], after: str, craft: Craft
) -> None:
    answer = Answer(Place(BEFORE, after, craft))
    seen = ""
    for text, probability in pieces:
        answer.add(text, probability)
        if answer.complete:
            break
        now = answer.text
        assert not splits(now, answer.generated.partition(now)[2] if now else "")
        assert now.startswith(seen) or seen.startswith(now)
        assert 0 < answer.sure <= 1
        seen = now
    answer.end(cut_short=True)
    assert answer.complete
