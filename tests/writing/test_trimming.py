"""How much is asked for fits what will be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.writing.craft import Craft, craft_of
from studio.writing.languages import language_of
from studio.writing.trimming import Length, fitted, length, trim

PYTHON = language_of(Path("a.py"))


@pytest.mark.parametrize(
    ("craft", "before", "after", "stop"),
    [
        (Craft.STORY, "He went", "", ("\n",)),
        (Craft.LYRICS, "[Verse]\n", "", ("\n\n",)),
        (Craft.LYRICS, "[Verse]\nOne line\n", "", ("\n",)),
        (Craft.LYRICS, "[Verse]\nOne", "", ("\n",)),
        (Craft.CODE, "x = ", "", ("\n\n\n",)),
        (Craft.CODE, "f(", ")", ("\n\n\n",)),
        (Craft.CODE, "f(", ", b)", ("\n",)),
        (Craft.CODE, '"""Of', "", ("\n",)),
    ],
)
def test_what_is_asked_for_ends_where_the_place_ends(
    craft: Craft, before: str, after: str, stop: tuple[str, ...]
) -> None:
    assert length(craft, before, after, PYTHON).stop == stop


def test_a_block_is_given_more_room_than_a_statement() -> None:
    def tokens(before: str) -> int:
        return length(Craft.CODE, before, "", PYTHON).max_tokens

    assert tokens("if x:") == tokens("if x:\n    ") > tokens("if x:\n    a()\n    ")


def test_code_in_a_language_that_is_not_known_is_treated_as_prose() -> None:
    assert length(Craft.CODE, "x", "") == Length(32, ("\n",))
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
