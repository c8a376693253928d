"""Bytes to text: what encoding and which line ends a file has."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from charset_normalizer import from_bytes


class NotText(Exception):
    """Why the bytes are not a text, in words that follow "because"."""


@dataclass(frozen=True)
class Decoded:
    text: str
    encoding: str
    bom: bool
    guessed: bool


# The encodings that are tried on a file that is not UTF-8, and what writers call them. Where
# charset-normalizer finds several equally likely, the first of them in this order is taken, so the
# common ones stand at the top.
_LABELS = {
    "cp1252": "windows-1252",
    "cp1251": "windows-1251",
    "cp1250": "windows-1250",
    "cp932": "Shift-JIS",
    "gb18030": "GB18030",
    "cp949": "Korean (EUC-KR)",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "koi8_r": "KOI8-R",
    "koi8_u": "KOI8-U",
    "cp1253": "windows-1253",
    "cp1254": "windows-1254",
    "cp1255": "windows-1255",
    "cp1256": "windows-1256",
    "cp1257": "windows-1257",
    "iso8859_2": "ISO-8859-2",
    "iso8859_5": "ISO-8859-5",
    "iso8859_15": "ISO-8859-15",
    "mac_roman": "Mac Roman",
    "cp850": "DOS 850",
    "cp437": "DOS 437",
    "cp852": "DOS 852",
    "cp866": "DOS 866",
}
_BY_LIKELIHOOD = list(_LABELS)

# The longer marks first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

# Codecs that set a mark by themselves, and the same that leave it to us.
_MARKED_BY_PYTHON = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}

_SAMPLE_BYTES = 2**14
_CONTEXT_BYTES = 2**10
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")


def label(encoding: str) -> str:
    """What writers call the codec `encoding`."""
    return _LABELS.get(encoding, encoding.upper())


def decode(content: bytes) -> Decoded:
    """The text in `content`, line ends as they are. Raises `NotText`."""
    decoded = _decode_marked(content) or _decode_utf_8(content) or _decode_guessed(content)
    nul_at = decoded.text.find("\0")
    if nul_at >= 0:
        raise NotText(
            f"it holds NUL characters (the first in line {line_of(decoded.text, nul_at)}), "
            "as pictures and programs do"
        )
    return decoded


def encode(text: str, encoding: str, newline: str, bom: bool) -> bytes:
    """The bytes of a file. Raises `UnicodeEncodeError`, and `LookupError` for unknown encodings."""
    text = unified(text)
    if newline != "\n":
        text = text.replace("\n", newline)
    name = codecs.lookup(encoding).name
    if name in _MARKED_BY_PYTHON:
        name, bom = _MARKED_BY_PYTHON[name], True
    return ("\ufeff" + text if bom and name.startswith("utf") else text).encode(name)


def unified(text: str) -> str:
    r"""`text` with "\n" for all line ends."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def newline_styles(text: str) -> list[str]:
    """The kinds of line ends in `text`, the most frequent first."""
    windows = text.count("\r\n")
    counts = {
        "\n": text.count("\n") - windows,
        "\r\n": windows,
        "\r": text.count("\r") - windows,
    }
    return sorted((style for style in counts if counts[style]), key=lambda style: -counts[style])


def line_of(text: str, at: int) -> int:
    """The number, from 1, of the line that holds the code point `at`."""
    return len(_LINE_ENDS.findall(text, 0, at)) + 1


def _decode_marked(content: bytes) -> Decoded | None:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            try:
                text = content[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise NotText(
                    f"it begins as {label(encoding)} text does, but is broken from byte "
                    f"{len(mark) + error.start + 1:,} on"
                ) from error
            return Decoded(text, encoding, bom=True, guessed=False)
    return None


def _decode_utf_8(content: bytes) -> Decoded | None:
    try:
        return Decoded(content.decode("utf-8"), "utf-8", bom=False, guessed=False)
    except UnicodeDecodeError:
        return None


def _decode_guessed(content: bytes) -> Decoded:
    if b"\0" in content:
        raise NotText("it holds NUL bytes, as pictures and programs do")
    for encoding in _candidates(content):
        try:
            text = content.decode(encoding)
            text.encode(encoding)
        except UnicodeError:
            continue
        if not _has_controls(text):
            return Decoded(text, encoding, bom=False, guessed=True)
    raise NotText("it is neither UTF-8 nor in another encoding that Lamplight knows")


def _sample(content: bytes) -> bytes:
    """The lines that tell encodings apart, after some from the beginning that tell the language.

    In none of the encodings is a line end part of another character.
    """
    lines: list[bytes] = []
    size_bytes = 0
    for line in content.splitlines(keepends=True):
        telling = size_bytes < _CONTEXT_BYTES or _NOT_ASCII.search(line)
        if telling and size_bytes + len(line) <= _SAMPLE_BYTES:
            lines.append(line)
            size_bytes += len(line)
    return b"".join(lines)


def _candidates(content: bytes) -> list[str]:
    """Encodings that `content` may have, the likeliest first."""
    sample = _sample(content)
    if _NOT_ASCII.search(sample):
        matches = list(from_bytes(sample, 1, len(sample), cp_isolation=_BY_LIKELIHOOD))
    else:
        # The lines are very long: leave the choice of samples to charset-normalizer.
        matches = list(from_bytes(content, cp_isolation=_BY_LIKELIHOOD))
    found: list[str] = []
    while matches:
        best = matches[0]
        alike = [
            each
            for each in matches
            if each.chaos <= best.chaos and each.coherence >= best.coherence
        ]
        names = {name for each in alike for name in each.could_be_from_charset}
        found += [name for name in _BY_LIKELIHOOD if name in names]
        matches = [each for each in matches if each not in alike]
    return found


def _has_controls(text: str) -> bool:
    """Whether a guess was wrong: no text has control characters, but for a few that lay it out."""
    return any(unicodedata.category(each) == "Cc" for each in set(text) - set("\t\n\r\f\v\x1a"))
