"""A PEFT adapter as a LoRA GGUF for llama.cpp, and baked into a copy of its base.

Facts of the format: llama.cpp's src/llama-adapter.cpp. What it would load without a word and
compute wrongly (a missing permutation, another scale, an adapter of another base) is seen to here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from studio.engine.quantize import FILE_TYPES, file_type_of, quantize
from studio.library.adapters import BASE_HASH, BASE_NAME
from studio.tuning import TuningError
from studio.tuning.base import BaseModel, Shape

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""The files of a PEFT adapter's folder."""

_PAIR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])\.weight")

Matrix = NDArray[np.float32]


class ExportError(TuningError):
    """An adapter has no form that llama.cpp could use."""


@dataclass(frozen=True)
class Pair:
    """What is added to one weight of the base: `b @ a`, in the order of llama.cpp's rows."""

    a: Matrix
    """Shape (rank, n_in)."""
    b: Matrix
    """Shape (n_out, rank); the strength is in it."""


def read_adapter(folder: Path, base: BaseModel) -> dict[str, Pair]:
    """A PEFT adapter's weights by the names that the base's file has for what they belong to.

    Raises `ExportError` if anything in it has no such form, rather than leave it out.
    """
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise ExportError(
            f"The adapter in ‘{folder.name}’ is missing or damaged. Train it again."
        ) from error
    _refuse(config)
    halves: dict[str, dict[str, Matrix]] = {}
    for key, tensor in tensors.items():
        found = _PAIR.fullmatch(key)
        if found is None:
            raise ExportError(f"The adapter holds “{key}”, which llama.cpp has no form for.")
        halves.setdefault(found["module"], {})[found["part"]] = tensor.astype(np.float32)
    names = gguf.get_tensor_name_map(_architecture(base), base.n_layers)
    return {
        _name_of(module, names, base): _pair(module, parts, config, names, base)
        for module, parts in sorted(halves.items())
    }


def write_adapter(folder: Path, base: BaseModel, target: Path, *, name: str) -> Path:
    """Write the PEFT adapter in `folder` as the GGUF file `target`, all or nothing; its path.

    `name` is shown to who looks into the file. Raises `ExportError`, and `OSError` if it can't be
    written.
    """
    pairs = read_adapter(folder, base)
    with _beside(target) as part:
        writer = gguf.GGUFWriter(part, base.family.architecture)
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_name(name)
        writer.add_string("adapter.type", "lora")
        # llama.cpp scales by alpha / rank. The strength is in B already, so that it is 1 here.
        ranks = {len(pair.a) for pair in pairs.values()}
        writer.add_float32("adapter.lora.alpha", float(ranks.pop()) if len(ranks) == 1 else 0.0)
        writer.add_string(BASE_HASH, base.sha256)
        writer.add_string(BASE_NAME, base.path.name)
        for weight, pair in pairs.items():
            writer.add_tensor(f"{weight}.lora_a", _halved(pair.a))
            writer.add_tensor(f"{weight}.lora_b", _halved(pair.b))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return target


def bake(folder: Path, base: BaseModel, target: Path, *, strength: float = 1.0) -> Iterator[float]:
    """Write a copy of the base with the adapter in its weights, in the base's own precision.

    Yields how much is done, 0 to 1; the copy is there when the iterator is at its end, and nothing
    is if it is dropped before. Raises `ExportError`, `EngineError` and `OSError`.
    """
    yield from bake_pairs(read_adapter(folder, base), base, target, strength=strength)


def bake_pairs(
    pairs: Mapping[str, Pair], base: BaseModel, target: Path, *, strength: float = 1.0
) -> Iterator[float]:
    """The same with what an adapter adds, by the names of the weights."""
    kind = file_type_of(base.path)
    if kind is None:
        raise ExportError(
            f"The weights of ‘{base.path.name}’ are kept in a way that can't be made anew. Use the "
            "adapter beside it instead."
        )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".baking-") as beside:
        full = Path(beside) / "full.gguf"
        precise = kind if kind.name in ("F32", "F16", "BF16") else FILE_TYPES["F16"]
        for done in _merged(base, pairs, full, strength, precise.name):
            yield 0.5 * done
        if precise is kind:
            with full.open("rb") as file:
                os.fsync(file.fileno())
            full.replace(target)
        else:
            for done in quantize(full, target, kind.name):
                yield 0.5 + 0.5 * done
    yield 1.0


def write_full(base: BaseModel, target: Path) -> None:
    """Write a copy of the base with its weights as 16-bit floats."""
    for _ in _merged(base, {}, target, 0.0, "F16"):
        pass


def _refuse(config: Mapping[str, Any]) -> None:
    reasons = {
        "use_dora": "DoRA",
        "modules_to_save": "whole layers that were trained",
        "lora_bias": "biases",
        "trainable_token_indices": "tokens of its own",
    }
    for key, what in reasons.items():
        if config.get(key):
            raise ExportError(f"The adapter holds {what}, which llama.cpp has no form for.")
    if config.get("bias", "none") != "none":
        raise ExportError("The adapter holds biases, which llama.cpp has no form for.")
    if config.get("fan_in_fan_out"):
        raise ExportError("The adapter's weights are turned round, as no family here has them.")


def _architecture(base: BaseModel) -> gguf.MODEL_ARCH:
    return next(
        key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == base.family.architecture
    )


def _name_of(module: str, names: gguf.TensorNameMap, base: BaseModel) -> str:
    name = names.get_name(module)
    weight = f"{name}.weight"
    if name is None or weight not in base.weights:
        raise ExportError(
            f"The adapter changes “{module}”, and ‘{base.path.name}’ has no such weight."
        )
    return weight


def _pair(
    module: str,
    parts: Mapping[str, Matrix],
    config: Mapping[str, Any],
    names: gguf.TensorNameMap,
    base: BaseModel,
) -> Pair:
    if set(parts) != {"A", "B"}:
        raise ExportError(f"Half of the adapter for “{module}” is missing. Train it again.")
    a, b = parts["A"], parts["B"]
    weight = _name_of(module, names, base)
    if (Shape(b.shape[0], a.shape[1]), a.shape[0]) != (base.weights[weight], b.shape[1]):
        raise ExportError(
            f"The adapter's “{module}” has another size than that of ‘{base.path.name}’: it was "
            "made for another model."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ExportError(f"The adapter's “{module}” is no number any more. Train it again.")
    b = b * np.float32(_scale(module, len(a), config))
    if base.family.permuted:
        heads = {"attn_q": base.n_head, "attn_k": base.n_head_kv}
        for part, n in heads.items():
            if f".{part}." in weight:
                b = permuted(b, n)
    return Pair(a, b)


def _scale(module: str, rank: int, config: Mapping[str, Any]) -> float:
    """What PEFT multiplies `B @ A` by (peft/tuners/lora/layer.py)."""
    patterns: Mapping[str, float] = config.get("alpha_pattern") or {}
    alpha = float(config["lora_alpha"])
    for pattern, value in patterns.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            alpha = float(value)
            break
    return alpha / rank**0.5 if config.get("use_rslora") else alpha / rank


def permuted(rows: Matrix, n_head: int) -> Matrix:
    """Rows of a query or key weight from PyTorch's order to llama.cpp's (LlamaModel.permute)."""
    n_out, width = rows.shape
    return rows.reshape(n_head, 2, n_out // n_head // 2, width).swapaxes(1, 2).reshape(rows.shape)


def _halved(matrix: Matrix) -> NDArray[np.float16] | Matrix:
    """In 16 bits, which cost less than a tenth of a millinat and half the time at the desk."""
    if np.abs(matrix).max(initial=0.0) >= np.finfo(np.float16).max:
        return np.ascontiguousarray(matrix)
    return np.ascontiguousarray(matrix, np.float16)


def _merged(
    base: BaseModel, pairs: Mapping[str, Pair], target: Path, strength: float, precision: str
) -> Iterator[float]:
    """The base with the adapter added, tensor by tensor: never more than one in memory."""
    reader = gguf.GGUFReader(base.path)
    writer = gguf.GGUFWriter(target, base.family.architecture)
    kind = FILE_TYPES[precision]
    for key, value in reader.fields.items():
        if not key.startswith("GGUF.") and key not in (
            "general.architecture",
            "general.file_type",
            "general.quantization_version",
        ):
            first, *rest = value.types
            writer.add_key_value(key, value.contents(), first, *rest[-1:])
    writer.add_file_type(kind.number)
    stored = {}
    for tensor in reader.tensors:
        matrix = len(tensor.shape) == 2
        stored[tensor.name] = _as_stored(precision) if matrix else gguf.GGMLQuantizationType.F32
        shape = [int(n) for n in reversed(tensor.shape)]
        n_bytes = int(np.prod(shape)) * (4 if stored[tensor.name].name == "F32" else 2)
        writer.add_tensor_info(
            tensor.name,
            gguf.quant_shape_to_byte_shape(shape, stored[tensor.name])
            if stored[tensor.name].name == "BF16"
            else shape,
            np.dtype(np.float32),
            n_bytes,
            raw_dtype=stored[tensor.name],
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for done, tensor in enumerate(reader.tensors, 1):
        weights = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if pair := pairs.get(tensor.name):
            weights = weights + np.float32(strength) * (pair.b @ pair.a)
        writer.write_tensor_data(gguf.quantize(weights, stored[tensor.name]))
        yield done / len(reader.tensors)
    writer.close()


def _as_stored(precision: str) -> gguf.GGMLQuantizationType:
    return gguf.GGMLQuantizationType[precision]


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new file that takes the place of `target` when all is in it and on the disk."""
    handle, name = tempfile.mkstemp(".part", ".", target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
