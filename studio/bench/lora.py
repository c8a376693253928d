"""A LoRA adapter with random weights, to measure and test with."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_lora(
    path: Path, like: Path, *, seed: int = 1, rank: int = 4, strength: float = 1.0
) -> Path:
    """An adapter for the queries and values of the attention of the model `like`; its path.

    Needs the package `gguf`, which comes with fine-tuning.
    """
    import gguf

    dice = np.random.default_rng(seed)
    reader = gguf.GGUFReader(like)
    writer = gguf.GGUFWriter(path, str(reader.fields["general.architecture"].contents()))
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for tensor in reader.tensors:
        if tensor.name.endswith(("attn_q.weight", "attn_v.weight")):
            n_in, n_out = int(tensor.shape[0]), int(tensor.shape[1])
            a = dice.normal(0, 1 / np.sqrt(n_in), (rank, n_in)).astype(np.float32)
            b = dice.normal(0, 0.3 * strength, (n_out, rank)).astype(np.float32)
            writer.add_tensor(f"{tensor.name}.lora_a", a)
            writer.add_tensor(f"{tensor.name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
