from __future__ import annotations

import errno
import os
import random
import signal
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from studio.manuscript import (
    ChangedOnDisk,
    ManuscriptError,
    NotEncodable,
    changed_on_disk,
    durable,
    read_text,
    write_text,
)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A document alone in its folder."""
    folder = tmp_path / "novel"
    folder.mkdir()
    path = folder / "chapter.txt"
    path.write_text("the old text", "utf-8")
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; those of `tmp_path` are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def replace_as_editors_do(path: Path, text: str) -> None:
    beside = path.with_suffix(".swp")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def test_a_new_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    write_text(tmp_path / "new.txt", "Grüße")
    assert (tmp_path / "new.txt").read_bytes() == "Grüße".encode()
    assert (tmp_path / "new.txt").stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_permissions_stay(document: Path, mode: int) -> None:
    document.chmod(mode)
    write_text(document, "the new text")
    assert stat.S_IMODE(document.stat().st_mode) == mode
    assert document.read_text() == "the new text"


def test_a_symbolic_link_goes_on_pointing_to_the_file(document: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(document)
    fingerprint = write_text(link, "the new text", expected=read_text(link).fingerprint)
    assert link.is_symlink()
    assert document.read_text() == "the new text"
    assert not changed_on_disk(link, fingerprint)


def test_saving_leaves_nothing_beside_the_file(document: Path) -> None:
    write_text(document, "the new text")
    assert list(document.parent.iterdir()) == [document]


def test_saving_again_and_again_needs_no_reading(document: Path) -> None:
    fingerprint = read_text(document).fingerprint
    for text in ("one", "two", "two", "three"):
        fingerprint = write_text(document, text, expected=fingerprint)
        assert not changed_on_disk(document, fingerprint)
    assert fingerprint == read_text(document).fingerprint


def test_a_touch_is_no_change(document: Path) -> None:
    known = read_text(document).fingerprint
    os.utime(document, (1_000_000_000, 1_000_000_000))
    assert not changed_on_disk(document, known)
    write_text(document, "the new text", expected=known)


def test_a_copy_with_the_same_content_is_no_change(document: Path) -> None:
    known = read_text(document).fingerprint
    replace_as_editors_do(document, "the old text")
    assert not changed_on_disk(document, known)


@pytest.mark.parametrize("text", ["another text", "a text of another length"])
def test_another_editors_save_is_noticed_and_not_written_over(document: Path, text: str) -> None:
    known = read_text(document).fingerprint
    replace_as_editors_do(document, text)

    assert changed_on_disk(document, known)
    with pytest.raises(
        ChangedOnDisk, match=r"‘chapter\.txt’ was changed on disk by another program"
    ):
        write_text(document, "mine", expected=known)

    assert document.read_text() == text
    assert list(document.parent.iterdir()) == [document]


def test_a_change_in_place_is_noticed_even_if_size_and_time_are_the_same(document: Path) -> None:
    about = document.stat()
    known = read_text(document).fingerprint
    document.write_text("the odd text")
    os.utime(document, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.raises(ChangedOnDisk):
        write_text(document, "mine", expected=known)
    os.utime(document, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    assert changed_on_disk(document, known)


def test_a_file_that_vanished_is_noticed_and_not_put_back_unasked(document: Path) -> None:
    known = read_text(document).fingerprint
    document.unlink()
    assert changed_on_disk(document, known)
    with pytest.raises(ChangedOnDisk, match=r"chapter\.txt’ is not there any more"):
        write_text(document, "mine", expected=known)
    assert list(document.parent.iterdir()) == []


def test_without_expectation_the_file_is_written_whatever_it_is(document: Path) -> None:
    document.unlink()
    write_text(document, "mine")
    assert document.read_text() == "mine"


def test_a_character_that_the_encoding_lacks_is_named_and_utf_8_offered(document: Path) -> None:
    with pytest.raises(NotEncodable) as caught:
        write_text(document, "one\ntwo\nthe moon ☾ rose", encoding="cp1252", newline="\r\n")
    assert str(caught.value) == (
        "‘chapter.txt’ was not saved: it is kept as windows-1252, which has no ‘☾’ "
        "(U+263E, line 3). Save it as UTF-8, or replace that character."
    )
    assert document.read_text() == "the old text"
    assert list(document.parent.iterdir()) == [document]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("one\n\ud83d", r"line 2 there is half of a character \(U\+D83D\)"),
        ("one\ntwo\n\0", "NUL character in line 3"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "cp1252"])
def test_what_no_file_may_hold_is_refused(
    document: Path, text: str, why: str, encoding: str
) -> None:
    with pytest.raises(ManuscriptError, match=why) as caught:
        write_text(document, text, encoding=encoding)
    assert not isinstance(caught.value, NotEncodable)
    assert document.read_text() == "the old text"


def test_an_unknown_encoding_is_a_sentence(document: Path) -> None:
    with pytest.raises(NotEncodable, match=r"no encoding “klingon”\. Save it as UTF-8\."):
        write_text(document, "mine", encoding="klingon")


def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(ManuscriptError, match="is not a file, so nothing was saved there"):
        write_text(tmp_path, "mine")


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManuscriptError, match="because the folder is not there any more"):
        write_text(tmp_path / "gone" / "a.txt", "mine")


# The limit on the size of a file makes a write fail in its middle, as a full disk does, without
# needing a disk of our own to fill.
FULL_DISK = """
import resource, sys
from pathlib import Path
from studio.manuscript import ManuscriptError, write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    write_text(Path(sys.argv[1]), "new " * 1_000_000)
except ManuscriptError as error:
    print(error)
"""


def test_when_the_disk_takes_no_more_the_old_file_is_whole(
    document: Path, answer: Callable[..., str]
) -> None:
    said = answer(FULL_DISK, document)
    assert "‘chapter.txt’ could not be saved in" in said
    assert "your text is still here" in said
    assert document.read_text() == "the old text"
    assert list(document.parent.iterdir()) == [document]


def test_a_disk_that_is_found_full_at_the_end_leaves_the_old_file_whole(
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable, "sync_file", full)
    with pytest.raises(ManuscriptError, match="because the disk is full"):
        write_text(document, "the new text")
    assert document.read_text() == "the old text"
    assert list(document.parent.iterdir()) == [document]


# Permissions mean nothing to root, so root becomes nobody.
AS_NOBODY = """
import os, sys
from pathlib import Path
from studio.manuscript import ManuscriptError, read_text, write_text
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
folder = Path(sys.argv[1]) / "mine"
folder.mkdir()
document = folder / "chapter.txt"
document.write_text("the old text")
"""


def test_a_read_only_folder_leaves_the_old_file_whole(
    open_folder: Path, answer: Callable[..., str]
) -> None:
    said = answer(
        AS_NOBODY
        + """
folder.chmod(0o555)
try:
    write_text(document, "the new text")
except ManuscriptError as error:
    print(error)
print(document.read_text(), os.listdir(folder))
folder.chmod(0o755)
""",
        open_folder,
    )
    sentence, state = said.splitlines()
    assert "because you are not allowed to write there" in sentence
    assert "Save As" in sentence
    assert state == "the old text ['chapter.txt']"


def test_a_write_protected_file_is_not_written_over(
    open_folder: Path, answer: Callable[..., str]
) -> None:
    said = answer(
        AS_NOBODY
        + """
document.chmod(0o444)
try:
    write_text(document, "the new text")
except ManuscriptError as error:
    print(error)
print(document.read_text(), os.listdir(folder))
""",
        open_folder,
    )
    sentence, state = said.splitlines()
    assert "chapter.txt’ is write-protected, so nothing was saved." in sentence
    assert state == "the old text ['chapter.txt']"


def test_an_unreadable_file_is_a_sentence(open_folder: Path, answer: Callable[..., str]) -> None:
    said = answer(
        AS_NOBODY
        + """
document.chmod(0o000)
try:
    read_text(document)
except ManuscriptError as error:
    print(error)
""",
        open_folder,
    )
    assert said.startswith("You are not allowed to read ‘")
    assert "chapter.txt’. Change its permissions" in said


def test_a_kill_between_write_and_rename_leaves_the_old_file(
    document: Path, child: Callable[..., Popen[str]]
) -> None:
    process = child(
        """
import sys, time
from pathlib import Path
from studio.manuscript import write_text
def stop(self, target):
    print("written", flush=True)
    time.sleep(60)
Path.replace = stop
write_text(Path(sys.argv[1]), "the new text")
""",
        document,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.wait()
    assert document.read_text() == "the old text"
    # The next save is not in the way of what was left.
    write_text(document, "the next text")
    assert document.read_text() == "the next text"


def test_kills_at_any_moment_leave_one_whole_text(
    document: Path, child: Callable[..., Popen[str]]
) -> None:
    texts = {letter * 3_000_000 for letter in "ab"}
    rng = random.Random(4)
    document.write_text("a" * 3_000_000)
    for _ in range(8):
        process = child(
            """
import itertools, sys
from pathlib import Path
from studio.manuscript import write_text
print("ready", flush=True)
for letter in itertools.cycle("ba"):
    write_text(Path(sys.argv[1]), letter * 3_000_000)
""",
            document,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert document.read_text() in texts
