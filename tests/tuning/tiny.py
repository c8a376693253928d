"""Tiny models with random weights: one of every family that can be tuned, as PyTorch has it and as
a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from studio.tuning.attention import ATTENTION
from studio.tuning.base import families
from studio.tuning.export import permuted

N_VOCAB, N_CTX = 320, 4096
_SIZES: dict[str, Any] = {
    "vocab_size": N_VOCAB,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": N_CTX,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
KINDS: Mapping[str, tuple[str, PreTrainedConfig]] = {
    "llama, tied": ("llama", LlamaConfig(**_SIZES, tie_word_embeddings=True)),
    "llama, untied": ("llama", LlamaConfig(**_SIZES, tie_word_embeddings=False)),
    "llama 3": (
        "llama",
        LlamaConfig(**_SIZES, rope_parameters=LLAMA3_ROPE, tie_word_embeddings=True),
    ),
    "mistral": ("llama", MistralConfig(**_SIZES, head_dim=32, sliding_window=None)),
    "qwen 2": ("qwen2", Qwen2Config(**_SIZES, tie_word_embeddings=True)),
    "qwen 3": ("qwen3", Qwen3Config(**_SIZES, head_dim=32, tie_word_embeddings=False)),
    "gemma 2": (
        "gemma2",
        Gemma2Config(**_SIZES, head_dim=32, query_pre_attn_scalar=32, sliding_window=48),
    ),
    "gemma 3": (
        "gemma3",
        Gemma3TextConfig(
            **_SIZES | {"num_hidden_layers": 7},
            head_dim=32,
            query_pre_attn_scalar=32,
            sliding_window=48,
        ),
    ),
    "phi 3": ("phi3", Phi3Config(**_SIZES, sliding_window=None, tie_word_embeddings=False)),
}
"""What it is called here: (architecture in a GGUF file, config)."""


def make(kind: str, folder: Path, *, seed: int = 1) -> tuple[PreTrainedModel, Path]:
    """A model of this kind as PyTorch has it, and its GGUF file in `folder`, in 32-bit floats."""
    architecture, config = KINDS[kind]
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=ATTENTION)
    model = model.float().eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            # Large enough that attention looks somewhere and the logits are not flat.
            weight.normal_(0, (1.5 if "embed" not in name else 1.0) / weight.shape[1] ** 0.5)
        elif "norm" in name:
            weight.add_(torch.randn_like(weight) * 0.2)
        else:
            weight.normal_(0, 0.3)
    model.tie_weights()
    path = folder / f"{kind.replace(' ', '-').replace(',', '')}.gguf"
    _write(path, architecture, model)
    return model, path


def _write(path: Path, architecture: str, model: PreTrainedModel) -> None:
    config: Any = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("a tiny model")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(N_CTX)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(N_VOCAB)
    head_dim = getattr(config, "head_dim", None) or (
        config.hidden_size // config.num_attention_heads
    )
    writer.add_rope_dimension_count(head_dim)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    theta = config.rope_parameters
    theta = theta.get("full_attention", theta)
    writer.add_rope_freq_base(theta["rope_theta"])
    if architecture.startswith("gemma"):
        writer.add_sliding_window(config.sliding_window)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if architecture == "phi3":
        writer.add_sliding_window(N_CTX)
        writer.add_rope_scaling_orig_ctx_len(N_CTX)
    _tokenizer(writer)
    if theta["rope_type"] == "llama3":
        bent = model.model.rotary_emb.inv_freq.numpy()
        straight = 1.0 / theta["rope_theta"] ** (np.arange(0, head_dim, 2) / head_dim)
        writer.add_tensor("rope_freqs.weight", (straight / bent).astype(np.float32))
    _weights(writer, architecture, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _weights(writer: gguf.GGUFWriter, architecture: str, model: PreTrainedModel) -> None:
    config: Any = model.config
    key = next(k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(key, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = weight.numpy()
        module, _, suffix = name.rpartition(".")
        if architecture.startswith("gemma") and "norm" in name:
            values = values + 1
        part = module.rpartition(".")[2]
        if families()[architecture].permuted and part in heads:
            values = permuted(values, heads[part])
        writer.add_tensor(f"{names.get_name(module)}.{suffix}", np.ascontiguousarray(values))


def _tokenizer(writer: gguf.GGUFWriter) -> None:
    """Every byte is a token, with a few words besides."""
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spelling = {byte: chr(byte) for byte in shown}
    spelling |= {
        byte: chr(0x100 + at)
        for at, byte in enumerate(byte for byte in range(256) if byte not in spelling)
    }
    tokens = ["<s>", "</s>", *(spelling[byte] for byte in range(256))]
    merges = ["t h", "th e", "i n", "e r", "a n", "r e"]
    tokens += [merge.replace(" ", "") for merge in merges]
    tokens += [f"<unused{at}>" for at in range(N_VOCAB - len(tokens))]
    special = {0, 1, *range(N_VOCAB)[258 + len(merges) :]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if at in special else 1 for at in range(N_VOCAB)])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
