"""Quick where answers are cheap, quiet where they are not wanted, and never so for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studio.writing.pace import Pace

READ_MS = 500.0
NOW_MS = 50_000.0


def _of(latency_ms: float, now_ms: float = NOW_MS) -> Pace:
    pace = Pace()
    for i in range(60):
        pace.answered(latency_ms, now_ms - 10 * (60 - i))
    return pace


def test_where_answers_are_cheap_the_model_is_asked_at_once() -> None:
    assert _of(20).wait_ms(NOW_MS) == 0
    assert _of(140).wait_ms(NOW_MS) == 0


def test_where_they_are_dear_a_pause_in_typing_is_awaited_but_never_long() -> None:
    assert 190 < _of(200).wait_ms(NOW_MS) <= 200
    assert _of(60_000).wait_ms(NOW_MS) == 400


def test_on_battery_a_pause_in_typing_is_awaited() -> None:
    pace = _of(20)
    pace.sparing = True
    assert pace.wait_ms(NOW_MS) >= 300


@given(st.floats(0, 100_000))
def test_grey_text_appears_15_to_55_ms_after_a_key_and_sooner_where_answers_are_quick(
    latency_ms: float,
) -> None:
    assert 15 <= _of(latency_ms).gate_ms(NOW_MS) <= 55
    assert _of(latency_ms).gate_ms(NOW_MS) <= _of(latency_ms + 50).gate_ms(NOW_MS)


def test_an_answer_that_was_called_off_in_time_says_nothing_of_how_long_it_takes() -> None:
    pace = _of(100)
    pace.unanswered(20, NOW_MS)
    assert pace.latency_ms(NOW_MS) == 100
    for _ in range(3):
        pace.unanswered(600, NOW_MS)
    assert pace.latency_ms(NOW_MS) == 600


def test_one_whose_prompt_was_not_read_says_nothing_of_it_either() -> None:
    pace = Pace()
    for i in range(20):
        pace.unanswered(None, NOW_MS + i * 200)
    assert pace.wait_ms(NOW_MS + 4_000) == 0


def test_one_answer_that_was_long_in_coming_changes_nothing() -> None:
    pace = _of(20)
    pace.answered(60_000, NOW_MS)
    assert pace.wait_ms(NOW_MS) == 0


@given(st.lists(st.floats(0, 100_000), max_size=40))
def test_no_slow_stretch_is_believed_for_longer_than_ten_seconds(slow_ms: list[float]) -> None:
    pace = Pace()
    for latency_ms in slow_ms:
        pace.answered(latency_ms, NOW_MS)
    assert pace.wait_ms(NOW_MS + 10_000) == 0
    assert not pace.only_at_pauses(NOW_MS + 20_000)


@given(st.lists(st.floats(0, 100_000), max_size=40))
def test_three_quick_answers_of_five_are_enough_to_be_asked_at_once(slow_ms: list[float]) -> None:
    pace = Pace()
    for latency_ms in slow_ms:
        pace.answered(latency_ms, NOW_MS)
    for _ in range(3):
        pace.answered(30, NOW_MS)
    assert pace.wait_ms(NOW_MS) == 0


def test_a_model_that_never_answers_before_the_next_key_comes_only_at_pauses() -> None:
    pace = Pace()
    for i in range(7):
        pace.unanswered(None, NOW_MS + i * 200)
        assert not pace.only_at_pauses(NOW_MS + i * 200)
    pace.unanswered(None, NOW_MS + 1_400)
    assert pace.only_at_pauses(NOW_MS + 1_400)
    for i in range(2):
        pace.answered(30, NOW_MS + 1_600 + i * 200)
    assert not pace.only_at_pauses(NOW_MS + 2_000)


def test_on_battery_it_is_not_called_slow_because_it_waits() -> None:
    pace = _of(20)
    pace.sparing = True
    assert not pace.only_at_pauses(NOW_MS)


def test_what_was_hardly_in_sight_was_not_refused() -> None:
    pace = Pace()
    for _ in range(50):
        pace.not_wanted(100)
    assert pace.rejected == 0
    pace.not_wanted(100, sent_away=True)
    assert pace.rejected == 1


def test_refusals_in_a_row_make_it_quieter_then_silent_and_one_that_is_taken_ends_that() -> None:
    pace = Pace()
    gates = []
    for _ in range(10):
        gates.append(pace.gate_ms(NOW_MS))
        assert not pace.silent
        pace.not_wanted(READ_MS)
    assert gates[3] < 60 < 500 < gates[4]
    assert pace.silent
    pace.taken()
    assert not pace.silent
    assert pace.gate_ms(NOW_MS) < 60


def test_a_new_paragraph_is_another_chance_but_a_quiet_one() -> None:
    pace = Pace()
    pace.not_wanted(READ_MS)
    pace.new_paragraph()
    assert pace.rejected == 1
    for _ in range(12):
        pace.not_wanted(READ_MS)
    pace.new_paragraph()
    assert not pace.silent
    assert pace.gate_ms(NOW_MS) > 500
