"""Where a model computes: the GPUs there are, and how much of the model fits on them.

llama.cpp offers no such reckoning in its library (it is part of its programs), so it is done
here, on the safe side. How layers are shared out was read in `llama-model.cpp`; untested, for
nobody has run it on a GPU yet.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp.llama_cpp as C
from llama_cpp._ctypes_extensions import load_shared_library

from studio.engine import LoadOptions
from studio.engine.context import cells, metadata

log = logging.getLogger(__name__)

CPU = "CPU"
_GPU, _INTEGRATED_GPU = 1, 2
"""ggml-backend.h: enum ggml_backend_dev_type."""
_KEPT_FREE_BYTES = 2**30
"""Of each device's memory, for computing and for the screen; llama.cpp's programs do the same."""
_KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32}
"""Of one number of a key or a value."""
_ASSIGNED = re.compile(r"layer +(\d+) assigned to device ([^,]+)")
_USING = re.compile(r"using device (\S+) \((.*)\) \([^()]*\) - \d+ MiB free")


@dataclass(frozen=True)
class Gpu:
    """A device that llama.cpp can put layers on."""

    name: str
    free_bytes: int


@dataclass(frozen=True)
class Footprint:
    """The memory that a model takes, all layers together."""

    n_layers: int
    """Without the output layer, which llama.cpp counts as one more."""
    weights_bytes: int
    kv_bytes: int
    """Keys and values of the whole context."""


def gpus() -> list[Gpu]:
    """The GPUs that llama.cpp would use, in its order: integrated ones if there are no others."""
    kinds = _devices()
    return [gpu for kind, gpu in kinds if kind == _GPU] or [
        gpu for kind, gpu in kinds if kind == _INTEGRATED_GPU
    ]


def _devices() -> list[tuple[int, Gpu]]:
    """All devices that llama.cpp knows, the CPU among them, with their kinds."""
    folder = Path(os.environ.get("LLAMA_CPP_LIB_PATH") or Path(C.__file__).parent / "lib")
    try:
        registry = load_shared_library("ggml", folder)
        devices = load_shared_library("ggml-base", folder)
        count, get = registry.ggml_backend_dev_count, registry.ggml_backend_dev_get
        name_of, kind_of = devices.ggml_backend_dev_name, devices.ggml_backend_dev_type
        memory_of = devices.ggml_backend_dev_memory
    except (AttributeError, OSError, RuntimeError) as error:
        log.info("llama.cpp does not say what devices there are: %s", error)
        return []
    count.restype, get.restype, name_of.restype = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
    get.argtypes = [ctypes.c_size_t]
    name_of.argtypes = kind_of.argtypes = [ctypes.c_void_p]
    memory_of.argtypes = [ctypes.c_void_p, *[ctypes.POINTER(ctypes.c_size_t)] * 2]
    memory_of.restype = None
    found = []
    for device in map(get, range(count())):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        memory_of(device, ctypes.byref(free), ctypes.byref(total))
        name = name_of(device).decode("utf-8", "replace")
        found.append((kind_of(device), Gpu(name, free.value)))
    return found


def layers_that_fit(model: Footprint, free_bytes: Sequence[int]) -> int:
    """How many layers to offload, the output layer included, to devices with so much free memory.

    llama.cpp shares the layers out in proportion to the free memory of the devices. Layers are
    taken to be alike, with what belongs to none of them spread over all.
    """
    layer_bytes = (model.weights_bytes + model.kv_bytes) / max(1, model.n_layers)
    together = sum(free_bytes)
    n = min(
        (
            (free - _KEPT_FREE_BYTES) * together / (free * layer_bytes) if free else 0
            for free in free_bytes
        ),
        default=0,
    )
    return model.n_layers + 1 if n >= model.n_layers else max(0, int(n))


def automatic_layers(options: LoadOptions, devices: Sequence[Gpu]) -> int:
    """As many layers of a model file as fit on `devices`; -1, for all, if that can't be told."""
    model = _footprint(options) if devices else None
    if model is None:
        return -1
    n = layers_that_fit(model, [device.free_bytes for device in devices])
    log.info("%d of %d layers fit: %s, %s", n, model.n_layers + 1, model, devices)
    return n


def layers_by_device(lines: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """(device, number of layers) from llama.cpp's log of loading a model; the CPU comes last."""
    described: dict[str, str] = {}
    device_of: dict[int, str] = {}
    for line in lines:
        if using := _USING.search(line):
            described[using[1]] = using[2]
        elif assigned := _ASSIGNED.search(line):
            device_of[int(assigned[1])] = assigned[2]
    names = list(device_of.values())
    in_order = sorted(dict.fromkeys(names), key=lambda name: name == CPU)
    return tuple((described.get(name, name), names.count(name)) for name in in_order)


def in_words(layers: Sequence[tuple[str, int]], n_threads: int) -> str:
    """Where the model computes: "CPU, 2 threads", or "NVIDIA ..., 31 of 31 layers"."""
    on_gpus = [(name, n) for name, n in layers if name != CPU]
    if not on_gpus:
        return f"CPU, {n_threads} thread{'s' if n_threads != 1 else ''}"
    n_all = sum(n for _, n in layers)
    names = " and ".join(name for name, _ in on_gpus)
    return f"{names}, {sum(n for _, n in on_gpus)} of {n_all} layers"


def _footprint(options: LoadOptions) -> Footprint | None:
    """From the metadata of a model file; None if it can't be read."""
    params = C.llama_model_default_params()
    params.vocab_only = True
    model = C.llama_model_load_from_file(str(options.path).encode(), params)
    if not model:
        return None
    try:
        architecture = metadata(model, "general.architecture")
        head = f"{architecture}.attention"
        n_layers = _number(metadata(model, f"{architecture}.block_count"))
        n_heads = _number(metadata(model, f"{head}.head_count")) or 1
        n_kv_heads = _number(metadata(model, f"{head}.head_count_kv")) or n_heads
        width = _number(metadata(model, f"{architecture}.embedding_length")) // n_heads
        key = _number(metadata(model, f"{head}.key_length")) or width
        value = _number(metadata(model, f"{head}.value_length")) or width
        trained = _number(metadata(model, f"{architecture}.context_length"))
        weights_bytes = C.llama_model_size(model) or options.path.stat().st_size
    finally:
        C.llama_model_free(model)
    if not n_layers:
        return None
    kv_bytes = cells(options.n_ctx, trained) * n_layers * n_kv_heads * (key + value)
    return Footprint(n_layers, weights_bytes, int(kv_bytes * _KV_BYTES[options.kv_type]))


def _number(text: str) -> int:
    """A number of the metadata; of a list, one for each layer, the largest; 0 for none."""
    return max(map(int, re.findall(r"\d+", text)), default=0)
