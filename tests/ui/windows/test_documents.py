"""One text in a window: opened, written, saved, changed by others."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.manuscript import FileLease, Fingerprint, pending_untitled
from studio.ui import file_access
from studio.ui.recoveries import RecoveryDialog
from studio.ui.recovery_dialog import CompareDialog

if TYPE_CHECKING:
    from tests.ui.windows.conftest import House


def _changed_by_another(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    about = path.stat()
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 5_000_000_000))


def test_a_file_that_is_not_utf_8_is_opened_and_said_to_be(house: House, tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    text = "Der Kapitän trug eine grüne Mütze und schwieg über die Straße. " * 20
    path.write_bytes(text.encode("cp1252"))
    window = house.opens(path)
    assert window.editor.text() == text
    assert "not UTF-8" in house.notice()
    assert not window.document.modified


def test_a_file_keeps_its_encoding_and_line_ends(house: House, tmp_path: Path) -> None:
    path = tmp_path / "windows.txt"
    path.write_bytes("\ufeffone\r\ntwo\r\n".encode("utf-16-le"))
    window = house.opens(path)
    house.types("three")
    window.filing.save()
    house.waits(lambda: not window.document.modified)
    assert path.read_bytes() == "\ufeffone\r\ntwo\r\nthree".encode("utf-16-le")


def test_what_is_no_text_is_refused_with_a_reason_and_the_text_stays(
    house: House, chapter: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.txt"
    picture.write_bytes(b"\x89PNG\0\0\0" * 50)
    window = house.opens(chapter)
    window.filing.open(picture)
    house.waits(house.notice)
    assert "can't be opened as text" in house.notice()
    assert window.document.path == chapter
    assert window.editor.text() == "The lamp was lit.\n"
    assert not window.editor.isReadOnly()


def test_a_large_file_is_asked_about_first(
    house: House, chapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_access, "ASK_ABOVE_BYTES", 5)
    window = house.opens()
    window.open(chapter)
    house.waits(house.question)
    assert "large" in house.question()
    house.answers("Cancel")
    assert window.document.pristine
    window.open(chapter)
    house.answers("Open it")
    house.waits(lambda: window.document.path == chapter)


def test_a_character_that_the_encoding_lacks_offers_utf_8(house: House, tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes("Käse und Brötchen, später Äpfel und süße Trauben. ".encode("cp1252") * 9)
    window = house.opens(path)
    house.window.editor.insertPlainText("→")
    window.filing.save()
    house.waits(lambda: "‘→’" in house.notice())
    assert window.document.modified
    house.clicks_notice("Save as UTF-8")
    house.waits(lambda: not window.document.modified)
    assert path.read_text("utf-8").startswith("→Käse")


def test_a_save_that_fails_keeps_the_text_and_says_why(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    house.types("It burned.")
    shutil.rmtree(chapter.parent)
    chapter.parent.write_text("a file in the place of the folder")
    window.document.save(lambda error: window.filing._tell_not_saved(error, None, None))
    house.waits(lambda: "was not saved" in house.notice() or "could not" in house.notice())
    assert window.editor.text() == "The lamp was lit.\nIt burned."
    assert window.document.modified
    assert [button.text() for button in window.notices.buttons()] == ["Save as…", "Try again"]
    chapter.parent.unlink()
    chapter.parent.mkdir()
    window.document.save(lambda _: None, over_theirs=True)
    house.waits(lambda: not window.document.modified)


def test_a_change_by_another_program_is_told_and_loading_it_can_be_undone(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter)
    _changed_by_another(chapter, "The lamp went out.\n")
    window.document.watch.look()
    house.waits(house.notice)
    assert "changed by another program" in house.notice()
    assert window.editor.text() == "The lamp was lit.\n"
    house.clicks_notice("Load theirs")
    house.waits(lambda: window.editor.text() == "The lamp went out.\n")
    assert not window.document.modified
    window.editor.undo()
    assert window.editor.text() == "The lamp was lit.\n"
    assert window.document.modified


def test_saving_over_a_change_by_another_program_is_asked_about(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter)
    house.types("It burned.")
    _changed_by_another(chapter, "The lamp went out.\n")
    window.filing.save()
    house.waits(house.question)
    assert chapter.read_text("utf-8") == "The lamp went out.\n"
    house.answers("Cancel")
    assert window.document.modified
    window.filing.save()
    house.answers("Keep mine")
    house.waits(lambda: not window.document.modified)
    assert chapter.read_text("utf-8") == "The lamp was lit.\nIt burned."


def test_two_versions_can_be_compared(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    _changed_by_another(chapter, "The lamp went out.\n")
    window.document.watch.look()
    house.waits(house.notice)
    house.clicks_notice("Compare")
    dialog = house.dialog(CompareDialog)
    house.clicks(dialog, "Keep mine")
    assert house.notice() == ""
    window.filing.save()
    house.waits(lambda: not window.document.modified)
    assert chapter.read_text("utf-8") == "The lamp was lit.\n"


def test_a_file_that_was_deleted_is_told_and_saving_puts_it_back(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter)
    chapter.unlink()
    window.document.watch.look()
    house.waits(house.notice)
    assert "not on the disk any more" in house.notice()
    assert window.document.modified
    house.clicks_notice("Save")
    house.waits(chapter.exists)
    house.waits(lambda: not window.document.modified)


def test_a_file_that_another_process_has_is_opened_to_read_only(
    house: House, chapter: Path
) -> None:
    lease = FileLease.take(chapter, house.desk.data_dir)
    window = house.opens()
    window.open(chapter)
    house.answers("Open to read only")
    house.waits(lambda: window.document.path == chapter)
    assert window.editor.isReadOnly()
    assert "read only" in window.windowTitle()
    house.types("No.")
    assert window.editor.text() == "The lamp was lit.\n"
    lease.release()


def test_or_as_a_copy_without_a_name(house: House, chapter: Path) -> None:
    lease = FileLease.take(chapter, house.desk.data_dir)
    window = house.opens()
    window.open(chapter)
    house.answers("Open a copy")
    house.waits(lambda: window.editor.text() == "The lamp was lit.\n")
    assert window.document.path is None
    assert window.document.name == "Copy of chapter.txt"
    assert window.document.modified
    lease.release()


def test_a_file_that_was_closed_can_be_opened_by_another_process(
    house: House, chapter: Path
) -> None:
    window = house.opens(chapter)
    window.document.new()
    FileLease.take(chapter, house.desk.data_dir).release()


def test_what_is_typed_while_saving_stays_unsaved_and_in_the_journal(
    house: House, chapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = house.opens(chapter)
    house.types("One. ")
    may_write = threading.Event()
    write = file_access.Save.write

    def slow(save: file_access.Save) -> Fingerprint:
        may_write.wait(10)
        return write(save)

    monkeypatch.setattr(file_access.Save, "write", slow)
    window.filing.save()
    house.types("Two.")
    may_write.set()
    house.waits(lambda: chapter.read_text("utf-8").endswith("One. "))
    house.qtbot.wait(100)
    assert window.document.modified
    house.crashes()
    house.starts_again(chapter)
    dialog = house.dialog(RecoveryDialog)
    recovery = dialog.current
    assert recovery is not None
    assert recovery.text.endswith("One. Two.")
    dialog.reject()


def test_saving_under_a_new_name_leaves_the_old_file_alone(
    house: House, chapter: Path, tmp_path: Path
) -> None:
    window = house.opens(chapter)
    house.types("New.")
    other = tmp_path / "other.txt"
    window.filing._save(None, path=other)
    house.waits(lambda: not window.document.modified)
    assert other.read_text("utf-8") == "The lamp was lit.\nNew."
    assert chapter.read_text("utf-8") == "The lamp was lit.\n"
    assert window.windowTitle() == "other.txt[*] — Lamplight"
    FileLease.take(chapter, house.desk.data_dir).release()


def test_a_text_that_was_saved_leaves_nothing_to_recover(house: House, tmp_path: Path) -> None:
    window = house.opens()
    house.types("Once upon a time")
    window.filing._save(None, path=tmp_path / "tale.txt")
    house.waits(lambda: not window.document.modified)
    house.crashes()
    assert pending_untitled(house.desk.data_dir) == []


def test_a_journal_that_can_not_be_written_is_told_once(house: House, chapter: Path) -> None:
    window = house.opens(chapter)
    files = house.desk.data_dir / "files"
    files.write_text("a file in the place of the folder")
    house.types("It burned.")
    house.waits(lambda: "would be lost in a crash" in house.notice())
    window.notices.dismiss()
    house.qtbot.wait(2_500)
    assert house.notice() == ""
    files.unlink()


def test_a_program_is_shown_as_code_and_a_story_as_prose(house: House, tmp_path: Path) -> None:
    program = tmp_path / "tale.py"
    program.write_text("def tale():\n    return 1\n", "utf-8")
    window = house.opens(program)
    editor = window.editor
    assert editor.language is not None
    assert editor.language.name == "Python"
    assert not window.document.modified
    window.filing._save(None, path=tmp_path / "tale.txt")
    house.waits(lambda: window.document.path == tmp_path / "tale.txt")
    house.waits(lambda: editor.language is None)
