"""What can go wrong with the writer's files, in sentences that a window can show as they are."""

from __future__ import annotations

import errno
import os
from pathlib import Path


class ManuscriptError(Exception):
    """A sentence for the writer: what happened, which file, what to do next."""


class ChangedOnDisk(ManuscriptError):
    """The file is not the one that was read or saved last; nothing was written."""


class InUse(ManuscriptError):
    """Another window holds the file."""


class NotEncodable(ManuscriptError):
    """The text has a character that the file's encoding lacks; saving it as UTF-8 would work."""


def shown(path: Path) -> str:
    """The name of `path` in quotes, printable even where the file system holds odd bytes."""
    return f"‘{_printable(path.name or os.fspath(path))}’"


def shown_in_full(path: Path) -> str:
    """The whole `path` in quotes, printable even where the file system holds odd bytes."""
    return f"‘{_printable(os.fspath(path))}’"


def reason(error: OSError) -> str:
    """Why the system refused, in words that follow "because"."""
    return _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "you are not allowed to write there",
    errno.EPERM: "you are not allowed to write there",
    errno.ENOENT: "the folder is not there any more",
    errno.EIO: "the disk reports an error",
}


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")
