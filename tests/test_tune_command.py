"""`lamplight tune` as a person or a script meets it: real processes, a tiny model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.test_cli import lamplight
from tests.tuning import tiny
from tests.tuning.stories import story


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str | None]:
    return {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    text = tmp_path / "My story.md"
    text.write_text(story(900), "utf-8")
    base = tiny.make("llama, tied", tmp_path)[1]
    return ["tune", str(text), "--base", str(base), "--preset", "quick", "--rank", "4"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_tuning_is_stopped_gone_on_with_and_reported(
    words: list[str], env: dict[str, str | None], tmp_path: Path
) -> None:
    begun = subprocess.Popen(
        [sys.executable, "-m", "studio", *words, "--json", "--passes", "50"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **{k: v for k, v in env.items() if v}},
        # A shell starts what runs in its background deaf to Ctrl+C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert begun.stdout is not None
    for line in begun.stdout:
        if json.loads(line)["event"] == "stepped":
            break
    begun.send_signal(signal.SIGINT)
    _, said = begun.communicate(timeout=200)
    assert begun.returncode == 130
    assert "Go on with: lamplight tune --resume 'My story'" in said

    done = lamplight("tune", "--resume", "My story", "--json", env=env)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "began"
    assert events[0]["resumed"]
    assert events[-1]["event"] == "finished"

    report = lamplight("tune", "report", "My story", env=env)
    assert events[-1]["sentence"] in " ".join(report.stdout.split())
    assert "verdict" in json.loads(
        lamplight("tune", "report", "My story", "--json", env=env).stdout
    )
    page = tmp_path / "page.html"
    lamplight("tune", "report", "My story", "--html", str(page), env=env)
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")

    nowhere = lamplight("tune", "report", "My story", "--html", "/none/a.html", env=env)
    assert nowhere.returncode == 2
    assert nowhere.stderr.startswith("lamplight: ‘/none/a.html’ can't be written (No such file")

    again = lamplight(*words, env=env)
    assert again.returncode == 1
    assert again.stderr.strip() == (
        "lamplight: There is a tuning ‘My story’ already. Go on with it, or choose another name."
    )


@pytest.mark.slow
def test_a_stop_before_it_has_begun_is_heard(
    words: list[str], env: dict[str, str | None], tmp_path: Path
) -> None:
    begun = subprocess.Popen(
        [sys.executable, "-m", "studio", *words, "--passes", "50"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **{k: v for k, v in env.items() if v}},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    run = tmp_path / "data/lamplight/adapters/My story"
    while not (run / "log.txt").exists():  # its process is being started
        time.sleep(0.01)
    time.sleep(0.1)
    begun.send_signal(signal.SIGINT)
    _, said = begun.communicate(timeout=100)
    assert begun.returncode == 130, said
    told = (run / "events.jsonl").read_text("utf-8").splitlines()
    assert json.loads(told[-1])["event"] == "stopped"
    assert not (run / "train.npz").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tune", "none.md"], "There is no file or folder ‘none.md’."),
        (["tune", ".", "--preset", "odd"], "There is no preset “odd”. There are: quick, balanced,"),
        (["tune", ".", "--base", "none.gguf"], "There is no model file ‘none.gguf’."),
        (["tune", "report", "none"], "There is no tuning ‘none’."),
        (["tune", "report"], "Name one tuning"),
        (["tune", "--resume", "none"], "There is no tuning ‘none’."),
        (["tune", "--resume", "a", "--minutes", "0"], "--resume goes on with what was asked for"),
        (["tune", ".", "--html", "a.html"], "--html goes with a report: lamplight tune report"),
        (["tune", ".", "--loss-weight", "none.md=2"], "There is no file or folder ‘none.md’."),
        (["tune", ".", "--rank", "0"], "Rank is 0, but must be between 1 and 256."),
    ],
)
def test_what_can_not_be_tuned_is_one_line(
    words: list[str], sentence: str, env: dict[str, str | None]
) -> None:
    done = lamplight(*words, env=env)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(f"lamplight: {sentence}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("given", ["novel.md", "novel.md=much", "novel.md=0", "=2", "a.md=nan"])
def test_a_loss_weight_is_a_text_and_a_number(given: str, env: dict[str, str | None]) -> None:
    done = lamplight("tune", ".", "--loss-weight", given, env=env)
    assert done.returncode == 2
    assert f"{given}: write the text, =, and a number from 0.1 to 10" in done.stderr


def test_a_loss_weight_is_kept(env: dict[str, str | None], tmp_path: Path) -> None:
    text = tmp_path / "a=b.md"
    text.write_text("Only three words", "utf-8")
    lamplight("tune", str(text), "--loss-weight", f"{text}=2.5", env=env)
    job = json.loads((tmp_path / "data/lamplight/adapters/a=b/job.json").read_text("utf-8"))
    assert job["loss_weights"] == [[str(text), 2.5]]


def test_files_without_text_are_told(env: dict[str, str | None], tmp_path: Path) -> None:
    (tmp_path / "three.txt").write_text("Only three words", "utf-8")
    done = lamplight("tune", str(tmp_path / "three.txt"), env=env)
    assert done.returncode == 1
    assert "There are 3 words to learn from" in done.stderr
    again = lamplight("tune", str(tmp_path / "three.txt"), env=env)
    assert "There are 3 words to learn from" in again.stderr, "its name is free again"
