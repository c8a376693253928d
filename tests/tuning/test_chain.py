"""From a GGUF file to PyTorch, to an adapter and back: both sides have to compute the same."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from studio.bench.model_in_parts import GEMMA
from studio.engine import LoadOptions
from studio.engine.llama import LlamaEngine
from studio.library import DefaultModel
from studio.tuning import export, weights
from studio.tuning.base import BaseError, BaseModel, inspect
from studio.tuning.export import ExportError
from studio.tuning.parity import (
    EXACT_NATS,
    QUANTIZED_NATS,
    ParityError,
    compare,
    refuse_adapter,
    refuse_base,
)
from tests.gguf_files import write_lora, write_tiny
from tests.tuning import tiny

TEXT = "The lamp in the window had been burning since dusk, and the others came in one by one. " * 4
REAL = {"SmolLM2": DefaultModel.declared().find, "Gemma 3": GEMMA.assembled}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[PreTrainedModel, Path]]:
    folder = tmp_path_factory.mktemp("tiny")
    return {kind: tiny.make(kind, folder) for kind in tiny.KINDS}


def _engine(path: Path) -> LlamaEngine:
    return LlamaEngine(LoadOptions(path, n_ctx=512, n_threads=2))


def _logits(model: torch.nn.Module, tokens: Sequence[int]) -> NDArray[np.float32]:
    with torch.no_grad():
        found = model(input_ids=torch.tensor([list(tokens)]), use_cache=False).logits[0]
    answer: NDArray[np.float32] = found.float().numpy()
    return answer


def _adapted(
    model: PreTrainedModel, folder: Path, *, spread: float = 0.15, **more: object
) -> PeftModel:
    """With an adapter that matters, saved in `folder`."""
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", **more)  # type: ignore[arg-type]
    torch.manual_seed(0)
    peft = get_peft_model(model, config)
    with torch.no_grad():
        for name, weight in peft.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, spread)
    peft.save_pretrained(folder)
    return peft


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_model_is_the_same_on_both_sides_with_an_adapter_and_without(
    kind: str, made: dict[str, tuple[PreTrainedModel, Path]], tmp_path: Path
) -> None:
    original, path = made[kind]
    base = inspect(path)
    model = weights.load(base)
    with closing(_engine(path)) as engine:
        tokens = engine.tokenize(TEXT)[:200]
        untuned = _logits(model, tokens)
        assert compare(_logits(original, tokens), untuned).nats < 1e-9
        before = compare(untuned, engine.logits(tokens))
        refuse_base(before, EXACT_NATS, path.name)
        peft = _adapted(model, tmp_path / "peft")
        tuned = _logits(peft, tokens)
        assert compare(untuned, tuned).nats > 0.1
        adapter = export.write_adapter(tmp_path / "peft", base, tmp_path / "a.gguf", name="Mine")
        after = compare(tuned, engine.logits(tokens, adapters=((adapter, 1.0),)))
        refuse_adapter(before, after, EXACT_NATS)
        assert compare(untuned, engine.logits(tokens)).nats == before.nats


@pytest.mark.parametrize("kind", ["llama, untied", "gemma 3", "phi 3"])
def test_an_adapter_baked_into_a_copy_does_the_same(
    kind: str, made: dict[str, tuple[PreTrainedModel, Path]], tmp_path: Path
) -> None:
    base = inspect(made[kind][1])
    peft = _adapted(weights.load(base), tmp_path / "peft")
    target = tmp_path / "baked.gguf"
    *_, done = export.bake(tmp_path / "peft", base, target)
    assert done == 1.0
    with closing(_engine(target)) as engine:
        tokens = engine.tokenize(TEXT)[:200]
        assert compare(_logits(peft, tokens), engine.logits(tokens)).nats < 1e-4
    assert sorted(each.name for each in tmp_path.iterdir()) == ["baked.gguf", "peft"]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"use_rslora": True}, "rsLoRA"),
        ({"alpha_pattern": {"q_proj": 32}}, "alpha by pattern"),
        ({"rank_pattern": {"down_proj": 2}}, "rank by pattern"),
    ],
)
def test_the_strength_is_that_of_peft(
    more: dict[str, object],
    name: str,
    made: dict[str, tuple[PreTrainedModel, Path]],
    tmp_path: Path,
) -> None:
    base = inspect(made["llama, tied"][1])
    peft = _adapted(weights.load(base), tmp_path / "peft", **more)
    adapter = export.write_adapter(tmp_path / "peft", base, tmp_path / "a.gguf", name=name)
    with closing(_engine(base.path)) as engine:
        tokens = engine.tokenize(TEXT)[:100]
        theirs = engine.logits(tokens, adapters=((adapter, 1.0),))
    assert compare(_logits(peft, tokens), theirs).nats < 1e-4


def test_a_missing_permutation_is_caught(
    made: dict[str, tuple[PreTrainedModel, Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = inspect(made["llama, tied"][1])
    model = weights.load(base)
    monkeypatch.setattr(export, "permuted", lambda rows, _: rows)
    with closing(_engine(base.path)) as engine:
        tokens = engine.tokenize(TEXT)[:200]
        before = compare(_logits(model, tokens), engine.logits(tokens))
        peft = _adapted(model, tmp_path / "peft")
        adapter = export.write_adapter(tmp_path / "peft", base, tmp_path / "a.gguf", name="x")
        after = compare(_logits(peft, tokens), engine.logits(tokens, adapters=((adapter, 1.0),)))
    refuse_base(before, EXACT_NATS, "x")
    with pytest.raises(ParityError, match=r"not do the same in llama\.cpp: they disagree by 0"):
        refuse_adapter(before, after, EXACT_NATS)


def test_wrong_rotary_factors_are_caught_before_training(
    made: dict[str, tuple[PreTrainedModel, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = inspect(made["llama 3"][1])
    monkeypatch.setattr(weights, "_bend_rotary", lambda *_: None)
    model = weights.load(base)
    with closing(_engine(base.path)) as engine:
        tokens = engine.tokenize(TEXT)[:200]
        found = compare(_logits(model, tokens), engine.logits(tokens))
    with pytest.raises(ParityError, match="disagree about it by"):
        refuse_base(found, EXACT_NATS, base.path.name)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_real_quantized_model_is_the_same_on_both_sides(name: str, tmp_path: Path) -> None:
    base = inspect(REAL[name]())
    assert not base.full_precision
    model = weights.load(base)
    with closing(_engine(base.path)) as engine:
        tokens = engine.tokenize(TEXT)[:80]
        before = compare(_logits(model, tokens), engine.logits(tokens))
        refuse_base(before, QUANTIZED_NATS, base.path.name)
        peft = _adapted(model, tmp_path / "peft", spread=0.06)
        tuned = _logits(peft, tokens)
        adapter = export.write_adapter(tmp_path / "peft", base, tmp_path / "a.gguf", name="x")
        after = compare(tuned, engine.logits(tokens, adapters=((adapter, 1.0),)))
        assert compare(tuned, engine.logits(tokens)).nats > 3 * after.nats
    refuse_adapter(before, after, QUANTIZED_NATS)


def test_training_may_start_from_full_weights_in_a_folder(
    made: dict[str, tuple[PreTrainedModel, Path]], tmp_path: Path
) -> None:
    original, path = made["qwen 2"]
    original.save_pretrained(tmp_path / "weights")
    model = weights.load(inspect(path), tmp_path / "weights")
    tokens = list(range(2, 60))
    assert np.allclose(_logits(model, tokens), _logits(original, tokens), atol=1e-5)
    with pytest.raises(BaseError, match="no weights in the safetensors format"):
        weights.load(inspect(path), tmp_path)
    with pytest.raises(BaseError, match="are of another model than"):
        weights.load(inspect(made["gemma 3"][1]), tmp_path / "weights")


# -- what is refused ---------------------------------------------------------------------------


def test_what_can_not_be_tuned_is_refused_with_the_reason(tmp_path: Path) -> None:
    like = DefaultModel.declared().find()
    with pytest.raises(BaseError, match=r"is a “mamba” model, which can't be tuned here\. Models"):
        inspect(write_tiny(tmp_path / "m.gguf", "mamba", like))
    with pytest.raises(BaseError, match="is an adapter"):
        inspect(write_lora(tmp_path / "a.gguf"))
    (tmp_path / "t.gguf").write_text("Once upon a time")
    with pytest.raises(BaseError, match="not a GGUF model"):
        inspect(tmp_path / "t.gguf")
    with pytest.raises(BaseError, match="There is no file"):
        inspect(tmp_path / "none.gguf")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(like.read_bytes()[: 2**20])
    with pytest.raises(BaseError, match="cut short or damaged"):
        inspect(cut)


def _with(source: Path, target: Path, **values: str) -> Path:
    """A copy with more texts in its metadata ("__" stands for a dot)."""
    from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

    writer = gguf.GGUFWriter(target, "llama")
    more = {
        name.replace("__", "."): MetadataDetails(gguf.GGUFValueType.STRING, value)
        for name, value in values.items()
    }
    copy_with_new_metadata(gguf.GGUFReader(source), writer, more, [])
    return target


def test_a_stretched_context_is_refused(
    made: dict[str, tuple[PreTrainedModel, Path]], tmp_path: Path
) -> None:
    path = made["llama, tied"][1]
    stretched = _with(path, tmp_path / "y.gguf", llama__rope__scaling__type="yarn")
    with pytest.raises(BaseError, match="stretches its context by “yarn”"):
        inspect(stretched)


@pytest.fixture
def base_and_peft(
    made: dict[str, tuple[PreTrainedModel, Path]], tmp_path: Path
) -> tuple[BaseModel, PreTrainedModel]:
    base = inspect(made["llama, tied"][1])
    return base, weights.load(base)


def test_what_llama_cpp_has_no_form_for_is_refused(
    base_and_peft: tuple[BaseModel, PreTrainedModel], tmp_path: Path
) -> None:
    base, model = base_and_peft
    _adapted(model, tmp_path / "peft", use_dora=True)
    with pytest.raises(ExportError, match="holds DoRA"):
        export.write_adapter(tmp_path / "peft", base, tmp_path / "a.gguf", name="x")
    assert not (tmp_path / "a.gguf").exists()


def test_an_adapter_of_another_model_is_refused(
    made: dict[str, tuple[PreTrainedModel, Path]], tmp_path: Path
) -> None:
    _adapted(weights.load(inspect(made["mistral"][1])), tmp_path / "peft")
    with pytest.raises(ExportError, match="made for another model"):
        export.write_adapter(
            tmp_path / "peft", inspect(made["llama, tied"][1]), tmp_path / "a.gguf", name="x"
        )


def test_a_damaged_adapter_is_refused(
    base_and_peft: tuple[BaseModel, PreTrainedModel], tmp_path: Path
) -> None:
    base, model = base_and_peft
    _adapted(model, tmp_path / "peft")
    whole = (tmp_path / "peft" / export.WEIGHTS).read_bytes()
    (tmp_path / "peft" / export.WEIGHTS).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ExportError, match="missing or damaged"):
        export.write_adapter(tmp_path / "peft", base, tmp_path / "a.gguf", name="x")


def test_a_model_that_answers_with_another_vocabulary_is_no_match() -> None:
    with pytest.raises(ParityError, match="not the same model"):
        compare(np.zeros((2, 10), np.float32), np.zeros((2, 12), np.float32))


def test_what_is_no_number_does_not_pass(
    made: dict[str, tuple[PreTrainedModel, Path]],
) -> None:
    base = inspect(made["llama, tied"][1])
    rows = np.zeros((2, base.n_vocab), np.float32)
    broken = compare(rows, np.full_like(rows, np.nan))
    with pytest.raises(ParityError):
        refuse_base(broken, EXACT_NATS, "x")
    with pytest.raises(ParityError):
        refuse_adapter(replace(broken, nats=0.0), broken, QUANTIZED_NATS)
