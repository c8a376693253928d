"""What two prompts have in common is computed once, whenever keys and cancellations fall.

The worker's own loop, with an engine and a clock of the test's: a real one can't be made to take
exactly so long. What falls into a batch arrives while it is computed, as from the other thread.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine import (
    Event,
    Finished,
    Piece,
    Priority,
    Query,
    ReadingAhead,
    Request,
    Scoring,
    Tokenizing,
)
from studio.engine.messages import Ask, FromWorker, Told
from studio.engine.worker import _Jobs, _serve

BATCH = 8
"""Letters, each of which is a token here."""
START = "The keeper climbed the stairs of the lighthouse every evening before the lamp was lit, "


class _Over(Exception):
    """All that was to happen has happened, and nothing is left to do."""


@dataclass
class _World:
    """A clock, what happens at which time, and an engine that takes its time."""

    letter_s: float
    """To read one letter."""
    answer_s: float
    """To write an answer, once its prompt is read."""
    happens: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)
    now_s: float = 0.0
    read: str = ""
    """What is evaluated."""
    times: Counter[str] = field(default_factory=Counter)
    """How often the last letter of each beginning of a text was evaluated."""
    elsewhere: int = 0
    answers: list[tuple[float, str]] = field(default_factory=list)
    _under_way: str = ""
    _interrupted: bool = False

    def sleep(self, seconds: float, *, abortable: bool = True) -> bool:
        """Let time go by, with all that happens in it; False if it was interrupted."""
        until_s, self._interrupted = self.now_s + seconds, False
        while self.happens and self.happens[0][0] <= until_s:
            at_s, happen = self.happens.popleft()
            self.now_s = max(self.now_s, at_s)
            happen()
            if self._interrupted and abortable:
                return False
        self.now_s = until_s
        return True

    # The engine, as the worker sees it

    def stream(self, request: Request) -> Iterator[Event | None]:
        yield from self._evaluate(request.prompt)
        self._under_way = request.prompt
        while not self.sleep(self.answer_s):
            yield None
        self._under_way = ""
        self.answers.append((self.now_s, request.prompt))
        yield Piece(0, "on")
        yield Finished(len(request.prompt), 0, 1, 0.0, 0.0)

    def answer(self, query: Query) -> Iterator[Event | None]:
        if isinstance(query, Tokenizing):
            yield None
        elif isinstance(query, ReadingAhead):
            if not self.read.startswith(query.prompt):
                yield from self._evaluate(query.prompt)
        else:
            while not self.sleep(BATCH * self.letter_s):
                yield None
            self.elsewhere += 1
        yield Finished(0, 0, 0, 0.0, 0.0)

    def catch_up(self) -> None:
        return None

    def interrupt(self) -> None:
        self._interrupted = True

    def serves(self, request: Request | Query) -> bool:
        if not self._under_way:
            return True
        if not isinstance(request, Request | ReadingAhead):
            return False
        one, other = self._under_way, request.prompt
        return one.startswith(other) or other.startswith(one)

    def _evaluate(self, prompt: str) -> Iterator[None]:
        self.read = os.path.commonprefix([self.read, prompt])  # noqa: RUF071  no paths
        while len(self.read) < len(prompt):
            batch = prompt[len(self.read) : len(self.read) + BATCH]
            for i in range(len(batch)):
                self.times[self.read + batch[: i + 1]] += 1
            self._under_way = self.read + batch
            ended = self.sleep(len(batch) * self.letter_s)
            self._under_way = ""
            if ended:
                self.read += batch
            yield None


class _Outlet:
    def __init__(self) -> None:
        self.sent: list[FromWorker] = []

    def send(self, message: FromWorker) -> None:
        self.sent.append(message)


class _NothingToDo(threading.Condition):
    """The worker waits: time goes by until the next thing happens."""

    def __init__(self, world: _World) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        if not self._world.happens:
            raise _Over
        self._world.sleep(self._world.happens[0][0] - self._world.now_s, abortable=False)
        return True


KEYS = st.lists(
    st.tuples(
        st.floats(0.02, 0.8),
        st.sampled_from(
            ["ask", "ask", "cancel and ask", "read", "cancel", "nothing", "panel", "elsewhere"]
        ),
    ),
    min_size=1,
    max_size=60,
)


def _play(world: _World, keys: list[tuple[float, str]]) -> tuple[str, _Outlet]:
    """A writer types a letter at each time; what is asked then is up to the kind of key."""
    jobs, outlet = _Jobs(world), _Outlet()  # type: ignore[arg-type]
    jobs._changed = _NothingToDo(world)
    text, ticket, suggested, at_s = START, 0, 0, 0.0

    def ask(request: Request | Query, number: int) -> Callable[[], None]:
        return lambda: jobs.add(Ask(number, request))

    for i, (wait_s, kind) in enumerate(keys):
        at_s += wait_s
        text += "abcdefghij "[i % 11]
        happen: Callable[[], None] = ask(ReadingAhead(text), ticket + 1)
        if kind == "ask":
            happen = ask(Request(text, priority=Priority.INLINE), ticket + 1)
        elif kind == "elsewhere":
            happen = ask(Scoring("Another text."), ticket + 1)
        elif kind == "panel":
            happen = ask(Tokenizing(text, priority=Priority.IDLE), ticket + 1)
        elif kind == "cancel":
            happen = _cancel(jobs, suggested)
        elif kind == "cancel and ask":  # as the program does with each key
            world.happens.append((at_s, _cancel(jobs, suggested)))
            happen = ask(Request(text, priority=Priority.INLINE), ticket + 1)
        if kind not in ("nothing", "cancel"):
            ticket += 1
        if "ask" in kind:
            suggested = ticket
        if kind != "nothing":
            world.happens.append((at_s, happen))
    world.happens.append((at_s + 0.1, ask(Request(text, priority=Priority.INLINE), ticket + 1)))
    try:
        _serve(jobs, outlet)  # type: ignore[arg-type]
    except _Over:
        return text, outlet
    raise AssertionError("the worker ended by itself")


def _cancel(jobs: _Jobs, ticket: int) -> Callable[[], None]:
    return lambda: jobs.cancel(ticket)


SPEEDS = st.tuples(st.floats(0.001, 0.2), st.floats(0.0, 1.0))


@settings(max_examples=300, deadline=None)
@given(KEYS, SPEEDS)
def test_every_letter_is_read_once_whenever_keys_and_cancellations_fall(
    keys: list[tuple[float, str]], speed: tuple[float, float]
) -> None:
    """Twice at most, where something about another text could not wait."""
    world = _World(*speed)
    text, outlet = _play(world, keys)
    assert world.read.startswith(text)
    assert world.answers[-1][1] == text
    asked_elsewhere = sum(kind == "elsewhere" for _, kind in keys)
    assert max(world.times.values()) <= 1 + asked_elsewhere
    if not asked_elsewhere:
        assert set(world.times.values()) == {1}
    ended = Counter(
        sent.ticket
        for sent in outlet.sent
        if isinstance(sent, Told) and isinstance(sent.event, Finished)
    )
    assert set(ended.values()) == {1}, "each request ends, and once"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(0.05, 0.8), min_size=1, max_size=60),
    st.floats(0.001, 0.1),
)
def test_a_prompt_is_read_however_steadily_the_writer_types(
    waits_s: list[float], letter_s: float
) -> None:
    """Where a batch takes longer than the time between two keys, too."""
    world = _World(letter_s, 0.01)
    _play(world, [(wait_s, "ask") for wait_s in waits_s])
    first_s = world.answers[0][0]
    typed_s = sum(waits_s) + 0.1
    needed_s = waits_s[0] + (len(START) + len(waits_s) + 2 * BATCH) * letter_s + 0.1
    assert first_s <= max(needed_s, typed_s + 0.01 + 2 * BATCH * letter_s)


def test_a_pause_is_enough_for_an_answer_on_a_slow_machine() -> None:
    """200 ms a key; a batch takes 0.8 s and an answer 0.1 s; then half a minute's thought."""
    world = _World(0.1, 0.1)
    text, _ = _play(world, [(0.2, "ask")] * 40)
    assert world.answers[-1][1] == text
    assert sum(world.times.values()) == len(text)
