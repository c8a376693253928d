"""From a pause in typing to grey text, and from a key to text."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from studio.engine import Finished, Piece, Priority, Reading
from studio.engine.client import Failed
from studio.ui.completer import SELECTED, TOO_LONG, Completer
from studio.writing.completion import Amount

if TYPE_CHECKING:
    from tests.ui.conftest import Asked, Writer

CONTROL = Qt.KeyboardModifier.ControlModifier
PAUSE_MS = 20
SURE_MS = 5 * PAUSE_MS


class Session:
    """A writer with a completer."""

    def __init__(self, writer: Writer, qtbot: QtBot) -> None:
        writer.desk.settings.change(pause_ms=PAUSE_MS)
        self.writer = writer
        self.editor = writer.editor
        self.client = writer.client
        self.completer = Completer(writer.editor, writer.desk)
        self.told: list[str] = []
        self.completer.told.connect(self.told.append)
        self._qtbot = qtbot

    def asked_after_a_pause(self) -> Asked:
        n = len(self.client.asked)
        self._qtbot.waitUntil(lambda: len(self.client.asked) > n)
        return self.client.last

    def suggested(self, *pieces: str) -> Asked:
        """Type a beginning and get this suggestion."""
        self.writer.types("Once ")
        asked = self.asked_after_a_pause()
        asked.says(*pieces)
        self._qtbot.waitUntil(lambda: self.ghost == "".join(pieces))
        return asked

    def drafted(self, *pieces: str) -> Asked:
        self.writer.types("Once ")
        self.writer.presses(Qt.Key.Key_Return, CONTROL)
        asked = self.client.last
        asked.says(*pieces)
        self._qtbot.waitUntil(lambda: self.ghost == "".join(pieces))
        return asked

    def nothing_is_asked(self) -> bool:
        n = len(self.client.asked)
        self._qtbot.wait(SURE_MS)
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


def test_a_pause_in_typing_asks_for_what_stands_before_the_cursor(session: Session) -> None:
    session.writer.types("Once ")
    request = session.asked_after_a_pause().request
    assert request.prompt == "Once "
    assert request.priority is Priority.INLINE
    assert request.max_tokens == session.writer.desk.settings.current.suggestion_tokens


def test_typing_on_asks_only_after_the_last_key(session: Session) -> None:
    session.writer.types("Once upon a time ")
    assert session.asked_after_a_pause().request.prompt == "Once upon a time "
    assert len(session.client.asked) == 1


def test_what_the_model_says_of_a_prompt_is_passed_on(session: Session) -> None:
    read: list[tuple[str, int]] = []
    session.completer.prompt_read.connect(lambda prompt, tokens: read.append((prompt, tokens)))
    asked = session.suggested("upon")
    assert read == []
    asked.gets(Finished(2, 0, 1, 1.0, 1.0))
    assert read == [("Once ", 2)]


def test_the_answer_is_shown_in_grey(session: Session) -> None:
    asked = session.suggested("upon", " a")
    assert session.completer.state == "suggestion: Tab takes it"
    asked.ends()
    assert (session.ghost, session.text) == ("upon a", "Once ")


def test_typing_what_the_ghost_says_trims_it(session: Session) -> None:
    session.suggested("upon a time").ends()
    session.writer.types("upo")
    assert (session.text, session.ghost) == ("Once upo", "n a time")
    assert session.nothing_is_asked()


def test_typing_what_is_still_on_its_way_to_the_screen_trims_it_too(session: Session) -> None:
    asked = session.suggested("u")
    asked.says("p", "on a")
    session.writer.types("up")
    assert session.ghost == "on a"


def test_typing_anything_else_replaces_it(session: Session) -> None:
    asked = session.suggested("upon a time")
    session.writer.types("x")
    assert session.ghost == ""
    assert asked.cancelled
    assert session.asked_after_a_pause().request.prompt == "Once x"


def test_what_comes_after_a_cancellation_is_not_shown(session: Session) -> None:
    asked = session.suggested("upon")
    session.writer.types("x")
    asked.says(" a time")
    asked.ends()
    assert session.ghost == ""


def test_chinese_typed_by_an_input_method_trims_what_it_says(session: Session) -> None:
    session.writer.types("他说：")
    asked = session.asked_after_a_pause()
    asked.says("你好世界")
    asked.ends()
    session.writer.composes("nihao")
    assert session.ghost == ""
    session.writer.composes("", "你好")
    assert session.text == "他说：你好"
    assert session.asked_after_a_pause().request.prompt == "他说：你好"


def test_tab_accepts_all(session: Session) -> None:
    session.suggested("upon a time").ends()
    session.writer.presses(Qt.Key.Key_Tab)
    assert (session.text, session.ghost) == ("Once upon a time", "")
    assert session.asked_after_a_pause().request.prompt == "Once upon a time"


def test_control_and_right_accept_word_after_word(session: Session) -> None:
    session.suggested("upon a time").ends()
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
    session.suggested("upon a time").ends()
    session.writer.presses(Qt.Key.Key_Tab)
    session.writer.types("!")
    session.editor.undo()
    assert session.text == "Once upon a time"
    session.editor.undo()
    assert session.text == "Once "


def test_moving_the_cursor_takes_the_suggestion_away(session: Session) -> None:
    session.suggested("upon")
    session.writer.presses(Qt.Key.Key_Left)
    assert session.ghost == ""
    assert session.client.last.cancelled
    assert session.nothing_is_asked()


def test_deleting_asks_again(session: Session) -> None:
    session.suggested("upon")
    session.writer.presses(Qt.Key.Key_Backspace)
    assert session.asked_after_a_pause().request.prompt == "Once"


# -- when nothing is asked -----------------------------------------------------------------------


def test_nothing_is_asked_while_an_input_method_composes(session: Session) -> None:
    session.writer.types("Once ")
    session.writer.composes("ni")
    assert session.nothing_is_asked()


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
    session.editor.setReadOnly(True)
    assert session.nothing_is_asked()
    session.completer.draft()
    assert not session.client.asked


def test_nothing_is_asked_in_a_paragraph_too_long_to_show_it(session: Session) -> None:
    session.writer.opens("word " * 10_000)
    session.writer.types("x ")
    assert session.nothing_is_asked()
    session.completer.draft()
    assert session.told == [TOO_LONG]


def test_switching_suggestions_off_takes_one_away(session: Session) -> None:
    session.suggested("upon")
    session.writer.desk.settings.change(suggestions=False)
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
        session.asked_after_a_pause().gets(Failed("No model is open."))
    assert session.told == ["No model is open."]
    assert session.completer.state == ""
    session.writer.types("x ")
    session.asked_after_a_pause().ends()
    session.writer.types("x ")
    session.asked_after_a_pause().gets(Failed("No model is open."))
    assert session.told == ["No model is open."] * 2


def test_text_and_cursor_stay_when_the_model_fails_within_an_answer(session: Session) -> None:
    asked = session.suggested("upon")
    asked.gets(Failed("The model stopped unexpectedly and is being started again."))
    assert session.text == "Once "
    assert session.editor.textCursor().position() == 5


def test_a_model_that_never_answers_does_not_hinder_typing(session: Session) -> None:
    session.writer.types("Once ")
    session.asked_after_a_pause()
    assert session.completer.state == "thinking…"
    session.writer.types("upon ")
    assert session.text == "Once upon "
    assert session.asked_after_a_pause().request.prompt == "Once upon "


def test_how_far_the_text_was_read_is_told(session: Session) -> None:
    session.writer.types("Once ")
    session.asked_after_a_pause().gets(Reading(43, 100))
    assert session.completer.state == "reading the text, 43 %"
    session.client.last.says("upon")
    assert session.completer.state == "suggestion: Tab takes it"


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


def test_answers_come_from_another_thread_to_the_window(session: Session, qtbot: QtBot) -> None:
    session.writer.types("Once ")
    asked = session.asked_after_a_pause()
    threads: list[threading.Thread] = []
    session.completer.state_changed.connect(lambda _: threads.append(threading.current_thread()))
    threading.Thread(target=asked.on_event, args=[Piece(0, "upon")]).start()
    qtbot.waitUntil(lambda: session.ghost == "upon")
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
    session.writer.desk.settings.change(suggestions=False)
    session.writer.desk.settings.change(suggestions=True)


def test_a_suggestion_goes_when_the_writer_goes_to_another_part(
    session: Session, qtbot: QtBot
) -> None:
    session.writer.types("Once ")
    session.asked_after_a_pause().says("upon")
    assert session.completer.state == "suggestion: Tab takes it"
    session.writer.editor.clearFocus()
    assert session.ghost == ""
    assert session.completer.state == ""
