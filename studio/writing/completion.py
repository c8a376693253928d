"""The policy of the grey text: when to ask, what to ask, and what to show.

A state machine without a window, a thread or a clock. The editor tells it what happened and
carries out the actions that come back; time is passed in, in milliseconds. The same machine
holds suggestions (short, asked for while the writer types) and drafts (long, asked for by a
key): both are grey text at the cursor that is not part of the document until a key says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from studio.engine import GREEDY, Priority, Request, Sampling
from studio.writing.answer import (
    LEAST_SURE,
    LEAST_SURE_GATED,
    Answer,
    Known,
    Place,
    Written,
)
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
from studio.writing.grey import Ahead, Batch, Grey
from studio.writing.languages import Language
from studio.writing.pace import Pace
from studio.writing.reading import ReadingOn
from studio.writing.recent import ASKED_FOR, Recent
from studio.writing.segments import next_line, next_sentence, next_word

ALTERNATIVES = 4
"""Other suggestions that are generated in one batch."""
_ALTERNATIVE = Sampling(temperature=0.9, top_k=40, min_p=0.08)
_RANKED = Sampling(temperature=0.7, top_k=40, min_p=0.1)
_RANKED_BY_CHARS = 120
"""In the middle of a line, so much of what follows tells which of several ways on fits best."""
_FOLLOWING_CHARS = 400
"""How much of the text after the cursor a model that fills in the middle is given."""
_AHEAD_AFTER_MS = 120.0
"""A suggestion that was in sight for so long is read; what would follow it is computed."""
_PASTE_WAIT_MS = 300.0
_REGRET_MS = 10_000.0
"""What was accepted and is deleted so soon was wrong."""

_STILL_WRITING_MS = 5_000.0
"""A longer time between two keys is not spent with writing."""

FIRST_WORDS = "Write a few words first: the {} goes on from them."
OFF = "Suggestions are off. The Suggest menu switches them on."
INSIDE_A_WORD = "The cursor is inside a word: a suggestion goes on from the end of one."
NO_OTHER = "There is no other suggestion here."


def heals_draft(before: str) -> bool:
    """Whether a draft may reshape the last word before it: not one that looks finished.

    A suggestion completes the word being typed; a draft is asked for after one.
    """
    return not before[-1:].isalnum()


def suggestion(
    prompt: str, max_tokens: int, craft: Craft = Craft.STORY, following: str = ""
) -> Request:
    """What is asked for a suggestion after `prompt`: the likeliest way on.

    In prose to the end of the line at most. `following` stands after the cursor; models that
    can fill in the middle read it.
    """
    return Request(
        prompt=prompt,
        max_tokens=max_tokens if craft is Craft.STORY else 2 * max_tokens,
        sampling=GREEDY,
        stop=("\n",) if craft is Craft.STORY else (),
        suffix=following[:_FOLLOWING_CHARS],
        hasty=True,
        priority=Priority.INLINE,
    )


class Completion:
    """The policy of one editor.

    Every method answers with the actions to carry out, in their order. `Insert` is reported
    back by nothing: the machine has already taken it into account.
    """

    def __init__(
        self,
        options: Options | None = None,
        prompt_of: Callable[[str], str] = str,
        confidence: Confidence | None = None,
        endings_of: Callable[[str], tuple[tuple[str, float], ...]] = lambda _: (),
    ) -> None:
        """`prompt_of` makes of the text before the cursor what the model is given.

        `endings_of` tells how the writer's own words may end the one before the cursor, as in
        `Request.endings`.
        """
        self._options = options or Options()
        self._prompt_of = prompt_of
        self._endings_of = endings_of
        self.confidence = confidence or Confidence()
        self.pace = Pace(sparing=self._options.sparing)
        self._recent = Recent()
        self._reading = ReadingOn()
        self._reading.sparing = self._options.sparing
        self._unsure = False
        self._typed_ms: float | None = None
        self._around = Around("", "")
        self._end = ""
        """Of the text, where most writers go on."""
        self._craft: Craft = Craft.STORY
        self._language: Language | None = None
        self._grey: Grey | None = None
        self._ahead: Ahead | None = None
        self._ask_at_ms: float | None = None
        self._ahead_at_ms: float | None = None
        self._paused_until_ms = 0.0
        self._accepted: tuple[Around, float] | None = None
        self._ids = 0
        self._tries = 0

    # -- what it is doing ----------------------------------------------------------------------

    @property
    def kind(self) -> Kind | None:
        """What is shown or awaited, if anything."""
        return self._grey.kind if self._grey else None

    @property
    def streaming(self) -> bool:
        """Whether more of the grey text is still to come."""
        return self._grey is not None and self._grey.streaming

    @property
    def wanted(self) -> bool:
        """Whether the writer has asked for what is shown or awaited."""
        grey = self._grey
        return grey is not None and (grey.wanted or grey.kind is Kind.DRAFT)

    @property
    def text(self) -> str:
        """The grey text as it is shown."""
        return self._grey.in_sight if self._grey else ""

    @property
    def place(self) -> Place:
        """The cursor's."""
        return Place(self._around.before, self._around.after, self._craft, self._language)

    def paused(self, now_ms: float) -> bool:
        """Whether the writer wants none for a while, or has refused so many that none comes."""
        return now_ms < self._paused_until_ms or self.pace.silent

    @property
    def unsure(self) -> bool:
        """Whether the model answered last with something that is not sure enough to be shown."""
        return self._unsure

    def only_at_pauses(self, now_ms: float) -> bool:
        """Whether suggestions come only when the writer pauses, because the model is slow."""
        return self.pace.only_at_pauses(now_ms)

    # -- what the writer chooses ---------------------------------------------------------------

    def configure(self, options: Options) -> list[Action]:
        """Take new options; switching suggestions off takes one away."""
        self._options = options
        self.pace.sparing = self._reading.sparing = options.sparing
        if options.asking is Asking.ALWAYS:
            return []
        self._ask_at_ms = None
        grey = self._grey
        unasked = grey is not None and grey.kind is Kind.SUGGESTION and not grey.wanted
        if unasked or (options.asking is Asking.NEVER and self.kind is Kind.SUGGESTION):
            return self.dismiss()
        return []

    def writes(self, craft: Craft, language: Language | None) -> None:
        """What kind of text it is."""
        if (craft, language) != (self._craft, self._language):
            self._craft, self._language = craft, language
            self._recent.forget()

    def forget(self) -> list[Action]:
        """Another model answers, or it is given other things besides the text."""
        self._recent.forget()
        self.unread()
        self._unsure = False
        return self.dismiss() if self.kind is Kind.SUGGESTION else []

    def unread(self) -> None:
        """The model was started again: nothing is read of any text."""
        self._reading.forget()

    def rests(self, around: Around, now_ms: float, end: str = "") -> list[Action]:
        """The cursor rests here, and the model may read: a text was opened, a model is there.

        `end` is read where nothing stands before the cursor.
        """
        self._around, self._end = around, end
        self._reading.rests(now_ms)
        return self._wake(now_ms)

    def pause(self, until_ms: float) -> list[Action]:
        """Suggest nothing until then; 0 ends a pause, also one that many rejections brought."""
        self._paused_until_ms = until_ms
        self._ask_at_ms = None
        self.pace.taken()
        return self.dismiss() if until_ms and self.kind is Kind.SUGGESTION else []

    # -- what happens in the editor --------------------------------------------------------------

    def typed(self, text: str, around: Around, now_ms: float) -> list[Action]:
        """The writer typed `text`, which now stands before the cursor.

        Typing what the grey text says trims it; typing anything else takes it away and asks
        again.
        """
        self._around = around
        if self._typed_ms is not None and now_ms - self._typed_ms < _STILL_WRITING_MS:
            self.confidence = self.confidence.wrote(now_ms - self._typed_ms)
        self._typed_ms = now_ms
        if "\n" in text:
            self.pace.new_paragraph()
        grey = self._grey
        # What was not sure enough to be shown is asked again: with a letter more it may be.
        stays = grey is not None and (grey.streaming or grey.shown_ms is not None)
        if grey and stays and grey.rest.startswith(text):
            grey.taken += text
            grey.n_keys += grey.shown_ms is not None
            self._judge_taken(grey)
            if grey.rest or grey.streaming:
                return [*self._display(now_ms), *self._wake(now_ms)]
            return [*self._follow(now_ms, self.pace.wait_ms(now_ms)), *self._wake(now_ms)]
        actions = self._drop(now_ms)
        actions += self._go_on(now_ms, self.pace.wait_ms(now_ms))
        return [*actions, *self._wake(now_ms)]

    def changed(self, around: Around, now_ms: float, *, undone: bool = False) -> list[Action]:
        """The text changed in another way: deleted, pasted, undone, replaced.

        The model is asked after something was pasted, not after the others; what was suggested
        here before comes back at once. `undone`: by undo or redo.
        """
        was, self._around = self._around, around
        longer = around.before.startswith(was.before) and around.before != was.before
        pasted = longer and not undone
        self._regret(around, now_ms)
        actions = self._drop(now_ms, rejected=False)
        self._reading.rests(now_ms)
        wait_ms = max(_PASTE_WAIT_MS, self.pace.wait_ms(now_ms)) if pasted else None
        return [*actions, *self._go_on(now_ms, wait_ms), *self._wake(now_ms)]

    def moved(self, around: Around, now_ms: float) -> list[Action]:
        """The cursor went elsewhere, or a selection or an input method began."""
        self._around = around
        self._ask_at_ms = None
        self._unsure = False
        self._reading.rests(now_ms)
        return [*self._drop(now_ms, rejected=False), *self._wake(now_ms)]

    def tick(self, now_ms: float) -> list[Action]:
        """The time that `WakeAt` named has come."""
        actions: list[Action] = []
        if self._ask_at_ms is not None and now_ms >= self._ask_at_ms:
            self._ask_at_ms = None
            actions += [*self._drop(now_ms), *self._ask_suggestion(now_ms)]
        if self._ahead_at_ms is not None and now_ms >= self._ahead_at_ms:
            self._ahead_at_ms = None
            actions += self._ask_ahead(now_ms)
        if self._reading.due_ms is not None and now_ms >= self._reading.due_ms:
            actions += self._read_ahead(now_ms)
        grey = self._grey
        if grey and grey.shown_ms is None:
            actions += self._display(now_ms)
        return [*actions, *self._wake(now_ms)]

    # -- what is asked for by a key --------------------------------------------------------------

    def ask_now(self, around: Around, now_ms: float) -> list[Action]:
        """Suggest something here, sure or not; of what is there already, show all.

        A pause goes on after it.
        """
        if self._options.asking is Asking.NEVER:
            return [Tell(OFF)]
        self._around = around
        self._ask_at_ms = None
        self.pace.taken()
        grey = self._grey
        if grey and grey.kind is Kind.SUGGESTION and (grey.streaming or grey.rest):
            return [*self._want(grey, now_ms), *self._display(now_ms), *self._wake(now_ms)]
        if not around.before.strip():
            return [Tell(FIRST_WORDS.format("suggestion"))]
        if not self._worth_asking():
            return [Tell(INSIDE_A_WORD)]
        actions = self._drop(now_ms, rejected=False)
        if not self._recall(now_ms):
            actions += self._ask_suggestion(now_ms)
        if self._grey:
            actions += self._want(self._grey, now_ms)
        return [*actions, *self._display(now_ms), *self._wake(now_ms)]

    def another(self, step: int, now_ms: float) -> list[Action]:
        """Show the next (1) or the one before (-1) of the alternatives to the suggestion.

        They are generated in one batch when the first one is wanted.
        """
        grey = self._grey
        if grey is None or grey.kind is not Kind.SUGGESTION or not grey.rest:
            return []
        grey.wanted = grey.asked_for = True
        grey.steps += step
        actions = self._drop_ahead()
        if not grey.others or grey.taken:
            actions += [Cancel(grey.ask_id)] if grey.streaming else []
            self._ids += 1
            grey.answer = Known(grey.rest, grey.current.sure)
            grey.ask_id, grey.at, grey.taken, grey.streaming = self._ids, 0, "", True
            grey.others = [self._new_answer() for _ in range(ALTERNATIVES)]
            for answer in grey.others:
                answer.guess()
            request = replace(self._request(), versions=ALTERNATIVES, sampling=_ALTERNATIVE)
            actions.append(Ask(grey.ask_id, request))
        return [*actions, *self._step(grey), *self._display(now_ms), *self._wake(now_ms)]

    def draft(self, around: Around, now_ms: float) -> list[Action]:
        """Write a draft from the cursor on; asked again, write another one."""
        self._around = around
        self._ask_at_ms = None
        if not around.before.strip():
            return [Tell(FIRST_WORDS.format("draft"))]
        again = self.kind is Kind.DRAFT
        self._tries = self._tries + 1 if again else 0
        sampling = self._options.draft_sampling
        request = Request(
            prompt=self._prompt_of(around.before),
            max_tokens=self._options.draft_tokens,
            sampling=replace(sampling, seed=(sampling.seed + self._tries) % 2**31),
            heal=heals_draft(around.before),
            priority=Priority.DRAFT,
        )
        actions = self._drop(now_ms, rejected=False)
        return [*actions, self._begin(Kind.DRAFT, Written(), request, now_ms), *self._wake(now_ms)]

    def accept(self, amount: Amount, now_ms: float) -> list[Action]:
        """Take the grey text, or the next word or sentence of it, into the document.

        The rest stays without being computed again.
        """
        grey, shown = self._grey, self.text
        if grey is None or not shown:
            return []
        taken = self._part(amount, shown)
        if amount is Amount.ALL and grey.kind is Kind.DRAFT and grey.streaming:
            taken = shown.rstrip()
        if not taken:
            return []
        self._around = replace(self._around, before=self._around.before + taken)
        self._accepted = self._around, now_ms
        grey.taken += taken
        self._judge_taken(grey)
        self.pace.taken()
        actions: list[Action] = [Insert(taken)]
        if amount is not Amount.ALL and (grey.rest or grey.streaming):
            grey.wanted = True  # what follows an accepted word stays in sight
            return [*actions, *self._display(now_ms), *self._wake(now_ms)]
        return [*actions, *self._follow(now_ms, 0.0), *self._wake(now_ms)]

    def stop(self, now_ms: float) -> list[Action]:
        """Stop a draft that is being written and keep what there is of it."""
        if self._grey is None or not self._grey.streaming:
            return []
        ask_id = self._grey.ask_id
        return [Cancel(ask_id), *self.ended(ask_id, now_ms)]

    def dismiss(self, now_ms: float | None = None) -> list[Action]:
        """Take the grey text away and ask nothing until the writer types on.

        With a time, it was the writer who sent it away.
        """
        self._ask_at_ms = None
        if now_ms is None:
            return self._drop(0.0, rejected=False)
        return self._drop(now_ms, sent_away=True)

    # -- what the model answers ------------------------------------------------------------------

    def read(self, ask_id: int, now_ms: float) -> None:
        """The prompt of a request is read; what it takes from now on is the answer's."""
        if self._ahead and self._ahead.ask_id == ask_id:
            self._ahead.read_ms = now_ms
        elif self._grey and self._grey.awaits(ask_id):
            self._grey.read_ms = now_ms

    def piece(
        self, ask_id: int, text: str, now_ms: float, *, probability: float = 1.0, version: int = 0
    ) -> list[Action]:
        """Some text came for a request."""
        ahead, grey = self._ahead, self._grey
        if ahead and ahead.ask_id == ask_id:
            ahead.answer.add(text, probability)
            return self._end_ahead(ahead) if ahead.answer.complete else []
        if grey is None or not grey.awaits(ask_id):
            return []
        answer = grey.others[version] if grey.others else grey.answer
        if not isinstance(answer, Known):
            if not grey.others and not answer.generated:
                began_ms = grey.asked_ms if grey.read_ms is None else grey.read_ms
                self.pace.answered(now_ms - began_ms, now_ms)
            answer.add(text, probability)
        actions = [*self._step(grey), *self._display(now_ms)]
        complete = all(each.complete for each in grey.others) if grey.others else answer.complete
        if grey.kind is Kind.SUGGESTION and complete:
            actions += [Cancel(ask_id), *self._ended(grey, now_ms)]
        return [*actions, *self._wake(now_ms)]

    def ended(self, ask_id: int, now_ms: float, *, cut_short: bool = False) -> list[Action]:
        """The answer is complete, or there will be no more of it.

        `cut_short`: only because the most tokens were reached.
        """
        ahead, grey = self._ahead, self._grey
        if ahead and ahead.ask_id == ask_id:
            ahead.answer.end(cut_short=cut_short)
            return self._end_ahead(ahead)
        if grey is None or not grey.awaits(ask_id):
            return []
        answers: list[Answer | Known | Written] = [*grey.others] or [grey.answer]
        for answer in answers:
            answer.end(cut_short=cut_short)
        return [*self._ended(grey, now_ms), *self._wake(now_ms)]

    def ranked(self, ask_id: int, scores: Sequence[float], now_ms: float) -> list[Action]:
        """How well the text after the cursor follows each candidate; the highest is shown."""
        grey = self._grey
        if grey is None or grey.ask_id != ask_id or grey.batch is not Batch.SCORED:
            return []
        pairs = zip(scores, self._candidates(grey), strict=False)
        best = max(pairs, key=lambda pair: pair[0], default=(0.0, self._candidates(grey)[0]))[1]
        return [*self._settle_on(grey, best, now_ms), *self._wake(now_ms)]

    # -- parts -----------------------------------------------------------------------------------

    def _want(self, grey: Grey, now_ms: float) -> list[Action]:
        """The writer asks for it: no gate, and on to its natural end, however unsure."""
        grey.wanted = grey.asked_for = True
        grey.show_at_ms = now_ms
        cut = grey.answer
        if isinstance(cut, Known) and cut.cut and not grey.others:
            known, before = cut, self._around.before.removesuffix(grey.taken)
            grey.answer = cut = Answer(replace(self.place, before=before))
            cut.add(known.text, known.sure)
        for answer in (cut, *grey.others):
            if isinstance(answer, Answer):
                answer.guess()
        if grey.streaming or grey.others or not isinstance(cut, Answer) or cut.complete:
            return []
        actions = self._drop_ahead()
        self._ids += 1
        grey.ask_id, grey.streaming = self._ids, True
        prompt = self._prompt_of(cut.place.before + cut.generated)
        return [*actions, Ask(grey.ask_id, replace(self._request(), prompt=prompt))]

    def _keep(self, grey: Grey, answer: Answer) -> None:
        place = answer.place
        sure = ASKED_FOR if grey.asked_for else answer.sure
        self._recent.keep(place.before, place.after, Known(answer.text, sure, answer.cut))

    def _candidates(self, grey: Grey) -> list[Answer]:
        """Alternatives that differ and have something to show."""
        by_text = {answer.text.strip(): answer for answer in reversed(grey.others)}
        by_text.pop("", None)
        return list(by_text.values())[::-1]

    def _rank(self, grey: Grey, now_ms: float) -> list[Action]:
        """All candidates are there: find out which one goes best with what follows."""
        candidates = self._candidates(grey)
        if not candidates:
            self._grey = None
            return [Hide()]
        if len(candidates) == 1:
            return self._settle_on(grey, candidates[0], now_ms)
        grey.batch = Batch.SCORED
        place = candidates[0].place
        following = place.after.partition("\n")[0][:_RANKED_BY_CHARS]
        texts = tuple(answer.text for answer in candidates)
        return [Rank(grey.ask_id, self._prompt_of(place.before), texts, following)]

    def _settle_on(self, grey: Grey, best: Answer, now_ms: float) -> list[Action]:
        grey.batch, grey.streaming = Batch.SHOWN, False
        grey.answer = Known(best.text, best.sure)
        self._keep(grey, best)
        return self._display(now_ms)

    def _ended(self, grey: Grey, now_ms: float) -> list[Action]:
        if grey.batch is Batch.GENERATED:
            return self._rank(grey, now_ms)
        grey.streaming = False
        self._note_unsure(grey)
        actions = self._step(grey)
        if isinstance(grey.answer, Answer) and grey.answer.text:
            self._keep(grey, grey.answer)
        if grey.rest:
            return [*actions, *self._display(now_ms)]
        self._grey = None
        return [*actions, Hide()]

    def _step(self, grey: Grey) -> list[Action]:
        """Go to the alternative that the writer wants, once it is there."""
        choices = grey.choices()
        if not grey.steps or not grey.others:
            return []
        if len(choices) > 1:
            grey.at = choices[(choices.index(grey.at) + grey.steps) % len(choices)]
        elif grey.streaming:
            return []
        grey.steps = 0
        return [] if len(choices) > 1 else [Tell(NO_OTHER)]

    def _part(self, amount: Amount, shown: str) -> str:
        if amount is Amount.ALL:
            return shown
        if amount is Amount.WORD:
            return next_word(shown, self._around.before)
        return next_sentence(shown) if self._craft is Craft.STORY else next_line(shown)

    def _go_on(self, now_ms: float, wait_ms: float | None) -> list[Action]:
        """After a change: what was suggested here before, or a new request after `wait_ms`.

        None asks nothing.
        """
        self._ask_at_ms = None
        wanted = self._options.asking is Asking.ALWAYS and not self.paused(now_ms)
        if not wanted or not self._worth_asking():
            self._reading.typed(self._around.before, now_ms)
            return []
        if self._recall(now_ms, only_if_sure=True):
            return self._display(now_ms)
        if wait_ms is None:
            return []
        may_ask = self._may_ask(now_ms)
        if may_ask and wait_ms <= 0:
            return self._ask_suggestion(now_ms)
        self._ask_at_ms = now_ms + wait_ms if may_ask else None
        self._reading.typed(self._around.before, now_ms)
        return []

    def _recall(self, now_ms: float, *, only_if_sure: bool = False) -> bool:
        """Take what was suggested here before; whether there was something."""
        known = self._recent.find(self._around.before, self._around.after)
        if known is None or (only_if_sure and not self._enough(known.sure)):
            return False
        self._grey = Grey(Kind.SUGGESTION, 0, known, now_ms, streaming=False)
        self._grey.wanted = self._grey.asked_for = known.sure == ASKED_FOR
        return True

    def _enough(self, sure: float) -> bool:
        return not self._options.gated or self.confidence.enough(sure)

    def _follow(self, now_ms: float, wait_ms: float) -> list[Action]:
        """All of it is taken: go on with what was computed meanwhile, or with a new request."""
        ahead, self._ahead = self._ahead, None
        actions = self._drop(now_ms, rejected=False)
        if ahead and ahead.streaming and ahead.answer.place == self.place:
            self._grey = Grey(Kind.SUGGESTION, ahead.ask_id, ahead.answer, ahead.asked_ms)
            self._grey.read_ms = ahead.read_ms
            return [*actions, *self._display(now_ms)]
        if ahead and ahead.streaming:
            actions.append(Cancel(ahead.ask_id))
        return [*actions, *self._go_on(now_ms, wait_ms)]

    def _worth_asking(self) -> bool:
        """Not before the first word, inside a word, or in the middle of a character."""
        before, after = self._around.before, self._around.after
        inside = after[:1].isalnum() or splits(before, after)
        return bool(before.strip()) and not inside

    def _may_ask(self, now_ms: float) -> bool:
        """Not in a heading, nor where the writer wants none."""
        line = self._around.before.rpartition("\n")[2]
        heading = (self._craft is not Craft.CODE and line.startswith("#")) or (
            self._craft is Craft.LYRICS and line.startswith("[")
        )
        return self._options.asking is Asking.ALWAYS and not heading and not self.paused(now_ms)

    def _ranks(self) -> bool:
        """Whether text follows in the line, and the model can't take it into account."""
        same_line = self._around.after.partition("\n")[0].strip()
        return bool(same_line) and self._craft is not Craft.CODE and not self._options.fills_in

    def _request(self) -> Request:
        around = self._around
        same_line = around.after.partition("\n")[0].strip()
        fills_in = self._craft is Craft.CODE or bool(same_line)
        return suggestion(
            self._prompt_of(around.before),
            self._options.suggestion_tokens,
            self._craft,
            around.after if fills_in else "",
        )

    def _ask_suggestion(self, now_ms: float) -> list[Action]:
        if not self._worth_asking():
            return []
        request = self._request()
        if not self._ranks():
            if self._craft is not Craft.CODE:
                request = replace(request, endings=self._endings_of(self._around.before))
            return [self._begin(Kind.SUGGESTION, self._new_answer(), request, now_ms)]
        request = replace(request, versions=ALTERNATIVES, sampling=_RANKED)
        others = [self._new_answer() for _ in range(ALTERNATIVES)]
        return [self._begin(Kind.SUGGESTION, Known("", 0.0), request, now_ms, others)]

    def _new_answer(self) -> Answer:
        return Answer(self.place, LEAST_SURE_GATED if self._options.gated else LEAST_SURE)

    def _begin(
        self,
        kind: Kind,
        answer: Answer | Known | Written,
        request: Request,
        now_ms: float,
        others: Sequence[Answer] = (),
    ) -> Ask:
        self._ids += 1
        self._reading.reads(self._around.before)
        gate_ms = self.pace.gate_ms(now_ms) if kind is Kind.SUGGESTION else 0.0
        self._grey = Grey(kind, self._ids, answer, now_ms, show_at_ms=now_ms + gate_ms)
        if others:
            self._grey.others, self._grey.batch = [*others], Batch.GENERATED
        return Ask(self._ids, request)

    def _display(self, now_ms: float) -> list[Action]:
        """Show what is fit to be seen of the grey text, once it may be."""
        grey = self._grey
        if grey is None:
            return []
        was_shown = grey.shown_ms is not None
        rest = grey.rest
        sure_enough = grey.wanted or self._enough(grey.current.sure)
        # The first press of a key may leave half a character, typed from decomposed letters.
        half = splits(self._around.before, rest) or splits(rest, self._around.after)
        fit = self._worth_showing(grey) and not half and grey.current.has_word
        if not fit or not (sure_enough or was_shown):
            grey.in_sight = ""
            return [Hide()] if was_shown else []
        if now_ms < grey.show_at_ms:
            return []
        if not was_shown:
            grey.shown_ms, grey.n_keys = now_ms, 1
            self._unsure = False
        if not grey.streaming and grey.kind is Kind.SUGGESTION and not self._ahead:
            self._ahead_at_ms = now_ms + _AHEAD_AFTER_MS
        grey.in_sight = rest
        return [Show(rest)]

    def _worth_showing(self, grey: Grey) -> bool:
        """A key takes it, so it should save one: a single letter or mark does not."""
        gated = self._options.gated and grey.kind is Kind.SUGGESTION
        return len(grey.rest) >= (2 if gated and not grey.others and not grey.wanted else 1)

    def _ask_ahead(self, now_ms: float) -> list[Action]:
        """Ask what would follow the suggestion in sight, if it were taken."""
        grey = self._grey
        if self._ahead or self._options.sparing or not self._may_ask(now_ms):
            return []
        if grey is None or grey.streaming or not grey.rest or self._ranks():
            return []
        here = self._around
        self._around = Around(here.before + grey.rest, here.after)
        actions: list[Action] = []
        if self._worth_asking() and not self._recent.find(self._around.before, here.after):
            self._ids += 1
            self._ahead = Ahead(self._ids, self._new_answer(), now_ms)
            actions = [Ask(self._ids, self._request())]
        self._around = here
        return actions

    def _read_ahead(self, now_ms: float) -> list[Action]:
        """Have the text before the cursor read, so that the next answer begins at once."""
        self._reading.due_ms = None
        grey, off = self._grey, self._options.asking is Asking.NEVER
        if off or now_ms < self._paused_until_ms or (grey and grey.streaming):
            return []
        here = self._around
        if not here.before.strip():
            self._around = Around(self._end, "")
        if not self._around.before.strip():
            self._around = here
            return []
        self._reading.reads(self._around.before)
        request = self._request()
        self._around = here
        return [ReadAhead(request.prompt, request.suffix)]

    def _end_ahead(self, ahead: Ahead) -> list[Action]:
        actions: list[Action] = [] if ahead.answer.ended else [Cancel(ahead.ask_id)]
        ahead.streaming = False
        answer, place = ahead.answer, ahead.answer.place
        if answer.text:
            known = Known(answer.text, answer.sure, answer.cut)
            self._recent.keep(place.before, place.after, known)
        return actions

    def _drop_ahead(self) -> list[Action]:
        ahead, self._ahead = self._ahead, None
        self._ahead_at_ms = None
        return [Cancel(ahead.ask_id)] if ahead and ahead.streaming else []

    def _drop(
        self, now_ms: float, *, rejected: bool = True, sent_away: bool = False
    ) -> list[Action]:
        """Forget the grey text, whatever it is.

        `rejected`: the writer saw it and wrote something else, or (`sent_away`) has refused it.
        """
        grey, self._grey = self._grey, None
        actions = self._drop_ahead()
        if grey is None:
            return actions
        if grey.streaming and grey.kind is Kind.SUGGESTION:
            if not grey.generated:
                read_ms = grey.read_ms
                self.pace.unanswered(None if read_ms is None else now_ms - read_ms, now_ms)
            elif grey.current.has_word:
                self._note_unsure(grey)
        if rejected and grey.shown_ms is not None and not grey.judged:
            self._judge(grey, right=False)
            if grey.kind is Kind.SUGGESTION and not grey.wanted:
                self.pace.not_wanted(now_ms - grey.shown_ms, sent_away=sent_away)
        return [*actions, *([Cancel(grey.ask_id)] if grey.streaming else []), Hide()]

    def _note_unsure(self, grey: Grey) -> None:
        hidden = grey.kind is Kind.SUGGESTION and grey.shown_ms is None and not grey.wanted
        if hidden and not self._enough(grey.current.sure):
            self._unsure = True

    def _judge_taken(self, grey: Grey) -> None:
        """Its first word was right once all of it was taken."""
        if isinstance(answer := grey.current, Answer) and grey.at:
            self._keep(grey, answer)  # an alternative that is taken is the one to come back
        before = self._around.before.removesuffix(grey.taken)
        first = next_word(grey.current.text, before)
        if len(grey.taken) >= len(first):
            self._judge(grey, right=True)
            self.pace.taken()

    def _judge(self, grey: Grey, *, right: bool) -> None:
        counts = grey.kind is Kind.SUGGESTION and not grey.wanted and grey.shown_ms is not None
        if counts and not grey.judged:
            self.confidence = self.confidence.learned(right=right, n_keys=max(1, grey.n_keys))
        grey.judged = True

    def _regret(self, around: Around, now_ms: float) -> None:
        """What was accepted a moment ago is being deleted: it was wrong after all."""
        if self._accepted is None:
            return
        accepted, at_ms = self._accepted
        shorter = len(around.before) < len(accepted.before)
        if now_ms - at_ms < _REGRET_MS and shorter and accepted.before.startswith(around.before):
            self.confidence = self.confidence.learned(right=False)
            self._accepted = None

    def _wake(self, now_ms: float) -> list[Action]:
        due = (self._ask_at_ms, self._ahead_at_ms, self._reading.due_ms)
        times = [t for t in due if t is not None]
        if self._grey and self._grey.shown_ms is None and self._grey.show_at_ms > now_ms:
            times.append(self._grey.show_at_ms)
        return [WakeAt(min(times))] if times else []
