"""Reading ahead, in the engine and in its worker, whenever keys fall; with the real model."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.engine import (
    GREEDY,
    Counted,
    Counting,
    Finished,
    LoadOptions,
    Piece,
    Priority,
    Reading,
    ReadingAhead,
    Request,
)
from studio.engine.client import EngineClient
from studio.engine.llama import LlamaEngine
from tests.gguf_files import write_lora

STORY = "".join(
    f"On day {n} the keeper of the light climbed the stairs before the lamp was lit. "
    for n in range(30)
)
OTHER = "".join(
    f"It was {n} degrees in the harbour, and the ice lay on the ropes. " for n in range(30)
)


@pytest.fixture
def client(model_path: Path, tmp_path: Path) -> Iterator[EngineClient]:
    client = EngineClient(log_path=tmp_path / "engine.log")
    client.open(LoadOptions(model_path, n_ctx=1024, n_threads=2))
    list(client.stream(Counting()))
    yield client
    client.close()


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024, n_threads=2))
    yield engine
    engine.close()


def key(prompt: str, n: int = 4) -> Request:
    return Request(prompt, n, GREEDY, priority=Priority.INLINE)


def counted(client: EngineClient) -> Counted:
    (counted,) = (event for event in client.stream(Counting()) if isinstance(event, Counted))
    return counted


def finished(events: list[object]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def test_what_was_read_ahead_is_not_read_again(engine: LlamaEngine) -> None:
    read = finished(list(engine.answer(ReadingAhead(STORY))))
    assert read.prompt_tokens > 300
    events = [event for event in engine.stream(key(STORY)) if event is not None]
    assert finished(list(events)).reused_tokens >= read.prompt_tokens - 1
    told = [event for event in events if isinstance(event, Reading)]
    assert told == [Reading(0, 0)], "nothing was left to read"
    again = finished(list(engine.answer(ReadingAhead(STORY))))
    assert again.reused_tokens == again.prompt_tokens


def test_once_a_prompt_is_read_it_is_told(engine: LlamaEngine) -> None:
    told = [event for event in engine.stream(key(OTHER)) if isinstance(event, Reading)]
    assert told[-1].done == told[-1].total
    assert sum(event.done == event.total for event in told) >= 1


def test_a_prompt_that_does_not_fit_is_left_to_who_asks(engine: LlamaEngine) -> None:
    (event,) = (e for e in engine.answer(ReadingAhead(STORY * 9)) if e is not None)
    assert isinstance(event, Finished)
    assert event.reused_tokens == 0


def test_reading_for_an_adapter_is_reading_for_it_alone(
    engine: LlamaEngine, model_path: Path, tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", like=model_path, seed=1, strength=0.3)
    prompt = "Far away, on another island: " + STORY[:1200]
    list(engine.answer(ReadingAhead(prompt, adapters=((lora, 1.0),))))
    bent = Request(prompt, 2, GREEDY, adapters=((lora, 1.0),))
    assert finished(list(engine.stream(bent))).reused_tokens > 200
    assert finished(list(engine.stream(key(prompt, 2)))).reused_tokens < 20


def test_what_is_being_read_serves_what_goes_on_from_it_and_nothing_else(
    engine: LlamaEngine,
) -> None:
    fresh = "Nobody had seen the harbour so empty. " * 20
    steps = engine.answer(ReadingAhead(fresh))
    seen: list[tuple[bool, ...]] = []
    decode = engine._context.decode  # type: ignore[union-attr]

    def look(*args: object, **more: object) -> bool:
        seen.append(
            (
                engine.serves(key(fresh + "And")),
                engine.serves(key(fresh[:300])),
                engine.serves(ReadingAhead(fresh + "And then")),
                engine.serves(key(OTHER)),
                engine.serves(Counting()),
            )
        )
        return bool(decode(*args, **more))  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine._context, "decode", look)
        list(steps)
    assert seen
    assert set(seen) == {(True, True, True, False, False)}
    assert engine.serves(key(OTHER)), "nothing is computed: whatever is asked can begin at once"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_timing_of_keys_hardly_anything_is_computed_twice(
    client: EngineClient, seed: int
) -> None:
    """Keys, cancellations and reading ahead, 0 to 80 ms apart; then the writer pauses."""
    dice = random.Random(seed)
    text, ticket, done = STORY, 0, []
    client.ask(ReadingAhead(text), lambda _: None)
    for letter in "And on the next day the keeper did not come down to the door, nor on":
        text += letter
        kind = dice.random()
        if kind < 0.6:
            ticket = client.ask(key(text), done.append)
        elif kind < 0.8:
            client.ask(ReadingAhead(text), lambda _: None)
        else:
            client.cancel(ticket)
        time.sleep(dice.uniform(0, 0.08))
    said = "".join(e.text for e in client.stream(key(text, 8)) if isinstance(e, Piece))
    assert said
    result = counted(client)
    assert result.evaluated > 400
    assert result.again <= 0.05 * result.evaluated
    assert result.interrupted <= 0.05 * result.evaluated


def test_a_steady_writer_is_answered_before_the_next_key_of_a_slow_model(
    client: EngineClient,
) -> None:
    """The livelock: where 64 tokens take longer than two keys are apart, none was ever read."""
    answered: list[object] = []
    text = STORY
    for letter in "And on the next day the keeper did not come down to the door of the tower":
        text += letter
        client.ask(key(text), answered.append)
        time.sleep(0.03)
    time.sleep(0.5)
    list(client.stream(Counting()))
    assert counted(client).interrupted < 8, "not one batch of a prompt"
    assert any(isinstance(event, Piece) for event in answered)


def test_reading_ahead_gives_way_to_a_draft_and_goes_on_after_it(client: EngineClient) -> None:
    ends: list[str] = []

    def end(name: str) -> object:
        return lambda event: ends.append(name) if isinstance(event, Finished) else None

    client.ask(ReadingAhead(STORY), end("read"))  # type: ignore[arg-type]
    client.ask(Request(OTHER[:100], 8, GREEDY), end("draft"))  # type: ignore[arg-type]
    until = time.monotonic() + 30
    while len(ends) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert ends == ["draft", "read"]
    events = list(client.stream(key(STORY)))
    assert finished(list(events)).reused_tokens > 300
