"""The words of files, counted once and remembered on disk.

Everything in an index is derived: it may be deleted at any time, and one that is damaged or of
another version of Lamplight is thrown away and made again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from studio.manuscript import ManuscriptError, read_text
from studio.phrases.counting import Breath, Counts, count
from studio.phrases.lookup import Near, Words

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_FILE_BYTES = 20 * 2**20
"""Larger files are data rather than something a person wrote."""
MAX_NEAR_BYTES = 40 * 2**20
MAX_FAR_BYTES = 400 * 2**20
"""Of a project, or of all added folders, only so much is read: what was changed last."""

_VERSION = 1
_SCHEMA = """
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path BLOB UNIQUE NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL);
CREATE TABLE words (
    file INTEGER, word TEXT, n INTEGER, PRIMARY KEY (file, word)) WITHOUT ROWID;
CREATE TABLE pairs (
    file INTEGER, before TEXT, word TEXT, n INTEGER,
    PRIMARY KEY (file, before, word)) WITHOUT ROWID;
"""
_CANT_BE_USED = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}
"""Here and now, that is; every other error says that the index is damaged."""
_NONSENSE = (TypeError, ValueError, KeyError, OverflowError)
"""What rows that are damaged lead to."""
_WAIT_S = 10.0
"""For another Lamplight that writes into the same index."""
_STEP = 1_000

Told = Callable[[int, int], None]
"""Called with the bytes that are counted and those that are to be, as the work goes on."""


@dataclass(frozen=True)
class _File:
    path: Path
    size_bytes: int
    mtime_ns: int

    @property
    def key(self) -> bytes:
        return os.fsencode(self.path)


class Index:
    """Remembers counts in the file `path`; without one, or if it can't be written, nowhere.

    Several threads and processes may each have one for the same `path`.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def near(
        self,
        files: Sequence[Path],
        breathe: Breath = lambda: None,
        told: Told = lambda _done, _total: None,
    ) -> Near:
        """The words of `files` and what follows what; only what has changed is read.

        What is known of other files is forgotten. Files that are no text, can't be read or are
        larger than `MAX_FILE_BYTES` are left out and logged. Raises what `breathe` raises; what was
        counted by then stays.
        """

        def work(db: sqlite3.Connection) -> Near:
            _update(db, files, MAX_NEAR_BYTES, breathe, told, pairs=True)
            db.execute("BEGIN")  # both of one moment, whoever writes meanwhile
            words = Words.of(db.execute(_WORDS), breathe)
            near = Near.of(words, db.execute(_PAIRS), breathe)
            db.execute("COMMIT")
            return near

        return self._do(work)

    def far(
        self,
        files: Sequence[Path],
        breathe: Breath = lambda: None,
        told: Told = lambda _done, _total: None,
    ) -> Words:
        """The words of `files`, as `near` reads them."""

        def work(db: sqlite3.Connection) -> Words:
            _update(db, files, MAX_FAR_BYTES, breathe, told, pairs=False)
            return Words.of(db.execute(_WORDS), breathe)

        return self._do(work)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        for _ in range(2):
            if not self._path:
                break
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with closing(_opened(self._path)) as db:
                    result = work(db)
                with contextlib.suppress(OSError):  # it was forgotten meanwhile
                    os.utime(self._path)  # see `forget_unused`
                return result
            except (sqlite3.Error, *_NONSENSE) as error:
                log.warning("the words in %s are not used: %s", self._path, error)
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _CANT_BE_USED:
                    break
                forget_index(self._path)
            except OSError as error:
                log.warning("words can't be kept in %s: %s", self._path, error)
                break
        with closing(_opened(None)) as db:
            return work(db)


def forget_index(path: Path) -> None:
    """Delete an index, if there is one. What can't be deleted is logged."""
    for each in (path, path.with_name(f"{path.name}-journal")):
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s could not be deleted: %s", each, error)


def forget_unused(folder: Path, before_s: float) -> None:
    """Delete the indexes in `folder` that were used last before this time (as `time.time`)."""
    for path in folder.glob("*.sqlite"):
        with contextlib.suppress(OSError):  # somebody else was faster
            if path.stat().st_mtime < before_s:
                forget_index(path)


_WORDS = "SELECT word, sum(n) FROM words GROUP BY word ORDER BY word"
_PAIRS = "SELECT before, word, sum(n) FROM pairs GROUP BY before, word ORDER BY before, word"


def _opened(path: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(path or ":memory:", timeout=_WAIT_S, isolation_level=None)
    try:
        # A power cut may damage it. It is only derived, and waiting for the disk is dear.
        db.execute("PRAGMA synchronous = OFF")
        if not _version(db):
            db.execute("BEGIN IMMEDIATE")
            if not _version(db):  # nobody else has made it meanwhile
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")
            db.execute("COMMIT")
        if _version(db) != _VERSION:
            raise sqlite3.DatabaseError("it is of another version")
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _update(
    db: sqlite3.Connection,
    paths: Sequence[Path],
    max_bytes: int,
    breathe: Breath,
    told: Told,
    *,
    pairs: bool,
) -> None:
    """Make the tables say what the files say."""
    files = _chosen(paths, max_bytes)
    known = {
        key: (id_, size_bytes, mtime_ns)
        for key, id_, size_bytes, mtime_ns in db.execute(
            "SELECT path, id, size, mtime_ns FROM files"
        )
    }
    wanted = {file.key for file in files}
    for key, (id_, _, _) in known.items():
        if key not in wanted:
            breathe()
            db.execute("BEGIN IMMEDIATE")
            _delete(db, id_)
            db.execute("COMMIT")
    changed = [
        file
        for file in files
        if known.get(file.key, (0, -1, -1))[1:] != (file.size_bytes, file.mtime_ns)
    ]
    total, done = sum(file.size_bytes for file in changed), 0
    for file in changed:
        told(done, total)
        breathe()
        counts = _counted(file, breathe, pairs=pairs)
        if counts is not None:
            _keep(db, file, counts, breathe)
        done += file.size_bytes
    told(total, total)


def _chosen(paths: Sequence[Path], max_bytes: int) -> list[_File]:
    """Those that are not too large, and of more than `max_bytes` only what was changed last."""
    files = []
    for path in paths:
        try:
            about = path.stat()
        except OSError as error:
            log.info("%s can't be read: %s", path, error)
            continue
        if not os.access(path, os.R_OK):
            log.info("%s may not be read", path)
        elif about.st_size > MAX_FILE_BYTES:
            log.info("%s is too large to learn words from", path)
        else:
            files.append(_File(path, about.st_size, about.st_mtime_ns))
    left_bytes = max_bytes
    chosen = set()
    for file in sorted(files, key=lambda file: -file.mtime_ns):
        if file.size_bytes <= left_bytes:
            left_bytes -= file.size_bytes
            chosen.add(file)
    if len(chosen) < len(files):
        log.info("words of %d files are not learned: too much", len(files) - len(chosen))
    return [file for file in files if file in chosen]


def _counted(file: _File, breathe: Breath, *, pairs: bool) -> Counts | None:
    """What a file has: nothing if it is no text, and None if it can't be read just now."""
    try:
        text = read_text(file.path).text
    except ManuscriptError as error:
        log.info("no words are learned: %s", error)
        return None if isinstance(error.__cause__, OSError) else Counts()
    return count(text, pairs=pairs, breathe=breathe)


def _keep(db: sqlite3.Connection, file: _File, counts: Counts, breathe: Breath) -> None:
    """Put the counts of a file in the place of older ones."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for (id_,) in db.execute("SELECT id FROM files WHERE path = ?", (file.key,)).fetchall():
            _delete(db, id_)
        cursor = db.execute(
            "INSERT INTO files (path, size, mtime_ns) VALUES (?, ?, ?)",
            (file.key, file.size_bytes, file.mtime_ns),
        )
        id_ = cursor.lastrowid
        words = ((id_, word, n) for word, n in counts.words.items())
        while step := list(islice(words, _STEP)):
            db.executemany("INSERT INTO words VALUES (?, ?, ?)", step)
            breathe()
        pairs = ((id_, before, word, n) for (before, word), n in counts.pairs.items())
        while step_of_pairs := list(islice(pairs, _STEP)):
            db.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?)", step_of_pairs)
            breathe()
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _delete(db: sqlite3.Connection, id_: int) -> None:
    for table, column in (("files", "id"), ("words", "file"), ("pairs", "file")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (id_,))  # noqa: S608 (named above)
