"""Smaller copies of model files."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.engine import LoadOptions, ModelFileError
from studio.engine.llama import LlamaEngine
from studio.engine.quantize import FILE_TYPES, QuantizeError, file_type_of, quantize
from tests.gguf_files import write_f16, write_tiny

STORY = (
    "The keeper climbed the stairs of the lighthouse every evening, and every evening he "
    "counted them: one hundred and twelve, worn hollow by those who had climbed before him."
)


@pytest.fixture(scope="module")
def tiny(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny-f32.gguf", "llama", model_path)


@pytest.fixture(scope="module")
def unquantized(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The default model in 16-bit floats."""
    path = write_f16(model_path, tmp_path_factory.mktemp("f16") / "default-f16.gguf")
    yield path
    path.unlink()


def perplexity(path: Path) -> float:
    engine = LlamaEngine(LoadOptions(path, n_ctx=512))
    try:
        return engine.score(STORY).perplexity
    finally:
        engine.close()


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "near"), [("Q8_0", 0.03), ("Q4_1", 0.15), ("Q4_K_M", 0.2)])
def test_a_quantized_copy_reads_a_text_as_the_original_does(
    model_path: Path, unquantized: Path, tmp_path: Path, name: str, near: float
) -> None:
    target = tmp_path / f"{name}.gguf"
    told = list(quantize(unquantized, target, name))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert file_type_of(target) == FILE_TYPES[name]
    assert target.stat().st_size < 0.6 * unquantized.stat().st_size
    assert perplexity(target) == pytest.approx(perplexity(model_path), rel=near)
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_every_type_can_be_made_and_loaded(tiny: Path, tmp_path: Path) -> None:
    for name in FILE_TYPES:
        target = tmp_path / f"{name}.gguf"
        for _ in quantize(tiny, target, name):
            pass
        assert file_type_of(target) == FILE_TYPES[name]
        LlamaEngine(LoadOptions(target, n_ctx=256, n_threads=1)).close()
        target.unlink()


def test_a_file_says_which_type_it_has(model_path: Path, tiny: Path) -> None:
    found = file_type_of(model_path)
    assert found
    assert found.name == "Q4_1"
    assert file_type_of(tiny) == FILE_TYPES["F32"]


def test_dropped_in_the_middle_it_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    steps = quantize(tiny, tmp_path / "small.gguf", "Q8_0")
    assert 0 < next(steps) < 1
    assert left_over(tmp_path)
    steps.close()  # type: ignore[attr-defined]  # a generator
    assert list(tmp_path.iterdir()) == []


def refused(source: Path, target: Path, name: str = "Q8_0") -> None:
    for _ in quantize(source, target, name):
        pass


def test_what_cannot_be_done_is_refused_with_a_sentence(
    model_path: Path, tiny: Path, tmp_path: Path
) -> None:
    target, cut = tmp_path / "small.gguf", tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:100])
    with pytest.raises(QuantizeError, match=r"no file type “Q9”\. Choose one of F32"):
        refused(tiny, target, "Q9")
    with pytest.raises(QuantizeError, match=r"quantized already \(Q4_1\)"):
        refused(model_path, target)
    with pytest.raises(ModelFileError, match="There is no file"):
        refused(tmp_path / "gone.gguf", target)
    with pytest.raises(ModelFileError, match="cut short or damaged"):
        refused(cut, target)
    with pytest.raises(QuantizeError, match="can't be written in"):
        refused(tiny, tmp_path / "nowhere" / "small.gguf")
    target.write_bytes(b"mine")
    with pytest.raises(QuantizeError, match=r"There is a file ‘small\.gguf’ already"):
        refused(tiny, target)
    assert target.read_bytes() == b"mine"
    assert left_over(tmp_path) == []


def test_a_damaged_source_leaves_a_sentence_and_no_file(tiny: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-1_000_000])
    with pytest.raises(QuantizeError, match=r"‘cut\.gguf’ could not be quantized.*Nothing was"):
        refused(cut, tmp_path / "small.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.gguf"]


def test_a_process_that_dies_leaves_a_sentence_and_no_file(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []
    right = subprocess.Popen

    def popen(*args: object, **more: object) -> subprocess.Popen[str]:
        started.append(right(*args, **more))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    steps = quantize(tiny, tmp_path / "small.gguf", "Q8_0")
    next(steps)
    started[0].kill()
    with pytest.raises(QuantizeError, match="could not be quantized: it is damaged, or the memory"):
        list(steps)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_written(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(QuantizeError, match="needs about 7 MB, and 1 MB are free"):
        refused(tiny, tmp_path / "small.gguf")
    assert list(tmp_path.iterdir()) == []
