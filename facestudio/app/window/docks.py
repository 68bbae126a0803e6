"""The docks: makes the panels, and keeps them and the 3D view in step with the document."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QTabWidget, QWidget

from facestudio.app.window.turns import Turns
from facestudio.app.words import said, tr

if TYPE_CHECKING:
    from facestudio.app.panels.adjust_panel import AdjustPanel
    from facestudio.app.panels.camera_panel import CameraPanel
    from facestudio.app.panels.expression_panel import ExpressionPanel
    from facestudio.app.panels.head_panel import HeadPanel
    from facestudio.app.panels.heads_panel import HeadsPanel
    from facestudio.app.panels.points_panel import PointsPanel
    from facestudio.app.window.main_window import MainWindow

_COMPARE_MARGIN = 0.12


class Docks:
    """The panels of a window.

    Attributes
    ----------
    all
        The docks, in the order of their tabs.
    points, head, expression, heads, camera, adjust
        The panels.
    turns
        What is left to be told to them.
    appearing
        What is left to be shown of them.
    """

    points: "PointsPanel"
    head: "HeadPanel"
    expression: "ExpressionPanel"
    heads: "HeadsPanel"
    camera: "CameraPanel"
    adjust: "AdjustPanel"

    def __init__(self, window: "MainWindow") -> None:
        self._window = window
        self.turns = Turns(window)
        self.appearing = Turns(window)
        self.all: list[QDockWidget] = []

    def build(self) -> Iterator[None]:
        """Make the panels, one in each step: the first page needs none of them, and waits for none."""
        window = self._window
        document, actions = window.document, window.actions_
        from facestudio.app.panels.points_panel import PointsPanel

        self.points = PointsPanel(document, actions)
        yield self._add(tr("Points"), "pointsDock", self.points)
        from facestudio.app.panels.head_panel import HeadPanel

        self.head = HeadPanel()
        yield self._add(tr("Head"), "headDock", self.head)
        from facestudio.app.panels.heads_panel import HeadsPanel

        self.heads = HeadsPanel(document, window.tasks, window.session.builder.call, window.appearance)
        yield self._add(tr("Similar"), "similarDock", self.heads)
        from facestudio.app.panels.expression_panel import ExpressionPanel

        self.expression = ExpressionPanel(document)
        yield self._add(tr("Expression"), "expressionDock", self.expression)
        from facestudio.app.panels.camera_panel import CameraPanel

        self.camera = CameraPanel(document, actions)
        yield self._add(tr("Camera"), "cameraDock", self.camera)
        from facestudio.app.panels.adjust_panel import AdjustPanel

        self.adjust = AdjustPanel(document)
        self._add(tr("Adjust"), "adjustDock", self.adjust)
        self._connect()

    def _add(self, title: str, name: str, panel: QWidget) -> None:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(name)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(252)
        area.setWidget(panel)
        dock.setWidget(area)
        dock.hide()
        self._window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        if self.all:  # beside each other they would make the window wide
            self._window.tabifyDockWidget(self.all[0], dock)
        self._window.menus.panels.addAction(dock.toggleViewAction())
        self.all.append(dock)

    def _connect(self) -> None:
        window, document = self._window, self._window.document
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        window.setDockOptions(
            QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.AnimatedDocks
        )
        self.points.reach_changed.connect(window.editor.set_reach)
        self.expression.moving.connect(self._moving)
        # Of docks behind another, Qt says only that.
        self.all[3].visibilityChanged.connect(lambda seen: seen or self.expression.play.setChecked(False))
        self.camera.lighting_wanted.connect(self._light)
        document.expression_changed.connect(self.show_expression)

    def arrange(self) -> None:
        """Put all docks at the right, one upon the other."""
        first, *others = self.all
        together = self._window.tabifiedDockWidgets(first)
        for dock in others:
            if dock not in together:
                self._window.tabifyDockWidget(first, dock)
        first.show()

        def appear() -> Iterator[None]:  # all at once would keep the window waiting
            for dock in others:
                yield dock.show()
            yield first.raise_()

        self.appearing.carry_out(appear())

    def hide(self) -> None:
        """Show none of them."""
        self.appearing.carry_out()
        for dock in self.all:
            dock.hide()

    def show_figure(self, figure: Any) -> None:
        """Tell the panels, and the strip of advice, about a new figure."""
        head = None if figure is None else figure.head
        advice = () if head is None else head.advice

        def others() -> Iterator[None]:
            yield self._window.advice_strip.tell(advice)
            yield self.expression.show_head(head)
            yield self._show_camera(figure)
            yield self.adjust.show_head(head)
            notes = tuple(f"{said(one.text)}. {said(one.help)}" for one in advice)
            yield from self.head.showing(head, notes)

        self.show_expression()
        self.turns.carry_out(self.heads.showing(head), others())

    def follow(self, figure: Any) -> None:
        """Tell what must follow while something is dragged: each repaint takes time from the head."""
        self.turns.carry_out()  # what was to be told is old now
        if self.heads.isVisible():
            self.heads.show_head(None if figure is None else figure.head)
        self._show_camera(figure)
        self.show_expression()

    def _show_camera(self, figure: Any) -> None:
        self.camera.show_head(None if figure is None else figure.head)
        if figure is None:
            self._window.actions_["compare"].setChecked(False)

    def show_expression(self) -> None:
        """Put the expression that was chosen on the head."""
        chosen = self._window.document.state.expression
        if not self.expression.playing:
            self._show_weights(None if chosen is None else np.array(chosen))

    def _moving(self, weights: Any) -> None:
        if weights is None:
            self.show_expression()
        else:
            self._show_weights(weights)

    def _show_weights(self, weights: Any) -> None:
        """Show 52 weights, or None for what the figure has."""
        view, figure = self._window.viewer.view, self._window.session.figure
        if view is None or figure is None:
            return
        shown = figure.head.expression if figure.posed else 0.0
        added = np.zeros(52) if weights is None else weights - shown
        if not np.array_equal(added, view.weights):
            view.set_weights(added)

    def _light(self, name: str) -> None:
        from facestudio.render.lighting import LIGHT_PRESETS

        self._window.viewer.set_lighting(LIGHT_PRESETS.get(name))

    def compare(self, on: bool) -> None:
        """Lay the photo beside the head, seen from the photo's camera."""
        from facestudio.geometry.camera import project

        figure, picture = self._window.session.figure, self._window.editor.picture
        if not on or figure is None or picture is None:
            self._window.viewer.compare(None, None)
            return
        pixels, _ = project(figure.head.camera, figure.head.posed_vertices())
        low, high = np.nanmin(pixels, axis=0), np.nanmax(pixels, axis=0)
        margin = _COMPARE_MARGIN * float((high - low).max())
        (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
        self._window.viewer.compare(picture, (x0, y0, x1, y1))
