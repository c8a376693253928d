"""`kill -9` of the window at random moments of typing and saving."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.manuscript import Project, pending_recoveries

from .conftest import Window

Open = Callable[..., Window]

ROUNDS = 50
PROMISED_S = 1.0


def type_until_killed(window: Window, dice: random.Random) -> tuple[str, str]:
    """All that was typed, and what of it was typed more than a second before the end."""
    typed, sent = "", [(0.0, "")]
    until = time.monotonic() + dice.uniform(0.2, 3.0)
    while time.monotonic() < until:
        word = f"{dice.choice(['lamp', 'sea', 'night', 'stairs'])}{len(typed)} "
        window.type(word)
        typed += word
        sent.append((time.monotonic(), typed))
        if dice.random() < 0.15:
            window.key("ctrl+s")
    killed_at = time.monotonic()
    window.kill()
    return typed, max(text for at, text in sent if at <= killed_at - PROMISED_S)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_kill_costs_more_than_a_second_of_typing(open_window: Open, tmp_path: Path) -> None:
    recovered_from_journal = 0
    for number in range(ROUNDS):
        dice = random.Random(number)
        path = tmp_path / f"{number}.txt"
        path.write_text("")
        window = open_window(path)
        typed, promised = type_until_killed(window, dice)
        saved = path.read_text("utf-8")
        assert typed.startswith(saved), f"round {number}: a file in pieces: {saved!r}"
        found = pending_recoveries(Project.of_file(path, window.data))
        assert len(found) <= 1
        kept = found[0].text if found else saved
        recovered_from_journal += bool(found)
        assert typed.startswith(kept), f"round {number}: {kept!r} was never typed"
        assert kept.startswith(promised), (
            f"round {number}: {promised[len(kept) :]!r} was typed over a second before and is lost"
        )
        for recovery in found:
            recovery.discard()  # or the next window would open with it
    assert recovered_from_journal >= ROUNDS / 5, "the journal was hardly ever needed"
