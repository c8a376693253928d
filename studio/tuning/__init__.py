"""Learning a writer's style. For now: whether this installation could."""

from __future__ import annotations

import importlib.util

_NEEDED = (
    "torch", "transformers", "peft", "safetensors", "gguf", "docx", "odfdo", "lxml", "markdown_it",
    "mdit_py_plugins", "ftfy", "py3langid", "datasketch", "detect_secrets",
    "jinja2",
    "pyqtgraph",
)  # fmt: skip


class TuningError(Exception):
    """Tuning can't be done, or not go on: a sentence for the writer."""


def missing() -> str | None:
    """None if tuning has all that it needs, else a sentence that says how to add it."""
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if not absent:
        return None
    return (
        f"Tuning needs {', '.join(absent)}, which this installation does not have. Writing works "
        "without. To add it, close Lamplight and run “make run” in its folder."
    )
