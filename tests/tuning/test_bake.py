"""An adapter baked into a copy of its base by a process of its own, from the file that is used."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from studio.engine import LoadOptions
from studio.engine.llama import LlamaEngine
from studio.engine.quantize import file_type_of
from studio.tuning import bake
from studio.tuning.bake import Bake, BakeError, BakeStopped, read_pairs
from studio.tuning.base import inspect
from studio.tuning.parity import compare
from tests.gguf_files import write_lora
from tests.tuning import tiny

TEXT = "The lamp in the window had been burning since dusk, and nobody had come. " * 3


@pytest.fixture(scope="module", params=["llama, tied", "gemma 3", "qwen 3"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(request.param, tmp_path_factory.mktemp("tiny"))[1]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make("llama, tied", tmp_path_factory.mktemp("llama"))[1]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in which nothing may be left but what was asked for."""
    folder = tmp_path / "models"
    folder.mkdir()
    yield folder
    assert [each.name for each in folder.iterdir() if each.name.startswith(".")] == []


def logits(model: Path, *adapters: tuple[Path, float]) -> np.ndarray:
    with closing(LlamaEngine(LoadOptions(model, n_ctx=512, n_threads=1))) as engine:
        return engine.logits(engine.tokenize(TEXT)[:120], adapters=adapters)


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_the_copy_writes_as_the_base_with_the_adapter(
    base: Path, strength: float, tmp_path: Path, place: Path
) -> None:
    adapter = write_lora(tmp_path / "voice.gguf", like=base)
    told = list(Bake(adapter, base, place / "new.gguf", strength).run())
    assert told == sorted(told)
    assert told[-1] == 1.0
    plain, expected = logits(base), logits(base, (adapter, strength))
    assert compare(expected, plain).nats > 0.01, "the adapter does something"
    assert compare(expected, logits(place / "new.gguf")).nats < 1e-5


def test_alpha_and_rank_scale_it_as_llama_cpp_does(llama: Path, tmp_path: Path) -> None:
    adapter = write_lora(tmp_path / "voice.gguf", like=llama, rank=4)
    content = adapter.read_bytes()
    at = content.index(b"adapter.lora.alpha") + len(b"adapter.lora.alpha") + 4
    for alpha, scale in ((16.0, 4.0), (0.0, 1.0)):
        changed = content[:at] + np.float32(alpha).tobytes() + content[at + 4 :]
        (tmp_path / "other.gguf").write_bytes(changed)
        plain = read_pairs(adapter, inspect(llama))
        for weight, pair in read_pairs(tmp_path / "other.gguf", inspect(llama)).items():
            assert np.allclose(pair.b, plain[weight].b * scale)


@pytest.mark.slow
def test_a_quantized_model_gives_a_copy_of_its_own_kind(
    model_path: Path, tmp_path: Path, place: Path
) -> None:
    adapter = write_lora(tmp_path / "voice.gguf", strength=2.0)
    *_, done = Bake(adapter, model_path, place / "new.gguf").run()
    assert done == 1.0
    assert file_type_of(place / "new.gguf") == file_type_of(model_path)
    plain, expected = logits(model_path), logits(model_path, (adapter, 1.0))
    baked = logits(place / "new.gguf")
    # Rounding to four bits anew is the same kind of loss that the base has.
    assert compare(expected, baked).nats < compare(expected, plain).nats / 4


def test_what_can_not_be_baked_costs_a_sentence_and_leaves_nothing(
    llama: Path, tmp_path: Path, place: Path, model_path: Path
) -> None:
    adapter = write_lora(tmp_path / "voice.gguf", like=llama)
    there = place / "there.gguf"
    there.write_text("mine")
    other_hash = write_lora(tmp_path / "other.gguf", like=llama, base=("00" * 32, "its-base.gguf"))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(adapter.read_bytes()[:-5000])
    big = write_lora(tmp_path / "big.gguf")
    for which, base, target, says in (
        (adapter, llama, there, "‘there.gguf’ already"),
        (adapter, llama, place / "no" / "new.gguf", "can't be written"),
        (adapter, tmp_path / "gone.gguf", place / "new.gguf", "There is no file"),
        (tmp_path / "gone.gguf", llama, place / "new.gguf", "There is no adapter file"),
        (other_hash, llama, place / "new.gguf", "made for ‘its-base.gguf’"),
        (cut, llama, place / "new.gguf", "damaged"),
        (big, llama, place / "new.gguf", "does not fit"),
        (llama, llama, place / "new.gguf", "not a LoRA adapter"),
    ):
        with pytest.raises(BakeError, match=says):
            list(Bake(which, base, target).run())
    assert there.read_text() == "mine"
    assert list(place.iterdir()) == [there]


def test_an_adapter_that_remembers_its_base_is_baked_into_it(
    llama: Path, tmp_path: Path, place: Path
) -> None:
    known = hashlib.sha256(llama.read_bytes()).hexdigest(), llama.name
    adapter = write_lora(tmp_path / "voice.gguf", like=llama, base=known)
    *_, done = Bake(adapter, llama, place / "new.gguf").run()
    assert done == 1.0
    assert (place / "new.gguf").is_file()


def test_too_little_room_is_seen_beforehand(
    llama: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(place)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(BakeError, match=r"Baking needs 0\.0 GB in .* are free"):
        bake._refuse_for_want_of_room(inspect(llama), place / "new.gguf")


def test_without_what_it_needs_it_says_what_to_do(
    llama: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bake, "_NEEDED", ("gguf", "no_such_package"))
    with pytest.raises(BakeError, match=r"Baking needs no_such_package.*make run"):
        list(Bake(llama, llama, place / "new.gguf").run())


@pytest.mark.slow
def test_it_can_be_stopped_and_leaves_nothing(
    model_path: Path, tmp_path: Path, place: Path
) -> None:
    adapter = write_lora(tmp_path / "voice.gguf")
    at_once = Bake(adapter, model_path, place / "new.gguf")
    at_once.stop()
    with pytest.raises(BakeStopped, match="Stopped"):
        list(at_once.run())
    for when in (0.1, 0.6):  # while it is added, and while it is made smaller
        making = Bake(adapter, model_path, place / "new.gguf")
        with pytest.raises(BakeStopped):
            _stopped_after(making, when)
        assert list(place.iterdir()) == []


@pytest.mark.slow
def test_nobody_who_waits_for_it_is_as_good_as_a_stop(
    model_path: Path, tmp_path: Path, place: Path
) -> None:
    steps = Bake(write_lora(tmp_path / "voice.gguf"), model_path, place / "new.gguf").run()
    assert next(steps) > 0
    assert list(place.iterdir()) != []
    steps.close()  # type: ignore[attr-defined]
    assert list(place.iterdir()) == []


def _stopped_after(making: Bake, when: float) -> None:
    for done in making.run():
        if done > when:
            making.stop()
