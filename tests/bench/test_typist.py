"""The typist who does not wait plays in a real window with the real model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.bench import typist
from studio.bench.typist import Job, Line, report, type_texts

STORY = "".join(
    f"On day {n} the keeper of the light climbed the stairs before the lamp was lit. "
    for n in range(100, 180)
)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(STORY, "utf-8")
    return path


@pytest.mark.slow
def test_a_writer_who_never_pauses_sees_suggestions_and_saves_keys(text: Path) -> None:
    """A text that says the same again and again, so that any model knows what comes."""
    (line,) = type_texts(Job((text,), start=3_200, n_chars=150, pace_ms=200))
    assert line.saved > 0.1
    assert line.right > 0.6
    assert line.first_s is not None
    assert line.again is not None


def test_a_line_is_one_of_json_too(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = Job((text,), start=3_200, n_chars=30, pace_ms=60)
    assert report(job, as_json=True) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["text"] == "story"
    assert 0 <= figures["wrong"] <= figures["seen"] <= 1


def test_the_mean_of_several_lines() -> None:
    one = Line("a", 0.1, 0.5, 0.05, 0.2, 3, 1.0, 0.01, 4.0, 0.2, 0.1)
    other = Line("b", 0.3, 0.7, 0.15, 0.4, 9, None, None, 9.0, 0.4, 0.3)
    mean = Line.mean([one, other])
    assert (mean.saved, mean.longest, mean.first_s) == (pytest.approx(0.3), 9, 1.0)
    assert "saved  30.0%" in str(mean)


def test_every_row_has_a_figure_behind_it() -> None:
    names = [row.name for row in typist.ROWS]
    assert len(names) == len(set(names))
    figures = Line("a", 0.1, 0.5, 0.05, 0.2, 3, 1.0, 0.01, 4.0, 0.2, 0.1)
    for figure, _ in typist._OF_LINE.values():
        assert isinstance(getattr(figures, figure), float | int)
