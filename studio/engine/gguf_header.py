"""The metadata of a GGUF file (ggml's docs/gguf.md), read without llama.cpp or the package gguf."""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from studio.engine import ModelFileError
from studio.engine.model_file import refuse_unreadable

Value = int | float | bool | str


def read_metadata(path: Path, keys: Collection[str]) -> Mapping[str, Value]:
    """What the file says under these keys, as far as it does; lists are left out.

    It reads no further than the last of them, and never the weights. Raises `ModelFileError`.
    """
    refuse_unreadable(path)
    try:
        with path.open("rb") as file:
            return _Header(file, path.stat().st_size).values(keys)
    except (OSError, ValueError, struct.error) as error:
        raise ModelFileError(
            f"‘{path.name}’ is cut short or damaged. Get it again or choose another one."
        ) from error


class _Header:
    """Raises ValueError or struct.error when the file is damaged."""

    # What struct calls the kinds of values that have a size of their own.
    _PLAIN: ClassVar = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
    _STRING, _ARRAY = 8, 9

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def values(self, keys: Collection[str]) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        self._file.seek(4 + 4 + 8)  # "GGUF", its version, the number of tensors
        for _ in range(self._length()):
            if len(found) == len(keys):
                break
            name = self._text()
            (kind,) = self._read("I")
            if name in keys and kind != self._ARRAY:
                found[name] = self._value(kind)
            else:
                self._skip(kind)
        return found

    def _value(self, kind: int) -> Value:
        if kind == self._STRING:
            return self._text()
        value: Value = self._read(self._of(kind))[0]
        return value

    def _of(self, kind: int) -> str:
        if kind not in self._PLAIN:
            raise ValueError(f"a value of kind {kind}")
        return self._PLAIN[kind]

    def _text(self) -> str:
        return self._file.read(self._within(self._length())).decode("utf-8", "replace")

    def _length(self) -> int:
        (n,) = self._read("Q")
        return int(n)

    def _read(self, kind: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{kind}", self._file.read(struct.calcsize(f"<{kind}")))

    def _within(self, n_bytes: int) -> int:
        if n_bytes > self._size - self._file.tell():
            raise ValueError(f"{n_bytes} bytes are more than there are")
        return n_bytes

    def _skip(self, kind: int) -> None:
        of, n = kind, 1
        if kind == self._ARRAY:
            (of,) = self._read("I")
            n = self._length()
        if of == self._STRING:
            for _ in range(n):
                self._file.seek(self._within(self._length()), os.SEEK_CUR)
        else:
            size = struct.calcsize(f"<{self._of(of)}")
            self._file.seek(self._within(size * n), os.SEEK_CUR)
