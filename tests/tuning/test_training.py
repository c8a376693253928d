"""What the training computes is what plain PyTorch and PEFT compute, in less."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from torch.nn import functional
from transformers import PreTrainedModel

from studio.tuning import attention, loss
from studio.tuning import documents as docs
from studio.tuning.documents import Documents, Frame, Row
from studio.tuning.hidden import HiddenStates
from studio.tuning.loss import MASKED, weighted_nats
from studio.tuning.recipe import Recipe, RecipeError, presets
from studio.tuning.trainer import Diverged, Trainer, learning_rate_at, run
from tests.tuning import tiny

RECIPE = Recipe(rank=4, alpha=8, learning_rate=5e-3, n_ctx=64, row_tokens=128, step_tokens=128)


def _model(folder: Path, kind: str = "llama, tied") -> PreTrainedModel:
    return tiny.make(kind, folder)[0]


def _n_layers(kind: str) -> int:
    return int(tiny.KINDS[kind][1].num_hidden_layers)


def _documents(*lengths: int, seed: int = 0) -> Documents:
    dice = np.random.default_rng(seed)
    return Documents.of([(dice.integers(2, 250, n).tolist(), 1.0, 0) for n in lengths])


def _row(documents: Documents, *chosen: int) -> Row:
    return Row(chosen, tuple(int(documents.lengths[at]) for at in chosen))


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("side_by_side", [False, True])
def test_documents_in_a_row_are_computed_as_if_each_were_alone(
    kind: str, side_by_side: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a graphics card computes them, here on the processor.
    monkeypatch.setattr(attention, "_is_batch", lambda *_: side_by_side)
    model = _model(tmp_path, kind)
    documents = _documents(60, 5, 31, 1)
    with torch.no_grad():
        together = run(model, documents, _row(documents, 0, 1, 2, 3))
        alone = [run(model, documents, _row(documents, at)) for at in range(4)]
        plain = model.model(
            input_ids=torch.from_numpy(documents[2].astype(np.int64))[None], use_cache=False
        ).last_hidden_state[0]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)
    assert torch.allclose(alone[2], plain, atol=1e-4)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_what_the_lower_layers_made_is_as_good_as_computing_it(kind: str, tmp_path: Path) -> None:
    model = _model(tmp_path, kind)
    documents = _documents(40, 17, 9)
    kept = HiddenStates(tmp_path / "hidden", documents, 2, model)
    *_, done = kept.fill(model, documents, iter([_row(documents, 0, 1), _row(documents, 2)]), run)
    row = _row(documents, 2, 0)
    assert done == documents.n_tokens
    with torch.no_grad():
        assert torch.allclose(
            run(model, documents, row, kept), run(model, documents, row), atol=1e-4
        )
        assert len(list(model.model.layers)) == model.config.num_hidden_layers


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_bfloat16_and_its_filler_change_the_loss_by_rounding_alone(
    kind: str, tmp_path: Path
) -> None:
    documents = _documents(60, 17, 70, 9)
    rows = [_row(documents, 0, 1), _row(documents, 2), _row(documents, 3)]
    layers = range(2, _n_layers(kind))
    exact = Trainer(_model(tmp_path, kind), RECIPE, layers=layers)
    half = _model(tmp_path, kind).to(torch.bfloat16)  # type: ignore[no-untyped-call]
    kept = HiddenStates(tmp_path / "hidden", documents, 2, half)
    *_, done = kept.fill(half, documents, iter(rows), run)
    rounded = Trainer(half, RECIPE, layers=layers)
    expected = exact.evaluate(documents, rows)
    for found in (
        rounded.evaluate(documents, rows),
        rounded.evaluate(documents, rows, kept),
        rounded.differentiate(documents, rows),
    ):
        assert found == pytest.approx(expected, abs=0.02)
    assert done == documents.n_tokens


@pytest.mark.parametrize("softcap", [None, 5.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("at_once", [1, 4, 100], ids="{} at once".format)
def test_the_loss_and_its_gradient_are_those_of_the_whole_logits(
    softcap: float | None, dtype: torch.dtype, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = torch.Generator().manual_seed(1)
    hidden = torch.randn(9, 16, generator=dice).to(dtype).requires_grad_()
    head = torch.randn(50, 16, generator=dice).to(dtype)
    labels = torch.tensor([3, 4, MASKED, 6, 7, 49, 0, 1, MASKED])
    weights = torch.rand(9, generator=dice)
    weights[3] = 0.0
    exact = hidden.detach().double().requires_grad_()
    logits = exact @ head.double().T
    if softcap:
        logits = softcap * torch.tanh(logits / softcap)
    nats = functional.cross_entropy(logits, labels, ignore_index=MASKED, reduction="none")
    expected = (nats * weights).sum()
    expected.backward()
    monkeypatch.setattr(loss, "_AT_ONCE", at_once * len(head))
    found = weighted_nats(hidden, head, labels, weights, softcap)
    found.backward()
    rounding = 1e-5 if dtype is torch.float32 else 2**-7  # of 8 bits: of the logits, of the shares
    assert found.item() == pytest.approx(expected.item(), rel=rounding)
    assert hidden.grad is not None
    assert exact.grad is not None
    assert (hidden.grad - exact.grad).abs().max() <= rounding * exact.grad.abs().max()
    assert weighted_nats(hidden.detach(), head, labels, weights, softcap).item() == found.item()


@pytest.mark.parametrize(
    ("kind", "checkpointing"),
    [("llama, tied", True), *((kind, False) for kind in tiny.KINDS)],
)
def test_the_losses_are_those_of_a_plain_loop(
    kind: str, checkpointing: bool, tmp_path: Path
) -> None:
    documents = _documents(64, 64, 64, 64)
    steps = [[_row(documents, 0, 1)], [_row(documents, 2), _row(documents, 3)]] * 3
    trainer = Trainer(
        _model(tmp_path, kind), RECIPE, layers=range(_n_layers(kind)), checkpointing=checkpointing
    )
    begin = trainer.adapters()
    ours = [trainer.step(documents, rows, 1.0).nats for rows in steps]

    plain = get_peft_model(
        _model(tmp_path, kind),
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", lora_dropout=0.0),
    )
    weights = {n: w for n, w in plain.named_parameters() if w.requires_grad}
    assert weights.keys() == begin.keys()
    for name, weight in weights.items():
        weight.data.copy_(begin[name])
    optimizer = torch.optim.AdamW(
        weights.values(), lr=RECIPE.learning_rate, betas=(0.9, 0.99), weight_decay=0.0
    )
    theirs = []
    for rows in steps:
        tokens = torch.stack(
            [
                torch.from_numpy(documents[at].astype(np.int64))
                for row in rows
                for at in row.documents
            ]
        )
        loss = plain(input_ids=tokens, labels=tokens, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        theirs.append(loss.item())
    assert np.allclose(ours, theirs, atol=2e-4)
    assert ours[-1] < ours[0] - 0.1


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_run_that_goes_on_gives_the_losses_that_it_would_have_given(
    dropout: float, tmp_path: Path
) -> None:
    recipe = Recipe(**{**vars(RECIPE), "dropout": dropout})
    documents = _documents(64, 40, 64, 30)
    steps = [[_row(documents, at % 4, (at + 1) % 4)] for at in range(6)]
    whole = Trainer(_model(tmp_path), recipe, layers=range(3))
    losses = [whole.step(documents, rows, 0.7).nats for rows in steps]

    first = Trainer(_model(tmp_path), recipe, layers=range(3))
    begun = [first.step(documents, rows, 0.7).nats for rows in steps[:3]]
    state = first.state()
    second = Trainer(_model(tmp_path), recipe, layers=range(3))
    second.restore(state)
    resumed = [second.step(documents, rows, 0.7).nats for rows in steps[3:]]
    assert np.allclose([*begun, *resumed], losses, atol=1e-6)
    assert len(set(losses)) == 6
    learned = whole.adapters()
    for name, weight in second.adapters().items():
        assert torch.allclose(weight, learned[name], atol=1e-6)


def test_what_is_learned_is_the_mean_of_all_updates_and_the_later_ones_count_more(
    tmp_path: Path,
) -> None:
    documents = _documents(64, 40, 64, 30)
    rows = [_row(documents, 0, 1), _row(documents, 2), _row(documents, 3)]
    trainer = Trainer(_model(tmp_path), RECIPE, layers=range(3))
    weights = {n: w for n, w in trainer.peft.named_parameters() if w.requires_grad}
    after: list[dict[str, torch.Tensor]] = []
    for at in range(4):
        trainer.step(documents, [_row(documents, at)], 1.0)
        after.append({name: weight.detach().clone() for name, weight in weights.items()})

    counts = [1, 3, 6, 10]  # t (t + 1) / 2
    learned = trainer.adapters()
    for name in weights:
        mean = sum(n * each[name] for n, each in zip(counts, after, strict=True)) / sum(counts)
        assert torch.allclose(learned[name], torch.as_tensor(mean), atol=1e-6)

    tried = trainer.evaluate(documents, rows)
    assert all(torch.equal(after[-1][name], weight) for name, weight in weights.items())
    trainer.save(tmp_path / "saved")
    trainer.put(learned)
    assert trainer.evaluate(documents, rows) == tried
    kept = load_file(tmp_path / "saved" / "adapter_model.safetensors")
    assert len(kept) == len(learned)
    for name, weight in kept.items():
        layer, part = name.removesuffix(".weight").rsplit(".", 1)
        assert torch.equal(weight, learned[f"{layer}.{part}.default.weight"])


def test_a_weight_of_two_counts_twice(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    a, b = (dice.integers(2, 250, 30).tolist() for _ in range(2))
    weighted = Documents.of([(a, 2.0, 0), (b, 1.0, 1)])
    repeated = Documents.of([(a, 1.0, 0), (a, 1.0, 0), (b, 1.0, 1)])
    losses = [
        Trainer(_model(tmp_path), RECIPE, layers=range(3))
        .step(documents, [_row(documents, *range(len(documents)))], 1.0)
        .nats
        for documents in (weighted, repeated)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_only_the_chosen_layers_learn(tmp_path: Path) -> None:
    trainer = Trainer(_model(tmp_path), RECIPE, layers=range(2, 3))
    assert all(".layers.2." in name for name in trainer.adapters())
    documents = _documents(30)
    before = trainer.adapters()
    trainer.step(documents, [_row(documents, 0)], 1.0)
    after = trainer.adapters()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_an_update_that_breaks_off_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    documents = _documents(30, 20)
    rows = [_row(documents, 0), _row(documents, 1)]
    broken, whole = (Trainer(_model(tmp_path), RECIPE, layers=range(3)) for _ in range(2))
    breaths = iter([None, MemoryError()])

    def breathe() -> None:
        if (error := next(breaths)) is not None:
            raise error

    with pytest.raises(MemoryError):
        broken.step(documents, rows, 1.0, None, breathe)
    assert broken.step(documents, rows, 1.0) == whole.step(documents, rows, 1.0)
    ours, theirs = broken.state(), whole.state()
    assert all(torch.equal(ours[name], weight) for name, weight in theirs.items())


def test_a_loss_that_is_no_number_changes_nothing(tmp_path: Path) -> None:
    model = _model(tmp_path)
    trainer = Trainer(model, RECIPE, layers=range(3))
    documents = _documents(30)
    model.model.norm.weight.data.fill_(float("nan"))
    before = trainer.state()
    with pytest.raises(Diverged, match="lower learning rate"):
        trainer.step(documents, [_row(documents, 0)], 1.0)
    after = trainer.state()
    assert after.keys() == before.keys()
    assert all(torch.equal(before[name], weight) for name, weight in after.items())


# -- documents ---------------------------------------------------------------------------------


def _letters(text: str) -> tuple[list[int], list[int]]:
    """Every letter is a token."""
    return [ord(c) for c in text], list(range(len(text)))


@given(
    st.text(st.sampled_from("ab .\n"), max_size=400),
    st.integers(4, 60),
    st.sampled_from([Frame(None, None), Frame(1, None), Frame(1, 2), Frame(None, 2)]),
)
@settings(deadline=None)
def test_a_chapter_is_cut_without_losing_or_doubling_a_token(
    text: str, n_ctx: int, frame: Frame
) -> None:
    pieces = list(docs.cut(text, _letters, n_ctx, frame))
    assert all(0 < len(piece) <= n_ctx for piece in pieces)
    inside = [piece[1:] if frame.bos is not None else piece for piece in pieces]
    assert all(piece[0] == frame.bos for piece in pieces if frame.bos is not None)
    if frame.eos is not None and inside:
        assert inside[-1][-1] == frame.eos
        inside[-1] = inside[-1][:-1]
    assert [token for piece in inside for token in piece] == [ord(c) for c in text]


def test_documents_begin_with_a_paragraph_or_at_least_with_a_word() -> None:
    text = "\n\n".join(["one two three four"] * 6) + "\n\n" + "word " * 40
    starts, at = [], 0
    for piece in docs.cut(text, _letters, 50, Frame(None, None)):
        starts.append(at)
        at += len(piece)
    assert all(at == 0 or text[at - 1] in " \n" for at in starts)
    assert sum(text[at - 1] == "\n" for at in starts[1:]) >= 2


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 200), st.integers(0, 99)
)
@settings(deadline=None)
def test_every_document_is_in_exactly_one_row(lengths: list[int], n: int, seed: int) -> None:
    sizes = np.array(lengths, np.int64)
    chosen = docs.order([1.0] * len(lengths), seed)
    steps = list(docs.steps(chosen, sizes, n))
    assert [at for step in steps for at in step] == chosen
    assert sorted(chosen) == list(range(len(lengths)))
    assert all(sum(lengths[at] for at in step) >= n for step in steps[:-1])
    for step in steps:
        rows = docs.rows(step, sizes, max(50, n))
        assert [at for row in rows for at in row.documents] == step
        assert all(row.n_tokens <= max(50, n) for row in rows)
        # Two rows in succession would not have fitted into one.
        assert all(
            row.n_tokens + later.lengths[0] > max(50, n) for row, later in itertools.pairwise(rows)
        )
        assert len(docs.rows(step, sizes, n + max(lengths))) == 1


def test_passes_say_how_often_a_document_comes() -> None:
    chosen = docs.order([2.0, 0.5, 1.0] * 400, 3)
    times = np.bincount(chosen, minlength=1200).reshape(-1, 3)
    assert set(times[:, 0]) == {2}
    assert set(times[:, 2]) == {1}
    assert 0.4 < times[:, 1].mean() < 0.6
    assert docs.order([2.0, 0.5], 3) == docs.order([2.0, 0.5], 3)


def test_documents_are_kept_as_they_are(tmp_path: Path) -> None:
    documents = Documents.of([([1, 2, 3], 1.0, 0), ([4], 0.5, 1)])
    documents.save(tmp_path / "d.npz")
    found = Documents.load(tmp_path / "d.npz")
    assert [found[at].tolist() for at in range(2)] == [[1, 2, 3], [4]]
    assert found.weights.tolist() == [1.0, 0.5]
    assert found.works.tolist() == [0, 1]


# -- settings ----------------------------------------------------------------------------------


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate_at(at / 100, 0.1) for at in range(101)]
    assert rates.index(max(rates)) == 10
    assert rates[-1] == pytest.approx(0.1)
    assert rates[:10] == sorted(rates[:10])


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(RecipeError, match="Rank is 0, but must be between 1 and 256"):
        Recipe(rank=0)
    with pytest.raises(RecipeError, match="at least one document"):
        Recipe(n_ctx=1024, row_tokens=512)


def test_there_are_three_presets_from_quick_to_thorough() -> None:
    minutes = [preset.recipe.minutes for preset in presets().values()]
    assert list(presets()) == ["quick", "balanced", "thorough"]
    assert minutes == sorted(minutes)
