"""llama.cpp's quantizer, in a process of its own: started by `quantize`.

`python -m studio.engine.quantizing SOURCE TARGET NUMBER [KEY=VALUE ...]`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys

import llama_cpp.llama_cpp as C

from studio.engine.context import cores


def main() -> int:
    """Quantize argv: source, target, the number of the file type, metadata. Tells on stdout.

    With metadata, as KEY=VALUE, the source may be quantized already.
    """
    source, target, number, *said = sys.argv[1:]
    if hasattr(os, "nice"):
        os.nice(10)  # the writer's suggestions come first
    place = re.compile(rb"\[ *(\d+)/ *(\d+)\]")

    @C.llama_log_callback  # type: ignore[untyped-decorator]
    def tell(_level: int, text: bytes, _user: ctypes.c_void_p) -> None:
        try:
            if found := place.match(text):
                print("done", int(found[1]), int(found[2]), flush=True)
            elif b"failed to quantize: " in text:
                reason = text.partition(b"failed to quantize: ")[2].decode("utf-8", "replace")
                print("failed", reason.strip(), flush=True)
        except BrokenPipeError:
            os._exit(1)  # nobody wants it any more

    C.llama_log_set(tell, ctypes.c_void_p(0))
    C.llama_backend_init()
    params = C.llama_model_quantize_default_params()
    params.ftype = int(number)
    params.nthread = max(1, cores() - 1)
    params.allow_requantize = bool(said)
    overrides = (C.llama_model_kv_override * (len(said) + 1))()  # ends with one without a key
    for override, each in zip(overrides, said, strict=False):
        key, _, value = each.partition("=")
        override.tag, override.key = C.LLAMA_KV_OVERRIDE_TYPE_STR, key.encode()
        override.value.val_str = value.encode()
    if said:
        params.kv_overrides = overrides
    return int(C.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
