"""Adapters on this machine: what is read of them, and that each is for its own model alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.library import adapters
from studio.library.adapters import (
    AdapterError,
    Hashes,
    Model,
    adapters_in,
    doubt_about,
    find_base,
    read_adapter,
    why_unfit,
)
from studio.tuning import run
from tests.gguf_files import sections, write_lora


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def hashes(tmp_path: Path) -> Hashes:
    return Hashes(tmp_path / "hashes.json")


@pytest.fixture
def tuned(tmp_path: Path, model_path: Path) -> Callable[..., Path]:
    """Writes the adapter of a tuning, which remembers a base."""

    def write(name: str, base_hash: str = "", base: str = "base.gguf") -> Path:
        path = tmp_path / "adapters" / name / "adapter.gguf"
        path.parent.mkdir(parents=True)
        return write_lora(path, base=(base_hash or sha256(model_path), base))

    return write


def test_the_names_are_those_that_tuning_writes() -> None:
    assert (adapters.ADAPTER, adapters.REPORT) == (run.ADAPTER, run.REPORT)


def test_the_adapters_of_all_tunings_are_found_the_newest_first(
    tuned: Callable[..., Path], tmp_path: Path
) -> None:
    old, new = tuned("Old style"), tuned("My style")
    os.utime(old, (1000, 1000))
    (new.parent / "report.json").write_text(json.dumps({"verdict": "It helped."}))
    (tmp_path / "adapters" / "not done yet").mkdir()
    broken = tmp_path / "adapters" / "broken" / "adapter.gguf"
    broken.parent.mkdir()
    broken.write_bytes(new.read_bytes()[:100])
    found, problems = adapters_in(tmp_path / "adapters")
    assert [each.name for each in found] == ["My style", "Old style"]
    first, second = found
    assert (first.base_name, first.architecture) == ("base.gguf", "llama")
    assert first.size_bytes == new.stat().st_size
    assert second.written_s == 1000
    assert (first.verdict, second.verdict) == ("It helped.", "")
    assert len(problems) == 1
    assert "‘broken’" in problems[0]
    assert "damaged" in problems[0]


def test_where_nothing_was_tuned_there_are_none(tmp_path: Path) -> None:
    assert adapters_in(tmp_path / "adapters") == ([], [])


def test_what_is_no_adapter_is_refused_with_a_sentence(model_path: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("Once upon a time")
    for path, says in (
        (tmp_path / "gone.gguf", "There is no adapter file"),
        (tmp_path, "is a folder"),
        (text, "is not a GGUF"),
        (model_path, "is not a LoRA adapter"),
    ):
        with pytest.raises(AdapterError, match=says):
            read_adapter(path)


def test_a_header_that_is_cut_anywhere_costs_a_sentence(tmp_path: Path) -> None:
    whole = write_lora(tmp_path / "voice.gguf", base=("00" * 32, "base.gguf"))
    content = whole.read_bytes()
    broken = tmp_path / "broken.gguf"
    header = [each for each in sections(whole) if not each.name.startswith("blk.")]
    for section in header:
        for flipped in range(8):
            damaged = bytearray(content)
            damaged[(section.start + section.end) // 2] ^= 1 << flipped
            broken.write_bytes(damaged)
            try:
                read_adapter(broken)
            except AdapterError as error:
                assert "broken.gguf" in str(error)  # noqa: PT017 (many flips do no harm)
    needed = next(each for each in header if each.name.startswith(adapters.BASE_NAME)).end
    for end in range(0, needed, 7):
        broken.write_bytes(content[:end])
        with pytest.raises(AdapterError, match=r"broken\.gguf"):
            read_adapter(broken)


def test_an_adapter_fits_the_model_that_it_was_made_for_and_no_other(
    tuned: Callable[..., Path], model_path: Path, tmp_path: Path, hashes: Hashes
) -> None:
    adapter = read_adapter(tuned("My style"))
    assert why_unfit(adapter, Model.of_file(model_path, hashes)) is None
    assert doubt_about(adapter) == ""
    other = tmp_path / "other.gguf"
    other.write_bytes(model_path.read_bytes() + b"\0")
    reason = why_unfit(adapter, Model.of_file(other, hashes))
    assert reason == (
        "The adapter ‘My style’ was made for ‘base.gguf’ and does not fit ‘other.gguf’."
    )
    same_name = other.rename(tmp_path / "base.gguf")
    reason = why_unfit(adapter, Model.of_file(same_name, hashes))
    assert reason
    assert "another file that is called ‘base.gguf’, too" in reason


def test_an_adapter_by_others_fits_where_the_architecture_does(
    model_path: Path, gemma_path: Path, tmp_path: Path, hashes: Hashes
) -> None:
    adapter = read_adapter(write_lora(tmp_path / "voice.gguf"))
    assert adapter.name == "voice"
    assert why_unfit(adapter, Model.of_file(model_path, hashes)) is None
    assert "does not say which model" in doubt_about(adapter)
    reason = why_unfit(adapter, Model.of_file(gemma_path, hashes))
    assert reason
    assert "is for a “llama” model" in reason
    assert "“gemma3” model" in reason
    assert not (tmp_path / "hashes.json").exists(), "a hash that nobody needs takes long"


def test_a_hash_is_computed_once_for_each_version_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo, model = tmp_path / "memo" / "hashes.json", tmp_path / "model.gguf"
    model.write_bytes(b"GGUF one")
    computed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(
        adapters.hashlib, "file_digest", lambda *a: computed.append(1) or digest(*a)
    )
    assert Hashes(memo).known(model) is None
    assert Hashes(memo).of(model) == sha256(model)
    assert Hashes(memo).of(model) == Hashes(memo).known(model) == sha256(model)
    assert len(computed) == 1
    model.write_bytes(b"GGUF two!")
    assert Hashes(memo).of(model) == sha256(model)
    assert len(computed) == 2
    assert [each.name for each in memo.parent.iterdir()] == ["hashes.json"]


def test_a_memo_that_is_damaged_or_can_not_be_written_costs_nothing_but_time(
    tmp_path: Path,
) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    for content in ("{", "[]", '{"model.gguf": 3}'):
        memo = tmp_path / "hashes.json"
        memo.write_text(content)
        assert Hashes(memo).of(model) == sha256(model)
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert Hashes(in_the_way / "hashes.json").of(model) == sha256(model)
    with pytest.raises(AdapterError, match="can't be read"):
        Hashes(memo).of(tmp_path / "gone.gguf")


def test_the_base_of_an_adapter_is_found_among_the_models_that_are_known(
    tuned: Callable[..., Path], model_path: Path, tmp_path: Path, hashes: Hashes
) -> None:
    adapter = read_adapter(tuned("My style", base=model_path.name))
    impostor = tmp_path / model_path.name
    impostor.write_bytes(b"GGUF")
    gone = tmp_path / "gone" / model_path.name
    assert find_base(adapter, [gone, impostor], hashes) is None
    assert find_base(adapter, [gone, impostor, model_path], hashes) == model_path
    renamed = tmp_path / "renamed.gguf"
    renamed.write_bytes(model_path.read_bytes())
    assert find_base(adapter, [renamed], hashes) is None, "not read for it"
    hashes.of(renamed)
    assert find_base(adapter, [renamed], hashes) == renamed


def test_adapters_are_known_without_torch_qt_and_gguf() -> None:
    code = (
        "import sys; import studio.library.adapters; "
        "print([name for name in ('torch', 'PySide6', 'gguf', 'llama_cpp') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
