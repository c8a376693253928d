"""Larger real models, as writers with a good laptop load them: `make test-models`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.bench.model_in_parts import QWEN, QWEN_SMALL, ModelInParts
from studio.bench.typist import Job, type_texts
from studio.engine import GREEDY, Finished, LoadOptions, Piece, ReadingAhead, Request
from studio.engine.llama import LlamaEngine

pytestmark = pytest.mark.models

STORY = (
    "The keeper of the light climbed the stairs every evening before the lamp was lit, and every "
    "evening he counted them, because there was nobody to talk to and nothing else to count. "
)


@pytest.fixture(scope="module", params=[QWEN_SMALL, QWEN], ids=lambda model: model.name)
def engine(request: pytest.FixtureRequest) -> Iterator[LlamaEngine]:
    model: ModelInParts = request.param
    engine = LlamaEngine(LoadOptions(model.assembled(), n_ctx=1024))
    yield engine
    engine.close()


def test_it_fills_in_the_middle_and_writes_what_one_would(engine: LlamaEngine) -> None:
    assert engine.capabilities.can_infill
    request = Request("The capital of France is the city of", 4, GREEDY)
    said = "".join(event.text for event in engine.stream(request) if isinstance(event, Piece))
    assert "Paris" in said


def test_what_was_read_ahead_is_not_read_again(engine: LlamaEngine) -> None:
    list(engine.answer(ReadingAhead(STORY)))
    *_, end = engine.stream(Request(STORY + "And", 2, GREEDY, hasty=True))
    assert isinstance(end, Finished)
    assert end.reused_tokens > 25
    assert end.prompt_tokens - end.reused_tokens < 4


@pytest.mark.slow
def test_a_person_at_their_own_pace_is_suggested_something(tmp_path: Path) -> None:
    text = tmp_path / "story.txt"
    text.write_text(STORY * 8, "utf-8")
    (line,) = type_texts(Job((text,), start=1_000, n_chars=120, model=QWEN.assembled()))
    assert line.first_s is not None
    assert line.saved > 0.05
