"""Reading a file to write in it, and writing it: what happens in the background. No Qt."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from studio.manuscript import (
    ASK_ABOVE_BYTES,
    FileLease,
    Fingerprint,
    ManuscriptError,
    Project,
    Recovery,
    TextFile,
    pending_recoveries,
    read_text,
    write_text,
)

log = logging.getLogger(__name__)


class TooBig(ManuscriptError):
    """The writer should be asked before a file of this size is opened."""


@dataclass(frozen=True)
class Form:
    """How a text is written to its file."""

    encoding: str = "utf-8"
    newline: str = "\n"
    bom: bool = False

    @staticmethod
    def of(kept: TextFile | Recovery) -> Form:
        """How the file is written, or was."""
        return Form(kept.encoding, kept.newline, kept.bom)

    def in_utf8(self) -> Form:
        """The same in UTF-8."""
        return replace(self, encoding="utf-8", bom=False)


@dataclass(frozen=True)
class Read:
    """What opening a file brings."""

    file: TextFile
    recoveries: list[Recovery]


@dataclass(frozen=True)
class Save:
    """A text on its way to its file."""

    path: Path
    text: str
    form: Form
    expected: Fingerprint | None
    moves: bool
    """The text has had another path so far, or none."""
    lease: FileLease | None

    def write(self) -> Fingerprint:
        """Raises what `write_text` raises."""
        form = self.form
        return write_text(
            self.path,
            self.text,
            encoding=form.encoding,
            newline=form.newline,
            bom=form.bom,
            expected=self.expected,
        )

    def give_up(self) -> None:
        """The file is not ours after all."""
        if self.lease:
            self.lease.release()


def read_to_edit(path: Path, project: Project, *, any_size: bool, recover: bool) -> Read:
    """Read a file, and with `recover` what was not saved of it.

    Raises `TooBig` unless `any_size`, and what `read_text` raises.
    """
    if not any_size:
        _check_size(path)
    return Read(read_text(path), _unsaved(project, path) if recover else [])


def as_sentence(error: Exception, path: Path) -> ManuscriptError:
    """`error` as what the writer is told of it."""
    if isinstance(error, ManuscriptError):
        return error
    log.error("unexpected with %s", path, exc_info=error)
    return ManuscriptError(
        f"‘{path.name}’ could not be opened or saved because of a fault inside Lamplight. "
        "Your text is still here; its journal and the log hold the rest."
    )


def _check_size(path: Path) -> None:
    try:
        size_bytes = path.stat().st_size
    except OSError:
        return  # reading it says what is wrong
    if size_bytes > ASK_ABOVE_BYTES:
        raise TooBig(f"‘{path.name}’ is large: {size_bytes / 2**20:,.0f} MB.")


def _unsaved(project: Project, path: Path) -> list[Recovery]:
    try:
        pending = pending_recoveries(project)
    except (ManuscriptError, OSError):
        log.exception("no recoveries could be looked for in %s", project.hidden)
        return []
    real = path.resolve()
    return [each for each in pending if each.path and each.path.resolve() == real]
