"""LoRA adapters with random weights, to measure and test with.

Needs the package `gguf`, which comes with fine-tuning.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from studio.library.adapters import BASE_HASH, BASE_NAME

Shapes = dict[str, tuple[int, int]]
"""(out, in) of weights, by their names in a GGUF file."""


def attention_of(model: Path) -> tuple[str, Shapes]:
    """A model's architecture, and the shapes of its queries' and values' weights."""
    reader = gguf.GGUFReader(model)
    shapes = {
        tensor.name: (int(tensor.shape[1]), int(tensor.shape[0]))
        for tensor in reader.tensors
        if tensor.name.endswith(("attn_q.weight", "attn_v.weight"))
    }
    return str(reader.fields["general.architecture"].contents()), shapes


def write_lora(
    path: Path,
    architecture: str,
    shapes: Shapes,
    *,
    seed: int = 1,
    rank: int = 4,
    strength: float = 1.0,
    base: tuple[str, str] | None = None,
) -> Path:
    """An adapter for these weights of a model; its path.

    `base`: the SHA-256 and the name of the file that it says it was made for.
    """
    dice = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for key, value in zip((BASE_HASH, BASE_NAME), base or (), strict=False):
        writer.add_string(key, value)
    for name, (n_out, n_in) in shapes.items():
        a = dice.normal(0, 1 / np.sqrt(n_in), (rank, n_in)).astype(np.float32)
        b = dice.normal(0, 0.3 * strength, (n_out, rank)).astype(np.float32)
        writer.add_tensor(f"{name}.lora_a", a)
        writer.add_tensor(f"{name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
