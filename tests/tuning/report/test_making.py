"""A whole report with the real model and an adapter of random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from studio.bench.lora import attention_of, write_lora
from studio.engine import LoadOptions
from studio.engine.llama import LlamaEngine
from studio.tuning.report import (
    Control,
    Limits,
    Measured,
    Passage,
    Report,
    ReportError,
    ReportStopped,
    make_report,
)
from studio.tuning.report.figures import (
    Copied,
    Estimate,
    Forgetting,
    Keystrokes,
    NotMeasured,
    Overlap,
)
from studio.tuning.report.page import as_html, as_text
from tests.tuning import tiny
from tests.tuning.report.made_texts import BREATHLESS, CURT, written_by

LEAST = Limits(
    own_blocks=9,
    control_blocks=8,
    base_samples=1,
    stretches=1,
    stretch_chars=20,
    samples=2,
    after_training=1,
    block_tokens=48,
    sample_words=20,
)
OWN = [
    Passage("One", written_by(BREATHLESS, 2_000, 1)),
    Passage("Two", written_by(BREATHLESS, 1_500, 2)),
]
TRAIN = [Passage("Three", written_by(BREATHLESS, 3_000, 3))]
CONTROLS = [
    Control("Curt", written_by(CURT, 4_000, 4)),
    Control("Leaked", TRAIN[0].text),
    Control("Empty", " \n"),
    Control("Short", written_by(CURT, 60, 5)),
]


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=1024, n_threads=2))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For what needs no words that make sense: it takes a twentieth of the time."""
    return tiny.make("llama, tied", tmp_path_factory.mktemp("tiny"))[1]


@pytest.fixture(scope="module")
def tiny_engine(tiny_path: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(LoadOptions(tiny_path, n_ctx=4096, n_threads=2))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def tiny_adapter(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adapter") / "random.gguf"
    return write_lora(path, *attention_of(tiny_path), strength=1.0)


@pytest.fixture(scope="module")
def adapter(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adapter") / "random.gguf"
    return write_lora(path, *attention_of(model_path), strength=1.0)


@pytest.mark.slow
def test_a_random_adapter_is_reported_as_the_harm_it_is(engine: LlamaEngine, adapter: Path) -> None:
    told: list[tuple[float, str]] = []
    report = make_report(
        engine,
        adapter=adapter,
        own=OWN,
        train=TRAIN,
        controls=CONTROLS,
        limits=LEAST,
        on_progress=lambda fraction, what: told.append((fraction, what)),
    )
    assert report.verdict.startswith("Tuning did harm")
    assert report.perplexity.own.n_blocks == 9
    assert report.perplexity.own.ratio.is_above(1)
    assert [control.name for control in report.perplexity.controls] == ["Curt"]
    assert isinstance(report.perplexity.personal, Estimate)
    assert any("‘Leaked’ was left out" in note for note in report.notes)
    assert any("‘Empty’ was left out" in note for note in report.notes)
    assert any("‘Short’ was left out" in note for note in report.notes)
    assert isinstance(report.forgetting, Forgetting)
    assert report.forgetting.divergence.value > 0.01
    assert isinstance(report.keystrokes, Keystrokes)
    assert isinstance(report.style, NotMeasured)
    assert isinstance(report.copied, Copied)
    assert isinstance(report.copied.after_training, Overlap)
    assert isinstance(report.variety, NotMeasured)
    assert len(report.samples) == 2
    assert report.samples[0].base != report.samples[0].tuned
    assert Report.from_json(report.to_json()) == report
    assert "random" in as_html(report)
    assert as_text(report)

    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert len({what for _, what in told}) >= 5


def test_an_adapter_without_strength_did_not_help(
    tiny_engine: LlamaEngine, tiny_adapter: Path
) -> None:
    report = make_report(
        tiny_engine, adapter=tiny_adapter, own=OWN, train=TRAIN, strength=0.0, limits=LEAST
    )
    assert report.perplexity.own.ratio.value == pytest.approx(1.0, abs=1e-3)
    assert "helped:" not in report.verdict
    assert isinstance(report.forgetting, Forgetting)
    assert report.forgetting.divergence.value == pytest.approx(0.0, abs=1e-4)
    assert report.samples[0].base == report.samples[0].tuned


class _Counting:
    """An engine that knows how often it was asked to work."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine, self.n_asked = engine, 0

    def __getattr__(self, name: str) -> object:
        if name in ("score", "logits", "stream"):
            self.n_asked += 1
        return getattr(self._engine, name)


def test_one_that_was_stopped_goes_on_where_it_was(
    tiny_engine: LlamaEngine, tiny_adapter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "measured.jsonl"
    limits = Limits(4, 0, 1, 1, 12, 1, 1, block_tokens=32, sample_words=8)
    made = datetime(2026, 1, 1, tzinfo=UTC)

    def report(measured: Measured | None, stop: Callable[[], bool]) -> tuple[Report, int]:
        counting: Any = _Counting(tiny_engine)
        found = make_report(
            counting,
            adapter=tiny_adapter,
            own=OWN,
            train=TRAIN,
            limits=limits,
            stop=stop,
            made=made,
            measured=measured,
        )
        return found, counting.n_asked

    whole, n_whole = report(None, lambda: False)
    for n_pieces in (2, 5):  # within what is read, and after a sample of the base

        def stop(n: int = n_pieces) -> bool:
            return path.exists() and path.read_bytes().count(b'"of"') >= n

        with pytest.raises(ReportStopped):
            report(Measured(path), stop)
    kept = path.read_bytes()
    path.write_bytes(kept + b'{"of": "cut o')  # by a power cut
    resumed, n_resumed = report(Measured(path), lambda: False)
    assert n_resumed <= n_whole - (4 * 2 + 3), "neither the blocks nor the sample again"
    # Not to the last bit: what an engine read before changes how it rounds.
    assert resumed.perplexity.own.tuned.nats_per_token == pytest.approx(
        whole.perplexity.own.tuned.nats_per_token, abs=1e-3
    )
    again, n_again = report(Measured(path), lambda: False)
    assert again == resumed
    assert n_again == 0


@pytest.mark.parametrize("text", ["", " \n ", "\n\n"])
def test_without_held_out_text_there_is_no_report(
    engine: LlamaEngine, adapter: Path, text: str
) -> None:
    with pytest.raises(ReportError, match="held-out"):
        make_report(engine, adapter=adapter, own=[Passage("One", text)], train=TRAIN)


def test_held_out_text_that_was_trained_on_is_told(engine: LlamaEngine, adapter: Path) -> None:
    report = make_report(
        engine,
        adapter=adapter,
        own=[TRAIN[0]],
        train=TRAIN,
        limits=Limits(1, 0, 0, 0, 30, 0, 0, block_tokens=32),
    )
    assert any("stands in the training text" in note for note in report.notes)
    assert report.verdict.startswith("Too little to tell")
