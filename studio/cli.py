"""`lamplight` on the command line: the same core as the window's.

Heavy parts are imported where they are used, so that `lamplight --help` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from studio import __version__

if TYPE_CHECKING:
    from tqdm import tqdm

    from studio.app import Places
    from studio.engine import Capabilities, Piece, Request
    from studio.engine.client import EngineClient

OK, FAILED, BAD_INPUT = 0, 1, 2
COMMANDS = ("draft", "complete", "tune", "adapters", "faster", "bench")
_SHOW_PROGRESS_AFTER_S = 1.0
_DEMO = "The lamp in the window had been burning since dusk, and"


class BadInput(Exception):
    """What was asked can't be done as it was asked: a sentence for the writer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0, 1 for a failure, 2 for bad input."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    from studio.engine import EngineError, RequestError
    from studio.library import LibraryError
    from studio.library.adapters import AdapterError
    from studio.tune_command import NotATuning
    from studio.tuning import TuningError

    try:
        if words and words[0] in COMMANDS:
            options = _command_parser().parse_args(words)
            return int(options.run(options))
        return _edit(_editor_parser().parse_args(words))
    except (BadInput, RequestError, NotATuning, AdapterError) as error:
        return _complain(str(error), BAD_INPUT)
    except (EngineError, LibraryError, TuningError) as error:
        return _complain(str(error), FAILED)
    except BrokenPipeError:
        # The reader of our output went away (`lamplight draft ... | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _complain("Stopped.", 130)


# -- parsers -------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """argparse exits with 2 for bad input, as we promise; its message is made one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_complain(f"{message} (see {self.prog} --help)", BAD_INPUT))


def _editor_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lamplight",
        description="Open the editor. A language model on this machine continues your text in "
        "grey at the cursor; Tab takes it.",
        epilog="Without the window: lamplight draft “PROMPT”, lamplight complete FILE --at "
        "LINE:COL, lamplight tune TEXTS, lamplight adapters, lamplight faster, lamplight bench "
        "NAME; each explains itself with --help. To open a file that is called like a command, "
        "write ./draft.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="texts or a folder")
    _add_model(parser)
    parser.add_argument("--version", action="version", version=f"Lamplight {__version__}")
    return parser


def _command_parser() -> argparse.ArgumentParser:
    from studio.adapters_command import add_adapters, add_option
    from studio.tune_command import add_tune

    parser = _Parser(prog="lamplight")
    commands = parser.add_subparsers(required=True)

    draft = commands.add_parser("draft", help="continue a prompt", description=_draft.__doc__)
    draft.add_argument("prompt", metavar="PROMPT", help="the text to continue; - reads stdin")
    draft.add_argument(
        "-n", "--versions", type=int, default=1, help="how many versions to write (default 1)"
    )
    draft.add_argument(
        "--max-tokens", type=int, default=200, help="the longest version (default 200 tokens)"
    )
    draft.add_argument("--seed", type=int, default=0, help="same seed, same text (default 0)")
    _add_json(draft)
    _add_model(draft)
    add_option(draft)
    draft.set_defaults(run=_draft)

    complete = commands.add_parser(
        "complete", help="complete a file at a place", description=_complete.__doc__
    )
    complete.add_argument("file", type=Path, metavar="FILE")
    complete.add_argument(
        "--at",
        required=True,
        metavar="LINE:COL",
        help="line and column, both from 1, the column in characters; 3:1 is before the third "
        "line's first character",
    )
    complete.add_argument(
        "--max-tokens", type=int, help="the longest completion, in tokens (default: the editor's)"
    )
    _add_json(complete)
    _add_model(complete)
    add_option(complete)
    complete.set_defaults(run=_complete)

    add_tune(commands)
    add_adapters(commands)

    faster = commands.add_parser(
        "faster", help="copy a model so that it is read faster", description=_faster.__doc__
    )
    faster.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a GGUF file (default: the usual model)"
    )
    faster.add_argument("--again", action="store_true", help="measure anew")
    faster.add_argument("--remove", action="store_true", help="use no copy, and remove it")
    faster.add_argument(
        "--shared", action="store_true", help="keep it beside the program, for all who use it"
    )
    faster.set_defaults(run=_faster)

    bench = commands.add_parser("bench", help="measure this machine", description=_bench.__doc__)
    bench.add_argument(
        "name", metavar="NAME", help="editor, engine, typist, keystrokes, tune, or all"
    )
    bench.add_argument("--row", metavar="ROW", help="measure this row alone")
    bench.add_argument("--quick", action="store_true", help="fewer repeats, less exact")
    bench.add_argument(
        "--corpus", "--texts", type=Path, metavar="DIR", help="texts for what needs them"
    )
    typist = bench.add_argument_group("typist and keystrokes, on texts of your own")
    typist.add_argument("--text", type=Path, nargs="+", metavar="FILE", help="texts to be typed")
    typist.add_argument(
        "--from", dest="start", type=int, default=40_000, metavar="CHAR", help="where to begin"
    )
    typist.add_argument(
        "--chars", type=int, metavar="N", help="how much to type (default: 4000; typist: 1000)"
    )
    typist.add_argument(
        "--pace", type=float, metavar="MS", help="typist: a key each MS, not a person's rhythm"
    )
    typist.add_argument(
        "--busy", action="store_true", help="typist: another program keeps one core busy"
    )
    typist.add_argument("--model", type=Path, metavar="FILE", help="a GGUF file to suggest with")
    typist.add_argument("--adapter", type=Path, metavar="FILE", help="a LoRA adapter for it")
    typist.add_argument(
        "--memory",
        type=Path,
        metavar="DIR",
        help="the writer's other texts: their names are remembered, and those of the text so far",
    )
    typist.add_argument(
        "--context", type=int, metavar="CHARS", help="how much of the text before it is given"
    )
    typist.add_argument("--words-only", action="store_true", help="never take a whole suggestion")
    _add_json(bench)
    bench.set_defaults(run=_bench)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="a GGUF file instead of the usual model"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


# -- commands ------------------------------------------------------------------------------


def _edit(options: argparse.Namespace) -> int:
    if options.model and not options.model.is_file():
        raise BadInput(f"There is no model file ‘{options.model}’.")
    if not _has_display():
        print(
            "There is no display here, so here is the main job without the window: a short "
            "draft from the model.",
            file=sys.stderr,
        )
        return _stream_draft(_DEMO, options.model)
    from studio.app import open_editor

    return open_editor(options.files, options.model)


def _draft(options: argparse.Namespace) -> int:
    """Continue PROMPT as plain text. The text alone goes to stdout, as it is written; with
    several versions, each under its number when all are done."""
    from studio.engine import Request
    from studio.library.presets import presets
    from studio.writing.completion import heals_draft

    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    if not prompt.strip():
        raise BadInput("The prompt is empty. Give it a few words to go on from.")
    request = Request(
        prompt=prompt,
        max_tokens=options.max_tokens,
        versions=options.versions,
        sampling=replace(presets()["story"], seed=options.seed),
        heal=heals_draft(prompt),
    )
    if options.versions == 1 and not options.json:
        return _stream(request, options.model, options.adapter)
    texts = [""] * options.versions

    def gather(piece: Piece) -> None:
        texts[piece.version] += piece.text

    capabilities = _answer(request, options.model, gather, options.adapter, progress=True)
    if options.json:
        versions = [{"text": text} for text in texts]
        _print_json(
            {
                "versions": versions,
                "prompt": prompt,
                "seed": options.seed,
                "model": capabilities.name,
            }
        )
    else:
        for number, text in enumerate(texts, 1):
            print(f"--- {number}\n{text}")
    return OK


def _complete(options: argparse.Namespace) -> int:
    """Print what the editor would suggest at a place of FILE, steered by the memory, note and
    lore that lie with it. The same files and place give the same text."""
    from studio.app import Places
    from studio.manuscript import ManuscriptError, find_steering, read_steering, read_text
    from studio.settings import SettingsStore
    from studio.writing.completion import suggestion
    from studio.writing.context import Budget, TokenRate, assemble, from_paragraph, grid_start

    try:
        text = read_text(options.file).text
    except ManuscriptError as error:
        raise BadInput(str(error)) from error
    settings = SettingsStore(Places.of_user().settings).current
    # The editor counts UTF-16 units, and its window over the text shall be the same here.
    units = text[: _position(text, options.at)].encode("utf-16-le")
    reach = settings.context_chars
    start = grid_start(len(units) // 2, reach)
    window = units[2 * start :].decode("utf-16-le", "ignore")
    before = from_paragraph(window, reach // 2) if start else window
    if not before.strip():
        raise BadInput(f"Nothing stands before {options.at}, so there is nothing to go on from.")
    files = read_steering(find_steering(options.file, None))
    for problem in files.problems:
        print(f"lamplight: {problem}", file=sys.stderr)
    rate = TokenRate().chars_per_token(before)
    budget = Budget.of(settings, n_ctx=settings.n_ctx, chars_per_token=rate)
    prompt = assemble(before, files.steering, budget, rate).prompt
    request = suggestion(prompt, options.max_tokens or settings.suggestion_tokens)
    if not options.json:
        return _stream(request, options.model, options.adapter)
    parts: list[str] = []

    def gather(piece: Piece) -> None:
        parts.append(piece.text)

    capabilities = _answer(request, options.model, gather, options.adapter)
    _print_json({"text": "".join(parts), "at": options.at, "model": capabilities.name})
    return OK


def _faster(options: argparse.Namespace) -> int:
    """Make a copy of a model file in a format that this machine reads faster, if there is one. Both
    are measured; a copy that is faster is used in place of the file from then on."""
    from studio.app import Places, copies, shared_copies
    from studio.engine.faster import slow_format
    from studio.engine.quantize import file_type_of

    places = Places.of_user()
    model = _model_file(options.file, places)
    if not model.is_file():
        raise BadInput(f"There is no model file ‘{model}’.")
    file_type_of(model)  # says why a file is no model
    kept = shared_copies() if options.shared else copies(places)
    try:
        if options.remove:
            kept.decline(model)
            print(f"‘{model.name}’ is used as it is.")
            return OK
    except OSError as error:
        raise BadInput(f"‘{error.filename}’ can't be written ({error.strerror}).") from error
    if not slow_format(model):
        print(f"‘{model.name}’ is in a format that is read quickly as it is.")
        return OK
    if options.again or kept.undecided(model):
        with _bar("Making a copy and measuring it", "%", 100) as bar:
            for done in kept.make(model):
                bar.update(round(done * 100) - bar.n)
    verdict = kept.verdict(model)
    if verdict and verdict.copy:
        print(f"A copy of ‘{model.name}’ is read {verdict.ratio:.1f} times as fast, and is used.")
    else:
        print(f"No copy of ‘{model.name}’ is used.")
    return OK


def _bench(options: argparse.Namespace) -> int:
    """Measure what the program promises, on this machine and with its shipped settings. Prints
    a table, or with --json one object a line."""
    from studio.bench import UnknownRow, run

    if options.text:
        return _bench_texts(options)
    try:
        return run(
            options.name,
            row=options.row,
            quick=options.quick,
            as_json=options.json,
            corpus=options.corpus,
        )
    except UnknownRow as error:
        raise BadInput(str(error)) from error


def _bench_texts(options: argparse.Namespace) -> int:
    """`lamplight bench typist --text FILE...` and `lamplight bench keystrokes --text FILE...`."""
    if options.name not in ("keystrokes", "typist"):
        raise BadInput("--text is for: lamplight bench typist, lamplight bench keystrokes.")
    n_chars = options.chars or (1_000 if options.name == "typist" else 4_000)
    for path in options.text:
        if not path.is_file():
            raise BadInput(f"There is no file ‘{path}’ to type.")
        if path.stat().st_size < options.start + n_chars:
            raise BadInput(f"‘{path.name}’ is too short: choose --from and --chars within it.")
    if options.model and not options.model.is_file():
        raise BadInput(f"There is no model file ‘{options.model}’.")
    return _type(options, n_chars) if options.name == "typist" else _write(options, n_chars)


def _type(options: argparse.Namespace, n_chars: int) -> int:
    from studio.bench.typist import Job, report

    if options.pace is not None and not 20 <= options.pace <= 10_000:
        raise BadInput("--pace takes 20 to 10000 milliseconds a key.")
    job = Job(
        texts=tuple(options.text),
        start=options.start,
        n_chars=n_chars,
        pace_ms=options.pace,
        busy=options.busy,
        model=options.model,
    )
    return report(job, as_json=options.json)


def _write(options: argparse.Namespace, n_chars: int) -> int:
    from studio.bench.keystrokes import Job, report
    from studio.manuscript import ManuscriptError, Project

    job = Job(
        tuple(options.text),
        options.start,
        n_chars,
        options.model,
        ((options.adapter, 1.0),) if options.adapter else (),
    )
    if options.context:
        job = replace(job, reach=options.context)
    if options.memory:
        try:
            job = replace(job, memory=tuple(Project.of_folder(options.memory).texts()))
        except ManuscriptError as error:
            raise BadInput(str(error)) from error
    if options.words_only:
        job = replace(job, runs=job.runs[:1])
    return report(job, as_json=options.json)


# -- asking the model ----------------------------------------------------------------------


def _stream_draft(prompt: str, model: Path | None) -> int:
    from studio.engine import Request
    from studio.library.presets import presets

    sys.stdout.write(prompt)
    return _stream(Request(prompt, max_tokens=80, sampling=presets()["story"]), model)


def _stream(request: Request, model: Path | None, adapter: str | None = None) -> int:
    def write(piece: Piece) -> None:
        sys.stdout.write(piece.text)
        sys.stdout.flush()

    _answer(request, model, write, adapter)
    sys.stdout.write("\n")
    return OK


def _answer(
    request: Request,
    model: Path | None,
    on_piece: Callable[[Piece], None],
    adapter: str | None = None,
    *,
    progress: bool = False,
) -> Capabilities:
    """Open the model, ask, and pass the pieces on; what answered."""
    from studio.adapters_command import adapters_of
    from studio.app import Places, keep_log, new_client
    from studio.engine import Piece, Reading

    places = Places.of_user()
    keep_log(places)
    path = _model_file(model, places)
    request = replace(request, adapters=adapters_of(adapter, path, places))
    client = new_client(places)
    try:
        capabilities = _open(client, path, places)
        # Pieces that are shown as they come are progress enough.
        total = request.max_tokens * request.versions
        with _bar("Reading", "token") as reading, _bar("Writing", "token", total) as writing:
            for event in client.stream(request):
                if isinstance(event, Piece):
                    reading.close()
                    on_piece(event)
                    if progress:
                        writing.update()
                elif isinstance(event, Reading):
                    reading.total = event.total
                    reading.update(event.done - reading.n)
    finally:
        client.close()
    return capabilities


def _bar(what: str, unit: str, total: int | None = None) -> tqdm[NoReturn]:
    """A progress bar on stderr, if that is a terminal, for what takes longer than a second."""
    from tqdm import tqdm

    return tqdm(
        desc=what,
        unit=unit,
        total=total,
        delay=_SHOW_PROGRESS_AFTER_S,
        leave=False,
        disable=None,
    )


def _model_file(model: Path | None, places: Places) -> Path:
    """The model asked for, the writer's own, or the default one, which may be downloaded."""
    from studio.library import DefaultModel, LibraryError
    from studio.settings import SettingsStore

    if model is None and (chosen := SettingsStore(places.settings).current.model_path):
        model = Path(chosen)
    if model is not None:
        return model.expanduser()
    default = DefaultModel.declared()
    try:
        return default.find()
    except LibraryError:
        return default.download()


def _open(client: EngineClient, model: Path, places: Places) -> Capabilities:
    """Load a model with a progress bar."""
    from studio.app import load_options
    from studio.settings import SettingsStore

    settings = SettingsStore(places.settings).current
    with _bar("Loading the model", "%", 100) as bar:

        def show(fraction: float) -> None:
            bar.update(round(fraction * 100) - bar.n)

        return client.open(load_options(places, settings, model), show)


def _position(text: str, at: str) -> int:
    """The offset in code points of a place such as "3:14". Raises `BadInput`."""
    line_text, _, column_text = at.partition(":")
    if not (line_text.isdecimal() and column_text.isdecimal()):
        raise BadInput(f"--at takes LINE:COL, such as 3:14, not “{at}”.")
    line, column = int(line_text), int(column_text)
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        raise BadInput(f"There is no line {line}: the file has {len(lines):,}.")
    if not 1 <= column <= len(lines[line - 1]) + 1:
        raise BadInput(
            f"There is no column {column} in line {line}: it has {len(lines[line - 1]):,} "
            "characters."
        )
    return sum(len(each) + 1 for each in lines[: line - 1]) + column - 1


def _has_display() -> bool:
    """Whether a window can be opened."""
    if not sys.platform.startswith("linux"):
        return True
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return _x_server_answers(os.environ.get("DISPLAY", ""))


def _x_server_answers(display: str) -> bool:
    """Whether an X display such as ":0" is there; one of another machine is believed."""
    host, _, number = display.partition(":")
    if host or not number:
        return bool(host)
    path = f"/tmp/.X11-unix/X{number.partition('.')[0]}"  # noqa: S108  where X servers listen
    for address in (path, "\0" + path):
        with socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(address)
            return True
    return False


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _complain(sentence: str, code: int) -> int:
    print(f"lamplight: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
