"""The copy that is read faster: made for the included model, offered for a file of the writer's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.engine.client import Ready
from studio.engine.faster import Verdict
from studio.engine.quantize import QuantizeError
from studio.ui import faster_copy
from studio.ui.model_menu import ModelMenu
from tests.ui.windows.conftest import INCLUDED

if TYPE_CHECKING:
    from tests.ui.windows.conftest import House, ToldClient

OWN = Path("/models/own.gguf")
FASTER = Verdict("own.copy.gguf", 5, "ab", 1.94)
SLOWER = Verdict("", 0, "ab", 0.9)


@dataclass
class ToldCopies:
    """Copies of files that there are not, of which the test says what comes."""

    comes: Verdict | Exception | None = None
    known: dict[Path, Verdict] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)
    declined: list[Path] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    dropped: threading.Event = field(default_factory=threading.Event)

    def undecided(self, model: Path) -> bool:
        return model not in self.known

    def size_of_copy(self, _: Path) -> int:
        return 1_640_000_000

    def make(self, model: Path) -> Generator[float, None, None]:
        self.made.append(model)
        try:
            yield 0.4
            while not self.go_on.wait(0.02):
                yield 0.4
            if isinstance(self.comes, Exception):
                raise self.comes
            if self.comes:
                self.known[model] = self.comes
            yield 1.0
        except GeneratorExit:
            self.dropped.set()
            raise

    def verdict(self, model: Path) -> Verdict | None:
        return self.known.get(model)

    def decline(self, model: Path) -> None:
        self.declined.append(model)
        self.known[model] = SLOWER


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faster_copy, "slow_format", lambda _: "Q5_1")


@pytest.fixture
def copies() -> ToldCopies:
    copies = ToldCopies(FASTER)
    copies.known[INCLUDED] = FASTER
    return copies


@pytest.fixture
def offered(house_with: Callable[..., House], client: ToldClient, copies: ToldCopies) -> House:
    """A model of the writer's own answers, and a copy of it was offered."""
    house = house_with(copies=copies)
    house.opens()
    house.lamplight.model.choose(OWN)
    client.is_ready(OWN)
    house.waits(house.notice)
    return house


def menu_entry(house: House) -> tuple[bool, bool]:
    """Of the Model menu: (can be chosen, is chosen)."""
    (menu,) = house.window.findChildren(ModelMenu)
    menu.aboutToShow.emit()
    (entry,) = (action for action in menu.actions() if "faster" in action.text())
    return entry.isEnabled(), entry.isChecked()


def test_the_included_model_is_prepared_once_before_it_is_loaded(
    house_with: Callable[..., House], client: ToldClient
) -> None:
    copies = ToldCopies(FASTER)
    house = house_with(copies=copies)
    button = house.opens().status._model_button
    house.waits(lambda: button.text() == "preparing the model for this machine… 40 %")
    assert client.loads == []
    copies.go_on.set()
    house.waits(lambda: client.loads)
    assert (client.loads[0].path, copies.made) == (INCLUDED, [INCLUDED])
    client.is_ready()
    assert house.notice() == ""
    assert "preparing" not in button.text()


def test_where_that_fails_the_model_is_loaded_as_it_is(
    house_with: Callable[..., House], client: ToldClient
) -> None:
    copies = ToldCopies(QuantizeError("There is no room."))
    copies.go_on.set()
    house = house_with(copies=copies)
    house.opens()
    house.waits(lambda: client.loads)
    assert house.notice() == ""
    house.waits(lambda: copies.declined == [INCLUDED])


def test_a_copy_that_was_begun_for_another_model_is_told_and_nothing_reloaded(
    offered: House, client: ToldClient, copies: ToldCopies
) -> None:
    offered.clicks_notice("Make a copy")
    offered.waits(lambda: copies.made)
    client.is_ready(INCLUDED)
    assert "being made" in offered.notice(), "and can still be stopped"
    loads = len(client.loads)
    copies.go_on.set()
    offered.waits(lambda: "1.9 times as fast" in offered.notice())
    assert len(client.loads) == loads


def test_a_model_that_is_chosen_meanwhile_is_not_displaced(
    house_with: Callable[..., House], client: ToldClient
) -> None:
    copies = ToldCopies(FASTER)
    house = house_with(copies=copies)
    house.opens()
    house.waits(lambda: copies.made)
    house.lamplight.model.choose(OWN)
    copies.go_on.set()
    house.waits(lambda: not house.lamplight.model.faster.words)
    assert [options.path for options in client.loads] == [OWN]


def test_for_a_file_of_the_writers_it_is_offered_and_nothing_done(
    offered: House, copies: ToldCopies
) -> None:
    assert offered.notice() == (
        "This machine may read ‘own.gguf’ slowly: it is in the format Q5_1. A copy in another "
        "format takes about 1.6 GB and may bring suggestions sooner; the file stays as it is."
    )
    assert copies.made == []
    assert menu_entry(offered) == (True, False)


def test_it_is_made_measured_and_used_while_writing_goes_on(
    offered: House, client: ToldClient, copies: ToldCopies
) -> None:
    button = offered.window.status._model_button
    offered.clicks_notice("Make a copy")
    offered.waits(lambda: button.text() == "making a faster copy… 40 %")
    assert "being made and measured" in offered.notice()
    loads = len(client.loads)
    copies.go_on.set()
    offered.waits(lambda: len(client.loads) > loads)
    assert client.loads[-1].path == OWN
    assert offered.notice() == (
        "The copy of ‘own.gguf’ is read 1.9 times as fast: it is used from now on."
    )
    assert client.capabilities
    client.says(Ready(replace(client.capabilities, copy=Path("/copies/own.copy.gguf"))))
    assert menu_entry(offered) == (True, True)


def test_one_that_is_not_faster_is_not_used_and_it_says_so(
    offered: House, client: ToldClient, copies: ToldCopies
) -> None:
    copies.comes = SLOWER
    copies.go_on.set()
    loads = len(client.loads)
    offered.clicks_notice("Make a copy")
    offered.waits(lambda: "would not be read faster" in offered.notice())
    assert len(client.loads) == loads


def test_it_can_be_stopped(offered: House, copies: ToldCopies) -> None:
    offered.clicks_notice("Make a copy")
    offered.waits(lambda: "being made" in offered.notice())
    offered.clicks_notice("Stop")
    offered.waits(copies.dropped.is_set)
    offered.waits(lambda: not offered.lamplight.model.faster.words)
    assert offered.notice() == ""


def test_what_went_wrong_is_told(offered: House, copies: ToldCopies) -> None:
    copies.comes = QuantizeError("‘own.copy.gguf’ needs about 1.6 GB, and 3 MB are free.")
    copies.go_on.set()
    offered.clicks_notice("Make a copy")
    offered.waits(lambda: "3 MB are free" in offered.notice())


def test_who_declines_is_not_asked_again(
    offered: House, client: ToldClient, copies: ToldCopies
) -> None:
    offered.clicks_notice("Not for this model")
    offered.waits(lambda: copies.declined)
    client.is_ready(OWN)
    offered.qtbot.wait(100)
    assert offered.notice() == ""
    assert menu_entry(offered) == (True, False), "and can still change their mind"


def test_the_menu_takes_the_copy_away(
    house_with: Callable[..., House], client: ToldClient, copies: ToldCopies
) -> None:
    copies.known[OWN] = FASTER
    house = house_with(copies=copies)
    house.opens()
    house.lamplight.model.choose(OWN)
    client.is_ready(OWN)
    assert client.capabilities
    client.says(Ready(replace(client.capabilities, copy=Path("/copies/own.copy.gguf"))))
    assert menu_entry(house) == (True, True)
    loads = len(client.loads)
    house.lamplight.model.faster.remove()
    house.waits(lambda: len(client.loads) > loads)
    assert copies.declined == [OWN]


def test_on_a_gpu_nothing_is_offered(
    house_with: Callable[..., House], client: ToldClient, copies: ToldCopies
) -> None:
    house = house_with(copies=copies)
    house.opens()
    client.is_ready(INCLUDED)
    assert client.capabilities
    on_gpu = replace(client.capabilities, path=OWN, layers=(("NVIDIA", 31),))
    client.says(Ready(on_gpu))
    house.qtbot.wait(100)
    assert house.notice() == ""
    assert menu_entry(house) == (False, False)
