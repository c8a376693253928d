"""What a run's texts become: tokens to train on and to choose by, and passages to report on.

Made once, and kept in the run's folder; what is written last tells that the rest is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studio.engine import Tokenized, Tokenizing
from studio.engine.client import EngineClient
from studio.manuscript.durable import PRIVATE_FILE, replace_file
from studio.tuning import TuningError
from studio.tuning.base import BaseModel
from studio.tuning.documents import Documents, Encode, Frame, cut
from studio.tuning.report import Passage
from studio.tuning.run import HELD_OUT_TOKENS, TEXTS, TRAIN_TOKENS
from studio.tuning.texts import Prepared, Work


@dataclass(frozen=True)
class Kept:
    """The texts as they are trained on and held out, chapter by chapter."""

    train: tuple[Passage, ...]
    held_out: tuple[Passage, ...]
    report: tuple[Passage, ...]
    n_words: tuple[int, ...]
    """Of each work that is trained on."""

    @staticmethod
    def there(folder: Path) -> bool:
        """Whether `keep` was done for this run."""
        return (folder / TEXTS).exists()

    @staticmethod
    def read(folder: Path) -> Kept:
        """What `keep` kept. Raises `OSError`, and `ValueError` and `KeyError` if it is damaged."""
        values = json.loads((folder / TEXTS).read_text("utf-8"))

        def passages(name: str) -> tuple[Passage, ...]:
            return tuple(Passage(title, text) for title, text in values[name])

        return Kept(
            passages("train"), passages("held_out"), passages("report"), tuple(values["n_words"])
        )


def keep(
    folder: Path,
    prepared: Prepared,
    client: EngineClient,
    base: BaseModel,
    n_ctx: int,
    on_work: Callable[[float, str], None],
    breathe: Callable[[], object],
) -> None:
    """Turn the texts into documents of at most `n_ctx` tokens and keep all in `folder`.

    The tokens are those of llama.cpp, whose `client` has the model open. `on_work` is told the
    share done and the title of each work; `breathe` is called between chapters.
    Raises `TuningError` if nothing is left to train on, `EngineError` and `OSError`.
    """
    encode, frame = _encoding(client, base)
    sets = {TRAIN_TOKENS: prepared.train, HELD_OUT_TOKENS: prepared.validation}
    for name, works in sets.items():
        pieces: list[tuple[list[int], float, int]] = []
        for at, work in enumerate(works):
            on_work(at / len(works), work.title)
            for chapter in work.chapters:
                breathe()
                around = replace(frame, eos=None) if chapter.goes_on else frame
                pieces += [
                    (tokens, work.loss_weight, at)
                    for tokens in cut(chapter.text, encode, n_ctx, around)
                    if len(tokens) > 1  # nothing can be learned from a lone one
                ]
        if not pieces:
            which = name.removesuffix(".npz")
            raise TuningError(f"Nothing is left of the {which} texts. Add more of them.")
        Documents.of(pieces).save(folder / name)
    kept = {
        "train": _passages(prepared.train),
        "held_out": _passages(prepared.validation),
        "report": _passages(prepared.report),
        "n_words": [work.n_words for work in prepared.train],
    }
    text = json.dumps(kept, ensure_ascii=False)
    replace_file(folder / TEXTS, [text.encode()], permissions=PRIVATE_FILE)


def _encoding(client: EngineClient, base: BaseModel) -> tuple[Encode, Frame]:
    """llama.cpp's own tokenizer: the same tokens as at the desk."""

    def encoded(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        for event in client.stream(Tokenizing(text)):
            if isinstance(event, Tokenized):
                return event.tokens, event.starts
        return (), ()

    with_bos = encoded("a")[0][:1] == (base.bos,)
    skip = int(with_bos)

    def encode(text: str) -> tuple[Sequence[int], Sequence[int]]:
        tokens, starts = encoded(text)
        return tokens[skip:], starts[skip:]

    return encode, Frame(base.bos if with_bos else None, base.eos)


def _passages(works: Sequence[Work]) -> list[tuple[str, str]]:
    return [
        (f"{work.title}: {chapter.title}" if chapter.title else work.title, chapter.text)
        for work in works
        for chapter in work.chapters
    ]
