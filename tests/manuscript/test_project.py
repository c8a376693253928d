from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.manuscript import ManuscriptError, Project


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_keeps_what_is_derived_in_itself(tmp_path: Path) -> None:
    project = Project.of_folder(tmp_path)
    assert project == Project(tmp_path, tmp_path / ".lamplight")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_is_no_folder_project(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    with pytest.raises(ManuscriptError, match=r"a\.txt’ is not a folder"):
        Project.of_folder(tmp_path / "a.txt")


def test_a_file_alone_is_one_project_however_its_path_is_written(tmp_path: Path) -> None:
    touch(tmp_path, "texts/a.txt", "data/x")
    (tmp_path / "link").symlink_to(tmp_path / "texts")
    data_dir = tmp_path / "data"

    project = Project.of_file(tmp_path / "texts" / "a.txt", data_dir)

    assert project.root is None
    assert project.hidden.parent == data_dir / "files"
    assert project.hidden.name.startswith("a.txt-")
    assert project == Project.of_file(tmp_path / "link" / "a.txt", data_dir)
    assert project == Project.of_file(tmp_path / "texts" / ".." / "texts" / "a.txt", data_dir)
    assert project != Project.of_file(tmp_path / "a.txt", data_dir)
    assert project.texts() == []


def test_a_long_file_name_makes_a_folder_that_fits(tmp_path: Path) -> None:
    project = Project.of_file(tmp_path / ("長" * 80 + ".txt"), tmp_path)
    project.hidden.mkdir(parents=True)
    assert project.hidden.is_dir()


def test_each_untitled_text_is_a_project_of_its_own(tmp_path: Path) -> None:
    first, second = Project.untitled(tmp_path), Project.untitled(tmp_path)
    assert first.hidden != second.hidden
    assert first.hidden.parent == tmp_path / "untitled"
    assert first.root is None


def test_texts_come_as_a_reader_sorts_them(tmp_path: Path) -> None:
    names = [
        "chapter 1.md",
        "Chapter 2.txt",
        "chapter 10.txt",
        "chapter 10b.txt",
        "Notes.txt",
        "part 2/scene 1.txt",
        "part 10/scene 3.txt",
        "part 10/scene 20.txt",
    ]
    touch(tmp_path, *reversed(names))
    texts = Project.of_folder(tmp_path).texts()
    assert [str(path.relative_to(tmp_path)) for path in texts] == names


def test_only_texts_that_are_not_hidden_are_listed(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "a.txt",
        "B.TXT",
        "map.png",
        "README",
        ".secret.txt",
        ".lamplight/journal/x.txt",
        ".git/description.txt",
    )
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    (tmp_path / "round").symlink_to(tmp_path)
    texts = Project.of_folder(tmp_path).texts()
    assert [path.name for path in texts] == ["a.txt", "B.TXT"]


@pytest.mark.parametrize("name", ["²³.txt", "9" * 200 + ".txt", "٣.txt", "1.2.10.txt", "-1.txt"])
def test_odd_numbers_in_names_do_no_harm(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name, "1.txt", "x.txt")
    assert {path.name for path in Project.of_folder(tmp_path).texts()} == {name, "1.txt", "x.txt"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root sees all")
@pytest.mark.parametrize("name", ["private", "steering"])
def test_what_may_not_be_looked_at_is_left_out(tmp_path: Path, name: str) -> None:
    """The names in such a folder can be read, and nothing else of it."""
    touch(tmp_path, "a.txt", f"{name}/b.txt")
    (tmp_path / name).chmod(0o400)
    try:
        texts = Project.of_folder(tmp_path).texts()
    finally:
        (tmp_path / name).chmod(0o700)
    assert [path.name for path in texts] == ["a.txt"]


def test_looking_through_many_folders_can_be_stopped(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    touch(tmp_path, *(f"{i}/a.txt" for i in range(100)))
    n = 0

    def breathe() -> None:
        nonlocal n
        n += 1
        if n == 3:
            raise Enough

    with pytest.raises(Enough):
        Project.of_folder(tmp_path).texts(breathe)
