"""What the set-up remembers between two runs: the choices made, and which steps are done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from console import Failure


@dataclass(frozen=True)
class Choices:
    """What differs between machines and is the person's to choose. Remembered until changed."""

    cuda: bool = False
    cmake_args: str = ""
    llama_wheel: str = ""  # a .whl file or its address, or a wheel index; empty: compile
    torch_index: str = ""  # empty: where pip looks for everything

    @property
    def build_args(self) -> str:
        """CMAKE_ARGS for llama.cpp."""
        return " ".join(filter(None, [self.cmake_args, "-DGGML_CUDA=on" if self.cuda else ""]))

    def changed_by(self, env: Mapping[str, str]) -> Choices:
        """A variable that is set counts, also when it is empty; one that is not changes nothing."""
        cuda = env.get("CUDA")
        if cuda not in (None, "", "0", "1"):
            raise Failure(f"CUDA={cuda} is not known: say CUDA=1 for NVIDIA, CUDA=0 without.")
        return Choices(
            cuda=self.cuda if cuda is None else cuda == "1",
            cmake_args=env.get("CMAKE_ARGS", self.cmake_args).strip(),
            llama_wheel=env.get("LLAMA_WHEEL", self.llama_wheel).strip(),
            torch_index=env.get("TORCH_INDEX", self.torch_index).strip(),
        )


def digest(inputs: str) -> str:
    return hashlib.sha256(inputs.encode()).hexdigest()


@dataclass(frozen=True)
class Step:
    """``inputs``: all that its result depends on. ``work`` raises Failure."""

    name: str
    inputs: str
    work: Callable[[], None]


@dataclass
class Record:
    """What .venv/lamplight-setup.json holds. ``done``: step -> digest of what went into it."""

    path: Path
    done: dict[str, str] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)

    @classmethod
    def read(cls, path: Path) -> Record:
        """An unreadable record counts as none: the steps are cheap to repeat."""
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, dict(held["done"]), Choices(**held["choices"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    def has(self, name: str, inputs: str) -> bool:
        return self.done.get(name) == digest(inputs)

    def add(self, name: str, inputs: str) -> None:
        self.done[name] = digest(inputs)
        self.write()

    def write(self) -> None:
        held = {"done": self.done, "choices": asdict(self.choices)}
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(held, indent=1), encoding="utf-8")
        beside.replace(self.path)


def run_steps(steps: Sequence[Step], record: Record) -> None:
    """Does the steps that are not done yet, and records each as soon as it is."""
    for step in steps:
        if not record.has(step.name, step.inputs):
            step.work()
            record.add(step.name, step.inputs)
