"""How soon a suggestion follows a key, and what a window costs in which nothing happens."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable
from functools import partial

import psutil
from PySide6.QtCore import QTimer

from studio.engine import GREEDY, Event, Finished, Priority, Query, Request
from studio.engine.client import Failed
from studio.ui import engine_bridge
from studio.ui.application import Lamplight
from studio.ui.background import on_gui_thread
from studio.ui.probe import Given, Probe, p_of

# Words in braces are put in afterwards.
STORY = """\
The last bus had gone by the time Nora found the right street. It ran uphill between {two rows of} \
narrow houses, each with a lamp over its door and a number that {somebody had painted} by hand. \
She counted them as she walked, with the suitcase knocking against {her knee, and at} nineteen she \
stopped, because {there was a light} in the kitchen and a man was standing at the sink.

He did not look like a man who {was waiting} for anyone. He was washing a single cup, slowly, as \
if {he had all the time} in the world, and when he had finished he held {it up to the} lamp and \
looked through the handle. Then he saw her. He put the cup down and {came to the} door.

“You must be the daughter,” he said.

“I am one of them,” said Nora. “My sister {could not get away from} work. She asked me to say that \
she was sorry.”

“Everyone is sorry this week.” He stepped back {to let her} in. “I have had eleven letters and a \
ham. You had better sit down, and I will {make some more} tea.”

The kitchen {was warm and} smelled of coal. On the table lay her father’s things, in the order in \
which, {as she supposed, they} had come out of his pockets: a watch, a pencil, a few coins, and a \
ticket for {the boat to the} island, dated the next day. She picked it up and {turned it} over.

"""

TYPED = """\
“He never told us that he was going anywhere,” she said.

“He never told anybody anything. He came down every morning, and he sat where you are sitting now, \
and he talked about the weather. I thought that he was the happiest man I had ever met.” The old \
man put two spoons of sugar into her tea without asking. “Then one evening he gave me an envelope \
and told me to keep it until somebody came.”

“And what was in it?”

“I don’t know. It was not for me.”

He went out into the hall, and she heard him open a drawer. Outside it had begun to rain again. \
She looked at the window, at the dark garden behind it, and at the path that went down to the \
harbour, and for the first time in many years she tried to remember the sound of her father’s \
voice. It would not come. What came was the smell of his coat, and the way in which he used to \
knock on the table before he stood up.

“Here it is,” said the old man. He laid a brown envelope in front of her. There was no name on it, \
only a small drawing of a house with three windows. Nora knew the house. She had been born in it, \
and she had believed until that moment that it had been sold.

“Are you going to open it?” he asked.

“Not yet,” she said. “I want to finish my tea.”

He nodded, as if that was the right thing to do, and sat down on the other side of the table."""

_KEY_EVERY_MS = (120, 200)
_PATIENCE_S = 5.0
"""So long at most the writer waits for a suggestion that is late, so that it is counted."""
_LONGEST_GATE_S = 0.06
_TOKENS, _TOKEN_TIMES = 64, 4
"""So many are decoded so many times, twice in a run, to find out how long one takes."""
_SETTLED_MS = 4_000


class Writing(Probe):
    """A writer goes on with a story at a person's pace."""

    def __init__(self, lamplight: Lamplight, given: Given) -> None:
        super().__init__(lamplight, given)
        self._dice = random.Random(1)
        self._client = self.window.desk.client
        self._ask = self._client.ask
        self._client.ask = self._overhear  # type: ignore[method-assign]
        self._in_hand = 0
        self.asked = False
        """The model was asked for a suggestion with the last key."""

    def open_story(self, then: Callable[[], None]) -> None:
        """Open the beginning of the story and put the cursor at its end."""
        path = self.given.home / "story.txt"
        text = without_gaps(STORY)
        path.write_text(text, "utf-8")
        self.window.open(path)

        def opened() -> None:
            self.put_cursor(len(text))
            then()

        self.when(lambda: self.editor.text() == text and self.loaded(), opened)

    def put_cursor(self, at: int) -> None:
        cursor = self.editor.textCursor()
        cursor.setPosition(at)
        self.editor.setTextCursor(cursor)

    def type(self, keys: str, then: Callable[[], None]) -> None:
        """Press the keys, none before it is decided what the one before brings."""
        if not keys:
            then()
            return
        self.asked = False
        self.send(keys[0])

        def go_on() -> None:
            self.when(lambda: not self._undecided(), lambda: self.type(keys[1:], then))

        QTimer.singleShot(self._dice.randint(*_KEY_EVERY_MS), self, go_on)

    @property
    def worker_pid(self) -> int | None:
        """The model's process."""
        return self._client.worker_pid

    def loaded(self) -> bool:
        """Whether a model answers."""
        return self._client.capabilities is not None

    def _undecided(self) -> bool:
        """Whether a suggestion may still come for the last key."""
        waited_s = time.perf_counter() - self.sent_s
        if not self.asked or self.editor.ghost.visible or waited_s > _PATIENCE_S:
            return False
        return self._in_hand > 0 or waited_s < _LONGEST_GATE_S

    def _overhear(
        self, request: Request | Query, on_event: Callable[[Event | Failed], None]
    ) -> int:
        """Note what is asked, on its way to the model."""
        carry = on_gui_thread(self)

        def heard(event: Event | Failed) -> None:
            on_event(event)
            if isinstance(event, Finished | Failed):
                carry(self._ended)  # and comes there after the event itself

        self._in_hand += 1
        if isinstance(request, Request) and request.priority is Priority.INLINE:
            # What is computed ahead goes on from more than stands there.
            self.asked |= request.prompt.endswith(self.editor.around(200).before[-200:])
        return self._ask(request, heard)

    def _ended(self) -> None:
        self._in_hand -= 1


class FirstWord(Writing):
    """Times of one decoded token from a key to the first word of what is suggested after it.

    Counted are keys with which the model is asked, and after which its answer comes into sight.
    """

    def __init__(self, lamplight: Lamplight, given: Given) -> None:
        super().__init__(lamplight, given)
        self._waits_ms: list[float] = []
        self._token_ms: list[float] = []
        self.on_painted = self._painted

    def play(self) -> None:
        go_back = partial(self._time_tokens, self._go_back)
        self.open_story(lambda: self.type(TYPED[: self.given.n], go_back))

    def _go_back(self) -> None:
        self._report("end")
        gaps = gaps_of(STORY)[: 2 + self.given.n // 100]
        # From the last to the first, so that the places of those to come stay as they are.
        self._fill(gaps[::-1], partial(self._time_tokens, self._end))

    def _fill(self, gaps: list[tuple[int, str]], then: Callable[[], None]) -> None:
        if not gaps:
            then()
            return
        at, words = gaps[0]
        self.put_cursor(at)
        self.type(words, lambda: self._fill(gaps[1:], then))

    def _time_tokens(self, then: Callable[[], None]) -> None:
        """Greedy, after texts of about the length; each another one, so that nothing is known."""
        text = self.editor.text()
        ends = [at for at, c in enumerate(text) if c == " "][-_TOKEN_TIMES:]

        def heard(event: Event | Failed) -> None:
            if isinstance(event, Finished):
                self._token_ms.append(event.decode_ms / max(1, event.generated_tokens))
            if isinstance(event, Finished | Failed):
                ask_next()

        def ask_next() -> None:
            if ends:
                request = Request(text[: ends.pop()], _TOKENS, GREEDY, priority=Priority.INLINE)
                engine_bridge.ask(self, self.window.desk, request, heard)
            else:
                then()

        ask_next()

    def _report(self, where: str) -> None:
        waits_ms, self._waits_ms = self._waits_ms, []
        if waits_ms:
            self.figures[f"{where}_p50"] = statistics.median(waits_ms)
            self.figures[f"{where}_p95"] = p_of(waits_ms, 0.95)

    def _end(self) -> None:
        self._report("middle")
        token_ms = statistics.median(self._token_ms)
        self.figures = {name: ms / token_ms for name, ms in self.figures.items()}
        self.figures["token_ms"] = token_ms
        self.finish()

    def _painted(self, grey: str) -> None:
        if grey and self.asked:
            self._waits_ms.append((time.perf_counter() - self.sent_s) * 1000)
            self.asked = False


class Idle(Writing):
    """Processors' time that worker and window take while nobody does anything, with a suggestion
    in sight: seconds in a minute, and a share in percent."""

    def play(self) -> None:
        self.open_story(lambda: self.type(TYPED[:20], self._suggest))

    def _suggest(self) -> None:
        self.window.completer.suggest()
        self.when(lambda: self.editor.ghost.visible, self._settle)

    def _settle(self) -> None:
        QTimer.singleShot(_SETTLED_MS, self, self._begin)

    def _begin(self) -> None:
        processes = psutil.Process(self._client.worker_pid), psutil.Process()
        began_s = time.perf_counter()
        before_s = [used_s(process) for process in processes]

        def end() -> None:
            waited_s = time.perf_counter() - began_s
            worker_s, window_s = (
                used_s(process) - before
                for process, before in zip(processes, before_s, strict=True)
            )
            self.figures["worker_s"] = worker_s / waited_s * 60
            self.figures["window_percent"] = window_s / waited_s * 100
            self.finish()

        QTimer.singleShot(self.given.n * 1000, self, end)


def used_s(process: psutil.Process) -> float:
    """Processor's time that a process has taken so far."""
    used = process.cpu_times()
    return float(used.user + used.system)


_GAP = re.compile(r"\{([^}]*)\} ")


def without_gaps(text: str) -> str:
    """The text before the words in braces are put in."""
    return _GAP.sub("", text)


def gaps_of(text: str) -> list[tuple[int, str]]:
    """Where words are put in, in the text without them, and which: each begins with a space."""
    gaps, taken_out = [], 0
    for gap in _GAP.finditer(text):
        # Before the space that stands there already.
        gaps.append((gap.start() - 1 - taken_out, " " + gap[1]))
        taken_out += len(gap[0])
    return gaps
