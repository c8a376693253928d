"""The engine client, with its callbacks on the GUI thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from studio.engine import Event, Query, Request
from studio.engine.client import EngineClient, Failed
from studio.ui.background import on_gui_thread


def ask(
    owner: QObject,
    client: EngineClient,
    request: Request | Query,
    on_event: Callable[[Event | Failed], None],
) -> int:
    """Ask the model; `on_event` is called on the GUI thread, never after `owner` was deleted.

    Answers the ticket for `client.cancel`.
    """
    carry = on_gui_thread(owner)
    return client.ask(request, lambda event: carry(lambda: on_event(event)))
