"""Files that survive a crash: replaced whole, and on the disk when the call returns."""

from __future__ import annotations

import logging
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

if sys.platform == "darwin":
    import fcntl

log = logging.getLogger(__name__)

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def replace_file(
    target: Path,
    pieces: Iterable[bytes],
    *,
    permissions: int | None = None,
    like: os.stat_result | None = None,
    check: Callable[[], None] = lambda: None,
) -> os.stat_result:
    """Put a file holding `pieces` in the place of `target`, all or nothing.

    It has `permissions`, or the permissions and, where the system allows, the owner of `like`, or
    what is usual for a new file. `check` is called when all is written, just before the rename:
    what it raises stops the replacement. Returns what `stat` says of the new file.

    Raises `OSError`; then `target` is as it was and nothing lies beside it.
    """
    beside = target.parent / f".lamplight-{secrets.token_hex(8)}.new"
    private_first = permissions is not None or like is not None
    handle = os.open(
        beside,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0),
        PRIVATE_FILE if private_first else 0o666,
    )
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            if like is not None:
                _resemble(beside, like)
            elif permissions is not None:
                beside.chmod(permissions)
            sync_file(handle)
            written = os.fstat(handle)
        check()
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return written


def sync_file(handle: int) -> None:
    """Return when what was written to `handle` is on the disk. Raises `OSError`."""
    if sys.platform == "darwin":
        # fsync on macOS stops at the drive's own cache.
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fsync(handle)


def private_folder(folder: Path) -> None:
    """Make `folder`, and what is missing above it, for this user alone. Raises `OSError`."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def remove_empty(*folders: Path) -> None:
    """Remove these folders, in this order, as far as they are empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _resemble(path: Path, other: os.stat_result) -> None:
    try:
        if sys.platform != "win32" and (os.geteuid(), os.getegid()) != (other.st_uid, other.st_gid):
            os.chown(path, other.st_uid, other.st_gid)
    except OSError as error:
        # Not everybody may give files away, and not every file system knows owners.
        log.info("%s keeps the owner who saved it: %s", path, error)
    path.chmod(stat.S_IMODE(other.st_mode))


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last. The new content is in place already, so this can't fail."""
    if sys.platform == "win32":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        log.info("%s can't be synchronised: %s", folder, error)
