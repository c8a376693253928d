"""A run by its own process: done, stopped, killed, gone on with, and refused with a sentence."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gguf
import psutil
import pytest

from studio.library import DefaultModel
from studio.library.adapters import BASE_HASH
from studio.tuning import checkpoints, process
from studio.tuning import run as runs
from studio.tuning.courtesy import Hold
from studio.tuning.events import (
    LAST,
    Began,
    Checked,
    Doing,
    Evaluated,
    Event,
    Failed,
    Finished,
    Noted,
    Planned,
    Sampled,
    Saved,
    Standing,
    Stepped,
    Stopped,
    Told,
)
from studio.tuning.recipe import Recipe
from studio.tuning.report import Report, ReportError
from studio.tuning.run import HOLD, Job, Run, RunError
from tests.gguf_files import write_tiny
from tests.tuning import tiny
from tests.tuning.stories import story

PATIENCE_S = 240.0
RECIPE = Recipe(
    rank=4,
    alpha=8,
    learning_rate=1e-2,
    n_ctx=64,
    row_tokens=256,
    step_tokens=512,
    evaluations=3,
    precision="float32",
    passes=2.0,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make("llama, tied", tmp_path_factory.mktemp("base"))[1]


@pytest.fixture
def job(base: Path, tmp_path: Path) -> Job:
    text, other = tmp_path / "story.md", tmp_path / "other.md"
    text.write_text(story(1500), "utf-8")
    other.write_text(story(600, seed=2), "utf-8")
    return Job("My style", (text,), base, RECIPE, controls=(other,), report="quick")


def _home(tmp_path: Path, name: str = "adapters") -> Path:
    return tmp_path / name / "data"


class _Watched:
    """What a run told so far."""

    def __init__(self, run: Run) -> None:
        self._following = run.follow()
        self._waiting: list[Told] = []
        self.told: list[Told] = []

    def until(self, wanted: Callable[[Event], bool]) -> Event:
        """The next event of this kind; those before it are in `told` then."""
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            self._waiting += self._following.events()
            while self._waiting:
                told = self._waiting.pop(0)
                self.told.append(told)
                if wanted(told.event):
                    return told.event
            time.sleep(0.05)
        raise TimeoutError(f"only these came: {self.told[-5:]}")

    def end(self) -> Event:
        return self.until(lambda event: isinstance(event, LAST))

    def all(self, kind: type) -> list[Event]:
        return [told.event for told in self.told if isinstance(told.event, kind)]


def _losses(watched: _Watched) -> dict[int, float]:
    return {event.step: event.nats for event in watched.all(Stepped) if isinstance(event, Stepped)}


def _notes(watched: _Watched) -> list[str]:
    return [event.sentence for event in watched.all(Noted) if isinstance(event, Noted)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_makes_an_adapter_and_a_report_even_if_it_is_killed(
    job: Job, base: Path, tmp_path: Path
) -> None:
    whole = Run.begin(_home(tmp_path), job)
    whole.start()
    watched = _Watched(whole)
    watched.until(_is_report)
    whole.tell("stop")
    assert isinstance(watched.end(), Stopped)

    kinds = [type(told.event) for told in watched.told]
    firsts = sorted(set(kinds), key=kinds.index)
    wanted = [Began, Doing, Checked, Evaluated, Planned, Sampled, Stepped, Saved, Stopped]
    assert [kind for kind in firsts if kind in wanted] == wanted
    assert [event.adapter for event in watched.all(Checked) if isinstance(event, Checked)] == [
        False,
        True,
    ]
    tried = [event for event in watched.all(Evaluated) if isinstance(event, Evaluated)]
    assert next(event.step for event in tried) == 0
    assert len(tried) == RECIPE.evaluations + 1
    assert tried[-1].nats < tried[0].nats - 0.1
    (planned, *_) = [event for event in watched.all(Planned) if isinstance(event, Planned)]
    # So few words would be some twenty updates of the usual size.
    assert planned.n_tokens < 25 * RECIPE.step_tokens
    assert planned.n_steps > 40
    samples = [event for event in watched.all(Sampled) if isinstance(event, Sampled)]
    assert samples[0].tuned == samples[0].base
    assert samples[-1].tuned != samples[-1].base
    adapter = whole.adapter
    assert adapter is not None
    said = gguf.GGUFReader(adapter).fields
    assert said[BASE_HASH].contents() == process.inspect(base).sha256

    # The same, killed twice: once in training, once in what follows.
    killed = Run.begin(_home(tmp_path, "other"), job)
    killed.start()
    again = _Watched(killed)
    began = again.until(lambda event: isinstance(event, Began))
    again.until(lambda event: isinstance(event, Saved))
    assert isinstance(began, Began)
    psutil.Process(began.pid).kill()
    _wait_for(lambda: not killed.is_running)
    killed.start()
    resumed = again.until(lambda event: isinstance(event, Began))
    assert isinstance(resumed, Began)
    assert resumed.resumed
    again.until(_is_report)
    psutil.Process(resumed.pid).kill()
    _wait_for(lambda: not killed.is_running)
    killed.start()
    end = again.end()
    assert isinstance(end, Finished), end
    assert _losses(again).keys() == _losses(watched).keys()
    for step, loss in _losses(watched).items():
        assert _losses(again)[step] == pytest.approx(loss, abs=1e-5)
    assert killed.adapter is not None
    report = Report.from_json((killed.folder / "report.json").read_text("utf-8"))
    assert end.sentence == report.verdict
    _wait_for(lambda: not killed.is_running)
    left = {each.name for each in killed.folder.iterdir()}
    assert not left & {"checkpoints", "best.safetensors", "measured.jsonl", "plan.json", "hidden"}


def _is_report(event: Event) -> bool:
    return isinstance(event, Doing) and event.what == "report"


def _wait_for(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_stands_still_stops_goes_on_and_finishes_when_it_is_told(
    job: Job, tmp_path: Path
) -> None:
    run = Run.begin(_home(tmp_path), replace(job, recipe=replace(RECIPE, passes=40.0)))
    run.start()
    watched = _Watched(run)
    watched.until(lambda event: isinstance(event, Stepped))
    with pytest.raises(RunError, match="worked on already"):
        run.start()
    with pytest.raises(RunError, match="Stop it first"):
        run.remove()

    hold = Hold(run.folder.parent / HOLD)
    hold.ask(2.0)
    watched.until(lambda event: event == Standing("writer"))
    watched.until(lambda event: event == Standing(""))
    hold.close()

    run.tell("pause")
    watched.until(lambda event: event == Standing("asked"))
    steps = len(watched.all(Stepped))
    time.sleep(1.0)
    run.tell("go on")
    watched.until(lambda event: event == Standing(""))
    assert len(watched.all(Stepped)) == steps

    watched.until(lambda event: isinstance(event, Stepped))
    run.tell("pause")
    watched.until(lambda event: event == Standing("asked"))
    time.sleep(3.0)
    run.tell("stop")
    assert isinstance(watched.end(), Stopped)
    _wait_for(lambda: not run.is_running)
    whole_s = watched.told[-1].at_s - watched.told[0].at_s
    assert _seconds_spent(run) < whole_s - 5.5, "what it stood still is no work"
    last = max(_losses(watched))

    run.start()
    step = watched.until(lambda event: isinstance(event, Stepped))
    assert isinstance(step, Stepped)
    assert step.step == last + 1
    run.tell("pause")
    watched.until(lambda event: event == Standing("asked"))
    run.tell("finish")
    watched.until(_is_report)
    assert run.adapter is not None
    run.tell("stop")
    assert isinstance(watched.end(), Stopped)
    _wait_for(lambda: not run.is_running)
    run.remove()
    assert Run.all(run.folder.parent) == []


def _seconds_spent(run: Run) -> float:
    """Of work, as the newest checkpoint has it."""
    found = checkpoints.newest(run.folder / "checkpoints")
    assert found is not None
    return found[1].seconds


# -- what is refused, in this process ------------------------------------------------------------


def _worked_on(job: Job, home: Path) -> tuple[Run, _Watched]:
    run = Run.begin(home, job)
    process.work_on(run.folder)
    watched = _Watched(run)
    watched.end()
    return run, watched


def _no_report(*_: object, **__: object) -> Report:
    raise ReportError("No report here.")


def _failure(watched: _Watched) -> str:
    event = watched.told[-1].event
    assert isinstance(event, Failed), event
    return event.sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"Only three words", "There are 3 words to learn from"),
        (b"\x00\x01\x02\xff" * 2000, "‘story.md’"),
    ],
)
def test_texts_that_are_none_are_refused(
    content: bytes, sentence: str, job: Job, tmp_path: Path
) -> None:
    job.texts[0].write_bytes(content)
    _, watched = _worked_on(job, _home(tmp_path))
    assert sentence in _failure(watched)


def test_a_model_that_can_not_be_tuned_is_refused(job: Job, tmp_path: Path) -> None:
    like = DefaultModel.declared().find()
    mamba = write_tiny(tmp_path / "m.gguf", "mamba", like)
    _, watched = _worked_on(replace(job, base=mamba), _home(tmp_path))
    assert "can't be tuned here" in _failure(watched)


def test_without_pytorch_it_says_how_to_add_it(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "missing", lambda: "Tuning needs torch.")
    _, watched = _worked_on(job, _home(tmp_path))
    assert _failure(watched) == "Tuning needs torch."


@pytest.mark.slow
def test_a_full_disk_costs_a_sentence_and_nothing_that_was_learned(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, n_saved = checkpoints.save, [0]

    def full(*given: object) -> None:
        n_saved[0] += 1
        if n_saved[0] > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "save", full)
    run, watched = _worked_on(job, _home(tmp_path))
    assert "No space left" in _failure(watched)
    assert "Make room" in _failure(watched)
    found = checkpoints.newest(run.folder / "checkpoints")
    assert found is not None
    assert found[1].step > 0


def test_a_loss_that_is_no_number_names_the_learning_rate(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.tuning.trainer import Trainer

    monkeypatch.setattr(Trainer, "differentiate", lambda *_: float("nan"))
    _, watched = _worked_on(job, _home(tmp_path))
    assert "Begin again with a lower learning rate than 0.01" in _failure(watched)


def test_a_control_text_that_is_gone_by_now_is_noted(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def report(*_: object, controls: list[object], **__: object) -> Report:
        given.extend(controls)
        raise ReportError("No report here.")

    monkeypatch.setattr(process, "make_report", report)
    kept = job.controls[0]
    gone = replace(job, controls=(tmp_path / "gone.md", kept))
    _, watched = _worked_on(gone, _home(tmp_path))
    assert _failure(watched) == "No report here."
    assert len(given) == 1
    notes = _notes(watched)
    assert any("gone.md" in note for note in notes)


@pytest.mark.slow
def test_memory_that_is_short_means_less_at_a_time(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.tuning.trainer import Trainer

    differentiate, failed = Trainer.differentiate, [0]

    def short(self: Trainer, documents: object, rows: list[object], *more: object) -> float:
        if failed[0] < 2:
            failed[0] += 1
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return differentiate(self, documents, rows, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "differentiate", short)
    monkeypatch.setattr(process, "make_report", _no_report)
    run, watched = _worked_on(job, _home(tmp_path))
    assert _failure(watched) == "No report here."
    notes = _notes(watched)
    assert sum("The memory was short" in note for note in notes) == 2
    plans = [event for event in watched.all(Planned) if isinstance(event, Planned)]
    assert plans[0].checkpointing
    assert run.adapter is not None


@pytest.mark.slow
def test_memory_that_gets_short_in_the_middle_means_shorter_rows_from_then_on(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from studio.tuning.documents import Row
    from studio.tuning.trainer import Trainer

    differentiate = Trainer.differentiate
    computed: list[tuple[int, int]] = []

    def short(self: Trainer, documents: object, rows: list[Row], *more: object) -> float:
        longest = max(row.n_tokens for row in rows)
        if self.n_steps >= 2 and longest > RECIPE.n_ctx:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        computed.append((self.n_steps, longest))
        return differentiate(self, documents, rows, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "differentiate", short)
    monkeypatch.setattr(process, "make_report", _no_report)
    run, watched = _worked_on(job, _home(tmp_path))
    assert _failure(watched) == "No report here."
    notes = _notes(watched)
    assert sum("The memory was short" in note for note in notes) == 1
    assert max(longest for n_steps, longest in computed if n_steps < 2) > RECIPE.n_ctx
    assert [n_steps for n_steps, _ in computed if n_steps >= 2] == list(
        range(2, computed[-1][0] + 1)
    )
    assert run.adapter is not None


@pytest.mark.slow
def test_a_graphics_card_that_fails_leaves_the_checkpoint_and_it_can_go_on(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.tuning.trainer import Trainer

    step, n_steps = Trainer.step, [0]

    def failing(self: Trainer, *given: object) -> object:
        n_steps[0] += 1
        if n_steps[0] == 4:
            raise RuntimeError("CUDA error: unspecified launch failure")
        return step(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "step", failing)
    run, watched = _worked_on(job, _home(tmp_path))
    assert "The graphics card failed" in _failure(watched)
    monkeypatch.setattr(process, "make_report", _no_report)
    process.work_on(run.folder)
    watched.end()
    assert _failure(watched) == "No report here."
    assert run.adapter is not None


# -- folders -------------------------------------------------------------------------------------


def test_a_job_is_kept_as_it_was_asked_for(job: Job, tmp_path: Path) -> None:
    asked = replace(
        job, weights=tmp_path, loss_weights=((tmp_path / "a.md", 2.0),), left_on=("drafts",)
    )
    assert Run.begin(_home(tmp_path), asked).job == asked


def test_a_name_is_taken_once_and_must_be_one(job: Job, tmp_path: Path) -> None:
    home = _home(tmp_path)
    Run.begin(home, job)
    with pytest.raises(RunError, match="There is a tuning ‘My style’ already"):
        Run.begin(home, job)
    with pytest.raises(RunError, match="Give the tuning a name"):
        Run.begin(home, replace(job, name=" ../.. "))
    with pytest.raises(RunError, match="There is no tuning ‘Yours’"):
        Run.named(home, "Yours")
    inside = Run.begin(home, replace(job, name="../a/b"))
    assert inside.folder.parent == home
    assert Run.begin(home, replace(job, name="Controls")).folder.name == "Controls-"


def test_a_disk_that_is_full_at_the_start_leaves_the_name_free(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "replace_file", full)
        with pytest.raises(RunError, match="No space left"):
            Run.begin(_home(tmp_path), job)
    assert Run.begin(_home(tmp_path), job).job == job


def test_a_damaged_job_is_told(job: Job, tmp_path: Path) -> None:
    run = Run.begin(_home(tmp_path), job)
    (run.folder / "job.json").write_text("{", "utf-8")
    with pytest.raises(RunError, match="damaged"):
        _ = run.job
    values = json.loads(job.to_json()) | {"version": 99}
    (run.folder / "job.json").write_text(json.dumps(values), "utf-8")
    with pytest.raises(RunError, match="another version"):
        _ = run.job
