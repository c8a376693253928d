"""What Gemma 3 asks of the engine that the default model does not: a BOS, a sliding window of 512
tokens in most of its layers, tokens that are a byte, and Chinese."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from studio.engine import GREEDY, Finished, LoadOptions, Piece, Request, Sampling, Token
from studio.engine.llama import LlamaEngine

STORY = "The keeper climbed the stairs of the lighthouse every evening, and every evening he"
CHINESE = "海边的灯塔里住着一个老人。"
WINDOW = 512
"""Tokens that a sliding layer sees; the model's `gemma3.attention.sliding_window`."""


@pytest.fixture(scope="module")
def engines(
    gemma_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LlamaEngine, LlamaEngine]]:
    memo = tmp_path_factory.mktemp("threads") / "threads.json"
    options = LoadOptions(gemma_path, n_ctx=1024, threads_memo=memo)
    opened = LlamaEngine(options), LlamaEngine(options)
    yield opened
    for engine in opened:
        engine.close()


@pytest.fixture(scope="module")
def engine(engines: tuple[LlamaEngine, LlamaEngine]) -> LlamaEngine:
    """The one that is asked for everything."""
    return engines[0]


@pytest.fixture(scope="module")
def fresh(engines: tuple[LlamaEngine, LlamaEngine]) -> LlamaEngine:
    """One that is asked for a single text, which it has never seen the like of."""
    return engines[1]


def answer(engine: LlamaEngine, request: Request) -> tuple[str, list[Token], Finished]:
    events = [event for event in engine.stream(request) if event is not None]
    pieces = [event for event in events if isinstance(event, Piece)]
    assert isinstance(events[-1], Finished)
    tokens = [token for piece in pieces for token in piece.tokens]
    return "".join(piece.text for piece in pieces), tokens, events[-1]


def greedy(prompt: str, max_tokens: int = 8, *, heal: bool = True) -> Request:
    return Request(prompt, max_tokens=max_tokens, sampling=GREEDY, alternatives=4, heal=heal)


def diary(first: int, last: int) -> str:
    days = (f"{i}. On day {i * 7} the keeper wrote of wind {i % 12} and rain." for i in range(99))
    return "\n\n".join(list(days)[first:last])


@pytest.mark.parametrize("text", ["", "H", STORY, "<bos>Hello", "<bos>", "\n\n", CHINESE, "🙂"])
def test_the_bos_is_read_exactly_once(engine: LlamaEngine, text: str) -> None:
    (bos,) = engine.tokenize("")
    healing = engine.vocabulary.heal(text)
    for tokens in (engine.tokenize(text), healing.tokens):
        assert tokens[0] == bos
        assert tokens.count(bos) == 1
    *_, whole = answer(engine, greedy(text, 1, heal=False))
    assert whole.prompt_tokens == len(engine.tokenize(text))


def test_a_text_is_scored_after_its_bos(engine: LlamaEngine) -> None:
    """Without it the model is lost, and so a suggestion would be."""
    text = "The cat sat down on the mat and fell asleep."
    tokens = engine.tokenize(text)
    scored = engine.score(text)
    assert [token.id for token in scored.tokens] == tokens[1:]
    rows = engine.logits(tokens[1:])[:-1].astype(np.float64)
    log_sums = np.log(np.exp(rows - rows.max(axis=1, keepdims=True)).sum(axis=1)) + rows.max(axis=1)
    without = np.array([row[t] for row, t in zip(rows, tokens[2:], strict=True)]) - log_sums
    with_it = np.array([token.log_prob for token in scored.tokens[1:]])
    assert with_it.mean() > without.mean() + 0.5


def test_an_edit_further_back_than_the_window_gives_what_a_fresh_engine_says(
    engine: LlamaEngine, fresh: LlamaEngine
) -> None:
    before = diary(0, 36) + " On that day the keeper"
    after = before.replace("On day 28 the", "On a day the sad")
    answer(engine, greedy(before, 1, heal=False))
    text, tokens, finished = answer(engine, greedy(after, heal=False))
    assert 0 < finished.reused_tokens < finished.prompt_tokens - WINDOW - 64
    assert finished.exact
    assert (text, tokens) == answer(fresh, greedy(after, heal=False))[:2]


def test_after_the_window_over_the_text_moved_it_thinks_nearly_the_same(
    engine: LlamaEngine, fresh: LlamaEngine
) -> None:
    answer(engine, greedy(diary(40, 72), 1, heal=False))
    moved_on = greedy(diary(46, 75) + " On that day the keeper", 6, heal=False)
    text, tokens, finished = answer(engine, moved_on)
    assert engine.capabilities.can_shift
    assert not finished.exact
    assert finished.reused_tokens > finished.prompt_tokens - 100
    expected_text, expected, from_scratch = answer(fresh, moved_on)
    assert from_scratch.exact
    assert text == expected_text
    for token, other in zip(tokens, expected, strict=True):
        assert token.log_prob == pytest.approx(other.log_prob, abs=0.7)


def test_chinese_is_written_in_whole_characters(engine: LlamaEngine) -> None:
    for seed in range(3):
        request = Request(CHINESE + "他", max_tokens=16, sampling=Sampling(seed=seed))
        text, *_ = answer(engine, request)
        assert sum("\u4e00" <= letter <= "\u9fff" for letter in text) > 8
        assert "\ufffd" not in text


def test_a_chinese_word_is_completed(engine: LlamaEngine) -> None:
    text, *_ = answer(engine, greedy(CHINESE + "他每天晚上都爬上灯塔，点亮灯"))
    assert text.startswith("塔")


def test_a_character_typed_in_a_long_chinese_clause_costs_no_more_than_in_a_short_one(
    engine: LlamaEngine,
) -> None:
    """There are no spaces to go back to, and the clause is not spelled anew from its start."""
    clause = "他每天晚上都爬上高高的灯塔点亮那盏古老的灯为过往的船只照亮"
    costs = []
    for n in range(1, len(clause) + 1):
        before = engine.evaluated_tokens
        answer(engine, greedy(CHINESE + clause[:n], 1))
        costs.append(engine.evaluated_tokens - before)
    assert max(costs[1:]) <= 6


# Letters of many alphabets, signs of three and four bytes, and signs without a token of their own.
LETTERS = st.text(
    st.sampled_from("aé ß\n.“Жя海灯塔あア한ไ🙂👩\u200d👧𓀀𐍈ƀ\u0301"), min_size=1, max_size=8
)


@given(end=LETTERS)
@example(end="𓀀")
@example(end="海𓀀海")
@example(end="e\u0301")
@example(end=".𐍈\u200d")
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_healing_over_single_bytes_leaves_whole_characters(engine: LlamaEngine, end: str) -> None:
    """What is told is what the tokens spell after the letters that were typed, and no less.

    Bytes that are no character, which the model does write after odd signs, are left out.
    """
    prompt = "He wrote: " + end
    spell = engine.vocabulary.heal(prompt).spell
    text, tokens, _ = answer(engine, greedy(prompt, 4))
    spelled = b"".join(token.spelling for token in tokens)
    assert spelled.startswith(spell) or not tokens
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    assert text == decoder.decode(spelled[len(spell) :])
    assert "\ufffd" not in text


def test_cells_that_another_text_has_taken_are_not_counted_on(gemma_path: Path) -> None:
    """Out of the window of a text's end its cells are free for others, and an edit needs them."""
    engine = LlamaEngine(LoadOptions(gemma_path, n_ctx=1024))
    cache = engine._cache
    before, long, grows = (
        " ".join(f"{what} {i} was {i * 7 % 90} days old and nobody knew." for i in range(n))
        for what, n in (("Ship", 14), ("House", 46), ("Letter", 30))
    )
    assert len(engine.tokenize(long)) > WINDOW + 100
    held = []
    for text in (before, long):  # both are being written, so each has cells of its own
        tokens = engine.tokenize(text)
        held.append(cache.acquire(tokens, ())[0])
        list(cache.evaluate(held[-1], tokens))
    cache.drop(held[0])
    list(engine.stream(greedy(grows, 1, heal=False)))
    cache.release(held[1])
    n_evaluated = engine.evaluated_tokens
    _, _, finished = answer(engine, greedy(long[: int(len(long) * 0.8)] + " and then", 1))
    assert engine.evaluated_tokens - n_evaluated >= finished.prompt_tokens, "all of it, anew"
    engine.close()
