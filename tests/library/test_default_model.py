"""Where the default model comes from: its wheel, and without it the hub's own client."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from studio.library import DefaultModel, LibraryError

CONTENT = b"GGUF" + bytes(range(256)) * 100_000  # more than the client reads at a time


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as one file needs; its first answer breaks off in the middle."""

    content = CONTENT
    break_off = False
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        first = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        type(self).asked.append(f"{self.command} {self.path} {first}")
        body = self.content[first:]
        self.send_response(206 if first else 200)
        self.send_header("X-Repo-Commit", DefaultModel.declared().revision)
        self.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if first:
            end = len(self.content) - 1
            self.send_header("Content-Range", f"bytes {first}-{end}/{end + 1}")
        self.end_headers()
        if not with_body:
            return
        if type(self).break_off and self.path.endswith(".gguf"):
            type(self).break_off = False
            self.wfile.write(body[: len(body) * 3 // 4])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.asked, Hub.break_off, Hub.content = [], False, CONTENT
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def download(endpoint: str, cache: Path, sha256: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, because the hub's client reads its settings at import."""
    code = (
        "import dataclasses, sys\n"
        "from studio.library import DefaultModel, LibraryError\n"
        "model = dataclasses.replace(DefaultModel.declared(), wheel='not_there', "
        "sha256=sys.argv[1])\n"
        "try:\n"
        "    print(model.download())\n"
        "    print(model.find())\n"
        "except LibraryError as error:\n"
        "    print('refused:', error)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, sha256],
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_the_wheel_carries_the_model_that_is_declared() -> None:
    declared = DefaultModel.declared()
    path = declared.find()
    assert path.stat().st_size == declared.size_bytes
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == declared.sha256


def test_without_the_wheel_the_sentence_says_what_to_do() -> None:
    declared = dataclasses.replace(DefaultModel.declared(), wheel="not_there")
    with pytest.raises(LibraryError, match=r"Download it \(98 MB\)"):
        declared.find()


def test_without_the_wheel_the_model_is_downloaded_and_found_again(
    hub: str, tmp_path: Path
) -> None:
    done = download(hub, tmp_path, hashlib.sha256(CONTENT).hexdigest())
    downloaded, found = done.stdout.splitlines()
    assert Path(downloaded).read_bytes() == CONTENT
    assert found == downloaded
    assert all(asked.split()[1].endswith(".gguf") for asked in Hub.asked), Hub.asked


def test_a_download_that_broke_off_goes_on_where_it_stopped(hub: str, tmp_path: Path) -> None:
    Hub.break_off = True
    done = download(hub, tmp_path, hashlib.sha256(CONTENT).hexdigest())
    assert Path(done.stdout.splitlines()[0]).read_bytes() == CONTENT
    starts = [int(asked.split()[-1]) for asked in Hub.asked if asked.startswith("GET")]
    assert any(start > 0 for start in starts), Hub.asked


def test_a_damaged_download_is_removed_and_said_so(hub: str, tmp_path: Path) -> None:
    done = download(hub, tmp_path, "0" * 64)
    assert "damaged and was removed" in done.stdout
    assert not list(tmp_path.rglob("*.gguf"))


def test_no_connection_is_a_sentence(tmp_path: Path) -> None:
    done = download("http://127.0.0.1:1", tmp_path, "0" * 64)
    assert "could not be downloaded" in done.stdout
    assert "Traceback" not in done.stderr
