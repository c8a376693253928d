"""`lamplight faster` says the truth about every file."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.cli import main
from tests.gguf_files import write_tiny


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


def test_a_file_that_is_no_model_or_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.gguf").write_text("a letter to a friend")
    assert main(["faster", str(tmp_path / "bad.gguf")]) == 1
    said = capsys.readouterr()
    assert "‘bad.gguf’ is not a GGUF model" in said.err
    assert said.out == ""
    assert main(["faster", str(tmp_path / "none.gguf")]) == 2
    assert "There is no model file" in capsys.readouterr().err


def test_a_file_in_a_quick_format_is_left_alone(
    model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = write_tiny(tmp_path / "tiny.gguf", "llama", model_path)
    assert main(["faster", str(tiny)]) == 0
    assert "read quickly as it is" in capsys.readouterr().out


def test_a_copy_is_removed_and_the_file_used(
    model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faster", str(model_path), "--remove"]) == 0
    assert "is used as it is" in capsys.readouterr().out
    assert main(["faster", str(model_path)]) == 0
    assert "No copy of" in capsys.readouterr().out
