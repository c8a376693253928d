"""Models whose context can't be taken back or moved along answer all the same, and correctly.

Their weights are noise (`write_tiny`), so that the answers are, too; but they depend on every
token of the text, and a reference evaluates the same from nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import llama_cpp.llama_cpp as C
import pytest

from studio.engine import GREEDY, Event, Finished, LoadOptions, Piece, Request, Sampling
from studio.engine.llama import LlamaEngine
from tests.engine.fuzz import Subject, run
from tests.engine.reference import Noise, Reference
from tests.gguf_files import write_tiny

STORY = (
    "The keeper climbed the stairs of the lighthouse every evening, and every evening he "
    "counted them: one hundred and twelve, worn hollow by those who had climbed before him. "
    "In the autumn a ship came in from the north with a cargo of salt and oranges. "
)
KINDS = ("mamba", "lfm2", "qwen2vl", "llama")


@dataclass
class Pair:
    """An engine, and the second opinion on it."""

    kind: str
    engine: LlamaEngine
    reference: Reference
    noise: Noise

    def answer(self, prompt: str, max_tokens: int = 6, **more: object) -> list[Event]:
        """All events of an answer, which the reference agrees with."""
        more = {"sampling": GREEDY, "alternatives": 8, **more}
        request = Request(prompt, max_tokens, **more)  # type: ignore[arg-type]
        events = [event for event in self.engine.stream(request) if event is not None]
        return self.agreed(request, events)

    def agreed(self, request: Request, events: list[Event]) -> list[Event]:
        found = self.reference.check(request, events, self.noise)
        assert found or not exact(events)
        assert not any(s.busy for s in self.engine._cache._sequences)
        return events

    def knows_what_is_evaluated(self) -> bool:
        assert self.engine._context is not None
        memory = self.engine._context.memory
        return all(
            C.llama_memory_seq_pos_max(memory, s.id) == len(s.tokens) - 1
            for s in self.engine._cache._sequences
        )


@pytest.fixture(scope="module", params=KINDS)
def tiny_path(
    request: pytest.FixtureRequest, model_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("kinds") / f"{request.param}.gguf"
    return write_tiny(path, request.param, model_path)


@pytest.fixture(scope="module")
def both(tiny_path: Path) -> Iterator[Pair]:
    reference = Reference(tiny_path, 1024, 1)
    noise = reference.noise([STORY, STORY[90:]])
    engine = LlamaEngine(LoadOptions(tiny_path, n_ctx=1024, n_threads=1))
    yield Pair(tiny_path.stem, engine, reference, noise)
    engine.close()
    reference.close()


@pytest.fixture
def pair(both: Pair) -> Iterator[Pair]:
    yield both
    assert both.knows_what_is_evaluated()


def text_of(events: list[Event], version: int = 0) -> str:
    return "".join(e.text for e in events if isinstance(e, Piece) and e.version == version)


def exact(events: list[Event]) -> bool:
    return isinstance(events[-1], Finished) and events[-1].exact


def test_a_model_says_whether_it_can_be_taken_back_and_moved(pair: Pair) -> None:
    capabilities = pair.engine.capabilities
    assert capabilities.can_rewind == (pair.kind in ("qwen2vl", "llama"))
    assert capabilities.can_shift == (pair.kind == "llama")


def test_typing_on(pair: Pair) -> None:
    prompt = STORY
    for letters in ("The", " l", "amp", " went", " out.", "\n\n", "He"):
        prompt += letters
        pair.answer(prompt)
        pair.answer(prompt, heal=False)


def test_accepting_what_was_suggested_and_going_on(pair: Pair) -> None:
    prompt = STORY
    for _ in range(4):
        prompt += text_of(pair.answer(prompt, heal=False))


def test_typing_on_evaluates_only_what_is_new(pair: Pair) -> None:
    """A suggestion must not cost the text that it was made for, even where it can't be undone."""
    pair.answer(STORY + "Then", heal=False)
    events = pair.answer(STORY + "Then the wind", heal=False)
    assert isinstance(events[-1], Finished)
    assert events[-1].prompt_tokens - events[-1].reused_tokens < 6


def test_an_edit_far_back(pair: Pair) -> None:
    pair.answer(STORY)
    pair.answer(STORY.replace("every evening, and", "every morning, and"))
    pair.answer(STORY)


def test_a_deletion(pair: Pair) -> None:
    pair.answer(STORY + "The lamp went out, and so did he.")
    pair.answer(STORY + "The lamp went out")
    pair.answer(STORY[:-30])


def test_three_versions_side_by_side(pair: Pair) -> None:
    pair.answer(STORY + "Nobody", versions=3, sampling=Sampling(seed=4))
    pair.answer(STORY + "Nobody", versions=3)
    pair.answer(STORY + "Nobody asked", versions=8, sampling=Sampling(seed=5, top_k=0))


def test_a_banned_phrase_is_taken_back(pair: Pair) -> None:
    free = text_of(pair.answer(STORY + "Banned", 12, heal=False))
    banned = next(word for word in free.split()[1:] if len(word) > 2)
    text = text_of(pair.answer(STORY + "Banned", 12, heal=False, banned=(banned,)))
    assert text
    assert banned.lower() not in text.lower()
    for version in range(3):
        events = pair.answer(STORY + "Banned", 12, heal=False, banned=(banned,), versions=3)
        assert banned.lower() not in text_of(events, version).lower()


def test_an_interrupt_in_the_middle_costs_nothing(pair: Pair) -> None:
    for more in ({}, {"versions": 3}):
        prompt = f"{STORY * 3} {more} The wind"
        request = Request(prompt, 8, GREEDY, alternatives=8, **more)  # type: ignore[arg-type]
        events = []
        for count, event in enumerate(pair.engine.stream(request)):
            if count % 3 == 0:
                pair.engine.interrupt()
            if event is not None:
                events.append(event)
        pair.agreed(request, events)


def test_two_streams_take_turns(pair: Pair) -> None:
    requests = [
        Request(STORY + "The sea", 8, GREEDY, alternatives=8),
        Request(STORY[40:] + "It was a letter from", 8, GREEDY, alternatives=8, versions=2),
    ]
    running = {i: pair.engine.stream(request) for i, request in enumerate(requests)}
    events: dict[int, list[Event]] = {0: [], 1: []}
    while running:
        for i, stream in list(running.items()):
            event = next(stream, "over")
            if event == "over":
                del running[i]
            elif event is not None:
                events[i].append(event)  # type: ignore[arg-type]
    for i, request in enumerate(requests):
        pair.agreed(request, events[i])


def test_a_dropped_answer_leaves_nothing_behind(pair: Pair) -> None:
    for steps in (1, 2, 5, 9):
        stream = pair.engine.stream(Request(STORY + f"{steps}", 20, versions=3))
        for _ in range(steps):
            next(stream)
        stream.close()  # type: ignore[attr-defined]  # a generator
        assert not any(s.busy for s in pair.engine._cache._sequences)
        assert pair.knows_what_is_evaluated()
    pair.answer(STORY + "After")


def test_scoring_a_text_disturbs_no_other(pair: Pair) -> None:
    pair.answer(STORY + "Before")
    assert len(pair.engine.score(STORY).tokens) == len(pair.engine.tokenize(STORY)) - 1
    pair.answer(STORY + "Before and after")


def test_a_window_that_moves_on(pair: Pair) -> None:
    days = [f"{i}. On day {i * 7} the keeper wrote of wind {i % 12}." for i in range(40)]
    pair.answer("\n\n".join(days[:30]))
    events = pair.answer("\n\n".join(days[10:31]))
    assert exact(events) == (pair.kind != "llama")


@pytest.mark.slow
def test_whatever_a_writer_does_the_answers_are_a_fresh_engines(
    tiny_path: Path, tmp_path: Path
) -> None:
    """The fuzz test (`test_fuzz`), on each of these models."""
    subject = Subject.of(tiny_path, tmp_path, page=1400, n_threads=1)
    try:
        run(subject, 15.0, first_seed=2000)
        print(subject.noise, dict(subject.happened), max(subject.differences, default=0))
    finally:
        subject.close()
