"""The policy of the grey text, played without a window, a model or a clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine import Priority
from studio.writing.completion import (
    Action,
    Amount,
    Around,
    Ask,
    Cancel,
    Completion,
    Hide,
    Insert,
    Kind,
    Options,
    Show,
    Tell,
    WakeAt,
)


@dataclass
class Desk:
    """An editor reduced to what the policy can see: a text, a cursor, and grey text."""

    policy: Completion = field(default_factory=lambda: Completion(Options(pause_ms=80)))
    before: str = "The keeper climbed"
    after: str = ""
    now_ms: float = 0.0
    grey: str = ""
    asked: list[Ask] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    wake_at_ms: float | None = None

    @property
    def around(self) -> Around:
        return Around(self.before, self.after)

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Ask():
                    self.asked.append(action)
                case Cancel(ask_id):
                    self.cancelled.add(ask_id)
                case Show(text):
                    assert text
                    self.grey = text
                case Hide():
                    self.grey = ""
                case Insert(text):
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

    def wait(self, ms: float) -> None:
        self.now_ms += ms
        if self.wake_at_ms is not None and self.now_ms >= self.wake_at_ms:
            self.wake_at_ms = None
            self.do(self.policy.tick(self.now_ms))

    def say(self, text: str, *, end: bool = True) -> None:
        """The model answers the latest request."""
        self.do(self.policy.piece(self.asked[-1].ask_id, text))
        if end:
            self.do(self.policy.ended(self.asked[-1].ask_id))

    def suggest(self, text: str) -> None:
        self.type(" ")
        self.wait(100)
        self.say(text)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_pause_in_typing_asks_once(desk: Desk) -> None:
    desk.type(" the st")
    desk.wait(50)
    assert not desk.asked
    desk.wait(50)
    desk.wait(1000)
    assert [ask.request.prompt for ask in desk.asked] == ["The keeper climbed the st"]
    assert desk.asked[0].request.priority is Priority.INLINE


def test_the_model_is_given_what_is_made_of_the_text_for_suggestions_and_drafts() -> None:
    desk = Desk(Completion(prompt_of=lambda before: f"A lighthouse.\n\n{before}"))
    desk.type(" the st")
    desk.wait(100)
    desk.do(desk.policy.draft(desk.around))
    assert [ask.request.prompt for ask in desk.asked] == [
        "A lighthouse.\n\nThe keeper climbed the st"
    ] * 2
    assert not desk.asked[1].request.heal
    desk.say("airs")
    assert desk.grey == "airs"


def test_typing_on_starts_the_pause_again(desk: Desk) -> None:
    for character in " the stairs":
        desk.type(character)
        desk.wait(60)
    assert not desk.asked


def test_the_suggestion_is_shown_as_it_comes(desk: Desk) -> None:
    desk.type(" the st")
    desk.wait(100)
    desk.say("airs", end=False)
    assert desk.grey == "airs"
    desk.say(" of the tower")
    assert desk.grey == "airs of the tower"


def test_typing_what_the_grey_text_says_keeps_it_and_trims_it(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.type("the ")
    assert desk.grey == "stairs"
    desk.wait(1000)
    assert len(desk.asked) == 1


def test_typing_anything_else_takes_it_away_and_asks_again(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.type("a")
    assert desk.grey == ""
    desk.wait(100)
    assert desk.asked[-1].request.prompt == "The keeper climbed a"


def test_typing_the_whole_of_it_asks_for_more(desk: Desk) -> None:
    desk.suggest("up")
    desk.type("up")
    assert desk.grey == ""
    desk.wait(100)
    assert desk.asked[-1].request.prompt == "The keeper climbed up"


def test_text_that_comes_after_typing_along_joins_on(desk: Desk) -> None:
    desk.type(" the st")
    desk.wait(100)
    desk.say("airs", end=False)
    desk.type("ai")
    desk.say(" of")
    assert desk.grey == "rs of"


def test_an_answer_to_an_older_question_is_never_shown(desk: Desk) -> None:
    desk.type(" the st")
    desk.wait(100)
    old = desk.asked[-1].ask_id
    desk.type("o")
    assert old in desk.cancelled
    desk.do(desk.policy.piece(old, "airs"))
    assert desk.grey == ""


def test_tab_takes_all_of_it(desk: Desk) -> None:
    desk.suggest("the stairs. ")
    desk.do(desk.policy.accept(Amount.ALL, desk.now_ms))
    assert desk.before == "The keeper climbed the stairs."
    assert desk.grey == ""


def test_after_an_accept_the_next_suggestion_is_asked_for(desk: Desk) -> None:
    desk.suggest("the stairs.")
    desk.do(desk.policy.accept(Amount.ALL, desk.now_ms))
    desk.wait(100)
    assert desk.asked[-1].request.prompt == "The keeper climbed the stairs."


def test_the_rest_stays_after_a_word_was_taken(desk: Desk) -> None:
    desk.suggest("the stairs, slowly")
    desk.do(desk.policy.accept(Amount.WORD, desk.now_ms))
    assert (desk.before, desk.grey) == ("The keeper climbed the", " stairs, slowly")
    desk.do(desk.policy.accept(Amount.WORD, desk.now_ms))
    assert (desk.before, desk.grey) == ("The keeper climbed the stairs,", " slowly")
    assert len(desk.asked) == 1


def test_escape_takes_it_away_until_something_is_typed(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.dismiss())
    desk.wait(5000)
    assert desk.grey == ""
    assert len(desk.asked) == 1


def test_moving_the_cursor_takes_it_away_and_asks_nothing(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.moved(Around("The keep", "er climbed ")))
    desk.wait(5000)
    assert desk.grey == ""
    assert len(desk.asked) == 1


def test_a_deletion_takes_it_away(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.before = desk.before[:-1]
    desk.do(desk.policy.changed(desk.around, desk.now_ms))
    assert desk.grey == ""


def test_nothing_is_asked_inside_a_word(desk: Desk) -> None:
    desk.before, desk.after = "The kee", "er climbed"
    desk.type("p")
    desk.wait(1000)
    assert not desk.asked


def test_nothing_is_asked_before_the_first_word(desk: Desk) -> None:
    desk.before = ""
    desk.type("  ")
    desk.wait(1000)
    assert not desk.asked


def test_what_already_stands_after_the_cursor_is_not_suggested(desk: Desk) -> None:
    desk.after = " up the stairs.\nThen"
    desk.suggest("up the stairs.")
    assert desk.grey == ""


def test_a_blank_answer_is_not_shown(desk: Desk) -> None:
    desk.suggest("  ")
    assert desk.grey == ""
    assert desk.policy.kind is None


def test_switching_suggestions_off_takes_one_away(desk: Desk) -> None:
    desk.suggest("the stairs")
    desk.do(desk.policy.configure(Options(enabled=False)))
    assert desk.grey == ""
    desk.type("x")
    desk.wait(1000)
    assert len(desk.asked) == 1


def draft(desk: Desk, text: str, *, end: bool = True) -> None:
    desk.do(desk.policy.draft(desk.around))
    desk.say(text, end=end)


def test_a_draft_runs_over_paragraphs(desk: Desk) -> None:
    draft(desk, " slowly.\n\nAt the top he stopped.")
    assert desk.policy.kind is Kind.DRAFT
    assert desk.grey == " slowly.\n\nAt the top he stopped."


def test_a_draft_is_taken_sentence_by_sentence(desk: Desk) -> None:
    draft(desk, " slowly. “Who is there?” he said. Nobody.")
    for expected in (" slowly.", " “Who is there?”", " he said.", " Nobody."):
        before = desk.before
        desk.do(desk.policy.accept(Amount.SENTENCE, desk.now_ms))
        assert desk.before == before + expected
    assert desk.grey == ""


def test_a_stopped_draft_keeps_what_was_written(desk: Desk) -> None:
    draft(desk, " slowly, one hand on ", end=False)
    assert desk.policy.streaming
    desk.do(desk.policy.stop())
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
    desk.do(desk.policy.accept(Amount.ALL, desk.now_ms))
    assert desk.before == "The keeper climbed slowly, one hand"
    assert desk.asked[-1].ask_id in desk.cancelled


def test_a_draft_of_nothing_is_refused_with_a_sentence(desk: Desk) -> None:
    desk.before = " \n"
    desk.do(desk.policy.draft(desk.around))
    assert not desk.asked
    assert desk.told


def test_switching_suggestions_off_leaves_drafts(desk: Desk) -> None:
    desk.do(desk.policy.configure(Options(enabled=False)))
    draft(desk, " slowly.")
    assert desk.grey == " slowly."


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.text(st.sampled_from("the stairs.\n“é🙂"), max_size=3)),
        st.tuples(st.just("say"), st.text(st.sampled_from("the stairs.\n“é🙂 "), max_size=12)),
        st.tuples(st.just("end"), st.just("")),
        st.tuples(st.just("accept"), st.sampled_from(list(Amount))),
        st.tuples(st.just("dismiss"), st.just("")),
        st.tuples(st.just("stop"), st.just("")),
        st.tuples(st.just("draft"), st.just("")),
        st.tuples(st.just("delete"), st.just("")),
        st.tuples(st.just("wait"), st.integers(0, 200)),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(_STEPS)
def test_only_keys_put_text_into_the_document(steps: list[tuple[str, object]]) -> None:
    """Whatever comes in whatever order: the text is what was typed and taken, no more."""
    desk, expected = Desk(), "The keeper climbed"
    for name, value in steps:
        match name, value:
            case "type", str(text):
                desk.type(text)
                expected += text
            case "say", str(text) if desk.asked:
                desk.say(text, end=False)
            case "end", _ if desk.asked:
                desk.ended.add(desk.asked[-1].ask_id)
                desk.do(desk.policy.ended(desk.asked[-1].ask_id))
            case "accept", Amount() as amount:
                shown = desk.grey
                desk.do(desk.policy.accept(amount, desk.now_ms))
                taken = desk.before[len(expected) :]
                assert shown.startswith(taken)
                assert taken or not shown
                expected += taken
            case "delete", _:
                desk.before = expected = expected[:-1]
                desk.do(desk.policy.changed(desk.around, desk.now_ms))
            case "wait", int(ms):
                desk.wait(ms)
            case "draft", _:
                desk.do(desk.policy.draft(desk.around))
            case "dismiss", _:
                desk.do(desk.policy.dismiss())
            case "stop", _:
                desk.do(desk.policy.stop())
        assert desk.before == expected
        assert desk.policy.text == desk.grey
        unended = {ask.ask_id for ask in desk.asked[:-1]} - desk.cancelled - desk.ended
        assert not unended, "a newer question leaves an older one running"
