"""The worker process falls, hangs and is given bad files; the writer loses nothing by it."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest

from studio.engine import (
    GREEDY,
    EngineError,
    Evaluated,
    Evaluating,
    Finished,
    LoadOptions,
    ModelFileError,
    Piece,
    Priority,
    Reading,
    Request,
    Sampling,
    Scored,
    Scoring,
    Tokenized,
    Tokenizing,
)
from studio.engine.client import (
    Changed,
    Down,
    EngineClient,
    Failed,
    LoadFailed,
    Loading,
    Ready,
    Restarting,
    Status,
)

T = TypeVar("T")
STORY = "The keeper climbed the stairs of the lighthouse every evening, and"


_PARENT = """
import sys, time
from pathlib import Path
from studio.engine import LoadOptions
from studio.engine.client import EngineClient

client = EngineClient()
client.open(LoadOptions(Path(sys.argv[1])))
print(client.worker_pid, flush=True)
time.sleep(60)
"""


class Heard:
    """Statuses or events as they came, and a way to wait for one."""

    def __init__(self) -> None:
        self.all: list[object] = []
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()

    def __call__(self, value: object) -> None:
        self.all.append(value)
        self._queue.put(value)

    def wait_for(self, kind: type[T], timeout_s: float = 20.0) -> T:
        until = time.monotonic() + timeout_s
        while True:
            value = self._queue.get(timeout=max(0.001, until - time.monotonic()))
            if isinstance(value, kind):
                return value


def text_of(events: list[object]) -> str:
    return "".join(e.text for e in events if isinstance(e, Piece))


@pytest.fixture
def new_client() -> Iterator[Callable[..., EngineClient]]:
    clients: list[EngineClient] = []

    def make(**options: float) -> EngineClient:
        clients.append(EngineClient(**options))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(new_client: Callable[..., EngineClient], model_path: Path) -> EngineClient:
    client = new_client()
    client.open(LoadOptions(model_path))
    return client


def listen(client: EngineClient) -> Heard:
    heard = Heard()
    client.listen(heard)
    return heard


def greedy(prompt: str = STORY, max_tokens: int = 12, **more: object) -> Request:
    return Request(prompt, max_tokens=max_tokens, sampling=GREEDY, **more)  # type: ignore[arg-type]


def test_a_request_streams_its_text_and_ends(client: EngineClient) -> None:
    events = list(client.stream(greedy()))
    assert len(text_of(list(events)).split()) > 5
    assert isinstance(events[-1], Finished)


def test_loading_tells_how_far_it_is(
    new_client: Callable[..., EngineClient], model_path: Path
) -> None:
    client = new_client()
    statuses = listen(client)
    client.load(LoadOptions(model_path))
    ready = statuses.wait_for(Ready)
    assert ready.capabilities.name == model_path.stem
    fractions = [s.fraction for s in statuses.all if isinstance(s, Loading)]
    assert fractions == sorted(fractions)
    assert 0.3 < fractions[-1] <= 1.0


def test_a_killed_worker_is_started_again_and_answers(client: EngineClient) -> None:
    statuses, events = listen(client), Heard()
    client.ask(Request(STORY, max_tokens=400), events)
    events.wait_for(Piece)
    pid = client.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert "started again" in events.wait_for(Failed).sentence
    statuses.wait_for(Restarting)
    began = time.monotonic()
    statuses.wait_for(Ready)
    assert time.monotonic() - began < 10
    assert text_of(list(client.stream(greedy())))


def test_a_request_made_while_the_worker_is_down_waits_for_it(client: EngineClient) -> None:
    pid = client.worker_pid
    assert pid is not None
    statuses = listen(client)
    os.kill(pid, signal.SIGKILL)
    statuses.wait_for(Restarting)
    assert text_of(list(client.stream(greedy())))


def test_a_hung_worker_is_replaced(
    new_client: Callable[..., EngineClient], model_path: Path
) -> None:
    client = new_client(patience_s=6.0)
    client.open(LoadOptions(model_path, n_threads=1))
    statuses, events = listen(client), Heard()
    pid = client.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    client.ask(greedy(), events)
    assert "did not answer" in events.wait_for(Failed).sentence
    statuses.wait_for(Ready)
    assert not psutil.pid_exists(pid)
    assert text_of(list(client.stream(greedy())))


def test_a_worker_that_ignores_a_cancellation_is_replaced(
    new_client: Callable[..., EngineClient], model_path: Path
) -> None:
    client = new_client(cancel_patience_s=1.0)
    client.open(LoadOptions(model_path))
    statuses, events = listen(client), Heard()
    ticket = client.ask(Request(STORY, max_tokens=400), events)
    events.wait_for(Piece)
    pid = client.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    client.cancel(ticket)
    statuses.wait_for(Restarting)
    statuses.wait_for(Ready)
    assert text_of(list(client.stream(greedy())))


def test_asking_a_hung_worker_never_blocks(client: EngineClient) -> None:
    """The pipe to it is full long before; the caller is the thread that the writer types in."""
    pid = client.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(200):
        client.ask(greedy(STORY * 100, priority=Priority.INLINE), lambda _: None)
    assert time.monotonic() - began < 0.5


def test_a_worker_that_dies_again_and_again_is_given_up(client: EngineClient) -> None:
    statuses = listen(client)
    for _ in range(3):
        pid = client.worker_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        status: Status | None = None
        while not isinstance(status, Ready | Down):
            status = statuses.wait_for(object)  # type: ignore[assignment]
    assert isinstance(status, Down)
    with pytest.raises(EngineError, match="No model is open"):
        list(client.stream(greedy()))


def test_after_giving_up_a_model_can_be_opened_again(
    client: EngineClient, model_path: Path
) -> None:
    test_a_worker_that_dies_again_and_again_is_given_up(client)
    client.open(LoadOptions(model_path))
    assert text_of(list(client.stream(greedy())))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("empty", "it is empty"),
        ("not GGUF", "is not a GGUF model"),
        ("cut in its header", "cut short or damaged"),
        ("cut in its weights", "cut short or damaged"),
        ("unknown architecture", "“lyric” model"),
    ],
)
def test_a_bad_file_gets_a_sentence_and_the_old_model_goes_on(
    client: EngineClient, broken_models: dict[str, Path], fault: str, said: str
) -> None:
    pid = client.worker_pid
    with pytest.raises(ModelFileError, match=said) as caught:
        client.open(LoadOptions(broken_models[fault]))
    assert f"{fault}.gguf" in str(caught.value)
    assert str(caught.value).endswith(".")
    assert client.worker_pid == pid
    assert text_of(list(client.stream(greedy())))


def test_a_missing_file_and_a_folder_get_a_sentence(client: EngineClient, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="There is no file"):
        client.open(LoadOptions(tmp_path / "gone.gguf"))
    with pytest.raises(ModelFileError, match="is a folder"):
        client.open(LoadOptions(tmp_path))


def test_a_file_too_big_for_memory_is_refused_before_it_is_loaded(
    client: EngineClient, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.gguf"
    with huge.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(psutil.virtual_memory().total * 2)  # a hole: takes no room on the disk
    with pytest.raises(ModelFileError, match="GB of memory"):
        client.open(LoadOptions(huge))
    assert text_of(list(client.stream(greedy())))


def test_a_file_that_makes_the_library_abort_leaves_the_old_model(
    client: EngineClient, model_path: Path, tmp_path: Path
) -> None:
    """The number of attention heads is zero: llama.cpp divides by it or asserts."""
    key = b"llama.attention.head_count"
    whole = model_path.read_bytes()
    at = whole.index(key) + len(key) + 4
    damaged = tmp_path / "headless.gguf"
    damaged.write_bytes(whole[:at] + bytes(4) + whole[at + 4 :])
    with pytest.raises(ModelFileError, match=r"headless\.gguf"):
        client.open(LoadOptions(damaged))
    assert text_of(list(client.stream(greedy())))


def test_what_is_no_file_is_refused_at_once(client: EngineClient, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelFileError, match="is not a file"):
        client.open(LoadOptions(tmp_path / "pipe.gguf"))


def test_a_worker_that_hangs_while_it_loads_is_given_up(
    new_client: Callable[..., EngineClient], model_path: Path
) -> None:
    client = new_client(patience_s=6.0)
    statuses = listen(client)
    client.load(LoadOptions(model_path, n_threads=1))
    statuses.wait_for(Loading)
    while not (workers := workers_of(os.getpid())):
        pass  # it is there within milliseconds, and loads in a few hundred
    workers[0].suspend()
    assert statuses.wait_for(LoadFailed).path == model_path
    client.open(LoadOptions(model_path, n_threads=1))
    assert text_of(list(client.stream(greedy())))


def workers_of(pid: int) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(pid).children(recursive=True)
        if "studio.engine.worker" in child.cmdline()
    ]


def test_a_file_whose_weights_are_noise_is_refused(
    client: EngineClient, model_path: Path, tmp_path: Path
) -> None:
    whole = bytearray(model_path.read_bytes())
    whole[len(whole) // 2 :] = b"\xff" * (len(whole) - len(whole) // 2)  # 0xffff is no number
    damaged = tmp_path / "noise.gguf"
    damaged.write_bytes(bytes(whole))
    with pytest.raises(ModelFileError, match=r"noise\.gguf.* is damaged"):
        client.open(LoadOptions(damaged))
    assert text_of(list(client.stream(greedy())))


def test_nothing_in_the_current_folder_is_taken_for_a_module(
    new_client: Callable[..., EngineClient],
    model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('code from the writer’s folder ran')")
    monkeypatch.chdir(tmp_path)
    assert new_client().open(LoadOptions(model_path))


def test_the_worker_ends_when_its_parent_dies_in_the_middle_of_a_message(model_path: Path) -> None:
    import pickle
    import subprocess
    import sys

    from studio.engine.messages import Ask, Load

    worker = subprocess.Popen(
        [sys.executable, "-m", "studio.engine.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(pickle.dumps(Load(LoadOptions(model_path))))
    worker.stdin.write(pickle.dumps(Ask(1, greedy()))[:-40])
    worker.stdin.close()
    worker.wait(20)
    worker.stdout.close()


def test_threads_are_measured_once_and_remembered(
    new_client: Callable[..., EngineClient], model_path: Path, tmp_path: Path
) -> None:
    import json

    memo = tmp_path / "threads.json"
    device = new_client().open(LoadOptions(model_path, threads_memo=memo)).device
    (n,) = json.loads(memo.read_text()).values()
    assert f"{n} thread" in device
    written = memo.stat().st_mtime_ns
    assert new_client().open(LoadOptions(model_path, threads_memo=memo)).device == device
    assert memo.stat().st_mtime_ns == written


def test_threads_are_measured_again_when_asked(
    new_client: Callable[..., EngineClient], model_path: Path, tmp_path: Path
) -> None:
    import json

    memo = tmp_path / "threads.json"
    new_client().open(LoadOptions(model_path, threads_memo=memo))
    (key,) = json.loads(memo.read_text())
    memo.write_text(json.dumps({key: 1, "another": 7}))
    written = memo.stat().st_mtime_ns
    client = new_client()
    client.open(LoadOptions(model_path, threads_memo=memo, measure_threads=True))
    assert memo.stat().st_mtime_ns > written
    assert json.loads(memo.read_text())["another"] == 7
    measured, pid = memo.stat().st_mtime_ns, client.worker_pid
    assert pid is not None
    statuses = listen(client)
    os.kill(pid, signal.SIGKILL)
    statuses.wait_for(Ready)
    assert memo.stat().st_mtime_ns == measured, "a restart does not measure"


def computing(pid: int, work: Callable[[], object]) -> int:
    """How many threads of a process computed while `work` was done."""
    process = psutil.Process(pid)
    before = {thread.id: thread.user_time for thread in process.threads()}
    work()
    used_s = [t.user_time - before.get(t.id, 0.0) for t in process.threads()]
    return sum(used > max(used_s) / 10 for used in used_s)


def test_a_worker_spares_and_stops_sparing_while_it_runs(
    new_client: Callable[..., EngineClient], model_path: Path
) -> None:
    client = new_client()
    client.open(LoadOptions(model_path, n_threads=2))
    statuses, pid = listen(client), client.worker_pid
    assert pid is not None

    def write() -> None:
        assert text_of(list(client.stream(greedy(STORY * 12, 100))))

    assert computing(pid, write) == 2
    client.spare(True)
    assert statuses.wait_for(Changed).capabilities.n_threads == 1
    assert client.capabilities is not None
    assert client.capabilities.sparing
    assert computing(pid, write) == 1
    client.spare(True)
    client.spare(False)
    assert statuses.wait_for(Changed).capabilities.n_threads == 2, "the same again is not told"
    assert client.worker_pid == pid
    assert not any(isinstance(status, Ready | Loading) for status in statuses.all)


def test_sparing_holds_for_a_worker_that_is_started_again_and_for_another_model(
    new_client: Callable[..., EngineClient], model_path: Path
) -> None:
    client = new_client()
    statuses = listen(client)
    client.spare(True)
    client.open(LoadOptions(model_path, n_threads=4))
    assert statuses.wait_for(Changed).capabilities.n_threads == 2
    pid = client.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    statuses.wait_for(Ready)
    assert statuses.wait_for(Changed).capabilities.n_threads == 2
    client.load(LoadOptions(model_path, n_threads=6))
    client.spare(False)
    client.spare(True)
    statuses.wait_for(Ready)
    client.tokenize(STORY)  # what was said before it has been heard
    assert client.capabilities is not None
    assert client.capabilities.n_threads == 3


def test_a_draft_goes_on_while_the_threads_change(client: EngineClient) -> None:
    draft = Heard()
    client.ask(Request(STORY, max_tokens=150, sampling=Sampling(seed=4)), draft)
    for on in (True, False) * 8:
        draft.wait_for(Piece)
        client.spare(on)
    draft.wait_for(Finished, 60)
    assert not any(isinstance(e, Failed) for e in draft.all)


def test_a_model_on_a_gpu_makes_room_before_another_one_is_loaded(
    client: EngineClient, model_path: Path
) -> None:
    """Loaded beside it, the new one would find the memory taken and get fewer layers there."""
    worker = client._worker
    assert worker is not None
    assert worker.capabilities is not None
    worker.capabilities = replace(worker.capabilities, layers=(("NVIDIA", 31),))
    pid, statuses = worker.process.pid, listen(client)
    client.load(LoadOptions(model_path, n_ctx=512))
    statuses.wait_for(Loading)
    assert not psutil.pid_exists(pid)
    statuses.wait_for(Ready)
    assert text_of(list(client.stream(greedy())))


def test_the_old_model_answers_while_a_new_one_is_loaded(
    client: EngineClient, model_path: Path
) -> None:
    pid, statuses = client.worker_pid, listen(client)
    client.load(LoadOptions(model_path, n_ctx=512))
    assert text_of(list(client.stream(greedy("I went", 1))))
    ready = statuses.wait_for(Ready)
    assert ready.capabilities.n_ctx == 512
    assert client.worker_pid != pid


def test_what_is_in_hand_is_finished_when_a_model_is_loaded_anew(
    client: EngineClient, model_path: Path
) -> None:
    old = client.worker_pid
    assert old is not None
    statuses, draft, suggestion, newer = listen(client), Heard(), Heard(), Heard()
    client.ask(Request(STORY, max_tokens=300, sampling=Sampling(seed=1)), draft)
    draft.wait_for(Piece)
    client.load(LoadOptions(model_path, n_ctx=512))
    client.ask(greedy(STORY * 3, max_tokens=1000, priority=Priority.INLINE), suggestion)
    suggestion.wait_for(Piece)
    statuses.wait_for(Ready)
    assert client.worker_pid != old
    client.ask(greedy(priority=Priority.INLINE), newer)
    suggestion.wait_for(Finished)
    assert text_of([*newer.all, newer.wait_for(Piece)])
    assert draft.wait_for(Finished, 60).generated_tokens > 0
    assert not any(isinstance(e, Failed) for e in draft.all)
    until = time.monotonic() + 5
    while psutil.pid_exists(old) and time.monotonic() < until:
        time.sleep(0.02)
    assert not psutil.pid_exists(old)


def test_an_old_model_that_dies_over_a_draft_costs_only_that(
    client: EngineClient, model_path: Path
) -> None:
    old = client.worker_pid
    assert old is not None
    statuses, draft = listen(client), Heard()
    client.ask(Request(STORY, max_tokens=4000), draft)
    draft.wait_for(Piece)
    client.load(LoadOptions(model_path, n_ctx=512))
    statuses.wait_for(Ready)
    os.kill(old, signal.SIGKILL)
    assert "stopped unexpectedly" in draft.wait_for(Failed).sentence
    assert text_of(list(client.stream(greedy())))
    assert not any(isinstance(s, Restarting) for s in statuses.all)


def test_a_cancelled_request_ends_at_once_and_says_nothing_more(client: EngineClient) -> None:
    events = Heard()
    ticket = client.ask(Request(STORY, max_tokens=1000), events)
    events.wait_for(Piece)
    began = time.monotonic()
    client.cancel(ticket)
    events.wait_for(Finished)
    assert time.monotonic() - began < 1.0
    count = len(events.all)
    time.sleep(0.3)
    assert len(events.all) == count


def test_a_newer_inline_request_takes_the_place_of_an_older_one(client: EngineClient) -> None:
    old, new = Heard(), Heard()
    client.ask(Request(STORY * 20, max_tokens=1000, priority=Priority.INLINE), old)
    client.ask(greedy(priority=Priority.INLINE), new)
    old.wait_for(Finished)
    new.wait_for(Finished)
    assert text_of(new.all)
    assert len(text_of(old.all)) < 200


def test_an_inline_request_does_not_wait_for_a_long_prompt(client: EngineClient) -> None:
    draft, inline = Heard(), Heard()
    client.ask(Request(STORY * 200, max_tokens=2), draft)
    draft.wait_for(Reading)
    client.ask(greedy(priority=Priority.INLINE), inline)
    inline.wait_for(Finished)
    assert not any(isinstance(e, Finished) for e in draft.all)
    draft.wait_for(Finished, 60)
    assert text_of(draft.all)


def test_queries_cross_the_border(client: EngineClient) -> None:
    tokens = client.tokenize(STORY)
    score = client.score(STORY, start=20, alternatives=2)
    assert STORY[20:].encode() in b"".join(token.spelling for token in score.tokens)
    assert all(len(token.alternatives) == 2 for token in score.tokens)
    rows = client.logits(tokens)
    capabilities = client.capabilities
    assert capabilities is not None
    assert rows.shape == (len(tokens), capabilities.n_vocab)
    assert rows.flags.writeable
    shifted = rows - rows.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    for i, token in enumerate(score.tokens, len(tokens) - len(score.tokens)):
        assert token.log_prob == pytest.approx(float(log_probs[i - 1, token.id]), abs=0.3)


def test_logits_come_in_parts(client: EngineClient) -> None:
    tokens = tuple(client.tokenize(STORY * 15))
    parts = [e for e in client.stream(Evaluating(tokens)) if isinstance(e, Evaluated)]
    assert len(parts) > 2
    assert [part.first for part in parts] == sorted({part.first for part in parts})
    assert sum(len(part.logits) for part in parts) == len(tokens)
    assert max(len(part.logits) for part in parts) <= 64


def test_a_query_that_can_not_be_answered_fails_with_a_sentence(client: EngineClient) -> None:
    with pytest.raises(EngineError, match="outside of the vocabulary"):
        client.logits([10**7])
    with pytest.raises(EngineError, match="the context window holds"):
        client.score(STORY * 1000)
    with pytest.raises(EngineError, match="There is no adapter file"):
        client.score(STORY, adapters=((Path("gone.gguf"), 1.0),))
    with pytest.raises(EngineError, match="no text"):
        client.score("")
    assert client.tokenize("The sea")


def test_a_cancelled_query_ends_and_says_nothing_more(client: EngineClient) -> None:
    events = Heard()
    ticket = client.ask(Scoring(STORY * 200), events)
    events.wait_for(Scored)
    client.cancel(ticket)
    events.wait_for(Finished)
    count = len(events.all)
    assert client.tokenize("The sea"), "the worker goes on"
    assert len(events.all) == count
    assert isinstance(events.all[-1], Finished)


def test_a_suggestion_does_not_wait_for_a_long_score(client: EngineClient) -> None:
    score, inline = Heard(), Heard()
    client.ask(Scoring(STORY * 40, priority=Priority.IDLE), score)
    score.wait_for(Scored)
    client.ask(greedy(max_tokens=2, priority=Priority.INLINE), inline)
    inline.wait_for(Finished)
    assert not any(isinstance(e, Finished) for e in score.all)
    score.wait_for(Finished, 60)
    told = sum(len(e.tokens) for e in score.all if isinstance(e, Scored))
    assert told == len(client.tokenize(STORY * 40)) - 1


def test_tokens_are_counted_while_a_draft_is_written(client: EngineClient) -> None:
    draft, count = Heard(), Heard()
    client.ask(Request(STORY, max_tokens=200), draft)
    draft.wait_for(Piece)
    client.ask(Tokenizing(STORY), count)
    assert len(count.wait_for(Tokenized).tokens) > 10
    assert not any(isinstance(e, Finished) for e in draft.all)


def test_counting_tokens_takes_no_suggestion_s_place(client: EngineClient) -> None:
    suggestion = Heard()
    client.ask(greedy(max_tokens=30, priority=Priority.INLINE), suggestion)
    for _ in range(5):
        client.ask(Tokenizing(STORY), lambda _: None)
    assert suggestion.wait_for(Finished).generated_tokens == 30


def test_a_query_waits_for_a_model_that_is_started_again(client: EngineClient) -> None:
    pid = client.worker_pid
    assert pid is not None
    statuses = listen(client)
    os.kill(pid, signal.SIGKILL)
    statuses.wait_for(Restarting)
    assert client.tokenize(STORY)


def test_closing_frees_the_worker(client: EngineClient) -> None:
    pid = client.worker_pid
    assert pid is not None
    client.close()
    until = time.monotonic() + 2
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid)


def test_the_worker_ends_when_its_parent_is_killed(model_path: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _PARENT,
            str(model_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 3
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid)


def test_a_closed_client_answers_at_once_that_it_is(model_path: Path) -> None:
    client = EngineClient()
    client.close()
    with pytest.raises(EngineError, match="was closed"):
        list(client.stream(Request("The lamp", max_tokens=2)))
