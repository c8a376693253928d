"""The engine client, with its callbacks on the GUI thread, and with the writer's adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject

from studio.engine import Counting, Event, Query, Request, Tokenizing
from studio.engine.client import Failed
from studio.ui.background import on_gui_thread
from studio.ui.desk import Desk


def ask(
    owner: QObject,
    desk: Desk,
    request: Request | Query,
    on_event: Callable[[Event | Failed], None],
) -> int:
    """Ask the model; `on_event` is called on the GUI thread, never after `owner` was deleted.

    The request is answered with the adapter that is in use. Answers the ticket for
    `desk.client.cancel`.
    """
    carry = on_gui_thread(owner)
    adapters = desk.in_use.adapters
    if adapters and not isinstance(request, Tokenizing | Counting):
        request = replace(request, adapters=adapters)

    def hear(event: Event | Failed) -> None:
        if adapters and isinstance(event, Failed):
            desk.in_use.doubt()
        on_event(event)

    return desk.client.ask(request, lambda event: carry(lambda: hear(event)))
