"""From typing to grey text, and from a key to text."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessibleAnnouncementEvent, QAccessibleEvent, QAction
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from studio.engine import (
    Capabilities,
    Finished,
    Piece,
    Priority,
    Reading,
    Scored,
    Scoring,
    Token,
)
from studio.engine.client import Failed
from studio.ui import spoken
from studio.ui.completer import NOTHING_THERE, SELECTED, TOO_LONG, Completer
from studio.ui.learned import Learned
from studio.ui.suggesting import Suggesting
from studio.writing.completion import ALTERNATIVES
from studio.writing.confidence import Confidence
from studio.writing.craft import Craft
from studio.writing.decisions import Amount

if TYPE_CHECKING:
    from tests.ui.conftest import Asked, Writer

CONTROL = Qt.KeyboardModifier.ControlModifier
SURE_MS = 100
"""Longer than any gate or pause of a quick machine."""


class Session:
    """A writer with a completer."""

    def __init__(self, writer: Writer, qtbot: QtBot) -> None:
        writer.desk.settings.change(tab_takes="all")
        self.writer = writer
        self.editor = writer.editor
        self.client = writer.client
        self.learned = Learned(writer.desk.data_dir / "confidence.json", writer.editor)
        self.suggesting = Suggesting(
            writer.desk.settings, self.learned, lambda: False, writer.editor
        )
        self.completer = Completer(writer.editor, writer.desk, self.suggesting)
        self.told: list[str] = []
        self.completer.told.connect(self.told.append)
        self._qtbot = qtbot

    def asked(self) -> Asked:
        """The question that was asked last and still counts."""
        assert not self.client.last.cancelled
        return self.client.last

    def suggested(self, *pieces: str) -> Asked:
        """Type a beginning and get this suggestion, with more to come."""
        self.writer.types("Once ")
        asked = self.asked()
        asked.says(*pieces)
        self._qtbot.waitUntil(lambda: self.ghost == "".join(pieces))
        return asked

    def suggested_wholly(self, text: str) -> None:
        self.writer.types("Once ")
        asked = self.asked()
        asked.says(text)
        asked.ends()
        self._qtbot.waitUntil(lambda: self.ghost == text)

    def drafted(self, *pieces: str) -> Asked:
        self.writer.types("Once ")
        self.writer.presses(Qt.Key.Key_Return, CONTROL)
        asked = self.client.last
        asked.says(*pieces)
        self._qtbot.waitUntil(lambda: self.ghost == "".join(pieces))
        return asked

    def nothing_is_asked(self, within_ms: int = SURE_MS) -> bool:
        n = len(self.client.asked)
        self._qtbot.wait(within_ms)
        return len(self.client.asked) == n

    @property
    def ghost(self) -> str:
        return self.editor.ghost.text

    @property
    def text(self) -> str:
        return self.editor.text()


@pytest.fixture
def session(writer: Writer, qtbot: QtBot) -> Session:
    return Session(writer, qtbot)


# -- suggestions ---------------------------------------------------------------------------------


def test_each_key_asks_for_what_stands_before_the_cursor(session: Session) -> None:
    session.writer.types("Once ")
    request = session.asked().request
    assert request.prompt == "Once "
    assert request.priority is Priority.INLINE
    assert request.max_tokens == session.writer.desk.settings.current.suggestion_tokens


def test_typing_on_calls_off_what_was_asked_before(session: Session) -> None:
    session.writer.types("Once upon")
    assert session.asked().request.prompt == "Once upon"
    assert all(asked.cancelled for asked in session.client.asked[:-1])


def test_what_the_model_says_of_a_prompt_is_passed_on(session: Session) -> None:
    read: list[tuple[str, int]] = []
    session.completer.prompt_read.connect(lambda prompt, tokens: read.append((prompt, tokens)))
    session.writer.types("Once ")
    asked = session.asked()
    assert read == []
    asked.gets(Finished(2, 0, 1, 1.0, 1.0))
    assert read == [("Once ", 2)]


def test_the_answer_is_shown_in_grey(session: Session) -> None:
    asked = session.suggested("upon", " a")
    assert session.completer.state == "suggestion: Tab takes it"
    asked.ends()
    assert (session.ghost, session.text) == ("upon a", "Once ")


def test_typing_what_the_ghost_says_trims_it(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.writer.types("upo")
    assert (session.text, session.ghost) == ("Once upo", "n a time")
    assert session.nothing_is_asked()


def test_typing_what_is_still_on_its_way_to_the_screen_trims_it_too(session: Session) -> None:
    asked = session.suggested("upon a")
    asked.says(" ti", "me and")
    session.writer.types("up")
    assert session.ghost == "on a time and"


def test_typing_anything_else_replaces_it(session: Session) -> None:
    asked = session.suggested("upon a time")
    session.writer.types("x")
    assert session.ghost == ""
    assert asked.cancelled
    assert session.asked().request.prompt == "Once x"


def test_what_comes_after_a_cancellation_is_not_shown(session: Session) -> None:
    asked = session.suggested("upon a")
    session.writer.types("x")
    asked.says(" a time")
    asked.ends()
    assert session.ghost == ""


def test_chinese_typed_by_an_input_method_trims_what_it_says(session: Session) -> None:
    session.writer.types("他说：")
    asked = session.asked()
    asked.says("你好世界")
    asked.ends()
    session.writer.composes("nihao")
    assert session.ghost == ""
    n = len(session.client.asked)
    session.writer.composes("", "你好")
    assert (session.text, session.ghost) == ("他说：你好", "世界")
    assert len(session.client.asked) == n


def test_tab_accepts_all(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Tab)
    assert (session.text, session.ghost) == ("Once upon a time", "")
    assert session.asked().request.prompt == "Once upon a time"


def test_control_and_right_accept_word_after_word(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Right, CONTROL)
    assert (session.text, session.ghost) == ("Once upon", " a time")
    session.writer.presses(Qt.Key.Key_Right, CONTROL)
    assert (session.text, session.ghost) == ("Once upon a", " time")


def test_control_and_right_move_where_nothing_is_suggested(session: Session) -> None:
    session.writer.opens("one two", cursor=0)
    session.writer.presses(Qt.Key.Key_Right, CONTROL)
    assert session.editor.textCursor().position() == 4


def test_escape_dismisses_until_the_writer_types_on(session: Session) -> None:
    asked = session.suggested("upon a time")
    session.writer.presses(Qt.Key.Key_Escape)
    assert session.ghost == ""
    assert asked.cancelled
    assert session.completer.state == ""
    assert session.nothing_is_asked()
    assert not session.completer.stop_or_dismiss()


def test_one_undo_takes_back_what_was_accepted(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Tab)
    session.writer.types("!")
    session.editor.undo()
    assert session.text == "Once upon a time"
    session.editor.undo()
    assert session.text == "Once "


def test_moving_the_cursor_takes_the_suggestion_away(session: Session) -> None:
    session.suggested("upon a")
    session.writer.presses(Qt.Key.Key_Left)
    assert session.ghost == ""
    assert session.client.last.cancelled
    assert session.nothing_is_asked()


def test_deleting_asks_nothing_and_brings_back_what_is_known(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.writer.types("x")
    n = len(session.client.asked)
    session.writer.presses(Qt.Key.Key_Backspace)
    assert session.ghost == "upon a time"
    session.writer.presses(Qt.Key.Key_Backspace)
    assert session.ghost == ""
    assert session.nothing_is_asked()
    assert len(session.client.asked) == n


@pytest.mark.parametrize("way", ["key", "menu", "context menu"])
def test_undo_and_redo_ask_nothing(session: Session, way: str) -> None:
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Tab)
    n = len(session.client.asked)
    editor = session.editor
    for name, key, does in (
        ("edit-undo", Qt.Key.Key_Z, editor.undo),
        ("edit-redo", Qt.Key.Key_Y, editor.redo),
    ):
        if way == "key":
            session.writer.presses(key, CONTROL)
        elif way == "menu":
            does()
        else:
            action = editor.context_menu().findChild(QAction, name)
            assert isinstance(action, QAction)
            action.trigger()
            QApplication.processEvents()
    assert session.text == "Once upon a time"
    assert session.nothing_is_asked(within_ms=400), "nor as after a paste"
    assert len(session.client.asked) == n


# -- when nothing is asked -----------------------------------------------------------------------


def test_nothing_is_asked_while_an_input_method_composes(session: Session) -> None:
    session.writer.types("Once ")
    session.writer.composes("ni")
    assert session.client.last.cancelled
    n = len(session.client.asked)
    session.writer.composes("hao", "你")
    assert session.text == "Once 你"
    assert session.nothing_is_asked()
    assert len(session.client.asked) == n


def test_nothing_is_asked_with_a_selection(session: Session) -> None:
    session.writer.types("Once ")
    session.editor.selectAll()
    assert session.nothing_is_asked()
    session.completer.draft()
    assert session.told == [SELECTED]


def test_nothing_is_asked_without_the_focus(session: Session, qtbot: QtBot) -> None:
    field = QLineEdit(session.editor)
    field.show()
    session.writer.types("Once ")
    field.setFocus()
    assert session.nothing_is_asked()


def test_nothing_is_asked_of_a_text_to_be_read_only(session: Session) -> None:
    session.writer.types("Once ")
    n = len(session.client.asked)
    session.editor.setReadOnly(True)
    session.writer.types("x")
    session.completer.draft()
    session.completer.suggest()
    assert len(session.client.asked) == n


def test_nothing_is_asked_in_a_paragraph_too_long_to_show_it(session: Session) -> None:
    session.writer.opens("word " * 10_000)
    session.writer.types("x ")
    assert session.nothing_is_asked()
    session.completer.draft()
    assert session.told == [TOO_LONG]


def test_switching_suggestions_off_takes_one_away(session: Session) -> None:
    session.suggested("upon a")
    session.writer.desk.settings.change(asking="never")
    assert session.ghost == ""
    session.writer.types("x ")
    assert session.nothing_is_asked()


# -- drafts --------------------------------------------------------------------------------------


def test_control_and_enter_stream_a_draft(session: Session) -> None:
    asked = session.drafted("upon a time.\n\n", "There was")
    assert asked.request.priority is Priority.DRAFT
    assert asked.request.max_tokens == session.writer.desk.settings.current.draft_tokens
    assert session.completer.state == "writing a draft, 5 words: Esc stops it"
    asked.ends()
    assert session.completer.state.startswith("draft: Tab takes it all")


def test_escape_stops_a_draft_and_then_drops_it(session: Session) -> None:
    asked = session.drafted("upon a time. There")
    session.writer.presses(Qt.Key.Key_Escape)
    assert asked.cancelled
    assert session.ghost == "upon a time. There"
    session.writer.presses(Qt.Key.Key_Escape)
    assert (session.ghost, session.text) == ("", "Once ")


def test_control_and_down_accept_a_sentence(session: Session) -> None:
    session.drafted("upon a time. There was.").ends()
    session.writer.presses(Qt.Key.Key_Down, CONTROL)
    assert (session.text, session.ghost) == ("Once upon a time.", " There was.")


def test_a_draft_that_is_being_written_goes_on_while_words_of_it_are_accepted(
    session: Session, qtbot: QtBot
) -> None:
    asked = session.drafted("upon a")
    assert session.completer.accept(Amount.WORD)
    asked.says(" time")
    qtbot.waitUntil(lambda: session.ghost == " a time")
    assert session.text == "Once upon"


def test_control_and_enter_again_write_another_draft(session: Session) -> None:
    first = session.drafted("upon a time")
    session.writer.presses(Qt.Key.Key_Return, CONTROL)
    assert first.cancelled
    assert session.ghost == ""
    assert session.client.last.request.sampling.seed != first.request.sampling.seed
    assert session.client.last.request.prompt == first.request.prompt


def test_a_draft_without_a_word_to_go_on_from_is_refused_in_words(session: Session) -> None:
    session.completer.draft()
    assert len(session.told) == 1
    assert not session.client.asked


def test_a_draft_goes_on_without_the_focus(session: Session) -> None:
    asked = session.drafted("upon")
    field = QLineEdit(session.editor)
    field.show()
    field.setFocus()
    asked.says(" a time")
    session.nothing_is_asked()
    assert session.ghost == "upon a time"


# -- slow, dead, talkative models ------------------------------------------------------------------


def test_the_same_failure_is_told_once_until_the_model_has_answered(session: Session) -> None:
    for _ in range(3):
        session.writer.types("x ")
        session.asked().gets(Failed("No model is open."))
    assert session.told == ["No model is open."]
    assert session.completer.state == ""
    session.writer.types("x ")
    session.asked().ends()
    session.writer.types("x ")
    session.asked().gets(Failed("No model is open."))
    assert session.told == ["No model is open."] * 2


def test_text_and_cursor_stay_when_the_model_fails_within_an_answer(session: Session) -> None:
    asked = session.suggested("upon a")
    asked.gets(Failed("The model stopped unexpectedly and is being started again."))
    assert session.text == "Once "
    assert session.editor.textCursor().position() == 5


def test_a_model_that_never_answers_does_not_hinder_typing(session: Session) -> None:
    session.writer.types("Once ")
    session.completer.suggest()
    assert session.completer.state == "thinking…"
    session.writer.types("upon ")
    assert session.text == "Once upon "
    assert session.asked().request.prompt == "Once upon "


def test_how_far_the_text_was_read_is_told(session: Session, qtbot: QtBot) -> None:
    session.writer.types("Once ")
    session.asked().gets(Reading(43, 100))
    assert session.completer.state == "reading the text, 43 %"
    session.client.last.says("upon a")
    qtbot.waitUntil(lambda: session.ghost == "upon a")
    assert session.completer.state == "suggestion: Tab takes it"


# -- reading ahead, and what is told while nothing is in sight -----------------------------------


def test_the_text_is_read_while_the_cursor_rests(session: Session, qtbot: QtBot) -> None:
    session.writer.opens("The keeper climbed the stairs. Then he", cursor=30)
    qtbot.waitUntil(lambda: bool(session.client.read), timeout=2_000)
    assert [query.prompt for query in session.client.read] == ["The keeper climbed the stairs."]
    assert session.client.asked == []
    session.writer.puts_cursor(10)
    qtbot.waitUntil(lambda: len(session.client.read) == 2, timeout=2_000)
    assert session.client.read[-1].prompt == "The keeper"


def test_the_end_of_a_text_that_was_opened_is_read(session: Session, qtbot: QtBot) -> None:
    session.client.capabilities = _model("one.gguf")
    session.writer.opens("The keeper climbed the stairs.", cursor=0)
    session.completer.opened()
    qtbot.waitUntil(lambda: bool(session.client.read), timeout=2_000)
    qtbot.wait(300)
    assert [query.prompt for query in session.client.read] == ["The keeper climbed the stairs."]


def test_what_was_read_by_a_model_that_was_started_again_is_read_anew(
    session: Session, qtbot: QtBot
) -> None:
    session.client.capabilities = _model("one.gguf")
    session.completer.configure()
    session.writer.opens("The keeper climbed the stairs.")
    qtbot.waitUntil(lambda: len(session.client.read) == 1, timeout=2_000)
    session.completer.configure()
    qtbot.wait(300)
    assert len(session.client.read) == 1
    session.client.capabilities = _model("one.gguf")
    session.completer.configure()
    qtbot.waitUntil(lambda: len(session.client.read) == 2, timeout=2_000)


def test_of_an_empty_text_or_with_suggestions_off_nothing_is_read(
    session: Session, qtbot: QtBot
) -> None:
    session.client.capabilities = _model("one.gguf")
    session.completer.opened()
    session.writer.desk.settings.change(asking="never")
    session.completer.configure()
    session.writer.opens("The keeper", cursor=0)
    session.completer.opened()
    session.writer.puts_cursor(5)
    qtbot.wait(300)
    assert session.client.read == []


def test_after_steering_or_the_model_changed_the_text_is_read_anew(
    session: Session, qtbot: QtBot
) -> None:
    session.writer.opens("The keeper")
    qtbot.waitUntil(lambda: len(session.client.read) == 1, timeout=2_000)
    session.client.capabilities = _model("one.gguf")
    session.completer.forget()
    qtbot.waitUntil(lambda: len(session.client.read) == 2, timeout=2_000)


def test_what_is_read_ahead_is_read_with_the_adapters_in_use(
    session: Session, qtbot: QtBot
) -> None:
    session.writer.desk.in_use.adapters = ((Path("mine.gguf"), 1.0),)
    session.writer.opens("The keeper")
    qtbot.waitUntil(lambda: bool(session.client.read), timeout=2_000)
    assert session.client.read[0].adapters == ((Path("mine.gguf"), 1.0),)


def test_while_nothing_is_sure_enough_it_says_so_and_how_to_ask(session: Session) -> None:
    session.client.capabilities = _model("one.gguf")
    session.writer.types("Onc")
    assert session.completer.state == ""
    session.asked().gets(Piece(0, " upon a", 0.05))
    session.client.last.ends()
    QApplication.processEvents()
    assert session.completer.state == "nothing sure yet: Ctrl+Space asks"
    session.writer.desk.settings.change(asking="on request")
    session.writer.types("e")
    assert session.completer.state == ""


def test_where_the_model_is_slow_it_says_when_suggestions_come(
    session: Session, qtbot: QtBot
) -> None:
    session.client.capabilities = _model("one.gguf")
    for _ in range(8):
        session.writer.types("a")  # and no answer comes before the next one
    session.writer.presses(Qt.Key.Key_Escape)
    session.writer.types("b")
    qtbot.waitUntil(
        lambda: session.completer.state == "suggestions come when you pause: the model is slow here"
    )


def test_many_pieces_are_painted_a_few_times_a_second(session: Session, qtbot: QtBot) -> None:
    session.drafted("upon")
    shown: list[str] = []
    show = session.editor.ghost.show

    def counting(text: str) -> None:
        shown.append(text)
        show(text)

    session.editor.ghost.show = counting  # type: ignore[method-assign]
    began = time.monotonic()
    for _ in range(100):
        session.client.last.says(" a")
        qtbot.wait(1)
    frames = (time.monotonic() - began) / 0.033
    assert len(shown) <= frames + 2
    qtbot.waitUntil(lambda: session.ghost == "upon" + " a" * 100)


def test_a_piece_after_which_nothing_was_painted_holds_the_next_one_up_for_no_frame(
    session: Session, qtbot: QtBot
) -> None:
    """The first piece of a word is not to be seen yet; the one that makes it whole is, at once."""
    session.writer.types("Once ")
    qtbot.wait(SURE_MS)  # past the gate
    session.completer._frame.setInterval(3_600_000)
    session.asked().says("up")
    assert session.ghost == ""
    session.asked().says("on", " a")
    assert session.ghost == "upon a"


def test_answers_come_from_another_thread_to_the_window(session: Session, qtbot: QtBot) -> None:
    session.writer.types("Once ")
    asked = session.asked()
    threads: list[threading.Thread] = []
    session.completer.state_changed.connect(lambda _: threads.append(threading.current_thread()))
    threading.Thread(target=asked.on_event, args=[Piece(0, "upon a")]).start()
    qtbot.waitUntil(lambda: session.ghost == "upon a")
    assert threads == [threading.main_thread()]


def test_answers_for_an_editor_that_was_closed_are_dropped(session: Session) -> None:
    asked = session.drafted("upon")
    session.completer.deleteLater()
    QApplication.processEvents()
    QApplication.sendPostedEvents(session.completer, 0)
    asked.says(" a time")
    asked.ends()


def test_settings_outlive_a_completer(session: Session, qtbot: QtBot) -> None:
    from shiboken6 import delete

    delete(session.completer)
    session.writer.desk.settings.change(asking="never")
    session.writer.desk.settings.change(asking="always")


def test_a_suggestion_goes_when_the_writer_goes_to_another_part(
    session: Session, qtbot: QtBot
) -> None:
    session.suggested_wholly("upon a time")
    assert session.completer.state == "suggestion: Tab takes it"
    session.writer.editor.clearFocus()
    assert session.ghost == ""
    assert session.completer.state == ""


# -- how much Tab takes --------------------------------------------------------------------------


def test_the_first_tab_asks_and_inserts_nothing_until_it_is_answered(session: Session) -> None:
    settings = session.writer.desk.settings
    settings.change(tab_takes="ask")
    asked: list[None] = []
    session.completer.tab_asked.connect(lambda: asked.append(None))
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Tab)
    assert (session.text, session.ghost, len(asked)) == ("Once ", "upon a time", 1)
    settings.change(tab_takes="word")
    session.completer.take_as_said()
    assert (session.text, session.ghost) == ("Once upon", " a time")
    session.writer.presses(Qt.Key.Key_Tab)
    assert (session.text, session.ghost) == ("Once upon a", " time")


def test_an_answer_that_comes_after_the_writer_has_gone_on_inserts_nothing(
    session: Session,
) -> None:
    settings = session.writer.desk.settings
    settings.change(tab_takes="ask")
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Tab)
    session.writer.types("up")
    settings.change(tab_takes="all")
    session.completer.take_as_said()
    assert session.text == "Once up"


def test_in_code_and_of_a_draft_tab_takes_all(session: Session) -> None:
    session.writer.desk.settings.change(tab_takes="ask")
    session.drafted("upon a time.").ends()
    session.writer.presses(Qt.Key.Key_Tab)
    assert session.text == "Once upon a time."
    session.completer.writes(Craft.CODE, None)
    session.writer.types(" ")
    asked = session.asked()
    asked.says("There was")
    asked.ends()
    session.completer.suggest()
    session.writer.presses(Qt.Key.Key_Tab)
    assert session.text == "Once upon a time. There was"


# -- keys ----------------------------------------------------------------------------------------


def test_every_key_can_be_another_one(session: Session, qtbot: QtBot) -> None:
    session.writer.desk.settings.change(
        key_accept="Ctrl+J",
        key_word="F2",
        key_dismiss="Ctrl+Shift+X",
        key_suggest="Alt+S",
        key_draft="F4",
    )
    shift = Qt.KeyboardModifier.ShiftModifier
    session.suggested_wholly("upon a time")
    assert session.completer.state == "suggestion: Ctrl+J takes it"
    session.writer.presses(Qt.Key.Key_F2)
    assert session.text == "Once upon"
    session.writer.presses(Qt.Key.Key_X, CONTROL | shift)
    assert session.ghost == ""
    session.writer.presses(Qt.Key.Key_S, Qt.KeyboardModifier.AltModifier)
    assert session.ghost == " a time"
    session.writer.presses(Qt.Key.Key_Tab)
    assert session.text == "Once upon\t", "Tab is a tab again"
    session.writer.presses(Qt.Key.Key_F4)
    assert session.client.last.request.priority is Priority.DRAFT


def test_who_takes_words_with_tab_has_a_key_for_all(session: Session) -> None:
    session.writer.desk.settings.change(tab_takes="word")
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Tab)
    session.writer.presses(Qt.Key.Key_End, Qt.KeyboardModifier.AltModifier)
    assert session.text == "Once upon a time"


def test_going_to_the_end_of_the_text_takes_nothing(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_End, CONTROL)
    assert session.text == "Once "


def test_shift_and_tab_can_be_a_key(session: Session) -> None:
    session.writer.desk.settings.change(key_word="Shift+Tab")
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert session.text == "Once upon"


def test_a_key_that_a_menu_has_too_is_for_grey_text_while_there_is_some(
    session: Session, qtbot: QtBot
) -> None:
    session.writer.desk.settings.change(key_word="Alt+F")
    saved: list[None] = []
    action = QAction(session.editor)
    action.setShortcut("Alt+F")
    action.triggered.connect(lambda: saved.append(None))
    session.editor.addAction(action)
    alt = Qt.KeyboardModifier.AltModifier
    session.suggested_wholly("upon")
    session.writer.presses(Qt.Key.Key_F, alt)
    assert (session.text, saved) == ("Once upon", [])
    session.writer.presses(Qt.Key.Key_F, alt)
    assert saved == [None]


def test_without_a_suggestion_the_keys_are_the_editors_own(session: Session) -> None:
    session.writer.types("Once")
    session.writer.presses(Qt.Key.Key_Tab)
    assert session.text == "Once\t"
    assert not session.completer.another(1)


def test_a_key_of_grey_text_never_writes_its_letter(session: Session) -> None:
    """Qt would have Alt+] write a bracket where it finds nothing else to do for it."""
    alt = Qt.KeyboardModifier.AltModifier
    session.writer.types("Once")
    session.writer.presses(Qt.Key.Key_BracketRight, alt)
    session.writer.presses(Qt.Key.Key_BracketLeft, alt)
    session.writer.desk.settings.change(key_word="Alt+W")
    session.writer.presses(Qt.Key.Key_W, alt)
    assert session.text == "Once"


def test_another_suggestion_comes_with_a_key(session: Session, qtbot: QtBot) -> None:
    alt = Qt.KeyboardModifier.AltModifier
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_BracketRight, alt)
    asked = session.asked()
    assert asked.request.versions == ALTERNATIVES
    asked.gets(Piece(0, "again and"), Piece(1, "more than"))
    asked.ends()
    qtbot.waitUntil(lambda: session.ghost == "again and")
    session.writer.presses(Qt.Key.Key_BracketRight, alt)
    assert session.ghost == "more than"
    session.writer.presses(Qt.Key.Key_BracketLeft, alt)
    assert session.ghost == "again and"
    assert session.text == "Once "


# -- in the middle of a line -----------------------------------------------------------------------


def test_in_the_middle_of_a_line_the_model_says_which_way_on_fits_best(
    session: Session, qtbot: QtBot
) -> None:
    session.writer.opens("Once there was.", cursor=4)
    session.writer.types(" ")
    asked = session.asked()
    assert asked.request.versions == ALTERNATIVES
    asked.gets(Piece(0, "upon"), Piece(1, "again"))
    n = len(session.client.asked)
    asked.ends()
    qtbot.waitUntil(lambda: len(session.client.asked) == n + 2)
    first, second = session.client.asked[n:]
    assert isinstance(first.request, Scoring)
    assert first.request.text == "Once upon there was."
    for scored, log_prob in ((first, -3.0), (second, -1.0)):
        scored.gets(Scored((Token(5, b" there", log_prob, 0),)))
        scored.ends()
    qtbot.waitUntil(lambda: session.ghost == "again")


def test_typing_on_calls_the_comparison_off(session: Session, qtbot: QtBot) -> None:
    session.writer.opens("Once there was.", cursor=4)
    session.writer.types(" ")
    asked = session.asked()
    asked.gets(Piece(0, "upon"), Piece(1, "again"))
    n = len(session.client.asked)
    asked.ends()
    qtbot.waitUntil(lambda: len(session.client.asked) == n + 2)
    session.writer.types("x")
    assert [each.cancelled for each in session.client.asked[n : n + 2]] == [True, True]


# -- pauses, what is learned, power ----------------------------------------------------------------


def test_a_pause_holds_for_every_window_and_can_be_ended(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.suggesting.pause()
    assert session.ghost == ""
    n = len(session.client.asked)
    session.writer.types("x")
    assert len(session.client.asked) == n
    session.completer.go_on()
    session.writer.types("y")
    assert len(session.client.asked) == n + 1


def test_after_many_were_put_away_it_rests_and_says_so(session: Session) -> None:
    changes: list[bool] = []
    session.completer.rest_changed.connect(lambda: changes.append(session.completer.resting))
    session.learned.learn(Confidence(threshold=0.2))
    session.suggested_wholly("upon a time")
    for _ in range(30):
        session.writer.presses(Qt.Key.Key_Escape)
        session.completer._policy.pace.not_wanted(1000)
    session.writer.types("x")
    assert changes == [True]
    session.completer.go_on()
    assert changes == [True, False]


def test_what_is_learned_is_shared_by_all_windows(session: Session) -> None:
    session.suggested_wholly("upon a time")
    session.writer.presses(Qt.Key.Key_Tab)
    assert session.learned.confidence.seen == 1
    session.learned.forget()
    assert session.completer._policy.confidence == Confidence()


def test_saving_power_waits_for_a_pause_in_typing(session: Session, qtbot: QtBot) -> None:
    session.writer.desk.settings.change(save_power="always")
    session.writer.types("Once ")
    assert not session.client.asked
    qtbot.waitUntil(lambda: len(session.client.asked) == 1)


def test_another_model_voids_what_the_last_one_said(session: Session) -> None:
    session.client.capabilities = _model("one.gguf")
    session.completer.configure()
    session.suggested_wholly("upon a time")
    session.client.capabilities = None  # until the other one is loaded
    session.completer.configure()
    session.client.capabilities = _model("other.gguf", can_infill=True)
    session.completer.configure()
    assert session.ghost == ""
    session.writer.types("x")
    session.writer.presses(Qt.Key.Key_Backspace)
    assert session.ghost == ""
    assert session.completer._policy._options.fills_in


@pytest.mark.parametrize("again", [False, True])
def test_what_is_asked_while_the_model_is_loaded_is_answered_by_it(
    session: Session, qtbot: QtBot, again: bool
) -> None:
    if again:  # it stopped, and is the same one as before
        session.client.capabilities = _model("one.gguf")
        session.completer.configure()
        session.client.capabilities = None
        session.completer.configure()
    session.writer.types("Once ")
    asked = session.asked()
    session.client.capabilities = _model("one.gguf")
    session.completer.configure()
    assert not asked.cancelled
    asked.says("upon", " a")
    qtbot.waitUntil(lambda: session.ghost == "upon a")


def _model(name: str, *, can_infill: bool = False) -> Capabilities:
    return Capabilities(
        name=name,
        path=Path(name),
        architecture="llama",
        n_params=1,
        n_ctx=4096,
        n_ctx_train=4096,
        n_vocab=100,
        device="CPU",
        can_shift=True,
        can_rewind=True,
        can_infill=can_infill,
    )


# -- screen readers --------------------------------------------------------------------------------


def test_a_screen_reader_is_told_once_when_a_suggestion_has_come_to_rest(
    session: Session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _announced(monkeypatch)
    session.writer.desk.settings.change(announce=True)
    asked = session.suggested("upon a")
    asked.says(" time and")
    qtbot.waitUntil(lambda: said == ["Suggested: upon a time and"])
    assert session.editor.accessibleName() == "Text, suggested: upon a time and"
    session.writer.types("upon")
    qtbot.wait(600)
    assert len(said) == 1, "the rest of it was told already"
    session.writer.presses(Qt.Key.Key_Tab)
    assert session.editor.accessibleName() == "Text"


def test_without_being_asked_nothing_is_told_but_a_key_reviews_it(
    session: Session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _announced(monkeypatch)
    session.suggested_wholly("upon a time")
    qtbot.wait(600)
    assert said == []
    keys = CONTROL | Qt.KeyboardModifier.ShiftModifier
    session.writer.presses(Qt.Key.Key_J, keys)
    session.writer.presses(Qt.Key.Key_J, keys)
    assert said == ["Suggested: upon a time"] * 2
    session.writer.presses(Qt.Key.Key_Escape)
    session.writer.presses(Qt.Key.Key_J, keys)
    assert session.told == [NOTHING_THERE]


def _announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What assistive technology is told from now on; there is none in a test."""
    said: list[str] = []

    def update(event: QAccessibleEvent) -> None:
        if isinstance(event, QAccessibleAnnouncementEvent):
            said.append(event.message())

    monkeypatch.setattr(spoken.QAccessible, "updateAccessibility", update)
    return said
