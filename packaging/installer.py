"""The set-up in steps, each of which is done once, and the commands that follow it.

.venv/lamplight-setup.json records for every finished step a digest of what went into it. A step
whose digest still stands is skipped, so a second run starts at once and an interrupted one goes
on at the step that failed. Everything that was said by the programs used is in .venv/setup.log.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import system
from console import (
    CommandFailed,
    Failure,
    ProgressLine,
    Watcher,
    duration,
    environment,
    reason,
    run_watched,
    say,
    tail,
    watch_apt,
    watch_build,
    watch_pip,
)
from lockfile import Lock, LockError, Pin, Section, read_lock
from record import Record, Step, run_steps

ROOT = Path(__file__).resolve().parent.parent
LLAMA = "llama-cpp-python"
COMMANDS = {
    "run": "set up, then open the editor (what follows goes to lamplight)",
    "test": "set up, then check the code and run every test (what follows goes to pytest)",
    "check": "set up, then check the code only: style, types, import directions",
    "bench": "set up, then measure (what follows goes to lamplight bench all)",
    "core": "set up what writing needs, without PyTorch",
    "models": "get the larger models that benchmarks and test-models use (1.6 GB)",
    "test-models": "get these, then run the tests that need them",
    "clean": "remove .venv and what the tools left behind",
}
GROUPS = {
    "run": ("core", "tuning"),
    "bench": ("core", "tuning"),
    "core": ("core",),
    "test": ("core", "tuning", "test", "gemma"),
    "check": ("core", "tuning", "test"),
    "models": ("core", "models"),
    "test-models": ("core", "tuning", "test", "models"),
}
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("mypy", "packaging"),
    ("lint-imports", "--no-logo"),
)
LEFT_BEHIND = (
    ".venv",
    "build",
    "dist",
    "lamplight.egg-info",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".import_linter_cache",
    ".hypothesis",
)


def has_nvidia_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None


class SetUp:
    def __init__(self, root: Path, groups: Sequence[str], env: Mapping[str, str]) -> None:
        self.root = root
        self.groups = groups
        self.venv = root / ".venv"
        self.log = self.venv / "setup.log"
        self.lock: Lock = read_lock(root / "packaging" / "constraints.txt")
        self.record = Record.read(self.venv / "lamplight-setup.json")
        self.choices = self.record.choices.changed_by(env)
        self._flags = system.compiler_flags(env)

    @property
    def programs(self) -> Path:
        return self.venv / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.programs / ("python.exe" if os.name == "nt" else "python")

    def run(self) -> None:
        steps = self.steps()
        if self._is_done(steps):
            return
        with only_one(self.root):
            self.venv.mkdir(exist_ok=True)
            self.log.write_text("", encoding="utf-8")
            self.record = Record.read(self.record.path)  # another set-up may just have finished
            if not self.python.exists():
                self.record.done.clear()
            self.record.choices = self.choices
            self.record.write()
            try:
                self._prepare_machine()
                run_steps(steps, self.record)
            except CommandFailed as error:
                raise self._explained(error) from error

    def _is_done(self, steps: Sequence[Step]) -> bool:
        machine = self.record.has(self._machine_key, repr(self._machine_needs()))
        done = all(self.record.has(step.name, step.inputs) for step in steps)
        return machine and done and self.python.exists() and self.choices == self.record.choices

    def _explained(self, error: CommandFailed) -> Failure:
        why = reason(error.output) or "The reason is not known here; the last lines may tell it."
        said = tail(error.output)
        return Failure(" ".join([why, str(error)]).strip() + f"\n{said}\nThe log: .venv/setup.log")

    # What the machine itself must have

    @property
    def _machine_key(self) -> str:
        return "machine-tests" if "test" in self.groups else "machine"

    def _machine_needs(self) -> list[system.Need]:
        return system.needs(
            sys.platform,
            compiles=not self.choices.llama_wheel,
            tests="test" in self.groups,
            env=os.environ,
        )

    def _prepare_machine(self) -> None:
        """Raises Failure where nothing can be done without what is missing.

        Without a window the terminal is left; then this is looked at again the next time.
        """
        wanted = self._machine_needs()
        lacking = system.missing(wanted)
        has_apt = sys.platform.startswith("linux") and shutil.which("apt-get") is not None
        is_root = sys.platform != "win32" and os.geteuid() == 0
        if lacking and has_apt and is_root and not self._can_do_without(lacking, tried=True):
            self._apt_install(system.packages(lacking))
            lacking = system.missing(wanted)
        if not lacking:
            self.record.add(self._machine_key, repr(wanted))
            return
        advice = system.advice(lacking, sys.platform, has_apt=has_apt, is_root=is_root)
        if not self._can_do_without(lacking):
            raise Failure(f"{advice}\nThen run the same command again.")
        self.record.add("machine-lacks", repr(lacking))
        say(f"{advice}\nUntil then Lamplight works in the terminal only.")

    def _can_do_without(self, lacking: Sequence[system.Need], *, tried: bool = False) -> bool:
        """Whether only the window is lost. ``tried``: and it was told before, so let it be."""
        only_window = all(need.needed_for is system.For.WINDOW for need in lacking)
        told = not tried or self.record.has("machine-lacks", repr(lacking))
        return only_window and told and "test" not in self.groups

    def _apt_install(self, packages: Sequence[str]) -> None:
        say(f"Installing with apt-get: {' '.join(packages)}")
        line = ProgressLine("System packages")
        env = environment(DEBIAN_FRONTEND="noninteractive")
        options = ["-q", "-o", "APT::Status-Fd=1", "-o", "Dpkg::Use-Pty=0"]
        install = ["apt-get", *options, "install", "-y", "--no-install-recommends", *packages]
        with contextlib.suppress(CommandFailed):  # the lists at hand may do
            run_watched(["apt-get", *options, "update"], watch_apt, line, self.log, env)
        try:
            run_watched(install, watch_apt, line, self.log, env)
        except CommandFailed as error:
            line.finish(f"apt-get could not install them. {reason(error.output)}".rstrip())
        else:
            line.finish(f"installed, {duration(line.elapsed_s)}")

    # The steps, in their order

    def steps(self) -> list[Step]:
        section, choices = self.lock.section, self.choices
        build = f"{choices.build_args} {choices.llama_wheel}{''.join(self._flags.values())}"
        core = section("core").without(LLAMA)
        llama = section("core").only(LLAMA)
        steps = [
            Step("venv", f"{self.root} {sys.version_info[:2]}", self._make_venv),
            self._pip_step(core, "The writing core"),
            self._pip_step(section("build"), "Tools to build with"),
            Step("llama", f"{llama.text} {build}", self._get_llama),
            self._pip_step(section("model"), "The default model"),
        ]
        if "tuning" in self.groups:
            steps.append(self._pip_step(section("tuning"), "Fine-tuning"))
            torch = f"{section('torch').text} {choices.torch_index}"
            steps.append(Step("torch", torch, self._get_torch))
            if choices.cuda or has_nvidia_gpu():
                steps.append(self._pip_step(section("cuda"), "Training in 4 bits"))
        if "test" in self.groups:
            steps.append(self._pip_step(section("test"), "Tools to test with"))
        if "gemma" in self.groups:
            steps.append(self._pip_step(section("gemma"), "A second model to test with"))
        if "models" in self.groups:
            steps.append(self._pip_step(section("models"), "Larger models, in parts"))
        steps.append(Step("project", self._project_inputs(), self._install_project))
        if "models" in self.groups:
            steps.append(Step("join models", section("models").text, self._join_models))
        # Measured anew with another build of llama.cpp, which may be another's equal.
        copy = f"{section('model').text} {llama.text} {build}"
        steps.append(Step("faster copy", copy, self._make_faster_copy))
        return steps

    def _pip_step(self, section: Section, title: str) -> Step:
        return Step(section.name, section.text, lambda: self._install_section(section, title))

    def _make_venv(self) -> None:
        if self._venv_is_usable():
            return
        if (self.venv / "pyvenv.cfg").exists():
            say("Making .venv afresh: what is there does not fit this folder and this Python.")
            self._empty_venv()
        # Started from inside a virtual environment, ask the Python below it.
        python = getattr(sys, "_base_executable", sys.executable)
        line = ProgressLine("The virtual environment .venv")
        self._run([python, "-m", "venv", str(self.venv)], lambda _: None, line)

    def _venv_is_usable(self) -> bool:
        """Whether it was made by hand, or by a set-up that was stopped, for this very Python."""
        if "venv" in self.record.done or not self.python.exists():
            return False
        code = "import pip, sys; print(sys.version_info[:2])"
        answer = subprocess.run([str(self.python), "-c", code], capture_output=True, text=True)
        return answer.stdout.strip() == str(sys.version_info[:2])

    def _empty_venv(self) -> None:
        shutil.rmtree(self.venv)
        self.venv.mkdir()
        for name in [name for name in self.record.done if not name.startswith("machine")]:
            del self.record.done[name]

    def _install_section(self, section: Section, title: str) -> None:
        line = ProgressLine(title)
        arguments = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
        arguments += ["-r", str(self._requirements(section))]
        self._pip(arguments, watch_pip(len(section.pins)), line)

    def _requirements(self, section: Section) -> Path:
        path = self.venv / f"requirements-{section.name}.txt"
        path.write_text(section.text, encoding="utf-8")
        return path

    def _pip(self, arguments: Sequence[str], watch: Watcher, line: ProgressLine) -> None:
        self._run([str(self.python), "-m", "pip", "install", "--no-input", *arguments], watch, line)

    def _run(self, command: Sequence[str], watch: Watcher, line: ProgressLine) -> None:
        build_args = self.choices.build_args
        env = environment(**self._flags)
        env |= {"CMAKE_ARGS": build_args} if build_args else {}
        try:
            run_watched(command, watch, line, self.log, env)
        except CommandFailed:
            line.finish("failed")
            raise
        line.finish(f"done, {duration(line.elapsed_s)}")

    # llama.cpp

    def _get_llama(self) -> None:
        if self.choices.llama_wheel:
            self._install_llama_wheel(self.choices.llama_wheel)
        else:
            self._compile_llama(afresh=bool(self.choices.build_args))
            if not self.choices.build_args and not self._llama_fits():
                # pip's cache held one that was built for another machine (a shared home folder),
                # or by an older version of this set-up
                self._compile_llama(afresh=True)
        if not self._llama_starts():
            raise Failure(
                "llama.cpp was installed but does not start on this machine: the end of"
                " .venv/setup.log says why, docs/installing.md what else there is to try."
            )

    def _compile_llama(self, *, afresh: bool) -> None:
        """Without ``afresh`` pip takes the one it has built before, if any: always a plain one."""
        line = ProgressLine("Compiling llama.cpp", note="once, 8 to 11 min on two cores")
        section = self.lock.section("core").only(LLAMA)
        arguments = ["-v", "--require-hashes", "--no-deps", "--no-binary", LLAMA]
        # The tools it builds with are in the lock and installed already.
        arguments += ["--no-build-isolation", "--force-reinstall"]
        arguments += ["--no-cache-dir"] if afresh else []
        arguments += ["-r", str(self._requirements(replace(section, name="llama")))]
        line.show()
        self._pip(arguments, watch_build, line)

    def _install_llama_wheel(self, source: str) -> None:
        (pin,) = self.lock.section("core").only(LLAMA).pins
        arguments = ["--no-deps", "--force-reinstall"]
        if source.endswith(".whl"):
            check_wheel(source, pin)
            arguments.append(source)
        else:
            arguments += ["--only-binary", ":all:", "--index-url", source, pin.plain]
        self._pip(arguments, watch_pip(1), ProgressLine("llama.cpp, ready-made"))

    def _llama_starts(self) -> bool:
        code = "import llama_cpp; llama_cpp.llama_backend_init()"
        return self._python_ends_well(code)

    def _llama_fits(self) -> bool:
        """Whether one that pip had built before was built as this set-up builds it."""
        info = "llama_cpp.llama_print_system_info()"
        code = f"import llama_cpp; assert b'AMX_INT8 = 1' not in {info}"
        return self._llama_starts() and (not self._flags or self._python_ends_well(code))

    def _python_ends_well(self, code: str) -> bool:
        result = subprocess.run([str(self.python), "-c", code], capture_output=True, text=True)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ python -c '{code}'\n{result.stderr}exit code {result.returncode}\n")
        return result.returncode == 0

    # PyTorch

    def _get_torch(self) -> None:
        (pin,) = self.lock.section("torch").pins
        index = self.choices.torch_index
        if not index and sys.platform.startswith("linux") and not has_nvidia_gpu():
            say(
                "PyTorch for Linux may bring gigabytes of NVIDIA's libraries along. Without such a"
                " GPU, TORCH_INDEX=... saves them: see docs/installing.md."
            )
        source = ["--index-url", index] if index else []
        try:
            self._install_torch(pin, source)
        except CommandFailed as error:
            with_index = f" TORCH_INDEX was {index}; TORCH_INDEX= goes back." if index else ""
            without = "Everything but fine-tuning works without PyTorch: make core sets it up."
            raise CommandFailed(f"{without}{with_index}", error.output) from error

    def _install_torch(self, pin: Pin, source: Sequence[str]) -> None:
        title = f"PyTorch {pin.version}"
        if "torch" in self.record.done:  # pip would find the other build of it good enough
            arguments = ["--no-deps", "--force-reinstall", *source, pin.plain]
            self._pip(arguments, watch_pip(1), ProgressLine(title))
            title = "What PyTorch needs"
        # It differs between machines what PyTorch brings along; what is pinned stays as it is.
        kept = self.venv / "requirements-kept.txt"
        others = [other.plain for other in self.lock.pins() if other.name != pin.name]
        kept.write_text("\n".join(others), encoding="utf-8")
        arguments = [*source, "--constraint", str(kept), pin.plain]
        self._pip(arguments, watch_pip(0), ProgressLine(title))

    # Lamplight itself

    def _project_inputs(self) -> str:
        """The parts of pyproject.toml that an installation is made of: not the tools' tables."""
        tables = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        installed = {name: tables.get(name) for name in ("build-system", "project")}
        return json.dumps([str(self.root), installed, tables["tool"].get("setuptools")])

    def _install_project(self) -> None:
        arguments = ["--no-deps", "--no-build-isolation", "--editable", str(self.root)]
        self._pip(arguments, lambda _: None, ProgressLine("Lamplight"))

    def _make_faster_copy(self) -> None:
        """Of the default model, if this machine reads it faster then. Without it all goes on."""
        line = ProgressLine("The default model for this processor")
        command = [str(self.programs / "lamplight"), "faster", str(self._default_model())]
        with contextlib.suppress(CommandFailed):
            self._run([*command, "--again", "--shared"], lambda _: None, line)

    def _join_models(self) -> None:
        command = [str(self.python), "-P", "-m", "studio.bench.model_in_parts"]
        self._run(command, lambda _: None, ProgressLine("Larger models, joined and checked"))

    def _default_model(self) -> str:
        code = "from studio.library import DefaultModel; print(DefaultModel.declared().find())"
        answer = subprocess.run([str(self.python), "-c", code], capture_output=True, text=True)
        return answer.stdout.strip()


def check_wheel(source: str, pin: Pin) -> None:
    """Raises Failure unless ``source``, a path or an address, is a file of the version wanted."""
    name = re.split(r"[/\\]", source)[-1]
    back = "LLAMA_WHEEL= goes back to compiling."
    if not name.startswith(f"{pin.name.replace('-', '_')}-{pin.version}"):
        raise Failure(f"‘{name}’ is not {pin.name} {pin.version}, which Lamplight needs. {back}")
    if "://" not in source and not Path(source).is_file():
        raise Failure(f"There is no file ‘{source}’. {back}")


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Keeps two set-ups of the same folder apart. Windows has no flock, and goes without."""
    if os.name == "nt":
        yield
        return
    import fcntl

    with (root / "packaging" / "constraints.txt").open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is at work in this folder: waiting for it.")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str]) -> int:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_intermixed_args(arguments[:cut])
    try:
        if options.command == "clean":
            return clean(ROOT)
        set_up = SetUp(ROOT, GROUPS[options.command], _environment(options))
        set_up.run()
        return _follow(options.command, set_up, [*options.words, *arguments[cut + 1 :]])
    except (Failure, LockError) as error:
        say(f"\n{error}")
        return 1
    except OSError as error:
        say(f"\nThe set-up stopped: {error.strerror}: {error.filename}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The same command goes on at this step.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="setup.py",
        description="Sets Lamplight up in .venv and starts it. A second run starts at once.",
        epilog="\n".join(f"  {name:6} {text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="see below")
    parser.add_argument("words", nargs="*", help="handed on; options only after --")
    remembered = "; remembered until changed"
    parser.add_argument("--cuda", choices=("0", "1"), help=f"as CUDA=...{remembered}")
    parser.add_argument(
        "--torch-index", metavar="URL", help=f"as TORCH_INDEX=...: where PyTorch is{remembered}"
    )
    parser.add_argument(
        "--llama-wheel",
        metavar="FILE_OR_INDEX",
        help=f"as LLAMA_WHEEL=...: a built llama-cpp-python, for machines without a compiler;"
        f" empty to compile it{remembered}",
    )
    return parser


def _environment(options: argparse.Namespace) -> Mapping[str, str]:
    given = {
        "CUDA": options.cuda,
        "TORCH_INDEX": options.torch_index,
        "LLAMA_WHEEL": options.llama_wheel,
    }
    return {**os.environ, **{name: value for name, value in given.items() if value is not None}}


def _follow(command: str, set_up: SetUp, arguments: Sequence[str]) -> int:
    """What comes after the set-up. The last program takes the place of this one."""
    if command in ("test", "check") and not _checks_pass(set_up):
        return 1
    if command == "run":
        return _become([set_up.programs / "lamplight", *arguments])
    if command == "bench":
        return _become([set_up.programs / "lamplight", "bench", "all", *arguments])
    if command == "test":
        return _become([set_up.programs / "pytest", *arguments])
    if command == "test-models":
        return _become([set_up.programs / "pytest", "-m", "models", *arguments])
    if command == "models":
        say("The models are there. make bench and make test-models use them.")
    if command == "core":
        say(f"Ready: {(set_up.programs / 'lamplight').relative_to(set_up.root)}")
    return 0


def _checks_pass(set_up: SetUp) -> bool:
    """Runs every check, also after one has failed, so that all there is to mend is seen at once."""
    failed = []
    for program, *arguments in CHECKS:
        say(f"$ {program} {' '.join(arguments)}")
        command = [str(set_up.programs / program), *arguments]
        if subprocess.run(command, cwd=set_up.root).returncode:
            failed.append(program)
    if failed:
        say(f"\nNot in order: {', '.join(dict.fromkeys(failed))} (see above).")
    return not failed


def _become(command: Sequence[str | Path]) -> int:
    sys.stdout.flush()
    if os.name != "nt":  # Windows' exec gives the terminal back at once
        os.execv(command[0], [str(part) for part in command])  # noqa: S606
    return subprocess.run(command).returncode


def clean(root: Path) -> int:
    for name in LEFT_BEHIND:
        shutil.rmtree(root / name, ignore_errors=True)
    for folder in [*root.glob("*/**/__pycache__")]:
        shutil.rmtree(folder, ignore_errors=True)
    return 0
