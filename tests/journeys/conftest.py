"""Real windows: `lamplight` as a process on a display of its own, with keys from outside."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest


def wait_until(what: Callable[[], object], *, within_s: float = 15.0, message: str = "") -> None:
    until = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < until, message or "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual display; the set-up of `make test` installs what it needs."""
    assert shutil.which("Xvfb"), "Xvfb is missing: run `make test` once, or install xvfb"
    assert shutil.which("xdotool"), "xdotool is missing: run `make test` once, or install it"
    read, write = os.pipe()
    # Without -noreset it starts afresh when its last window is killed, and refuses the next one
    # that comes meanwhile.
    screen = ("-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset")
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), *screen],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as numbers:
        number = numbers.readline().strip()
    assert number, "Xvfb did not start"
    yield f":{number}"
    server.terminate()
    server.wait()


@dataclass
class Window:
    """A running `lamplight` and its keyboard."""

    display: str
    home: Path
    words: tuple[str, ...]
    process: subprocess.Popen[bytes] = field(init=False)
    id: str = ""

    def __post_init__(self) -> None:
        settings = self.home / "config" / "lamplight" / "settings.json"
        if not settings.exists():  # Tab would ask, and not all that the model says be shown
            settings.parent.mkdir(parents=True)
            settings.write_text('{"tab_takes": "all", "only_when_sure": false}')
        self.start()

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "DISPLAY": self.display,
            "QT_QPA_PLATFORM": "xcb",
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }

    @property
    def data(self) -> Path:
        return self.home / "data" / "lamplight"

    @property
    def log(self) -> str:
        path = self.data / "logs" / "lamplight.log"
        return path.read_text("utf-8") if path.exists() else ""

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "studio", *self.words], env=self.env, stderr=subprocess.PIPE
        )
        wait_until(self._find, message=f"no window appeared; log:\n{self.log}")
        self.focus()

    def _find(self) -> bool:
        assert self.process.poll() is None, self.log
        title = f"{Path(self.words[0]).name}.*Lamplight" if self.words else "Lamplight"
        found = self.xdotool(
            "search", "--onlyvisible", "--pid", str(self.process.pid), "--name", title
        )
        self.id = (found.split() or [""])[-1]
        return bool(self.id)

    def xdotool(self, *words: str) -> str:
        return subprocess.run(
            ["xdotool", *words], env=self.env, capture_output=True, text=True, check=False
        ).stdout

    def focus(self) -> None:
        """Give the window the keys, or a question in front of it that keeps them; on a bare
        display nobody else does."""

        def has_focus() -> bool:
            self.xdotool("windowfocus", self.id)
            own = self.xdotool("search", "--pid", str(self.process.pid)).split()
            return self.xdotool("getwindowfocus").strip() in own

        wait_until(has_focus, message="the window did not take the focus")
        time.sleep(0.1)  # until Qt has heard of it

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", "15", text)

    def key(self, *names: str) -> None:
        self.xdotool("key", "--delay", "30", *names)

    @property
    def worker(self) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if "studio.engine.worker" in child.cmdline():
                    return child
            except psutil.Error:
                continue
        return None

    def wait_for_model(self) -> None:
        wait_until(lambda: "Ready(" in self.log, message=self.log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def open_window(display: str, tmp_path: Path) -> Iterator[Callable[..., Window]]:
    windows: list[Window] = []

    def open_one(*words: str | Path) -> Window:
        windows.append(Window(display, tmp_path, tuple(map(str, words))))
        return windows[-1]

    yield open_one
    for window in windows:
        if window.process.poll() is None:
            window.kill()
        if window.process.stderr:
            said = window.process.stderr.read().decode()
            window.process.stderr.close()
            assert "Traceback" not in said, said
