"""The views of tuning, and the way from one to the other: set-up, preview, work, report, list."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from studio.tuning import TuningError
from studio.tuning.run import Job, Run
from studio.ui.background import in_background
from studio.ui.notice import Choice, Notice, Weight
from studio.ui.question import Answer, Role, ask
from studio.ui.tuning_list import TuningList
from studio.ui.tuning_parts import Complaint
from studio.ui.tuning_preview import Preview
from studio.ui.tuning_progress import Running
from studio.ui.tuning_report import ReportView
from studio.ui.tuning_setup import Around, Setup
from studio.ui.tuning_state import Summary, summaries, summary
from studio.ui.tuning_watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.desk import Desk
    from studio.ui.model_choice import ModelChoice


class TuningRoom(QWidget):
    """One view at a time, and two buttons above them that lead anywhere.

    A view is made when it is first wanted: all of them at once would hold up the writer's keys.
    """

    adapter_wanted = Signal(Path)
    told = Signal(object)
    """A `Notice`: a tuning ended where the writer does not see it."""
    front_wanted = Signal()
    """This is to be seen."""

    def __init__(self, desk: Desk, model: ModelChoice, project: Callable[[], Path | None]) -> None:
        super().__init__()
        self._home = desk.adapters_home
        self._known: list[Summary] = []
        self._looked = False
        self._looking = False
        self._looks_again = False
        self._beginning = False
        self._leads = True  # to what wants to be seen, until the writer goes somewhere
        self.setup = Setup(Around(self._home, lambda: model.path, project))
        self.all = TuningList()
        self._new = _tab("Ne&w tuning", "Set up another tuning", self._go_to_setup)
        self._list = _tab("M&y tunings", "All tunings, and what came of them", self._go_to_list)
        self._complaint = Complaint()
        self._complaint.setContentsMargins(14, 6, 14, 0)
        self._views = QStackedWidget()
        self._views.addWidget(self.setup)
        self._views.addWidget(self.all)
        top = QHBoxLayout()
        top.setContentsMargins(8, 4, 8, 0)
        top.addWidget(self._new)
        top.addWidget(self._list)
        top.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._complaint)
        column.addWidget(self._views, 1)
        self.setup.look_wanted.connect(self._preview)
        self.setup.start_wanted.connect(self._start)
        self.all.chosen.connect(self.open)
        self.all.remove_wanted.connect(lambda each: self._ask_to_remove(each.run, each.name))
        model.changed.connect(self.setup.follow_model)
        self._show(self.setup)
        self.look()

    @cached_property
    def preview(self) -> Preview:
        view = Preview()
        view.start_wanted.connect(self._start)
        view.back_wanted.connect(lambda: self._show(self.setup))
        self._views.addWidget(view)
        return view

    @cached_property
    def running(self) -> Running:
        view = Running()
        view.report_wanted.connect(self._report_is_there)
        view.broke_off.connect(self._tell_broken)
        view.remove_wanted.connect(self._remove_watched)
        self._views.addWidget(view)
        return view

    @cached_property
    def report(self) -> ReportView:
        view = ReportView()
        view.adapter_wanted.connect(self.adapter_wanted)
        view.again_wanted.connect(self._again)
        view.remove_wanted.connect(self._remove_reported)
        self._views.addWidget(view)
        return view

    @property
    def view(self) -> QWidget | None:
        """What is shown: one of the five."""
        return self._views.currentWidget()

    def look(self) -> None:
        """See which tunings there are; the first time, what is at work or was cut off is shown."""
        if self._looking:  # it may have gone past what has come since
            self._looks_again = True
            return
        self._looking = True
        in_background(
            self, lambda: summaries(self._home), done=self._found, failed=self._found_none
        )

    def open(self, tuning: Summary) -> None:
        """Show one tuning: its report if it is done, else how far it is."""
        self._leads = False
        if tuning.is_done:
            self.report.show_run(tuning.run, tuning.name)
            self._show(self.report)
        else:
            self._watch(tuning.run, tuning.name)

    def take_focus(self) -> None:
        """Put the focus into the view."""
        if self.view is self.setup:
            self.setup.take_focus()
        elif self.view:
            self.view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # -- from view to view -------------------------------------------------------------------

    def _found(self, found: list[Summary]) -> None:
        self._looking = False
        self._known = found
        self.all.show_all(found)
        names = [each.run.folder.name for each in found]
        self._list.setText(f"M&y tunings ({len(found)})" if found else "M&y tunings")
        self._list.setEnabled(bool(found))
        if not self._looked:
            self._looked = True
            self.setup.begin(names)
        else:
            self.setup.know_names(names)
        waits = next((each for each in found if each.is_running), None)
        if waits is None and found and found[0].was_ended:
            waits = found[0]
        if waits and self._leads:
            self.open(waits)
        elif not found and self.view is self.all:
            self._show(self.setup)
        if self._looks_again:
            self._looks_again = False
            self.look()

    def _found_none(self, error: Exception) -> None:
        self._looking = False
        raise error

    def _show(self, view: QWidget) -> None:
        focused = self.window().focusWidget()
        had_focus = focused is not None and self.isAncestorOf(focused)
        self._views.setCurrentWidget(view)
        if had_focus and not view.isAncestorOf(self.window().focusWidget()):
            view.setFocus()
        self._new.setChecked(isinstance(view, Setup | Preview))
        self._list.setChecked(view is self.all)
        self._complaint.say("")

    def _go_to_setup(self) -> None:
        self._leads = False
        self._show(self.setup)
        self.setup.take_focus()

    def _go_to_list(self) -> None:
        self._leads = False
        self._show(self.all)
        self.all.setFocus()
        self.look()

    def _watch(self, run: Run, name: str) -> Watch:
        watch = self.running.watch
        if watch is None or watch.run.folder != run.folder:
            watch = Watch(run)
            self.running.show_watch(watch, name)
        self._show(self.running)
        return watch

    def _report_is_there(self) -> None:
        watch = self.running.watch
        if watch is None:
            return
        name = self.running.title
        if not self._is_seen:
            self._tell(watch.run, f"The tuning ‘{name}’ is done.", Weight.INFORMATION)
        self.running.let_go()
        if self.view is self.running:
            self.report.show_run(watch.run, name)
            self._show(self.report)
        self.look()

    @property
    def _is_seen(self) -> bool:
        return self.view is self.running and self.isVisible()

    def _tell_broken(self, sentence: str) -> None:
        watch = self.running.watch
        if watch is not None and not self._is_seen:
            what = f"The tuning ‘{self.running.title}’ stopped. {sentence}"
            self._tell(watch.run, what, Weight.PROBLEM)

    def _tell(self, run: Run, sentence: str, weight: Weight) -> None:
        def show() -> None:
            self.front_wanted.emit()
            in_background(self, lambda: summary(run), done=self.open)

        choice = Choice("&See it", "Show it in the tuning panel", show)
        self.told.emit(Notice(sentence, weight, (choice,), topic=f"tuning {run.folder}"))

    # -- what is done ------------------------------------------------------------------------

    def _job(self) -> Job | None:
        try:
            return self.setup.job()
        except TuningError as error:
            self._show(self.setup)
            self.setup.complain(str(error))
            return None

    def _preview(self) -> None:
        if job := self._job():
            self._leads = False
            self._show(self.preview)
            self.preview.look(job)

    def _start(self) -> None:
        job = self._job()
        if job is None or self._beginning:  # a second click would begin a second one
            return
        self._leads = False
        self._beginning = True
        in_background(
            self,
            lambda: Run.begin(self._home, job),
            done=lambda run: self._begun(run, job.name),
            failed=self._not_begun,
        )

    def _begun(self, run: Run, name: str) -> None:
        self._beginning = False
        self._watch(run, name).start()
        self.look()

    def _not_begun(self, error: Exception) -> None:
        self._beginning = False
        if not isinstance(error, TuningError | OSError):
            raise error
        self._show(self.setup)
        self.setup.complain(str(error))

    def _again(self) -> None:
        run = self.report.run
        if run is None:
            return

        def fill(job: Job) -> None:
            self.setup.show_job(job, longer=True)
            self._go_to_setup()

        in_background(self, lambda: run.job, done=fill, failed=self._complain)

    def _remove_watched(self) -> None:
        if self.running.watch:
            self._ask_to_remove(self.running.watch.run, self.running.title)

    def _remove_reported(self) -> None:
        if self.report.run:
            self._ask_to_remove(self.report.run, self.report.title)

    def _ask_to_remove(self, run: Run, name: str) -> None:
        remove = Answer(
            "&Remove", "Remove it from the disk", partial(self._remove, run), Role.DestructiveRole
        )
        ask(
            self.window(),
            f"Remove the tuning ‘{name}’?",
            "Its adapter, its report and all that it learned are removed from the disk. Your texts "
            "are not touched.",
            [remove],
        )

    def _remove(self, run: Run) -> None:
        in_background(self, run.remove, done=lambda _: self._removed(run), failed=self._complain)

    def _removed(self, run: Run) -> None:
        watch = self.running.watch if "running" in vars(self) else None
        if watch and watch.run.folder == run.folder:
            self.running.let_go()
        self._show(self.all)
        self.look()

    def _complain(self, error: Exception) -> None:
        if not isinstance(error, TuningError | OSError):
            raise error
        self._complaint.say(str(error))


def _tab(label: str, tip: str, do: Callable[[], None]) -> QToolButton:
    tab = QToolButton()
    tab.setText(label)
    tab.setToolTip(tip)
    tab.setAccessibleName(label.replace("&", ""))
    tab.setCheckable(True)
    tab.setAutoRaise(True)
    tab.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    tab.clicked.connect(lambda: do())
    return tab
