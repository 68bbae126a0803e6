"""The viewer: the OpenGL widget, or a clear word where there is no OpenGL."""

import importlib
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QOpenGLContext
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from facestudio.app.words import tr
from facestudio.app.worker.tasks import Tasks

if TYPE_CHECKING:
    from facestudio.app.viewer.head_view import HeadView
    from facestudio.render.lighting import Lighting
    from facestudio.render.scene import Mode


_WARM_UP_MS = 300


def opengl_problem() -> str:
    """Return why OpenGL cannot be used here, or an empty text."""
    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        return tr("this display has no OpenGL")
    context = QOpenGLContext()
    if not context.create():
        return tr("no OpenGL context can be made")
    version = context.format().version()
    if tuple(version) < (3, 3):
        return tr("OpenGL {major}.{minor} is too old, 3.3 is needed", major=version[0], minor=version[1])
    return ""


def draws_on_processor() -> bool:
    """Whether OpenGL is software here, and can be used in a thread without a window; slow, not for the UI thread."""
    try:
        from facestudio.render.egl import EglContext

        context = EglContext()
    except (ImportError, RuntimeError):
        return False
    try:
        context.enter()
        from facestudio.render.gl import GL

        name = GL.glGetString(GL.GL_RENDERER)
        context.leave()
    finally:
        context.close()
    text = name.decode("latin-1").lower() if isinstance(name, bytes) else str(name).lower()
    return any(word in text for word in ("llvmpipe", "softpipe", "swiftshader", "software"))


class _Message(QWidget):
    """A title and a line in the middle of nothing."""

    def __init__(self, name: str, title: str, text: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.title, self.text = QLabel(title), QLabel(text)
        self.title.setObjectName("emptyTitle")
        self.text.setObjectName("emptyText")
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch()
        for label in (self.title, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            column.addWidget(label)
        column.addStretch()


def prepare_view() -> bool:
    """Load what the view needs, OpenGL and SciPy among it; tell whether the processor draws (not on the UI thread)."""
    on_processor = draws_on_processor()
    importlib.import_module("facestudio.app.viewer.head_view")
    importlib.import_module(f"facestudio.app.viewer.{'thread' if on_processor else 'gl'}_surface")
    return on_processor


class Viewer(QStackedWidget):
    """Shows the head if it can; everything else of the app works without it.

    The view is made when the first photo is opened, so that the window appears without waiting for a driver;
    which kind of view is found out in the background.
    """

    pose_changed = Signal()
    started = Signal()
    gave_up = Signal()
    asked = Signal(str)

    def __init__(self, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(240, 200)
        self._tasks = tasks
        self._asked = self._warming = False
        self._kind: bool | None = None  # whether the processor draws, once that is known
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WARM_UP_MS)
        self._soon.timeout.connect(self._warm_up)
        self.view: HeadView | None = None
        self.mode: Mode = "textured"
        self.uncertain = False
        self.show_marks = False
        self.anaglyph = False
        self.lighting: Lighting | None = None
        self._figure: Any = None
        self._colours = (QColor("#444a53"), QColor("#1f2226"))
        self._waiting = _Message(
            "viewerEmpty", tr("The head appears here"), tr("It is being built from the photo.")
        )
        self._placeholder = _Message("viewerPlaceholder", tr("No 3D view on this system"), "")
        self.addWidget(self._waiting)
        self.addWidget(self._placeholder)

    @property
    def has_opengl(self) -> bool:
        """Whether heads can be shown."""
        return self.view is not None

    def warm_up_soon(self) -> None:
        """Load what the view needs in the background, when the first page has been painted."""
        self._soon.start()

    def _warm_up(self) -> None:
        if self._kind is None and not self._warming and QGuiApplication.platformName() != "offscreen":
            self._warming = True
            self._tasks.start(prepare_view, self._warmed, lambda report: self._give_up(report.message))

    def _warmed(self, on_processor: bool) -> None:
        self._kind = on_processor
        # With a graphics card, the widget would make the window's surface anew before the person's eyes.
        if self._asked or on_processor:
            self._start(on_processor)

    def start(self) -> None:
        """Make the view, once; it is there a moment later (`started`)."""
        if self._asked:
            return
        self._asked = True
        if QGuiApplication.platformName() in ("offscreen", "minimal"):
            self._give_up(opengl_problem())
            return
        if self._kind is None:
            self._warm_up()
        elif self.view is None:
            self._start(self._kind)

    def _start(self, on_processor: bool) -> None:
        # Not before they are needed: with them come OpenGL and SciPy.
        from facestudio.app.viewer.head_view import HeadView

        if on_processor:
            from facestudio.app.viewer.thread_surface import ThreadSurface

            surface: Any = ThreadSurface()
        else:
            problem = opengl_problem()
            if problem:
                self._give_up(problem)
                return
            from facestudio.app.viewer.gl_surface import GlSurface

            surface = GlSurface()
        view = HeadView(surface, self)
        view.failed.connect(self._give_up, Qt.ConnectionType.QueuedConnection)
        view.pose_changed.connect(self.pose_changed)
        view.asked.connect(self.asked)
        view.set_mode(self.mode, uncertain=self.uncertain)
        view.set_show_marks(self.show_marks)
        view.set_background(*self._colours)
        view.set_lighting(self.lighting)
        view.set_anaglyph(self.anaglyph)
        self.view = view
        self.addWidget(view)
        self.set_figure(self._figure)
        self.started.emit()

    def set_figure(self, figure: Any) -> None:
        """Show a figure or None."""
        self._figure = figure
        if self.view is not None:
            self.view.set_figure(figure)
            self.setCurrentWidget(self._waiting if figure is None else self.view)

    def set_waiting_text(self, title: str, text: str) -> None:
        """Say what is going on while there is no head."""
        self._waiting.title.setText(title)
        self._waiting.text.setText(text)

    def set_mode(self, mode: "Mode", *, uncertain: bool = False) -> None:
        """Show the surface textured, as clay, with its quads, and so on; or how far it may be off."""
        self.mode, self.uncertain = mode, uncertain
        if self.view is not None:
            self.view.set_mode(mode, uncertain=uncertain)

    def set_show_marks(self, on: bool) -> None:
        """Show the landmarks on the head."""
        self.show_marks = on
        if self.view is not None:
            self.view.set_show_marks(on)

    def set_colours(self, top: QColor, bottom: QColor) -> None:
        """Use colours of the theme behind the head."""
        self._colours = (top, bottom)
        if self.view is not None:
            self.view.set_background(top, bottom)

    def show_view(self, name: str) -> None:
        """Glide to a named view."""
        if self.view is not None:
            self.view.show_view(name)

    def compare(self, picture: Any, area: "tuple[float, float, float, float] | None") -> None:
        """Lay the photo's area beside the head, seen from the photo's camera; None for the view as it was."""
        if self.view is not None:
            self.view.compare(picture, area)

    def set_lighting(self, lighting: "Lighting | None") -> None:
        """Light the head so; None for the mode's own light."""
        self.lighting = lighting
        if self.view is not None:
            self.view.set_lighting(lighting)

    def set_anaglyph(self, on: bool) -> None:
        """Draw for red and cyan glasses."""
        self.anaglyph = on
        if self.view is not None:
            self.view.set_anaglyph(on)

    def close_view(self) -> None:
        """Give back what lives in the OpenGL context; nothing is loaded any more."""
        self._soon.stop()
        if self.view is not None:
            self.view.release()

    def _give_up(self, problem: str) -> None:
        self._placeholder.text.setText(
            tr(
                "The head cannot be drawn here: {problem}.\nPoints can be moved and heads exported all the same;"
                " a screenshot draws without OpenGL.",
                problem=problem,
            )
        )
        if self.view is not None:
            self.view.release()
            self.removeWidget(self.view)
            self.view.deleteLater()
            self.view = None
        self.setCurrentWidget(self._placeholder)
        self.gave_up.emit()
