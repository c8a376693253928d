"""What is chosen for a run, on machines that aren't at hand: the figures of a GPU are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from studio.tuning import plan
from studio.tuning.base import BaseModel, inspect
from studio.tuning.memory import memory_bytes
from studio.tuning.plan import PlanError
from studio.tuning.recipe import Precision, Recipe

RECIPE = Recipe()
Gpu = Callable[[int], None]


@pytest.fixture(scope="module")
def base(model_path: Path) -> BaseModel:
    return inspect(model_path)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """A graphics card with so many bytes free, and bitsandbytes beside it."""

    def put_in(free: int) -> None:
        monkeypatch.setattr(plan, "device", lambda: "cuda")
        monkeypatch.setattr(plan, "free_bytes", lambda on: free if on == "cuda" else 10**11)
        monkeypatch.setattr(plan, "can_4_bits", lambda: True)

    return put_in


def _needed(base: BaseModel, precision: Precision, row_tokens: int, *, checkpointing: bool) -> int:
    return memory_bytes(
        base, RECIPE, precision, base.n_layers, row_tokens, checkpointing=checkpointing
    )


def test_a_graphics_card_computes_a_step_at_once_and_less_where_memory_is_short(
    base: BaseModel, gpu: Gpu
) -> None:
    gpu(10**11)
    roomy = plan.plan(base, RECIPE)
    assert (roomy.device, roomy.precision) == ("cuda", "bfloat16")
    assert roomy.row_tokens >= RECIPE.step_tokens + RECIPE.n_ctx
    assert not roomy.checkpointing

    gpu(int(_needed(base, "bfloat16", RECIPE.n_ctx, checkpointing=False) / 0.85))
    narrow = plan.plan(base, RECIPE)
    assert (narrow.row_tokens, narrow.checkpointing) == (RECIPE.n_ctx, False)

    gpu(int(_needed(base, "bfloat16", RECIPE.n_ctx, checkpointing=True) / 0.85))
    assert plan.plan(base, RECIPE).checkpointing


def test_four_bits_are_the_last_way_out_before_it_is_refused(base: BaseModel, gpu: Gpu) -> None:
    gpu(int(_needed(base, "4-bit", RECIPE.n_ctx, checkpointing=True) / 0.85))
    assert plan.plan(base, RECIPE).precision == "4-bit"
    gpu(10**8)
    with pytest.raises(PlanError, match=r"takes about .* GB of memory, and 0\.1 GB are free"):
        plan.plan(base, RECIPE)


def test_four_bits_without_a_graphics_card_are_refused(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "device", lambda: "cpu")
    with pytest.raises(PlanError, match="needs an NVIDIA graphics card"):
        plan.plan(base, Recipe(precision="4-bit"))


def test_four_bits_without_their_package_are_refused_with_the_way_to_add_it(
    base: BaseModel, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu(10**11)
    monkeypatch.setattr(plan, "can_4_bits", lambda: False)
    with pytest.raises(PlanError, match=r"bitsandbytes.*make run"):
        plan.plan(base, Recipe(precision="4-bit"))
    gpu(int(_needed(base, "4-bit", RECIPE.n_ctx, checkpointing=True) / 0.85))
    monkeypatch.setattr(plan, "can_4_bits", lambda: False)
    with pytest.raises(PlanError, match="Close other programs"):
        plan.plan(base, RECIPE)
