"""A GGUF model in PyTorch: its weights as floats, and built as llama.cpp builds it.

transformers reads the file (`gguf_file=`) and dequantizes it. What it leaves out is put right from
the file's own metadata: sizes of heads, soft caps, windows and all that bends the rotary
embedding. `studio.tuning.parity` then compares the two, for what nobody has thought of.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from studio.tuning.attention import ATTENTION
from studio.tuning.base import BaseError, BaseModel
from studio.tuning.plan import Plan

log = logging.getLogger(__name__)

_GEMMA_WIDE_LAYERS = {"gemma2": 46, "gemma3": 62}
"""Layers of the 27B models, whose queries are scaled by n_embd / n_head (llama.cpp, gemma*.cpp)."""


def load(base: BaseModel, folder: Path | None = None) -> PreTrainedModel:
    """The model on the CPU, in 32-bit floats, without gradients, in evaluation mode.

    With `folder`, the weights are taken from there (safetensors, as the hub has them) instead of
    from the GGUF file, which may be quantized. Takes up to 1.6 times the floats' memory for a
    moment. Opens no connection and runs no code of the model's. Raises `BaseError`.
    """
    with _quietly():
        try:
            model = _from_folder(base, folder) if folder else _from_gguf(base)
        except (OSError, ValueError, KeyError, RuntimeError, NotImplementedError) as error:
            source = folder or base.path
            raise BaseError(
                f"‘{source.name}’ can't be read for tuning ({_first_line(error)}). Choose another "
                "file of the same model, such as Q8_0."
            ) from error
    model.config.use_cache = False
    model.requires_grad_(False)
    model.train(False)
    return model


def on_device(model: PreTrainedModel, base: BaseModel, chosen: Plan) -> PreTrainedModel:
    """The model where and in the precision in which it is computed."""
    if chosen.precision == "4-bit":
        return _in_4_bits(model, base)
    moved: Any = model
    return cast(PreTrainedModel, moved.to(device=chosen.device, dtype=chosen.dtype))


def with_adapter(model: PreTrainedModel, folder: Path) -> nn.Module:
    """The model with a PEFT adapter of the disk, to be evaluated."""
    with _quietly():
        return PeftModel.from_pretrained(model, str(folder)).eval()


def _in_4_bits(model: PreTrainedModel, base: BaseModel) -> PreTrainedModel:
    """Through a copy on disk: bitsandbytes can't take the weights of a GGUF (QLoRA, 2305.14314)."""
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    with tempfile.TemporaryDirectory(prefix="lamplight-4bit-") as folder, _quietly():
        halved: Any = model
        halved.to(torch.bfloat16).save_pretrained(folder)
        quantized: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder,
            quantization_config=config,
            dtype=torch.bfloat16,
            attn_implementation=ATTENTION,
            device_map={"": 0},
            local_files_only=True,
            trust_remote_code=False,
        )
    _bend_rotary(quantized, base)
    quantized.config.use_cache = False
    quantized.requires_grad_(False)
    return quantized


def _from_gguf(base: BaseModel) -> PreTrainedModel:
    folder, file = str(base.path.parent), base.path.name
    config = AutoConfig.from_pretrained(
        folder, gguf_file=file, local_files_only=True, trust_remote_code=False
    )
    _correct(config, base)
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=file,
        config=config,
        dtype=torch.float32,
        attn_implementation=ATTENTION,
        local_files_only=True,
        trust_remote_code=False,
    )
    # The weights are plain floats now; the label would forbid training and saving.
    vars(model).update(hf_quantizer=None, is_quantized=False)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    _bend_rotary(model, base)
    return model


def _from_folder(base: BaseModel, folder: Path) -> PreTrainedModel:
    if not any(folder.glob("*.safetensors")):
        raise BaseError(
            f"‘{folder.name}’ holds no weights in the safetensors format. Choose the folder of a "
            "model as it was downloaded, with its config.json."
        )
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=torch.float32,
        attn_implementation=ATTENTION,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
    )
    config = model.config
    found = (config.num_hidden_layers, config.hidden_size, config.intermediate_size)
    if found != (base.n_layers, base.n_embd, base.n_ff):
        raise BaseError(
            f"The weights in ‘{folder.name}’ are of another model than ‘{base.path.name}’: "
            f"{found[0]} layers of {found[1]} values instead of {base.n_layers} of {base.n_embd}."
        )
    return model


def _correct(config: Any, base: BaseModel) -> None:
    """Put into the config what the file says and transformers' reader leaves out."""
    own = base.extra
    config.head_dim = base.head_dim
    config.num_attention_heads = base.n_head
    config.num_key_value_heads = base.n_head_kv
    config.rms_norm_eps = base.norm_eps
    architecture = base.family.architecture
    if architecture.startswith("gemma"):
        wide = base.n_layers == _GEMMA_WIDE_LAYERS[architecture]
        config.query_pre_attn_scalar = base.n_embd // base.n_head if wide else base.head_dim
    if architecture == "gemma2":
        config.attn_logit_softcapping = float(own.get("attn_logit_softcapping", 50.0))
        config.final_logit_softcapping = float(own.get("final_logit_softcapping", 30.0))
    if "attention.sliding_window" in own and architecture.startswith("gemma"):
        config.sliding_window = int(own["attention.sliding_window"])
    if architecture == "phi3":
        config.pad_token_id = None  # its default is past the end of small vocabularies
        if base.rope_dims != base.head_dim:
            config.partial_rotary_factor = base.rope_dims / base.head_dim
            config.rope_parameters["partial_rotary_factor"] = config.partial_rotary_factor


def _bend_rotary(model: PreTrainedModel, base: BaseModel) -> None:
    """Divide the rotary frequencies by what the file says (llama.cpp's rope factors)."""
    rotary: Any = model.model.rotary_emb
    own = base.extra
    divisor: torch.Tensor | float = 1.0
    factors = base.rope_factors.get("rope_freqs", base.rope_factors.get("rope_factors_short"))
    if factors is not None:
        divisor = torch.from_numpy(factors)
    if own.get("rope.scaling.type") == "linear":
        divisor = divisor * float(own.get("rope.scaling.factor", 1.0))
    stretch = float(own.get("rope.scaling.attn_factor", 1.0))
    # Gemma 3 has frequencies for each kind of layer; only those of the global ones are stretched.
    prefix = "full_attention_" if base.family.architecture == "gemma3" else ""
    for name in ("inv_freq", "original_inv_freq"):
        frequencies = getattr(rotary, prefix + name)
        if isinstance(divisor, torch.Tensor) and len(divisor) != len(frequencies):
            raise BaseError(
                f"‘{base.path.name}’ has {len(divisor)} rotary factors for {len(frequencies)} "
                "frequencies. Choose another file of this model."
            )
        setattr(rotary, prefix + name, frequencies / divisor)
    if stretch != 1.0:
        setattr(rotary, f"{prefix}attention_scaling", stretch)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without warnings for programmers, and without asking the hub anything.

    The reader's progress bar is switched off by the environment of the process that tunes.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
