"""What of a report is measured already: one that was cut off goes on where it was.

A report takes up to an hour, piece by piece of some seconds; each is kept as it is measured.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from studio.manuscript.durable import PRIVATE_FILE

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)


class Measured:
    """Pieces by what was measured, in a file of a JSON object a line; without a file, nowhere.

    All of them are of one model, one adapter and one strength.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raises `OSError` if there is a file that can't be read."""
        self._path = path
        self._known: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_bytes().split(b"\n"):
                try:
                    piece = json.loads(line)
                    self._known[piece["of"]] = piece["is"]
                except (ValueError, KeyError, TypeError):
                    continue  # cut off in the middle

    def once(self, what: tuple[object, ...], kind: type[T], measure: Callable[[], T]) -> T:
        """What `measure` makes of `what`, or made of it before. `kind` has plain fields only.

        Raises what `measure` raises, and `OSError`.
        """
        named = json.dumps([kind.__name__, *what]).encode()
        of = hashlib.blake2b(named, digest_size=16).hexdigest()
        if (known := self._known.get(of)) is not None:
            return kind(**known)
        made = measure()
        if self._path is not None:
            self._keep(self._path, {"of": of, "is": asdict(made)})
        return made

    def _keep(self, path: Path, piece: dict[str, Any]) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)
        with os.fdopen(handle, "ab") as file:
            # The line of before may have been cut off.
            file.write(b"\n" + json.dumps(piece).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
