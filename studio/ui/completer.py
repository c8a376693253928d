"""Grey text for one editor: tells the policy what happens and carries out what it decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent

from studio.engine import (
    Counted,
    Ended,
    Evaluated,
    Event,
    Finished,
    Piece,
    Priority,
    Reading,
    ReadingAhead,
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
from studio.ui.grey_keys import key_of, shown, writes_itself
from studio.ui.spoken import Spoken
from studio.ui.suggesting import Suggesting, now_ms
from studio.ui.word_count import count_words
from studio.writing.completion import Completion
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
from studio.writing.languages import Language

FRAME_MS = 33
"""Grey text grows at most this often: fluent to the eye, and the processor is the model's."""

TOO_LONG = "This paragraph is too long for grey text: begin a new one with Enter."
SELECTED = "A draft goes on from the cursor: take the selection away first."
NOTHING_THERE = "There is no grey text to read out."
SLOW = "suggestions come when you pause: the model is slow here"
UNSURE = "nothing sure yet: {} asks"

_KEYS_ALWAYS = ("key_draft", "key_suggest", "key_review")
_GIVEN = ("context_chars", "memory_tokens", "lore_tokens", "note_tokens", "suggestion_tokens")
"""Settings with another value of which the model would answer otherwise."""


def options_from(settings: Settings, *, fills_in: bool = False, sparing: bool = False) -> Options:
    """What the writer's settings mean to the policy, with the model and the power at hand."""
    return Options(
        fills_in=fills_in,
        sparing=sparing,
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
    rest_changed = Signal()
    """`resting` is another."""
    tab_asked = Signal()
    """The key that takes was pressed, and the writer never said how much it takes;
    `take_as_said` goes on."""

    prompt_read = Signal(object, int)
    """The model has read a prompt (str) of so many tokens."""

    def __init__(
        self,
        editor: Editor,
        desk: Desk,
        suggesting: Suggesting,
        parent: QObject | None = None,
        prompt_of: Callable[[str], str] = str,
        endings_of: Callable[[str], tuple[tuple[str, float], ...]] = lambda _: (),
    ) -> None:
        """`prompt_of` and `endings_of` are those of `Completion`."""
        super().__init__(parent or editor)
        self._editor = editor
        self._settings = desk.settings
        self._desk = desk
        self._client = desk.client
        self._suggesting = suggesting
        self._learned = suggesting.learned
        self._policy = Completion(self._options(), prompt_of, self._learned.confidence, endings_of)
        self._craft: Craft = Craft.STORY
        self._given = self._what_is_given()
        self._model = desk.client.capabilities and desk.client.capabilities.path
        self._ready = desk.client.capabilities
        self._paused_until_ms = 0.0
        self._resting = False
        self._question_at: Around | None = None
        self.spoken = Spoken(editor)
        self.spoken.on = desk.settings.current.announce
        self._tickets: dict[int, int] = {}
        self._scoring: dict[int, list[int]] = {}
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
        editor.wants_key = self._wants_key
        suggesting.changed.connect(self._on_suggesting)
        self._learned.changed.connect(self._on_learned)
        self.destroyed.connect(desk.settings.listen(lambda _: self.configure()))
        self._on_suggesting()

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
            self._carry_out(self._policy.draft(self._around(), now_ms()))

    def stop_or_dismiss(self) -> bool:
        """Stop a draft that is being written, or take grey text away; whether there was any."""
        if self._policy.kind is None:
            return False
        self._carry_out(_unpainted(self._catch_up()))
        if self._policy.kind is Kind.DRAFT and self._policy.streaming and self._policy.text:
            self._carry_out(self._policy.stop(now_ms()))
        else:
            self._carry_out(self._policy.dismiss(now_ms()))
        return True

    def suggest(self) -> None:
        """Suggest something at the cursor now, however unsure the model is."""
        if self._may_show():
            self._carry_out(self._policy.ask_now(self._around(), now_ms()))

    def another(self, step: int) -> bool:
        """Show the next (1) or the previous (-1) alternative; whether there was a suggestion."""
        if not self._editor.ghost.visible or self._policy.kind is not Kind.SUGGESTION:
            return False
        self._carry_out(self._policy.another(step, now_ms()))
        return True

    def go_on(self) -> None:
        """End the writer's pause, and the one that many refusals have brought."""
        self._suggesting.go_on()
        self._carry_out(self._policy.pause(0))

    @property
    def resting(self) -> bool:
        """Whether nothing is suggested because the writer has refused so many."""
        return self._resting

    def writes(self, craft: Craft, language: Language | None) -> None:
        """What kind of text it is from now on."""
        self._craft = craft
        self._policy.writes(craft, language)

    def forget(self) -> None:
        """Another model answers, or it is told other things: what it said before is void."""
        self._carry_out(self._policy.forget())
        self.opened()

    def opened(self) -> None:
        """A text was opened, or a model answers: it reads, for what may be asked next.

        With the cursor at the beginning it reads the end of the text: most writers go on there.
        """
        if self._policy.kind is None and self._client.capabilities:
            last = self._editor.document().characterCount() - 1
            end = self._editor.around(self._settings.current.context_chars, last).before
            self._carry_out(self._policy.rests(self._around(), now_ms(), end))

    def configure(self) -> None:
        """Take the settings, the power and the model as they are now."""
        settings = self._settings.current
        self.spoken.on = settings.announce
        given, self._given = self._given, self._what_is_given()
        before, self._ready = self._ready, self._client.capabilities
        if self._another_model() or given != self._given:
            self.forget()
        elif before is not self._ready:  # the first one, or the same one started again
            self._policy.unread()
            self.opened()
        self._carry_out(self._policy.configure(self._options()))

    def take(self) -> bool:
        """Take as much as the writer wants of one key; whether there was any to be seen."""
        if not self._editor.ghost.visible or self._editor.isReadOnly():
            return False
        takes = self._settings.current.tab_takes
        if self._policy.kind is Kind.DRAFT or self._craft is Craft.CODE:
            takes = "all"
        if takes == "ask":
            self._question_at = self._around()
            self.tab_asked.emit()
            return True
        return self.accept(Amount.ALL if takes == "all" else Amount.WORD)

    def take_as_said(self) -> None:
        """The writer has said how much to take: do it where the key was pressed."""
        at, self._question_at = self._question_at, None
        self._editor.setFocus()
        if at is None or at != self._around():
            return
        if not self._editor.ghost.visible:  # the question had the focus
            self.suggest()
        self.take()

    def review(self) -> None:
        """Have the grey text read out."""
        if not self.spoken.review():
            self.told.emit(NOTHING_THERE)

    def accept(self, amount: Amount) -> bool:
        """Take grey text into the document; whether there was any to be seen."""
        if not self._editor.ghost.visible or self._editor.isReadOnly():
            return False
        self._carry_out(self._policy.accept(amount, now_ms()))
        return True

    # -- what happens in the editor ----------------------------------------------------------

    def _on_typed(self, text: str) -> None:
        self._carry_out(_unpainted(self._catch_up()))
        if self._may_show():
            self._carry_out(self._policy.typed(text, self._around(), now_ms()))
        else:
            self._on_moved()

    def _on_changed(self) -> None:
        if self._may_show():
            undone = self._editor.undoing
            self._carry_out(self._policy.changed(self._around(), now_ms(), undone=undone))
        else:
            self._on_moved()

    def _on_moved(self) -> None:
        self._carry_out(self._policy.moved(self._around(), now_ms()))

    def _on_left(self) -> None:
        """A suggestion is for who is writing: in the find bar, Tab goes to the next field."""
        if self._policy.kind is Kind.SUGGESTION:
            self._carry_out(self._policy.dismiss())

    def _on_key(self, event: QKeyEvent) -> bool:
        """The keys of grey text, while there is some; those that ask for it always."""
        name = key_of(event, self._settings.current)
        if name is None:
            return False
        # Where there is nothing to do for it, Qt would have Alt+] write a bracket.
        return self._do(name) or writes_itself(event)

    def _do(self, name: str) -> bool:
        match name:
            case "key_draft":
                self.draft()
            case "key_suggest":
                self.suggest()
            case "key_review":
                self.review()
            case "key_accept":
                return self.take()
            case "key_all":
                return self.accept(Amount.ALL)
            case "key_word":
                return self.accept(Amount.WORD)
            case "key_sentence":
                return self.accept(Amount.SENTENCE)
            case "key_dismiss":
                return self.stop_or_dismiss()
            case "key_next":
                return self.another(1)
            case "key_previous":
                return self.another(-1)
            case _:
                return False
        return True

    def _wants_key(self, event: QKeyEvent) -> bool:
        """Whether a key is for grey text, though a menu may have the same one."""
        name = key_of(event, self._settings.current)
        return name in _KEYS_ALWAYS or (name is not None and self._editor.ghost.visible)

    def _on_suggesting(self) -> None:
        until_ms = self._suggesting.paused_until_ms
        if until_ms != self._paused_until_ms:
            self._paused_until_ms = until_ms
            self._carry_out(self._policy.pause(until_ms))
        self._carry_out(self._policy.configure(self._options()))

    def _on_learned(self) -> None:
        self._policy.confidence = self._learned.confidence

    def _options(self) -> Options:
        model = self._client.capabilities
        return options_from(
            self._settings.current,
            fills_in=model is not None and model.can_infill,
            sparing=self._suggesting.sparing,
        )

    def _what_is_given(self) -> tuple[object, ...]:
        settings = self._settings.current
        return tuple(getattr(settings, key) for key in _GIVEN)

    def _another_model(self) -> bool:
        """Whether another model answers than before.

        Not the first one, nor the same one started again: what waited for it is answered by it.
        """
        before, now = self._model, self._client.capabilities
        self._model = now.path if now else before
        return before is not None and before != self._model

    def _tick(self) -> None:
        if self._may_show():
            self._carry_out(self._policy.tick(now_ms()))
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
                case ReadAhead(prompt, suffix):
                    self._read_ahead(prompt, suffix)
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
                    self._wake.start(max(0, round(at_ms - now_ms())))
                case Tell(sentence):
                    self.told.emit(sentence)
                case _:
                    assert_never(action)
        self.spoken.show(self._policy.text)
        self._learned.learn(self._policy.confidence)
        self._tell_state()

    def _ask(self, action: Ask) -> None:
        ask_id = action.ask_id

        def heard(event: Event | Failed) -> None:
            if isinstance(event, Finished):
                self.prompt_read.emit(action.request.prompt, event.prompt_tokens)
            self._on_event(ask_id, event)

        self._reading = None
        self._tickets[ask_id] = engine_bridge.ask(self, self._desk, action.request, heard)

    def _read_ahead(self, prompt: str, suffix: str) -> None:
        query = ReadingAhead(prompt, suffix)
        engine_bridge.ask(self, self._desk, query, lambda _: None)  # who asks then is told

    def _rank(self, action: Rank) -> None:
        """Ask how well the following text goes with each candidate."""
        scores = [float("-inf")] * len(action.candidates)
        left = len(scores)

        def heard(i: int, log_probs: list[float], event: Event | Failed) -> None:
            nonlocal left
            if action.ask_id not in self._scoring:
                return  # cancelled while this was on its way
            if isinstance(event, Scored):
                log_probs += [token.log_prob for token in event.tokens]
            elif isinstance(event, Finished | Failed):
                if log_probs:
                    scores[i] = sum(log_probs) / len(log_probs)
                left -= 1
                if not left:
                    del self._scoring[action.ask_id]
                    self._carry_out(self._policy.ranked(action.ask_id, scores, now_ms()))

        tickets = self._scoring[action.ask_id] = []
        for i, candidate in enumerate(action.candidates):
            until = action.prompt + candidate
            query = Scoring(until + action.following, start=len(until), priority=Priority.INLINE)
            tickets.append(engine_bridge.ask(self, self._desk, query, partial(heard, i, [])))

    def _cancel(self, ask_id: int) -> None:
        ticket = self._tickets.pop(ask_id, None)
        if ticket is not None:
            self._client.cancel(ticket)
        for scoring in self._scoring.pop(ask_id, []):
            self._client.cancel(scoring)

    # -- what the model answers --------------------------------------------------------------

    def _on_event(self, ask_id: int, event: Event | Failed) -> None:
        if ask_id not in self._tickets:
            return  # cancelled while this was on its way
        match event:
            case Piece():
                self._on_piece(ask_id, event)
            case Reading():
                self._reading = event
                if event.done == event.total:
                    self._policy.read(ask_id, now_ms())
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
            case Ended() | Tokenized() | Scored() | Evaluated() | Counted():
                pass  # the end of one version, and answers to what is not asked here
            case _:
                assert_never(event)

    def _on_piece(self, ask_id: int, piece: Piece) -> None:
        """Show the first text at once and what comes then once a frame."""
        self._waiting.append((ask_id, piece))
        if not self._frame.isActive():
            self._show_waiting()

    def _show_waiting(self) -> None:
        actions = _painted_once(self._catch_up())
        if not actions:
            return
        # What painted nothing holds up nothing: the next token may make the first word whole.
        if any(isinstance(action, Show | Hide) for action in actions):
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
                now_ms(),
                probability=piece.probability,
                version=piece.version,
            )
        return actions

    def _end(self, ask_id: int) -> None:
        del self._tickets[ask_id]
        actions = self._catch_up()
        cut_short = ask_id in self._cut_short
        self._cut_short.discard(ask_id)
        actions += self._policy.ended(ask_id, now_ms(), cut_short=cut_short)
        self._carry_out(_painted_once(actions))

    # -- what the status bar says ------------------------------------------------------------

    def _tell_state(self) -> None:
        state = self._words()
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)
        resting = self._policy.paused(now_ms()) and not self._suggesting.paused
        if resting != self._resting:
            self._resting = resting
            self.rest_changed.emit()

    def _words(self) -> str:
        policy, settings = self._policy, self._settings.current
        if not policy.text:
            return self._words_of_waiting()
        if policy.kind is Kind.SUGGESTION:
            return self._words_of_suggestion()
        if policy.streaming:
            n = count_words(policy.text)
            words = f"{n} {'word' if n == 1 else 'words'}"
            return f"writing a draft, {words}: {shown(settings.key_dismiss)} stops it"
        return (
            f"draft: {shown(settings.key_accept)} takes it all, {shown(settings.key_sentence)} "
            f"a sentence, {shown(settings.key_draft)} another one, "
            f"{shown(settings.key_dismiss)} drops it"
        )

    def _words_of_waiting(self) -> str:
        """Nothing is in sight: why, as far as the writer can do something about it."""
        policy, reading = self._policy, self._reading
        if policy.streaming and reading and reading.done < reading.total:
            return f"reading the text, {100 * reading.done // reading.total} %"
        if policy.wanted:
            return "thinking…" if policy.streaming else ""
        on = self._settings.current.asking == Asking.ALWAYS and not policy.paused(now_ms())
        if not on or self._client.capabilities is None:
            return ""
        if policy.only_at_pauses(now_ms()):
            return SLOW
        key = shown(self._settings.current.key_suggest)
        return UNSURE.format(key) if policy.unsure and key else ""

    def _words_of_suggestion(self) -> str:
        settings = self._settings.current
        by_word = settings.tab_takes == "word" and self._craft is not Craft.CODE
        what = "a word of it" if by_word else "it"
        return f"suggestion: {shown(settings.key_accept)} takes {what}"


def _unpainted(actions: Sequence[Action]) -> list[Action]:
    """Without what is painted, because something else is in a moment."""
    return [action for action in actions if not isinstance(action, Show | Hide)]


def _painted_once(actions: Sequence[Action]) -> list[Action]:
    """Of several pieces that came together, paint the sum."""
    painted = [action for action in actions if isinstance(action, Show | Hide)]
    return [*_unpainted(actions), *painted[-1:]]
