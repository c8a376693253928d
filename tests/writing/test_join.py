"""A suggestion is mended where it meets the text, and the text never is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.writing.join import join

CAPITALS = "It was late. The rain had stopped. She waited. "


@pytest.mark.parametrize(
    ("before", "generated", "joined"),
    [
        ("He went ", " down", "down"),
        ("He went", "  down", " down"),
        ("He went", " down", " down"),
        ("He wen", "t down", "t down"),
        ("It was late.", "The rain", " The rain"),
        ("It was late,", "and dark", " and dark"),
        ("It was 3.", "5 miles", "5 miles"),
        ("See e.", "g. this", "g. this"),
        ("lamplight.", "example", " example"),
        ("www.lamplight.", "example", "example"),
        ("He said, “", " Go", "Go"),
        ('He said, "', " Go", "Go"),
        ('"No," he said. "', " Go", "Go"),
        ("(", " see", "see"),
        ("He left", " . Then", ". Then"),
        ("Il part !  Il", " !", " !"),
        ("", " Once", "Once"),
        ("The end\n", " It", "It"),
    ],
)
def test_spaces(before: str, generated: str, joined: str) -> None:
    assert join(before, generated, ended=True) == joined


@pytest.mark.parametrize(
    ("before", "generated", "joined"),
    [
        ("“No,” he said. ", '"Why?" she', "“Why?” she"),
        ("“No,” he said. “I don’t", ' know."', " know.”"),
        ('"No," he said. ', "“Why?” she", '"Why?" she'),
        ("“No,” I said. “", "I can't", "I can't"),
        ("“I don’t,” I said. ", "I can't", "I can’t"),
        ("I don't. ", "I can’t", "I can't"),
        ("I don’t. I can", "'t", "’t"),
        ("Nothing yet. ", '"Why?"', '"Why?"'),
    ],
)
def test_quotation_marks_are_those_of_the_text(before: str, generated: str, joined: str) -> None:
    assert join(before, generated, ended=True) == joined


@pytest.mark.parametrize(
    ("before", "generated", "joined"),
    [
        (CAPITALS, "he went", "He went"),
        (CAPITALS.rstrip(), " he went", " He went"),
        (CAPITALS + "“", "he went", "He went"),
        (CAPITALS + "She saw Mr. ", "smith", "smith"),
        (CAPITALS + "Well... ", "maybe", "maybe"),
        (CAPITALS + "“Stop!”", " he said", " he said"),
        ("it was late. the rain stopped. she waited. ", "he went", "he went"),
        (CAPITALS + "She bought an ", "iPhone", "iPhone"),
        (CAPITALS, "iPhone users", "iPhone users"),
    ],
)
def test_a_sentence_begins_with_a_capital_where_they_do(
    before: str, generated: str, joined: str
) -> None:
    assert join(before, generated, ended=True) == joined


@pytest.mark.parametrize(
    ("before", "generated", "joined"),
    [
        ("她说", ",然后走了.", "，然后走了。"),
        ("彼は言った", ",そして行った.", "、そして行った。"),
        ("他走了。", "真的吗? 是的", "真的吗？是的"),
        ("版本是", "3.5的", "3.5的"),
        ("He left", ", then came.", ", then came."),
        ("서울에 갔다", ", 그리고.", ", 그리고."),
    ],
)
def test_marks_between_chinese_characters_are_full_width(
    before: str, generated: str, joined: str
) -> None:
    assert join(before, generated, ended=True) == joined


@pytest.mark.parametrize(
    ("before", "generated", "joined"),
    [
        ("She was ", "*never there", "*never there*"),
        ("She was *", "never* there", "never* there"),
        ("She was *", "never there", "never there"),
        ("She was ", "**never there", "**never there**"),
        ("Run ", "`make test", "`make test`"),
        ("2 ", "* 3 = 6", "* 3 = 6"),
        ("", "***", "***"),
        ("a ", "snake_case name", "snake_case name"),
        ("She was ", "*never* there", "*never* there"),
    ],
)
def test_emphasis_that_is_opened_is_closed_at_the_end(
    before: str, generated: str, joined: str
) -> None:
    assert join(before, generated, ended=True) == joined


_TEXT = st.text(
    st.one_of(st.sampled_from("ab Z.,!?“”\"'’*_`字。，(\n"), st.characters()), max_size=30
)


@settings(deadline=None)
@given(_TEXT, _TEXT)
def test_the_words_are_the_model_s(before: str, generated: str) -> None:
    """Letters stay, but for one capital; digits stay."""

    def letters(text: str) -> str:
        return "".join(each for each in text if each.isalnum()).casefold()

    assert letters(join(before, generated, ended=True)) == letters(generated)


@settings(deadline=None)
@given(_TEXT, _TEXT)
def test_while_more_comes_the_answer_only_grows(before: str, generated: str) -> None:
    shown = ""
    for n in range(1, len(generated) + 1):
        if not generated[n - 1].isspace():
            now = join(before, generated[:n])
            assert now.startswith(shown)
            shown = now
    assert join(before, generated, ended=True).startswith(shown)
