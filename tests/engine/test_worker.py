"""Whose turn it is in the worker, and that nothing but a closed pipe ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from studio.engine import Event, Finished, Query, Request
from studio.engine.messages import Ask, FromWorker, Refused, Told
from studio.engine.worker import _Jobs, _serve


class _Engine:
    """What a real engine can't be made to do: to fail, and to have endless work to catch up."""

    def __init__(self) -> None:
        self.caught_up = 0
        self.let_go = False
        self.on_step = lambda: None

    def stream(self, request: Request) -> Iterator[Event | None]:
        if request.prompt == "fail":
            raise ValueError("no engine should, but one may")
        yield Finished(1, 0, 1, 0.0, 0.0)

    def answer(self, query: Query) -> Iterator[Event | None]:
        raise NotImplementedError

    def catch_up(self) -> Iterator[None]:
        try:
            while True:
                self.caught_up += 1
                self.on_step()
                yield None
        finally:
            self.let_go = True

    def interrupt(self) -> None:
        pass

    def serves(self, _: Request | Query) -> bool:
        return True


class _Outlet:
    """Goes away after so many messages."""

    def __init__(self, most: int) -> None:
        self.sent: list[FromWorker] = []
        self._most = most

    def send(self, message: FromWorker) -> None:
        self.sent.append(message)
        if len(self.sent) == self._most:
            raise BrokenPipeError


def test_an_error_that_nobody_foresaw_costs_a_sentence_and_not_the_worker() -> None:
    engine = _Engine()
    jobs, outlet = _Jobs(engine), _Outlet(most=2)  # type: ignore[arg-type]
    jobs.add(Ask(1, Request("fail")))
    jobs.add(Ask(2, Request("go on")))
    with pytest.raises(BrokenPipeError):
        _serve(jobs, outlet)  # type: ignore[arg-type]
    refused, told = outlet.sent
    assert isinstance(refused, Refused)
    assert refused.sentence.endswith(".")
    assert isinstance(told, Told)
    assert told.ticket == 2


def test_what_is_being_caught_up_lets_go_of_all_it_holds_when_something_is_asked() -> None:
    engine = _Engine()
    jobs, outlet = _Jobs(engine), _Outlet(most=2)  # type: ignore[arg-type]

    def ask_at_the_third_step() -> None:
        if engine.caught_up == 3:
            jobs.add(Ask(2, Request("the next key")))

    engine.on_step = ask_at_the_third_step
    jobs.add(Ask(1, Request("a key")))
    with pytest.raises(BrokenPipeError):
        _serve(jobs, outlet)  # type: ignore[arg-type]
    assert engine.caught_up == 3
    assert engine.let_go
