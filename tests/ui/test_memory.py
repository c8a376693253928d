"""Recent files and models, and the adapters of models, kept between runs."""

from __future__ import annotations

from pathlib import Path

from studio.ui.memory import IN_MENU, KEPT, Memory


def test_the_newest_comes_first_and_each_stands_once(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "memory.json")
    for name in ("a.txt", "b.txt", "a.txt"):
        (tmp_path / name).touch()
        memory.add("files", tmp_path / name)
    assert memory.recent("files") == [tmp_path / "a.txt", tmp_path / "b.txt"]
    assert Memory(tmp_path / "memory.json").recent("files") == memory.recent("files")
    assert memory.recent("models") == []


def test_the_menu_leaves_out_what_is_gone_and_stays_short(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "memory.json")
    for i in range(KEPT + 10):
        if i % 2:
            (tmp_path / f"{i}.txt").touch()
        memory.add("files", tmp_path / f"{i}.txt")
    assert len(memory.recent("files")) == KEPT
    shown = memory.for_menu("files")
    assert len(shown) == IN_MENU
    assert all(path.exists() for path in shown)


def test_a_damaged_file_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    for content in ("{", "[]", '{"files": "x", "models": [1, "m"], "geometry": 3}'):
        path.write_text(content)
        assert Memory(path).recent("files") == []
        assert Memory(path).geometry == ""
    assert Memory(path).recent("models") == [Path("m")]


def test_a_place_that_can_not_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    memory = Memory(tmp_path / "folder" / "memory.json")
    memory.add("files", tmp_path / "a.txt")
    assert memory.recent("files") == []


def test_each_model_has_an_adapter_and_a_strength_of_its_own(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "memory.json")
    one, other = tmp_path / "one.gguf", tmp_path / "other.gguf"
    memory.use_adapter(one, tmp_path / "voice.gguf", 0.4)
    memory.use_adapter(other, tmp_path / "else.gguf")
    memory.use_adapter(other, None)
    again = Memory(tmp_path / "memory.json")
    assert again.adapter_of(one) == (tmp_path / "voice.gguf", 0.4)
    assert again.adapter_of(other) is None
    again.add("files", tmp_path / "a.txt")
    assert again.adapter_of(one) == (tmp_path / "voice.gguf", 0.4)


def test_a_damaged_adapter_entry_is_none(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    for kept in ("3", '{"/m": 3}', '{"/m": ["a"]}', '{"/m": ["a", "b"]}', '{"/m": ["a", 9]}'):
        path.write_text(f'{{"adapted": {kept}, "files": ["a"]}}')
        assert Memory(path).adapter_of(Path("/m")) is None
        assert Memory(path).recent("files") == [Path("a")]
