"""Suggestions keep up with a writer who does not wait, and come back by themselves.

The real policy with a model of a machine: so long a batch, so long an answer, as slow as the test
wants it. A batch under way is let end, as the worker does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.writing.completion import Completion
from studio.writing.decisions import Action, Around, Ask, Cancel, Hide, ReadAhead, Show, WakeAt

BATCH = 64
STORY = "The keeper climbed the stairs every evening before the lamp was lit, and " * 20
SAID = "walked slowly down to the harbour"


@dataclass
class Machine:
    """One that computes one thing after another, and an editor that carries out what is decided."""

    policy: Completion = field(default_factory=Completion)
    letter_ms: float = 1.0
    """To read one."""
    answer_ms: float = 30.0
    """From when its prompt is read to an answer's first word."""
    before: str = STORY
    now_ms: float = 0.0
    grey: str = ""
    asks: int = 0
    answered: int = 0
    _read: str = ""
    _wanted: Ask | None = None
    _ahead: ReadAhead | None = None
    _under_way: tuple[float, str, Ask | None] | None = None
    """(when it ends, the text that is read then, whose answer it is)."""
    _wake_at_ms: float | None = None

    def type(self, letter: str) -> None:
        self.before += letter
        self._do(self.policy.typed(letter, Around(self.before, ""), self.now_ms))

    def rest(self, ms: float) -> None:
        """Let so much time go by."""
        until_ms = self.now_ms + ms
        while True:
            self._begin()
            ends = self._under_way[0] if self._under_way else until_ms
            wakes = self._wake_at_ms if self._wake_at_ms is not None else until_ms
            if min(ends, wakes) >= until_ms:
                break
            self.now_ms = max(self.now_ms, min(ends, wakes))
            if wakes <= ends:
                self._wake_at_ms = None
                self._do(self.policy.tick(self.now_ms))
            else:
                self._end()
        self.now_ms = until_ms

    def rests_here(self) -> None:
        """The cursor was put where it is."""
        self._do(self.policy.moved(Around(self.before, ""), self.now_ms))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Ask():
                    self._wanted, self.asks = action, self.asks + 1
                case ReadAhead():
                    self._ahead = action
                case Cancel(ask_id):
                    if self._wanted and self._wanted.ask_id == ask_id:
                        self._wanted = None
                case Show(text):
                    self.grey = text
                case Hide():
                    self.grey = ""
                case WakeAt(at_ms):
                    self._wake_at_ms = at_ms

    def _begin(self) -> None:
        if self._under_way:
            return
        asked = self._wanted.request.prompt if self._wanted else ""
        prompt = asked or (self._ahead.prompt if self._ahead else "")
        if not prompt:
            return
        read = os.path.commonprefix([self._read, prompt])  # noqa: RUF071  no paths
        batch = prompt[len(read) : len(read) + BATCH]
        if batch:
            ends_ms = self.now_ms + len(batch) * self.letter_ms
            self._under_way = ends_ms, read + batch, None
        elif self._wanted:
            self.policy.read(self._wanted.ask_id, self.now_ms)
            self._under_way = self.now_ms + self.answer_ms, read, self._wanted
        else:
            self._ahead = None

    def _end(self) -> None:
        assert self._under_way
        _, self._read, answers = self._under_way
        self._under_way = None
        if answers and answers is self._wanted:
            self._wanted = None
            self.answered += 1
            self._do(self.policy.piece(answers.ask_id, SAID, self.now_ms))
            self._do(self.policy.ended(answers.ask_id, self.now_ms))


def type_on(machine: Machine, n: int, every_ms: float) -> list[bool]:
    """Letters that no suggestion foresees; before which of them one had come."""
    seen = []
    for i in range(n):
        machine.rest(every_ms)
        seen.append(bool(machine.grey))
        machine.policy.pace.taken()  # the writer refuses none of them on purpose
        machine.type("etaoin shr"[i % 10])
    return seen


SPEEDS = st.tuples(st.floats(0.1, 40.0), st.floats(1.0, 3_000.0))
STRETCHES = st.lists(
    st.tuples(SPEEDS, st.floats(60, 1_500), st.integers(1, 30)), min_size=0, max_size=6
)


@settings(max_examples=200, deadline=None)
@given(STRETCHES, st.sampled_from([130.0, 200.0, 400.0]))
def test_whatever_was_before_suggestions_are_back_within_ten_answered_requests(
    stretches: list[tuple[tuple[float, float], float, int]], every_ms: float
) -> None:
    machine = Machine()
    for (machine.letter_ms, machine.answer_ms), pause_ms, n in stretches:
        type_on(machine, n, pause_ms)
    machine.letter_ms, machine.answer_ms = 0.5, 30.0
    answered = machine.answered
    seen = []
    while machine.answered < answered + 10 and len(seen) < 400:
        seen += type_on(machine, 1, every_ms)
    assert any(seen), "no suggestion in all of them"
    asked = machine.asks
    seen = type_on(machine, 12, every_ms)
    assert machine.asks - asked >= 12, "asked with each key again"
    assert sum(seen) >= 10
    assert not machine.policy.only_at_pauses(machine.now_ms)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0.3, 2.0),
    st.floats(5.0, 100.0),
    st.sampled_from([130.0, 200.0, 400.0]),
    st.integers(1, 20),
)
def test_a_steady_writer_sees_suggestions_soon_after_the_first_key(
    letter_ms: float, answer_ms: float, every_ms: float, pages: int
) -> None:
    """64 tokens, some 250 letters, take up to half a second: as measured beside other work."""
    machine = Machine(letter_ms=letter_ms, answer_ms=answer_ms, before=STORY[: 70 * pages])
    machine.rests_here()
    machine.rest(1_000)
    seen = type_on(machine, 60, every_ms)
    unread_ms = max(0.0, len(STORY[: 70 * pages]) * letter_ms - 850)
    first_ms = (seen.index(True) + 1) * every_ms
    assert first_ms <= unread_ms + 2_000
    assert sum(seen) >= 0.7 * len(seen[seen.index(True) :])


@settings(max_examples=100, deadline=None)
@given(st.floats(4.0, 12.0), st.floats(150.0, 350.0), st.sampled_from([130.0, 200.0]))
def test_with_a_slow_model_they_come_at_every_short_pause(
    letter_ms: float, answer_ms: float, every_ms: float
) -> None:
    """A model of 1.5B: 20 to 60 tokens in a second; the pause is that of a sentence's end."""
    machine = Machine(letter_ms=letter_ms, answer_ms=answer_ms)
    machine.rests_here()
    machine.rest(60_000)
    for _ in range(4):
        type_on(machine, 40, every_ms)
        assert len(machine.before) - len(machine._read) < 100, "read along with"
        machine.rest(2_000)
        assert machine.grey


def test_it_says_so_where_the_model_is_too_slow_and_no_longer_when_it_is_not() -> None:
    machine = Machine(letter_ms=2.0, answer_ms=600.0)
    type_on(machine, 100, 200)
    assert machine.policy.only_at_pauses(machine.now_ms)
    machine.answer_ms = 20.0
    type_on(machine, 100, 200)
    assert not machine.policy.only_at_pauses(machine.now_ms)


def test_nothing_is_read_or_asked_any_more_once_the_writer_rests() -> None:
    machine = Machine()
    type_on(machine, 10, 200)
    machine.rest(5_000)
    asks, read = machine.asks, machine._read
    machine.rest(600_000)
    assert (machine.asks, machine._read) == (asks, read)
    assert machine._wake_at_ms is None
