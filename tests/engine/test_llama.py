"""What the llama.cpp engine does beyond the contract: adapters, long texts, both sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as C
import pytest

from studio.engine import (
    GREEDY,
    Finished,
    LoadOptions,
    ModelFileError,
    Piece,
    Priority,
    Request,
    RequestError,
    Token,
)
from studio.engine.llama import LlamaEngine
from tests.gguf_files import write_lora, write_with_metadata

STORY = (
    "The keeper climbed the stairs of the lighthouse every evening, and every evening he "
    "counted them: one hundred and twelve, worn hollow by those who had climbed before him. "
)


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(tmp_path_factory.mktemp("lora") / "voice.gguf")


def answer(engine: LlamaEngine, prompt: str, **more: object) -> tuple[str, Finished]:
    request = Request(prompt, max_tokens=12, sampling=GREEDY, **more)  # type: ignore[arg-type]
    text, last = "", None
    for event in engine.stream(request):
        if isinstance(event, Piece):
            text += event.text
        last = event
    assert isinstance(last, Finished)
    return text, last


def alone(model_path: Path, prompt: str, **more: object) -> str:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
    try:
        return answer(engine, prompt, **more)[0]
    finally:
        engine.close()


def test_an_adapter_changes_the_text_and_its_removal_brings_it_back(
    engine: LlamaEngine, lora: Path
) -> None:
    plain, _ = answer(engine, STORY)
    bent, _ = answer(engine, STORY, adapters=((lora, 2.0),))
    again, finished = answer(engine, STORY)
    assert bent != plain
    assert again == plain
    assert finished.reused_tokens == finished.prompt_tokens, "the base's cache was kept"


def test_nothing_evaluated_without_an_adapter_is_used_with_it(
    engine: LlamaEngine, model_path: Path, lora: Path
) -> None:
    """Old keys and values would silently take most of the adapter's effect away."""
    answer(engine, STORY + "At night")
    text, finished = answer(engine, STORY + "At night", adapters=((lora, 1.5),))
    assert finished.reused_tokens == 0
    assert text == alone(model_path, STORY + "At night", adapters=((lora, 1.5),))


def test_each_strength_has_a_cache_of_its_own(engine: LlamaEngine, lora: Path) -> None:
    for strength in (0.5, 1.0, 0.5, 1.0):
        _, finished = answer(engine, STORY, adapters=((lora, strength),))
    assert finished.reused_tokens == finished.prompt_tokens


def test_strength_zero_is_the_base(engine: LlamaEngine, lora: Path) -> None:
    plain, _ = answer(engine, STORY)
    assert answer(engine, STORY, adapters=((lora, 0.0),))[0] == plain


def test_a_text_is_scored_and_evaluated_with_its_adapters(engine: LlamaEngine, lora: Path) -> None:
    text, with_lora = STORY + "At night he slept.", ((lora, 2.0),)
    plain = engine.score(text, start=len(STORY))
    bent = engine.score(text, start=len(STORY), adapters=with_lora)
    assert abs(bent.log_likelihood - plain.log_likelihood) > 0.1
    assert engine.score(text, start=len(STORY)) == plain
    tokens = engine.tokenize(text)
    base, adapted = engine.logits(tokens), engine.logits(tokens, adapters=with_lora)
    assert abs(adapted - base).max() > 0.1
    assert (engine.logits(tokens) == base).all(), "bit for bit, after the adapter is gone"


def test_an_adapter_that_was_written_anew_is_read_anew(model_path: Path, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "voice.gguf", seed=1)
    used = ((path, 1.0),)
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
    try:
        first, _ = answer(engine, STORY, adapters=used)
        write_lora(tmp_path / "next.gguf", seed=2).replace(path)
        second, _ = answer(engine, STORY, adapters=used)
        assert second != first
        assert second == alone(model_path, STORY, adapters=used)
        path.unlink()
        assert answer(engine, STORY, adapters=used)[0] == second, "it is in memory"
    finally:
        engine.close()


def test_two_requests_with_different_adapters_may_take_turns(
    engine: LlamaEngine, model_path: Path, lora: Path
) -> None:
    prompts = {(): STORY + "The sea", ((lora, 2.0),): STORY + "The wind"}
    running = {
        key: engine.stream(Request(prompt, max_tokens=10, sampling=GREEDY, adapters=key))
        for key, prompt in prompts.items()
    }
    texts = dict.fromkeys(prompts, "")
    while running:
        for key, stream in list(running.items()):
            event = next(stream, "over")
            if isinstance(event, Piece):
                texts[key] += event.text
            elif event == "over":
                del running[key]
    assert texts[()].split()[:3] == alone(model_path, prompts[()]).split()[:3]
    with_lora = ((lora, 2.0),)
    expected = alone(model_path, prompts[with_lora], adapters=with_lora)
    assert texts[with_lora].split()[:3] == expected.split()[:3]


def test_a_bad_adapter_is_refused_with_a_sentence(
    engine: LlamaEngine, model_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match="There is no adapter file"):
        answer(engine, STORY, adapters=((tmp_path / "gone.gguf", 1.0),))
    with pytest.raises(ModelFileError, match="is not a LoRA adapter"):
        answer(engine, STORY, adapters=((model_path, 1.0),))
    with pytest.raises(ModelFileError, match="does not fit this model"):
        answer(engine, STORY, adapters=((write_lora(tmp_path / "big.gguf", n_embd=640), 1.0),))
    with pytest.raises(RequestError, match=r"strength of ‘a\.gguf’ is 3"):
        Request(STORY, adapters=((Path("a.gguf"), 3.0),))
    with pytest.raises(ModelFileError, match="There is no adapter file"):
        engine.score(STORY, adapters=((tmp_path / "gone.gguf", 1.0),))
    assert answer(engine, STORY)[0]


def paragraphs(n: int) -> list[str]:
    return [f"{i}. On day {i * 7} the keeper wrote of wind {i % 12} and rain." for i in range(n)]


def test_a_window_that_moves_on_evaluates_only_what_is_new(model_path: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
    text = paragraphs(40)
    answer(engine, "\n\n".join(text[:30]))
    before = engine.evaluated_tokens
    _, finished = answer(engine, "\n\n".join(text[10:31]))
    assert not finished.exact
    assert finished.prompt_tokens - finished.reused_tokens < 40
    assert engine.evaluated_tokens - before < 60
    engine.close()


def first_token(engine: LlamaEngine, prompt: str) -> tuple[Token, bool]:
    request = Request(prompt, max_tokens=1, sampling=GREEDY, alternatives=8, heal=False)
    events = list(engine.stream(request))
    (token,) = (e.tokens[0] for e in events if isinstance(e, Piece))
    assert isinstance(events[-1], Finished)
    return token, events[-1].exact


def test_after_the_window_moved_the_model_thinks_nearly_the_same(model_path: Path) -> None:
    text = paragraphs(40)
    moved_on = "\n\n".join(text[10:31]) + " On that day the keeper"
    fresh, engine = (LlamaEngine(LoadOptions(model_path, n_ctx=1024)) for _ in range(2))
    answer(engine, "\n\n".join(text[:30]))
    moved, exact = first_token(engine, moved_on)
    assert not exact
    expected, exact = first_token(fresh, moved_on)
    assert exact
    likely = {id_: log_prob for id_, _, log_prob in expected.alternatives}
    assert moved.id in likely
    assert moved.log_prob == pytest.approx(likely[moved.id], abs=0.7)
    for each in (fresh, engine):
        each.close()


def test_an_interrupt_while_the_window_moves_changes_nothing(model_path: Path) -> None:
    """Cut short, llama.cpp would move the same cells again."""
    text = paragraphs(40)
    moved_on = "\n\n".join(text[10:31]) + " On that day the keeper"
    tokens = []
    for interrupts in (False, True):
        engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
        answer(engine, "\n\n".join(text[:30]))
        if interrupts:
            engine.interrupt()
        tokens.append(first_token(engine, moved_on))
        engine.close()
    assert tokens[0] == tokens[1]
    assert not tokens[0][1]


def test_cells_that_another_text_shares_are_never_moved_under_it(model_path: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
    text = paragraphs(30)
    whole = "\n\n".join(text)
    stream = engine.stream(Request(whole, max_tokens=30, sampling=GREEDY))
    written = ""
    for event in stream:
        if isinstance(event, Piece):
            written += event.text
            break
    answer(engine, "\n\n".join(text[10:]))
    for event in stream:
        if isinstance(event, Piece):
            written += event.text
    assert written[:20] == alone(model_path, whole)[:20]
    engine.close()


def test_undoing_an_edit_evaluates_nothing_again(model_path: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
    text = paragraphs(30)
    edited = ["It was summer.", *text[20:]]
    expected, _ = answer(engine, "\n\n".join(text))
    answer(engine, "\n\n".join(text[:10] + edited))
    again, finished = answer(engine, "\n\n".join(text))
    assert finished.prompt_tokens == finished.reused_tokens
    assert again == expected
    engine.close()


def test_what_is_put_aside_comes_back_bit_for_bit(model_path: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
    texts = ["\n\n".join(paragraphs(30)), STORY * 3]
    firsts = [first_token(engine, text) for text in texts]
    list(engine.catch_up())
    for text, first in zip(texts, firsts, strict=True):
        before = engine.evaluated_tokens
        assert first_token(engine, text) == first
        assert engine.evaluated_tokens - before <= 1
    engine.close()


def test_going_on_as_the_model_said_evaluates_nothing(engine: LlamaEngine) -> None:
    prompt = STORY + "In the evening"
    text, _ = answer(engine, prompt)
    words = text.split(" ")
    taken = prompt + " ".join(words[:3])
    before = engine.evaluated_tokens
    request = Request(taken, max_tokens=1, sampling=GREEDY)
    told = "".join(e.text for e in engine.stream(request) if isinstance(e, Piece))
    assert text.removeprefix(" ".join(words[:3])).startswith(told)
    assert engine.evaluated_tokens == before


def test_letters_of_an_unlikely_word_evaluate_each_piece_once(engine: LlamaEngine) -> None:
    """ " zyx" is spelled with several tokens; each is evaluated when it is first needed."""
    word = " zyxopha"
    costs = []
    for n in range(2, len(word) + 1):
        before = engine.evaluated_tokens
        list(engine.stream(Request(STORY + word[:n], max_tokens=1, sampling=GREEDY)))
        costs.append(engine.evaluated_tokens - before)
    assert sum(costs) <= len(word) + 4


def inline(prompt: str, **more: object) -> Request:
    return Request(prompt, max_tokens=8, sampling=GREEDY, priority=Priority.INLINE, **more)  # type: ignore[arg-type]


def test_after_a_swap_the_first_suggestion_reads_only_the_end(model_path: Path, lora: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=2048))
    text = "\n\n".join(paragraphs(70))
    adapters = ((lora, 1.0),)
    total = len(engine.tokenize(text))
    assert total > 1200
    list(engine.stream(inline(text)))
    before = engine.evaluated_tokens
    *_, near = engine.stream(inline(text + " The", adapters=adapters))
    assert isinstance(near, Finished)
    assert not near.exact
    assert engine.evaluated_tokens - before < 600
    before = engine.evaluated_tokens
    *_, next_near = engine.stream(inline(text + " The keeper", adapters=adapters))
    assert isinstance(next_near, Finished)
    assert not next_near.exact
    assert engine.evaluated_tokens - before < 20, "the end is evaluated once"
    list(engine.catch_up())
    text_now = text + " The keeper wrote"
    said, finished = answer(engine, text_now, priority=Priority.INLINE, adapters=adapters)
    assert finished.exact
    assert finished.prompt_tokens - finished.reused_tokens < 8
    fresh = LlamaEngine(LoadOptions(model_path, n_ctx=2048))
    assert said == answer(fresh, text_now, adapters=adapters)[0]
    for each in (engine, fresh):
        each.close()


def test_the_base_comes_back_bit_for_bit_after_an_adapter(model_path: Path, lora: Path) -> None:
    """Both engines do the same, so that cells lie alike; one of them with an adapter between."""
    last = []
    for adapters in ((), ((lora, 2.0),)):
        engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024))
        tokens = engine.tokenize(STORY)
        engine.logits(tokens)
        list(engine.stream(Request("A letter came.", 4, GREEDY, adapters=adapters)))
        last.append(engine.logits(tokens))
        engine.close()
    assert (last[0] == last[1]).all()


def test_a_model_that_can_fill_in_reads_both_sides(model_path: Path, tmp_path: Path) -> None:
    """The default model cannot; its file with three tokens named so shows the arrangement."""
    path = write_with_metadata(
        model_path,
        tmp_path / "infill.gguf",
        tokenizer__ggml__fim_pre_token_id=3,
        tokenizer__ggml__fim_suf_token_id=4,
        tokenizer__ggml__fim_mid_token_id=5,
    )
    engine = LlamaEngine(LoadOptions(path, n_ctx=1024))
    assert engine.capabilities.can_infill
    _, plain = answer(engine, "def f(x):\n    ")
    _, both = answer(engine, "def f(x):\n    ", suffix="\n    return y\n")
    suffix = engine.tokenize("\n    return y\n")
    assert both.prompt_tokens == plain.prompt_tokens + len(suffix) + 3
    engine.close()


def test_a_model_that_cannot_fill_in_continues_the_prompt(engine: LlamaEngine) -> None:
    assert not engine.capabilities.can_infill
    plain, _ = answer(engine, STORY)
    assert answer(engine, STORY, suffix=" The end.")[0] == plain


def test_quantized_keys_and_values_need_half_the_memory_and_still_write(model_path: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024, kv_type="q8_0"))
    text, _ = answer(engine, STORY)
    assert len(text.split()) > 5
    engine.close()


def test_a_model_says_what_it_runs_on(engine: LlamaEngine) -> None:
    """The log of loading is longer than one would think, and says it near its beginning."""
    capabilities = engine.capabilities
    assert capabilities.layers == (("CPU", 31),)
    assert capabilities.gpu_layers == 0
    assert capabilities.threads_measured
    assert f"{capabilities.n_threads} thread" in capabilities.device
    assert not capabilities.flash_attention


def threads(engine: LlamaEngine) -> tuple[int, int]:
    """What llama.cpp was told: for one row, and for several."""
    context = engine._context
    assert context is not None
    return C.llama_n_threads(context.handle), C.llama_n_threads_batch(context.handle)


def test_threads_change_between_two_batches_and_never_within_one(model_path: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=512, n_threads=5))
    stream = engine.stream(Request(STORY * 4, max_tokens=20, sampling=GREEDY))
    next(stream)
    assert threads(engine) == (5, 5)
    engine.spare(True)
    assert threads(engine) == (5, 5), "a batch could be under way"
    assert engine.capabilities.n_threads == 2
    assert engine.capabilities.device == "CPU, 2 threads"
    next(stream)
    assert threads(engine) == (2, 2)
    engine.spare(False)
    assert len(list(stream)) > 10
    assert threads(engine) == (5, 5)
    assert engine.capabilities.n_threads == 5
    engine.close()


def test_one_thread_is_the_least(model_path: Path) -> None:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=512, n_threads=1))
    engine.spare(True)
    assert answer(engine, STORY)[0]
    assert threads(engine) == (1, 1)
    engine.close()


def test_threads_set_by_hand_are_not_measured_and_attention_may_be_forced(model_path: Path) -> None:
    options = LoadOptions(model_path, n_ctx=512, n_threads=1, flash_attention="on")
    engine = LlamaEngine(options)
    assert engine.capabilities.n_threads == 1
    assert not engine.capabilities.threads_measured
    assert engine.capabilities.flash_attention
    engine.close()
