"""What the machine itself must have: a compiler, and on Linux the libraries that Qt's window needs.

Libraries are looked for by the names that the loader uses, so that this works on every
distribution; only the line that installs them is Debian's.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".pfb")


class For(Enum):
    """What fails without a need being met."""

    EVERYTHING = "the set-up"
    WINDOW = "the window"
    TESTS = "the tests"


class Kind(Enum):
    LIBRARY = "library"
    PROGRAM = "program"
    COMPILER = "compiler"
    MODULE = "module"
    FONT = "font"


@dataclass(frozen=True)
class Need:
    """``names``: any one of them will do. ``package``: what Debian and Ubuntu call it."""

    kind: Kind
    names: tuple[str, ...]
    package: str
    needed_for: For


# The libraries that Qt 6.12's core and its xcb platform plug-in link, and their Debian packages.
WINDOW_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
TEST_PROGRAMS = {"Xvfb": "xvfb", "xauth": "xauth", "xdotool": "xdotool"}


def needs(platform: str, *, compiles: bool, tests: bool, env: Mapping[str, str]) -> list[Need]:
    """All that a set-up on ``platform`` (as in sys.platform) asks of the machine."""
    found = _compilers(env) if compiles and platform != "win32" else []
    if not platform.startswith("linux"):
        return found
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found.append(Need(Kind.MODULE, ("ensurepip",), f"python{version}-venv", For.EVERYTHING))
    found.append(Need(Kind.LIBRARY, ("libgomp.so.1",), "libgomp1", For.EVERYTHING))
    for library, package in WINDOW_LIBRARIES.items():
        found.append(Need(Kind.LIBRARY, (library,), package, For.WINDOW))
    found.append(Need(Kind.FONT, ("a font",), "fonts-dejavu-core", For.WINDOW))
    if tests:
        for program, package in TEST_PROGRAMS.items():
            found.append(Need(Kind.PROGRAM, (program,), package, For.TESTS))
    return found


def _compilers(env: Mapping[str, str]) -> list[Need]:
    c = (env["CC"].split()[0],) if env.get("CC") else ("cc", "gcc", "clang")
    cxx = (env["CXX"].split()[0],) if env.get("CXX") else ("c++", "g++", "clang++")
    return [
        Need(Kind.COMPILER, c, "gcc", For.EVERYTHING),
        Need(Kind.COMPILER, cxx, "g++", For.EVERYTHING),
    ]


def compiler_flags(env: Mapping[str, str], cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """What llama.cpp's compilers are told here, besides what ``env`` tells them.

    No AMX: where a processor has it, GCC 12 (Debian's) loads the tiles' configuration before all of
    it is written (its intrinsic names 8 of the 64 bytes), and the first prompt ends the process.
    """
    try:
        has_amx = "amx_int8" in cpuinfo.read_text()
    except OSError:
        has_amx = False
    if not has_amx:
        return {}
    return {name: f"{env.get(name, '')} -U__AMX_INT8__".strip() for name in ("CFLAGS", "CXXFLAGS")}


def missing(wanted: Iterable[Need]) -> list[Need]:
    return [need for need in wanted if not is_met(need)]


def is_met(need: Need) -> bool:
    if need.kind is Kind.LIBRARY:
        return any(map(_loads, need.names))
    if need.kind is Kind.MODULE:
        importlib.invalidate_caches()  # it may just have been installed
        return any(importlib.util.find_spec(name) for name in need.names)
    if need.kind is Kind.FONT:
        return any(map(_has_font, _font_folders()))
    if need.kind is Kind.COMPILER and sys.platform == "darwin" and not _has_xcode_tools():
        return False  # macOS has a /usr/bin/cc that only offers to install the real one
    return any(map(shutil.which, need.names))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _has_xcode_tools() -> bool:
    return subprocess.run(["/usr/bin/xcode-select", "-p"], capture_output=True).returncode == 0


def _font_folders() -> list[Path]:
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    home = Path.home()
    folders = [Path(folder) / "fonts" for folder in shared.split(":") if folder]
    return [*folders, home / ".fonts", home / ".local/share/fonts"]


def _has_font(folder: Path) -> bool:
    return any(
        name.lower().endswith(FONT_SUFFIXES) for _, _, names in os.walk(folder) for name in names
    )


def packages(lacking: Sequence[Need]) -> list[str]:
    return sorted({need.package for need in lacking})


def advice(lacking: Sequence[Need], platform: str, *, has_apt: bool, is_root: bool) -> str:
    """What is missing, and the one line to run."""
    purposes = [
        purpose.value for purpose in For if any(need.needed_for is purpose for need in lacking)
    ]
    names = ", ".join(need.names[0] for need in lacking)
    lacks = f"Missing for {' and '.join(purposes)}: {names}."
    if any(need.kind is Kind.COMPILER for need in lacking):
        lacks += " (docs/installing.md says how to do without a compiler.)"
    if platform == "darwin":
        return f"{lacks} This line installs it:\n    xcode-select --install"
    if has_apt:
        line = f"apt-get install -y {' '.join(packages(lacking))}"
        return f"{lacks} This line installs it:\n    {'' if is_root else 'sudo '}{line}"
    return f"{lacks} Install the packages of your distribution that hold these."
