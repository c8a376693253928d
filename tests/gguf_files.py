"""GGUF files that tests make for themselves, and where the parts of one lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from studio.bench import lora
from studio.bench.lora import attention_of


def write_lora(
    path: Path,
    *,
    like: Path | None = None,
    seed: int = 1,
    rank: int = 4,
    strength: float = 1.0,
    n_embd: int = 576,
    base: tuple[str, str] | None = None,
) -> Path:
    """A LoRA adapter with random weights for the attention of the model `like`, or else of the
    default one, which has an `n_embd` of 576. `base`: the hash and the file name it remembers."""
    architecture, shapes = attention_of(like) if like else ("llama", _like_the_default(n_embd))
    return lora.write_lora(
        path, architecture, shapes, seed=seed, rank=rank, strength=strength, base=base
    )


def _like_the_default(n_embd: int) -> dict[str, tuple[int, int]]:
    return {
        f"blk.{layer}.{name}.weight": (n_out, n_embd)
        for layer in range(30)
        for name, n_out in (("attn_q", n_embd), ("attn_v", 192))
    }


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


def write_tiny(path: Path, architecture: str, like: Path, *, seed: int = 1) -> Path:
    """A model of two layers with random weights: `llama`, `qwen2vl` (M-RoPE, which can't be
    shifted), `mamba` (recurrent) or `lfm2` (hybrid), with the tokenizer of the model `like`.

    What it writes is noise, but the same noise every time, and it depends on all of the text
    before it: one wrong token in the cache shows in the next logits. In 32-bit floats batches of
    all sizes agree to about 1e-3.
    """
    writer = gguf.GGUFWriter(path, architecture)
    n_vocab = _copy_tokenizer(gguf.GGUFReader(like), writer)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(8192)
    writer.add_block_count(2)
    writer.add_embedding_length(_WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(n_vocab)
    weights = _Weights(writer, np.random.default_rng(seed))
    weights.add("token_embd.weight", n_vocab, _WIDTH)
    weights.add("output.weight", n_vocab, _WIDTH, gain=4.0)
    norm = "token_embd_norm" if architecture == "lfm2" else "output_norm"
    weights.constant(f"{norm}.weight", 1.0, _WIDTH)
    if architecture == "mamba":
        _mamba(writer, weights)
    else:
        _transformer(writer, weights, architecture)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


_WIDTH = 64
_FEED_FORWARD = 128
_HEADS, _KV_HEADS = 4, 2


class _Weights:
    """Random tensors for a writer; shapes as in numpy, so (out, in)."""

    def __init__(self, writer: gguf.GGUFWriter, dice: np.random.Generator) -> None:
        self._writer = writer
        self._dice = dice

    def add(self, name: str, *shape: int, gain: float = 1.0) -> None:
        spread = gain / np.sqrt(shape[-1])
        self._writer.add_tensor(name, self._dice.normal(0, spread, shape).astype(np.float32))

    def constant(self, name: str, value: float, *shape: int) -> None:
        self._writer.add_tensor(name, np.full(shape, value, np.float32))


def _mamba(writer: gguf.GGUFWriter, weights: _Weights) -> None:
    n_conv, n_inner, n_state, rank = 4, 2 * _WIDTH, 16, 4
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(n_conv)
    writer.add_ssm_inner_size(n_inner)
    writer.add_ssm_state_size(n_state)
    writer.add_ssm_time_step_rank(rank)
    for layer in range(2):
        name = f"blk.{layer}."
        weights.constant(f"{name}attn_norm.weight", 1.0, _WIDTH)
        weights.add(f"{name}ssm_in.weight", 2 * n_inner, _WIDTH, gain=2.0)
        weights.add(f"{name}ssm_conv1d.weight", n_inner, n_conv, gain=2.0)
        weights.constant(f"{name}ssm_conv1d.bias", 0.0, n_inner)
        weights.add(f"{name}ssm_x.weight", rank + 2 * n_state, n_inner, gain=2.0)
        weights.add(f"{name}ssm_dt.weight", n_inner, rank)
        weights.constant(f"{name}ssm_dt.bias", -2.0, n_inner)  # steps of about 0.1
        weights.constant(f"{name}ssm_a", -0.1, n_inner, n_state)  # forgets over 100 tokens
        weights.constant(f"{name}ssm_d", 1.0, n_inner)
        weights.add(f"{name}ssm_out.weight", _WIDTH, n_inner, gain=2.0)


def _transformer(writer: gguf.GGUFWriter, weights: _Weights, architecture: str) -> None:
    size = _WIDTH // _HEADS
    recurrent = {0} if architecture == "lfm2" else set[int]()
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    if recurrent:
        writer.add_head_count_kv([0 if layer in recurrent else _KV_HEADS for layer in range(2)])
        writer.add_shortconv_l_cache(3)
    else:
        writer.add_head_count_kv(_KV_HEADS)
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(10000.0)
    if architecture == "qwen2vl":
        writer.add_rope_dimension_sections([2, 3, 3, 0])
    for layer in range(2):
        name = f"blk.{layer}."
        weights.constant(f"{name}attn_norm.weight", 1.0, _WIDTH)
        weights.constant(f"{name}ffn_norm.weight", 1.0, _WIDTH)
        weights.add(f"{name}ffn_gate.weight", _FEED_FORWARD, _WIDTH)
        weights.add(f"{name}ffn_up.weight", _FEED_FORWARD, _WIDTH)
        weights.add(f"{name}ffn_down.weight", _WIDTH, _FEED_FORWARD)
        if layer in recurrent:
            weights.add(f"{name}shortconv.conv.weight", _WIDTH, 3, gain=2.0)
            weights.add(f"{name}shortconv.in_proj.weight", 3 * _WIDTH, _WIDTH)
            weights.add(f"{name}shortconv.out_proj.weight", _WIDTH, _WIDTH, gain=2.0)
            continue
        for part, heads in (("q", _HEADS), ("k", _KV_HEADS), ("v", _KV_HEADS)):
            weights.add(f"{name}attn_{part}.weight", heads * size, _WIDTH, gain=1.5)
        weights.add(f"{name}attn_output.weight", _WIDTH, _WIDTH, gain=4.0)
        if architecture == "lfm2":
            weights.constant(f"{name}attn_q_norm.weight", 1.5, size)
            weights.constant(f"{name}attn_k_norm.weight", 1.5, size)


def _copy_tokenizer(reader: gguf.GGUFReader, writer: gguf.GGUFWriter) -> int:
    """Give a writer the tokenizer of another file; the number of its tokens."""
    for name, field in reader.fields.items():
        if not name.startswith("tokenizer.") or name == "tokenizer.chat_template":
            continue
        kind, *of = field.types
        writer.add_key_value(name, field.contents(), kind, *of[-1:])
    return len(reader.fields["tokenizer.ggml.tokens"].data)


def write_f16(source: Path, path: Path) -> Path:
    """A copy of a model with its quantized weights as 16-bit floats."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, str(reader.fields["general.architecture"].contents()))
    for name, field in reader.fields.items():
        known = ("general.architecture", "general.file_type", "general.quantization_version")
        if name.startswith("GGUF.") or name in known:
            continue
        kind, *of = field.types
        writer.add_key_value(name, field.contents(), kind, *of[-1:])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        if tensor.tensor_type == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(tensor.name, tensor.data)
        else:
            weights = gguf.dequantize(tensor.data, tensor.tensor_type)
            writer.add_tensor(tensor.name, weights.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
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
