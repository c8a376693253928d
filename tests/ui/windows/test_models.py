"""Which model writes, and what the writer hears of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.engine.client import Changed, Down, LoadFailed, Loading, Restarting
from studio.library import LibraryError
from studio.ui.settings_dialog import SettingsDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.windows.conftest import House, ToldClient

INCLUDED = Path("/models/included.gguf")
OWN = Path("/models/own.gguf")


def test_the_included_model_is_loaded_once_the_window_is_there(
    house: House, client: ToldClient
) -> None:
    house.lamplight.begin([])
    assert house.window.isVisible()
    assert client.loads == []
    house.waits(lambda: client.loads)
    options = client.loads[0]
    assert (options.path, options.n_ctx, options.n_threads) == (INCLUDED, 4096, None)


def test_the_status_bar_names_the_model_and_its_device(house: House, client: ToldClient) -> None:
    button = house.opens().status._model_button
    client.says(Loading(INCLUDED, 0.43))
    assert button.text() == "loading included.gguf… 43 %"
    client.is_ready()
    assert button.text() == "SmolLM2 135M Instruct on CPU, 2 threads"


def test_the_status_bar_says_when_the_model_has_fewer_threads(
    house: House, client: ToldClient
) -> None:
    button = house.opens().status._model_button
    client.is_ready()
    assert client.capabilities is not None
    client.says(Changed(replace(client.capabilities, device="CPU, 1 thread")))
    assert button.text() == "SmolLM2 135M Instruct on CPU, 1 thread"
    client.says(Loading(OWN, 0.5))
    client.says(Changed(client.capabilities))
    assert button.text() == f"loading {OWN.name}… 50 %", "the other one is still being loaded"


def test_the_model_of_the_command_line_comes_first_and_is_not_kept(
    house_with: Callable[..., House], client: ToldClient
) -> None:
    house = house_with(model_override=OWN)
    house.desk.settings.change(model_path="/models/other.gguf")
    house.opens()
    house.waits(lambda: client.loads)
    client.is_ready(OWN)
    assert client.loads[0].path == OWN
    assert house.desk.settings.current.model_path == "/models/other.gguf"


def test_a_model_that_is_chosen_is_kept_once_it_answers(house: House, client: ToldClient) -> None:
    house.opens()
    house.lamplight.model.choose(OWN)
    assert house.desk.settings.current.model_path == ""
    client.is_ready(OWN)
    assert house.desk.settings.current.model_path == str(OWN)
    house.lamplight.model.use_included()
    assert house.desk.settings.current.model_path == ""


def test_a_bad_file_is_told_and_the_old_model_goes_on(house: House, client: ToldClient) -> None:
    house.opens()
    house.waits(lambda: client.loads)
    client.is_ready()
    house.lamplight.model.choose(OWN)
    n_loads = len(client.loads)
    client.says(LoadFailed(OWN, "‘own.gguf’ is cut short."))
    assert house.notice() == "‘own.gguf’ is cut short."
    assert len(client.loads) == n_loads
    assert house.desk.settings.current.model_path == ""
    assert "SmolLM2" in house.window.status._model_button.text()


def test_a_bad_file_at_the_start_makes_way_for_the_included_model(
    house: House, client: ToldClient
) -> None:
    house.desk.settings.change(model_path=str(OWN))
    house.opens()
    house.waits(lambda: client.loads)
    client.says(LoadFailed(OWN, "‘own.gguf’ is not there."))
    house.waits(lambda: len(client.loads) == 2)
    client.is_ready()
    assert client.loads[1].path == INCLUDED
    assert "The included model is used instead." in house.notice()
    assert house.desk.settings.current.model_path == str(OWN)


def test_a_model_that_stopped_is_told_until_it_answers_again(
    house: House, client: ToldClient
) -> None:
    house.opens()
    client.says(Restarting("The model stopped unexpectedly and is being started again."))
    assert "started again" in house.notice()
    client.is_ready()
    assert house.notice() == ""


def test_a_model_that_stopped_for_good_can_be_started_again(
    house: House, client: ToldClient
) -> None:
    house.opens()
    house.waits(lambda: client.loads)
    client.capabilities = None
    client.says(Down("The model stopped again and again."))
    assert house.window.status._model_button.text() == "no model: it stopped"
    house.clicks_notice("Start again")
    assert client.loads[-1].path == INCLUDED
    assert len(client.loads) == 2


def test_what_takes_effect_by_loading_loads_again(house: House, client: ToldClient) -> None:
    house.opens()
    house.waits(lambda: client.loads)
    house.desk.settings.change(n_threads=1)
    house.desk.settings.change(n_ctx=1024)
    house.waits(lambda: len(client.loads) == 2)
    assert (client.loads[1].n_threads, client.loads[1].n_ctx) == (1, 1024)


def test_the_settings_of_the_machine_are_handed_to_the_engine(
    house: House, client: ToldClient
) -> None:
    house.opens()
    house.waits(lambda: client.loads)
    assert (client.loads[0].flash_attention, client.loads[0].kv_type) == ("auto", "f16")
    house.desk.settings.change(flash_attention="on", kv_type="q8_0", gpu_layers=4)
    house.waits(lambda: len(client.loads) == 2)
    now = client.loads[1]
    assert (now.flash_attention, now.kv_type, now.gpu_layers) == ("on", "q8_0", 4)


def test_settings_that_a_model_can_not_be_loaded_with_are_taken_back(
    house: House, client: ToldClient
) -> None:
    house.opens()
    house.waits(lambda: client.loads)
    client.is_ready()
    house.desk.settings.change(n_ctx=131_072)
    house.waits(lambda: len(client.loads) == 2)
    house.desk.settings.change(suggestion_tokens=20)
    client.says(LoadFailed(INCLUDED, "There is not enough memory for ‘included.gguf’."))
    assert house.desk.settings.current.n_ctx == 4096
    assert house.desk.settings.current.suggestion_tokens == 20
    assert house.notice().endswith("The settings are as they were before.")
    house.qtbot.wait(1000)
    assert len(client.loads) == 2, "the model that answers has these settings"


def test_threads_are_measured_again_from_the_settings(house: House, client: ToldClient) -> None:
    window = house.opens()
    house.waits(lambda: client.loads)
    client.is_ready()
    assert not client.loads[0].measure_threads
    window.settings()
    dialog = house.dialog(SettingsDialog)
    dialog.show_group("Machine")
    house.clicks(dialog, "Measure the threads again")
    assert client.loads[1] == replace(client.loads[0], measure_threads=True)
    house.desk.settings.change(n_ctx=1024)
    house.waits(lambda: len(client.loads) == 3)
    assert not client.loads[2].measure_threads


def test_a_bad_file_in_the_settings_is_taken_back(house: House, client: ToldClient) -> None:
    house.opens()
    house.waits(lambda: client.loads)
    client.is_ready()
    house.desk.settings.change(model_path=str(OWN))
    house.waits(lambda: len(client.loads) == 2)
    client.says(LoadFailed(OWN, "‘own.gguf’ is not GGUF."))
    assert house.desk.settings.current.model_path == ""


def test_without_the_included_model_it_can_be_downloaded(
    house_with: Callable[..., House], client: ToldClient
) -> None:
    def absent() -> Path:
        raise LibraryError("The model is not on this machine.")

    house = house_with(default_model=absent)
    house.opens()
    house.waits(house.notice)
    assert house.window.status._model_button.text() == "no model"
    house.clicks_notice("Download it")
    house.waits(lambda: client.loads)
    assert client.loads[0].path == INCLUDED


def test_the_model_menu_marks_what_answers(house: House, client: ToldClient) -> None:
    window = house.opens()
    house.waits(lambda: client.loads)
    client.is_ready()
    menu = window.menus.model
    menu.aboutToShow.emit()
    marked = [action.text() for action in menu.actions() if action.isChecked()]
    assert marked == ["Use the &included model"]
    assert menu.actions()[0].text() == "SmolLM2 135M Instruct on CPU, 2 threads"
