"""The promise that a kill costs at most one second of typing, kept with real processes."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest

from studio.manuscript import Project, pending_recoveries, read_text
from studio.manuscript.utf16 import Edit, Utf16Text, length

# Types the edits in a file, one in two milliseconds, and keeps a diary of when it did.
TYPE = """
import itertools, json, os, struct, sys, time
from pathlib import Path
from studio.manuscript import Journal, Project, read_text
from studio.manuscript.utf16 import Edit, Utf16Text
document, save_every = Path(sys.argv[1]), int(sys.argv[2])
edits = json.loads(document.with_suffix(".edits").read_text())
text = read_text(document).text
journal = Journal(Project.of_folder(document.parent), document, text)
model = Utf16Text(text)
diary = os.open(document.with_suffix(".diary"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
print("ready", flush=True)
for number, edit in enumerate(edits, start=1):
    journal.edit(*edit)
    os.write(diary, struct.pack("d", time.monotonic()))
    if save_every:
        model.apply(Edit(*edit))
        if number % save_every == 0:
            journal.save(document, str(model))
    time.sleep(0.002)
"""


@dataclass(frozen=True)
class Typist:
    """A process that types into a document, and what it types."""

    process: Popen[str]
    document: Path
    edits: list[Edit]

    def kill(self) -> float:
        """Returns when it was killed, on the monotonic clock."""
        now_s = time.monotonic()
        self.process.kill()
        self.process.wait()
        return now_s

    def typed_at_s(self) -> list[float]:
        """When it made each of its edits; but for, perhaps, the last one."""
        diary = self.document.with_suffix(".diary").read_bytes()
        return [each[0] for each in struct.iter_unpack("d", diary[: len(diary) // 8 * 8])]

    def edits_in(self, base: str) -> dict[str, int]:
        """The texts that it made, and how many edits led there; the most, if several did."""
        text = Utf16Text(base)
        made = {base: 0}
        for number in range(1, len(self.typed_at_s()) + 2):
            text.apply(self.edits[number - 1])
            made[str(text)] = number
        return made


@pytest.fixture
def typist(
    tmp_path: Path, child: Callable[..., Popen[str]]
) -> Callable[[int, str, list[str], int], Typist]:
    """Start a typist with a seed, a text, the strings it may type, and how often it saves."""

    def start(seed: int, base: str, keys: list[str], save_every: int = 0) -> Typist:
        document = tmp_path / f"chapter {seed}.txt"
        document.write_text(base, "utf-8")
        edits = made_up_edits(seed, base, keys)
        document.with_suffix(".edits").write_text(json.dumps(edits))
        process = child(TYPE, document, save_every)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return Typist(process, document, edits)

    return start


def made_up_edits(seed: int, base: str, keys: list[str]) -> list[Edit]:
    """Typing that goes on where it was, mostly, with a few characters deleted."""
    rng = random.Random(seed)
    n_units = length(base)
    at = n_units // 2
    edits = []
    for _ in range(5000):
        if rng.random() < 0.05:
            at = rng.randrange(n_units)
        removed = rng.choice([0, 0, 0, 0, 1, 2])
        at = min(at, n_units - removed)
        edits.append(Edit(at, removed, rng.choice(keys)))
        added = length(edits[-1].inserted)
        at += added
        n_units += added - removed
    return edits


@pytest.mark.timeout(120)
def test_a_kill_at_any_moment_costs_at_most_a_second_of_typing(
    tmp_path: Path, typist: Callable[..., Typist]
) -> None:
    base = "Call me Ishmael. 🐋\n" * 500
    rng = random.Random(5)
    typists, killed_at_s = [], []
    for seed in range(10):
        typists.append(typist(seed, base, ["e", "t", " ", "ü", "🐋", "\n", "\ud83d", "\udc0b", ""]))
        time.sleep(rng.uniform(0.05, 1.3))
        killed_at_s.append(typists[-1].kill())

    found = {each.path: each.text for each in pending_recoveries(Project.of_folder(tmp_path))}

    for each, end_s in zip(typists, killed_at_s, strict=True):
        reached = each.edits_in(base)[found.get(each.document, base)]
        missing_s = each.typed_at_s()[reached:]
        assert not missing_s or end_s - missing_s[0] <= 1.0
        assert read_text(each.document).text == base
    assert len(found) >= 5  # those killed too early had nothing to lose


@pytest.mark.timeout(120)
def test_a_kill_while_saving_never_offers_a_text_older_than_the_file(
    tmp_path: Path, typist: Callable[..., Typist]
) -> None:
    base = "Call me Ishmael.\n" * 500
    rng = random.Random(6)
    for seed in range(8):
        each = typist(seed, base, ["e", "t", " ", "ü", "\n", ""], 3)
        time.sleep(rng.uniform(0.1, 0.5))
        each.kill()

        made = each.edits_in(base)
        saved = made[read_text(each.document).text]
        assert saved > 0
        for recovery in pending_recoveries(Project.of_folder(tmp_path)):
            assert made[recovery.text] > saved
            recovery.discard()


def test_a_killed_window_of_an_untouched_document_leaves_nothing(
    tmp_path: Path, child: Callable[..., Popen[str]]
) -> None:
    process = child(
        """
import sys
from pathlib import Path
from studio.manuscript import Journal, Project
journal = Journal(Project.of_folder(Path(sys.argv[1])), None, "text")
print("ready", flush=True)
sys.stdin.read()
""",
        tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    assert list(tmp_path.iterdir()) == []
    assert pending_recoveries(Project.of_folder(tmp_path)) == []
