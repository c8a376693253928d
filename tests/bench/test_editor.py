"""The benchmark of the window plays in real windows with the real model, and measures all rows."""

from __future__ import annotations

import re

import pytest

from studio.bench import Wanted, editor
from studio.bench.editor import PROBES, Probe
from studio.ui.probe_suggestions import STORY, gaps_of, without_gaps


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_quick_run_measures_every_row(probe: Probe) -> None:
    names = [row.name for row in probe.rows.values()]
    wanted = Wanted(frozenset(names), quick=True, corpus=None)
    values = dict(editor.measure(wanted))
    assert list(values) == names
    missing = [name for name, value in values.items() if value is None or value < 0]
    assert not missing


def test_what_is_put_in_afterwards_completes_the_story() -> None:
    text = without_gaps(STORY)
    for at, words in gaps_of(STORY)[::-1]:
        assert text[at] == " "  # a suggestion is not for the inside of a word
        text = text[:at] + words + text[at:]
    assert text == re.sub(r"[{}]", "", STORY)
    assert len(gaps_of(STORY)) > 9
