"""What other open files tell the model about the one being written.

The preamble holds whole definitions and imports that use the same names as the code around the
cursor. It is chosen by what stands above the block that is being written, so that it stays the
same while one types in it, and with it the engine's cache of everything before the cursor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.writing.languages import Language

_NAME = re.compile(r"[^\W\d]\w{2,}")
_IMPORT = re.compile(r"\s*(?:import|from|#\s*include|use|using|require|package)\b")
_CHUNK_LINES = 40
_LOOK_BACK = 6_000
_LEAST_SHARED = 2
"""Names that a definition shares with the code above the cursor, for it to be told."""


@dataclass(frozen=True)
class _Chunk:
    file: int
    at: int
    text: str
    names: frozenset[str]


def preamble(
    files: Sequence[tuple[Path, str]], before: str, language: Language, budget_chars: int
) -> str:
    """What to put before the prompt, at most `budget_chars` long; may be empty.

    `files` are the other open ones, path and text, in an order of the caller's that stays the
    same, such as by when they were opened. Each that has something to tell comes once, under a
    comment that names it.
    """
    wanted = _names(_settled(before))
    chunks = [
        chunk for i, (_, text) in enumerate(files) for chunk in _chunks(i, text) if chunk.names
    ]
    # A name that everything uses says nothing about what belongs together.
    n_with = Counter(name for chunk in chunks for name in chunk.names)
    scored = []
    for chunk in chunks:
        shared = chunk.names & wanted
        if len(shared) >= _LEAST_SHARED or any(_defines(chunk.text, name) for name in shared):
            score = sum(1 / n_with[name] for name in shared) / (1 + len(chunk.names) ** 0.5)
            scored.append((-score, chunk.file, chunk.at, chunk))
    taken: list[_Chunk] = []
    room = budget_chars
    for _, _, _, chunk in sorted(scored, key=lambda each: each[:3]):
        cost = len(chunk.text) + 2
        if all(each.file != chunk.file for each in taken):
            cost += len(_title(files[chunk.file][0], language)) + 1
        if cost <= room:
            taken.append(chunk)
            room -= cost
    parts: list[str] = []
    for i, (path, _) in enumerate(files):
        mine = sorted((each for each in taken if each.file == i), key=lambda each: each.at)
        if mine:
            parts.append(_title(path, language))
            parts += [chunk.text + "\n" for chunk in mine]
    return "\n".join(parts) + "\n" if parts else ""


def _settled(before: str) -> str:
    """`before` without the block that is being written."""
    start = max(0, len(before) - _LOOK_BACK) // _LOOK_BACK * _LOOK_BACK  # moves in coarse steps
    recent = before[start:]
    starts = [found.start() for found in re.finditer(r"(?:^|(?<=\n))(?=[^\s)\]}])", recent)]
    return recent[: starts[-1]] if starts else recent


def _chunks(file: int, text: str) -> list[_Chunk]:
    """The definitions of a file, cut where a line after an empty one begins at the margin."""
    chunks: list[_Chunk] = []
    for found in re.finditer(r"(?s)\S.*?(?=\n\s*\n(?=[^\s)\]}])|\Z)", text):
        lines = found.group().split("\n")
        for start in range(0, len(lines), _CHUNK_LINES):
            part = "\n".join(lines[start : start + _CHUNK_LINES]).rstrip()
            if part.strip():
                chunks.append(_Chunk(file, len(chunks), part, _names(part)))
    return chunks


def _defines(text: str, name: str) -> bool:
    head = text[:400].split("\n")
    return any(name in line and not _IMPORT.match(line) for line in head[:2])


def _names(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text))


def _title(path: Path, language: Language) -> str:
    begin, end = language.comment
    return f"{begin} {path.name} {end}".rstrip()
