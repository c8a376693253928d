"""Small GGUF files that tests make for themselves."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def write_lora(path: Path, *, seed: int = 1, rank: int = 4, strength: float = 1.0) -> Path:
    """A LoRA adapter with random weights for the attention of the default model."""
    dice = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    n_embd, n_kv, n_layers = 576, 192, 30
    for layer in range(n_layers):
        for name, n_out in (("attn_q", n_embd), ("attn_v", n_kv)):
            a = dice.normal(0, 1 / np.sqrt(n_embd), (rank, n_embd)).astype(np.float32)
            b = dice.normal(0, 0.3 * strength, (n_out, rank)).astype(np.float32)
            writer.add_tensor(f"blk.{layer}.{name}.weight.lora_a", a)
            writer.add_tensor(f"blk.{layer}.{name}.weight.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_with_metadata(source: Path, path: Path, **values: int) -> Path:
    """A copy of a model with more numbers in its metadata ("__" stands for a dot)."""
    from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, "llama")
    details = {
        name.replace("__", "."): MetadataDetails(gguf.GGUFValueType.UINT32, value)
        for name, value in values.items()
    }
    copy_with_new_metadata(reader, writer, details, [])
    return path
