"""Adapters at the desk, with the real model: chosen, turned, refused, gone, baked."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QProgressDialog

from studio.engine import Request, Scoring
from studio.engine.client import EngineClient
from studio.ui.adapter_bar import NONE, OTHER
from studio.ui.completer import Completer
from studio.ui.memory import Memory
from studio.ui.window import Window
from tests.gguf_files import write_lora
from tests.ui.windows.conftest import House, ToldClient

STORY = (
    "The keeper climbed the stairs of the lighthouse every evening, and every evening he "
    "counted them: one hundred and twelve. That night he"
)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Study:
    """A house with the real model in it, and what tuning left in its data folder."""

    def __init__(self, house: House, client: EngineClient, model: Path) -> None:
        self.house = house
        self.client = client
        self.asked: list[object] = []
        ask = client.ask

        def overhear(request: object, on_event: object) -> int:
            self.asked.append(request)
            return ask(request, on_event)  # type: ignore[arg-type]

        client.ask = overhear  # type: ignore[method-assign]
        self.model = model
        self.home = house.desk.data_dir / "adapters"
        house.desk.settings.change(only_when_sure=False, suggestion_tokens=8)

    def tuned(
        self,
        name: str,
        *,
        base: tuple[str, str] | None = None,
        seed: int = 1,
    ) -> Path:
        path = self.home / name / "adapter.gguf"
        path.parent.mkdir(parents=True)
        known = base or (sha256(self.model), self.model.name)
        return write_lora(path, base=known, seed=seed)

    def opens(self) -> Window:
        window = self.house.opens()
        window.activateWindow()
        self.waits_for_the_model(self.model)
        window.editor.setFocus()
        self.house.waits(window.editor.hasFocus)
        self.writes(STORY)
        return window

    def writes(self, text: str) -> None:
        editor = self.window.editor
        editor.insertPlainText(text)
        self.house.waits(lambda: not editor._settle.isActive())

    def waits_for_the_model(self, path: Path) -> None:
        adapters = self.house.window.model.adapters
        self.house.waits(lambda: adapters.model == path and not adapters._trying)

    def waits_long(self, until: Callable[[], bool]) -> None:
        """For a process of its own on a machine that has much to do."""
        self.house.qtbot.waitUntil(until, timeout=120_000)

    @property
    def window(self) -> Window:
        return self.house.window

    def uses(self, path: Path) -> None:
        self.window.use_adapter(path)
        self.house.waits(lambda: self.in_use() == ((path, self.window.model.adapters.strength),))

    def in_use(self) -> object:
        return self.house.desk.in_use.adapters

    def grey(self) -> str:
        """What is suggested after the story."""
        editor, completer = self.window.editor, self.window.completer
        editor.setFocus()
        self.house.waits(editor.hasFocus)
        completer.stop_or_dismiss()
        completer.forget()
        completer.suggest()
        self.house.waits(lambda: editor.ghost.visible and not _streaming(completer))
        return editor.ghost.text


def _streaming(completer: Completer) -> bool:
    return bool(completer._tickets)


@pytest.fixture
def real() -> Iterator[EngineClient]:
    client = EngineClient()
    yield client
    client.close()


@pytest.fixture
def study(
    house_with: Callable[..., House], real: EngineClient, model_path: Path, tmp_path: Path
) -> Iterator[Study]:
    study = Study(
        house_with(client=real, default_model=lambda: model_path, data_dir=tmp_path / "data"),
        real,
        model_path,
    )
    yield study
    study.house.lamplight.model.end()


@pytest.mark.slow
def test_a_swap_changes_the_grey_text_and_going_back_restores_it(study: Study) -> None:
    voice, other = study.tuned("My style", seed=1), study.tuned("Other style", seed=2)
    study.opens()
    plain, loads = study.grey(), study.client.worker_pid
    study.uses(voice)
    mine = study.grey()
    study.uses(other)
    others = study.grey()
    assert len({plain, mine, others}) == 3
    study.uses(voice)
    assert study.grey() == mine
    study.window.model.adapters.switch_off()
    assert study.grey() == plain
    assert study.client.worker_pid == loads, "the base is not loaded again"


@pytest.mark.slow
def test_the_strength_holds_from_the_next_suggestion_and_0_is_none(study: Study) -> None:
    voice = study.tuned("My style")
    window = study.opens()
    plain = study.grey()
    study.uses(voice)
    full = study.grey()
    window.adapter_bar.open()
    slider = window.adapter_bar._slider
    assert slider.hasFocus()
    QTest.keyClick(slider, Qt.Key.Key_Home)
    study.house.waits(lambda: study.in_use() == ())
    assert study.grey() == plain
    assert window.status._adapter_button.text() == "My style, 0 %"
    for _ in range(4):
        QTest.keyClick(slider, Qt.Key.Key_PageUp)
    study.house.waits(lambda: study.in_use() == ((voice, 1.0),))
    assert study.grey() == full
    QTest.keyClick(slider, Qt.Key.Key_End)
    study.house.waits(lambda: study.in_use() == ((voice, 1.5),))
    assert window.status._adapter_button.text() == "My style, 150 %"


@pytest.mark.slow
def test_all_that_is_asked_for_carries_it(study: Study) -> None:
    voice = study.tuned("My style")
    window = study.opens()
    study.uses(voice)
    study.asked.clear()
    study.grey()
    window.completer.draft()
    study.house.waits(lambda: len(study.asked) > 1)
    window.completer.stop_or_dismiss()
    window.show_what_the_model_sees(True)
    window.line_bar.open()
    study.house.waits(lambda: any(isinstance(r, Request) and r.stop for r in study.asked))
    window.line_bar.close_bar()
    study.writes(" the light went out.")
    cursor = window.editor.textCursor()
    cursor.setPosition(len(STORY))
    window.editor.setTextCursor(cursor)
    window.editor.setFocus()
    window.completer.suggest()
    study.house.waits(lambda: any(isinstance(r, Scoring) for r in study.asked))
    carried = [r for r in study.asked if isinstance(r, Request | Scoring)]
    assert {r.adapters for r in carried} == {((voice, 1.0),)}
    assert len({r.priority for r in carried}) > 1


@pytest.mark.slow
def test_it_is_kept_for_each_model_file(study: Study, tmp_path: Path) -> None:
    voice = study.tuned("My style")
    window = study.opens()
    study.uses(voice)
    window.model.adapters.set_strength(0.6)
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(study.model.read_bytes() + b"\0")
    window.model.choose(copy)  # at once: the strength that is being turned is not for this one
    study.waits_for_the_model(copy)
    assert study.in_use() == ()
    assert window.model.adapters.fitting == ()
    assert Memory(study.house.desk.data_dir / "memory.json").adapter_of(copy) is None
    window.model.use_included()
    study.waits_for_the_model(study.model)
    study.house.waits(lambda: study.in_use() == ((voice, 0.6),))
    assert study.house.notice() == ""


@pytest.mark.slow
def test_an_adapter_of_another_base_is_refused_and_its_base_is_offered(
    study: Study, tmp_path: Path
) -> None:
    base = tmp_path / "base.gguf"
    base.write_bytes(study.model.read_bytes() + b"\0")
    theirs = study.tuned("Their style", base=(sha256(base), base.name))
    mine = study.tuned("My style")
    window = study.opens()
    study.uses(mine)
    window.use_adapter(theirs)
    study.house.waits(study.house.notice)
    assert study.house.notice() == (
        f"The adapter ‘Their style’ was made for ‘base.gguf’ and does not fit "
        f"‘{study.model.name}’. The model goes on with ‘My style’."
    )
    assert not window.notices.buttons(), "nobody knows where its base is"
    assert study.in_use() == ((mine, 1.0),)
    Memory(study.house.desk.data_dir / "memory.json").add("models", base)
    window.use_adapter(theirs)
    study.house.waits(window.notices.buttons)
    study.house.clicks_notice("Load ‘base.gguf’")
    study.waits_for_the_model(base)
    study.house.waits(lambda: study.in_use() == ((theirs, 1.0),))
    assert [each.name for each in window.model.adapters.fitting] == ["Their style"]


@pytest.mark.slow
def test_a_file_that_is_gone_switches_it_off_and_writing_goes_on(study: Study) -> None:
    voice = study.tuned("My style")
    window = study.opens()
    plain = study.grey()
    study.uses(voice)
    shutil.rmtree(voice.parent)
    window.model.adapters.look()  # as when the window comes to the front
    study.house.waits(study.house.notice)
    assert "There is no adapter file" in study.house.notice()
    assert "The model writes without it." in study.house.notice()
    assert study.in_use() == ()
    assert window.status._adapter_button.isHidden()
    assert study.grey() == plain
    assert Memory(study.house.desk.data_dir / "memory.json").adapter_of(study.model) is None


@pytest.mark.slow
def test_a_file_that_is_gone_when_the_model_starts_again_harms_nothing(study: Study) -> None:
    voice = study.tuned("My style")
    window = study.opens()
    plain = study.grey()
    study.uses(voice)
    voice.unlink()
    window.model.start_again()
    study.house.waits(study.house.notice)
    assert "There is no adapter file" in study.house.notice()
    assert study.grey() == plain


@pytest.mark.slow
def test_a_file_that_is_damaged_inside_is_found_out_before_anything_is_written_with_it(
    study: Study,
) -> None:
    good, bad = study.tuned("My style"), study.tuned("Cut")
    content = bad.read_bytes()
    bad.write_bytes(content[: len(content) // 2])
    window = study.opens()
    study.uses(good)
    mine = study.grey()
    window.use_adapter(bad)
    study.house.waits(study.house.notice)
    assert "cut short or damaged" in study.house.notice()
    assert "goes on with ‘My style’" in study.house.notice()
    assert study.grey() == mine


@pytest.mark.slow
def test_one_that_is_damaged_while_it_is_in_use_is_switched_off(study: Study) -> None:
    voice = study.tuned("My style")
    window = study.opens()
    study.uses(voice)
    voice.write_bytes(voice.read_bytes()[:20_000])
    window.completer.suggest()
    study.house.waits(lambda: study.in_use() == ())
    assert "The model writes without it." in study.house.notice()


@pytest.mark.slow
def test_one_that_was_trained_on_is_written_with_at_once(study: Study) -> None:
    voice = study.tuned("My style", seed=1)
    study.opens()
    study.uses(voice)
    before = study.grey()
    newer = study.tuned("newer", seed=2)
    newer.replace(voice)
    study.uses(voice)
    assert study.grey() != before


@pytest.mark.slow
def test_a_worker_that_dies_is_followed_by_one_with_the_adapter(study: Study) -> None:
    import psutil

    voice = study.tuned("My style")
    study.opens()
    study.uses(voice)
    mine, pid = study.grey(), study.client.worker_pid
    assert pid
    psutil.Process(pid).kill()
    study.house.waits(lambda: study.client.worker_pid not in (pid, None))
    study.house.waits(lambda: study.in_use() == ((voice, 1.0),))
    assert study.grey() == mine


@pytest.mark.slow
def test_an_adapter_by_others_is_used_with_a_quiet_note_and_listed_from_then_on(
    study: Study, tmp_path: Path
) -> None:
    voice = write_lora(tmp_path / "from-a-friend.gguf")
    window = study.opens()
    window.open_adapter_dialog()
    dialog = study.house.dialog(QFileDialog)
    dialog.fileSelected.emit(str(voice))
    dialog.close()
    study.house.waits(lambda: study.in_use() == ((voice, 1.0),))
    assert "does not say which model it was made for" in study.house.notice()
    study.house.waits(lambda: window.model.adapters.fitting)
    window.model.adapters.switch_off()
    assert "from-a-friend" in _entries(window)


@pytest.mark.slow
def test_the_menu_and_the_bar_list_what_fits_and_choose(study: Study) -> None:
    voice = study.tuned("R&D")
    study.tuned("Their style", base=("00" * 32, "other.gguf"))
    window = study.opens()
    study.house.waits(lambda: window.model.adapters.fitting)
    assert _entries(window) == ["None", "R&&D", "Other file…"]
    window.adapter_bar.open()
    which = window.adapter_bar._which
    assert [which.itemText(i) for i in range(which.count())] == [NONE, "R&D", OTHER]
    assert not window.adapter_bar._slider.isEnabled()
    which.setFocus()
    QTest.keyClick(which, Qt.Key.Key_Down)
    study.house.waits(lambda: study.in_use() == ((voice, 1.0),))
    assert which.currentText() == "R&D"
    none = window.menus.adapter.actions()[0]
    assert not none.isChecked()
    none.trigger()
    assert study.in_use() == ()
    assert which.currentText() == NONE
    QTest.keyClick(which, Qt.Key.Key_Escape)
    assert window.adapter_bar.isHidden()
    assert window.editor.hasFocus()


def _entries(window: Window) -> list[str]:
    lasting = window.menus.adapter.lasting
    return [
        action.text().replace("&f", "f").replace("&N", "N")
        for action in window.menus.adapter.actions()
        if action.text() and action not in lasting[1:]
    ]


@pytest.mark.slow
def test_it_is_baked_into_a_copy_that_can_be_opened(study: Study, tmp_path: Path) -> None:
    window = study.opens()
    assert not window.menus.adapter.lasting[2].isEnabled()
    voice = study.tuned("My style")
    study.uses(voice)
    assert window.menus.adapter.lasting[2].isEnabled()
    window.menus.adapter.lasting[2].trigger()
    dialog = study.house.dialog(QFileDialog)
    assert dialog.selectedFiles()[0].endswith(f"{study.model.stem} My style.gguf")
    target = tmp_path / "new.gguf"
    dialog.fileSelected.emit(str(target))
    dialog.close()
    study.house.dialog(QProgressDialog)
    study.waits_long(lambda: "is there" in study.house.notice())
    study.house.clicks_notice("Write with it")
    study.waits_for_the_model(target)
    assert study.in_use() == ()


@pytest.mark.slow
def test_baking_can_be_stopped(study: Study, tmp_path: Path) -> None:
    window = study.opens()
    study.uses(study.tuned("My style"))
    window.bake_adapter_dialog()
    dialog = study.house.dialog(QFileDialog)
    dialog.fileSelected.emit(str(tmp_path / "new.gguf"))
    dialog.close()
    progress = study.house.dialog(QProgressDialog)
    study.waits_long(lambda: progress.value() > 0)
    study.house.clicks(progress, "Stop")
    study.waits_long(lambda: study.house.notice().startswith("Stopped"))
    assert [each.name for each in tmp_path.glob("*.gguf")] == []
    assert [each.name for each in tmp_path.glob(".*")] == []


def test_an_adapter_that_is_wanted_before_the_model_answers_waits_for_it(
    house: House, client: ToldClient, tmp_path: Path
) -> None:
    voice = write_lora(tmp_path / "voice.gguf")
    window = house.opens()
    window.use_adapter(voice)
    assert client.asked == []
    client.is_ready()
    house.waits(lambda: client.asked)
    assert client.asked[-1].adapters == ((voice, 1.0),)
    assert window.status._adapter_button.text() == "trying voice…"
    QApplication.processEvents()
    assert house.desk.in_use.adapters == (), "until the model has answered with it"


@pytest.mark.slow
def test_in_a_narrow_window_the_name_of_the_model_gives_way(study: Study) -> None:
    window = study.opens()
    study.uses(study.tuned("A style with a name that is long"))
    status = window.status
    whole = status._model_button.text()
    window.resize(window.minimumSize())
    QApplication.processEvents()
    assert window.size() == window.minimumSize()
    assert status._model_button.geometry().right() <= status.width()
    assert status._model_button.width() >= status._model_button.sizeHint().width()
    assert "…" in status._model_button.text()
    window.resize(1100, 700)
    QApplication.processEvents()
    assert status._model_button.text() == whole
