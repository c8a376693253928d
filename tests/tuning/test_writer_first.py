"""The writer waits for an answer, or presses keys: training is asked to stand still."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from studio.engine import Finished, LoadOptions, Priority, Request, Tokenizing
from studio.engine.client import Failed
from studio.tuning import run
from studio.tuning.writer_first import AFTER_S, AT_WORK_S, HELD_S, CourteousClient, WriterFirst


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "adapters"
    path.mkdir()
    return path


def _until_s(home: Path) -> float:
    """Until when training stands still, in seconds since 1970; 0 if nobody ever asked."""
    try:
        return float(struct.unpack("<d", (home / run.HOLD).read_bytes())[0])
    except FileNotFoundError:
        return 0.0


def test_who_waits_holds_it_up_and_a_little_longer(home: Path) -> None:
    first = WriterFirst(home)
    before_s = time.time()
    first.begins()
    assert _until_s(home) >= before_s + HELD_S
    first.begins()
    first.ends()
    assert _until_s(home) >= before_s + HELD_S, "the other answer has not come yet"
    first.ends()
    assert before_s + AFTER_S <= _until_s(home) <= time.time() + AFTER_S


def test_it_is_asked_again_while_the_writer_waits(home: Path) -> None:
    first = WriterFirst(home, again_s=0.01)
    first.begins()
    asked = _until_s(home)
    deadline = time.monotonic() + 20
    while _until_s(home) <= asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    first.ends()


def test_a_writer_at_work_is_not_cut_short_by_an_answer(home: Path) -> None:
    first = WriterFirst(home)
    before_s = time.time()
    first.at_work()
    first.begins()
    first.ends()
    assert _until_s(home) >= before_s + AT_WORK_S - 1


def test_without_any_tuning_nothing_is_written(tmp_path: Path) -> None:
    first = WriterFirst(tmp_path / "adapters")
    first.begins()
    first.ends()
    first.at_work()
    assert not (tmp_path / "adapters").exists()


def test_suggestions_hold_it_up_and_what_is_asked_idly_does_not(
    home: Path, model_path: Path, tmp_path: Path
) -> None:
    first = WriterFirst(home)
    client = CourteousClient(first, log_path=tmp_path / "engine.log")
    try:
        client.open(LoadOptions(model_path, n_ctx=512))
        list(client.stream(Tokenizing("The lamp", priority=Priority.IDLE)))
        assert _until_s(home) == 0
        before_s = time.time()
        request = Request("The lamp was", max_tokens=4, priority=Priority.INLINE)
        events = list(client.stream(request))
        assert isinstance(events[-1], Finished)
        assert _until_s(home) >= before_s + AFTER_S
    finally:
        client.close()
    assert first._waiting == 0


def test_nobody_waits_for_a_client_that_is_closed(home: Path) -> None:
    first = WriterFirst(home)
    client = CourteousClient(first)
    client.close()
    heard: list[object] = []
    client.ask(Request("The lamp"), heard.append)
    assert isinstance(heard[0], Failed)
    assert first._waiting == 0
