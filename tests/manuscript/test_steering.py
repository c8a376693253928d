"""Memory, note and lore on disk: found, made, read, and forgiving."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.manuscript import (
    ManuscriptError,
    Project,
    begin_file,
    find_steering,
    lore_file,
    memory_file,
    note_file,
    read_steering,
    steering_home,
)
from studio.manuscript.steering_file import MAX_FILE_BYTES, read_entry
from studio.steering import LoreEntry, RecentText


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    """A project with one chapter."""
    chapter = tmp_path / "novel" / "part one" / "chapter.md"
    chapter.parent.mkdir(parents=True)
    chapter.write_text("Anna went up.\n", "utf-8")
    return tmp_path / "novel"


@pytest.fixture
def home(novel: Path) -> Path:
    """Its steering folder."""
    folder = novel / "steering"
    (folder / "lore").mkdir(parents=True)
    return folder


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def _entry(home: Path, text: str, name: str = "Anna.md") -> LoreEntry:
    return read_entry(_write(home / "lore" / name, text), home / "lore")


def _keys(entry: LoreEntry) -> list[str]:
    return [key.written for key in entry.keys]


# -- where it lies -------------------------------------------------------------------------------


def test_a_project_has_a_folder_beside_its_texts(novel: Path) -> None:
    chapter = novel / "part one" / "chapter.md"
    assert find_steering(chapter, novel) is None
    assert steering_home(chapter, novel) == novel / "steering"
    assert steering_home(None, novel) == novel / "steering"
    begin_file(memory_file(novel / "steering"))
    assert find_steering(chapter, novel) == novel / "steering"
    assert find_steering(None, novel) == novel / "steering"


def test_a_text_finds_the_folder_of_its_project_however_it_was_opened(home: Path) -> None:
    chapter = home.parent / "part one" / "chapter.md"
    assert find_steering(chapter, None) == home
    assert steering_home(chapter, None) == home


def test_a_file_opened_alone_has_a_folder_of_its_own_beside_it(novel: Path, home: Path) -> None:
    chapter = novel / "part one" / "chapter.md"
    own = chapter.with_name("chapter.md.steering")
    _write(own / "note.txt", "Slow.")
    assert find_steering(chapter, novel) == own
    other = _write(novel.parent / "alone.txt", "x")
    assert steering_home(other, None) == novel.parent / "alone.txt.steering"
    assert not steering_home(other, None).exists()


def test_a_folder_that_is_called_so_and_holds_something_else_is_none(novel: Path) -> None:
    _write(novel / "steering" / "chapter on steering.md", "The boat.")
    assert find_steering(novel / "part one" / "chapter.md", novel) is None
    assert len(Project.of_folder(novel).texts()) == 2


def test_what_steers_is_no_text_of_the_project(novel: Path, home: Path) -> None:
    begin_file(memory_file(home))
    begin_file(lore_file(home, "Anna"))
    assert [path.name for path in Project.of_folder(novel).texts()] == ["chapter.md"]


def test_the_steering_files_are_not_steered_by_themselves(home: Path) -> None:
    memory = begin_file(memory_file(home))
    assert find_steering(memory, home.parent) is None
    with pytest.raises(ManuscriptError, match="window with your story"):
        steering_home(memory, home.parent)


def test_a_text_without_a_place_is_asked_to_be_saved_first() -> None:
    assert find_steering(None, None) is None
    with pytest.raises(ManuscriptError, match="Save this text first"):
        steering_home(None, None)


# -- new files -----------------------------------------------------------------------------------


def test_new_files_explain_themselves_and_tell_the_model_nothing(home: Path) -> None:
    for path in (memory_file(home), note_file(home), lore_file(home, "Anna / Blackwood?")):
        assert "never sees comments" in begin_file(path).read_text("utf-8").replace("\n", " ")
    read = read_steering(home)
    assert read.problems == ()
    assert (read.steering.memory, read.steering.note) == ("", "")
    (entry,) = read.steering.lore
    assert (entry.name, entry.text, _keys(entry)) == ("Anna   Blackwood", "", ["Anna   Blackwood"])
    assert (entry.priority, entry.on, entry.always, entry.budget_tokens) == (0, True, False, None)


def test_a_file_that_is_there_is_not_written_over(home: Path) -> None:
    _write(home / "memory.txt", "Mine.")
    begin_file(memory_file(home))
    assert read_steering(home).steering.memory == "Mine."


def test_a_name_that_can_be_no_file_is_refused(home: Path) -> None:
    with pytest.raises(ManuscriptError, match="needs a name"):
        lore_file(home, " ../ ")


def test_a_folder_that_may_not_be_made_is_a_sentence(novel: Path) -> None:
    blocked = _write(novel / "steering", "a file")
    with pytest.raises(ManuscriptError, match="could not be made"):
        begin_file(memory_file(blocked))


# -- reading -------------------------------------------------------------------------------------


def test_all_of_it_is_read(home: Path) -> None:
    _write(
        home / "memory.md", "<!-- hint -->\nA lighthouse.\n<!-- more\nhints -->\n\nIn the north."
    )
    _write(home / "note.md", "Slow.\r\n")
    _write(home / "lore" / "Anna.md", "She keeps it.")
    _write(home / "lore" / "places" / "Harbour.txt", "---\nkeys: harbour\n---\nOld.")
    _write(home / "lore" / ".hidden.md", "x")
    _write(home / "lore" / "picture.png", "x")
    read = read_steering(home)
    assert read.problems == ()
    assert read.steering.memory == "A lighthouse.\n\nIn the north."
    assert read.steering.note == "Slow."
    assert [entry.name for entry in read.steering.lore] == ["Anna", "places/Harbour"]
    assert [path.name for path in read.lore] == ["Anna.md", "Harbour.txt"]


def test_a_lore_file_says_when_it_is_wanted(home: Path) -> None:
    entry = _entry(
        home,
        "---\n# about her\nKeys: Anna, Miss Blackwood, lighthouse*\npriority: -2\n"
        "budget: 80 tokens\n\non: no\nalways: Yes\nwithin: 5000\n---\n\n"
        "She keeps it.\n\n---\n\nAnd more.\n",
    )
    assert _keys(entry) == ["Anna", "Miss Blackwood", "lighthouse*"]
    assert entry.text == "She keeps it.\n\n---\n\nAnd more."
    assert (entry.priority, entry.budget_tokens, entry.within_chars) == (-2, 80, 5_000)
    assert (entry.on, entry.always) == (False, True)


def test_what_yaml_would_refuse_needs_no_quotes(home: Path) -> None:
    entry = _entry(home, "---\nkeys: *house, Anna: the keeper, “Rose”, /a: [b]/, @x\n---\nx")
    assert _keys(entry) == ["*house", "Anna: the keeper", "Rose", "/a: [b]/", "@x"]


@pytest.mark.parametrize(
    "top",
    [
        "keys:\n  - Anna\n  - Miss Blackwood",
        "keys: [Anna, Miss Blackwood]",
        'keys: ["Anna", "Miss Blackwood"]\ntags:\n  - people',
        "aliases: Annie\nkeys: 'Anna', 'Miss Blackwood'",
    ],
)
def test_what_other_programs_write_at_the_top_is_understood(home: Path, top: str) -> None:
    assert _keys(_entry(home, f"---\n{top}\n---\nx")) == ["Anna", "Miss Blackwood"]


def test_capitals_may_matter(home: Path) -> None:
    entry = _entry(home, "---\ncapitals: yes\nkeys: Rose\n---\nx")
    assert not any(key.occurs(RecentText("a rose")) for key in entry.keys)
    assert any(key.occurs(RecentText("a Rose")) for key in entry.keys)


def test_without_keys_the_name_of_the_file_is_the_key(home: Path) -> None:
    assert _keys(_entry(home, "She keeps it.", "Anna Blackwood.md")) == ["Anna Blackwood"]
    assert _keys(_entry(home, "---\nkeys:\n---\nx")) == ["Anna"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("---\nkeys: Anna\npriority: high\n---\nx", "Line 3: “high” should be a whole number."),
        ("---\npriority: 99999\n---\nx", "Line 2: 99,999 is not between -1,000 and 1,000."),
        ("---\non: perhaps\n---\nx", "Line 2: “perhaps” should be yes or no."),
        ("---\nkyes: Anna\n---\nx", "Line 2: There is no “kyes”; is “keys” meant?"),
        ("---\nAnna\n---\nx", "Line 2: “Anna” is not a name and a value, such as “on: yes”."),
        ("---\n\nkeys: /(/\n---\nx", "Line 3: The pattern “/(/” is not complete"),
        ("---\nkeys: Anna\nShe keeps it.", "Line 3: “She keeps it.” is not"),
        ("---\nkeys: Anna\n", "Line 1: A line --- begins the part at the top"),
        ("x\n<!-- never closed", "the comment “<!-- never closed” has no end."),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_the_others_work(
    home: Path, text: str, said: str
) -> None:
    _write(home / "lore" / "Anna.md", text)
    _write(home / "lore" / "Berta.md", "She is well.")
    read = read_steering(home)
    (problem,) = read.problems
    assert problem.startswith("‘Anna.md’ is left out until that is put right")
    assert said in problem
    assert [entry.name for entry in read.steering.lore] == ["Berta"]
    assert len(read.lore) == 2


def test_a_file_that_is_far_too_large_is_not_read(home: Path) -> None:
    (home / "note.md").write_bytes(b"x" * (10 * 2**20))
    (home / "lore" / "Anna.md").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    _write(home / "memory.md", "North.")
    read = read_steering(home)
    assert (read.steering.memory, read.steering.note, read.steering.lore) == ("North.", "", ())
    assert [problem.partition(" is left out")[0] for problem in read.problems] == [
        "‘note.md’",
        "‘Anna.md’",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_text_is_a_sentence(home: Path) -> None:
    (home / "lore" / "Anna.md").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    os.mkfifo(home / "lore" / "Pipe.md")
    assert len(read_steering(home).problems) == 2


def test_it_is_read_again_only_when_something_changed(home: Path) -> None:
    first = read_steering(home)
    assert read_steering(home, first) is first
    anna = _write(home / "lore" / "Anna.md", "She keeps it.")
    second = read_steering(home, first)
    assert [entry.text for entry in second.steering.lore] == ["She keeps it."]
    assert read_steering(home, second) is second
    _write(anna, "She left.")
    os.utime(anna, ns=(1, 1))
    third = read_steering(home, second)
    assert [entry.text for entry in third.steering.lore] == ["She left."]
    anna.unlink()
    assert read_steering(home, third).steering.lore == ()
    assert read_steering(None, third).folder is None


@given(st.text(max_size=200))
def test_any_text_is_read_or_told_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    home = tmp_path_factory.getbasetemp() / "any"
    for each in (text, f"---\n{text}\n---\nx", f"---\nkeys: {text}\n---\nx"):
        _write(home / "lore" / "Anna.md", each.encode("utf-8", "replace").decode())
        read = read_steering(home)
        assert len(read.steering.lore) + len(read.problems) == 1
        assert all(problem.startswith("‘Anna.md’ ") for problem in read.problems)
