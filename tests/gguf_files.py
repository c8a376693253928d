"""GGUF files that tests make for themselves, and where the parts of one lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np


def write_lora(
    path: Path, *, seed: int = 1, rank: int = 4, strength: float = 1.0, n_embd: int = 576
) -> Path:
    """A LoRA adapter with random weights for the attention of the default model."""
    dice = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    n_kv, n_layers = 192, 30
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


@dataclass(frozen=True)
class Section:
    """A part of a GGUF file that means one thing; `start` and `end` in bytes."""

    name: str
    start: int
    end: int


def sections(path: Path) -> list[Section]:
    """All sections of a GGUF file in their order; they cover it without a gap.

    The values of an array are one section, and so is the data of a tensor.
    """
    reader = gguf.GGUFReader(path)
    found = [
        Section("magic", 0, 4),
        Section("version", 4, 8),
        Section("number of tensors", 8, 16),
        Section("number of values", 16, 24),
    ]
    for name, field in reader.fields.items():
        if name.startswith("GGUF."):
            continue
        parts = ["length of key", "key", "type"]
        if field.types[0] is gguf.GGUFValueType.ARRAY:
            parts += ["type of elements", "number of elements"]
        elif field.types[0] is gguf.GGUFValueType.STRING:
            parts += ["length"]
        found += _named(name, field, [*parts, "value"])
    for tensor in reader.tensors:
        parts = ["length of name", "name", "number of dimensions", "dimensions", "type", "offset"]
        found += _named(tensor.name, tensor.field, parts)
    if found[-1].end < reader.data_offset:
        found.append(Section("padding", found[-1].end, reader.data_offset))
    for tensor in sorted(reader.tensors, key=lambda t: t.data_offset):
        start = int(tensor.data_offset)
        if found[-1].end < start:
            found.append(Section("padding", found[-1].end, start))
        found.append(Section(f"{tensor.name}: data", start, start + int(tensor.n_bytes)))
    return found


def _named(name: str, field: gguf.ReaderField, parts: list[str]) -> Iterator[Section]:
    at = field.offset
    for part, array in zip(parts, field.parts, strict=False):
        end = at + int(array.nbytes)
        if part == parts[-1]:  # the elements of an array, each in parts of its own
            end = field.offset + sum(int(each.nbytes) for each in field.parts)
        yield Section(f"{name}: {part}", at, end)
        at = end
