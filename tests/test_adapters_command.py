"""Adapters on the command line: real processes, the real model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gguf_files import write_lora
from tests.test_cli import lamplight as run

PROMPT = "The old house stood on a hill, and"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def lamplight(data: Path) -> Callable[..., tuple[int, str, str]]:
    """Exit code, stdout and stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        done = run(*words, env={"XDG_DATA_HOME": str(data)})
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def tuned(data: Path, model_path: Path) -> Path:
    """The adapter of a tuning “My style” on the default model, with a report."""
    folder = data / "lamplight" / "adapters" / "My style"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"verdict": "Tuning helped: 0.80."}))
    known = hashlib.sha256(model_path.read_bytes()).hexdigest(), model_path.name
    return write_lora(folder / "adapter.gguf", base=known)


@pytest.fixture
def foreign(data: Path) -> Path:
    folder = data / "lamplight" / "adapters" / "Other"
    folder.mkdir(parents=True)
    return write_lora(folder / "adapter.gguf", base=("00" * 32, "other.gguf"))


def test_the_list_says_which_base_each_is_for_and_whether_that_is_here(
    lamplight: Callable[..., tuple[int, str, str]], tuned: Path, foreign: Path, model_path: Path
) -> None:
    code, out, err = lamplight("adapters")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["NAME", "MADE", "FOR", "WHICH", "IS", "SIZE", "MADE", "ON"]
    mine = next(i for i, line in enumerate(lines) if line.startswith("My style"))
    assert f"{model_path.name}  here" in lines[mine]
    assert lines[mine + 1] == "  Tuning helped: 0.80."
    other = next(line for line in lines if line.startswith("Other"))
    assert "other.gguf" in other
    assert "not here" in other
    _, out, _ = lamplight("adapters", "--json")
    by_name = {each["name"]: each for each in json.loads(out)}
    assert by_name["My style"]["base_path"] == str(model_path)
    assert by_name["My style"]["verdict"] == "Tuning helped: 0.80."
    assert by_name["My style"]["size_bytes"] == tuned.stat().st_size
    assert by_name["Other"]["base_path"] is None


def test_without_any_it_says_how_to_make_one(
    lamplight: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, err = lamplight("adapters")
    assert (code, out) == (0, "")
    assert "lamplight tune" in err
    assert lamplight("adapters", "--json")[1] == "[]\n"


def test_a_damaged_one_is_told_and_the_others_are_listed(
    lamplight: Callable[..., tuple[int, str, str]], tuned: Path, foreign: Path
) -> None:
    foreign.write_bytes(foreign.read_bytes()[:100])
    code, out, err = lamplight("adapters")
    assert code == 0
    assert "My style" in out
    assert "‘Other’" in err
    assert "damaged" in err


def test_a_draft_is_written_with_an_adapter_by_its_name_its_file_and_its_strength(
    lamplight: Callable[..., tuple[int, str, str]], tuned: Path
) -> None:
    def draft(*adapter: str) -> str:
        words = [word for each in adapter for word in ("--adapter", each)]
        code, out, err = lamplight("draft", PROMPT, "--max-tokens", "16", *words)
        assert (code, err) == (0, "")
        return out

    plain, by_name = draft(), draft("My style")
    assert by_name != plain
    assert draft(str(tuned)) == draft("My style:1") == by_name
    assert draft("My style:0") == plain
    assert draft("My style:0.5") not in (plain, by_name)


def test_a_place_is_completed_with_an_adapter(
    lamplight: Callable[..., tuple[int, str, str]], tuned: Path, tmp_path: Path
) -> None:
    text = tmp_path / "story.txt"
    text.write_text(PROMPT)
    place = ("complete", str(text), "--at", f"1:{len(PROMPT) + 1}")
    code, out, _ = lamplight(*place, "--adapter", "My style:1.5")
    assert code == 0
    assert out != lamplight(*place)[1]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("Other", "was made for ‘other.gguf’ and does not fit"),
        ("No such", "There is no adapter ‘No such’"),
        ("My style:2", "“2” is no strength"),
        ("My style:loud", "“loud” is no strength"),
        ("My style:nan", "“nan” is no strength"),
    ],
)
def test_what_can_not_be_is_one_sentence_and_exit_code_2(
    lamplight: Callable[..., tuple[int, str, str]],
    tuned: Path,
    foreign: Path,
    word: str,
    says: str,
) -> None:
    code, out, err = lamplight("draft", PROMPT, "--adapter", word)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_file_that_is_no_adapter_is_refused(
    lamplight: Callable[..., tuple[int, str, str]], model_path: Path
) -> None:
    code, _, err = lamplight("draft", PROMPT, "--adapter", str(model_path))
    assert code == 2
    assert "is not a LoRA adapter" in err
