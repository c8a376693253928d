from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.settings import Settings, SettingsError, SettingsStore


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "settings.json")


def test_every_setting_says_what_it_is() -> None:
    for each in Settings.declared():
        assert each.label
        assert each.sentence.endswith(".")
        assert each.group
        assert each.accepts(each.default)
        assert len(each.words) == len(each.choices)
        if isinstance(each.default, int | float) and not isinstance(each.default, bool):
            assert each.minimum is not None
            assert each.maximum is not None


def test_a_change_is_kept_on_disk(store: SettingsStore, tmp_path: Path) -> None:
    store.change(font_size_pt=20, theme="dark")
    again = SettingsStore(tmp_path / "settings.json").current
    assert (again.font_size_pt, again.theme) == (20, "dark")


def test_only_what_differs_from_the_defaults_is_written(
    store: SettingsStore, tmp_path: Path
) -> None:
    store.change(font_size_pt=20)
    assert json.loads((tmp_path / "settings.json").read_text()) == {"font_size_pt": 20}


@pytest.mark.parametrize(
    "value",
    [{"font_size_pt": 1000}, {"font_size_pt": "big"}, {"theme": "pink"}, {"only_when_sure": 1}],
)
def test_a_value_out_of_range_is_refused_with_a_sentence(
    store: SettingsStore, value: dict[str, object]
) -> None:
    with pytest.raises(SettingsError, match="Choose"):
        store.change(**value)
    assert store.current == Settings()


def test_a_damaged_file_falls_back_to_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"font_size_pt": ')
    assert SettingsStore(tmp_path / "settings.json").current == Settings()


def test_one_bad_value_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"font_size_pt": 9999, "theme": "dark", "new": 1}')
    current = SettingsStore(tmp_path / "settings.json").current
    assert (current.font_size_pt, current.theme) == (Settings().font_size_pt, "dark")


def test_listeners_hear_of_changes_until_they_stop(store: SettingsStore) -> None:
    heard: list[Settings] = []
    stop = store.listen(heard.append)
    store.change(font_size_pt=20)
    stop()
    store.change(font_size_pt=21)
    assert [s.font_size_pt for s in heard] == [20]


def test_settings_hold_for_the_session_when_they_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("in the way")
    store = SettingsStore(tmp_path / "a file" / "settings.json")
    with pytest.raises(SettingsError, match="could not be kept"):
        store.change(font_size_pt=20)
    assert store.current.font_size_pt == 20


@pytest.mark.parametrize("key", ["a", "Shift+A", "Space", "Shift+Space", "Return", "."])
def test_a_key_that_writes_is_no_key_for_grey_text(store: SettingsStore, key: str) -> None:
    with pytest.raises(SettingsError, match="writes into the text"):
        store.change(key_word=key)


def test_two_keys_that_are_the_same_are_refused(store: SettingsStore) -> None:
    with pytest.raises(SettingsError, match="is the key for “Take it” already"):
        store.change(key_word="tab")
    store.change(key_accept="", key_word="Tab")
    store.change(key_sentence="")
    assert (store.current.key_accept, store.current.key_word) == ("", "Tab")


def test_keys_in_the_file_that_clash_fall_back_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"key_word": "Tab", "theme": "dark"}')
    current = SettingsStore(tmp_path / "settings.json").current
    assert (current.key_word, current.theme) == (Settings().key_word, "dark")


def test_folders_are_kept_in_their_order(store: SettingsStore, tmp_path: Path) -> None:
    store.change(word_folders=("/home/me/novels", "/home/me/ärgerlich"))
    again = SettingsStore(tmp_path / "settings.json").current
    assert again.word_folders == ("/home/me/novels", "/home/me/ärgerlich")


@pytest.mark.parametrize("folders", ['"/home"', "[1]", '[""]', "[[]]", "{}", '["\\ud800"]'])
def test_what_is_no_list_of_folders_costs_only_the_list(tmp_path: Path, folders: str) -> None:
    (tmp_path / "settings.json").write_text(f'{{"word_folders": {folders}, "theme": "dark"}}')
    current = SettingsStore(tmp_path / "settings.json").current
    assert (current.word_folders, current.theme) == ((), "dark")


def test_a_folder_whose_name_can_not_be_written_is_refused(store: SettingsStore) -> None:
    with pytest.raises(SettingsError, match="letters that can be written"):
        store.change(word_folders=("/home/me/\udcff",))
