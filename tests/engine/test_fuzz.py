"""No order of edits, requests, cancels and interrupts changes what the engine says.

`LAMPLIGHT_FUZZ_S=600 pytest tests/engine/test_fuzz.py -k writer -s` keeps on for 600 seconds with
each model instead of about one minute; LAMPLIGHT_FUZZ_SEED=N begins with another session (a
failure names its own), and LAMPLIGHT_FUZZ_SHRINK=1 looks for the shortest way to a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from studio.engine.cache import Cache
from tests.engine.fuzz import SENTENCES, Subject, run
from tests.engine.reference import Disagreement
from tests.gguf_files import write_tiny

MODELS = ("tiny", "default", "gemma")
_SHORT_S = {"tiny": 30.0, "default": 75.0, "gemma": 75.0}
_PAGE = {"tiny": 1400, "default": 700, "gemma": 700}
_LONG_S = float(os.environ.get("LAMPLIGHT_FUZZ_S", "0"))
TEXT = "".join(SENTENCES)


def path_of(model: str, request: pytest.FixtureRequest, folder: Path) -> Path:
    """The file of a model by its name here."""
    if model == "tiny":
        like = request.getfixturevalue("model_path")
        return write_tiny(folder / "tiny.gguf", "llama", like)
    return Path(request.getfixturevalue({"default": "model_path", "gemma": "gemma_path"}[model]))


@pytest.fixture(scope="module", params=MODELS)
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    folder = tmp_path_factory.mktemp("fuzz")
    path = path_of(request.param, request, folder)
    n_threads = 1 if request.param == "tiny" else 2
    subject = Subject.of(path, folder, page=_PAGE[request.param], n_threads=n_threads)
    print(f"\n{request.param}: rounding moves a logit by {subject.noise}, {subject.noise_bent}")
    yield subject
    subject.close()


@pytest.mark.slow
@pytest.mark.timeout(_LONG_S + 400)
def test_whatever_a_writer_does_the_answers_are_a_fresh_engines(
    subject: Subject, request: pytest.FixtureRequest
) -> None:
    model = request.node.callspec.params["subject"]
    try:
        run(subject, _LONG_S or _SHORT_S[model])
    finally:
        found = np.array(subject.differences or [0.0])
        print(f"\n{dict(subject.happened)}")
        print(
            f"differences of {len(found)} tokens in logits: median {np.median(found):.4f}, "
            f"99% {np.percentile(found, 99):.4f}, largest {found.max():.4f}; "
            f"allowed {subject.noise.limit:.4f}"
        )


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["tiny", "default"], indirect=True)
def test_batches_of_two_rows_or_more_give_the_same_bits(subject: Subject) -> None:
    """What makes the reference's chunks of no importance: flash attention is off.

    Gemma's file has weights that llama.cpp arranges anew for the processor (Q4_K), and rows are
    computed in fours there, those left over otherwise: no two sizes of batches agree.
    """
    reference = subject.reference
    tokens = reference.vocabulary.tokenize(TEXT)
    expected = reference.rows(tokens)
    for chunk in (2, 3, 7, 16, 63):
        assert np.array_equal(reference.rows(tokens, chunk=chunk), expected), chunk


def loses_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first token that an edit changed is taken for evaluated."""
    import studio.engine.cache as cache

    right = cache.common

    def wrong(a: list[int], b: list[int]) -> int:
        n = right(a, b)
        return n + 1 if 0 < n < min(len(a), len(b)) else n

    monkeypatch.setattr(cache, "common", wrong)


def ignores_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was evaluated with one set of adapters is used with another."""
    right = Cache.acquire

    def wrong(self: Cache, prompt: list[int], key: object) -> object:
        for sequence in self._sequences:
            sequence.key = key  # type: ignore[assignment]
        return right(self, prompt, key)  # type: ignore[arg-type]

    monkeypatch.setattr(Cache, "acquire", wrong)


def calls_moved_cells_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer out of a window that has moved on is not marked."""
    monkeypatch.setattr("tests.engine.reference._exact", lambda _finished: True)


def never_frees(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled request keeps its sequences."""
    monkeypatch.setattr(Cache, "release", lambda _self, _sequence: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "found"),
    [
        (loses_a_token, "logits|likeliest"),
        (ignores_adapters, "logits|likeliest"),
        (never_frees, "sequences"),
    ],
)
def test_the_fuzz_test_finds_an_engine_that_is_broken(
    subject: Subject,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[pytest.MonkeyPatch], None],
    found: str,
) -> None:
    bug(monkeypatch)
    with pytest.raises(Disagreement, match=found):
        run(subject, 240.0, first_seed=1000)


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["tiny"], indirect=True)
def test_the_fuzz_test_finds_moved_cells_that_are_not_marked(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where rounding is small: a real model thinks nearly the same after a move."""
    calls_moved_cells_exact(monkeypatch)
    with pytest.raises(Disagreement, match=r"logits|likeliest"):
        run(subject, 240.0, first_seed=1000)
