"""Reads packaging/constraints.txt, the one place where versions and hashes stand.

The file is in pip's own format, cut into sections by lines such as ``# --- core``. Each section
is installed by a step of its own, so that a finished step need not be looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTION_LINE = re.compile(r"# --- (?P<name>[a-z]+)$")
PIN_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")


class LockError(Exception):
    """The lock file cannot be used; the message is a sentence that says why."""


@dataclass(frozen=True)
class Pin:
    """One package at one version. ``text`` is all pip needs: version, marker, hashes."""

    name: str
    version: str
    text: str

    @property
    def is_hashed(self) -> bool:
        return "--hash=" in self.text

    @property
    def plain(self) -> str:
        """``name==version ; marker``, without the hashes."""
        return self.text.splitlines()[0].removesuffix("\\").rstrip()


@dataclass(frozen=True)
class Section:
    """The pins that one step installs. A package may stand here twice, under different markers."""

    name: str
    pins: tuple[Pin, ...]

    @property
    def text(self) -> str:
        return "".join(f"{pin.text}\n" for pin in self.pins)

    def only(self, package: str) -> Section:
        return Section(self.name, tuple(pin for pin in self.pins if pin.name == package))

    def without(self, package: str) -> Section:
        return Section(self.name, tuple(pin for pin in self.pins if pin.name != package))


@dataclass(frozen=True)
class Lock:
    sections: tuple[Section, ...]

    def section(self, name: str) -> Section:
        for section in self.sections:
            if section.name == name:
                return section
        raise LockError(f"packaging/constraints.txt has no section ‘{name}’: run make lock.")

    def pins(self) -> Iterator[Pin]:
        for section in self.sections:
            yield from section.pins


def read_lock(path: Path) -> Lock:
    try:
        return parse_lock(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LockError(f"packaging/constraints.txt cannot be read: {error.strerror}.") from error


def parse_lock(text: str) -> Lock:
    sections: list[tuple[str, list[list[str]]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := SECTION_LINE.match(line):
            sections.append((heading["name"], []))
        elif not line.strip() or line.startswith("#"):
            continue
        elif not sections:
            raise LockError(f"packaging/constraints.txt, line {number}, stands in no section.")
        elif line[0].isspace():
            _continue_pin(sections[-1][1], line, number)
        else:
            sections[-1][1].append([line])
    return Lock(tuple(Section(name, tuple(map(_pin, pins))) for name, pins in sections))


def _continue_pin(pins: list[list[str]], line: str, number: int) -> None:
    if not pins:
        raise LockError(f"packaging/constraints.txt, line {number}, belongs to no package.")
    pins[-1].append(line)


def _pin(lines: list[str]) -> Pin:
    match = PIN_LINE.match(lines[0])
    if match is None:
        raise LockError(f"packaging/constraints.txt: ‘{lines[0]}’ names no exact version.")
    return Pin(match["name"].lower(), match["version"], "\n".join(lines))
