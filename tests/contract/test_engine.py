"""What every engine promises, tried on each there is, with both real models.

The default one (llama architecture, 49k tokens) and Gemma 3 (sliding-window attention, 262k
tokens, byte fallback, a BOS of its own).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.engine import (
    GREEDY,
    Ended,
    Engine,
    Evaluating,
    Event,
    Finished,
    LoadOptions,
    Piece,
    Query,
    Reading,
    Request,
    RequestError,
    Sampling,
    Scored,
    Scoring,
    Tokenized,
    Tokenizing,
    Why,
    logits_of,
)
from studio.engine.context import SEQUENCES

STORY = (
    "The keeper climbed the stairs of the lighthouse every evening, and every evening he "
    "counted them: one hundred and twelve, worn hollow by those who had climbed before him. "
)


@pytest.fixture(scope="module", params=["model_path", "gemma_path"])
def options(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LoadOptions:
    """How to open a model, the threads measured once."""
    memo = tmp_path_factory.mktemp("threads") / "threads.json"
    return LoadOptions(request.getfixturevalue(request.param), n_ctx=1024, threads_memo=memo)


@pytest.fixture(scope="module")
def engine(options: LoadOptions) -> Iterator[Engine]:
    from studio.engine.llama import LlamaEngine

    engine = LlamaEngine(options)
    yield engine
    engine.close()


@pytest.fixture
def new_engine(options: LoadOptions) -> Iterator[Callable[[], Engine]]:
    """Engines with an empty cache. llama.cpp's arithmetic for one row differs from that for
    several, so answers are compared between engines that evaluate in the same batches."""
    from studio.engine.llama import LlamaEngine

    opened: list[Engine] = []

    def open_one() -> Engine:
        opened.append(LlamaEngine(options))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


@pytest.fixture(scope="module")
def twins(options: LoadOptions) -> Iterator[tuple[Engine, Engine]]:
    """Two engines that are asked the same in the same order: as good as fresh ones."""
    from studio.engine.llama import LlamaEngine

    engines = LlamaEngine(options), LlamaEngine(options)
    yield engines
    for engine in engines:
        engine.close()


@pytest.fixture
def fresh(new_engine: Callable[[], Engine]) -> Engine:
    return new_engine()


def events(engine: Engine, request: Request) -> list[Event]:
    return [event for event in engine.stream(request) if event is not None]


def answers(engine: Engine, query: Query) -> list[Event]:
    return [event for event in engine.answer(query) if event is not None]


def without_times(seen: list[Event]) -> list[Event]:
    return [replace(e, prompt_ms=0, decode_ms=0) if isinstance(e, Finished) else e for e in seen]


def texts(engine: Engine, request: Request) -> list[str]:
    written = [""] * request.versions
    for event in events(engine, request):
        if isinstance(event, Piece):
            written[event.version] += event.text
    return written


def finished(engine: Engine, request: Request) -> Finished:
    last = events(engine, request)[-1]
    assert isinstance(last, Finished)
    return last


def greedy(prompt: str, max_tokens: int = 12, **more: object) -> Request:
    return Request(prompt, max_tokens=max_tokens, sampling=GREEDY, **more)  # type: ignore[arg-type]


def greedy_gap(engine: Engine, prompt: str, text: str) -> float:
    """The most that any token of `text` lies below the likeliest one, in logits."""
    n = len(engine.tokenize(prompt))
    tokens = engine.tokenize(prompt + text)
    rows = engine.logits(tokens)[n - 1 : -1]
    return max(float(row.max() - row[token]) for row, token in zip(rows, tokens[n:], strict=True))


def test_a_story_is_continued(engine: Engine) -> None:
    (text,) = texts(engine, greedy(STORY, 24))
    assert len(text.split()) > 8
    assert "<|" not in text


def test_every_version_ends_and_the_request_is_finished_last(engine: Engine) -> None:
    seen = events(engine, Request(STORY, max_tokens=5, versions=3))
    assert sorted(e.version for e in seen if isinstance(e, Ended)) == [0, 1, 2]
    assert all(e.why is Why.LENGTH for e in seen if isinstance(e, Ended))
    assert isinstance(seen[-1], Finished)
    assert seen[-1].generated_tokens == 15


def test_the_same_seed_gives_the_same_text_from_an_empty_cache(
    engine: Engine, fresh: Engine
) -> None:
    request = Request(STORY + "One night,", max_tokens=20, versions=3, sampling=Sampling(seed=11))
    texts(engine, greedy("Something else altogether came before."))
    first = texts(fresh, request)
    assert len(set(first)) == 3
    assert texts(fresh, request) == first


def test_another_seed_gives_another_text(engine: Engine) -> None:
    assert texts(engine, Request(STORY, sampling=Sampling(seed=1))) != texts(
        engine, Request(STORY, sampling=Sampling(seed=2))
    )


def test_only_what_differs_is_evaluated(engine: Engine) -> None:
    finished(engine, greedy(STORY))
    after = finished(engine, greedy(STORY + "That night the lamp"))
    assert after.prompt_tokens - after.reused_tokens <= 6


def test_an_edit_in_the_middle_keeps_what_stands_before_it(engine: Engine) -> None:
    middle = STORY.index("worn")
    finished(engine, greedy(STORY + "The lamp"))
    edited = STORY[:middle] + "painted white" + STORY[middle + 11 :] + "The lamp"
    after = finished(engine, greedy(edited))
    assert after.reused_tokens >= len(engine.tokenize(STORY[:middle])) - 2


def test_an_edit_in_the_middle_changes_nothing_of_the_answer(engine: Engine, fresh: Engine) -> None:
    texts(engine, greedy(STORY + "The lamp"))
    edited = STORY.replace("hollow", "smooth") + "The lamp"
    assert texts(engine, greedy(edited)) == texts(fresh, greedy(edited))


def days(first: int, last: int) -> str:
    return "\n\n".join(
        f"{i}. On day {i * 7} he wrote of wind and rain." for i in range(first, last)
    )


def test_the_capabilities_say_what_a_text_that_moves_on_costs(engine: Engine) -> None:
    """Its first part leaves the context, and only those that can shift need not read it again."""
    finished(engine, greedy(days(0, 30)))
    moved = finished(engine, greedy(days(8, 31)))
    unread = moved.prompt_tokens - moved.reused_tokens
    assert moved.exact is not engine.capabilities.can_shift
    assert (unread < 40) is engine.capabilities.can_shift


def test_the_capabilities_say_what_an_edit_at_the_end_costs(engine: Engine) -> None:
    finished(engine, greedy(days(40, 60) + " The end came late."))
    edited = finished(engine, greedy(days(40, 60) + " The sea was calm."))
    unread = edited.prompt_tokens - edited.reused_tokens
    assert (unread < 10) is engine.capabilities.can_rewind


def test_going_back_and_forth_between_two_texts_evaluates_neither_again(engine: Engine) -> None:
    other = "Dear Margaret, the garden is full of rain and I have not slept since Tuesday. " * 3
    for text in (STORY * 2, other):
        finished(engine, greedy(text + "But"))
    for text in (STORY * 2, other):
        again = finished(engine, greedy(text + "But"))
        assert again.prompt_tokens - again.reused_tokens <= 1


def test_a_word_cut_in_the_middle_is_completed(engine: Engine) -> None:
    (text,) = texts(engine, greedy(STORY + "He lit the great lamp of the ligh"))
    assert text.startswith("thouse")


@pytest.mark.parametrize(
    ("end", "again"),
    [
        ("He opened the d", "d"),
        ("He opened the door.", "."),
        ("He ", " "),
        ("He said, “", "“"),
        ("It was over.\n\n", "\n"),
    ],
)
def test_what_was_typed_is_not_said_again(engine: Engine, end: str, again: str) -> None:
    """Healing backs up over the last word or sign, and the pieces still begin after it."""
    (text,) = texts(engine, greedy(STORY + end))
    assert text
    assert not text.startswith(again)


def test_no_further_token_is_evaluated_while_a_word_is_typed(engine: Engine) -> None:
    for typed in ("He", " l", "o", "o", "k"):
        prompt = STORY + "Then suddenly" + typed
        finished(engine, greedy(prompt))
    first = finished(engine, greedy(STORY + "Then he loo", 1))
    second = finished(engine, greedy(STORY + "Then he look", 1))
    assert second.prompt_tokens == second.reused_tokens
    assert first.prompt_tokens == second.prompt_tokens


@pytest.mark.parametrize("ending", ["pernelle", "pernelle’s", "pé", "p-pernel"])
def test_a_word_that_the_request_knows_is_completed(engine: Engine, ending: str) -> None:
    prompt = STORY + "At the top waited Quim"
    request = Request(prompt, max_tokens=12, sampling=GREEDY, endings=((ending, 0.5),))
    pieces = [event for event in events(engine, request) if isinstance(event, Piece)]
    assert "".join(piece.text for piece in pieces).startswith(ending)
    assert not ending.startswith(texts(engine, replace(request, endings=()))[0][:3])
    assert pieces[0].probability > 0.9


def test_what_a_request_holds_hardly_likely_changes_nothing(engine: Engine) -> None:
    request = Request(STORY + "There was a light in the wi", max_tokens=8, sampling=GREEDY)
    unlikely = replace(request, endings=(("pernelle", 1e-9), ("ber", 0.0)))
    assert texts(engine, unlikely) == texts(engine, request)


def test_a_word_that_model_and_request_hold_likely_is_surer_than_either_says(
    engine: Engine,
) -> None:
    request = Request(STORY + "There was a light in the lighth", max_tokens=4, sampling=GREEDY)

    def first(endings: tuple[tuple[str, float], ...]) -> Piece:
        asked = replace(request, endings=endings)
        return next(event for event in events(engine, asked) if isinstance(event, Piece))

    with_it, against = first((("ouse", 0.2),)), first((("earted", 0.2), ("ouse", 1e-6)))
    assert with_it.text.startswith("o")
    assert with_it.probability >= first(()).probability - 1e-6
    assert against.text != with_it.text


def test_alternatives_to_the_tokens_of_such_a_word_are_told_as_the_model_holds_them(
    engine: Engine,
) -> None:
    prompt = STORY + "At the top waited Quim"
    request = Request(
        prompt, max_tokens=12, sampling=GREEDY, endings=(("pernelle", 0.5),), alternatives=4
    )
    pieces = [event for event in events(engine, request) if isinstance(event, Piece)]
    tokens = [token for piece in pieces for token in piece.tokens]
    assert len(tokens) > 3
    for token in tokens:
        assert token.log_prob <= 1e-6
        assert sum(np.exp(log_prob) for *_, log_prob in token.alternatives) <= 1 + 1e-4


def test_a_banned_phrase_is_not_written_though_a_word_has_it(engine: Engine) -> None:
    prompt = STORY + "At the top waited Quim"
    for banned in ("pernelle", "nell", "waited Quimpern", "rne"):
        request = Request(
            prompt,
            max_tokens=12,
            sampling=GREEDY,
            endings=(("pernelle", 0.5),),
            banned=(banned,),
        )
        (text,) = texts(engine, request)
        assert text
        assert banned not in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"endings": (("", 0.5),)},
        {"endings": (("x", 1.5),)},
        {"endings": (("\ud800", 0.5),)},
        {"endings": (("x", 0.5),), "versions": 2},
        {"endings": (("x", 0.5),), "heal": False},
        {"endings": (("x", 0.5),), "sampling": Sampling()},
        {"endings": (("x", 0.5),), "sampling": replace(GREEDY, repeat_penalty=1.1)},
        {"endings": (("x", 0.5),), "grammar": 'root ::= "x"'},
        {"endings": (("x", 0.5),), "json_schema": "{}"},
    ],
)
def test_endings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        Request(**{"prompt": "x", "sampling": GREEDY, **wrong})


def test_half_a_character_is_never_told(engine: Engine) -> None:
    """Both models spell some of these characters in two tokens or three."""
    request = greedy("海边的灯塔里住着一个老人。🙂他", 40, alternatives=1)
    pieces = [e for e in events(engine, request) if isinstance(e, Piece)]
    spelled = b"".join(token.spelling for piece in pieces for token in piece.tokens)
    for piece in pieces:
        assert "\ufffd" not in piece.text
    assert len(pieces) > 10
    assert spelled.decode().endswith("".join(piece.text for piece in pieces))


def test_a_stop_text_ends_a_version_and_is_not_part_of_it(engine: Engine) -> None:
    (free,) = texts(engine, greedy(STORY, 30))
    stop = free.split()[4]
    seen = events(engine, greedy(STORY, 30, stop=(stop,)))
    text = "".join(e.text for e in seen if isinstance(e, Piece))
    assert text == free[: free.index(stop)]
    assert Ended(0, Why.STOP) in seen


def test_sparing_the_machine_changes_no_bit_of_an_answer(options: LoadOptions) -> None:
    from studio.engine.llama import LlamaEngine

    many = replace(options, n_threads=4)
    free, spared = LlamaEngine(many), LlamaEngine(many)
    spared.spare(True)
    assert (free.capabilities.sparing, spared.capabilities.sparing) == (False, True)
    assert 2 * spared.capabilities.n_threads == free.capabilities.n_threads
    tokens = free.tokenize(STORY * 3)
    assert np.array_equal(free.logits(tokens), spared.logits(tokens))
    request = greedy(STORY, 24, alternatives=3)
    assert without_times(events(free, request)) == without_times(events(spared, request))
    for engine in (free, spared):
        engine.close()


def test_the_machine_may_be_spared_in_the_middle_of_an_answer(
    new_engine: Callable[[], Engine],
) -> None:
    request = greedy(STORY + "The wind", 20)
    engine, text = new_engine(), ""
    for count, event in enumerate(engine.stream(request)):
        engine.spare(count % 2 == 0)
        if isinstance(event, Piece):
            text += event.text
    assert [text] == texts(new_engine(), request)


def test_two_requests_may_take_turns(new_engine: Callable[[], Engine]) -> None:
    """Steps of one between steps of another leave both answers what a lone engine would say.

    Cells of the cache lie elsewhere then, and sums over them are rounded otherwise, so that
    two words that are nearly as likely may change places.
    """
    one, other = greedy(STORY + "The sea", 16), greedy("It was a letter from my aunt, who", 16)
    engine = new_engine()
    running = {0: engine.stream(one), 1: engine.stream(other)}
    written = ["", ""]
    while running:
        for i, stream in list(running.items()):
            event = next(stream, "over")
            if isinstance(event, Piece):
                written[i] += event.text
            elif event == "over":
                del running[i]
    lone = new_engine()
    for request, text in zip((one, other), written, strict=True):
        assert len(text.split()) > 5
        assert greedy_gap(lone, request.prompt, text) < 1.5


def test_a_dropped_stream_leaves_the_engine_usable(engine: Engine) -> None:
    for _ in range(40):
        stream = engine.stream(Request(STORY, max_tokens=50, versions=4))
        for _, event in zip(range(9), stream, strict=False):
            del event
        stream.close()  # type: ignore[attr-defined]
    assert texts(engine, greedy(STORY))[0]


def test_an_interrupt_costs_no_text(new_engine: Callable[[], Engine]) -> None:
    request = greedy(STORY + "The wind", 20)
    engine = new_engine()
    stream, text = engine.stream(request), ""
    for count, event in enumerate(stream):
        if count % 3 == 0:
            engine.interrupt()
        if isinstance(event, Piece):
            text += event.text
    assert [text] == texts(new_engine(), request)


def test_a_long_prompt_tells_how_far_it_is(fresh: Engine) -> None:
    seen = [e for e in events(fresh, greedy(STORY * 8, 1)) if isinstance(e, Reading)]
    assert len(seen) > 2
    assert seen[-1].done == seen[-1].total


def test_a_text_longer_than_the_window_is_refused_with_a_reason(engine: Engine) -> None:
    with pytest.raises(RequestError, match=r"too long.*1,024"):
        events(engine, greedy(STORY * 40))


def test_a_text_that_fills_the_window_stops_there(engine: Engine) -> None:
    tokens = engine.tokenize(STORY)
    prompt = STORY * ((1024 - 30) // len(tokens))
    seen = events(engine, greedy(prompt, 400))
    assert [e.why for e in seen if isinstance(e, Ended)] in ([Why.CONTEXT], [Why.END])


def test_an_empty_prompt_gets_an_answer(engine: Engine) -> None:
    assert finished(engine, greedy("", 4)).generated_tokens == 4


def after_the_first(engine: Engine, first: str, rest: str) -> bytes:
    """What the scored tokens of a text spell: those after its BOS, or after its first token."""
    return (first + rest if engine.tokenize("") else rest).encode()


def test_tokens_spell_the_text(engine: Engine) -> None:
    rest = " Käse für Zoë – 海 🙂\n\n\tdef f(x): return x"
    spelled = b"".join(token.spelling for token in engine.score("Ein" + rest).tokens)
    assert spelled == after_the_first(engine, "E", "in" + rest)


def test_what_looks_like_a_special_token_is_read_as_letters(engine: Engine) -> None:
    special = {"llama": "<|im_start|>", "gemma3": "<start_of_turn>"}
    text = special[engine.capabilities.architecture]
    n_bos = len(engine.tokenize(""))
    assert len(engine.tokenize(text, special=True)) == n_bos + 1
    assert len(engine.tokenize(text)) > n_bos + 1


def test_a_sentence_is_likelier_than_its_words_in_disorder(engine: Engine) -> None:
    good = engine.score("The cat sat down on the mat and fell asleep.")
    bad = engine.score("Mat asleep the on down cat fell sat and the.")
    assert good.perplexity < bad.perplexity / 2
    assert (
        len(good.tokens) == len(engine.tokenize("The cat sat down on the mat and fell asleep.")) - 1
    )


def test_logits_agree_with_the_score(engine: Engine) -> None:
    tokens = engine.tokenize("The cat sat down on the mat.")
    rows = engine.logits(tokens)
    assert rows.shape == (len(tokens), engine.capabilities.n_vocab)
    shifted = rows - rows.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    expected = [log_probs[i, token] for i, token in enumerate(tokens[1:])]
    scored = [token.log_prob for token in engine.score("The cat sat down on the mat.").tokens]
    assert scored == pytest.approx(expected, abs=1e-3)


def test_each_token_of_a_text_has_its_rank_and_the_likeliest_ones(engine: Engine) -> None:
    score = engine.score("She opened the door and the the", alternatives=8)
    spelled = b"".join(token.spelling for token in score.tokens)
    assert spelled == after_the_first(engine, "She", " opened the door and the the")
    for token in score.tokens:
        ids, _, log_probs = zip(*token.alternatives, strict=True)
        assert len(ids) == 8
        assert list(log_probs) == sorted(log_probs, reverse=True)
        assert (token.id in ids) == (token.rank < 8)
        assert sum(np.exp(log_probs)) <= 1.0001
    assert score.tokens[-1].rank > score.tokens[1].rank


def test_an_end_is_scored_as_it_is_within_the_whole(engine: Engine) -> None:
    text = STORY + "That night the lamp went out."
    start = text.index("night")
    end = engine.score(text, start=start, alternatives=3).tokens
    whole = engine.score(text, alternatives=3).tokens[-len(end) :]
    assert b"".join(token.spelling for token in end) == b" night the lamp went out."
    assert [token.id for token in end] == [token.id for token in whole]
    for one, other in zip(end, whole, strict=True):
        assert one.log_prob == pytest.approx(other.log_prob, abs=0.3)


def test_a_start_within_a_token_or_a_character_s_bytes_tells_that_token(engine: Engine) -> None:
    text = "The sea was 🙂 and the lighthouse stood."
    for start in (0, 2, 3, 5, 11, 12, 13, 24, len(text) - 1):
        told = b"".join(t.spelling for t in engine.score(text, start=start).tokens)
        asked = text[start:].encode()
        assert told.endswith(asked) or start < len("The"), "nothing precedes the first token"
        if start >= len("The"):
            assert len(told) < len(asked) + max(len(" lighthouse"), len("🙂".encode()))


def test_candidates_for_one_place_cost_only_their_own_tokens(engine: Engine) -> None:
    before, after = STORY * 4, " Then he slept until the morning."
    finished(engine, greedy(before))
    for candidate in ("The lamp was lit.", "Taxes rose sharply in Ohio.", "He was tired."):
        text = before + candidate + after
        last = answers(engine, Scoring(text, start=len(before)))[-1]
        assert isinstance(last, Finished)
        assert (
            last.prompt_tokens - last.reused_tokens <= len(engine.tokenize(candidate + after)) + 2
        )


def test_scoring_takes_nothing_from_the_next_keystroke(engine: Engine) -> None:
    finished(engine, greedy(STORY * 3))
    engine.score(STORY * 3 + "Nothing was the same again.", start=len(STORY) * 3)
    engine.score(STORY * 2 + "And so he left.", start=len(STORY) * 2)
    after = finished(engine, greedy(STORY * 3))
    assert after.prompt_tokens == after.reused_tokens


def test_what_follows_tells_which_candidate_was_meant(engine: Engine) -> None:
    before, after = "She wanted something warm, so she ", ". The kettle began to whistle."
    candidates = ("made a cup of tea", "sold the old car", "counted the sheep")
    scores = {
        each: engine.score(before + each + after, start=len(before + each)).log_likelihood
        for each in candidates
    }
    assert max(scores, key=lambda each: scores[each]) == "made a cup of tea"


def test_a_long_score_comes_in_parts_and_survives_interrupts(engine: Engine) -> None:
    text = STORY * 5
    parts, count = [], 0
    for count, event in enumerate(engine.answer(Scoring(text))):
        if count % 4 == 0:
            engine.interrupt()
        if isinstance(event, Scored):
            parts.append(event)
    assert len(parts) > 5
    ids = [token.id for part in parts for token in part.tokens]
    tokens = engine.tokenize(text)
    assert ids == tokens[-len(ids) :]
    assert len(ids) == len(tokens) - 1


def test_logits_are_no_others_when_requests_take_turns(engine: Engine) -> None:
    """But for rounding: cells of the cache lie elsewhere then."""
    tokens = tuple(engine.tokenize(STORY * 3))
    alone = engine.logits(tokens)
    seen: list[Event | None] = []
    for event in engine.answer(Evaluating(tokens)):
        seen.append(event)
        texts(engine, greedy("It was a letter from my aunt, who", 2))
    between = logits_of(seen, len(tokens))
    assert between.shape == alone.shape
    assert float(np.abs(between - alone).mean()) < 0.2
    assert (between.argmax(axis=1) == alone.argmax(axis=1)).mean() > 0.9


def test_a_dropped_query_leaves_the_engine_usable(engine: Engine) -> None:
    for _ in range(SEQUENCES):  # each round would lose two
        for query in (Scoring(STORY * 2, 40), Evaluating((5,) * 200)):
            steps = engine.answer(query)
            next(steps)
            steps.close()  # type: ignore[attr-defined]
    assert texts(engine, greedy(STORY))[0]


def test_tokens_are_told_in_one_event(engine: Engine) -> None:
    text = "Ein Käse für Zoë – 海 🙂"
    told, last = answers(engine, Tokenizing(text))
    assert isinstance(told, Tokenized)
    assert told.tokens == tuple(engine.tokenize(text))
    assert isinstance(last, Finished)
    special = answers(engine, Tokenizing("<|im_start|>", special=True))[0]
    assert special == Tokenized(tuple(engine.tokenize("<|im_start|>", special=True)))


def test_tokens_are_told_with_where_they_begin(engine: Engine) -> None:
    text = STORY + "Ein Käse für Zoë – 海边的灯塔 🙂🧙‍♀️\n\n\tdef f(x): return x "
    told = answers(engine, Tokenizing(text))[0]
    assert isinstance(told, Tokenized)
    n_bos = len(engine.tokenize(""))
    spelled = [token.spelling for token in engine.score(text).tokens]
    if not n_bos:  # nothing precedes the first token, so it is not scored
        spelled.insert(0, text.encode()[: len(text.encode()) - sum(map(len, spelled))])
    before = [b"".join(spelled[:i]).decode("utf-8", "ignore") for i in range(len(spelled))]
    assert told.starts == (*[0] * n_bos, *map(len, before))
    nothing = answers(engine, Tokenizing(""))[0]
    assert nothing == Tokenized(tuple(engine.tokenize("")), (0,) * n_bos)


def test_an_empty_text_has_the_tokens_that_every_text_begins_with(engine: Engine) -> None:
    nothing = engine.tokenize("")
    assert engine.tokenize("The sea")[: len(nothing)] == nothing


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Scoring(""),
        lambda: Scoring("half \ud83d"),
        lambda: Scoring("short", start=5),
        lambda: Scoring("short", start=-1),
        lambda: Scoring("short", alternatives=1000),
        lambda: Scoring("short", adapters=((Path("voice.gguf"), 2.5),)),
        lambda: Tokenizing("half \ud83d"),
        lambda: Evaluating(()),
        lambda: Evaluating((1,), adapters=((Path("voice.gguf"), -1.0),)),
    ],
)
def test_a_bad_query_is_refused_with_a_sentence(wrong: Callable[[], Query]) -> None:
    with pytest.raises(RequestError, match=r"\.$"):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Scoring(STORY * 40), r"tokens, and the context window holds 1,024\."),
        (Evaluating((1,) * 1025), r"1,025 tokens, and the context window holds 1,024\."),
        (Evaluating((1, 10**9)), r"outside of the vocabulary"),
        (Evaluating((-1,)), r"outside of the vocabulary"),
    ],
)
def test_a_query_that_does_not_fit_the_model_is_refused(
    engine: Engine, wrong: Query, said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        answers(engine, wrong)
    assert engine.score("The sea was calm.").tokens


def test_generated_tokens_have_their_alternatives(engine: Engine) -> None:
    pieces = [e for e in events(engine, greedy(STORY, 10, alternatives=5)) if isinstance(e, Piece)]
    tokens = [token for piece in pieces for token in piece.tokens]
    spelled = b"".join(token.spelling for token in tokens).decode()
    assert "".join(piece.text for piece in pieces) in spelled
    assert all(len(token.alternatives) == 5 for token in tokens)
    assert all(token.rank == 0 for token in tokens[1:])


def test_a_banned_phrase_is_never_written(engine: Engine) -> None:
    (free,) = texts(engine, greedy(STORY, 40))
    words = [word.strip(".,") for word in free.split()]
    banned = tuple({word for word in words[3:12] if len(word) > 2} | {" ".join(words[14:17])})
    (text,) = texts(engine, greedy(STORY, 40, banned=banned))
    assert len(text.split()) > 10
    for phrase in banned:
        assert phrase.lower() not in text.lower()


def test_banning_what_never_comes_changes_nothing(new_engine: Callable[[], Engine]) -> None:
    request = Request(STORY, max_tokens=30, versions=2, sampling=Sampling(seed=3))
    many = tuple(f"tapestry of {n}" for n in range(500))
    banning = Request(STORY, max_tokens=30, versions=2, sampling=Sampling(seed=3), banned=many)
    assert texts(new_engine(), banning) == texts(new_engine(), request)


def test_banning_every_way_ends_the_version(engine: Engine) -> None:
    letters = tuple("abcdefghijklmnopqrstuvwxyz")
    (text,) = texts(engine, greedy(STORY, 8, banned=letters))
    assert not any(letter in text.lower() for letter in letters)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(top_k=0, top_p=0.9, min_p=0.0),
        Sampling(typical_p=0.8),
        Sampling(top_n_sigma=1.0),
        Sampling(xtc_probability=0.5),
        Sampling(dynamic_range=0.5),
        Sampling(mirostat_tau=5.0),
        Sampling(dry_multiplier=0.8),
        Sampling(repeat_penalty=1.2, frequency_penalty=0.2, presence_penalty=0.2),
        Sampling(temperature=0.0, dry_multiplier=0.8),
    ],
)
def test_every_stage_writes_and_repeats_itself_by_seed(
    twins: tuple[Engine, Engine], sampling: Sampling
) -> None:
    request = Request(STORY, max_tokens=16, sampling=sampling)
    one, other = (texts(engine, request) for engine in twins)
    assert len(one[0].split()) > 3
    assert other == one


def test_dry_breaks_a_loop(engine: Engine) -> None:
    loop = "The bell rang. The bell rang. The bell rang. The bell rang. The bell"
    (looping,) = texts(engine, greedy(loop, 12))
    dry = Sampling(temperature=0.0, dry_multiplier=2.0)
    (broken,) = texts(engine, Request(loop, max_tokens=12, sampling=dry))
    assert looping.count("The bell rang") >= 2
    assert broken.count("The bell rang") < looping.count("The bell rang")


def test_xtc_leaves_the_likeliest_out(engine: Engine) -> None:
    """With certainty and no threshold to speak of, the first choice is never taken."""
    sampling = Sampling(xtc_probability=1.0, xtc_threshold=0.01, seed=2)
    pieces = events(engine, Request(STORY + "The", 8, sampling, alternatives=1))
    ranks = [t.rank for e in pieces if isinstance(e, Piece) for t in e.tokens]
    assert sum(rank > 0 for rank in ranks) > len(ranks) / 2


def test_a_bias_forbids_and_forces(engine: Engine) -> None:
    n_bos = len(engine.tokenize(""))
    (lamp,) = engine.tokenize(" lamp")[n_bos:]
    forced = Sampling(temperature=0.0, logit_bias=((lamp, 100.0),))
    assert texts(engine, Request(STORY + "He", 3, forced)) == [" lamp lamp lamp"]
    first = engine.tokenize(texts(engine, greedy(STORY + "He", 1))[0])[n_bos]
    forbidden = Sampling(temperature=0.0, logit_bias=((first, float("-inf")),))
    assert engine.tokenize(texts(engine, Request(STORY + "He", 1, forbidden))[0])[n_bos] != first


def test_a_grammar_is_followed_from_the_first_letter(engine: Engine) -> None:
    grammar = 'root ::= " yes" | " no"'
    for seed in range(4):
        request = Request("Is it raining?", 8, Sampling(seed=seed, top_k=0), grammar=grammar)
        assert texts(engine, request)[0] in (" yes", " no")


def test_a_json_schema_gives_json(engine: Engine) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}}}
    schema["required"] = ["name"]
    request = greedy("A character as JSON:\n", 60, json_schema=json.dumps(schema))
    assert isinstance(json.loads(texts(engine, request)[0])["name"], str)


def test_a_grammar_of_which_all_is_banned_ends_the_version(engine: Engine) -> None:
    request = greedy("Answer:", 8, grammar='root ::= "yes"', banned=("yes",))
    assert texts(engine, request) == [""]
    assert texts(engine, greedy(STORY, 4))[0]


def test_a_grammar_goes_on_where_a_banned_phrase_was_taken_back(engine: Engine) -> None:
    grammar = 'root ::= "The " ("cat" | "dog") " sat."'
    for banned, left in (("dog", "cat"), ("cat", "dog")):
        request = greedy("Once upon a time.", 12, grammar=grammar, banned=(banned,))
        assert texts(engine, request) == [f"The {left} sat."]


@pytest.mark.parametrize(
    "wrong",
    [{"grammar": "root ::= ("}, {"grammar": "leaf ::= [a]"}, {"json_schema": "{not JSON"}],
)
def test_a_bad_grammar_is_refused_with_a_sentence(engine: Engine, wrong: dict[str, str]) -> None:
    with pytest.raises(RequestError, match="can't be"):
        events(engine, greedy(STORY, 4, **wrong))
    assert texts(engine, greedy(STORY, 4))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": 0},
        {"versions": 0},
        {"versions": 99},
        {"stop": ("",)},
        {"banned": ("  ",)},
        {"alternatives": -1},
        {"grammar": "root ::= [a]", "json_schema": "{}"},
        {"prompt": "half \ud83d"},
        {"grammar": 'root ::= "\ud83d"'},
        {"stop": ("\ud83d",)},
        {"sampling": Sampling(dry_multiplier=0.5, dry_breakers=("\ud83d",))},
    ],
)
def test_a_bad_request_is_refused_with_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(RequestError, match=r"\.$"):
        Request(**{"prompt": STORY, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["temperature", "top_p", "min_p", "repeat_penalty", "seed"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_bad_sampling_is_refused_with_a_sentence(field: str, value: float) -> None:
    with pytest.raises(RequestError, match=f"{field} is"):
        Sampling(**{field: value})  # type: ignore[arg-type]
