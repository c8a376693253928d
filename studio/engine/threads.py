"""How many threads decode fastest: measured once for each model file on this machine."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from studio.engine.context import Context, cores

log = logging.getLogger(__name__)


def settle_threads(
    context: Context, model: Path, memo: Path | None, *, again: bool = False
) -> None:
    """Let `context` decode with the number of threads that is best for `model`.

    It is kept in `memo`, a JSON file, and measured when that does not know it, or `again`.
    """
    status = model.stat()
    key = f"{model.name} {status.st_size} {status.st_mtime_ns}, {cores()} cores"
    known = _read(memo)
    n = known.get(key)
    if isinstance(n, int) and 1 <= n <= cores() and not again:
        context.use_threads(n)
        return
    context.measure_threads()
    log.info("%s decodes best with %d threads", key, context.n_threads)
    if memo:
        try:
            memo.parent.mkdir(parents=True, exist_ok=True)
            memo.write_text(json.dumps({**known, key: context.n_threads}, indent=2), "utf-8")
        except OSError as error:
            log.info("threads are not remembered: %s", error)


def _read(memo: Path | None) -> dict[str, object]:
    try:
        known = json.loads(memo.read_text("utf-8")) if memo else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
