"""A line on request: what is asked of the engine, and what is claimed of what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from studio.app import load_sounds
from studio.engine import LoadOptions, Piece, Request, Token
from studio.engine.llama import LlamaEngine
from studio.writing.sounds import Rhyme
from studio.writing.verse import last_word, syllables
from studio.writing.verse_line import Candidate, LineSearch, LineWanted

SOUNDS = load_sounds()
BEFORE = "The moon came up above the hill\nAnd all the town was white\n"
WANTED = LineWanted(BEFORE, "hill", 8, "The moon came up above the hill")


def token(text: str, alternatives: Sequence[str] = (), log_prob: float = -1.0) -> Token:
    likeliest = tuple((i, each.encode(), -2.0) for i, each in enumerate(alternatives))
    return Token(0, text.encode(), log_prob, 0, likeliest)


def line(text: str, **instead: list[str]) -> list[Token]:
    """The tokens of a line; `instead` names words and what might have come in their place."""
    first, *others = text.split(" ")
    tokens = [token(first), *(token(f" {word}", instead.get(word, ())) for word in others)]
    return [*tokens, token("\n", log_prob=-0.5)]


def run(
    wanted: LineWanted, samples: list[list[Token]], end: Callable[[str], float] = lambda _: 0.5
) -> tuple[list[Candidate], list[Request]]:
    """Search with an engine that samples these lines; `end` is how likely it ends one."""
    search = LineSearch(wanted, SOUNDS)
    asked = []
    while request := search.request:
        asked.append(request)
        if request.grammar.startswith("root ::= ("):
            pass  # it finds no word
        elif request.versions > 1:
            for version, tokens in enumerate(samples):
                for each in tokens:
                    search.hear(Piece(version, each.spelling.decode(), 0.5, (each,)))
        else:
            likely = end(request.prompt.rpartition("\n")[2])
            place = Token(0, b"x", -1.0, 0, ((1, b"\n", math.log(likely)),))
            search.hear(Piece(0, "x", 0.5, (place,)))
        search.go_on()
    return search.candidates, asked


def test_a_rhyme_that_might_have_come_ends_a_line() -> None:
    sampled = line("And every bird in town was quiet then", quiet=[" still", " silent", " so"])
    found, _ = run(WANTED, [sampled])
    best = found[0]
    assert best.text == "And every bird in town was still"
    assert (best.rhyme, best.syllables, best.meets) == (Rhyme.PERFECT, 8, True)
    assert not best.guessed


def test_what_misses_the_wish_is_never_said_to_meet_it() -> None:
    found, _ = run(
        WANTED,
        [
            line("And every bird was quiet on that night"),
            line("Still"),
            line("And every bird went back up to the hill"),
            line("The well was dug beside the wall"),
        ],
    )
    assert found
    for each in found:
        assert not each.meets
    assert {each.rhyme for each in found} >= {Rhyme.NONE, Rhyme.SAME}


def test_lines_that_do_not_end_there_are_left_out() -> None:
    sampled = line("And every bird in town was quiet then", quiet=[" still", " ill"])
    found, _ = run(WANTED, [sampled], end=lambda text: 0.001 if text.endswith("ill") else 0.5)
    assert all("still" not in each.text for each in found)


def test_a_line_of_the_text_does_not_come_again() -> None:
    found, _ = run(WANTED, [line("And all the town was white")])
    assert found == []


def test_a_line_that_only_repeats_itself_is_none() -> None:
    found, _ = run(WANTED, [line("no no no no no no no still"), line("So still so very still")])
    assert [each.text for each in found] == ["So still so very still"]


def test_list_marks_and_figures_are_no_lines() -> None:
    found, _ = run(WANTED, [line("* 12 of them went up the hill")])
    assert found == []


def test_a_guess_says_that_it_is_one() -> None:
    wanted = LineWanted("He drank it from a thrumble\n", "thrumble", 6)
    found, _ = run(wanted, [line("And then he took a tumble")])
    assert found[0].rhyme is Rhyme.PERFECT
    assert found[0].guessed


def test_without_a_rhyme_the_length_is_enough() -> None:
    found, _ = run(LineWanted(BEFORE, "", 6), [line("And every bird was still")])
    assert found[0].meets


def test_the_grammar_gets_only_words_that_fit() -> None:
    wanted = LineWanted("I saw the silver moon\n", "moon", 6)
    _, asked = run(wanted, [line("And every bird was quiet there tonight")])
    grammars = [each.grammar for each in asked if each.grammar.startswith("root ::= (")]
    assert grammars
    for grammar in grammars:
        assert '" tune"' in grammar
        assert '" moon"' not in grammar
        assert '" contrabassoon"' not in grammar


def test_a_silent_engine_ends_the_search() -> None:
    found, asked = run(WANTED, [])
    assert found == []
    assert len(asked) < 10


def test_a_place_in_the_text_suggests_rhyme_and_length() -> None:
    wanted = LineWanted.at_the_end_of(BEFORE, SOUNDS)
    assert (wanted.rhyme_with, wanted.syllables) == ("hill", 8)
    assert wanted.before == BEFORE


def test_after_a_whole_line_a_new_one_is_begun() -> None:
    assert LineWanted.at_the_end_of(BEFORE.rstrip(), SOUNDS).before == BEFORE
    assert LineWanted.at_the_end_of("[Chorus]", SOUNDS).before == "[Chorus]\n"


def test_a_line_that_is_begun_is_finished() -> None:
    wanted = LineWanted.at_the_end_of(f"{BEFORE}And every bird", SOUNDS)
    assert wanted.before.endswith("And every bird")
    rest = [token(" in"), token(" town"), token(" was"), token(" still"), token("\n")]
    found, _ = run(wanted, [rest])
    assert found[0].text == " in town was still"
    assert (found[0].syllables, found[0].meets) == (8, True)


def test_an_empty_text_suggests_something_too() -> None:
    wanted = LineWanted.at_the_end_of("", SOUNDS)
    assert wanted.rhyme_with == ""
    assert wanted.syllables > 0


@pytest.mark.slow
def test_the_real_model_finds_lines_that_rhyme(model_path: Path) -> None:
    search = LineSearch(WANTED, SOUNDS, seed=1)
    with closing(LlamaEngine(LoadOptions(model_path, n_ctx=512, n_threads=1))) as engine:
        while request := search.request:
            for event in engine.stream(request):
                if event is not None:
                    search.hear(event)
            search.go_on()
    met = [each for each in search.candidates if each.meets]
    assert met
    assert search.candidates[: len(met)] == met
    for each in met:
        assert SOUNDS.rhyme(last_word(each.text), "hill") is Rhyme.PERFECT
        assert abs(syllables(each.text, SOUNDS) - 8) <= 1
