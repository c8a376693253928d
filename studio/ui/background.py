"""The one way of doing slow work: off the GUI thread, with the answer back on it.

    in_background(self, lambda: read_text(path), done=self._show, failed=self._complain)

The threads are daemons: a read that hangs on a dead network drive never keeps Lamplight open.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

log = logging.getLogger(__name__)

T = TypeVar("T")


class _Courier(QObject):
    """Carries a call to the GUI thread, where it lives."""

    call = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.call.connect(_do, Qt.ConnectionType.QueuedConnection)


def _do(call: Callable[[], None]) -> None:
    call()


def on_gui_thread(owner: QObject) -> Callable[[Callable[[], None]], None]:
    """A function that may be called from any thread and has its argument called on this one.

    To be asked for on the GUI thread. What it carries after `owner` was deleted, or after the
    application has ended, is dropped.
    """
    application = QApplication.instance()
    if application is None:
        raise RuntimeError("there is no application yet")
    courier = application.findChild(_Courier) or _Courier(application)

    def carry(call: Callable[[], None]) -> None:
        try:
            courier.call.emit(lambda: call() if isValid(owner) else None)
        except RuntimeError:  # the application is gone, and with it whoever would listen
            log.debug("dropped %r: the application has ended", call)

    return carry


def in_background(
    owner: QObject,
    work: Callable[[], T],
    *,
    done: Callable[[T], None],
    failed: Callable[[Exception], None] | None = None,
) -> None:
    """Do `work` on a thread of its own, then call `done` or `failed` on the GUI thread.

    Nothing is called once `owner` has been deleted. Without `failed`, an error ends up where
    every unexpected one does.
    """
    carry = on_gui_thread(owner)

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 (it is handed on)
            problem = error  # the name `error` ends with this block
            carry(lambda: _fail(problem, failed))
        else:
            carry(lambda: done(result))

    threading.Thread(target=run, name=f"background of {owner.objectName()}", daemon=True).start()


def _fail(error: Exception, failed: Callable[[Exception], None] | None) -> None:
    if failed is None:
        raise error
    failed(error)
