from __future__ import annotations

import os
import random
import signal
import stat
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.manuscript import (
    Journal,
    ManuscriptError,
    Project,
    Recovery,
    pending_recoveries,
    pending_untitled,
    read_text,
    write_text,
)

Child = Callable[..., Popen[str]]

PIECE = st.text(st.sampled_from('ab\n\u2028ü漢🪔𝄞\ud83e\ude94"\\'), max_size=6)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "novel").mkdir()
    return Project.of_folder(tmp_path / "novel")


@pytest.fixture
def document(project: Project) -> Path:
    """A document of the project that holds "Once upon a time"."""
    assert project.root is not None
    path = project.root / "chapter.txt"
    path.write_text("Once upon a time", "utf-8")
    return path


def journal_of(project: Project, document: Path | None, base_text: str | None = None) -> Journal:
    if base_text is None:
        base_text = read_text(document).text if document else ""
    return Journal(project, document, base_text, interval_s=0.01)


def crash(journal: Journal) -> None:
    """Leave the journal as a killed process would, with all that was typed on disk."""
    journal.close(discard=False)


def recovered(project: Project) -> Recovery:
    (recovery,) = pending_recoveries(project)
    return recovery


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def edits_file(project: Project) -> Path:
    (path,) = project.hidden.glob("journal/*/edits")
    return path


def eventually(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_what_was_typed_before_a_crash_is_offered(project: Project, document: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    journal = Journal(
        project, document, "Once upon a time", encoding="cp1252", newline="\r\n", bom=True
    )
    journal.edit(16, 0, " there was")
    journal.edit(0, 4, "One day")
    crash(journal)

    recovery = recovered(project)

    assert recovery.path == document
    assert recovery.base_text == "Once upon a time"
    assert recovery.text == "One day upon a time there was"
    assert (recovery.encoding, recovery.newline, recovery.bom) == ("cp1252", "\r\n", True)
    assert (recovery.edits, recovery.misfits) == (2, 0)
    assert before < recovery.when < datetime.now(UTC) + timedelta(seconds=1)


def test_recovery_offers_the_same_until_it_is_discarded(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    crash(journal)

    assert recovered(project) == recovered(project)
    recovered(project).discard()

    assert pending_recoveries(project) == []
    assert files_below(project.hidden) == []


def test_typing_comes_to_disk_by_itself(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(16, 0, "!")
    eventually(lambda: bool(list(project.hidden.glob("journal/*/edits"))))
    size_bytes = edits_file(project).stat().st_size
    journal.edit(17, 0, "!")
    eventually(lambda: edits_file(project).stat().st_size > size_bytes)
    journal.close(discard=True)


def test_edits_are_on_the_disk_itself_when_flushed(
    project: Project, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def sync(handle: int) -> None:
        os.fsync(handle)
        synced.append(os.fstat(handle).st_size)

    monkeypatch.setattr("studio.manuscript.durable.sync_file", sync)
    monkeypatch.setattr("studio.manuscript.journal_file.sync_file", sync)
    journal = journal_of(project, document)
    for typed in "xyz":
        journal.edit(0, 0, typed)
        journal.flush()
        assert synced[-1] == edits_file(project).stat().st_size
    journal.close(discard=True)


def test_a_document_that_is_only_read_leaves_nothing_on_disk(
    project: Project, document: Path
) -> None:
    journal = journal_of(project, document)
    journal.flush()
    journal.saved("Once upon a time")
    assert not project.hidden.exists()
    journal.close(discard=False)
    assert not project.hidden.exists()


@pytest.mark.parametrize("discard", [True, False])
def test_an_orderly_close_leaves_nothing_behind(
    project: Project, document: Path, discard: bool
) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.flush()
    if not discard:
        journal.saved("xOnce upon a time")
    journal.close(discard)
    assert not project.hidden.exists()
    journal.close(discard)


def test_edits_dropped_at_close_are_gone(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.close(discard=True)
    assert pending_recoveries(project) == []


def test_a_closed_journal_takes_no_edits(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.close(discard=True)
    with pytest.raises(RuntimeError, match="closed"):
        journal.edit(0, 0, "x")


def test_files_are_private(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.flush()
    folder = edits_file(project).parent
    for each in (project.hidden, folder.parent, folder):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    for each in folder.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
    journal.close(discard=True)


def test_a_living_journal_is_not_offered(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.flush()
    assert pending_recoveries(project) == []
    journal.edit(1, 0, "y")
    crash(journal)
    assert recovered(project).text == "xyOnce upon a time"


def test_after_saving_there_is_nothing_to_recover(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.flush()
    journal.saved("xOnce upon a time")
    journal.flush()
    assert list(project.hidden.glob("journal/*/edits")) == []
    journal.close(discard=False)


def test_edits_after_saving_count_from_the_saved_text(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    write_text(document, "xOnce upon a time")
    journal.saved("xOnce upon a time")
    journal.edit(1, 0, "y")
    crash(journal)
    recovery = recovered(project)
    assert (recovery.base_text, recovery.text) == ("xOnce upon a time", "xyOnce upon a time")
    assert recovery.edits == 1


def test_saving_under_another_name_is_recovered_under_that(
    project: Project, document: Path
) -> None:
    journal = journal_of(project, document)
    other = document.with_name("other.txt")
    journal.edit(0, 0, "x")
    journal.saved("xOnce upon a time", other, encoding="utf-16-le", newline="\r\n", bom=True)
    journal.edit(0, 0, "y")
    crash(journal)
    recovery = recovered(project)
    assert recovery.path == other
    assert (recovery.encoding, recovery.newline, recovery.bom) == ("utf-16-le", "\r\n", True)


def test_a_crash_between_saving_and_telling_the_journal_offers_nothing(
    project: Project, document: Path
) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    crash(journal)
    write_text(document, "xOnce upon a time")
    assert pending_recoveries(project) == []
    assert not project.hidden.exists()


def test_what_is_on_disk_in_another_encoding_is_not_offered(
    project: Project, document: Path
) -> None:
    journal = Journal(project, document, "Straße", encoding="cp850", newline="\r\n")
    journal.edit(6, 0, "\nü")
    crash(journal)
    write_text(document, "Straße\nü", encoding="cp850", newline="\r\n")
    assert pending_recoveries(project) == []


def test_typing_undone_in_a_file_of_mixed_line_ends_is_not_offered(
    project: Project, document: Path
) -> None:
    document.write_bytes(b"one\r\ntwo\nthree\r\n")
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.edit(0, 1, "")
    crash(journal)
    assert pending_recoveries(project) == []


def test_edits_to_a_file_that_is_gone_are_offered(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 4, "")
    crash(journal)
    document.unlink()
    assert recovered(project).text == " upon a time"


def test_saving_through_the_journal_starts_it_afresh(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    known = read_text(document).fingerprint
    fingerprint = journal.save(document, "xOnce upon a time", expected=known)
    assert read_text(document).fingerprint == fingerprint
    journal.edit(0, 1, "")
    crash(journal)
    assert recovered(project).base_text == "xOnce upon a time"


KILLED_AFTER_WRITING = """
import os, sys
from pathlib import Path
from studio.manuscript import Journal, Project, journal as module, write_text
def write_and_die(*arguments, **options):
    write_text(*arguments, **options)
    os.kill(os.getpid(), 9)
module.write_text = write_and_die
document = Path(sys.argv[1])
journal = Journal(Project.of_folder(document.parent), document, "Once upon a time", interval_s=60)
journal.edit(0, 0, "x")
journal.flush()
journal.edit(1, 0, "y")
journal.save(document, "xyOnce upon a time")
"""


def test_a_kill_right_after_the_file_was_written_offers_nothing(
    project: Project, document: Path, child: Child
) -> None:
    assert child(KILLED_AFTER_WRITING, document).wait(timeout=30) == -signal.SIGKILL
    assert document.read_text() == "xyOnce upon a time"
    assert pending_recoveries(project) == []


def test_a_save_that_fails_leaves_the_edits_to_recovery(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "☾")
    with pytest.raises(ManuscriptError, match="U\\+263E"):
        journal.save(document, "☾Once upon a time", encoding="cp1252")
    crash(journal)
    assert recovered(project).text == "☾Once upon a time"


def test_a_project_folder_that_was_moved_keeps_its_recoveries(
    project: Project, document: Path, tmp_path: Path
) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    crash(journal)
    (tmp_path / "novel").rename(tmp_path / "saga")
    recovery = recovered(Project.of_folder(tmp_path / "saga"))
    assert recovery.path == tmp_path / "saga" / "chapter.txt"


def test_a_file_alone_and_untitled_texts_are_recovered_too(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    alone = tmp_path / "alone.txt"
    for path, typed in ((alone, "alone"), (None, "first"), (None, "second"), (None, "")):
        project = Project.of_file(path, data_dir) if path else Project.untitled(data_dir)
        journal = journal_of(project, path, base_text="")
        journal.edit(0, 0, typed + "x")
        journal.edit(len(typed), 1, "")
        crash(journal)

    assert recovered(Project.of_file(alone, data_dir)).path == alone
    untitled = pending_untitled(data_dir)
    assert [(each.path, each.text) for each in untitled] == [(None, "first"), (None, "second")]
    for each in untitled:
        each.discard()
    assert list((data_dir / "untitled").iterdir()) == []


def test_where_nothing_was_ever_written_nothing_is_offered(tmp_path: Path) -> None:
    assert pending_untitled(tmp_path / "nowhere") == []
    assert pending_recoveries(Project.untitled(tmp_path / "nowhere")) == []
    assert list(tmp_path.iterdir()) == []


def test_an_edit_that_points_outside_the_text_is_kept_and_marked(
    project: Project, document: Path
) -> None:
    journal = journal_of(project, document)
    journal.edit(1000, 3, "lost and found")
    journal.flush()
    journal.edit(-1, 0, "x")
    journal.edit(3, 0, "y")
    crash(journal)
    recovery = recovered(project)
    assert recovery.text == "xOnyce upon a timelost and found"
    assert (recovery.edits, recovery.misfits) == (3, 2)


def test_typed_characters_share_a_line(project: Project, document: Path) -> None:
    journal = Journal(project, document, "Once upon a time", interval_s=60)
    journal.edit(16, 0, ",")
    journal.flush()
    for at, character in enumerate("🪔 there was\n", start=17):
        journal.edit(at + (at > 17), 0, character)
    journal.flush()
    lines = edits_file(project).read_text().splitlines()
    assert lines[-1].endswith('{"at": 17, "del": 0, "ins": "🪔 there was\\n"}')
    crash(journal)
    assert recovered(project).text == "Once upon a time,🪔 there was\n"


@settings(max_examples=60, deadline=None)
@given(
    PIECE,
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 4), PIECE, st.booleans(), st.just(value=False))
        | st.tuples(st.just(0), st.just(0), st.just("s"), st.booleans(), st.just(value=True)),
        max_size=15,
    ),
)
def test_what_is_recovered_is_what_was_edited(
    base_text: str, steps: list[tuple[int, int, str, bool, bool]]
) -> None:
    """Against a plain array of code units, with flushes and saves at any time."""
    base, model = base_text, base_text.encode("utf-16-le", "surrogatepass")
    with tempfile.TemporaryDirectory() as folder:
        project = Project(None, Path(folder, "hidden"))
        journal = Journal(project, Path(folder, "gone.txt"), base_text, interval_s=0.0)
        clean = True
        for at, removed, inserted, flush, save in steps:
            if save:
                base = model.decode("utf-16-le", "surrogatepass")
                journal.saved(base)
                clean = True
            else:
                at %= len(model) // 2 + 1
                removed = min(removed, len(model) // 2 - at)
                typed = inserted.encode("utf-16-le", "surrogatepass")
                model = model[: 2 * at] + typed + model[2 * (at + removed) :]
                journal.edit(at, removed, inserted)
                clean = False
            if flush:
                journal.flush()
        journal.close(discard=False)

        found = [(each.base_text, each.text) for each in pending_recoveries(project)]

    text = model.decode("utf-16-le", "surrogatepass")
    assert found == ([] if clean else [(base, text)])


def test_a_long_journal_is_compacted_and_loses_nothing(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    megabyte = "x" * 2**20
    sizes = []
    for letter in "abcdefghijkl":
        journal.edit(5, 0, letter)
        journal.edit(0, 0, megabyte)
        journal.flush()
        journal.edit(0, 2**20, "")
        journal.flush()
        sizes.append(edits_file(project).stat().st_size)
    assert max(sizes) < 10 * 2**20
    assert sizes != sorted(sizes)
    crash(journal)
    recovery = recovered(project)
    assert recovery.base_text == "Once upon a time"
    assert recovery.text == "Once lkjihgfedcbaupon a time"
    assert recovery.edits == 36


def test_compaction_that_fails_costs_nothing(
    project: Project, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.flush()

    tried = []

    def fail(path: Path, *_: object, **__: object) -> None:
        tried.append(path)
        raise OSError("no room")

    monkeypatch.setattr("studio.manuscript.journal_file.replace_file", fail)
    for _ in range(7):
        journal.edit(0, 0, "y" * 2**20)
        journal.edit(0, 2**20, "")
        journal.flush()
    assert journal.error is None
    assert len(tried) == 1  # above 4 MiB, and not again below 8
    journal.edit(1, 0, "z")
    crash(journal)
    assert recovered(project).text == "xzOnce upon a time"


def test_a_journal_that_a_cleaning_program_took_is_written_again(
    project: Project, document: Path
) -> None:
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.flush()
    for path in sorted(project.hidden.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    project.hidden.rmdir()
    journal.edit(1, 0, "y")
    journal.flush()
    assert pending_recoveries(project) == []  # the new one is held as the first was
    crash(journal)
    recovery = recovered(project)
    assert (recovery.text, recovery.edits) == ("xyOnce upon a time", 2)


def test_a_journal_that_cannot_be_written_says_so_and_goes_on_trying(
    project: Project, document: Path
) -> None:
    in_the_way = project.hidden
    in_the_way.write_text("not a folder")
    journal = journal_of(project, document)
    assert journal.error is None
    journal.edit(0, 0, "x")
    with pytest.raises(ManuscriptError) as caught:
        journal.flush()
    assert f"because ‘{in_the_way}’ can't be written" in str(caught.value)
    assert journal.error == str(caught.value)
    journal.edit(1, 0, "y")
    with pytest.raises(ManuscriptError):
        journal.flush()

    in_the_way.unlink()

    eventually(lambda: journal.error is None)
    crash(journal)
    assert recovered(project).text == "xyOnce upon a time"


def test_closing_a_journal_that_cannot_be_written_says_what_is_lost(
    project: Project, document: Path
) -> None:
    project.hidden.write_text("not a folder")
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    with pytest.raises(ManuscriptError, match="can't be written"):
        journal.close(discard=False)


def test_a_document_can_be_saved_although_its_journal_cannot_be_written(
    project: Project, document: Path
) -> None:
    project.hidden.write_text("not a folder")
    journal = journal_of(project, document)
    journal.edit(0, 0, "x")
    journal.save(document, "xOnce upon a time")
    assert document.read_text() == "xOnce upon a time"
    journal.flush()
    assert journal.error is None
    journal.close(discard=True)


# A limit on the size of files makes a write stop in its middle, as a full disk does.
FULL_AND_FREE_AGAIN = """
import resource, sys
from pathlib import Path
from studio.manuscript import Journal, ManuscriptError, Project
journal = Journal(Project.of_folder(Path(sys.argv[1])), None, "", interval_s=0.01)
def limit(size_bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))
journal.edit(0, 0, "first ")
journal.flush()
limit(1000)
journal.edit(6, 0, "second " * 1000)
try:
    journal.flush()
except ManuscriptError:
    print(journal.error)
if sys.argv[2] == "free":
    limit(resource.RLIM_INFINITY)
    journal.edit(0, 0, "third ")
    journal.flush()
    print(journal.error)
import os
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("then", ["free", "crash"])
def test_a_disk_that_is_full_for_a_while_costs_nothing_once_it_is_free(
    project: Project, child: Child, then: str
) -> None:
    process = child(FULL_AND_FREE_AGAIN, project.root, then)
    said = process.communicate(timeout=30)[0].splitlines()
    assert "can't be written: the file would be larger than is allowed here" in said[0]
    recovery = recovered(project)
    if then == "free":
        assert said[1:] == ["None"]
        assert recovery.text == "third first " + "second " * 1000
    else:
        assert recovery.text == "first "


def test_a_torn_last_line_costs_only_that_edit(project: Project, document: Path) -> None:
    journal = journal_of(project, document)
    for typed in "xyz":
        journal.edit(0, 0, typed)
        journal.flush()
    crash(journal)
    path = edits_file(project)
    os.truncate(path, path.stat().st_size - 3)
    recovery = recovered(project)
    assert (recovery.text, recovery.edits) == ("yxOnce upon a time", 2)


def test_fifty_thousand_edits_of_a_long_novel_are_recovered_in_seconds(
    project: Project, document: Path
) -> None:
    rng = random.Random(3)
    base_text = "The “rain” fell in torrents; " * 200_000
    journal = journal_of(project, document, base_text)
    for _ in range(50_000):
        journal.edit(rng.randrange(5_700_000), 1, "xy")
    crash(journal)
    start_s = time.perf_counter()
    recovery = recovered(project)
    assert time.perf_counter() - start_s < 10.0  # about 0.5 on a quiet machine
    assert (recovery.edits, len(recovery.text)) == (50_000, len(base_text) + 50_000)


def test_an_edit_takes_no_time_even_while_the_disk_is_busy(
    project: Project, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(handle: int) -> None:
        time.sleep(0.2)

    monkeypatch.setattr("studio.manuscript.journal_file.sync_file", slow)
    monkeypatch.setattr("studio.manuscript.durable.sync_file", slow)
    journal = journal_of(project, document)
    took_s = []
    for at in range(400):
        start_s = time.perf_counter()
        journal.edit(16 + at, 0, "x")
        took_s.append(time.perf_counter() - start_s)
        time.sleep(0.001)
    assert sorted(took_s)[380] < 0.001
    crash(journal)
    assert recovered(project).text == "Once upon a time" + "x" * 400
