"""Grey text for one editor: tells the policy what happens and carries out what it decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence

from studio.engine import (
    Ended,
    Evaluated,
    Event,
    Finished,
    Piece,
    Priority,
    Reading,
    Scored,
    Scoring,
    Tokenized,
    Why,
)
from studio.engine.client import Failed
from studio.library.presets import presets
from studio.settings import Settings
from studio.ui import engine_bridge
from studio.ui.desk import Desk
from studio.ui.editor import Editor
from studio.ui.word_count import count_words
from studio.writing.completion import (
    Action,
    Amount,
    Around,
    Ask,
    Asking,
    Cancel,
    Completion,
    Hide,
    Insert,
    Kind,
    Options,
    Rank,
    Show,
    Tell,
    WakeAt,
)
from studio.writing.craft import Craft
from studio.writing.languages import Language

FRAME_MS = 33
"""Grey text grows at most this often: fluent to the eye, and the processor is the model's."""

TOO_LONG = "This paragraph is too long for grey text: begin a new one with Enter."
SELECTED = "A draft goes on from the cursor: take the selection away first."


def options_from(settings: Settings) -> Options:
    """What the writer's settings mean to the policy."""
    return Options(
        asking=Asking(settings.asking),
        gated=settings.only_when_sure,
        suggestion_tokens=settings.suggestion_tokens,
        draft_tokens=settings.draft_tokens,
        draft_sampling=replace(
            presets()["story"],
            temperature=settings.draft_temperature,
            min_p=settings.draft_min_p,
        ),
    )


class Completer(QObject):
    """Binds one `Editor`, one `Completion` and the engine's client."""

    told = Signal(str)
    """A sentence for the writer."""
    state_changed = Signal(str)
    """Short words for the status bar."""

    prompt_read = Signal(object, int)
    """The model has read a prompt (str) of so many tokens."""

    def __init__(
        self,
        editor: Editor,
        desk: Desk,
        parent: QObject | None = None,
        prompt_of: Callable[[str], str] = str,
    ) -> None:
        super().__init__(parent or editor)
        self._editor = editor
        self._settings = desk.settings
        self._client = desk.client
        self._policy = Completion(options_from(desk.settings.current), prompt_of)
        self._tickets: dict[int, int] = {}
        self._waiting: list[tuple[int, Piece]] = []  # shown with the next frame
        self._cut_short: set[int] = set()
        self._reading: Reading | None = None
        self._failure = ""  # the sentence that was told last
        self._state = ""
        self._wake = QTimer(self)
        self._wake.setSingleShot(True)
        self._wake.setTimerType(Qt.TimerType.PreciseTimer)
        self._wake.timeout.connect(self._tick)
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(FRAME_MS)
        self._frame.timeout.connect(self._show_waiting)
        editor.typed.connect(self._on_typed)
        editor.changed_otherwise.connect(self._on_changed)
        editor.cursor_moved.connect(self._on_moved)
        editor.left.connect(self._on_left)
        editor.keys_first = self._on_key
        self.destroyed.connect(desk.settings.listen(self._configure))

    @property
    def state(self) -> str:
        """What `state_changed` said last."""
        return self._state

    def draft(self) -> None:
        """Write a draft from the cursor on, or another one in the place of the one shown."""
        editor = self._editor
        if editor.isReadOnly() or editor.composing:
            return
        if editor.textCursor().hasSelection():
            self.told.emit(SELECTED)
        elif not editor.ghost.possible:
            self.told.emit(TOO_LONG)
        else:
            self._carry_out(self._policy.draft(self._around(), _now_ms()))

    def stop_or_dismiss(self) -> bool:
        """Stop a draft that is being written, or take grey text away; whether there was any."""
        if self._policy.kind is None:
            return False
        self._catch_up()
        if self._policy.kind is Kind.DRAFT and self._policy.streaming and self._policy.text:
            self._carry_out(self._policy.stop(_now_ms()))
        else:
            self._carry_out(self._policy.dismiss(_now_ms()))
        return True

    def suggest(self) -> None:
        """Suggest something at the cursor now, however unsure the model is."""
        if self._may_show():
            self._carry_out(self._policy.ask_now(self._around(), _now_ms()))

    def another(self, step: int) -> bool:
        """Show the next (1) or the previous (-1) alternative; whether there was a suggestion."""
        if not self._editor.ghost.visible or self._policy.kind is not Kind.SUGGESTION:
            return False
        self._carry_out(self._policy.another(step, _now_ms()))
        return True

    def pause(self, minutes: float) -> None:
        """Suggest nothing for so long; 0 ends a pause."""
        until_ms = _now_ms() + minutes * 60_000 if minutes else 0.0
        self._carry_out(self._policy.pause(until_ms))

    @property
    def paused(self) -> bool:
        """Whether the writer wants no suggestions for a while, or has refused too many."""
        return self._policy.paused(_now_ms())

    def writes(self, craft: Craft, language: Language | None) -> None:
        """What kind of text it is from now on."""
        self._policy.writes(craft, language)

    def forget(self) -> None:
        """Another model answers, or it is told other things: what it said before is void."""
        self._carry_out(self._policy.forget())

    def accept(self, amount: Amount) -> bool:
        """Take grey text into the document; whether there was any to be seen."""
        if not self._editor.ghost.visible or self._editor.isReadOnly():
            return False
        self._carry_out(self._policy.accept(amount, _now_ms()))
        return True

    # -- what happens in the editor ----------------------------------------------------------

    def _on_typed(self, text: str) -> None:
        self._catch_up()
        self._carry_out(self._policy.typed(text, self._around(), _now_ms()))
        self._shows_only_where_it_can()

    def _on_changed(self) -> None:
        self._carry_out(self._policy.changed(self._around(), _now_ms()))
        self._shows_only_where_it_can()

    def _shows_only_where_it_can(self) -> None:
        if self._policy.kind is Kind.SUGGESTION and not self._may_show():
            self._carry_out(self._policy.dismiss())

    def _on_moved(self) -> None:
        self._carry_out(self._policy.moved(self._around(), _now_ms()))

    def _on_left(self) -> None:
        """A suggestion is for who is writing: in the find bar, Tab goes to the next field."""
        if self._policy.kind is Kind.SUGGESTION:
            self._carry_out(self._policy.dismiss())

    def _on_key(self, event: QKeyEvent) -> bool:
        """The keys of grey text, while there is some; Ctrl+Enter always."""
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        control = modifiers == Qt.KeyboardModifier.ControlModifier
        if control and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.draft()
            return True
        if key == Qt.Key.Key_Tab and not modifiers:
            return self.accept(Amount.ALL)
        if key == Qt.Key.Key_Escape and not modifiers:
            return self.stop_or_dismiss()
        if control and key == Qt.Key.Key_Down:
            return self.accept(Amount.SENTENCE)
        # Ctrl+Right, and Option+Right on a Mac.
        if event.matches(QKeySequence.StandardKey.MoveToNextWord):
            return self.accept(Amount.WORD)
        return False

    def _configure(self, settings: Settings) -> None:
        self._carry_out(self._policy.configure(options_from(settings)))

    def _tick(self) -> None:
        if self._may_show():
            self._carry_out(self._policy.tick(_now_ms()))
        elif self._policy.kind is None:  # a draft goes on without the focus
            self._carry_out(self._policy.dismiss())

    def _may_show(self) -> bool:
        """Whether the cursor is where a suggestion can be."""
        editor = self._editor
        in_place = editor.hasFocus() and not editor.isReadOnly() and not editor.composing
        return in_place and editor.ghost.possible and not editor.textCursor().hasSelection()

    def _around(self) -> Around:
        return self._editor.around(self._settings.current.context_chars)

    # -- what the policy decides -------------------------------------------------------------

    def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Ask():
                    self._ask(action)
                case Rank():
                    self._rank(action)
                case Cancel(ask_id):
                    self._cancel(ask_id)
                case Show(text):
                    self._editor.ghost.show(text)
                case Hide():
                    self._editor.ghost.clear()
                case Insert(text):
                    self._editor.insert_accepted(text)
                case WakeAt(at_ms):
                    self._wake.start(max(0, round(at_ms - _now_ms())))
                case Tell(sentence):
                    self.told.emit(sentence)
                case _:
                    assert_never(action)
        self._tell_state()

    def _ask(self, action: Ask) -> None:
        ask_id = action.ask_id

        def heard(event: Event | Failed) -> None:
            if isinstance(event, Finished):
                self.prompt_read.emit(action.request.prompt, event.prompt_tokens)
            self._on_event(ask_id, event)

        self._reading = None
        self._tickets[ask_id] = engine_bridge.ask(self, self._client, action.request, heard)

    def _rank(self, action: Rank) -> None:
        """Ask how well the following text goes with each candidate."""
        scores = [float("-inf")] * len(action.candidates)
        left = len(scores)

        def heard(i: int, log_probs: list[float], event: Event | Failed) -> None:
            nonlocal left
            if isinstance(event, Scored):
                log_probs += [token.log_prob for token in event.tokens]
            elif isinstance(event, Finished | Failed):
                if log_probs:
                    scores[i] = sum(log_probs) / len(log_probs)
                left -= 1
                if not left:
                    self._carry_out(self._policy.ranked(action.ask_id, scores, _now_ms()))

        for i, candidate in enumerate(action.candidates):
            until = action.prompt + candidate
            query = Scoring(until + action.following, start=len(until), priority=Priority.INLINE)
            engine_bridge.ask(self, self._client, query, partial(heard, i, []))

    def _cancel(self, ask_id: int) -> None:
        ticket = self._tickets.pop(ask_id, None)
        if ticket is not None:
            self._client.cancel(ticket)

    # -- what the model answers --------------------------------------------------------------

    def _on_event(self, ask_id: int, event: Event | Failed) -> None:
        if ask_id not in self._tickets:
            return  # cancelled while this was on its way
        match event:
            case Piece():
                self._on_piece(ask_id, event)
            case Reading():
                self._reading = event
                self._tell_state()
            case Finished():
                self._failure = ""
                self._end(ask_id)
            case Failed():
                if event.sentence != self._failure:
                    self._failure = event.sentence
                    self.told.emit(event.sentence)
                self._end(ask_id)
            case Ended(why=Why.LENGTH):
                self._cut_short.add(ask_id)
            case Ended() | Tokenized() | Scored() | Evaluated():
                pass  # the end of one version, and answers to what is not asked here
            case _:
                assert_never(event)

    def _on_piece(self, ask_id: int, piece: Piece) -> None:
        """Show the first text at once and what comes then once a frame."""
        self._waiting.append((ask_id, piece))
        if not self._frame.isActive():
            self._show_waiting()

    def _show_waiting(self) -> None:
        actions = self._catch_up()
        if actions:
            self._frame.start()
            self._carry_out(actions)

    def _catch_up(self) -> list[Action]:
        """Let the policy know all that has come."""
        actions: list[Action] = []
        waiting, self._waiting = self._waiting, []
        for ask_id, piece in waiting:
            actions += self._policy.piece(
                ask_id,
                piece.text,
                _now_ms(),
                probability=piece.probability,
                version=piece.version,
            )
        return actions

    def _end(self, ask_id: int) -> None:
        del self._tickets[ask_id]
        actions = self._catch_up()
        cut_short = ask_id in self._cut_short
        self._cut_short.discard(ask_id)
        actions += self._policy.ended(ask_id, _now_ms(), cut_short=cut_short)
        self._carry_out(actions)

    # -- what the status bar says ------------------------------------------------------------

    def _tell_state(self) -> None:
        state = self._words()
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)

    def _words(self) -> str:
        policy = self._policy
        if policy.kind is None:
            return ""
        if not policy.text:
            if self._reading and self._reading.done < self._reading.total:
                return f"reading the text, {100 * self._reading.done // self._reading.total} %"
            return "thinking…"
        if policy.kind is Kind.SUGGESTION:
            return "suggestion: Tab takes it"
        if policy.streaming:
            n = count_words(policy.text)
            return f"writing a draft, {n} {'word' if n == 1 else 'words'}: Esc stops it"
        return "draft: Tab takes it all, Ctrl+Down a sentence, Ctrl+Enter another one, Esc drops it"


def _now_ms() -> float:
    return time.monotonic() * 1000
