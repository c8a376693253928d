"""What the file of a model says of it."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from studio.tuning.base import BaseError, _is_plain, _Reader, inspect


def test_passing_over_the_vocabulary_changes_nothing_else(model_path: Path) -> None:
    whole, quick = gguf.GGUFReader(model_path), _Reader(model_path)
    assert list(whole.fields) == list(quick.fields)
    passed = {key for key, value in quick.fields.items() if not _is_plain(value)}
    assert passed == {
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.merges",
    }
    for key in whole.fields.keys() - passed:
        assert whole.fields[key].contents() == quick.fields[key].contents()
    assert [(t.name, t.data_offset, t.n_bytes) for t in whole.tensors] == [
        (t.name, t.data_offset, t.n_bytes) for t in quick.tensors
    ]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_vocabulary_that_is_cut_short_is_told(
    share: float, model_path: Path, tmp_path: Path
) -> None:
    field = gguf.GGUFReader(model_path).fields["tokenizer.ggml.tokens"]
    end = field.offset + int(share * sum(part.nbytes for part in field.parts))
    short = tmp_path / "short.gguf"
    short.write_bytes(model_path.read_bytes()[:end])
    with pytest.raises(BaseError, match=r"‘short\.gguf’ is cut short or damaged"):
        inspect(short)
