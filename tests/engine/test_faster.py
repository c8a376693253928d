"""Copies that are read faster: the same model, in the place of its file, and never in its way."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from studio.engine import GREEDY, LoadOptions, Piece, Request, faster
from studio.engine.client import EngineClient
from studio.engine.faster import SOURCE_HASH, Copies, slow_format, source_of
from studio.engine.gguf_header import read_metadata
from studio.engine.llama import LlamaEngine
from studio.engine.quantize import QuantizeError
from studio.library.adapters import Hashes
from tests.gguf_files import write_lora

STORY = (
    "The keeper climbed the stairs of the lighthouse every evening, and every evening he "
    "counted them: one hundred and twelve, worn hollow by those who had climbed before him. "
)


@pytest.fixture(scope="module")
def made(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a copy of the default model that was found to be faster."""
    folder = tmp_path_factory.mktemp("copies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faster, "_measured", lambda *_: iter([(1.0, 1.9)]))
        told = list(Copies([folder]).make(model_path))
    assert told == sorted(told)
    assert told[-1] == 1.0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def source(model_path: Path, tmp_path: Path) -> Path:
    """A file of the writer's own, in the slow format of the default model."""
    path = tmp_path / "own.gguf"
    os.link(model_path, path) if _same_disk(model_path, tmp_path) else shutil.copy(model_path, path)
    return path


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def copied(folder: Path, into: Path) -> Path:
    """The folder again, to be damaged."""
    return Path(shutil.copytree(folder, into / "again"))


def test_the_copy_is_the_same_model(model_path: Path, made: Path) -> None:
    source, copy = (
        LlamaEngine(LoadOptions(model_path, n_ctx=512, copies=copies)) for copies in ((), (made,))
    )
    try:
        assert source.capabilities.copy is None
        assert copy.capabilities.copy is not None
        assert copy.capabilities.copy.parent == made
        assert copy.capabilities.path == source.capabilities.path == model_path
        assert copy.capabilities.name == source.capabilities.name
        tokens = source.tokenize(STORY)
        assert copy.tokenize(STORY) == tokens
        rows = [engine.logits(tokens).astype(np.float64) for engine in (source, copy)]
        one, other = (row - np.logaddexp.reduce(row, axis=1, keepdims=True) for row in rows)
        divergence = (np.exp(one) * (one - other)).sum(axis=1)
        assert divergence.mean() < 0.02
        perplexities = [engine.score(STORY).perplexity for engine in (source, copy)]
        assert perplexities[1] == pytest.approx(perplexities[0], rel=0.02)
    finally:
        source.close()
        copy.close()


def test_an_adapter_of_the_source_fits_the_copy(
    model_path: Path, made: Path, tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", like=model_path, seed=1, strength=0.3)
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=512, copies=(made,)))
    try:
        plain, bent = (
            "".join(
                event.text
                for event in engine.stream(Request(STORY, 12, GREEDY, adapters=adapters))
                if isinstance(event, Piece)
            )
            for adapters in ((), ((lora, 1.5),))
        )
    finally:
        engine.close()
    assert plain
    assert bent
    assert plain != bent


def test_the_copy_knows_its_source_and_goes_by_its_hash(
    model_path: Path, made: Path, tmp_path: Path
) -> None:
    copy = Copies([made]).find(model_path)
    assert copy
    assert source_of(copy) == Hashes(None).of(model_path) == Hashes(None).of(copy)
    assert read_metadata(copy, ["general.architecture"])["general.architecture"] == "llama"
    assert source_of(model_path) == source_of(tmp_path / "none.gguf") == ""
    assert copy.stat().st_mode & 0o777 == model_path.stat().st_mode & 0o777


def test_it_is_known_which_files_are_slow(model_path: Path, made: Path, tmp_path: Path) -> None:
    assert slow_format(model_path) == "Q4_1"
    copy = Copies([made]).find(model_path)
    assert copy
    assert slow_format(copy) == ""
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF" + b"\xff" * 40)
    assert slow_format(tmp_path / "damaged.gguf") == slow_format(tmp_path / "none.gguf") == ""


def test_a_copy_that_is_not_faster_is_not_kept(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copies"
    copies = Copies([folder])
    assert copies.undecided(source)
    monkeypatch.setattr(faster, "_measured", lambda *_: iter([(1.0, 1.05)]))
    list(copies.make(source))
    assert [path.name for path in folder.iterdir()] == ["copies.json"]
    assert copies.find(source) is None
    assert not copies.undecided(source)


def test_both_are_really_measured(model_path: Path, tmp_path: Path) -> None:
    """Which is faster depends on the machine; that there is a verdict does not."""
    copies = Copies([tmp_path])
    list(copies.make(model_path))
    verdict = copies.verdict(model_path)
    assert verdict
    assert 0.05 < verdict.ratio < 50
    assert bool(verdict.copy) == (verdict.ratio >= 1.1) == bool(copies.find(model_path))
    assert not copies.undecided(model_path)


def test_one_that_is_dropped_half_way_leaves_nothing(source: Path, tmp_path: Path) -> None:
    copies = Copies([tmp_path / "copies"])
    steps = copies.make(source)
    next(steps)
    steps.close()
    assert list((tmp_path / "copies").iterdir()) == []
    assert copies.undecided(source)


def test_a_file_that_was_written_anew_is_another_one(
    made: Path, source: Path, tmp_path: Path
) -> None:
    folder = copied(made, tmp_path)
    known = json.loads((folder / "copies.json").read_text())
    (entry,) = known.values()
    status = source.stat()
    key = f"own.gguf {status.st_size} {status.st_mtime_ns}, {os.cpu_count()} processors"
    (folder / "copies.json").write_text(json.dumps({key: entry}))
    copies = Copies([folder])
    assert copies.find(source)
    source.unlink()
    source.write_bytes(b"GGUF, and something else")
    assert copies.find(source) is None


def test_a_damaged_record_or_copy_is_the_same_as_none(
    model_path: Path, made: Path, tmp_path: Path
) -> None:
    folder = copied(made, tmp_path)
    copies = Copies([folder])
    copy = copies.find(model_path)
    assert copy
    record = (folder / "copies.json").read_text()
    outside = json.loads(record)
    next(iter(outside.values()))["copy"] = "../again/" + copy.name
    damaged = ("", "{", "[]", "null", '{"x": 1}', record.replace('"copy"', '"kopy"'))
    for said in (*damaged, json.dumps(outside)):
        (folder / "copies.json").write_text(said)
        assert copies.find(model_path) is None
        assert copies.undecided(model_path)
    (folder / "copies.json").write_text(record)
    assert copies.find(model_path) == copy
    with copy.open("r+b") as file:
        file.truncate(copy.stat().st_size - 1)
    assert copies.find(model_path) is None
    copy.unlink()
    assert copies.undecided(model_path)


def test_a_copy_that_can_not_be_loaded_costs_nothing_but_its_speed(
    model_path: Path, made: Path, tmp_path: Path
) -> None:
    folder = copied(made, tmp_path)
    copy = Copies([folder]).find(model_path)
    assert copy
    size = copy.stat().st_size
    with copy.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4_000_000)  # weights that are no numbers
    engine = LlamaEngine(LoadOptions(model_path, n_ctx=512, copies=(folder,)))
    try:
        assert engine.capabilities.copy is None
        assert np.isfinite(engine.logits(engine.tokenize(STORY))).all()
    finally:
        engine.close()


def test_a_copy_that_ends_the_worker_costs_nothing_but_its_speed_either(
    model_path: Path, made: Path, tmp_path: Path
) -> None:
    """The number of attention heads is zero: llama.cpp divides by it or asserts."""
    folder = copied(made, tmp_path)
    copy = Copies([folder]).find(model_path)
    assert copy
    key = b"llama.attention.head_count"
    whole = copy.read_bytes()
    at = whole.index(key) + len(key) + 4
    copy.write_bytes(whole[:at] + bytes(4) + whole[at + 4 :])
    assert Copies([folder]).find(model_path) == copy
    client = EngineClient()
    try:
        capabilities = client.open(LoadOptions(model_path, n_ctx=512, copies=(folder,)))
        assert capabilities.copy is None
        assert client.tokenize("The keeper")
    finally:
        client.close()


def test_the_writers_own_verdict_counts_for_more_than_that_of_the_set_up(
    model_path: Path, made: Path, tmp_path: Path
) -> None:
    copies = Copies([tmp_path / "own", made])
    assert copies.find(model_path)
    copies.decline(model_path)
    assert copies.find(model_path) is None
    assert not copies.undecided(model_path)
    assert Copies([made]).find(model_path), "that of all others is left alone"


def test_a_copy_that_is_declined_is_removed(model_path: Path, made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path)
    Copies([folder]).decline(model_path)
    assert [path.name for path in folder.iterdir()] == ["copies.json"]


def test_what_was_left_behind_is_swept_and_nothing_else(
    model_path: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(made, tmp_path)
    kept = {path.name for path in folder.iterdir()}
    for name in (".old.1.trial", ".old.part", "unrecorded.gguf", ".new.2.trial"):
        (folder / name).write_bytes(b"GGUF")
        if "new" not in name:
            os.utime(folder / name, (1, 1))
    for name in kept:
        os.utime(folder / name, (1, 1))
    monkeypatch.setattr(faster, "_measured", lambda *_: iter([(1.0, 0.5)]))
    next(Copies([folder]).make(model_path))
    assert {path.name for path in folder.iterdir()} >= {*kept, ".new.2.trial"}
    assert not {path.name for path in folder.iterdir()} & {".old.1.trial", "unrecorded.gguf"}


def test_what_does_not_fit_into_memory_is_refused_beforehand(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Copies, "size_of_copy", lambda *_: 2**60)
    with pytest.raises(QuantizeError, match="GB are free"):
        next(Copies([tmp_path / "copies"]).make(source))


def test_where_nothing_can_be_written_it_says_so(source: Path, tmp_path: Path) -> None:
    (tmp_path / "copies").write_text("in the way")
    with pytest.raises(QuantizeError, match="no faster copy was made"):
        list(Copies([tmp_path / "copies"]).make(source))
    with pytest.raises(QuantizeError, match="no faster copy was made"):
        list(Copies([tmp_path / "more"]).make(tmp_path / "none.gguf"))


def test_the_metadata_of_the_source_stays(model_path: Path, made: Path) -> None:
    copy = Copies([made]).find(model_path)
    assert copy
    keys = ["general.name", "llama.context_length", "tokenizer.chat_template", SOURCE_HASH]
    said, was = read_metadata(copy, keys), read_metadata(model_path, keys)
    assert {key: said[key] for key in was} == was
    assert SOURCE_HASH in said
