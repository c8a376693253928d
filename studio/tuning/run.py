"""A tuning as a folder: what was asked for, how far it is, what it made.

    adapters/My style/
      job.json            what was asked for
      events.jsonl        all that its process told        commands.jsonl   what it was told
      running.lock        held by the process that works on it
      texts.json          the texts as they are trained on and held out, written when they are read
      train.npz  held-out.npz                              as tokens
      checkpoints/        two, to go on from               hidden/  what lower layers made
      peft/               the best adapter, for PyTorch    adapter.gguf   for llama.cpp
      best.safetensors    the best so far              plan.json  what a later process must keep to
      measured.jsonl                                       of a report that is being made
      report.json  report.html

No PyTorch here: this is what a window and the command line know of a run.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import filelock

from studio.manuscript.durable import PRIVATE_FILE, private_folder, replace_file
from studio.tuning import TuningError
from studio.tuning.events import Do, Following
from studio.tuning.recipe import Recipe

JOB, EVENTS, COMMANDS, LOCK = "job.json", "events.jsonl", "commands.jsonl", "running.lock"
BEST = "best.safetensors"
TRAIN_TOKENS, HELD_OUT_TOKENS = "train.npz", "held-out.npz"
TEXTS, CONTROLS, MEASURED = "texts.json", "controls", "measured.jsonl"
ADAPTER, PEFT, REPORT, REPORT_PAGE = "adapter.gguf", "peft", "report.json", "report.html"
LEAST_LOSS_WEIGHT, MOST_LOSS_WEIGHT = 0.1, 10.0
"""How much less, or more, a mistake on one text may count."""
HOLD = ".hold"
"""In the folder of all runs: see `studio.tuning.courtesy`."""
_VERSION = 1


class RunError(TuningError):
    """A run can't be begun or read."""


@dataclass(frozen=True)
class Job:
    """What was asked for."""

    name: str
    texts: tuple[Path, ...]
    base: Path
    """The GGUF file that the writer writes with."""
    recipe: Recipe
    preset: str = ""
    weights: Path | None = None
    """A folder of safetensors to train from, instead of what the GGUF file holds."""
    held_out: tuple[Path, ...] = ()
    """Texts that are only reported on; without, chapters of `texts`."""
    controls: tuple[Path, ...] = ()
    """Texts by others, to compare with."""
    left_on: tuple[str, ...] = ()
    """What is not cleaned away though it usually is: `texts.Kind` values."""
    also_cleaned: tuple[str, ...] = ()
    """What is cleaned away though it usually is not."""
    loss_weights: tuple[tuple[Path, float], ...] = ()
    prompt: str = ""
    """What the samples go on from; "" takes an opening of the held-out text."""
    report: str = "full"
    """How much is measured: "quick" or "full"."""

    def to_json(self) -> str:
        values = asdict(self) | {"version": _VERSION}
        return json.dumps(values, default=str, ensure_ascii=False, indent=1)

    @staticmethod
    def of_json(text: str) -> Job:
        """Raises `RunError` if it was written by another version or is damaged."""
        try:
            values: dict[str, Any] = json.loads(text)
            if values.pop("version") != _VERSION:
                raise RunError("This tuning was made by another version of Lamplight.")
            known = {each.name for each in fields(Recipe)}
            recipe = {k: v for k, v in values.pop("recipe").items() if k in known}
            more: dict[str, Any] = {
                name: tuple(map(Path, values.pop(name)))
                for name in ("texts", "held_out", "controls")
            }
            more |= {name: tuple(values.pop(name)) for name in ("left_on", "also_cleaned")}
            return Job(
                recipe=Recipe(**recipe),
                base=Path(values.pop("base")),
                weights=Path(folder) if (folder := values.pop("weights")) else None,
                loss_weights=tuple((Path(p), w) for p, w in values.pop("loss_weights")),
                **more,
                **values,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError("What this tuning was asked to do is damaged.") from error


class Run:
    """The folder of one tuning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def begin(home: Path, job: Job) -> Run:
        """A new run in the folder `home` of all runs. Nothing works on it yet.

        One of the same name that never got as far as its texts, such as for want of words, is
        replaced.
        Raises `RunError` if there is one of this name, or the name or the folder won't do.
        """
        folder = home / folder_name(job.name)
        if folder.exists() and Run(folder).is_barren:
            Run(folder).remove()
        run = Run(folder)
        try:
            private_folder(home)
            folder.mkdir(mode=0o700)
            try:
                run.put(job)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        except FileExistsError as error:
            raise RunError(
                f"There is a tuning ‘{job.name}’ already. Go on with it, or choose another name."
            ) from error
        except OSError as error:
            raise RunError(
                f"‘{folder}’ can't be made ({error.strerror}). Check that you may write there."
            ) from error
        return run

    @staticmethod
    def named(home: Path, name: str) -> Run:
        """The run of this name. Raises `RunError` if there is none."""
        folder = home / folder_name(name)
        if not (folder / JOB).is_file():
            raise RunError(f"There is no tuning ‘{name}’.")
        return Run(folder)

    @staticmethod
    def all(home: Path) -> list[Run]:
        """Every run there is, the newest first."""
        try:
            folders = [each for each in home.iterdir() if (each / JOB).is_file()]
            folders.sort(key=lambda each: (each / JOB).stat().st_mtime, reverse=True)
        except OSError:
            return []
        return [Run(each) for each in folders]

    @property
    def job(self) -> Job:
        """Raises `RunError`."""
        try:
            return Job.of_json((self.folder / JOB).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"‘{self.folder.name}’ can't be read.") from error

    def put(self, job: Job) -> None:
        """Keep `job`. Raises `OSError`."""
        text = job.to_json().encode()
        replace_file(self.folder / JOB, [text], permissions=PRIVATE_FILE)

    @property
    def adapter(self) -> Path | None:
        """For llama.cpp, once it is made and was found sound."""
        path = self.folder / ADAPTER
        return path if path.is_file() else None

    @property
    def report(self) -> Path | None:
        """JSON; see `studio.tuning.report.Report`."""
        path = self.folder / REPORT
        return path if path.is_file() else None

    @property
    def is_barren(self) -> bool:
        """Nothing was made of it, and nothing works on it."""
        was_a_run = (self.folder / EVENTS).exists()
        return was_a_run and not (self.folder / TEXTS).exists() and not self.is_running

    @property
    def is_running(self) -> bool:
        """Whether a process works on it."""
        lock = filelock.FileLock(self.folder / LOCK)
        try:
            with lock.acquire(timeout=0):
                return False
        except filelock.Timeout:
            return True
        except OSError:
            return False

    def start(self) -> None:
        """Start a process that begins, or goes on, and outlives this one. Raises `RunError`."""
        if self.is_running:
            raise RunError(f"‘{self.folder.name}’ is being worked on already.")
        # What another process was told; what comes from now on is for this one.
        with contextlib.suppress(OSError):
            (self.folder / COMMANDS).unlink()
        command = [sys.executable, "-P", "-m", "studio.tuning.process", str(self.folder)]
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {
                "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            }
        try:
            with (self.folder / "log.txt").open("ab") as log:
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=os.environ | ENVIRONMENT,
                    cwd=self.folder,
                    close_fds=True,
                    **apart,
                )
        except OSError as error:
            raise RunError(f"The tuning could not be started ({error.strerror}).") from error

    def tell(self, do: Do) -> None:
        """Tell the process what to do. Raises `RunError`."""
        try:
            with (self.folder / COMMANDS).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"do": do}) + "\n")
        except OSError as error:
            raise RunError(f"The tuning could not be told ({error.strerror}).") from error

    def follow(self) -> Following:
        """All that its process has told and will tell."""
        return Following(self.folder / EVENTS)

    def remove(self) -> None:
        """Remove it with all that it made. Raises `RunError` while a process works on it."""
        if self.is_running:
            raise RunError(f"‘{self.folder.name}’ is being worked on. Stop it first.")
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise RunError(
                f"‘{self.folder.name}’ could not be removed ({error.strerror})."
            ) from error


# Set before PyTorch is loaded. Threads that spin while they wait take what an editor needs.
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "1000",
    "KMP_BLOCKTIME": "0",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUTF8": "1",
}


def folder_name(name: str) -> str:
    """A name as that of a folder, on every system. Raises `RunError` if nothing is left of it."""
    kept = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "-", name.strip()).strip(". ")
    if not kept.strip("-") or len(kept.encode()) > 120:
        raise RunError("Give the tuning a name of one letter to a hundred.")
    # Names that Windows keeps for devices, and the folder of texts by others.
    taken = re.fullmatch(rf"(?i)con|prn|aux|nul|com\d|lpt\d|{CONTROLS}", kept.split(".")[0])
    return f"{kept}-" if taken else kept
