"""The engine against the bare library, and against itself: ratios from one run."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from studio.bench import Row, Wanted
from studio.engine import GREEDY, AdapterSet, Finished, LoadOptions, Piece, Request, Sampling
from studio.library import DefaultModel

if TYPE_CHECKING:
    from studio.engine.baseline import BareLoop, HighLevel
    from studio.engine.llama import LlamaEngine

_N_CTX = 4096
# What is typed along: unlike the generated story it is not what a model expects.
_PROSE = """\
By the time the ferry came in, Ilse had decided against the speech. She stood at the rail of the \
slipway with her hands in her father's coat and watched the men throw their ropes, and what she \
had meant to say seemed a thing for kitchens, for evenings, for people who still had the habit of \
each other. Nobody waved. A crate of oranges went by on a handcart, bright as a wound, and the \
harbourmaster's dog followed it with an air of professional interest.

“You've grown thin,” said her brother, when he had found her. He had grown a beard himself, which \
did not suit him, and there was a new carefulness in the way he put his bag down.

“It's the coat,” said Ilse. “There was always more of him than of us.”

They walked up through the fish market, where the stalls were being hosed clean, and neither of \
them mentioned the house until they could see it: the green door, the crooked gutter, the window \
that had been boarded since the winter of the floods. Somebody had chalked a number on the wall. \
Marten read it twice, as though it might be persuaded to mean something else, and then he took \
off his hat, quite formally, the way one does before a stranger's funeral."""
_BARE = "decode rate / bare loop"
_HIGH = "decode rate / create_completion"
_TYPED_MEDIAN = "first token after a typed character, median"
_TYPED_P95 = "first token after a typed character, p95"
_TYPED_HIGH = "typed at the end / create_completion"
_ODD_HIGH = "an unexpected word typed / create_completion"
_EDIT_HIGH = "edit 500 tokens back / create_completion"
_DRAFT_HIGH = "after a draft in between / create_completion"
_PER_CHARACTER = "tokens evaluated per typed character, past the window"
_FIVE = "5 versions at once / one after the other"
_IN_WORD = "first token inside a word"
_IN_ODD_WORD = "first token inside a word nobody would expect there"
_NOTE = "author's note changed / all evaluated again"
_LORE = "lore entry appears / all evaluated again"
_CANCEL_DECODE = "cancel while decoding, p95"
_CANCEL_PROMPT = "cancel inside a prompt, p95"
_SHIFT = "window moved on / evaluated again"
_TOP_8 = "likeliest 8 tokens, added time"
_SWAP = "adapter swapped, then the first token decoded"
_BASE_AFTER = "largest difference in a logit of the base after an adapter"
_MEMORY = "worker's memory above model file and KV cache"

ROWS = [
    Row(_BARE, "x", 0.97, "higher"),
    Row(_HIGH, "x", 1.05, "higher"),
    Row(_TYPED_MEDIAN, "token times", 2.5),
    Row(_TYPED_P95, "token times", 4.0),
    Row(_TYPED_HIGH, "x", 1.0),
    Row(_ODD_HIGH, "x", 1.0),
    Row(_EDIT_HIGH, "x", 1.0),
    Row(_DRAFT_HIGH, "x", 0.3),
    Row(_PER_CHARACTER, "tokens", 1.0),
    Row(_FIVE, "x", 1.3, "higher"),
    Row(_IN_WORD, "token times", 0.1),
    Row(_IN_ODD_WORD, "token times", 0.1),
    Row(_NOTE, "x", 0.25),
    Row(_LORE, "x", 0.25),
    Row(_CANCEL_DECODE, "token times", 1.0),
    Row(_CANCEL_PROMPT, "ms", 100.0),
    Row(_SHIFT, "x", 0.05),
    Row(_TOP_8, "%", 3.0),
    Row(_SWAP, "ms", 150.0),
    Row(_BASE_AFTER, "logits", 0.0),
    Row(_MEMORY, "MB", 150.0),
]


def measure(wanted: Wanted) -> Iterator[tuple[str, float | None]]:
    """Yield the wanted rows, medians of several repeats with the default model."""
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the worker's process has it
    path = DefaultModel.declared().find()
    from studio.engine.llama import LlamaEngine

    with closing(LlamaEngine(LoadOptions(path, n_ctx=_N_CTX))) as engine:
        bench = _Bench(engine, path, 3 if wanted.quick else 7)
        rows: dict[tuple[str, ...], Callable[[], tuple[float | None, ...]]] = {
            (_BARE, _HIGH): bench.decode_rates,
            (_TYPED_MEDIAN, _TYPED_P95): bench.typed,
            (_TYPED_HIGH, _ODD_HIGH, _EDIT_HIGH, _DRAFT_HIGH): bench.against_high_level,
            (_PER_CHARACTER,): bench.past_the_window,
            (_FIVE,): bench.five_versions,
            (_IN_WORD, _IN_ODD_WORD): bench.inside_a_word,
            (_NOTE,): bench.note,
            (_LORE,): bench.lore,
            (_CANCEL_DECODE, _CANCEL_PROMPT): bench.cancel,
            (_SHIFT,): bench.shift,
            (_TOP_8,): bench.top_8,
            (_SWAP, _BASE_AFTER): bench.adapters,
            (_MEMORY,): bench.memory,
        }
        for names, measure_them in rows.items():
            if wanted.rows.isdisjoint(names):
                continue
            for name, value in zip(names, measure_them(), strict=True):
                if name in wanted.rows:
                    yield name, value


@dataclass
class _Run:
    """One request, timed."""

    first_ms: float
    total_ms: float
    finished: Finished

    @property
    def token_ms(self) -> float:
        return self.finished.decode_ms / max(1, self.finished.generated_tokens)


class _Bench:
    def __init__(self, engine: LlamaEngine, path: Path, repeats: int) -> None:
        self._engine = engine
        self._path = path
        self._repeats = repeats
        self._story = _story(engine, 1500)
        self._prose = _story(engine, 1250) + "\n\n" + _PROSE
        self._n_unread = 0

    def decode_rates(self) -> tuple[float, ...]:
        """A draft's length, after another text each time: nothing of it is known."""
        n = 200
        bare_ms, high_ms, own_ms = [], [], []
        with closing(self._bare()) as bare, closing(self._high_level()) as high:
            for _ in range(self._repeats):
                text = self._unread()
                bare_ms.append(bare.decode_ms(self._engine.tokenize(text), n))
                own_ms.append(self._run(text, n, heal=False).token_ms)
                high_ms.append(_high_level_token_ms(high, text, n))
        own = statistics.median(own_ms)
        return statistics.median(bare_ms) / own, statistics.median(high_ms) / own

    def typed(self) -> tuple[float, ...]:
        token_ms = self._token_ms()
        end = len(self._prose) - 100
        self._run(self._prose[:end], 1)
        firsts = [self._run(self._prose[: end + n], 1).first_ms / token_ms for n in range(1, 100)]
        return statistics.median(firsts), _p95(firsts)

    def against_high_level(self) -> tuple[float, ...]:
        own: dict[str, list[float]] = {"typed": [], "odd": [], "edit": [], "draft": []}
        peer: dict[str, list[float]] = {name: [] for name in own}
        back = len(self._story) * 2 // 3
        with closing(self._high_level()) as high:

            def peer_first_ms(prompt: str) -> float:
                began = time.perf_counter()
                next(high.stream(prompt, 1))
                return (time.perf_counter() - began) * 1000

            for i in range(self._repeats):
                end = len(self._prose) - 60
                self._run(self._prose[:end], 1)
                peer_first_ms(self._prose[:end])
                for typed in (self._prose[: end + n] for n in range(1, 12)):
                    own["typed"].append(self._run(typed, 1).first_ms)
                    peer["typed"].append(peer_first_ms(typed))
                self._run(self._story, 1)
                peer_first_ms(self._story)
                odd = self._story + " " + "nwsecut"[i % 7]  # small, after a full stop
                own["odd"].append(self._run(odd, 1).first_ms)
                peer["odd"].append(peer_first_ms(odd))
                edited = f"{self._story[:back]} {i} times {self._story[back:]}"
                own["edit"].append(self._run(edited, 1).first_ms)
                peer["edit"].append(peer_first_ms(edited))
                draft = f"Dear Margaret, {i} days have passed since you left this house. "
                self._run(draft, 32)
                list(high.stream(draft, 32))
                own["draft"].append(self._run(edited, 1).first_ms)
                peer["draft"].append(peer_first_ms(edited))
        return tuple(statistics.median(own[k]) / statistics.median(peer[k]) for k in own)

    def past_the_window(self) -> tuple[float, ...]:
        """A typist beyond the end of the window; the model is asked after each character."""
        from studio.writing.context import from_paragraph, grid_start

        reach = 6000  # characters: a window of 1,500 to 3,000 tokens of the 4,096
        text = _story(self._engine, 6000)
        begin = len(text) - (600 if self._repeats < 5 else 16_000)
        decoded, before = 0, None
        for position in range(begin, len(text)):
            start = grid_start(position, reach)
            window = text[start:position]
            prompt = from_paragraph(window, reach // 2) if start else window
            run = self._run(prompt, 1)
            if before is None:  # the window had to be evaluated once
                before, decoded = self._engine.evaluated_tokens, 0
            else:
                decoded += run.finished.generated_tokens
        evaluated = self._engine.evaluated_tokens - (before or 0)
        return (evaluated / (len(text) - begin - 1),)

    def five_versions(self) -> tuple[float, ...]:
        ratios = []
        sampling = Sampling(seed=1)
        self._run(self._story, 1)
        for i in range(self._repeats):
            seeds = range(5 * i, 5 * i + 5)
            one_ms = sum(
                self._run(self._story, 50, sampling=Sampling(seed=seed)).total_ms for seed in seeds
            )
            ratios.append(
                one_ms / self._run(self._story, 50, sampling=sampling, versions=5).total_ms
            )
        return (statistics.median(ratios),)

    def inside_a_word(self) -> tuple[float, ...]:
        """The letters of long words where they stand in the text, from the third on."""
        token_ms = self._token_ms()
        begin = len(self._prose) - len(_PROSE) + 200
        words = [w for w in re.finditer(r" \w{6,}", self._prose) if w.start() > begin]
        firsts = []
        for word in words[:: max(1, len(words) // (4 * self._repeats))]:
            self._run(self._prose[: word.start() + 3], 1)
            firsts += [
                self._run(self._prose[:end], 1).first_ms / token_ms
                for end in range(word.start() + 4, word.end())
            ]
        odd = []
        for letters in (" lighthouse", " something", " evening", " harbour"):
            self._run(self._story + letters[:2], 1)
            odd += [
                self._run(self._story + letters[:n], 1).first_ms / token_ms
                for n in range(3, len(letters))
            ]
        return statistics.median(firsts), statistics.median(odd)

    def note(self) -> tuple[float, ...]:
        """A note of 40 tokens stands 300 tokens before the end of 3,000."""
        text = _story(self._engine, 3000)
        cut = len(text) * 9 // 10
        notes = [
            f"[Author's note: it is night {i}, the tone is hushed and cold, nobody speaks of the "
            "wreck, the keeper hides a letter, and the sea should be felt in every line.]\n\n"
            for i in range(self._repeats + 1)
        ]
        self._run(text[:cut] + notes[-1] + text[cut:], 1)
        changed = [self._run(text[:cut] + n + text[cut:], 1).first_ms for n in notes[:-1]]
        whole = [
            self._run(f"{i}. " + text[:cut] + notes[0] + text[cut:], 1).first_ms for i in range(2)
        ]
        return (statistics.median(changed) / statistics.median(whole),)

    def lore(self) -> tuple[float, ...]:
        """A paragraph that names the entry's key has just ended, in 3,000 tokens of context."""
        from studio.steering import LoreEntry, Steering, parse_keys
        from studio.writing.context import Budget, assemble

        text = _story(self._engine, 2900)
        rate = len(text) / len(self._engine.tokenize(text))
        budget = Budget(story_tokens=6000, memory_tokens=500, note_tokens=100, lore_tokens=400)
        appeared, whole = [], []
        for i in range(self._repeats):
            entry = LoreEntry(
                f"Ottoline {i}",
                f"Ottoline {i} is the keeper's cousin. She keeps bees, lies about her age and has "
                "never once been seen without the yellow umbrella that her sister left her. ",
                parse_keys(f"Ottoline {i}"),
            )
            steering = Steering(memory="A novel of the sea.", note="Cold light.", lore=(entry,))
            story = f"{i}. {text}\n\nAt the gate stood Ottoline {i}"
            before = assemble(story, steering, budget, rate).prompt
            after = assemble(f"{story}.\n\nShe", steering, budget, rate).prompt
            if entry.text.strip() in before or entry.text.strip() not in after:
                raise RuntimeError("the entry was to appear with the end of the paragraph")
            whole.append(self._run(before, 1).first_ms)
            appeared.append(self._run(after, 1).first_ms)
        return (statistics.median(appeared) / statistics.median(whole),)

    def cancel(self) -> tuple[float, ...]:
        token_ms = self._token_ms()
        decoding = [self._silence_ms(self._story, wait_s=0.1) for _ in range(3 * self._repeats)]
        prompts = [
            self._silence_ms(f"{i}. " + self._story, wait_s=0.2) for i in range(3 * self._repeats)
        ]
        return _p95(decoding) / token_ms, _p95(prompts)

    def shift(self) -> tuple[float, ...]:
        ratios = []
        paragraphs = _story(self._engine, 2400).split("\n\n")
        for i in range(3):
            text = [f"{i}. {paragraph}" for paragraph in paragraphs]
            third = len(text) // 3
            whole_ms = self._run("\n\n".join(text[:-1]), 1).first_ms
            moved = self._run("\n\n".join(text[third:-1]), 2)
            again_ms = self._run(f"{i} again. " + "\n\n".join(text[third:-1]), 1).first_ms
            ratios.append(moved.total_ms / min(whole_ms, again_ms))
        return (statistics.median(ratios),)

    def top_8(self) -> tuple[float, ...]:
        plain, told = [], []
        for _ in range(self._repeats):
            plain.append(self._run(self._unread(), 64).token_ms)
            told.append(self._run(self._unread(), 64, alternatives=8).token_ms)
        return ((statistics.median(told) / statistics.median(plain) - 1) * 100,)

    def adapters(self) -> tuple[float | None, ...]:
        """Both settings have read the text already, so that the swap alone is timed."""
        if importlib.util.find_spec("gguf") is None:
            return None, None
        from studio.bench.lora import attention_of, write_lora
        from studio.engine.llama import LlamaEngine

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "voice.gguf"
            lora = ((write_lora(path, *attention_of(self._path)), 1.0),)
            swaps = []
            for _ in range(self._repeats):
                text = self._unread()
                for adapters in ((), lora):
                    self._run(text, 1, heal=False, adapters=adapters)
                swaps += [
                    self._run(text, 2, heal=False, adapters=adapters).total_ms
                    for adapters in (lora, ())
                ]
            rows = []
            tokens = self._engine.tokenize(self._story)[:256]
            for adapters in ((), lora):  # the same is done in both, so that cells lie alike
                with closing(LlamaEngine(LoadOptions(self._path, n_ctx=_N_CTX))) as engine:
                    engine.logits(tokens)
                    list(engine.stream(Request("A letter.", 4, GREEDY, adapters=adapters)))
                    rows.append(engine.logits(tokens))
        return statistics.median(swaps), float(abs(rows[0] - rows[1]).max())

    def memory(self) -> tuple[float, ...]:
        from studio.engine.client import EngineClient

        with tempfile.TemporaryDirectory() as home, closing(EngineClient()) as client:
            client.open(LoadOptions(self._path, threads_memo=Path(home) / "threads.json"))
            list(client.stream(Request(self._story, max_tokens=64, versions=5)))
            pid = client.worker_pid
            rss = psutil.Process(pid).memory_info().rss
        layers, kv_heads, head_size, two_bytes = 30, 3, 64, 2  # of the default model
        cells = _N_CTX + 1024
        kv_cache = 2 * layers * kv_heads * head_size * two_bytes * cells
        return ((rss - self._path.stat().st_size - kv_cache) / 1e6,)

    def _unread(self) -> str:
        """The story up to another place, after which nothing was generated yet."""
        self._n_unread += 1
        return self._story.rsplit(" ", self._n_unread)[0]

    def _token_ms(self) -> float:
        return self._run(self._unread(), 32, heal=False).token_ms

    def _silence_ms(self, prompt: str, *, wait_s: float) -> float:
        """From the interrupt until the engine has stopped computing."""
        stopped_s = 0.0

        def interrupt() -> None:
            nonlocal stopped_s
            stopped_s = time.perf_counter()
            self._engine.interrupt()

        timer = threading.Timer(wait_s, interrupt)
        stream = self._engine.stream(Request(prompt, max_tokens=1000, sampling=GREEDY))
        timer.start()
        while not stopped_s:
            next(stream)
        silent_s = time.perf_counter()
        stream.close()  # type: ignore[attr-defined]  # a generator
        return max(0.0, silent_s - stopped_s) * 1000

    def _run(
        self,
        prompt: str,
        n: int,
        *,
        sampling: Sampling = GREEDY,
        versions: int = 1,
        alternatives: int = 0,
        heal: bool = True,
        adapters: AdapterSet = (),
    ) -> _Run:
        request = Request(
            prompt,
            n,
            sampling,
            versions,
            alternatives=alternatives,
            heal=heal,
            adapters=adapters,
        )
        began, first_ms = time.perf_counter(), 0.0
        last = None
        for event in self._engine.stream(request):
            if isinstance(event, Piece):
                first_ms = first_ms or (time.perf_counter() - began) * 1000
            last = event
        total_ms = (time.perf_counter() - began) * 1000
        if not isinstance(last, Finished):
            raise TypeError(f"the stream ended with {last!r}")
        for _ in self._engine.catch_up():
            pass  # as the worker does between two keys, which are farther apart than this takes
        return _Run(first_ms or total_ms, total_ms, last)

    def _bare(self) -> BareLoop:
        from studio.engine.baseline import BareLoop

        return BareLoop(self._path, _N_CTX, self._n_threads)

    def _high_level(self) -> HighLevel:
        from studio.engine.baseline import HighLevel

        return HighLevel(self._path, _N_CTX, self._n_threads, psutil.cpu_count() or 1)

    @property
    def _n_threads(self) -> int:
        return self._engine.n_threads


def _high_level_token_ms(high: HighLevel, prompt: str, n: int) -> float:
    stream = high.stream(prompt, n + 1)
    next(stream)
    began = time.perf_counter()
    count = sum(1 for _ in stream)
    return (time.perf_counter() - began) * 1000 / max(1, count)


def _story(engine: LlamaEngine, n_tokens: int) -> str:
    """A text of about so many tokens in paragraphs, the same each time."""
    dice = random.Random(7)
    who = ["The keeper", "Old Tobias", "Her sister", "The boy from the quay", "Mrs. Hale"]
    did = ["lit the lamp", "counted the boats", "wrote a letter", "watched the rain", "said little"]
    when = ["before dawn", "when the wind turned", "that winter", "after the wreck", "at low tide"]
    why = ["for nobody else would", "as he had promised", "and thought of home", "without a word"]
    paragraphs: list[str] = []
    n = 0
    while n < n_tokens:
        sentences = [
            f"{dice.choice(who)} {dice.choice(did)} {dice.choice(when)}, {dice.choice(why)}."
            for _ in range(dice.randint(2, 5))
        ]
        paragraphs.append(" ".join(sentences))
        n += len(engine.tokenize(paragraphs[-1])) + 2
    return "\n\n".join(paragraphs)


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]
