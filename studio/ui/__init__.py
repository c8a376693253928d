"""The windows. The only room that knows Qt; `studio.ui.application.run` opens them."""

import ctypes
import sys

if sys.version_info < (3, 12):
    # PySide6 6.12.0 was compiled with headers that take None, True and False for immortal, as
    # they are from Python 3.12 on (CPython gh-134989). Before, each call that returns one of them
    # costs a reference to it, and Python aborts ("none_dealloc") after some thousand calls. Here
    # they get more references than a window can ever use up.
    for _each in (None, True, False, NotImplemented):
        ctypes.c_ssize_t.from_address(id(_each)).value += 2**40
