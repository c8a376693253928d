"""The Machine page of the settings says what the model runs on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from studio.engine import Capabilities
from studio.engine.client import Loading, Ready
from studio.ui.runs_on import RunsOn, in_words
from studio.ui.settings_dialog import SettingsDialog

if TYPE_CHECKING:
    from tests.ui.windows.conftest import House, ToldClient

ON_CPU = Capabilities(
    name="SmolLM2",
    path=Path("/models/included.gguf"),
    architecture="llama",
    n_params=134_515_008,
    n_ctx=4096,
    n_ctx_train=8192,
    n_vocab=49_152,
    device="CPU, 1 thread",
    can_shift=True,
    can_rewind=True,
    can_infill=False,
    n_threads=1,
    threads_measured=True,
    layers=(("CPU", 31),),
)


def machine_page(house: House) -> tuple[SettingsDialog, QLabel, QPushButton]:
    house.window.settings()
    dialog = house.dialog(SettingsDialog)
    dialog.show_group("Machine")
    page = dialog.findChild(RunsOn)
    assert page is not None
    return dialog, page.findChild(QLabel), page.findChild(QPushButton)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"sparing": True},
            "SmolLM2 runs on the processor with 1 thread (to save power). Flash attention is off.",
        ),
        ({}, "SmolLM2 runs on the processor with 1 thread (measured). Flash attention is off."),
        (
            {"n_threads": 2, "threads_measured": False, "flash_attention": True},
            "SmolLM2 runs on the processor with 2 threads. Flash attention is on.",
        ),
        (
            {"layers": (("NVIDIA RTX", 31),), "flash_attention": True},
            "SmolLM2 runs with 31 of its 31 layers on NVIDIA RTX. Flash attention is on.",
        ),
        (
            {"layers": (("RTX", 20), ("CPU", 11))},
            (
                "SmolLM2 runs with 20 of its 31 layers on RTX and the rest on the processor "
                "with 1 thread (measured). Flash attention is off."
            ),
        ),
    ],
)
def test_what_a_model_runs_on_is_said_in_words(changes: dict[str, object], said: str) -> None:
    assert in_words(replace(ON_CPU, **changes)) == said  # type: ignore[arg-type]


def test_the_page_follows_what_becomes_of_the_model(house: House, client: ToldClient) -> None:
    house.opens()
    client.says(Ready(ON_CPU))
    _, words, measure = machine_page(house)
    assert words.text() == in_words(ON_CPU)
    assert measure.isEnabled()
    client.says(Loading(ON_CPU.path, 0.5))
    assert words.text() == "Loading included.gguf… 50 %."
    assert not measure.isEnabled()
    client.says(Ready(replace(ON_CPU, n_threads=2)))
    assert "2 threads" in words.text()


def test_threads_set_by_hand_can_not_be_measured(house: House, client: ToldClient) -> None:
    house.opens()
    client.says(Ready(ON_CPU))
    _, _, measure = machine_page(house)
    house.desk.settings.change(n_threads=2)
    assert not measure.isEnabled()
    assert "set below" in measure.toolTip()
    house.desk.settings.change(n_threads=0)
    assert measure.isEnabled()


def test_the_threads_are_measured_by_a_key(house: House, client: ToldClient) -> None:
    house.opens()
    house.waits(lambda: client.loads)
    client.says(Ready(ON_CPU))
    dialog, _, measure = machine_page(house)
    assert measure.accessibleName()
    dialog.activateWindow()
    house.waits(dialog.isActiveWindow)
    QTest.keyClick(dialog.windowHandle(), Qt.Key.Key_M, Qt.KeyboardModifier.AltModifier)
    house.waits(lambda: len(client.loads) == 2)
    assert client.loads[1].measure_threads
