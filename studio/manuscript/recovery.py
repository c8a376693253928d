"""What was typed and not saved before a crash, found again at the next start."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from studio.manuscript.decoding import encode
from studio.manuscript.errors import ManuscriptError, reason, shown_in_full
from studio.manuscript.journal_file import (
    journal_in,
    journal_lock,
    journals_in,
    remove_journal_folder,
)
from studio.manuscript.journal_format import JournalDamaged, parse
from studio.manuscript.project import Project, untitled_folder
from studio.manuscript.text_file import read_text

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovery:
    """A text with edits that were not saved when its window ended.

    To take it over, open `text` in a window with a journal of its own, flush that journal, and
    only then `discard` this: so there is no moment at which a crash would lose it.
    """

    path: Path | None
    """The document, or None if it had no name yet. The file may be gone or another by now."""
    base_text: str
    """The text as it was read or saved last, before the edits."""
    text: str
    when: datetime
    """When the latest edit came to disk, in UTC."""
    encoding: str
    newline: str
    bom: bool
    folder: Path
    edits: int
    misfits: int = 0
    """How many of the edits pointed outside the text: if any, the text needs a close look."""

    def discard(self) -> None:
        """Remove it for good. Raises `ManuscriptError` if it can't be."""
        try:
            remove_journal_folder(self.folder)
        except OSError as error:
            raise ManuscriptError(
                f"The recovered text in {shown_in_full(self.folder)} could not be removed because "
                f"{reason(error)}. It will be offered again; delete that folder to prevent this."
            ) from error


def pending_recoveries(project: Project) -> list[Recovery]:
    """What was typed into documents of this project and not saved, the oldest first.

    Documents that a living window writes are left out, as are those whose recovered text is what
    the file holds. A journal that can't be read is left where it is.
    """
    try:
        folders = sorted(journals_in(project).iterdir())
    except OSError:
        return []
    found = [_recovery(project, folder) for folder in folders if folder.is_dir()]
    return sorted((each for each in found if each), key=lambda each: each.when)


def pending_untitled(data_dir: Path) -> list[Recovery]:
    """What was typed into documents without a name, as `pending_recoveries`."""
    try:
        folders = sorted(untitled_folder(data_dir).iterdir())
    except OSError:
        return []
    found = [each for folder in folders for each in pending_recoveries(Project(None, folder))]
    return sorted(found, key=lambda each: each.when)


def _recovery(project: Project, folder: Path) -> Recovery | None:
    """What the journal in `folder` offers, if anything; if there is nothing in it, it goes."""
    lock = journal_lock(folder)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    except OSError as error:
        log.warning("the journal in %s can't be looked at: %s", folder, error)
        return None
    try:
        recovery = _read(project, folder)
        if recovery is None or _is_saved(recovery):
            remove_journal_folder(folder)
            return None
    except (OSError, JournalDamaged) as error:
        log.warning("the journal in %s can't be read: %s", folder, error)
        return None
    finally:
        lock.release()
    return recovery


def _read(project: Project, folder: Path) -> Recovery | None:
    """The recovery in `folder`, None if its window died before it wrote anything."""
    try:
        with journal_in(folder).open("rb") as file:
            modified_s = os.fstat(file.fileno()).st_mtime
            contents = parse(file.read())
    except FileNotFoundError:
        return None
    head = contents.head
    path = None if head.path is None else Path(project.root or "", head.path)
    return Recovery(
        path=path,
        base_text=contents.base_text,
        text=contents.text,
        when=datetime.fromtimestamp(modified_s, UTC),
        encoding=head.encoding,
        newline=head.newline,
        bom=head.bom,
        folder=folder,
        edits=contents.edits,
        misfits=contents.misfits,
    )


def _is_saved(recovery: Recovery) -> bool:
    if recovery.path is None:
        return not recovery.text
    try:
        as_saved = encode(recovery.text, recovery.encoding, recovery.newline, recovery.bom)
        if recovery.path.read_bytes() == as_saved:
            return True
    except (OSError, UnicodeEncodeError, LookupError):
        return False
    try:
        # Line ends that the file mixes are not kept by saving, and don't make another text.
        return read_text(recovery.path).text == recovery.text
    except ManuscriptError:
        return False
