"""The curves of a tuning: what it makes of its training texts, and of those it never reads."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QLabel, QToolTip, QVBoxLayout, QWidget

from studio.ui.theme import colours_now
from studio.ui.tuning_state import RunState

HEIGHT_PX = 190
ABOUT = (
    "How surprised the model is by each token, in nats (natural units of information); lower is "
    "better. Thin: the training texts. With dots: the held-out text, which it never trains on. "
    "Dashed: the base on that same text. Point at the curves for figures"
)


_AXES = {"bottom": "Thousand tokens read", "left": "Nats a token"}
_THOUSAND = 1000.0


class Curves(QWidget):
    """Training loss, held-out loss and the base's, over the tokens that were read."""

    def __init__(self) -> None:
        super().__init__()
        self._state = RunState()
        self._loss: tuple[list[float], list[float]] = ([], [])
        self._plot: Any = pg.PlotWidget()
        self._plot.setFixedHeight(HEIGHT_PX)
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setAccessibleName("Curves of training and held-out loss")
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.getAxis("left").setWidth(52)
        self._training: Any = self._plot.plot(name="training")
        self._base: Any = self._plot.plot(name="base, held out")
        self._held_out: Any = self._plot.plot(name="held out", symbol="o", symbolSize=6)
        self._plot.scene().sigMouseMoved.connect(self._point)
        self._plot.viewport().installEventFilter(self)
        self._key = QLabel()
        self._key.setTextFormat(Qt.TextFormat.RichText)
        self._key.setWordWrap(True)
        self._key.setAccessibleName("What the curves are")
        self._key.setToolTip(ABOUT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._plot)
        column.addWidget(self._key)
        self._colour()

    def show_state(self, state: RunState) -> None:
        """Draw what there is by now."""
        self._state = state
        x, y = self._loss = state.smoothed()
        self._training.setData([each / _THOUSAND for each in x], y)
        tries = state.tries
        self._held_out.setData(
            [each.n_tokens / _THOUSAND for each in tries], [each.nats for each in tries]
        )
        end = max([*x[-1:], *(each.n_tokens for each in tries)], default=0)
        level = [tries[0].base_nats] * 2 if tries else []
        self._base.setData([0, max(1, end / _THOUSAND)] if tries else [], level)
        self._plot.setAccessibleDescription(self.words)

    @property
    def words(self) -> str:
        """The newest points, in words."""
        state = self._state
        said = []
        if state.steps:
            said.append(f"training {self._loss[1][-1]:.3f}")
        if state.tries:
            newest = state.tries[-1]
            said.append(f"held out {newest.nats:.3f}, base {newest.base_nats:.3f}")
        return f"{', '.join(said)} nats a token" if said else "Nothing is drawn yet"

    def figures_at(self, n_tokens: float) -> str:
        """What the curves say near so many tokens, for a tooltip."""
        lines = []
        x, y = self._loss
        if x:
            at = min(range(len(x)), key=lambda i: abs(x[i] - n_tokens))
            lines.append(f"{x[at]:,.0f} tokens read, step {self._state.steps[at].step:,}")
            lines.append(f"training: {y[at]:.3f} nats a token")
        if self._state.tries:
            near = min(self._state.tries, key=lambda each: abs(each.n_tokens - n_tokens))
            lines.append(
                f"held out at {near.n_tokens:,} tokens: {near.nats:.3f}, base "
                f"{near.base_nats:.3f} nats a token"
            )
        return "\n".join(lines)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._colour()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            self._point(self._plot.mapToScene(event.pos()))
            return True  # the scene, which has no tips of its own, would hide it
        return super().eventFilter(watched, event)

    def _colour(self) -> None:
        colours = colours_now()
        self._plot.setBackground(colours.paper)
        for name in ("bottom", "left"):
            axis = self._plot.getAxis(name)
            axis.setPen(pg.mkPen(colours.edge))
            axis.setTextPen(pg.mkPen(colours.grey))
            axis.enableAutoSIPrefix(False)
            axis.setLabel(_AXES[name], color=colours.grey)
        self._plot.showGrid(x=False, y=True, alpha=0.15)
        training, base, held_out = colours.grey, colours.text, colours.accent
        self._training.setPen(pg.mkPen(training, width=1.2))
        self._base.setPen(pg.mkPen(base, width=1.4, style=Qt.PenStyle.DashLine))
        self._held_out.setPen(pg.mkPen(held_out, width=2.2))
        self._held_out.setSymbolBrush(held_out)
        self._held_out.setSymbolPen(held_out)
        self._key.setText(
            f'<span style="color:{held_out}">●</span>&nbsp;held&nbsp;out &nbsp; '
            f'<span style="color:{base}">- -</span>&nbsp;base&nbsp;on&nbsp;it &nbsp; '
            f'<span style="color:{training}">—</span>&nbsp;training'
        )

    def _point(self, at: QPointF) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if not box.sceneBoundingRect().contains(at):
            return
        figures = self.figures_at(box.mapSceneToView(at).x() * _THOUSAND)
        if figures:
            place = self._plot.mapToGlobal(self._plot.mapFromScene(at))
            QToolTip.showText(place, figures, self._plot)
