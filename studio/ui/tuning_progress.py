"""A tuning at work: how far it is, its curves and samples, and the buttons that steer it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QProgressBar, QWidget

from studio.tuning.events import Doing, Failed
from studio.ui.tuning_curves import Curves
from studio.ui.tuning_parts import (
    Buttons,
    Complaint,
    Page,
    button,
    duration,
    gigabytes,
    head,
    words,
)
from studio.ui.tuning_samples import Samples
from studio.ui.tuning_state import Phase, RunState
from studio.ui.tuning_watch import Watch

_WORDS = {
    "texts": "Reading the texts",
    "model": "Reading the model",
    "lower layers": "Computing the lower layers once",
    "training": "Training",
    "adapter": "Making the adapter",
    "report": "Measuring what it brought",
}
_OF = ("texts", "model", "lower layers", "training", "adapter", "report")
_FIGURES = (
    ("left", "Time left", "Of the training, as it goes now; samples and report come on top"),
    ("read", "Tokens read", "Of those that are going to be read; a token is about ¾ of a word"),
    ("speed", "Speed", "Tokens for each second of training, of late"),
    ("memory", "Memory", "What the process holds now, of what it was planned with"),
    ("passes", "Passes", "How often the texts are read in all"),
    ("on", "Computed on", "The device and the precision of its numbers"),
)


class Running(Page):
    """Shows a `Watch`, live."""

    report_wanted = Signal()
    """It is done, or was already."""
    broke_off = Signal(str)
    """It failed, with this sentence, while it was watched."""
    remove_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("A tuning at work")
        self._watch: Watch | None = None
        self._was_running = False
        self._name = head("")
        self._now = words(name="What it does now")
        self._bar = QProgressBar()
        self._bar.setAccessibleName("How far it is")
        self._bar.setToolTip("How far it is with what it does now")
        self._bar.setTextVisible(True)
        self._still = words(name="Why it stands still", quiet=True)
        self._complaint = Complaint()
        self._gain = words(name="The held-out text against the base")
        self._gain.setToolTip(
            "Perplexity: how many tokens the model hesitates between, on text of yours that it "
            "does not train on. What counts in the end is the report"
        )
        figures = QWidget()
        form = QFormLayout(figures)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._form, self._values = form, {}
        for key, title, tip in _FIGURES:
            label, value = QLabel(title), words(name=title)
            label.setForegroundRole(label.palette().ColorRole.PlaceholderText)
            for each in (label, value):
                each.setToolTip(tip)
            value.setSizePolicy(
                value.sizePolicy().Policy.Expanding, value.sizePolicy().Policy.Fixed
            )
            form.addRow(label, value)
            self._values[key] = value
        self._pause = button("&Pause", "Stand still until told to go on", self._pause_or_go_on)
        self._go_on = button("&Go on", "Go on from what was kept last", self._start)
        self._finish = button(
            "F&inish now", "End the training here and make what is there; the best is used",
            lambda: self._tell("finish"),
        )  # fmt: skip
        self._stop = button(
            "St&op", "End its process; all is kept, and it can go on later",
            lambda: self._tell("stop"),
        )  # fmt: skip
        self._remove = button(
            "Rem&ove…", "Remove this tuning with all that it made", self.remove_wanted.emit
        )
        self._buttons = Buttons(self._go_on, self._pause, self._finish, self._stop, self._remove)
        self._curves, self._samples = Curves(), Samples()
        self._notes = words(name="What there is to know")
        for widget in (
            self._name, self._now, self._bar, self._still, self._complaint, self._buttons,
            self._gain, self._curves, figures, self._samples, self._notes,
        ):  # fmt: skip
            self.column.addWidget(widget)
        self.column.addStretch(1)

    @property
    def title(self) -> str:
        """The name of the tuning that is shown."""
        return self._name.text()

    @property
    def watch(self) -> Watch | None:
        """What is shown."""
        return self._watch

    def show_watch(self, watch: Watch, name: str) -> None:
        """Show this run from now on. The watch of before is let go."""
        if self._watch is not None:
            self._watch.deleteLater()
        self._watch, self._was_running = watch, False
        watch.setParent(self)
        self._name.setText(name)
        self._complaint.say("")
        watch.changed.connect(self._show)
        watch.failed.connect(self._complaint.say)
        self._samples.show_samples([])
        self._show()

    def let_go(self) -> None:
        """Watch it no more."""
        if self._watch is not None:
            self._watch.deleteLater()
            self._watch = None

    # -- what is shown -----------------------------------------------------------------------

    def _show(self) -> None:
        watch = self._watch
        if watch is None:
            return
        state, phase = watch.state, watch.phase
        if phase is Phase.FINISHED:
            self.report_wanted.emit()
            return
        running = phase in (Phase.RUNNING, Phase.STARTING)
        if self._was_running and not running and isinstance(state.last, Failed):
            self.broke_off.emit(watch.sentence)
        self._was_running = running
        training = state.doing is not None and state.doing.what == "training"
        told = watch.asked
        self._now.setText(self._now_words(watch))
        self._show_bar(state, phase)
        still = "It stands still while you write: your suggestions come first."
        self._still.setText(still)
        self._still.setVisible(running and state.standing == "writer")
        self._go_on.setText("&Begin" if not state.began and phase is Phase.STOPPED else "&Go on")
        self._go_on.setVisible(phase is Phase.STOPPED)
        self._remove.setVisible(phase is Phase.STOPPED)
        for each in (self._pause, self._finish, self._stop):
            each.setVisible(running)
            each.setEnabled(phase is Phase.RUNNING and told not in ("stop", "finish"))
        self._pause.setText("&Go on" if watch.paused else "&Pause")
        self._pause.setToolTip("Train on" if watch.paused else "Stand still until told to go on")
        if not (training and state.steps):
            self._finish.setEnabled(False)
        self._show_figures(state, running=running)
        self._curves.setVisible(bool(state.steps or state.tries))
        self._curves.show_state(state)
        self._samples.show_samples(state.samples)
        self._show_notes(state)

    def _now_words(self, watch: Watch) -> str:
        state = watch.state
        match watch.phase:
            case Phase.LOOKING:
                return "Looking how far it is…"
            case Phase.STARTING:
                return "Starting its process…"
            case Phase.STOPPED:
                return watch.sentence
        if watch.asked == "stop":
            return "Stopping: what was learned is being kept…"
        if watch.asked == "finish":
            return "Finishing with the best that there is…"
        if watch.paused:
            return "Paused. It goes on when you say so."
        if watch.asked == "pause":
            return "Pausing at the next chance…"
        if state.doing is None:
            return "Beginning…"
        return _doing(state.doing)

    def _show_bar(self, state: RunState, phase: Phase) -> None:
        share = state.share
        training = state.doing is not None and state.doing.what == "training"
        self._bar.setVisible(phase is not Phase.STOPPED or (training and bool(state.steps)))
        if share is None or phase in (Phase.LOOKING, Phase.STARTING):
            self._bar.setRange(0, 0)
            return
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * share))
        self._bar.setFormat(f"{share:.0%}".replace("%", " %"))

    def _show_figures(self, state: RunState, *, running: bool) -> None:
        plan, step = state.planned, state.steps[-1] if state.steps else None
        about = "" if plan and plan.sure else "about "
        said = dict.fromkeys(self._values, "")
        training = state.doing is not None and state.doing.what == "training"
        if step:
            total = f" of {plan.n_tokens:,}" if plan else ""
            said["read"] = f"{step.n_tokens:,}{total} (step {step.step:,})"
            if running and training:
                said["left"] = duration(step.left_s)
                said["speed"] = f"{step.tokens_per_s:,.0f} tokens/s"
        elif plan:
            said["left"] = f"{about}{duration(plan.seconds)} in all"
            said["read"] = f"0 of {plan.n_tokens:,}"
        if plan:
            now = f"{gigabytes(step.memory_bytes)} of " if step and running else ""
            said["memory"] = f"{now}{about}{gigabytes(plan.memory_bytes)}"
            said["passes"] = f"{plan.passes:.2g}"
            said["on"] = f"{_device(plan.device)}, {plan.precision}"
        for key, value in self._values.items():
            value.setText(said[key])
            self._form.setRowVisible(value, bool(said[key]))
        self._gain.setText(_gain(state))
        self._gain.setVisible(bool(self._gain.text()))

    def _show_notes(self, state: RunState) -> None:
        lines = list(state.notes)
        for with_adapter, check in sorted(state.checks.items()):
            what = "with the adapter" if with_adapter else "before training"
            lines.append(
                f"Checked {what}: PyTorch and llama.cpp are {check.nats:.2g} nats a token apart."
            )
        self._notes.setText("\n".join(f"•  {line}" for line in lines))
        self._notes.setVisible(bool(lines))

    # -- what the buttons do -----------------------------------------------------------------

    def _pause_or_go_on(self) -> None:
        if self._watch:
            self._watch.tell("go on" if self._watch.paused else "pause")

    def _tell(self, do: str) -> None:
        if self._watch:
            self._complaint.say("")
            self._watch.tell("stop" if do == "stop" else "finish")

    def _start(self) -> None:
        if self._watch:
            self._complaint.say("")
            self._watch.start()


def _doing(doing: Doing) -> str:
    part = f"{_OF.index(doing.what) + 1} of {len(_OF)}: " if doing.what in _OF else ""
    what = _WORDS.get(doing.what, doing.what)
    more = doing.words.rstrip(".…")
    return f"{part}{more}…" if more and doing.what != "training" else f"{part}{what}…"


def _gain(state: RunState) -> str:
    """The held-out text against the base's, in plain words with the number."""
    ratio = state.ratio
    if ratio is None:
        return ""
    if ratio < 0.995:
        said = f"hesitates between {1 - ratio:.0%} fewer tokens than the base does"
    elif ratio > 1.005:
        said = f"hesitates between {ratio - 1:.0%} more tokens than the base does"
    else:
        said = "hesitates as much as the base does"
    return f"On your held-out text the model {said} (perplexity {ratio:.3f} of the base’s)."


def _device(device: str) -> str:
    return {"cpu": "the processor", "cuda": "the GPU", "mps": "the Mac’s GPU"}.get(device, device)
