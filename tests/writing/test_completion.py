"""The policy of the grey text, played without a window, a model or a clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine import Priority
from studio.writing.completion import ALTERNATIVES, INSIDE_A_WORD, NO_OTHER, OFF, Completion
from studio.writing.confidence import Confidence
from studio.writing.craft import Craft
from studio.writing.decisions import (
    Action,
    Amount,
    Around,
    Ask,
    Asking,
    Cancel,
    Hide,
    Insert,
    Kind,
    Options,
    Rank,
    ReadAhead,
    Show,
    Tell,
    WakeAt,
)
from studio.writing.graphemes import splits
from studio.writing.languages import language_of

GATE_MS = 60.0
"""Longer than the gate of a machine that answers quickly."""
READ_MS = 500.0
"""Long enough to have read a suggestion."""


@dataclass
class Desk:
    """An editor reduced to what the policy can see: a text, a cursor, and grey text."""

    policy: Completion = field(default_factory=Completion)
    before: str = "The keeper climbed"
    after: str = ""
    now_ms: float = 1000.0
    grey: str = ""
    asked: list[Ask] = field(default_factory=list)
    ranks: list[Rank] = field(default_factory=list)
    read: list[tuple[float, str]] = field(default_factory=list)
    """(when, prompt) that the model was to read ahead."""
    cancelled: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    wake_at_ms: float | None = None

    def __post_init__(self) -> None:
        self.do(self.policy.moved(self.around, self.now_ms))

    @property
    def around(self) -> Around:
        return Around(self.before, self.after)

    @property
    def prompts(self) -> list[str]:
        return [ask.request.prompt for ask in self.asked]

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Ask():
                    self.asked.append(action)
                case Rank():
                    self.ranks.append(action)
                case ReadAhead(prompt):
                    self.read.append((self.now_ms, prompt))
                case Cancel(ask_id):
                    self.cancelled.add(ask_id)
                case Show(text):
                    assert text
                    assert not splits(self.before, text)
                    assert not splits(text, self.after)
                    self.grey = text
                case Hide():
                    self.grey = ""
                case Insert(text):
                    assert text
                    assert self.grey.startswith(text)
                    self.before += text
                    self.grey = self.grey.removeprefix(text)
                case WakeAt(at_ms):
                    self.wake_at_ms = at_ms
                case Tell(sentence):
                    self.told.append(sentence)

    def type(self, text: str) -> None:
        for character in text:
            self.before += character
            self.do(self.policy.typed(character, self.around, self.now_ms))

    def wait(self, ms: float = GATE_MS) -> None:
        until = self.now_ms + ms
        while self.wake_at_ms is not None and self.wake_at_ms <= until:
            self.now_ms = max(self.now_ms, self.wake_at_ms)
            self.wake_at_ms = None
            self.do(self.policy.tick(self.now_ms))
        self.now_ms = until

    def say(self, text: str, *, sure: float = 1.0, end: bool = True, version: int = 0) -> None:
        """The model answers the latest request."""
        ask_id = self.asked[-1].ask_id
        self.do(self.policy.piece(ask_id, text, self.now_ms, probability=sure, version=version))
        if end:
            self.end()

    def end(self) -> None:
        self.ended.add(self.asked[-1].ask_id)
        self.do(self.policy.ended(self.asked[-1].ask_id, self.now_ms))

    def suggest(self, text: str, *, sure: float = 1.0) -> None:
        """Type a space and be suggested this."""
        self.type(" ")
        self.say(text, sure=sure)
        self.wait()

    def erase(self, n: int = 1) -> None:
        for _ in range(n):
            self.before = self.before[:-1]
            self.do(self.policy.changed(self.around, self.now_ms))

    def becomes(self, before: str, *, undone: bool = False) -> None:
        self.before = before
        self.do(self.policy.changed(self.around, self.now_ms, undone=undone))

    def takes(self, amount: Amount = Amount.ALL) -> None:
        self.do(self.policy.accept(amount, self.now_ms))

    def refuse(self) -> None:
        self.do(self.policy.dismiss(self.now_ms))


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- when it is asked, and when shown ------------------------------------------------------------


def test_the_model_is_asked_with_the_key_itself(desk: Desk) -> None:
    desk.type(" ")
    assert desk.prompts == ["The keeper climbed "]
    assert desk.asked[0].request.priority is Priority.INLINE


def test_only_the_showing_waits_a_moment(desk: Desk) -> None:
    desk.type(" ")
    desk.say("the stairs")
    assert desk.grey == ""
    desk.wait()
    assert desk.grey == "the stairs"
    assert len(desk.asked) == 1


def test_what_comes_after_the_gate_is_shown_at_once_and_grows(desk: Desk) -> None:
    desk.type(" the st")
    desk.wait()
    desk.say("airs of", end=False)
    assert desk.grey == "airs of"
    desk.say(" the", end=False)
    assert desk.grey == "airs of the"


def test_a_word_is_shown_when_it_is_whole(desk: Desk) -> None:
    desk.type(" the ")
    desk.wait()
    desk.say("sta", end=False)
    assert desk.grey == ""
    desk.say("irs of", end=False)
    assert desk.grey == "stairs of"


def test_typing_on_supersedes_what_was_asked(desk: Desk) -> None:
    desk.type(" the")
    assert desk.prompts[-1] == "The keeper climbed the"
    assert {ask.ask_id for ask in desk.asked[:-1]} == desk.cancelled


def test_where_answers_are_dear_the_model_is_asked_after_a_pause(desk: Desk) -> None:
    for _ in range(30):
        desk.policy.pace.answered(900.0, desk.now_ms)
    desk.type(" the")
    assert not desk.asked
    desk.wait(500)
    assert desk.prompts == ["The keeper climbed the"]


def type_and_wait_in_vain(desk: Desk, *, n: int, every_ms: float, read: bool) -> None:
    """Keys to which the model has no answer before the next one."""
    for _ in range(n):
        asked = len(desk.asked)
        desk.type("a")
        if read and len(desk.asked) > asked:
            desk.policy.read(desk.asked[-1].ask_id, desk.now_ms)
        desk.wait(every_ms)


def test_answers_that_never_came_in_time_count_as_dear_once_their_prompt_was_read(
    desk: Desk,
) -> None:
    type_and_wait_in_vain(desk, n=8, every_ms=350, read=True)
    asked = len(desk.asked)
    desk.type("a")
    assert len(desk.asked) == asked
    desk.wait(500)
    assert len(desk.asked) == asked + 1


def test_a_prompt_that_takes_long_to_be_read_does_not_make_answers_dear(desk: Desk) -> None:
    type_and_wait_in_vain(desk, n=40, every_ms=200, read=False)
    asked = len(desk.asked)
    desk.type("a")
    assert len(desk.asked) == asked + 1


def test_slow_answers_are_forgotten_within_seconds(desk: Desk) -> None:
    type_and_wait_in_vain(desk, n=8, every_ms=350, read=True)
    desk.wait(10_000)
    asked = len(desk.asked)
    desk.type("a")
    assert len(desk.asked) == asked + 1


# -- when the model reads ahead ------------------------------------------------------------------


def test_the_text_is_read_when_the_cursor_rests(desk: Desk) -> None:
    desk.wait(1_000)
    assert [prompt for _, prompt in desk.read] == ["The keeper climbed"]
    desk.wait(60_000)
    assert len(desk.read) == 1
    desk.do(desk.policy.moved(Around("The", " keeper climbed"), desk.now_ms))
    desk.wait(1_000)
    assert desk.read[-1][1] == "The"


def test_a_cursor_that_runs_along_is_not_read_after(desk: Desk) -> None:
    for i in range(10):
        desk.do(desk.policy.moved(Around("The keeper"[:i], ""), desk.now_ms))
        desk.wait(40)
    assert not desk.read


def test_the_text_is_read_after_a_deletion_and_where_nothing_is_asked(desk: Desk) -> None:
    desk.wait(1_000)
    desk.erase()
    desk.wait(1_000)
    assert desk.read[-1][1] == "The keeper climbe"
    desk.becomes("# The lighthouse")
    desk.type("s")
    desk.wait(1_000)
    assert desk.read[-1][1] == "# The lighthouses"
    assert not desk.asked


def test_a_writer_without_a_pause_is_read_along_with_where_the_model_is_slow(desk: Desk) -> None:
    for _ in range(30):
        desk.policy.pace.answered(900.0, desk.now_ms)
    for letter in " the stairs of the lighthouse every evening before the lamp was lit":
        desk.policy.pace.answered(900.0, desk.now_ms)
        desk.type(letter)
        desk.wait(150)
    assert not desk.asked
    assert len(desk.read) >= 2
    for (_, before), (_, after) in pairwise(desk.read):
        assert len(after) - len(before) <= 25
    assert len(desk.before) - len(desk.read[-1][1]) <= 25


def test_on_battery_reading_ahead_is_sparing_and_not_off() -> None:
    desk = Desk(Completion(Options(sparing=True)))
    desk.wait(1_000)
    assert not desk.read
    desk.wait(2_000)
    assert len(desk.read) == 1


def test_switched_off_or_paused_nothing_is_read(desk: Desk) -> None:
    desk.do(desk.policy.configure(Options(asking=Asking.NEVER)))
    desk.wait(5_000)
    desk.do(desk.policy.configure(Options()))
    desk.do(desk.policy.pause(desk.now_ms + 60_000))
    desk.type("x")
    desk.wait(5_000)
    assert not desk.read


def test_nothing_is_read_ahead_while_an_answer_comes(desk: Desk) -> None:
    desk.type(" ")
    desk.wait(5_000)
    assert len(desk.asked) == 1
    assert not desk.read


# -- what the writer is told while nothing is in sight -------------------------------------------


def test_after_an_answer_that_was_not_sure_enough_it_says_so(desk: Desk) -> None:
    assert not desk.policy.unsure
    desk.type("x")
    desk.say("the stairs", sure=0.1)
    desk.wait()
    assert desk.policy.unsure
    desk.suggest("the stairs")
    assert desk.grey
    assert not desk.policy.unsure


def test_in_the_first_ten_minutes_a_little_more_is_shown(desk: Desk) -> None:
    sure = Confidence().threshold - 0.02
    desk.suggest("the stairs", sure=sure)
    assert desk.grey
    later = Desk(Completion(confidence=Confidence().settled()))
    later.suggest("the stairs", sure=sure)
    assert not later.grey


def test_the_first_ten_minutes_are_those_of_writing(desk: Desk) -> None:
    desk.type("a")
    desk.wait(3_600_000)
    desk.type("a")
    assert desk.policy.confidence.written_ms == 0
    desk.wait(1_000)
    desk.type("a")
    assert desk.policy.confidence.written_ms == 1_000


def test_on_battery_the_model_is_asked_after_a_pause_and_not_ahead() -> None:
    desk = Desk(Completion(Options(sparing=True)))
    desk.type(" ")
    assert not desk.asked
    desk.wait(400)
    desk.say("the stairs")
    desk.wait(2000)
    assert desk.grey == "the stairs"
    assert len(desk.asked) == 1


def test_the_model_is_given_what_is_made_of_the_text_for_suggestions_and_drafts() -> None:
    desk = Desk(Completion(prompt_of=lambda before: f"A lighthouse.\n\n{before}"))
    desk.type("x")
    desk.do(desk.policy.draft(desk.around, desk.now_ms))
    assert desk.prompts == ["A lighthouse.\n\nThe keeper climbedx"] * 2
    assert not desk.asked[1].request.heal


def test_an_answer_to_an_older_question_is_never_shown(desk: Desk) -> None:
    desk.type(" the st")
    old = desk.asked[-1].ask_id
    desk.type("o")
    assert old in desk.cancelled
    desk.do(desk.policy.piece(old, "airs ", desk.now_ms))
    desk.wait()
    assert desk.grey == ""


# -- when it is not asked ------------------------------------------------------------------------


def test_nothing_is_asked_after_a_deletion(desk: Desk) -> None:
    desk.erase()
    desk.wait(5000)
    assert not desk.asked


def test_nothing_is_asked_after_an_undo_or_redo(desk: Desk) -> None:
    desk.becomes("The keeper", undone=True)
    desk.becomes("The keeper climbed up", undone=True)
    desk.wait(5000)
    assert not desk.asked


def test_after_something_was_pasted_the_model_is_asked_when_it_has_settled(desk: Desk) -> None:
    desk.type(" ")
    desk.becomes("The keeper climbed up the stairs")
    assert len(desk.asked) == 1
    desk.wait(500)
    assert desk.prompts[-1] == "The keeper climbed up the stairs"


def test_nothing_is_asked_after_the_cursor_has_moved(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.moved(Around("The keep", "er climbed "), desk.now_ms))
    desk.wait(5000)
    assert desk.grey == ""
    assert len(desk.asked) == 1


def test_nothing_is_asked_inside_a_word(desk: Desk) -> None:
    desk.before, desk.after = "The kee", "er climbed"
    desk.type("p")
    assert not desk.asked


def test_nothing_is_asked_before_the_first_word(desk: Desk) -> None:
    desk.before = ""
    desk.type("  ")
    assert not desk.asked


def test_nothing_is_asked_inside_a_character(desk: Desk) -> None:
    desk.after = "\u0301"
    desk.type("e")
    assert not desk.asked


@pytest.mark.parametrize(
    ("craft", "line"), [(Craft.STORY, "## The"), (Craft.LYRICS, "# So"), (Craft.LYRICS, "[Vers")]
)
def test_nothing_is_asked_in_a_heading(desk: Desk, craft: Craft, line: str) -> None:
    desk.policy.writes(craft, None)
    desk.before = f"He left.\n\n{line}"
    desk.type("e")
    desk.wait(1000)
    assert not desk.asked
    desk.type("\n")
    assert len(desk.asked) == 1


def test_a_comment_of_a_program_is_no_heading(desk: Desk) -> None:
    desk.policy.writes(Craft.CODE, language_of(Path("lamp.py")))
    desk.before = "import os\n# The"
    desk.type(" ")
    assert len(desk.asked) == 1


def test_in_a_heading_what_is_known_already_may_show(desk: Desk) -> None:
    desk.before = "# The"
    desk.type(" ")
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    desk.say("Lighthouse")
    desk.type("L")
    desk.erase()
    assert desk.grey == "Lighthouse"
    assert len(desk.asked) == 1


def test_switched_off_nothing_is_asked_or_shown(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.configure(Options(asking=Asking.NEVER)))
    assert desk.grey == ""
    desk.type("x")
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    desk.wait(1000)
    assert len(desk.asked) == 1
    assert desk.told == [OFF]


def test_on_request_nothing_comes_by_itself(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.configure(Options(asking=Asking.ON_REQUEST)))
    assert desk.grey == ""
    desk.erase()
    desk.type(" ")
    desk.wait(1000)
    assert (desk.grey, len(desk.asked)) == ("", 1)
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    assert desk.grey == "the stairs"


def test_a_question_that_waited_is_not_asked_once_the_writer_wants_none(desk: Desk) -> None:
    for options in (Options(asking=Asking.ON_REQUEST), Options(asking=Asking.NEVER)):
        desk.becomes(desk.before + " pasted")
        desk.do(desk.policy.configure(options))
        desk.wait(1000)
    assert not desk.asked


def test_during_a_pause_nothing_comes_and_after_it_it_goes_on(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.becomes(desk.before + "up")
    desk.do(desk.policy.pause(desk.now_ms + 60_000))
    assert desk.grey == ""
    assert desk.policy.paused(desk.now_ms)
    desk.type(" a")
    desk.wait(61_000)
    assert len(desk.asked) == 1
    assert not desk.policy.paused(desk.now_ms)
    desk.type("b")
    assert len(desk.asked) == 2


def test_asking_by_a_key_does_not_end_a_pause(desk: Desk) -> None:
    desk.do(desk.policy.pause(desk.now_ms + 60_000))
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    desk.say(" the stairs.")
    assert desk.grey == " the stairs."
    desk.takes()
    desk.type("x")
    assert len(desk.asked) == 1


def test_a_pause_can_be_ended(desk: Desk) -> None:
    desk.do(desk.policy.pause(desk.now_ms + 60_000))
    desk.do(desk.policy.pause(0))
    desk.type(" ")
    assert len(desk.asked) == 1


def test_suggestions_refused_in_a_row_make_it_quieter_and_then_silent(desk: Desk) -> None:
    desk.policy.confidence = Confidence(threshold=0.2)
    seen = []
    for i in range(20):
        desk.suggest("the stairs")
        seen.append(bool(desk.grey))
        desk.wait(1000)
        desk.refuse()
        desk.type(f"{i}.")
    assert seen[0]
    assert not seen[5], "a longer gate"
    n = len(desk.asked)
    assert desk.policy.paused(desk.now_ms)
    desk.type(" x")
    desk.wait(5000)
    assert len(desk.asked) == n
    desk.type("\n")
    assert len(desk.asked) == n + 1, "another paragraph, another chance"


def test_a_draft_that_is_dropped_makes_it_no_quieter(desk: Desk) -> None:
    for _ in range(20):
        draft(desk, " slowly.")
        desk.wait(READ_MS)
        desk.refuse()
    assert not desk.policy.paused(desk.now_ms)
    assert desk.policy.confidence == Confidence()


# -- by a key ------------------------------------------------------------------------------------


def test_asked_by_a_key_the_unsure_is_shown_too(desk: Desk) -> None:
    desk.suggest("the stairs", sure=0.31)
    assert desk.grey == ""
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    assert desk.grey == "the stairs"
    assert len(desk.asked) == 1


def test_asked_by_a_key_a_guess_goes_on_to_its_natural_end(desk: Desk) -> None:
    desk.type(" ")
    desk.say("the ", sure=0.4, end=False)
    desk.say("stairs ", sure=0.3, end=False)
    assert desk.asked[-1].ask_id in desk.cancelled, "by itself it would stop at a word"
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    assert desk.prompts[-1] == "The keeper climbed the stairs "
    desk.say("again. He", sure=0.1)
    assert desk.grey == "the stairs again."


def test_asked_by_a_key_a_guess_from_before_goes_on_to_its_natural_end(desk: Desk) -> None:
    desk.type(" ")
    desk.say("the ", sure=0.9, end=False)
    desk.say("stairs ", sure=0.3, end=False)
    desk.wait()
    assert desk.grey == "the"
    desk.type("x")
    desk.erase()
    assert desk.grey == "the"
    desk.type("t")
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    assert desk.prompts[-1] == "The keeper climbed the"
    desk.say(" stairs again. He", sure=0.1)
    assert desk.grey == "he stairs again."
    n = len(desk.asked)
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    assert len(desk.asked) == n, "it has come to its end"


def test_asked_by_a_key_what_was_computed_ahead_goes_on_to_its_natural_end(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.wait(READ_MS)
    desk.say(" of", sure=0.9, end=False)
    desk.say(" the", sure=0.3, end=False)
    desk.takes()
    assert desk.grey == " of"
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    desk.say(" the tower. He", sure=0.1)
    assert desk.grey == " of the tower."


def test_asked_by_a_key_while_it_comes_a_guess_is_not_cut(desk: Desk) -> None:
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    desk.say(" the", sure=0.2, end=False)
    desk.say(" stairs", sure=0.2, end=False)
    desk.say(" again.", sure=0.2)
    assert (desk.grey, len(desk.asked)) == (" the stairs again.", 1)


def test_what_was_asked_for_comes_back_however_unsure(desk: Desk) -> None:
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    desk.say(" the stairs", sure=0.1)
    desk.type(" th")
    desk.erase(2)
    assert desk.grey == "the stairs"
    learned = desk.policy.confidence
    desk.type("x")
    assert desk.policy.confidence == learned, "it says nothing of what is shown unasked"


def test_asked_by_a_key_it_is_shown_without_a_gate(desk: Desk) -> None:
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    desk.say(" the stairs")
    assert desk.grey == " the stairs"


def test_asked_by_a_key_where_there_can_be_none_it_says_why(desk: Desk) -> None:
    desk.do(desk.policy.ask_now(Around("", ""), desk.now_ms))
    desk.do(desk.policy.ask_now(Around("The kee", "per"), desk.now_ms))
    assert desk.told[0].startswith("Write a few words first")
    assert desk.told[1] == INSIDE_A_WORD
    assert not desk.asked


def test_asked_by_a_key_a_refused_suggestion_comes_back_at_once(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.refuse()
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    assert desk.grey == "the stairs"
    assert len(desk.asked) == 1


# -- typing along, going back, the cache ---------------------------------------------------------


def test_typing_what_the_grey_text_says_keeps_it_and_trims_it(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.type("the ")
    assert desk.grey == "stairs"
    assert len(desk.asked) == 1


def test_backspace_over_it_brings_it_back(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.type("the ")
    desk.erase(3)
    assert desk.grey == "he stairs"
    desk.type("x")
    assert desk.grey == ""
    desk.erase()
    assert desk.grey == "he stairs"
    assert len(desk.asked) == 2


def test_undo_of_an_accept_brings_it_back(desk: Desk) -> None:
    desk.suggest("the stairs.")
    before = desk.before
    desk.takes()
    desk.becomes(before, undone=True)
    assert desk.grey == "the stairs."


def test_typing_anything_else_takes_it_away_and_asks_again(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.type("a")
    assert desk.grey == ""
    assert desk.prompts[-1] == "The keeper climbed a"


def test_typing_the_whole_of_it_asks_for_more(desk: Desk) -> None:
    desk.suggest("up")
    desk.type("up")
    assert desk.grey == ""
    assert desk.prompts[-1] == "The keeper climbed up"


def test_text_that_comes_after_typing_along_joins_on(desk: Desk) -> None:
    desk.type(" the st")
    desk.wait()
    desk.say("airs of", end=False)
    desk.type("ai")
    desk.say(" the", end=False)
    assert desk.grey == "rs of the"


def test_another_model_does_not_repeat_what_the_last_one_said(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.forget())
    assert desk.grey == ""
    desk.type("t")
    desk.erase()
    assert desk.grey == ""


# -- accepting -----------------------------------------------------------------------------------


def test_all_of_it_is_taken_at_once(desk: Desk) -> None:
    desk.suggest("the stairs. ")
    desk.takes()
    assert desk.before == "The keeper climbed the stairs."
    assert desk.grey == ""


def test_after_an_accept_the_next_suggestion_is_asked_for(desk: Desk) -> None:
    desk.suggest("the stairs.")
    desk.takes()
    assert desk.prompts[-1] == "The keeper climbed the stairs."


def test_the_rest_stays_after_a_word_was_taken(desk: Desk) -> None:
    desk.suggest("the stairs, slowly")
    desk.takes(Amount.WORD)
    assert (desk.before, desk.grey) == ("The keeper climbed the", " stairs, slowly")
    desk.takes(Amount.WORD)
    assert (desk.before, desk.grey) == ("The keeper climbed the stairs", ", slowly")
    assert len(desk.asked) == 1


def test_in_prose_a_sentence_is_taken_and_in_verse_a_line(desk: Desk) -> None:
    draft(desk, " the stairs. The lamp\nwas lit. He sat")
    desk.takes(Amount.SENTENCE)
    assert desk.before == "The keeper climbed the stairs."
    desk.policy.writes(Craft.LYRICS, None)
    desk.takes(Amount.SENTENCE)
    assert desk.before == "The keeper climbed the stairs. The lamp"
    desk.takes(Amount.SENTENCE)
    assert desk.before == "The keeper climbed the stairs. The lamp\nwas lit. He sat"


def test_while_it_is_read_what_follows_it_is_computed(desk: Desk) -> None:
    desk.suggest("the stairs.")
    assert len(desk.asked) == 1
    desk.wait(200)
    assert desk.prompts[-1] == "The keeper climbed the stairs."
    desk.say(" He lit the lamp.")
    assert desk.grey == "the stairs."
    desk.takes()
    assert desk.grey == " He lit the lamp."
    assert len(desk.asked) == 2


@pytest.mark.parametrize("typed", [False, True])
def test_what_follows_goes_on_arriving_after_it_was_taken(desk: Desk, typed: bool) -> None:
    desk.suggest("the stairs.")
    desk.wait(200)
    ahead = desk.asked[-1].ask_id
    if typed:
        desk.type("the stairs.")
    else:
        desk.takes()
    assert ahead not in desk.cancelled
    desk.say(" He lit the lamp.")
    assert desk.grey == " He lit the lamp."
    assert len(desk.asked) == 2


def test_what_would_have_followed_is_called_off_with_the_suggestion(desk: Desk) -> None:
    desk.suggest("the stairs.")
    desk.wait(200)
    ahead = desk.asked[-1].ask_id
    desk.type("x")
    assert ahead in desk.cancelled


def test_what_was_computed_for_another_kind_of_text_is_called_off(desk: Desk) -> None:
    desk.suggest("the stairs.")
    desk.wait(200)
    ahead = desk.asked[-1].ask_id
    desk.policy.writes(Craft.LYRICS, None)
    desk.takes()
    assert ahead in desk.cancelled


def test_while_the_writer_only_reads_nothing_more_happens(desk: Desk) -> None:
    desk.suggest("the stairs.")
    desk.wait(200)
    desk.say(" He lit the lamp.")
    desk.wait(1000)
    assert desk.wake_at_ms is None
    assert len(desk.asked) == 2


def test_escape_takes_it_away_until_something_is_typed(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.refuse()
    desk.wait(5000)
    assert desk.grey == ""
    assert len(desk.asked) == 1


# -- another one ---------------------------------------------------------------------------------


def test_other_suggestions_come_from_one_batch(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.another(1, desk.now_ms))
    assert desk.grey == "the stairs", "until there is another one"
    assert desk.asked[-1].request.versions == ALTERNATIVES
    for version, text in enumerate(("a ladder ", "the stairs ", "up again ", "up again ")):
        desk.say(text, version=version, end=False)
    desk.end()
    shown = [desk.grey]
    for step in (1, 1, -1, -1, -1):
        desk.do(desk.policy.another(step, desk.now_ms))
        shown.append(desk.grey)
    assert shown == [
        "a ladder",
        "up again",
        "the stairs",
        "up again",
        "a ladder",
        "the stairs",
    ]
    assert len(desk.asked) == 2


def test_what_follows_is_computed_for_the_alternative_in_sight(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.another(1, desk.now_ms))
    desk.say("a ladder")
    desk.wait(200)
    assert desk.prompts[-1] == "The keeper climbed a ladder"
    ahead = desk.asked[-1].ask_id
    desk.do(desk.policy.another(1, desk.now_ms))
    assert ahead in desk.cancelled
    desk.wait(200)
    assert desk.prompts[-1] == "The keeper climbed the stairs"


def test_an_alternative_that_is_typed_along_comes_back_after_backspace(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.another(1, desk.now_ms))
    desk.say("a ladder")
    assert desk.grey == "a ladder"
    desk.type("a l")
    desk.erase(2)
    assert desk.grey == " ladder"


def test_after_a_word_was_taken_other_ways_on_are_asked_for_afresh(desk: Desk) -> None:
    desk.suggest("the stairs slowly")
    desk.takes(Amount.WORD)
    desk.do(desk.policy.another(1, desk.now_ms))
    assert desk.prompts[-1] == "The keeper climbed the"
    desk.say(" ladder ")
    assert desk.grey == " ladder"
    desk.takes(Amount.WORD)
    assert desk.before == "The keeper climbed the ladder"


def test_alternatives_go_on_to_a_natural_end_and_come_back(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.another(1, desk.now_ms))
    for text in ("a ", "ladder ", "slowly. "):
        desk.say(text, sure=0.2, end=False)
    desk.end()
    assert desk.grey == "a ladder slowly."
    desk.takes()
    desk.becomes("The keeper climbed ", undone=True)
    assert desk.grey == "a ladder slowly."


def test_when_there_is_no_other_it_says_so(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.another(1, desk.now_ms))
    desk.say("the stairs")
    assert desk.grey == "the stairs"
    assert desk.told == [NO_OTHER]


# -- only when sure ------------------------------------------------------------------------------


def test_the_unsure_is_not_shown(desk: Desk) -> None:
    desk.suggest("the stairs", sure=0.35)
    desk.wait(1000)
    assert desk.grey == ""


def test_the_unsure_is_shown_to_who_wants_to_see_all() -> None:
    desk = Desk(Completion(Options(gated=False)))
    desk.suggest("the stairs", sure=0.31)
    assert desk.grey == "the stairs"


def test_one_letter_or_mark_is_not_worth_a_key_unless_it_was_asked_for(desk: Desk) -> None:
    desk.suggest("a")
    assert desk.grey == ""
    desk.do(desk.policy.ask_now(desk.around, desk.now_ms))
    assert desk.grey == "a"


def test_what_is_out_of_sight_is_not_taken(desk: Desk) -> None:
    desk.suggest("up")
    desk.type("u")
    assert desk.grey == "", "one letter is left"
    desk.takes()
    assert desk.before == "The keeper climbed u"


@pytest.mark.parametrize("gated", [True, False])
def test_what_is_in_sight_can_be_taken_whatever_is_chosen_meanwhile(gated: bool) -> None:
    desk = Desk(Completion(Options(gated=gated)))
    desk.suggest("up")
    desk.type("u")
    desk.do(desk.policy.configure(Options(gated=not gated)))
    seen = desk.grey
    assert seen == ("" if gated else "p")
    desk.takes()
    assert desk.before == f"The keeper climbed u{seen}"


def test_what_follows_an_accepted_word_can_be_taken_however_short(desk: Desk) -> None:
    desk.suggest("the stairs.")
    desk.takes(Amount.WORD)
    desk.takes(Amount.WORD)
    assert desk.grey == "."
    desk.takes(Amount.WORD)
    assert desk.before == "The keeper climbed the stairs."


def test_what_was_too_unsure_to_be_shown_is_asked_again_with_each_letter(desk: Desk) -> None:
    desk.suggest("the stairs", sure=0.35)
    desk.type("t")
    assert desk.grey == ""
    assert desk.prompts[-1] == "The keeper climbed t"
    desk.say("he stairs", sure=0.8)
    desk.wait()
    assert desk.grey == "he stairs"


def test_what_is_taken_lowers_the_bar_and_what_is_refused_raises_it(desk: Desk) -> None:
    start = desk.policy.confidence.threshold
    desk.suggest("the stairs")
    desk.takes()
    lower = desk.policy.confidence.threshold
    assert lower < start
    desk.suggest("slowly")
    desk.refuse()
    assert desk.policy.confidence.threshold > lower


def test_typing_all_of_its_first_word_counts_as_right_and_only_once(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.type("the")
    assert desk.policy.confidence.seen == 4, "it was in sight after four keys"
    desk.type(" stairs")
    assert desk.policy.confidence.seen == 4
    assert desk.policy.confidence.threshold < Confidence().threshold


def test_writing_something_else_counts_as_wrong_even_after_its_first_letters(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.type("thi")
    assert desk.policy.confidence.seen == 3
    assert desk.policy.confidence.threshold > Confidence().threshold


def test_what_was_never_in_sight_teaches_nothing(desk: Desk) -> None:
    desk.type(" ")
    desk.say("the stairs")
    desk.type("x")
    assert desk.policy.confidence == Confidence()


def test_deleting_what_was_taken_counts_against_it(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.takes()
    learned = desk.policy.confidence
    desk.now_ms += 2000
    desk.erase()
    assert desk.policy.confidence.threshold > learned.threshold
    raised = desk.policy.confidence
    desk.erase()
    assert desk.policy.confidence == raised


# -- what stands around the cursor ---------------------------------------------------------------


def test_what_already_stands_after_the_cursor_is_not_suggested(desk: Desk) -> None:
    desk.after = " up the stairs.\nThen"
    desk.suggest("up the stairs.")
    assert desk.grey == ""


def test_in_the_middle_of_a_line_the_way_on_that_fits_best_is_shown(desk: Desk) -> None:
    desk.after = " with the lamp in his hand.\nThen"
    desk.type(" ")
    assert desk.asked[-1].request.versions == ALTERNATIVES
    for version, text in enumerate(("the sea", "the stairs", "the stairs", "")):
        desk.say(text, version=version, end=False)
    desk.end()
    desk.wait()
    assert desk.grey == ""
    rank = desk.ranks[-1]
    assert rank.candidates == ("the sea", "the stairs")
    assert rank.following == " with the lamp in his hand."
    desk.do(desk.policy.ranked(rank.ask_id, [-4.0, -1.0], desk.now_ms))
    assert desk.grey == "the stairs"
    desk.type("x")
    desk.erase()
    assert desk.grey == "the stairs", "it was kept"


def test_typing_on_calls_the_ranking_off(desk: Desk) -> None:
    desk.after = " with the lamp."
    desk.type(" ")
    for version, text in enumerate(("the sea", "the stairs", "a rope", "up")):
        desk.say(text, version=version, end=False)
    desk.end()
    rank = desk.ranks[-1]
    desk.type("x")
    assert rank.ask_id in desk.cancelled
    desk.do(desk.policy.ranked(rank.ask_id, [-4.0, -1.0, -2.0, -2.0], desk.now_ms))
    assert desk.grey == ""


def test_one_candidate_needs_no_ranking(desk: Desk) -> None:
    desk.after = " with the lamp."
    desk.type(" ")
    desk.say("the stairs")
    desk.wait()
    assert not desk.ranks
    assert desk.grey == "the stairs"


def test_a_model_that_fills_in_the_middle_is_given_what_follows() -> None:
    desk = Desk(Completion(Options(fills_in=True)))
    desk.after = " with the lamp."
    desk.type(" ")
    request = desk.asked[-1].request
    assert (request.versions, request.suffix) == (1, " with the lamp.")


def test_a_blank_answer_is_not_shown(desk: Desk) -> None:
    desk.suggest("  ")
    assert desk.grey == ""
    assert desk.policy.kind is None


def test_half_a_character_is_never_shown(desk: Desk) -> None:
    desk.type(" ")
    desk.wait()
    desk.say("cafe", end=False)
    desk.say("\u0301 noir", end=True)
    assert desk.grey == "cafe\u0301 noir"
    desk.type("cafe")
    assert desk.grey == ""
    desk.type("\u0301")
    assert desk.grey == " noir"


# -- drafts --------------------------------------------------------------------------------------


def draft(desk: Desk, text: str, *, end: bool = True) -> None:
    desk.do(desk.policy.draft(desk.around, desk.now_ms))
    desk.say(text, end=end)


def test_a_draft_runs_over_paragraphs(desk: Desk) -> None:
    draft(desk, " slowly.\n\nAt the top he stopped.")
    assert desk.policy.kind is Kind.DRAFT
    assert desk.grey == " slowly.\n\nAt the top he stopped."


def test_a_draft_is_taken_sentence_by_sentence(desk: Desk) -> None:
    draft(desk, " slowly. “Who is there?” he said. Nobody.")
    for expected in (" slowly.", " “Who is there?”", " he said.", " Nobody."):
        before = desk.before
        desk.takes(Amount.SENTENCE)
        assert desk.before == before + expected
    assert desk.grey == ""


def test_a_stopped_draft_keeps_what_was_written(desk: Desk) -> None:
    draft(desk, " slowly, one hand on ", end=False)
    assert desk.policy.streaming
    desk.do(desk.policy.stop(desk.now_ms))
    assert desk.asked[-1].ask_id in desk.cancelled
    assert desk.grey == " slowly, one hand on"
    assert not desk.policy.streaming


def test_trying_again_asks_with_another_seed(desk: Desk) -> None:
    draft(desk, " slowly.")
    draft(desk, " quickly.")
    first, second = (ask.request.sampling.seed for ask in desk.asked)
    assert first != second
    assert desk.grey == " quickly."


def test_a_draft_taken_while_it_is_written_ends_it(desk: Desk) -> None:
    draft(desk, " slowly, one hand ", end=False)
    written = desk.asked[-1].ask_id
    desk.takes()
    assert desk.before == "The keeper climbed slowly, one hand"
    assert written in desk.cancelled


def test_of_a_draft_that_has_only_begun_with_a_space_nothing_is_taken(desk: Desk) -> None:
    draft(desk, " ", end=False)
    desk.takes()
    assert desk.before == "The keeper climbed"
    assert desk.policy.streaming


def test_the_last_letter_of_a_draft_stays_in_sight(desk: Desk) -> None:
    draft(desk, "ed", end=False)
    desk.type("e")
    assert desk.grey == "d"


def test_a_draft_of_nothing_is_refused_with_a_sentence(desk: Desk) -> None:
    desk.before = " \n"
    desk.do(desk.policy.draft(desk.around, desk.now_ms))
    assert not desk.asked
    assert desk.told


def test_switching_suggestions_off_leaves_drafts(desk: Desk) -> None:
    desk.do(desk.policy.configure(Options(asking=Asking.NEVER)))
    draft(desk, " slowly.")
    assert desk.grey == " slowly."


def test_a_draft_shows_whole_characters_only(desk: Desk) -> None:
    draft(desk, " hello \U0001f469\u200d", end=False)
    assert desk.grey == " hello "
    desk.say("\U0001f4bb.", end=False)
    assert desk.grey == " hello \U0001f469\u200d\U0001f4bb."


# -- whatever comes in whatever order ------------------------------------------------------------

_CHARACTERS = st.sampled_from("the stairs.\n“é🙂e\u0301👩\u200d💻 ")
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.text(_CHARACTERS, min_size=1, max_size=3)),
        st.tuples(st.just("along"), st.integers(1, 4)),
        st.tuples(
            st.just("say"),
            st.tuples(
                st.integers(-3, -1),
                st.text(_CHARACTERS, max_size=12),
                st.sampled_from([1.0, 0.6, 0.2]),
                st.integers(0, ALTERNATIVES - 1),
            ),
        ),
        st.tuples(st.just("suggest"), st.text(_CHARACTERS, min_size=1, max_size=12)),
        st.tuples(st.just("end"), st.tuples(st.integers(-3, -1), st.booleans())),
        st.tuples(st.just("rank"), st.lists(st.floats(-9, 0), min_size=1, max_size=4)),
        st.tuples(st.just("accept"), st.sampled_from(list(Amount))),
        st.tuples(st.just("another"), st.sampled_from([1, -1])),
        st.tuples(st.just("configure"), st.sampled_from(list(Asking))),
        st.tuples(st.just("gate"), st.booleans()),
        st.tuples(st.just("pause"), st.sampled_from([0, 300])),
        st.tuples(st.just("erase"), st.booleans()),
        st.tuples(st.just("paste"), st.text(_CHARACTERS, max_size=5)),
        st.tuples(st.just("move"), st.sampled_from(["", " up", " and then\nhe", "x", "\u0301"])),
        st.tuples(st.just("wait"), st.integers(0, 700)),
        st.tuples(st.sampled_from(["dismiss", "stop", "draft", "ask", "forget"]), st.none()),
        st.tuples(st.just("writes"), st.sampled_from(list(Craft))),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(_STEPS)
def test_only_keys_put_text_into_the_document(  # noqa: C901 (one case for each event)
    steps: list[tuple[str, object]],
) -> None:
    """The text is what was typed and taken, grey text is what is told, and nothing that is not
    wanted any more goes on being computed."""
    desk, expected = Desk(), "The keeper climbed"
    policy = desk.policy
    for name, value in steps:
        match name, value:
            case "type", str(text):
                desk.type(text)
                expected += text
            case "along", int(n):
                text = desk.grey[:n]
                desk.type(text)
                expected += text
            case "say", (int(which), str(text), float(sure), int(version)) if desk.asked:
                ask = desk.asked[max(which, -len(desk.asked))]
                if ask.request.versions == 1:
                    version = 0
                said = policy.piece(
                    ask.ask_id, text, desk.now_ms, probability=sure, version=version
                )
                desk.do(said)
            case "suggest", str(text):
                desk.type(" ")
                expected += " "
                desk.wait()
                if desk.asked and desk.asked[-1].ask_id not in desk.ended | desk.cancelled:
                    desk.say(text)
                    desk.wait()
            case "end", (int(which), bool(short)) if desk.asked:
                ask = desk.asked[max(which, -len(desk.asked))]
                desk.ended.add(ask.ask_id)
                desk.do(policy.ended(ask.ask_id, desk.now_ms, cut_short=short))
            case "rank", list(scores) if desk.ranks:
                desk.do(policy.ranked(desk.ranks[-1].ask_id, scores, desk.now_ms))
            case "accept", Amount() as amount:
                shown = desk.grey
                desk.takes(amount)
                taken = desk.before[len(expected) :]
                assert shown.startswith(taken)
                expected += taken
            case "another", int(step):
                desk.do(policy.another(step, desk.now_ms))
            case "configure", Asking() as asking:
                desk.do(policy.configure(replace(policy._options, asking=asking)))
            case "gate", bool(gated):
                desk.do(policy.configure(replace(policy._options, gated=gated)))
            case "pause", int(ms):
                desk.do(policy.pause(desk.now_ms + ms if ms else 0))
            case "erase", bool(undone):
                expected = expected[:-1]
                desk.becomes(expected, undone=undone)
            case "paste", str(text):
                expected += text
                desk.becomes(expected)
            case "move", str(after):
                desk.after = after
                desk.do(policy.moved(desk.around, desk.now_ms))
            case "wait", int(ms):
                desk.wait(ms)
            case "draft", _:
                desk.do(policy.draft(desk.around, desk.now_ms))
            case "ask", _:
                desk.do(policy.ask_now(desk.around, desk.now_ms))
            case "dismiss", _:
                desk.refuse()
            case "stop", _:
                desk.do(policy.stop(desk.now_ms))
            case "forget", _:
                desk.do(policy.forget())
            case "writes", Craft() as craft:
                policy.writes(craft, None)
        assert desk.before == expected
        assert policy.text == desk.grey
        wanted = {policy._grey.ask_id} if policy._grey else set()
        wanted |= {policy._ahead.ask_id} if policy._ahead else set()
        going_on = {ask.ask_id for ask in desk.asked} - desk.cancelled - desk.ended
        assert going_on <= wanted, "what is not wanted any more is still computed"
        if policy.kind is None:
            assert desk.grey == ""
