"""The keys of lore entries: where they occur in a text, and where they don't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.steering import KeyNotUnderstood, RecentText, TooSlow, parse_key, parse_keys


def _occurs(key: str, text: str, *, capitals_matter: bool = False) -> bool:
    return parse_key(key, capitals_matter=capitals_matter).occurs(RecentText(text))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("Anna", "So Anna went."),
        ("Anna", "ANNA"),
        ("anna", "Anna’s coat"),
        ("Anna", "Anna's coat"),
        ("Anna", "the two Annas"),
        ("Anna", "the Annas’ house"),
        ("box", "Boxes."),
        ("Anna", "“Anna!”"),
        ("Anna", "_Anna_ wrote"),
        ("city", "three cities"),
        ("city", "the city's wall"),
        ("day", "for days"),
        ("Miss Blackwood", "then miss  Blackwood came"),
        ("Miss Blackwood", "then Miss\nBlackwood came"),
        ("O'Brien", "O’Brien laughed"),
        ("O’Brien", "O'Brien laughed"),
        ("lighthouse*", "the lighthousekeeper"),
        ("lighthouse*", "a lighthouse"),
        ("=Rose", "a rose"),
        ("Straße", "DIE STRASSE"),
        ("Zoë", "Zoe\u0308 came"),
        ("C++", "in C++ and"),
        ("'Tis", "'tis late"),
        ("李雷", "昨天李雷走了"),
        ("灯台", "あの灯台の下で"),
        ("안나", "안나는 갔다"),
        ("/sword(s|fish)/", "two Swordfish"),
        (r"/\bZoë\b/", "Zoë came"),
        ('"Anna"', "Anna came"),
        ("“Anna”", "Anna came"),
    ],
)
def test_a_key_is_found_in_its_forms(key: str, text: str) -> None:
    assert _occurs(key, text)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("Anna", "Joanna"),
        ("Anna", "Annabel"),
        ("Ann", "Anna"),
        ("Rose", "he prose"),
        ("=Rose", "roses"),
        ("lighthouse*", "a powerlighthouse"),
        ("Miss Blackwood", "Blackwood, Miss"),
        ("day", "daies"),
        ("C++", "C+"),
        ("/sword(s|fish)/", "sword"),
    ],
)
def test_a_key_is_not_found_in_other_words(key: str, text: str) -> None:
    assert not _occurs(key, text)


def test_capitals_count_if_the_writer_says_so() -> None:
    assert _occurs("Rose", "and Rose said", capitals_matter=True)
    assert not _occurs("Rose", "a rose said", capitals_matter=True)
    assert not _occurs("/Rose/", "a rose said", capitals_matter=True)


def test_commas_separate_keys_but_not_inside_a_pattern() -> None:
    keys = parse_keys("Anna, Miss Blackwood ,, lighthouse*，=Rose, /a{2,3}/, /b\\/,c/")
    assert [key.written for key in keys] == [
        "Anna",
        "Miss Blackwood",
        "lighthouse*",
        "=Rose",
        "/a{2,3}/",
        "/b\\/,c/",
    ]


@pytest.mark.parametrize("run", ["/", "/a", "\\", "/a,", "'", "a b "])
def test_a_very_long_line_of_keys_is_refused_at_once(run: str) -> None:
    with pytest.raises(KeyNotUnderstood, match="the most is"):
        parse_keys(f"Anna, {run * 100_000}")


def test_a_very_long_line_of_nothing_is_read_at_once() -> None:
    assert len(parse_keys("Anna, " + " " * 100_000 + " ," * 100_000)) == 1


def test_there_is_an_end_to_the_keys_of_an_entry() -> None:
    with pytest.raises(KeyNotUnderstood, match="the most is 200"):
        parse_keys("Anna," * 201)


@pytest.mark.parametrize("key", ["/(/", "/open", "/", "//", "/a*/", "*", "=", "  "])
def test_a_key_that_makes_no_sense_is_refused_with_a_sentence(key: str) -> None:
    with pytest.raises(KeyNotUnderstood, match=r"\.$"):
        parse_key(key)


def test_a_pattern_that_takes_forever_is_given_up() -> None:
    key = parse_key("/(.*a){20}c!/")
    endless = RecentText("a" * 2_000)
    with pytest.raises(TooSlow):
        key.occurs(endless)
    with pytest.raises(TooSlow):
        key.occurs(RecentText("aac!"))


@given(st.text(max_size=20), st.text(max_size=60))
def test_any_key_is_understood_or_refused_and_any_text_can_be_searched(key: str, text: str) -> None:
    try:
        keys = parse_keys(key)
    except KeyNotUnderstood:
        return
    assert len(keys) <= len(key)
    for each in keys:
        assert each.occurs(RecentText(text)) in (True, False)


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=12))
def test_a_word_finds_itself(word: str) -> None:
    assert _occurs(word, f"({word})")
    assert _occurs(f"={word}", f"({word})")
    assert _occurs(f"{word}*", f"({word})")
