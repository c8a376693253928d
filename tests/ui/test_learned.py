"""What was learned of a writer is kept, whatever becomes of its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from studio.ui.learned import Learned
from studio.writing.confidence import Confidence


def _learned(qtbot: QtBot, path: Path) -> Learned:
    learned = Learned(path)
    qtbot.wait(50)
    return learned


def test_it_is_there_again(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "data" / "confidence.json"
    learned = _learned(qtbot, path)
    learned.learn(Confidence(0.55, 12, 90_000))
    learned.end()
    again = Learned(path)
    qtbot.waitUntil(lambda: again.confidence == Confidence(0.55, 12, 90_000))
    assert [each.name for each in path.parent.iterdir()] == ["confidence.json"]


def test_it_is_written_a_while_after_it_was_learned(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "confidence.json"
    learned = _learned(qtbot, path)
    learned._settle.setInterval(10)
    learned.learn(Confidence(0.55, 12, 90_000))
    qtbot.waitUntil(path.exists)
    kept = json.loads(path.read_text())
    assert kept == {"threshold": 0.55, "seen": 12, "written_ms": 90_000}


def test_who_wrote_with_an_older_version_is_no_beginner(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "confidence.json"
    path.write_text('{"threshold": 0.55, "seen": 12}')
    learned = Learned(path)
    qtbot.waitUntil(lambda: learned.confidence == Confidence(0.55, 12).settled())


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"threshold": "high", "seen": 1}',
        b'{"threshold": NaN, "seen": 1}',
        b'{"threshold": 0.5}',
        b'{"threshold": 0.5, "seen": Infinity}',
        b'{"threshold": 0.5, "seen": 1, "written_ms": NaN}',
        b'{"threshold": 0.5, "seen": 1, "written_ms": "long"}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_the_same_as_none(qtbot: QtBot, tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "confidence.json"
    path.write_bytes(damaged)
    assert _learned(qtbot, path).confidence == Confidence()


def test_a_value_out_of_range_is_brought_back_into_it(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "confidence.json"
    path.write_text('{"threshold": 7, "seen": -3}')
    learned = Learned(path)
    qtbot.waitUntil(lambda: learned.confidence == Confidence(0.9, 0))


def test_a_folder_that_can_not_be_written_costs_only_what_was_learned(
    qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    learned = _learned(qtbot, tmp_path / "file" / "confidence.json")
    learned.learn(Confidence(0.55, 12))
    learned.end()
    assert learned.confidence == Confidence(0.55, 12)
