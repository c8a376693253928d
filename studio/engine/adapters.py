"""LoRA adapters of a context, changed between two batches without loading the base again."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import llama_cpp.llama_cpp as C

from studio.engine import AdapterSet, ModelFileError, native
from studio.engine.context import Context
from studio.engine.model_file import refuse_unfit_adapter, why_not_adapted
from studio.engine.sequence import AdapterKey

_Version = tuple[int, int, int]


class Adapters:
    """All adapters that were asked for so far stay loaded; a set of them is in use.

    A file that was written anew, such as by a longer training, is another adapter. One that is
    gone goes on as it was.
    """

    def __init__(self, model: C.llama_model_p, context: Context) -> None:
        self._model = model
        self._context = context
        self._loaded: dict[str, C.llama_adapter_lora_p] = {}
        self._names: dict[Path, tuple[_Version | None, str]] = {}
        self._in_use: AdapterKey = ()

    def load(self, adapters: AdapterSet) -> AdapterKey:
        """Make sure that all of them are loaded; the key that the cache knows them by.

        Those of strength 0 are left out. Raises `ModelFileError`.
        """
        return tuple(
            sorted((self._name(path), strength) for path, strength in adapters if strength)
        )

    def known(self, adapters: AdapterSet) -> AdapterKey | None:
        """From any thread: the key, if all of them are loaded."""
        names = [(self._names.get(path), strength) for path, strength in adapters if strength]
        if any(known is None for known, _ in names):
            return None
        return tuple(sorted((known[1], strength) for known, strength in names if known))

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

    def _name(self, path: Path) -> str:
        version = _version(path)
        known = self._names.get(path)
        if known and version in (None, known[0]):
            return known[1]
        # The first one is called as the file is; a NUL is in no file's name.
        name = f"{path}\0{version}" if known else str(path)
        self._loaded[name] = self._open(path)
        self._names[path] = (version, name)
        return name

    def _open(self, path: Path) -> C.llama_adapter_lora_p:
        refuse_unfit_adapter(path)
        with native.captured_log() as lines:
            opened = C.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not opened:
            raise why_not_adapted(path, lines)
        return opened


def _version(path: Path) -> _Version | None:
    """Another one when the file was written anew; None when it is gone."""
    try:
        said = path.stat()
    except OSError:
        return None
    return said.st_mtime_ns, said.st_size, said.st_ino
