"""The model that is tuned: what its GGUF file says of it, and whether it can be tuned at all.

No PyTorch here: what can't be tuned is refused before anything is loaded.
"""

from __future__ import annotations

import hashlib
import struct
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from studio.engine import ModelFileError
from studio.engine.faster import source_of
from studio.engine.model_file import refuse_unfit
from studio.tuning import TuningError

_FAMILIES = Path(__file__).parents[2] / "models" / "families.toml"
_LONGEST_LIST = 512
_Parts = tuple[int, list[npt.NDArray[Any]], list[int], list[gguf.GGUFValueType]]
_LENGTH = struct.Struct("=Q")


class BaseError(TuningError):
    """This model can't be tuned: why, and what to choose instead."""


@dataclass(frozen=True)
class Family:
    """One kind of model; see models/families.toml."""

    architecture: str
    names: str
    permuted: bool


@cache
def families() -> Mapping[str, Family]:
    """All that can be tuned, by architecture."""
    declared = tomllib.loads(_FAMILIES.read_text("utf-8"))["family"]
    return {each["architecture"]: Family(**each) for each in declared}


@dataclass(frozen=True)
class Shape:
    """The size of a weight, as PyTorch has it."""

    n_out: int
    n_in: int


@dataclass(frozen=True)
class BaseModel:
    """What the file of a model says of it. Sizes are in numbers of values."""

    path: Path
    name: str
    family: Family
    n_layers: int
    n_embd: int
    n_ff: int
    n_head: int
    n_head_kv: int
    head_dim: int
    n_vocab: int
    n_params: int
    rope_theta: float
    rope_dims: int
    norm_eps: float
    full_precision: bool
    """All weights are kept in 16 or 32 bits."""
    tied: bool
    """The head is the embedding."""
    bos: int | None
    eos: int | None
    """Tokens that begin and end a text."""
    weights: Mapping[str, Shape] = field(repr=False)
    """All matrices, by their names in the file."""
    extra: Mapping[str, Any] = field(repr=False)
    """Further metadata of the architecture, without its name: "rope.scaling.type"."""
    rope_factors: Mapping[str, np.ndarray[Any, Any]] = field(repr=False)
    """What the rotary frequencies are divided by: "rope_freqs", "rope_factors_short"."""

    @cached_property
    def sha256(self) -> str:
        """Of the whole file, or of the one that it is a copy of; an adapter remembers it."""
        return source_of(self.path) or hash_of(self.path)


def hash_of(path: Path) -> str:
    """The SHA-256 of a file. Raises `BaseError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BaseError(f"‘{path.name}’ can't be read ({error.strerror}).") from error


def inspect(path: Path) -> BaseModel:
    """What a GGUF file holds. Raises `BaseError` if it can't be tuned, with the reason."""
    name = f"‘{path.name}’"
    try:
        refuse_unfit(path)
        reader = _Reader(path)
    except ModelFileError as error:
        raise BaseError(str(error)) from error
    except (ValueError, IndexError, KeyError, OSError, OverflowError, struct.error) as error:
        raise BaseError(
            f"{name} is cut short or damaged. Download it again or choose another model."
        ) from error
    said = {key: value.contents() for key, value in reader.fields.items() if _is_plain(value)}
    if said.get("general.type", "model") != "model":
        raise BaseError(f"{name} is an adapter. Choose the model that it was made for.")
    architecture = str(said.get("general.architecture", ""))
    family = families().get(architecture)
    if family is None:
        known = ", ".join(each.names for each in families().values())
        raise BaseError(
            f"{name} is a “{architecture}” model, which can't be tuned here. Models that can: "
            f"{known}."
        )
    own = {
        key.removeprefix(f"{architecture}."): value
        for key, value in said.items()
        if key.startswith(f"{architecture}.")
    }
    _refuse_unreadable(name, reader, own)
    try:
        return _base_model(path, family, said, own, reader)
    except (KeyError, TypeError, ValueError) as error:
        raise BaseError(
            f"{name} does not say how the model in it is built ({error}). Choose another file of "
            "this model."
        ) from error


class _Reader(gguf.GGUFReader):  # type: ignore[misc]  # gguf has no types
    """Passes over long lists, such as the vocabulary: they take seconds to read, a large one half a
    minute, while whoever types waits for Python; nothing here needs them."""

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> _Parts:
        plainly: Callable[[int, int], _Parts] = super()._get_field_parts
        if raw_type != gguf.GGUFValueType.ARRAY or self.byte_order != "I":
            return plainly(orig_offs, raw_type)
        head = memoryview(self.data)[orig_offs : orig_offs + 12].tobytes()
        kind, n = struct.unpack("=IQ", head)
        if n <= _LONGEST_LIST or kind == gguf.GGUFValueType.ARRAY:
            return plainly(orig_offs, raw_type)
        kind = gguf.GGUFValueType(kind)
        size = 12
        if kind is gguf.GGUFValueType.STRING:
            rest = memoryview(self.data)[orig_offs:]
            for _ in range(n):
                size += 8 + _LENGTH.unpack_from(rest, size)[0]
        else:
            size += n * np.dtype(self.gguf_scalar_to_np[kind]).itemsize
        return size, [], [], [gguf.GGUFValueType.ARRAY, kind]


def _is_plain(value: gguf.ReaderField) -> bool:
    """It is there: no long list."""
    return value.types[0] is not gguf.GGUFValueType.ARRAY or len(value.data) > 0


def _refuse_unreadable(name: str, reader: gguf.GGUFReader, own: Mapping[str, Any]) -> None:
    if int(own.get("expert_count", 0)) > 0:
        raise BaseError(f"{name} is a mixture of experts, which can't be tuned here.")
    unread = set()
    for kind in {tensor.tensor_type for tensor in reader.tensors}:
        sample = next(tensor for tensor in reader.tensors if tensor.tensor_type == kind)
        try:
            gguf.dequantize(sample.data.reshape(-1, sample.data.shape[-1])[:1], kind)
        except (NotImplementedError, KeyError):
            unread.add(kind.name)
    if unread:
        raise BaseError(
            f"The weights of {name} are quantized as {', '.join(sorted(unread))}, which tuning "
            "can't read. Choose another file of the same model, such as Q4_K_M or Q8_0."
        )
    if own.get("rope.scaling.type", "none") not in ("none", "linear", "longrope", ""):
        raise BaseError(
            f"{name} stretches its context by “{own['rope.scaling.type']}”, which tuning would not "
            "do in the same way. Choose the model without a stretched context."
        )


def _base_model(
    path: Path,
    family: Family,
    said: Mapping[str, Any],
    own: Mapping[str, Any],
    reader: gguf.GGUFReader,
) -> BaseModel:
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    weights = {
        name: Shape(int(tensor.shape[1]), int(tensor.shape[0]))
        for name, tensor in tensors.items()
        if len(tensor.shape) == 2
    }
    n_embd, n_head = int(own["embedding_length"]), int(own["attention.head_count"])
    head_dim = int(own.get("attention.key_length", n_embd // n_head))
    full = {gguf.GGMLQuantizationType[each] for each in ("F32", "F16", "BF16")}
    factors = {
        name.removesuffix(".weight"): np.array(tensors[name].data, np.float32)
        for name in ("rope_freqs.weight", "rope_factors_short.weight")
        if name in tensors
    }
    return BaseModel(
        path=path,
        name=str(said.get("general.name") or path.stem),
        family=family,
        n_layers=int(own["block_count"]),
        n_embd=n_embd,
        n_ff=int(own["feed_forward_length"]),
        n_head=n_head,
        n_head_kv=int(own.get("attention.head_count_kv", n_head)),
        head_dim=head_dim,
        n_vocab=weights["token_embd.weight"].n_out,
        n_params=sum(int(tensor.n_elements) for tensor in reader.tensors),
        rope_theta=float(own.get("rope.freq_base", 10_000.0)),
        rope_dims=int(own.get("rope.dimension_count", head_dim)),
        norm_eps=float(own["attention.layer_norm_rms_epsilon"]),
        full_precision=all(tensor.tensor_type in full for tensor in reader.tensors),
        tied="output.weight" not in tensors,
        bos=said.get("tokenizer.ggml.bos_token_id"),
        eos=said.get("tokenizer.ggml.eos_token_id"),
        weights=weights,
        extra=own,
        rope_factors=factors,
    )
