from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from studio.manuscript import FileLease, InUse, ManuscriptError

HOLD = """
import sys, time
from pathlib import Path
from studio.manuscript import FileLease
lease = FileLease.take(Path(sys.argv[1]), Path(sys.argv[2]))
print("taken", flush=True)
sys.stdin.readline()
lease.release()
print("released", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("text")
    return path


@pytest.fixture
def other_window(
    document: Path, tmp_path: Path, child: Callable[..., Popen[str]]
) -> Callable[[], Popen[str]]:
    def start() -> Popen[str]:
        process = child(HOLD, document, tmp_path / "data")
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        return process

    return start


def test_a_file_in_another_process_is_in_use_until_released(
    document: Path, tmp_path: Path, other_window: Callable[[], Popen[str]]
) -> None:
    process = other_window()
    with pytest.raises(InUse, match=r"‘a\.txt’ is open in another Lamplight window\."):
        FileLease.take(document, tmp_path / "data")

    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "released\n"
    FileLease.take(document, tmp_path / "data").release()


def test_a_killed_window_holds_nothing(
    document: Path, tmp_path: Path, other_window: Callable[[], Popen[str]]
) -> None:
    process = other_window()
    process.kill()
    process.wait()
    FileLease.take(document, tmp_path / "data").release()


def test_two_windows_of_one_process_clash_too(document: Path, tmp_path: Path) -> None:
    lease = FileLease.take(document, tmp_path / "data")
    with pytest.raises(InUse):
        FileLease.take(document, tmp_path / "data")
    lease.release()
    FileLease.take(document, tmp_path / "data").release()


def test_the_lease_is_of_the_file_and_not_of_the_name(document: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(document)
    lease = FileLease.take(document, tmp_path / "data")
    with pytest.raises(InUse):
        FileLease.take(link, tmp_path / "data")
    FileLease.take(tmp_path / "b.txt", tmp_path / "data").release()
    lease.release()


def test_releasing_twice_does_not_end_the_lease_of_another(document: Path, tmp_path: Path) -> None:
    first = FileLease.take(document, tmp_path / "data")
    first.release()
    second = FileLease.take(document, tmp_path / "data")
    first.release()
    with pytest.raises(InUse):
        FileLease.take(document, tmp_path / "data")
    second.release()


def test_leases_tell_nobody_what_is_written(document: Path, tmp_path: Path) -> None:
    FileLease.take(document, tmp_path / "data").release()
    (lock,) = (tmp_path / "data" / "locks").iterdir()
    assert "a.txt" not in lock.name
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    assert stat.S_IMODE(lock.parent.stat().st_mode) == 0o700


def test_without_a_place_for_leases_there_is_a_sentence(document: Path) -> None:
    with pytest.raises(ManuscriptError, match="can't be guarded against a second window") as caught:
        FileLease.take(document, document)
    assert not isinstance(caught.value, InUse)
