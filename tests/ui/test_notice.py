"""The notice bar says one thing at a time and never takes the focus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from studio.ui import notice
from studio.ui.notice import Choice, Notice, NoticeBar, Weight


@pytest.fixture
def bar(qtbot: QtBot) -> NoticeBar:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    return bar


def test_information_goes_away_by_itself(
    qtbot: QtBot, bar: NoticeBar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice, "SHOWN_MS", 20)
    bar.tell("Saved.")
    assert bar.isVisible()
    qtbot.waitUntil(lambda: not bar.isVisible())


def test_a_problem_stays_and_comes_back_after_newer_information(
    qtbot: QtBot, bar: NoticeBar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice, "SHOWN_MS", 20)
    problem = Notice("The disk is full.", Weight.PROBLEM)
    bar.show_notice(problem)
    bar.tell("Something else.")
    assert bar.current != problem
    qtbot.waitUntil(lambda: bar.current == problem)
    qtbot.wait(60)
    assert bar.current == problem
    bar.dismiss()
    assert not bar.isVisible()


def test_the_same_sentence_is_there_once(bar: NoticeBar) -> None:
    for _ in range(3):
        bar.show_notice(Notice("The disk is full.", Weight.PROBLEM))
    bar.dismiss()
    assert bar.current is None


def test_a_newer_notice_on_a_topic_takes_the_older_ones_place(bar: NoticeBar) -> None:
    bar.show_notice(Notice("It stopped.", Weight.PROBLEM, topic="model"))
    bar.show_notice(Notice("It stopped again.", Weight.PROBLEM, topic="model"))
    bar.show_notice(Notice("The disk is full.", Weight.PROBLEM, topic="save"))
    assert bar._more.text() == "1 more"
    bar.withdraw("save")
    assert bar.current is not None
    assert bar.current.sentence == "It stopped again."
    bar.withdraw("model")
    assert bar.current is None


def test_a_button_does_its_deed_and_takes_the_notice_away(bar: NoticeBar) -> None:
    done: list[str] = []
    again = Choice("Try again", "Save once more", lambda: done.append("again"))
    bar.show_notice(Notice("The disk is full.", Weight.PROBLEM, (again,)))
    QTest.mouseClick(bar.buttons()[0], Qt.MouseButton.LeftButton)
    assert done == ["again"]
    assert bar.current is None


def test_it_never_takes_the_focus_unless_asked_to(qtbot: QtBot) -> None:
    window = QWidget()
    column = QVBoxLayout(window)
    text, bar = QLineEdit(), NoticeBar()
    bar.left.connect(text.setFocus)
    column.addWidget(text)
    column.addWidget(bar)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    text.setFocus()
    qtbot.waitUntil(text.hasFocus)
    bar.show_notice(Notice("Look.", choices=(Choice("Do", "Do it", lambda: None),)))
    assert text.hasFocus()
    assert bar.take_focus()
    assert bar.buttons()[0].hasFocus()
    bar.dismiss()
    assert text.hasFocus()


def test_a_screen_reader_hears_it(bar: NoticeBar) -> None:
    bar.tell("The model is ready.")
    assert bar.accessibleDescription() == "The model is ready."
