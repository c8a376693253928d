"""How much is shown of what comes: one rule for each craft."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.writing.craft import Craft, craft_of
from studio.writing.languages import language_of
from studio.writing.trimming import fitted, trim

PYTHON = language_of(Path("a.py"))


def test_code_in_a_language_that_is_not_known_is_treated_as_prose() -> None:
    assert trim(Craft.CODE, "He", "", " went. She", ended=False).text == " went."
    assert fitted(Craft.CODE, "He went.", "", "She", ended=True) == " She"


def test_each_craft_has_its_rule() -> None:
    generated = " went. She\nsat"
    assert trim(Craft.STORY, "He", "", generated, ended=False).text == " went."
    assert trim(Craft.LYRICS, "He", "", generated, ended=False).text == " went. She"
    shown = trim(Craft.CODE, "if x:\n", "", "y\nz", ended=False, language=PYTHON).text
    assert fitted(Craft.CODE, "if x:\n", "", shown, ended=False, language=PYTHON) == "    y"


def test_the_craft_of_code_is_told_by_the_suffix() -> None:
    assert craft_of(Path("a.rs"), "") is Craft.CODE
    assert craft_of(Path("a.md"), "def f(): pass") is Craft.STORY


@pytest.mark.parametrize("craft", list(Craft))
@pytest.mark.parametrize("template", ["<|im_end|>", "<|im_end|>\n<|im_start|>", "```", "[/INST]"])
def test_no_part_of_a_template_is_shown(craft: Craft, template: str) -> None:
    whole = "home" + template
    shown = [trim(craft, "go ", "", whole[:n], ended=False).text for n in range(len(whole) + 1)]
    assert set(shown) <= {"", "h", "ho", "hom", "home", "home`", "home[", "home<"}
    last = trim(craft, "go ", "", whole, ended=False)
    assert last.text == "home"
    assert last.complete
