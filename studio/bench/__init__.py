"""`lamplight bench`: what the program promises, measured on this machine as it is shipped.

A suite is a module with its `ROWS` and a `measure` that yields their values one by one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


class UnknownRow(Exception):
    """There is no such suite or row: a sentence."""


@dataclass(frozen=True)
class Row:
    """One figure and what is hoped of it; `target` None for a figure that is only reported."""

    name: str
    unit: str
    target: float | None = None
    better: Literal["higher", "lower"] = "lower"

    def meets(self, value: float) -> bool:
        if self.target is None:
            return True
        return value >= self.target if self.better == "higher" else value <= self.target


@dataclass(frozen=True)
class Result:
    """A measured row; `value` and `ok` are None where it could not be measured here."""

    name: str
    value: float | None
    unit: str
    target: float | None
    better: str
    ok: bool | None

    @staticmethod
    def of(row: Row, value: float | None) -> Result:
        ok = None if value is None else row.meets(value)
        return Result(row.name, value, row.unit, row.target, row.better, ok)


@dataclass(frozen=True)
class Wanted:
    """What of a suite is asked for."""

    rows: frozenset[str]
    quick: bool
    corpus: Path | None


@dataclass(frozen=True)
class Suite:
    """A named set of rows; `measure` yields (row name, value) for the rows that are wanted."""

    rows: Sequence[Row]
    measure: Callable[[Wanted], Iterator[tuple[str, float | None]]]
    needs_corpus: bool = False


def suites() -> dict[str, Suite]:
    """All there are, by name."""
    from studio.bench import editor, engine, keystrokes, tune, typist

    return {
        "editor": Suite(editor.ROWS, editor.measure),
        "engine": Suite(engine.ROWS, engine.measure),
        "typist": Suite(typist.ROWS, typist.measure, needs_corpus=True),
        "keystrokes": Suite(keystrokes.ROWS, keystrokes.measure, needs_corpus=True),
        "tune": Suite(tune.ROWS, tune.measure, needs_corpus=True),
    }


def run(name: str, *, row: str | None, quick: bool, as_json: bool, corpus: Path | None) -> int:
    """Measure a suite, or "all", and print it; 0 whatever the figures. Raises `UnknownRow`."""
    known = suites()
    if name != "all" and name not in known:
        raise UnknownRow(f"There is no benchmark “{name}”. There are: {', '.join(known)}, all.")
    chosen = known if name == "all" else {name: known[name]}
    if row is not None:
        chosen = {n: s for n, s in chosen.items() if any(r.name == row for r in s.rows)}
        if not chosen:
            rows = "; ".join(r.name for s in known.values() for r in s.rows)
            raise UnknownRow(f"There is no row “{row}”. There are: {rows}.")
    for suite_name, suite in chosen.items():
        if suite.needs_corpus and corpus is None:
            print(f"{suite_name}: left out, it needs --corpus DIR", file=sys.stderr)
            continue
        by_name = {r.name: r for r in suite.rows if row in (None, r.name)}
        if not as_json:
            print(f"\n{suite_name}")
        width = max(map(len, by_name))
        for measured, value in suite.measure(Wanted(frozenset(by_name), quick, corpus)):
            result = Result.of(by_name[measured], value)
            print(json.dumps(asdict(result)) if as_json else _line(result, width), flush=True)
    return 0


def _line(result: Result, width: int) -> str:
    value = "not measured" if result.value is None else f"{result.value:,.2f} {result.unit}"
    target = ""
    if result.target is not None:
        sign = "≥" if result.better == "higher" else "≤"
        target = f"{sign} {result.target:g} {result.unit}"
    verdict = {True: "ok", False: "missed", None: ""}[result.ok]
    return f"  {result.name:<{width}}  {value:>16}  {target:>14}  {verdict}".rstrip()
