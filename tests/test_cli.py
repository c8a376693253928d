"""The command line as a person or a script meets it: real processes, the real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def lamplight(
    *words: str, stdin: str = "", env: dict[str, str | None] | None = None
) -> subprocess.CompletedProcess[str]:
    merged = {**os.environ, **(env or {})}
    return subprocess.run(
        [sys.executable, "-m", "studio", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={name: value for name, value in merged.items() if value is not None},
        check=False,
    )


def test_a_draft_goes_to_stdout_and_nothing_else_does() -> None:
    done = lamplight("draft", "The old house stood on a hill,", "--max-tokens", "20")
    assert done.returncode == 0
    assert len(done.stdout.split()) > 8
    assert done.stderr == ""


def test_the_same_seed_gives_the_same_text_and_another_seed_another() -> None:
    one, again, other = (
        lamplight("draft", "The old house", "--seed", seed, "--max-tokens", "20").stdout
        for seed in ("3", "3", "4")
    )
    assert one == again
    assert one != other


def test_json_holds_every_version() -> None:
    done = lamplight("draft", "The old house", "-n", "3", "--json", "--max-tokens", "12")
    versions = json.loads(done.stdout)["versions"]
    assert len({version["text"] for version in versions}) == 3


def test_several_versions_are_numbered() -> None:
    done = lamplight("draft", "The old house", "-n", "2", "--max-tokens", "8")
    assert [line for line in done.stdout.splitlines() if line.startswith("--- ")] == [
        "--- 1",
        "--- 2",
    ]


def test_a_prompt_may_come_from_stdin() -> None:
    done = lamplight("draft", "-", "--max-tokens", "8", stdin="The old house stood on")
    assert done.returncode == 0
    assert done.stdout.strip()


def test_a_file_is_completed_at_a_place(tmp_path: Path) -> None:
    text = tmp_path / "é.txt"
    text.write_text("Ein Käse 🙂 erste Zeile.\nThe keeper climbed the stairs of the lighth\nEnd.")
    done = lamplight("complete", str(text), "--at", "2:44")
    assert done.returncode == 0
    assert done.stdout.startswith("ouse")
    assert "\n" not in done.stdout.rstrip("\n")
    again = lamplight("complete", str(text), "--at", "2:44", "--json")
    assert json.loads(again.stdout)["text"] == done.stdout.rstrip("\n")


def test_a_completion_is_steered_by_the_files_of_the_project(tmp_path: Path) -> None:
    text = tmp_path / "novel" / "part" / "chapter.txt"
    text.parent.mkdir(parents=True)
    text.write_text("He said that his name was ")
    place = (str(text), "--at", "1:27")
    plain = lamplight("complete", *place)
    lore = tmp_path / "novel" / "steering" / "lore"
    lore.mkdir(parents=True)
    lore.joinpath("broken.md").write_text("---\non: maybe\n---\n")
    lore.with_name("memory.md").write_text(
        "The keeper’s name is Zebulon. His name was Zebulon. “My name is Zebulon,” he said."
    )
    steered = lamplight("complete", *place)
    assert "Zebulon" not in plain.stdout
    assert steered.stdout.startswith("Zebulon")
    assert "‘broken.md’" in steered.stderr
    assert "Line 2" in steered.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["draft", ""], "prompt is empty"),
        (["draft", "x", "-n", "99"], "versions is 99"),
        (["draft", "x", "-n", "two"], "invalid int value"),
        (["draft"], "PROMPT"),
        (["draft", "x", "--seed", "-5"], "seed is -5"),
        (["complete", "no such file.txt", "--at", "1:1"], "no such file.txt"),
        (["complete", "FILE", "--at", "1:99"], "no column 99"),
        (["complete", "FILE", "--at", "9:1"], "no line 9"),
        (["complete", "FILE", "--at", "here"], "LINE:COL"),
        (["complete", "FILE", "--at", "1:1"], "Nothing stands before"),
        (["bench", "nonsense"], "nonsense"),
        (["bench", "editor", "--row", "nonsense"], "nonsense"),
        (["--model", "no such.gguf"], "no such.gguf"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    words: list[str], said: str, tmp_path: Path
) -> None:
    text = tmp_path / "story.txt"
    text.write_text("One line.\n")
    done = lamplight(*[str(text) if word == "FILE" else word for word in words])
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_model_that_cannot_be_loaded_is_a_failure(broken_models: dict[str, Path]) -> None:
    done = lamplight("draft", "x", "--model", str(broken_models["cut in its weights"]))
    assert done.returncode == 1
    assert "cut short" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_display_the_main_job_is_shown_in_the_terminal() -> None:
    done = lamplight(env={"DISPLAY": None, "WAYLAND_DISPLAY": None, "QT_QPA_PLATFORM": None})
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "no display" in done.stderr
    assert len(done.stdout.split()) > 20


def test_a_display_that_is_gone_is_as_none() -> None:
    done = lamplight(env={"DISPLAY": ":98765", "WAYLAND_DISPLAY": None, "QT_QPA_PLATFORM": None})
    assert done.returncode == 0
    assert "no display" in done.stderr


def test_a_data_folder_that_cannot_be_made_costs_only_the_log() -> None:
    done = lamplight(
        "draft", "The old house", "--max-tokens", "8", env={"XDG_DATA_HOME": "/proc/no/such"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_closed_pipe_is_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m studio draft 'The old house' --max-tokens 60 | head -c 5",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert len(done.stdout) == 5
    assert "Traceback" not in done.stderr


def test_importing_the_command_line_pulls_in_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import studio.cli"],
        capture_output=True,
        text=True,
        check=True,
    )
    for heavy in ("torch", "transformers", "llama_cpp", "PySide6", "numpy"):
        assert f" {heavy}" not in done.stderr


def test_writing_works_without_torch() -> None:
    """An environment without the tuning extra, as far as the program can tell."""
    blocked = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'peft', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "from studio.cli import main\n"
        "sys.exit(main(['draft', 'The old house', '--max-tokens', '8']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_help_names_every_option() -> None:
    assert "--model" in lamplight("--help").stdout
    for name, option in (("draft", "--seed"), ("complete", "--at"), ("bench", "--row")):
        assert option in lamplight(name, "--help").stdout
