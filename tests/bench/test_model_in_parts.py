"""Gemma's file is put together once, whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from pathlib import Path

import pytest

from studio.bench.model_in_parts import GEMMA, ModelInParts
from studio.library import LibraryError

PARTS = (b"GGUF" + bytes(3_000_000), b"the middle", b"the end")
WHOLE = b"".join(PARTS)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelInParts:
    """A small file in three packages, none of which may be imported."""
    site = tmp_path / "site"
    for n, content in enumerate(PARTS):
        package = site / f"lamplight_test_part{n}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('the package’s code ran')")
        (package / f"model.{n}").write_bytes(content)
    monkeypatch.syspath_prepend(site)
    return ModelInParts(
        name="A model",
        file="model.gguf",
        size_bytes=len(WHOLE),
        sha256=hashlib.sha256(WHOLE).hexdigest(),
        parts=tuple((f"lamplight_test_part{n}", f"model.{n}") for n in range(len(PARTS))),
        installed_by="make test",
    )


def part_of(model: ModelInParts, tmp_path: Path, n: int) -> Path:
    package, path = model.parts[n]
    return tmp_path / "site" / package / path


def test_the_file_is_what_gemma_declares(gemma_path: Path) -> None:
    assert gemma_path.stat().st_size == GEMMA.size_bytes
    with gemma_path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == GEMMA.sha256


def test_the_parts_are_joined_in_their_order_without_running_their_code(
    model: ModelInParts, tmp_path: Path
) -> None:
    path = model.assembled(tmp_path / "new" / "folder")
    assert path.read_bytes() == WHOLE
    assert list(path.parent.iterdir()) == [path]
    assert not any(name.startswith("lamplight_test_part") for name in sys.modules)


def test_a_file_that_is_sound_is_used_again(model: ModelInParts, tmp_path: Path) -> None:
    first = model.assembled(tmp_path).stat()
    part_of(model, tmp_path, 1).unlink()
    assert model.assembled(tmp_path).stat().st_ino == first.st_ino


@pytest.mark.parametrize("spoilt", [b"", WHOLE[:-1], WHOLE[:-1] + b"D"])
def test_a_file_that_was_spoilt_is_made_anew(
    model: ModelInParts, tmp_path: Path, spoilt: bytes
) -> None:
    model.assembled(tmp_path).write_bytes(spoilt)
    assert model.assembled(tmp_path).read_bytes() == WHOLE


def test_damaged_parts_make_no_file(model: ModelInParts, tmp_path: Path) -> None:
    part_of(model, tmp_path, 1).write_bytes(b"The middle")
    folder = tmp_path / "models"
    with pytest.raises(LibraryError, match="SHA-256 differs"):
        model.assembled(folder)
    assert not list(folder.iterdir())


def test_a_missing_part_is_named_and_so_is_the_way_to_get_it(
    model: ModelInParts, tmp_path: Path
) -> None:
    missing = dataclasses.replace(model, parts=(*model.parts, ("not_there_at_all", "model.3")))
    with pytest.raises(LibraryError, match=r"not_there_at_all is missing\. make test installs it"):
        missing.assembled(tmp_path)


def test_a_folder_that_cannot_be_written_is_a_sentence(model: ModelInParts, tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"a file where the folder should be")
    with pytest.raises(LibraryError, match=r"could not be put together in .*models"):
        model.assembled(tmp_path / "models")
