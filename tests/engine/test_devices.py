"""How much of a model is put where. No GPU was there to try it on: the reckoning is tested."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.engine import LoadOptions
from studio.engine.devices import (
    Footprint,
    Gpu,
    _devices,
    _footprint,
    automatic_layers,
    gpus,
    in_words,
    layers_by_device,
    layers_that_fit,
)

GB = 2**30
SEVEN_B = Footprint(n_layers=32, weights_bytes=4 * GB, kv_bytes=GB)


@pytest.mark.parametrize(
    ("free_gb", "layers"),
    [([24], 33), ([6], 33), ([3.5], 16), ([1.1], 0), ([0.5], 0), ([0], 0), ([], 0)],
)
def test_as_many_layers_as_fit_go_to_a_gpu(free_gb: list[float], layers: int) -> None:
    assert layers_that_fit(SEVEN_B, [int(free * GB) for free in free_gb]) == layers


def test_two_devices_take_what_one_could_not() -> None:
    assert layers_that_fit(SEVEN_B, [4 * GB]) < 33
    assert layers_that_fit(SEVEN_B, [4 * GB, 4 * GB]) == 33


footprints = st.builds(
    Footprint,
    n_layers=st.integers(1, 200),
    weights_bytes=st.integers(10**6, 10**12),
    kv_bytes=st.integers(0, 10**11),
)


@given(footprints, st.lists(st.integers(0, 10**12), min_size=1, max_size=4))
def test_no_device_gets_more_than_it_has_free(model: Footprint, free: list[int]) -> None:
    n = layers_that_fit(model, free)
    assert 0 <= n <= model.n_layers + 1
    of_all = min(n, model.n_layers) / model.n_layers * (model.weights_bytes + model.kv_bytes)
    for each in free:
        if n:
            assert of_all * each / sum(free) <= each - GB + 1


@given(footprints, st.integers(0, 10**12), st.integers(0, 10**11))
def test_more_free_memory_never_means_fewer_layers(model: Footprint, free: int, more: int) -> None:
    assert layers_that_fit(model, [free + more]) >= layers_that_fit(model, [free])


def test_the_memory_of_a_model_is_reckoned_from_its_file(model_path: Path) -> None:
    """llama.cpp's own log says 112.50 MiB for 5,120 cells of the default model."""
    model = _footprint(LoadOptions(model_path, n_ctx=4096))
    assert model is not None
    assert model.n_layers == 30
    assert model.kv_bytes == 112.5 * 2**20
    assert abs(model.weights_bytes - model_path.stat().st_size) < 5e6
    half = _footprint(LoadOptions(model_path, n_ctx=4096, kv_type="q8_0"))
    assert half is not None
    assert half.kv_bytes == pytest.approx(model.kv_bytes * 17 / 32, rel=1e-6)
    longest = _footprint(LoadOptions(model_path, n_ctx=100_000))
    assert longest is not None
    assert longest.kv_bytes < 2.5 * model.kv_bytes, "no more than the model was trained for"


def test_layers_are_chosen_for_the_devices_there_are(model_path: Path, tmp_path: Path) -> None:
    options = LoadOptions(model_path)
    assert automatic_layers(options, [Gpu("CUDA0", 8 * GB)]) == 31
    assert automatic_layers(options, [Gpu("CUDA0", GB // 2)]) == 0
    assert automatic_layers(options, []) == -1
    nothing = tmp_path / "nothing.gguf"
    nothing.write_bytes(b"GGUF")
    assert automatic_layers(LoadOptions(nothing), [Gpu("CUDA0", 8 * GB)]) == -1


def test_the_library_says_what_devices_there_are() -> None:
    names = {gpu.name: gpu.free_bytes for _, gpu in _devices()}
    assert names["CPU"] > 0
    assert "CPU" not in {gpu.name for gpu in gpus()}


OF_A_GPU = """\
llama_prepare_model_devices: using device CUDA0 (NVIDIA GeForce RTX 4060 (Laptop)) (0000:01:00.0) \
- 7000 MiB free
load_tensors: layer   0 assigned to device CPU, is_swa = 0
load_tensors: layer   1 assigned to device CUDA0, is_swa = 0
load_tensors: layer   2 assigned to device CUDA0, is_swa = 1
load_tensors: offloaded 2/3 layers to GPU
"""


def test_the_log_says_where_the_layers_went() -> None:
    layers = layers_by_device(OF_A_GPU.splitlines())
    assert layers == (("NVIDIA GeForce RTX 4060 (Laptop)", 2), ("CPU", 1))
    assert in_words(layers, 4) == "NVIDIA GeForce RTX 4060 (Laptop), 2 of 3 layers"


def test_without_a_gpu_the_threads_are_told() -> None:
    assert in_words((("CPU", 31),), 1) == "CPU, 1 thread"
    assert in_words((), 2) == "CPU, 2 threads"
