"""What holds for the whole panel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QTreeWidget,
    QWidget,
)

from studio.tuning.events import Noted, Stopped
from studio.tuning.run import Run
from studio.ui.tuning_progress import Running
from studio.ui.tuning_setup import Setup
from studio.ui.tuning_state import Phase
from tests.ui.windows.tuning.tuner import BEGAN, Tuner, step, words_in


def _views(tuner: Tuner) -> dict[type, QWidget]:
    run = tuner.running("Winter", *BEGAN, *map(step, range(1, 30)), Noted("A" * 90))
    room = tuner.opens()
    room.setup._fold.open()
    room.setup._texts.add([tuner.writes(f"{'long-name-' * 12}.txt", 10)])
    tuner.house.waits(lambda: room.setup._more._cleaning and "step 29" in words_in(room.running))
    room.report.show_run(run, "Winter")
    return {type(view): view for view in (room.setup, room.preview, room.running, room.report)}


def test_every_control_has_a_name_and_a_tip_and_a_key_of_its_own(tuner: Tuner) -> None:
    views = _views(tuner)
    room = tuner.house.window._tuning.room
    menus = {
        str(QKeySequence.mnemonic(menu.text()).toString())
        for menu in tuner.house.window.menuBar().actions()
    }
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QTreeWidget)
    for view in (*views.values(), room.all):
        room._show(view)
        taken = dict.fromkeys(menus, "a menu")
        taken |= {
            QKeySequence.mnemonic(each.text()).toString(): "above"
            for each in (room._new, room._list)
        }
        for control in (c for kind in kinds for c in view.findChildren(kind)):
            if control.objectName().startswith("qt_") or isinstance(
                control.parentWidget(), QAbstractSpinBox | QTreeWidget
            ):
                continue  # Qt's own
            name = control.accessibleName() or getattr(control, "text", str)()
            assert name, (view, control)
            assert control.toolTip(), (view, name)
        for each in (*view.findChildren(QAbstractButton), *view.findChildren(QLabel)):
            if each.isVisible() and (key := QKeySequence.mnemonic(each.text()).toString()):
                if isinstance(each, QLabel) and each.buddy() is None:
                    continue
                assert key not in taken, (view, each.text(), taken[key])
                taken[key] = each.text()


@pytest.mark.parametrize("width", [320, 360, 600])
def test_nothing_is_wider_than_the_panel(tuner: Tuner, width: int) -> None:
    views = _views(tuner)
    for kind, view in views.items():
        view.setParent(None)  # type: ignore[call-overload]
        view.resize(width, 700)
        view.show()
        QTest.qWait(50)
        if kind in (Setup, Running):
            bar = view.horizontalScrollBar()
            assert bar.maximum() == 0, (kind, bar.maximum())
        else:
            assert view.minimumSizeHint().width() <= width, kind
        view.hide()
        view.deleteLater()


def test_the_curves_have_the_colours_of_the_theme(tuner: Tuner) -> None:
    tuner.running("Winter", *BEGAN, step(1))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running and room.running._curves.isVisible())
    for theme, darker in (("light", False), ("dark", True)):
        tuner.house.desk.settings.change(theme=theme)
        QApplication.processEvents()
        ground = room.running._curves._plot.backgroundBrush().color()
        assert (ground.lightnessF() < 0.5) is darker


def test_a_key_holds_training_up_only_if_the_writer_wants_it_so(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner.house.opens()
    pressed: list[bool] = []
    first = tuner.house.desk.writer_first
    monkeypatch.setattr(first, "at_work", lambda: pressed.append(True))
    tuner.house.types("a")
    assert not pressed
    tuner.house.desk.settings.change(tune_only_when_idle=True)
    tuner.house.types("b")
    assert pressed


def test_the_panel_goes_with_everything_else_for_the_text_alone(tuner: Tuner) -> None:
    tuner.opens()
    window = tuner.house.window
    assert window._tuning is not None
    window.show_text_alone(True)
    assert window._tuning.isHidden()
    window.show_text_alone(False)
    assert not window._tuning.isHidden()


def test_closing_the_window_in_the_middle_leaves_nothing_behind(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running)
    first = tuner.house.window
    tuner.house.lamplight.new_window()
    first.close_now(discard=True)
    tuner.tells(run, step(2))
    again = tuner.opens()
    assert again is not room
    tuner.house.waits(lambda: "step 2" in words_in(again.running))
    assert tuner.commands(run) == [], "nobody has told it anything"


def test_the_focus_stays_in_the_panel_from_view_to_view(
    tuner: Tuner, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "start", lambda _: None)
    room = tuner.opens()
    tuner.house.client.is_ready(model_path)
    room.setup._texts.add([tuner.writes("snow.txt", 20)])
    tuner.house.waits(room.setup._start.isEnabled)
    tuner.house.window.activateWindow()
    room.setup._start.setFocus()
    tuner.house.waits(room.setup._start.hasFocus)
    tuner.house.clicks(room.setup, "Start tuning")
    tuner.house.waits(lambda: room.view is room.running)
    focused = tuner.house.window.focusWidget()
    assert focused is not None
    assert room.running is focused or room.running.isAncestorOf(focused)


def test_tab_goes_from_what_is_above_a_view_into_it(tuner: Tuner) -> None:
    run = tuner.running("Winter", *BEGAN, step(1))
    room = tuner.opens()
    tuner.house.waits(lambda: room.view is room.running and room.running._pause.isEnabled())
    room.report.show_run(run, "Winter")
    tuner.house.window.activateWindow()
    for view in (room.running, room.report, room.preview, room.setup, room.all):
        room._show(view)
        room._list.setFocus()
        tuner.house.waits(room._list.hasFocus)
        QTest.keyClick(room._list, Qt.Key.Key_Tab)
        focused = tuner.house.window.focusWidget()
        assert view.isAncestorOf(focused), (view, focused)


_START = """
import sys
from pathlib import Path
from studio.app import Places, make_desk
from studio.ui import application
places = Places(Path(sys.argv[1]) / "settings.json", Path(sys.argv[1]) / "data")
desk = make_desk(None, places)
heavy = {"torch", "transformers", "gguf", "pyqtgraph", "datasketch", "jinja2", "ftfy"}
print(sorted(heavy & set(sys.modules)), "studio.ui.tuning_panel" in sys.modules)
desk.client.close()
"""


def test_a_window_starts_without_any_of_it(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", _START, str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "[] False"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_process_is_started_watched_and_stopped(tuner: Tuner, tmp_path: Path) -> None:
    from tests.tuning.tiny import make

    _, base = make("llama, tied", tmp_path)
    tuner.house.opens()
    tuner.house.client.is_ready(base)
    room = tuner.opens()
    room.setup._texts.add([tuner.writes("snow.txt", 12)])
    for key in ("passes", "patience"):  # or it would be done before it can be stopped
        field = room.setup._more.numbers.findChild(QAbstractSpinBox, key)
        assert isinstance(field, QSpinBox | QDoubleSpinBox)
        field.setValue(field.maximum())
    tuner.house.waits(room.setup._start.isEnabled)
    tuner.house.clicks(room.setup, "Start tuning")
    qtbot, running = tuner.house.qtbot, room.running
    qtbot.waitUntil(lambda: room.view is running, timeout=20_000)
    watch = running.watch
    assert watch is not None
    qtbot.waitUntil(lambda: bool(watch.state.steps), timeout=300_000)
    assert watch.phase is Phase.RUNNING
    tuner.house.clicks(running, "Stop")
    qtbot.waitUntil(running._go_on.isVisible, timeout=120_000)
    assert isinstance(watch.state.last, Stopped)
    qtbot.waitUntil(lambda: not watch.run.is_running, timeout=60_000)
