"""A writer who does everything at once, and an engine that must not be confused by it.

`Session` is a hypothesis state machine: its rules write, delete, jump about, let the window move
on, ask in every way there is, cancel, interrupt and let requests take turns. What an engine says
is compared with a `Reference`, and its idea of what is evaluated with llama.cpp's own.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import llama_cpp.llama_cpp as C
import numpy as np
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from studio.engine import (
    GREEDY,
    Event,
    LoadOptions,
    Piece,
    Priority,
    ReadingAhead,
    Request,
    RequestError,
    Sampling,
)
from studio.engine.cache import Cache
from studio.engine.llama import LlamaEngine
from tests.engine.reference import Disagreement, Noise, Reference, Strengths
from tests.gguf_files import write_lora

SENTENCES = (
    "The keeper climbed the stairs of the lighthouse every evening. ",
    "“You are late,” she said, and did not look up from the lamp. ",
    "It rained.\n\n",
    "In the autumn a ship came in from the north with a cargo of salt and oranges. ",
    "Nobody asked; nobody ever asked. ",
    "12 of the 112 steps were worn hollow, and he knew each of them by name.\n",
    "\n\nCHAPTER TWO\n\n",
    "def tide(hour):\n    return height[hour % 12]\n\n",
    "Die Möwe saß am Geländer – reglos, naß, grau. ",
    "Her letter had come on Tuesday, and it lay on the table still unopened. ",
    "海边的灯塔里住着一个老人。",
    "Then the wind turned, the lamp smoked, and somebody knocked three times below. ",
)
LETTERS = (" ", "a", "th", "s", "ing", ".", " I", "\n", "é", "“", " the li", "🙂", "  ")
_MOST_OPEN = 3
_FEWEST = 20


@dataclass
class Subject:
    """One engine with its model, and the second opinion on it. Close it when done."""

    engine: LlamaEngine
    reference: Reference
    noise: Noise
    noise_bent: Noise
    """With adapters, which may make a model much more sensitive."""
    loras: tuple[Path, ...]
    page: int
    """Characters that a text is kept to."""
    happened: Counter[str] = field(default_factory=Counter)
    differences: list[float] = field(default_factory=list)

    @staticmethod
    def of(path: Path, folder: Path, *, page: int, n_threads: int | None = None) -> Subject:
        """`folder` is for the adapters."""
        loras = tuple(
            write_lora(folder / f"{path.stem}-{i}.gguf", like=path, seed=i, strength=0.3)
            for i in range(2)
        )
        reference = Reference(path, 512, n_threads)
        texts = ["".join(SENTENCES), "".join(SENTENCES[6:] + SENTENCES[:6])]
        both: Strengths = ((loras[0], 1.5), (loras[1], 1.5))
        noise = reference.noise(texts)
        bent = reference.noise(texts, both)
        engine = LlamaEngine(LoadOptions(path, n_ctx=512, n_threads=n_threads))
        return Subject(engine, reference, noise, bent, loras, page)

    def clear(self) -> None:
        """Bring the engine back to an empty cache, so that a failure can be repeated."""
        engine = self.engine
        assert engine._context is not None
        C.llama_memory_clear(engine._context.memory, True)
        # The same object, as it is known to others.
        Cache.__init__(
            engine._cache, engine._context, engine.vocabulary.never, engine._adapters.use
        )
        engine._behind = None

    def close(self) -> None:
        self.engine.close()
        self.reference.close()


@dataclass
class Open:
    """A request that is being answered."""

    request: Request
    stream: Iterator[Event | None]
    events: list[Event] = field(default_factory=list)


@st.composite
def samplings(draw: st.DrawFn) -> Sampling:
    if draw(st.integers(0, 3)):
        return GREEDY
    return Sampling(
        temperature=draw(st.sampled_from([0.0, 0.7, 1.3])),
        top_k=draw(st.sampled_from([0, 40])),
        min_p=draw(st.sampled_from([0.0, 0.05])),
        top_p=draw(st.sampled_from([1.0, 0.9])),
        xtc_probability=draw(st.sampled_from([0.0, 0.5])),
        dry_multiplier=draw(st.sampled_from([0.0, 0.8])),
        repeat_penalty=draw(st.sampled_from([1.0, 1.2])),
        mirostat_tau=draw(st.sampled_from([0.0, 0.0, 4.0])),
        logit_bias=draw(st.sampled_from([(), ((100, float("-inf")), (300, 3.0))])),
        seed=draw(st.integers(0, 9)),
    )


@st.composite
def requests(draw: st.DrawFn, prompt: str, loras: tuple[Path, ...]) -> Request:
    """A request for what follows `prompt`; every other one is as plain as can be."""
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        more["sampling"] = draw(samplings())
        more["versions"] = draw(st.sampled_from([1, 1, 2, 3, 8]))
        more["stop"] = draw(st.sampled_from([(), (), (".",), ("the", "\n\n")]))
        more["banned"] = draw(st.sampled_from([(), (), ("the",), ("a", "e", "he ")]))
        more["grammar"] = draw(st.sampled_from(["", "", 'root ::= [a-z ]+ "."']))
        more["suffix"] = draw(st.sampled_from(["", " The end."]))
    if draw(st.integers(0, 2)) == 0:
        some = draw(st.lists(st.sampled_from(loras), max_size=2, unique=True))
        strengths = st.sampled_from([0.0, 0.4, 1.0, 1.5])
        more["adapters"] = tuple((path, draw(strengths)) for path in some)
    more.setdefault("sampling", GREEDY)
    return Request(
        prompt,
        max_tokens=draw(st.integers(1, 12)),
        heal=draw(st.booleans()),
        priority=draw(st.sampled_from(Priority)),
        alternatives=8,
        **more,
    )


class Session(RuleBasedStateMachine):
    """One writer's hours with an engine; subclass it with a `subject`."""

    subject: ClassVar[Subject]

    def __init__(self) -> None:
        super().__init__()
        self.subject.clear()
        self.texts = [""]
        self.at = 0
        self.said = ""
        self.open: list[Open] = []

    # Writing

    @initialize(
        starts=st.lists(
            st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=16), min_size=2, max_size=3
        )
    )
    def begin(self, starts: list[list[str]]) -> None:
        self.texts = ["".join(sentences)[: self.subject.page] for sentences in starts]

    @rule(letters=st.sampled_from(LETTERS))
    def type(self, letters: str) -> None:
        self._write(letters)

    @rule(sentences=st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4))
    def paste(self, sentences: list[str]) -> None:
        self._write("".join(sentences))

    @rule()
    def accept(self) -> None:
        self._write(self.said)
        self.said = ""

    @rule(n=st.integers(1, 40))
    def delete(self, n: int) -> None:
        self._text(self.texts[self.at][:-n])

    @rule(
        where=st.floats(0, 1), n=st.integers(0, 30), new=st.sampled_from(("", *LETTERS, *SENTENCES))
    )
    def edit_in_the_middle(self, where: float, n: int, new: str) -> None:
        text = self.texts[self.at]
        i = int(where * len(text))
        self._text(text[:i] + new + text[i + n :])

    @rule(which=st.integers(0, 2))
    def jump(self, which: int) -> None:
        self.at = which % len(self.texts)

    @rule(kept=st.sampled_from([0, 0, 40]), gone=st.integers(1, 300))
    def let_the_window_move(self, kept: int, gone: int) -> None:
        text = self.texts[self.at]
        self._text(text[:kept] + text[kept + gone :])

    # Asking

    @rule(letters=st.sampled_from(("", *LETTERS)), heal=st.booleans(), n=st.integers(2, 8))
    def write_and_read_on(self, letters: str, heal: bool, n: int) -> None:
        """The common case: something is typed, a suggestion comes."""
        self._write(letters)
        prompt = self.texts[self.at]
        self._finish(self._begin(Request(prompt, n, GREEDY, heal=heal, alternatives=8)))

    @rule(strengths=st.permutations([0.0, 0.7, 1.5]), n=st.integers(2, 6))
    def move_the_slider_of_an_adapter(self, strengths: list[float], n: int) -> None:
        for strength in strengths:
            adapters = ((self.subject.loras[0], strength),)
            prompt = self.texts[self.at]
            self._finish(self._begin(Request(prompt, n, GREEDY, adapters=adapters, alternatives=8)))

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        self._finish(self._start(data))

    @rule(data=st.data(), typed=st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3))
    def ask_after_every_letter(self, data: st.DataObject, typed: list[str]) -> None:
        for letters in typed:
            self._write(letters)
            one = self._start(data)
            for _ in range(data.draw(st.integers(0, 30))):
                if one in self.open:
                    self._step(one)
            self._stop(one)

    @precondition(lambda self: len(self.open) < _MOST_OPEN)
    @rule(data=st.data())
    def ask_and_go_on(self, data: st.DataObject) -> None:
        self._start(data)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, _MOST_OPEN), steps=st.integers(1, 12), interrupt=st.booleans())
    def take_turns(self, which: int, steps: int, interrupt: bool) -> None:
        one = self.open[which % len(self.open)]
        for step in range(steps):
            if one in self.open:
                if interrupt and step % 2 == 0:
                    self.subject.engine.interrupt()
                self._step(one)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, _MOST_OPEN))
    def cancel(self, which: int) -> None:
        self._stop(self.open[which % len(self.open)])

    @rule(text=st.sampled_from(SENTENCES), alternatives=st.integers(0, 8))
    def score(self, text: str, alternatives: int) -> None:
        engine, reference = self.subject.engine, self.subject.reference
        tokens = engine.tokenize(text)
        rows = reference.rows(tokens)
        self._same_rows(engine.logits(tokens), rows)
        scored = engine.score(text, alternatives=alternatives).tokens
        assert [token.id for token in scored] == tokens[1:]
        assert all(len(token.alternatives) == alternatives for token in scored)

    @rule(steps=st.integers(1, 20), interrupt=st.booleans())
    def read_ahead(self, steps: int, interrupt: bool) -> None:
        """Have the text read, to its end or until something comes between."""
        engine = self.subject.engine
        reading = engine.answer(ReadingAhead(self.texts[self.at]))
        try:
            for step in range(steps):
                if interrupt and step % 2 == 0:
                    engine.interrupt()
                if next(reading, "over") == "over":
                    break
        except RequestError as error:
            if "context window is full" not in str(error):
                raise
        finally:
            reading.close()  # type: ignore[attr-defined]  # a generator

    @rule(letters=st.sampled_from(LETTERS), keys=st.integers(1, 4), n=st.integers(2, 8))
    def type_without_a_pause(self, letters: str, keys: int, n: int) -> None:
        """Each key supersedes what was asked before, which is let go where it is."""
        for steps in range(keys):
            self._write(letters)
            one = self._begin(Request(self.texts[self.at], n, GREEDY, hasty=True, alternatives=8))
            for _ in range(steps):
                if one in self.open:
                    self._step(one)
            self._stop(one)
        self.rest(20)
        prompt = self.texts[self.at]
        self._finish(self._begin(Request(prompt, n, GREEDY, hasty=True, alternatives=8)))

    @rule(steps=st.integers(1, 20))
    def rest(self, steps: int) -> None:
        """What an engine does while nothing is asked, and stops doing when something is."""
        idle = self.subject.engine.catch_up()
        for _ in range(steps):
            if next(idle, "over") == "over":
                break
        idle.close()

    # What always holds

    @invariant()
    def the_engine_knows_what_is_evaluated(self) -> None:
        engine = self.subject.engine
        assert engine._context is not None
        memory = engine._context.memory
        busy = 0
        for sequence in engine._cache._sequences:
            cells = C.llama_memory_seq_pos_max(memory, sequence.id) + 1
            known = len(sequence.tokens)
            # Between two events, a version may hold a token that it has not looked at yet.
            if cells != known and not (sequence.busy and cells == known + 1):
                raise Disagreement(f"sequence {sequence.id}: {cells} cells, {known} tokens")
            busy += sequence.busy
        most = sum(one.request.versions + 1 for one in self.open)
        if busy > most:
            raise Disagreement(f"{busy} sequences are in use by {len(self.open)} requests")

    def teardown(self) -> None:
        while self.open:
            self._stop(self.open[0])
        busy = [s.id for s in self.subject.engine._cache._sequences if s.busy]
        if busy:
            raise Disagreement(f"sequences {busy} are lost")

    # How it is done

    def _write(self, letters: str) -> None:
        self._text(self.texts[self.at] + letters)

    def _text(self, text: str) -> None:
        """The window over a text that has become too long moves on, as the program's does."""
        page = self.subject.page
        self.texts[self.at] = text[-page * 3 // 4 :] if len(text) > page else text

    def _start(self, data: st.DataObject) -> Open:
        return self._begin(data.draw(requests(self.texts[self.at], self.subject.loras)))

    def _begin(self, request: Request) -> Open:
        one = Open(request, self.subject.engine.stream(request))
        self.open.append(one)
        self.subject.happened["asked"] += 1
        return one

    def _finish(self, one: Open) -> None:
        while one in self.open:
            self._step(one)

    def _step(self, one: Open) -> None:
        try:
            event = next(one.stream, "over")
        except RequestError as error:
            # Several texts may want more room than there is, and one may be too long.
            full = "context window is full" in str(error) or "too long" in str(error)
            if not full and "Too many" not in str(error):
                raise
            self.open.remove(one)
            self.subject.happened["refused"] += 1
            return
        if event == "over":
            self.open.remove(one)
            self._judge(one)
        elif event is not None:
            one.events.append(event)  # type: ignore[arg-type]

    def _stop(self, one: Open) -> None:
        if one in self.open:
            self.open.remove(one)
            one.stream.close()  # type: ignore[attr-defined]  # a generator
            self.subject.happened["cancelled"] += 1

    def _judge(self, one: Open) -> None:
        subject, request = self.subject, one.request
        try:
            bent = any(strength for _, strength in request.adapters)
            noise = subject.noise_bent if bent else subject.noise
            found = subject.reference.check(request, one.events, noise)
        except Disagreement as error:
            raise Disagreement(f"{error}\n{request}") from None
        subject.happened["compared" if found else "not exact or empty"] += 1
        subject.happened["compared tokens"] += len(found)
        subject.differences += found
        said = ["".join(e.text for e in one.events if isinstance(e, Piece) and e.version == 0)]
        self.said = said[0]
        for text in said:
            for phrase in request.banned:
                assert phrase.lower() not in text.lower()
            for phrase in request.stop:
                assert phrase not in text

    def _same_rows(self, rows: np.ndarray, expected: np.ndarray) -> None:
        apart = np.abs((rows - rows.max(1)[:, None]) - (expected - expected.max(1)[:, None])).max()
        if apart > self.subject.noise.limit_any:
            raise Disagreement(f"logits are {apart} off")


def run(subject: Subject, budget_s: float, *, first_seed: int = 1, steps: int = 30) -> None:
    """Sessions of `steps` steps until the time is over and a few answers were compared.

    Raises what the first failure was.

    LAMPLIGHT_FUZZ_SEED begins elsewhere, and LAMPLIGHT_FUZZ_SHRINK=1 looks for a short way to
    the same failure, which takes long.
    """
    machine = type("Hours", (Session,), {"subject": subject})
    shrink = bool(os.environ.get("LAMPLIGHT_FUZZ_SHRINK"))
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    until = time.monotonic() + budget_s
    number = int(os.environ.get("LAMPLIGHT_FUZZ_SEED", first_seed))
    while time.monotonic() < until or subject.happened["compared"] < _FEWEST:
        try:
            run_state_machine_as_test(
                seed(number)(machine),
                settings=settings(
                    max_examples=3,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    phases=phases,
                    suppress_health_check=list(HealthCheck),
                    report_multiple_bugs=False,
                ),
            )
        except BaseException:
            print(f"failed with LAMPLIGHT_FUZZ_SEED={number}")
            raise
        subject.happened["sessions"] += 3
        number += 1
