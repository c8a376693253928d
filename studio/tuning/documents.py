"""The training set as tokens: documents, and the rows that are made of them for each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.manuscript.durable import sync_file

Tokens = NDArray[np.int32]

Encode = Callable[[str], tuple[Sequence[int], Sequence[int]]]
"""A text's tokens, and where each begins in it (code points), without the model's BOS."""


@dataclass(frozen=True)
class Frame:
    """What stands around every text for a model."""

    bos: int | None
    """Before the first token of every document, if the model wants it."""
    eos: int | None
    """After the last token of a chapter."""


@dataclass(frozen=True)
class Documents:
    """Pieces of text, none longer than a context; their tokens one after the other."""

    tokens: Tokens
    starts: NDArray[np.int64]
    """Shape (documents + 1): where each begins, and the end."""
    weights: NDArray[np.float32]
    """Shape (documents): how much the loss of each counts."""
    works: NDArray[np.int32]
    """Shape (documents): which work each is from."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, at: int) -> Tokens:
        return self.tokens[self.starts[at] : self.starts[at + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Shape (documents), in tokens."""
        return np.diff(self.starts)

    @property
    def n_tokens(self) -> int:
        return len(self.tokens)

    def save(self, path: Path) -> None:
        """On the disk when the call returns. Raises `OSError`."""
        with path.open("wb") as file:
            np.savez(
                file,
                tokens=self.tokens,
                starts=self.starts,
                weights=self.weights,
                works=self.works,
            )
            file.flush()
            sync_file(file.fileno())

    @staticmethod
    def load(path: Path) -> Documents:
        """Raises `OSError` and `ValueError`."""
        with np.load(path, allow_pickle=False) as kept:
            return Documents(
                **{name: kept[name] for name in ("tokens", "starts", "weights", "works")}
            )

    @staticmethod
    def of(pieces: Sequence[tuple[Sequence[int], float, int]]) -> Documents:
        """From (tokens, weight, work) of each."""
        lengths = [len(tokens) for tokens, _, _ in pieces]
        return Documents(
            tokens=np.array([t for tokens, _, _ in pieces for t in tokens], np.int32),
            starts=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            weights=np.array([weight for _, weight, _ in pieces], np.float32),
            works=np.array([work for _, _, work in pieces], np.int32),
        )


def cut(text: str, encode: Encode, n_ctx: int, frame: Frame) -> Iterator[list[int]]:
    """A chapter as documents of at most `n_ctx` tokens, in the order of the text.

    They begin where a paragraph begins, or, in one that is longer than a document, where a word
    does. No token is in two of them, and none is lost.
    """
    tokens, starts = encode(text)
    room = n_ctx - (frame.bos is not None) - (frame.eos is not None)
    head = [] if frame.bos is None else [frame.bos]
    paragraph = _beginnings(text, starts)
    at = 0
    while at < len(tokens):
        end = _end(at, room, paragraph, text, starts, len(tokens))
        last = end == len(tokens)
        tail = [frame.eos] if last and frame.eos is not None else []
        yield [*head, *tokens[at:end], *tail]
        at = end


def _beginnings(text: str, starts: Sequence[int]) -> list[bool]:
    """For each token, whether a paragraph begins with it."""
    return [at > 0 and text[at - 1] == "\n" and text[at] != "\n" for at in starts]


def _end(
    at: int, room: int, paragraph: Sequence[bool], text: str, starts: Sequence[int], n: int
) -> int:
    if at + room >= n:
        return n
    latest = at + room
    for place in range(latest, at + room // 2, -1):
        if paragraph[place]:
            return place
    for place in range(latest, at + room // 2, -1):
        if text[starts[place]].isspace() or text[starts[place] - 1].isspace():
            return place
    return latest


@dataclass(frozen=True)
class Row:
    """Some documents side by side, evaluated at once; each sees only itself."""

    documents: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def n_tokens(self) -> int:
        return sum(self.lengths)


def order(n_passes: Sequence[float], seed: int) -> list[int]:
    """Documents in a random order, each as often as its passes say.

    A fraction is a chance: at 1.5 passes, one document in two comes twice. Every document is spread
    evenly, so that any beginning of the order holds each in proportion to its passes.
    """
    dice = np.random.default_rng(seed)
    passes = np.asarray(n_passes, np.float64)
    when, which = [], []
    for lap in range(int(np.ceil(passes.max(initial=0)))):
        taking_part = np.flatnonzero(passes > lap)
        when.append((lap + dice.random(len(taking_part))) / passes[taking_part])
        which.append(taking_part)
    if not when:
        return []
    times, documents = np.concatenate(when), np.concatenate(which)
    at = np.argsort(times, kind="stable")
    found: list[int] = documents[at[times[at] <= 1.0]].tolist()
    return found


def steps(chosen: Sequence[int], lengths: NDArray[np.int64], n_tokens: int) -> Iterator[list[int]]:
    """The documents of each update: as many as are `n_tokens` long together, or a little more."""
    step: list[int] = []
    in_step = 0
    for at in chosen:
        step.append(at)
        in_step += int(lengths[at])
        if in_step >= n_tokens:
            yield step
            step, in_step = [], 0
    if step:
        yield step


def rows(chosen: Sequence[int], lengths: NDArray[np.int64], row_tokens: int) -> list[Row]:
    """Documents side by side, in rows of at most `row_tokens` tokens (or of one document)."""
    found: list[list[int]] = []
    in_row = 0
    for at in chosen:
        length = int(lengths[at])
        if not found or in_row + length > row_tokens:
            found.append([])
            in_row = 0
        found[-1].append(at)
        in_row += length
    return [Row(tuple(row), tuple(int(lengths[at]) for at in row)) for row in found]
