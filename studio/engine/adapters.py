"""LoRA adapters of a context, changed between two batches without loading the base again."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import llama_cpp.llama_cpp as C

from studio.engine import ModelFileError, native
from studio.engine.context import Context
from studio.engine.model_file import refuse_unfit_adapter, why_not_adapted
from studio.engine.sequence import AdapterKey


class Adapters:
    """All adapters that were asked for so far stay loaded; a set of them is in use."""

    def __init__(self, model: C.llama_model_p, context: Context) -> None:
        self._model = model
        self._context = context
        self._loaded: dict[str, C.llama_adapter_lora_p] = {}
        self._in_use: AdapterKey = ()

    def load(self, key: AdapterKey) -> None:
        """Make sure that all of `key` are loaded. Raises `ModelFileError`."""
        for name, _ in key:
            if name not in self._loaded:
                self._loaded[name] = self._open(Path(name))

    def use(self, key: AdapterKey) -> None:
        """Compute with exactly these adapters from the next batch on.

        Keys and values of earlier tokens are not touched: the cache keeps them apart by `key`.
        """
        if key == self._in_use:
            return
        handles = (C.llama_adapter_lora_p_ctypes * len(key))(*[self._loaded[n] for n, _ in key])
        strengths = (ctypes.c_float * len(key))(*[strength for _, strength in key])
        code = C.llama_set_adapters_lora(self._context.handle, handles, len(key), strengths)
        if code != 0:
            raise ModelFileError("The adapters could not be used together with this model.")
        self._in_use = key

    def _open(self, path: Path) -> C.llama_adapter_lora_p:
        refuse_unfit_adapter(path)
        with native.captured_log() as lines:
            opened = C.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not opened:
            raise why_not_adapted(path, lines)
        return opened
