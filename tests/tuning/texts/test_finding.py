from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.tuning.texts import READABLE, TextsError, find_texts


def _write(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Text.")


def test_a_folder_gives_its_texts_as_a_reader_would_sort_them(tmp_path: Path) -> None:
    wanted = [tmp_path / name for name in ("Chapter 2.md", "Chapter 10.TXT", "deep/a/b/End.docx")]
    _write(*wanted, tmp_path / "cover.png", tmp_path / ".hidden.md", tmp_path / ".git/a.md")
    _write(tmp_path / ".lamplight/a.txt", tmp_path / "steering/memory.md")
    _write(tmp_path / "steering/lore/Anna.md", tmp_path / "novel.txt.steering/note.md")
    assert find_texts([tmp_path]) == wanted


def test_a_file_counts_once_however_it_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "a.md")
    (tmp_path / "link.md").symlink_to(tmp_path / "a.md")
    paths = [tmp_path / "a.md", tmp_path, tmp_path / "link.md", tmp_path / ".." / tmp_path.name]
    assert find_texts(paths) == [tmp_path / "a.md"]


def test_folders_that_lead_back_to_themselves_end(tmp_path: Path) -> None:
    _write(tmp_path / "one/a.md")
    (tmp_path / "one/again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "loop.md").symlink_to(tmp_path / "loop.md")
    assert find_texts([tmp_path]) == [tmp_path / "one/a.md"]


@pytest.fixture
def deep_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with one of 1,500 others inside of each other, whose path is longer than may be."""
    here = os.getcwd()  # noqa: PTH109 (pathlib can't go there)
    os.chdir(tmp_path)
    n_made = 0
    try:
        for _ in range(1_500):
            os.mkdir("d")  # noqa: PTH102
            os.chdir("d")
            n_made += 1
        os.chdir(here)
        yield tmp_path
    finally:
        os.chdir(tmp_path)
        for _ in range(n_made):
            os.chdir("d")
        for _ in range(n_made):
            os.chdir("..")
            shutil.rmtree("d")
        os.chdir(here)


def test_very_deep_folders_are_walked(deep_folder: Path) -> None:
    _write(deep_folder / "d/d/d/a.md")
    assert find_texts([deep_folder]) == [deep_folder / "d/d/d/a.md"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone.md", "does not exist"), ("a.doc", "Word"), ("a.pdf", "PDF"), ("a.png", "not a kind")],
)
def test_what_can_not_be_read_is_named(tmp_path: Path, name: str, reason: str) -> None:
    if name != "gone.md":
        _write(tmp_path / name)
    with pytest.raises(TextsError, match=reason) as refused:
        find_texts([tmp_path / name])
    assert name in str(refused.value)


def test_a_folder_without_texts_is_told(tmp_path: Path) -> None:
    _write(tmp_path / "steering/memory.md", tmp_path / "a.png")
    with pytest.raises(TextsError, match="no texts in"):
        find_texts([tmp_path])
    with pytest.raises(TextsError, match="no texts"):
        find_texts([])


def test_far_too_many_texts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.tuning.texts.finding.MAX_FILES", 3)
    _write(*(tmp_path / f"{n}.md" for n in range(5)))
    with pytest.raises(TextsError, match="more than 3 texts"):
        find_texts([tmp_path])


def test_looking_can_be_ended(tmp_path: Path) -> None:
    _write(tmp_path / "a.md")

    def breathe() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_texts([tmp_path], breathe)


def test_what_can_be_read() -> None:
    assert {".md", ".txt", ".docx", ".odt", ".epub", ".html", ".xhtml", ".tex"} <= READABLE
    assert ".py" not in READABLE
