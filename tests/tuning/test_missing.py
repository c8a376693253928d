from __future__ import annotations

import importlib.util

import pytest

from studio import tuning


def test_nothing_is_missing_where_everything_is_installed() -> None:
    assert tuning.missing() is None


def test_what_is_missing_is_named_with_the_way_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    sentence = tuning.missing()
    assert sentence is not None
    assert "torch" in sentence
    assert "make run" in sentence
