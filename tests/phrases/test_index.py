"""What an index on disk says is what the files say, whatever happens to either."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from studio.manuscript import Project
from studio.phrases import Index, Near, Phrases, Words, phrases_of
from studio.phrases import index as index_module
from studio.phrases.counting import Breath, Counts


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    folder = tmp_path / "novel"
    folder.mkdir()
    (folder / "one.txt").write_text("Quillon lit the lamp. Quillon left.\n", "utf-8")
    (folder / "two.md").write_text("# Two\n\nZephyrine saw the lamp.\n", "utf-8")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "derived" / "words.sqlite")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose text was counted."""
    names: list[str] = []
    counted = index_module._counted

    def spy(file: index_module._File, breathe: Breath, *, pairs: bool) -> Counts | None:
        names.append(file.path.name)
        return counted(file, breathe, pairs=pairs)

    monkeypatch.setattr(index_module, "_counted", spy)
    return names


def texts(folder: Path) -> list[Path]:
    return Project.of_folder(folder).texts()


def words(near: Near) -> dict[str, int]:
    return dict(zip(near.words.words, near.words.counts.tolist(), strict=True))


def same(near: Near, *of: str) -> bool:
    """Whether it is what these texts say."""
    ours, theirs = Phrases.of(near, Words()), phrases_of(of)
    return (
        all(
            ours.likely(before + letter) == theirs.likely(before + letter)
            for before in ("", "the ", "Quillon ", "Zephyrine ", ". ")
            for letter in "QZLSTA"
        )
        and ours.words == theirs.words
    )


def test_files_are_counted(index: Index, novel: Path) -> None:
    near = index.near(texts(novel))
    assert words(near)["Quillon"] == 2
    assert same(near, *(path.read_text("utf-8") for path in texts(novel)))


def test_added_folders_have_words_alone(index: Index, novel: Path) -> None:
    found = index.far(texts(novel))
    assert dict(zip(found.words, found.counts.tolist(), strict=True))["lamp"] == 2


def test_a_start_reads_only_what_has_changed(index: Index, novel: Path, read: list[str]) -> None:
    index.near(texts(novel))
    assert read == ["one.txt", "two.md"]
    (novel / "one.txt").write_text("Quillon is gone; Zebulon is here.\n", "utf-8")
    near = index.near(texts(novel))
    assert read == ["one.txt", "two.md", "one.txt"]
    assert words(near)["Quillon"] == 1
    assert same(near, *(path.read_text("utf-8") for path in texts(novel)))


def test_files_that_are_gone_are_forgotten(index: Index, novel: Path, tmp_path: Path) -> None:
    index.near(texts(novel))
    (novel / "one.txt").unlink()
    near = index.near(texts(novel))
    assert "Quillon" not in words(near)
    assert b"Quillon" not in _rows(tmp_path / "derived" / "words.sqlite")


def _rows(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as db:
        return repr(
            [db.execute(f"SELECT * FROM {t}").fetchall() for t in ("words", "pairs", "files")]
        ).encode()


def test_a_file_under_another_name_is_counted_once(index: Index, novel: Path) -> None:
    index.near(texts(novel))
    (novel / "one.txt").rename(novel / "three.txt")
    assert words(index.near(texts(novel)))["Quillon"] == 2


def test_a_file_with_the_same_size_and_another_time_is_read_again(
    index: Index, novel: Path, read: list[str]
) -> None:
    index.near(texts(novel))
    os.utime(novel / "two.md", ns=(1, 1))
    index.near(texts(novel))
    assert read[2:] == ["two.md"]


def test_what_is_no_text_is_left_out_and_not_tried_again(
    index: Index, novel: Path, read: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (novel / "picture.txt").write_bytes(b"\x89PNG\0\0\1Quincunx")
    with caplog.at_level(logging.INFO):
        near = index.near(texts(novel))
    assert "picture.txt" in caplog.text
    assert words(near)["Quillon"] == 2
    assert "Quincunx" not in words(near)
    index.near(texts(novel))
    assert read.count("picture.txt") == 1


def test_another_encoding_is_read_as_the_editor_reads_it(index: Index, novel: Path) -> None:
    (novel / "old.txt").write_bytes("Où est Hélène ? Hélène dort, là-bas.\n".encode("cp1252"))
    assert words(index.near(texts(novel)))["Hélène"] == 2


def test_what_can_not_be_read_is_left_out(index: Index, novel: Path) -> None:
    gone = novel / "gone.txt"
    assert words(index.near([*texts(novel), gone, novel]))["Quillon"] == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_is_read_once_that_is_allowed(index: Index, novel: Path) -> None:
    (novel / "one.txt").chmod(0)
    assert "Quillon" not in words(index.near(texts(novel)))
    (novel / "one.txt").chmod(0o600)
    assert words(index.near(texts(novel)))["Quillon"] == 2


def test_what_is_too_large_is_left_out(
    index: Index, novel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_FILE_BYTES", 100)
    (novel / "log.txt").write_text("Quincunx " * 100, "utf-8")
    near = index.near(texts(novel))
    assert "Quincunx" not in words(near)
    assert words(near)["Quillon"] == 2


def test_of_too_much_the_newest_is_read(
    index: Index, novel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_NEAR_BYTES", 40)
    os.utime(novel / "one.txt", ns=(1, 1))
    near = index.near(texts(novel))
    assert "Zephyrine" in words(near)
    assert "Quillon" not in words(near)


def test_steering_files_are_left_out(index: Index, novel: Path) -> None:
    (novel / "steering").mkdir()
    (novel / "steering" / "memory.md").write_text("Quincunx is a secret.", "utf-8")
    assert "Quincunx" not in words(index.near(texts(novel)))


def test_two_projects_know_nothing_of_each_other(novel: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.txt").write_text("Xanthippe frowned.", "utf-8")
    first = Index(Project.of_folder(novel).hidden / "words.sqlite")
    second = Index(Project.of_folder(other).hidden / "words.sqlite")
    assert "Xanthippe" not in words(first.near(texts(novel)))
    assert set(words(second.near(texts(other)))) == {"Xanthippe", "frowned"}
    assert "Xanthippe" not in words(first.near(texts(novel)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def no_database(path: Path) -> None:
    path.write_bytes(b"Once upon a time " * 1000)


def another_table(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE files (name TEXT)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def numbers_that_are_none(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE words SET word = x'ff00' WHERE word = 'lamp'")


def a_pair_without_its_word(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM words WHERE word = 'lamp'")


def too_large_a_number(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE words SET n = 1 << 60")


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        no_database,
        another_table,
        newer,
        numbers_that_are_none,
        a_pair_without_its_word,
        too_large_a_number,
    ],
)
def test_a_damaged_index_is_made_again(
    index: Index, novel: Path, tmp_path: Path, damage: Callable[[Path], None], read: list[str]
) -> None:
    index.near(texts(novel))
    damage(tmp_path / "derived" / "words.sqlite")
    whole = [path.read_text("utf-8") for path in texts(novel)]
    assert same(index.near(texts(novel)), *whole)
    read.clear()
    assert same(index.near(texts(novel)), *whole)
    assert read == []


def test_every_flipped_byte_costs_no_more_than_the_index(
    index: Index, novel: Path, tmp_path: Path
) -> None:
    path = tmp_path / "derived" / "words.sqlite"
    index.near(texts(novel))
    good = path.read_bytes()
    for at in range(0, len(good), 211):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :])
        index.near(texts(novel))


def test_where_nothing_can_be_written_it_is_counted_all_the_same(
    novel: Path, tmp_path: Path
) -> None:
    (tmp_path / "in the way").write_text("a file where a folder should be")
    for path in (tmp_path / "in the way" / "words.sqlite", tmp_path / "novel", None):
        assert words(Index(path).near(texts(novel)))["Quillon"] == 2
    assert texts(novel)


def test_an_index_that_is_being_written_elsewhere_is_left_alone(
    index: Index, novel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_WAIT_S", 0.05)
    index.near(texts(novel))
    (novel / "one.txt").write_text("Quillon.", "utf-8")
    path = tmp_path / "derived" / "words.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert words(index.near(texts(novel)))["Quillon"] == 1
        other.execute("COMMIT")
    assert b"Quillon" in _rows(path)


def test_what_was_counted_before_it_was_stopped_stays(
    index: Index, novel: Path, read: list[str]
) -> None:
    class Enough(Exception):
        pass

    def told(done: int, total: int) -> None:
        assert total == sum(path.stat().st_size for path in texts(novel))
        if done:
            raise Enough

    with pytest.raises(Enough):
        index.near(texts(novel), told=told)
    index.near(texts(novel))
    assert read == ["one.txt", "two.md"]


def test_an_index_that_was_deleted_is_made_again(index: Index, novel: Path, tmp_path: Path) -> None:
    index.near(texts(novel))
    shutil.rmtree(tmp_path / "derived")
    assert words(index.near(texts(novel)))["Quillon"] == 2


def test_another_window_may_write_while_the_counts_are_read(
    index: Index,
    novel: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Words and pairs are those of one moment: else a pair might have a word that is not there."""
    index.near(texts(novel))
    others: list[threading.Thread] = []
    words_of = Words.of

    def interrupted(rows: Iterable[tuple[str, int]], breathe: Breath = lambda: None) -> Words:
        found = words_of(rows, breathe)
        if not others:
            (novel / "one.txt").write_text("Quincunx met Xanthippe.", "utf-8")
            others.append(threading.Thread(target=index.near, args=(texts(novel),)))
            others[0].start()
            others[0].join(0.3)
        return found

    monkeypatch.setattr(Words, "of", interrupted)
    near = index.near(texts(novel))
    others[0].join()
    assert words(near)["Quillon"] == 2
    assert "are not used" not in caplog.text
    assert "Xanthippe" in words(index.near(texts(novel)))


def test_an_index_that_is_deleted_meanwhile_costs_no_second_counting(
    index: Index, novel: Path, tmp_path: Path, read: list[str]
) -> None:
    """As when the words are switched off and on again at once."""

    def told(done: int, total: int) -> None:
        if done == total:
            (tmp_path / "derived" / "words.sqlite").unlink(missing_ok=True)

    assert words(index.near(texts(novel), told=told))["Quillon"] == 2
    assert read == ["one.txt", "two.md"]


def test_a_file_that_is_away_for_a_moment_is_read_when_it_is_back(
    index: Index, novel: Path, tmp_path: Path
) -> None:
    """As on a drive that is unplugged while it is read."""

    def told(done: int, total: int) -> None:
        if not done and (novel / "one.txt").exists():
            (novel / "one.txt").rename(tmp_path / "away.txt")

    assert "Quillon" not in words(index.near(texts(novel), told=told))
    (tmp_path / "away.txt").rename(novel / "one.txt")
    assert words(index.near(texts(novel)))["Quillon"] == 2
