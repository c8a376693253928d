"""A long text that is edited by offsets in UTF-16 code units, as Qt counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

# Small enough that an edit in the middle of a chunk moves little, large enough that there are few.
_CHUNK_BYTES = 2**16
# Slices of this many code points are encoded in a fraction of a millisecond. The interpreter can
# attend to the window between two of them.
_SLICE_CHARS = 2**14
_CODEC = "utf-16-le"


class Edit(NamedTuple):
    """At `at`, `removed` code units were replaced by `inserted`. Both count UTF-16 code units."""

    at: int
    removed: int
    inserted: str


class Utf16Text:
    """A text as a list of chunks: an edit costs microseconds wherever in the text it is.

    The halves of a surrogate pair may come and go separately.
    """

    def __init__(self, text: str) -> None:
        self._chunks = [bytearray(each) for each in encoded_slices(text)] or [bytearray()]
        self._size_bytes = sum(map(len, self._chunks))
        # The chunk of the latest edit and where it begins: the next edit is likely near.
        self._index = 0
        self._start_byte = 0

    def __len__(self) -> int:
        return self._size_bytes // 2

    def __str__(self) -> str:
        return self.content().decode(_CODEC, "surrogatepass")

    def content(self) -> bytes:
        """The whole text in UTF-16, lowest byte first."""
        return b"".join(self._chunks)

    def apply(self, edit: Edit) -> bool:
        """Make `edit`, as far as it lies within the text. Returns whether all of it did."""
        start = min(max(edit.at, 0), len(self))
        removed = min(max(edit.removed, 0), len(self) - start)
        self._remove(2 * start, 2 * removed)
        self._insert(2 * start, edit.inserted.encode(_CODEC, "surrogatepass"))
        return (start, removed) == (edit.at, edit.removed)

    def _seek(self, at_byte: int) -> int:
        """Make the chunk current that holds or ends at `at_byte`; returns the place within it."""
        while at_byte < self._start_byte:
            self._index -= 1
            self._start_byte -= len(self._chunks[self._index])
        while at_byte > self._start_byte + len(self._chunks[self._index]):
            self._start_byte += len(self._chunks[self._index])
            self._index += 1
        return at_byte - self._start_byte

    def _remove(self, at_byte: int, count: int) -> None:
        self._size_bytes -= count
        while count:
            within = self._seek(at_byte)
            if within == len(self._chunks[self._index]):
                self._start_byte += within
                self._index += 1
                within = 0
            chunk = self._chunks[self._index]
            here = min(count, len(chunk) - within)
            del chunk[within : within + here]
            count -= here
            if not chunk and len(self._chunks) > 1:
                del self._chunks[self._index]
                if self._index == len(self._chunks):
                    self._index -= 1
                    self._start_byte -= len(self._chunks[self._index])

    def _insert(self, at_byte: int, content: bytes) -> None:
        self._size_bytes += len(content)
        within = self._seek(at_byte)
        chunk = self._chunks[self._index]
        chunk[within:within] = content
        if len(chunk) > 2 * _CHUNK_BYTES:
            self._chunks[self._index : self._index + 1] = [
                chunk[i : i + _CHUNK_BYTES] for i in range(0, len(chunk), _CHUNK_BYTES)
            ]


def encoded_slices(text: str, codec: str = _CODEC) -> Iterator[bytes]:
    """`text` in `codec`, piece by piece, lone halves of surrogate pairs included."""
    for i in range(0, len(text), _SLICE_CHARS):
        yield text[i : i + _SLICE_CHARS].encode(codec, "surrogatepass")


def length(text: str) -> int:
    """How many UTF-16 code units `text` has."""
    return len(text.encode(_CODEC, "surrogatepass")) // 2


def net_change(before: str, after: Utf16Text) -> Edit:
    """The one edit that makes `after` of `before`: all between the first and last difference."""
    old, new = b"".join(encoded_slices(before)), after.content()
    shorter = min(len(old), len(new)) // 2
    prefix = _longest(
        shorter, lambda start, stop: old[2 * start : 2 * stop] == new[2 * start : 2 * stop]
    )
    suffix = _longest(
        shorter - prefix,
        lambda start, stop: (
            old[len(old) - 2 * stop : len(old) - 2 * start]
            == new[len(new) - 2 * stop : len(new) - 2 * start]
        ),
    )
    inserted = new[2 * prefix : len(new) - 2 * suffix].decode(_CODEC, "surrogatepass")
    return Edit(prefix, len(old) // 2 - prefix - suffix, inserted)


def _longest(limit: int, same: Callable[[int, int], bool]) -> int:
    """How many units from 0 on are the same; `same` compares those from a start to a stop."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low
