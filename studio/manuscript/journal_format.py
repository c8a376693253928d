"""What a journal looks like on disk.

A line that describes the document, the text before the first edit, then a line for each edit:

    5f1c2a90 {"lamplight_journal": 1, "path": "chapter 2.txt", ..., "base_bytes": 11, ...}
    Once upon a
    0badcafe {"at": 11, "del": 0, "ins": " time"}

The first eight characters of a line are its checksum, counted on from that of the line before it,
so that a line only counts where it was written. The first edit leads from the base to the text at
the time when the file was made, however many edits that took.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from studio.manuscript.utf16 import Edit, Utf16Text, encoded_slices

_VERSION = 1


class JournalDamaged(Exception):
    """A journal whose beginning is missing or not what was written."""


@dataclass(frozen=True)
class Head:
    """What a journal says of its document."""

    path: str | None
    """Relative to the project's folder for documents in it, so that the folder may be moved."""
    encoding: str
    newline: str
    bom: bool
    edits: int
    """How many edits the first edit in the file stands for; at least 1."""
    misfits: int
    """How many of these pointed outside the text."""


@dataclass(frozen=True)
class Contents:
    """What can be read from a journal."""

    head: Head
    base_text: str
    text: str
    edits: int
    misfits: int


def beginning(head: Head, base_text: str) -> tuple[list[bytes], int]:
    """The pieces up to the first edit, and the checksum to go on from."""
    base = list(encoded_slices(base_text, "utf-8"))
    base_checksum = 0
    for piece in base:
        base_checksum = zlib.crc32(piece, base_checksum)
    line, checksum = _line(
        {
            "lamplight_journal": _VERSION,
            "path": head.path,
            "encoding": head.encoding,
            "newline": head.newline,
            "bom": head.bom,
            "edits": head.edits,
            "misfits": head.misfits,
            "base_bytes": sum(map(len, base)),
            "base_checksum": base_checksum,
        },
        0,
    )
    return [line, *base, b"\n"], checksum


def edit_lines(edits: Iterable[Edit], checksum: int) -> tuple[bytes, int]:
    """The lines for `edits`, and the checksum to go on from."""
    lines = []
    for edit in edits:
        line, checksum = _line({"at": edit.at, "del": edit.removed, "ins": edit.inserted}, checksum)
        lines.append(line)
    return b"".join(lines), checksum


def parse(content: bytes) -> Contents:
    """Read a journal up to its end, or up to the first line that is not as it was written.

    Raises `JournalDamaged` if that is before the first edit could be.
    """
    end = content.find(b"\n")
    fields, checksum = _payload(content[: max(end, 0)], 0)
    try:
        version = fields["lamplight_journal"]
        head = Head(
            *(fields[key] for key in ("path", "encoding", "newline", "bom", "edits", "misfits"))
        )
        base = content[end + 1 : end + 1 + fields["base_bytes"]]
        as_written = zlib.crc32(base) == fields["base_checksum"] and version == _VERSION
    except (KeyError, TypeError) as error:
        raise JournalDamaged("the first line is not that of a journal") from error
    if not as_written:
        raise JournalDamaged(f"version {version}, base of {len(base)} bytes with a wrong checksum")
    base_text = base.decode("utf-8", "surrogatepass")
    text = Utf16Text(base_text)
    edits = misfits = 0
    start = end + 1 + len(base) + 1
    for line in _whole_lines(content, start):
        fields, checksum = _payload(line, checksum)
        if not fields:
            break
        fits = text.apply(Edit(fields["at"], fields["del"], fields["ins"]))
        edits, misfits = (edits + 1, misfits + (not fits)) if edits else (head.edits, head.misfits)
    return Contents(head, base_text, str(text), edits, misfits)


def _line(fields: dict[str, Any], checksum: int) -> tuple[bytes, int]:
    payload = json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")
    checksum = zlib.crc32(payload, checksum)
    return b"%08x %s\n" % (checksum, payload), checksum


def _payload(line: bytes, checksum: int) -> tuple[dict[str, Any], int]:
    """The fields of a line and the checksum to go on from; no fields if it is not as written."""
    payload = line[9:]
    checksum = zlib.crc32(payload, checksum)
    if not payload or line[:9] != b"%08x " % checksum:
        return {}, checksum
    return json.loads(payload.decode("utf-8", "surrogatepass")), checksum


def _whole_lines(content: bytes, start: int) -> Iterator[bytes]:
    while (end := content.find(b"\n", start)) >= 0:
        yield content[start:end]
        start = end + 1
