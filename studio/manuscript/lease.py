"""One window per file: whoever writes a file holds its lease."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from studio.manuscript.durable import PRIVATE_FILE, private_folder
from studio.manuscript.errors import InUse, ManuscriptError, reason, shown, shown_in_full
from studio.manuscript.project import path_key


class FileLease:
    """The right to write a file, held by one window on this computer at a time.

    It ends with `release`, or with the process however that ends. It counts for the file, not for
    the way its path is written or the project it was opened in.
    """

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    @staticmethod
    def take(path: Path, data_dir: Path) -> FileLease:
        """Raises `InUse` if another window has it, `ManuscriptError` if leases can't be had."""
        locks = data_dir / "locks"
        lock = file_lock(locks / f"{path_key(path)}.lock")
        try:
            private_folder(locks)
            lock.acquire(blocking=False)
        except Timeout as error:
            raise InUse(
                f"{shown(path)} is open in another Lamplight window. "
                "Go on writing there, or close it there and open it here again."
            ) from error
        except OSError as error:
            raise ManuscriptError(
                f"{shown(path)} can't be guarded against a second window because "
                f"{shown_in_full(locks)} can't be written: {reason(error)}. "
                "Make that folder writable, or take care to open the file only once."
            ) from error
        return FileLease(lock)

    def release(self) -> None:
        """Let another window have the file. More than once does no harm."""
        self._lock.release(force=True)


def file_lock(path: Path) -> FileLock:
    """A lock that any thread may release and the system releases when the process dies."""
    return FileLock(path, mode=PRIVATE_FILE, thread_local=False)
