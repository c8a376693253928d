"""Damaged files: a model or an adapter with a flipped bit or a missing end costs a sentence."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from studio.engine import GREEDY, EngineError, Finished, LoadOptions, Piece, Request
from studio.engine.client import EngineClient
from tests.gguf_files import Section, sections, write_lora, write_with_metadata

STORY = "The keeper climbed the stairs of the lighthouse every evening, and"
PATIENCE_S = 30.0
"""What is silent for longer is taken for hung; a sound model opens within two seconds."""


@dataclass(frozen=True)
class Fault:
    """What is done to a file: the bits of `mask` flipped at a byte, or all cut off from there."""

    where: str
    at: int
    mask: int | None
    """None for a cut."""

    def __str__(self) -> str:
        what = "cut" if self.mask is None else f"bits {self.mask:08b} flipped"
        return f"{self.where}: {what} at {self.at}"

    def do(self, source: Path, target: Path) -> None:
        """Write a copy of `source` with the fault."""
        shutil.copyfile(source, target)
        with target.open("r+b") as file:
            if self.mask is None:
                file.truncate(self.at)
                return
            file.seek(self.at)
            (byte,) = file.read(1)
            file.seek(self.at)
            file.write(bytes([byte ^ self.mask]))


def cut(section: Section) -> Fault:
    return Fault(section.name, (section.start + section.end) // 2, None)


def flip(section: Section, dice: random.Random) -> Fault:
    """One bit, or all of a byte, anywhere in a section."""
    at = dice.randrange(section.start, section.end)
    return Fault(section.name, at, dice.choice([1 << dice.randrange(8), 0xFF]))


def far_off(section: Section) -> Fault:
    """A number that is astronomically larger: its highest byte, but for the sign."""
    return Fault(section.name, section.end - 1, 0x7F)


def kinds(found: list[Section]) -> dict[str, Section]:
    """One section of each kind that a reader has to be able to refuse, by its name."""
    wanted = {section.name: section for section in found}
    names = ["magic", "version", "number of tensors", "number of values"]
    for key in ("general.name", "llama.block_count", "tokenizer.ggml.tokens"):
        names += [name for name in wanted if name.startswith(f"{key}: ")]
    names += [
        "general.architecture: value",
        "llama.context_length: value",
        "llama.embedding_length: value",
        "llama.attention.head_count_kv: value",
        "llama.rope.freq_base: value",
        "llama.attention.layer_norm_rms_epsilon: value",
        "llama.rope.dimension_count: value",
        "tokenizer.ggml.add_bos_token: value",
        "tokenizer.ggml.model: value",
        "tokenizer.ggml.token_type: number of elements",
        "tokenizer.ggml.token_type: value",
        "tokenizer.ggml.merges: number of elements",
        "tokenizer.ggml.merges: value",
        "tokenizer.ggml.bos_token_id: value",
        "tokenizer.ggml.eos_token_id: value",
        "tokenizer.chat_template: value",
        "padding",
    ]
    first_info = next(s.name for s in found if s.name.endswith(": number of dimensions"))
    tensor = first_info.removesuffix(": number of dimensions")
    names += [name for name in wanted if name.startswith(f"{tensor}: ")]
    names += ["output_norm.weight: offset", "output_norm.weight: data"]
    return {name: wanted[name] for name in names}


def model_faults(found: list[Section]) -> list[Fault]:
    """A flip in each kind of section, a cut in every fourth, numbers far off, and some anywhere."""
    dice = random.Random(29)
    chosen = kinds(found)
    faults = [flip(section, dice) for section in chosen.values()]
    faults += [cut(section) for section in list(chosen.values())[::4]]
    faults += [
        far_off(chosen[name])
        for name in (
            "number of tensors",
            "number of values",
            "general.name: length",
            "llama.block_count: value",
            "llama.context_length: value",
            "tokenizer.ggml.tokens: number of elements",
            "tokenizer.ggml.bos_token_id: value",
        )
    ]
    header = Section("anywhere in the header", 24, chosen["padding"].start)
    weights = Section("anywhere in the weights", chosen["padding"].end, found[-1].end)
    faults += [flip(header, dice) for _ in range(8)]
    faults += [flip(weights, dice) for _ in range(4)]
    faults += [Fault(s.name, dice.randrange(s.start, s.end), None) for s in (header, weights)]
    return faults


def answer(client: EngineClient, **more: object) -> str:
    request = Request(STORY, max_tokens=6, sampling=GREEDY, **more)  # type: ignore[arg-type]
    events = list(client.stream(request))
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, Piece))


def assert_is_a_sentence(error: EngineError) -> None:
    said = str(error)
    assert said[0] == "‘" or said[0].isupper(), said
    assert said.endswith("."), said
    for foreign in (
        "Traceback",
        "Error",
        "std::",
        "C++",
        "ASSERT",
        "_",
        "0x",
        "\n",
        "::",
        "\ufffd",
    ):
        assert foreign not in said, said


@pytest.fixture
def client(tmp_path: Path) -> Iterator[EngineClient]:
    client = EngineClient(log_path=tmp_path / "worker.log", patience_s=PATIENCE_S)
    yield client
    client.close()


def options(path: Path) -> LoadOptions:
    return LoadOptions(path, n_ctx=512, n_threads=2)


def test_sections_cover_a_file_without_a_gap(model_path: Path) -> None:
    found = sections(model_path)
    assert found[0].start == 0
    assert found[-1].end == model_path.stat().st_size
    assert all(a.end == b.start for a, b in itertools.pairwise(found))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_damaged_model_answers_or_is_refused_with_a_sentence(
    client: EngineClient, model_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client.open(options(model_path))
    good = answer(client)
    # One value more, so that there is padding before the weights.
    whole = write_with_metadata(model_path, tmp_path / "whole.gguf", general__count=7)
    outcomes: dict[str, str] = {}
    path = tmp_path / "damaged.gguf"
    for fault in model_faults(sections(whole)):
        fault.do(whole, path)
        try:
            client.open(options(path))
            outcomes[str(fault)] = f"answers {answer(client)!r}"
        except EngineError as error:
            outcomes[str(fault)] = str(error)
            assert_is_a_sentence(error)
        finally:
            print(f"{fault} -> {outcomes.get(str(fault), 'something else')}")
        path.unlink()
    assert not [record for record in caplog.records if record.exc_info]
    assert any("answers" in outcome for outcome in outcomes.values())
    assert sum("damaged" in outcome for outcome in outcomes.values()) > len(outcomes) / 3
    client.open(options(model_path))
    assert answer(client) == good


def adapter_faults(found: list[Section]) -> list[Fault]:
    """A flip in each section of the header and of two tensors, and a cut or a number far off."""
    dice = random.Random(5)
    ends = ("blk.0.attn_q.weight.lora_a", "blk.29.attn_v.weight.lora_b")
    chosen = [s for s in found if not s.name.startswith("blk.") or s.name.startswith(ends)]
    faults = [flip(section, dice) for section in chosen]
    return faults + [far_off(s) for s in chosen[::2]] + [cut(s) for s in chosen[1::2]]


@pytest.mark.slow
def test_a_damaged_adapter_fails_its_request_alone(
    client: EngineClient, model_path: Path, tmp_path: Path
) -> None:
    client.open(options(model_path))
    plain, pid = answer(client), client.worker_pid
    whole = write_lora(tmp_path / "voice.gguf")
    refused: dict[str, EngineError] = {}
    for n, fault in enumerate(adapter_faults(sections(whole))):
        path = tmp_path / f"voice-{n}.gguf"
        fault.do(whole, path)
        try:
            answer(client, adapters=((path, 1.0),))
        except EngineError as error:
            refused[path.name] = error
        assert answer(client) == plain, fault
    assert len(refused) > n / 2
    for name, error in refused.items():
        assert_is_a_sentence(error)
        assert name in str(error)
    assert client.worker_pid == pid


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
def test_an_adapter_made_of_nonsense_spoils_no_other_answer(
    client: EngineClient, model_path: Path, tmp_path: Path, number: float
) -> None:
    """Keys and values that are no numbers stay in memory, where 0 times NaN is NaN."""
    client.open(options(model_path))
    sound = write_lora(tmp_path / "sound.gguf")
    expected = answer(client), answer(client, adapters=((sound, 1.0),))
    content = bytearray(sound.read_bytes())
    name = "blk.3.attn_v.weight.lora_b: data"
    (data,) = (section for section in sections(sound) if section.name == name)
    numbers = np.full((data.end - data.start) // 4, number, "<f4")
    content[data.start : data.end] = numbers.tobytes()
    spoilt = tmp_path / "nonsense.gguf"
    spoilt.write_bytes(content)
    for _ in range(2):
        with pytest.raises(EngineError, match=r"nonsense.*‘nonsense\.gguf’") as caught:
            answer(client, adapters=((spoilt, 1.0),))
        assert_is_a_sentence(caught.value)
        assert (answer(client), answer(client, adapters=((sound, 1.0),))) == expected
