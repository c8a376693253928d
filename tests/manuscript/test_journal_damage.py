"""Journals cut short or damaged: what was typed before the damage comes back, never garbage."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from studio.manuscript import Journal, Project, Recovery, pending_recoveries


def journal_and_its_states() -> tuple[bytes, list[str], list[int]]:
    """The bytes of a journal, the text after each of its edits, and where each edit ends."""
    rng = random.Random(11)
    base = "Es war einmal 🪔 ein\n"
    model = base.encode("utf-16-le")
    states, ends = [base], []
    with tempfile.TemporaryDirectory() as folder:
        project = Project(None, Path(folder, "hidden"))
        journal = Journal(project, Path(folder, "gone.txt"), base, interval_s=0.0)
        for _ in range(25):
            at = rng.randrange(len(model) // 2)
            removed = rng.randrange(3) if at + 2 < len(model) // 2 else 0
            typed = rng.choice(["a", "ß", "🪔", "\ud83e", "\ude94", "\n", "漢字"])
            journal.edit(at, removed, typed)
            journal.flush()
            model = (
                model[: 2 * at]
                + typed.encode("utf-16-le", "surrogatepass")
                + model[2 * (at + removed) :]
            )
            states.append(model.decode("utf-16-le", "surrogatepass"))
            (written,) = project.hidden.glob("journal/*/edits")
            ends.append(written.stat().st_size)
        journal.close(discard=False)
        return written.read_bytes(), states, ends


def recovered_from(project: Project, content: bytes) -> list[Recovery]:
    folder = project.hidden / "journal" / "some"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "edits").write_bytes(content)
    return pending_recoveries(project)


def test_a_journal_cut_at_any_byte_gives_the_edits_before(tmp_path: Path) -> None:
    content, states, ends = journal_and_its_states()
    assert ends[-1] == len(content)
    project = Project(None, tmp_path)
    base_end = content.index(b"\n", content.index("🪔 ein\n".encode()))
    for size_bytes in range(len(content) + 1):
        found = recovered_from(project, content[:size_bytes])
        if size_bytes < base_end + 1:
            assert found == []
            # What can't be read is no reason to throw it away.
            assert (tmp_path / "journal" / "some" / "edits").exists()
        else:
            n_edits = sum(end <= size_bytes for end in ends)
            assert [(each.text, each.edits) for each in found] == [(states[n_edits], n_edits)]


def test_a_wrong_byte_anywhere_gives_the_edits_before(tmp_path: Path) -> None:
    content, states, ends = journal_and_its_states()
    project = Project(None, tmp_path)
    base_end = content.index(b"\n", content.index("🪔 ein\n".encode())) + 1
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 0x11
        found = recovered_from(project, bytes(damaged))
        if at < base_end:
            assert found == []
        elif at > base_end:
            n_edits = sum(end <= at for end in ends)
            assert [(each.text, each.edits) for each in found] == [(states[n_edits], n_edits)]


def test_a_line_that_is_missing_or_twice_ends_the_journal_there(tmp_path: Path) -> None:
    content, states, ends = journal_and_its_states()
    project = Project(None, tmp_path)
    without_the_third = content[: ends[1]] + content[ends[2] :]
    third_twice = content[: ends[2]] + content[ends[1] :]
    assert [each.text for each in recovered_from(project, without_the_third)] == [states[2]]
    assert [each.text for each in recovered_from(project, third_twice)] == [states[3]]


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    project = Project(None, tmp_path)
    content, _, _ = journal_and_its_states()
    newer = content.replace(b'"lamplight_journal": 1', b'"lamplight_journal": 2', 1)
    assert recovered_from(project, newer) == []
    assert (tmp_path / "journal" / "some" / "edits").read_bytes() == newer


def test_a_window_that_died_before_it_wrote_leaves_no_rubbish(tmp_path: Path) -> None:
    folder = tmp_path / "hidden" / "journal" / "some"
    folder.mkdir(parents=True)
    (folder / ".lamplight-0123.new").write_text("half a journ")
    assert pending_recoveries(Project(None, tmp_path / "hidden")) == []
    assert list(tmp_path.iterdir()) == []
