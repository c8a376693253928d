"""Spelling with a SentencePiece tokenizer that puts a space before every text, as that of Llama 2
and of Phi 3 does; the models of the other tests have none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import llama_cpp.llama_cpp as C
import pytest

from studio.engine import native
from studio.engine.vocabulary import Vocabulary

WORDS = ("▁Q", "▁Qu", "Qu", "ll", "ill", "illon", "on", "▁“")


def write_vocabulary(path: Path) -> Path:
    """A GGUF file without weights, with tokens for `WORDS`, single letters and bytes."""
    letters = ["▁", *"Qulionstwhea“"]
    special = gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    types = [*special, *[gguf.TokenType.BYTE] * 256, *[gguf.TokenType.NORMAL] * len(letters)]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*pieces, *WORDS])
    writer.add_token_scores([-1000.0] * len(pieces) + [-float(i) for i in range(len(WORDS))])
    writer.add_token_types([*types, *[gguf.TokenType.NORMAL] * len(WORDS)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def vocabulary(tmp_path: Path) -> Iterator[Vocabulary]:
    params = C.llama_model_default_params()
    params.vocab_only = True
    path = write_vocabulary(tmp_path / "tokens.gguf")
    with native.captured_log():
        model = C.llama_model_load_from_file(str(path).encode(), params)
    assert model
    yield Vocabulary(model)
    C.llama_model_free(model)


@pytest.mark.parametrize("text", [" Quillon", "Quillon", "“Quillon", " “Quillon", "\nQuillon"])
def test_a_word_within_a_text_is_spelled_as_it_is(vocabulary: Vocabulary, text: str) -> None:
    tokens = vocabulary.spelled(text.encode())
    assert b"".join(vocabulary.pieces[token] for token in tokens) == text.encode()
    assert 0 < len(tokens) < len(text)


def test_half_a_character_is_not_spelled(vocabulary: Vocabulary) -> None:
    assert vocabulary.spelled("“".encode()[:2]) == ()


def test_the_space_before_a_text_is_at_its_beginning(vocabulary: Vocabulary) -> None:
    text = "Quillon “on”"
    tokens = vocabulary.tokenize(text)
    pieces = [vocabulary.pieces[token] for token in tokens]
    starts = vocabulary.starts(text, tokens)
    assert b"".join(pieces) == f" {text}".encode()
    assert starts[:3] == [0, 0, 2]
    assert starts[-1] == len(text) - 1
    assert starts == sorted(starts)
