"""What other open files tell the model."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.writing.languages import language_of
from studio.writing.open_files import preamble

SHAPES = '''import math


class Circle:
    """A round thing."""

    def area(self):
        return math.pi * self.radius**2


def load_settings(path):
    return path.read_text()
'''
COOKING = "def bake_bread(flour, water):\n    return flour + water\n"
MAIN = "from shapes import Circle\n\nround_one = Circle(2)\n\n\ndef main():\n    "
FILES = [(Path("shapes.py"), SHAPES), (Path("cooking.py"), COOKING)]
PYTHON = language_of(Path("a.py"))
HTML = language_of(Path("a.html"))
assert PYTHON
assert HTML


def test_a_definition_that_is_used_is_told_and_the_rest_is_not() -> None:
    told = preamble(FILES, MAIN, PYTHON, 2_000)
    assert told.startswith("# shapes.py\n")
    assert "class Circle:" in told
    assert "load_settings" not in told
    assert "bread" not in told


def test_it_stays_the_same_while_a_block_is_written() -> None:
    typed = "area = round_one.area()\n    load_settings(bake_bread)\n    "
    first = preamble(FILES, MAIN, PYTHON, 2_000)
    assert all(
        preamble(FILES, MAIN + typed[:n], PYTHON, 2_000) == first for n in range(len(typed) + 1)
    )


def test_file_names_stand_in_a_comment_of_the_language() -> None:
    assert preamble(FILES, MAIN, HTML, 2_000).startswith("<!-- shapes.py -->\n")


def test_nothing_to_tell_is_nothing() -> None:
    assert preamble(FILES, "x = 1\n", PYTHON, 2_000) == ""
    assert preamble([], MAIN, PYTHON, 2_000) == ""


@settings(deadline=None)
@given(
    st.text("ab_c(): \n", max_size=200), st.text("ab_c(): \n", max_size=200), st.integers(0, 300)
)
def test_the_budget_holds(one: str, before: str, budget: int) -> None:
    told = preamble([(Path("one.py"), one), *FILES], before + MAIN, PYTHON, budget)
    assert len(told) <= budget
