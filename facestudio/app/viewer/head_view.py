"""The OpenGL widget that shows the head; facestudio.render.gl does the drawing."""

import time
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, QTimer, QVariantAnimation, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget

from facestudio.app.editor.painting import MOVED, confidence_colour
from facestudio.app.viewer.orbit import Pose, camera_of, panned, zoomed_at
from facestudio.app.viewer.software import StillPicture, uses_software
from facestudio.render.scene import (
    VIEWS,
    Background,
    Framing,
    Marks,
    Mode,
    clip_planes,
    frame_mesh,
    projection_matrix,
    view_matrix,
)
from facestudio.values import Camera

_GLIDE_MS = 320
_REST_MS = 350
_FINER = 2.0
# On software OpenGL: sizes to draw at while something moves, and the frame times that choose between them.
_MOTION_SCALES = (1.0, 0.75, 0.5)
_SLOW_MS, _FAST_MS = 30.0, 12.0


class HeadView(QOpenGLWidget):
    """The head: left button turns, middle or right (or Shift and the left) pans, the wheel zooms.

    `failed` is emitted with a text if OpenGL is there but cannot be used; `painted` after each frame, with
    the number of the figure that is on the screen now; `rested` when a smooth picture of it is wanted
    (`lay_over`).
    """

    failed = Signal(str)
    painted = Signal(int)
    pose_changed = Signal()
    rested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("headView")
        self.setAccessibleName("3D head")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 200)
        self.mode: Mode = "textured"
        self.show_marks = False
        self.background = Background()
        self.pose = Pose()
        self.figure_number = 0
        self.frame_ms = 0.0
        self._changes = 0
        self._resting = False
        self._motion = 0
        self._renderer: Any = None
        self._figure: Any = None
        self._framing: Framing | None = None
        self._stale_mesh = self._stale_texture = self._stale_marks = False
        self._texture: Any = None
        self._last: QPointF | None = None
        self._panning = False
        self._glide = QVariantAnimation(self)
        self._glide.setDuration(_GLIDE_MS)
        self._glide.setStartValue(0.0)
        self._glide.setEndValue(1.0)
        self._glide.valueChanged.connect(self._glided)
        self._ends = (self.pose, self.pose)
        # Edges are smoothed by drawing twice as fine. A graphics card does that in every frame; software
        # OpenGL would take too long for the UI thread, so a still picture is drawn elsewhere and laid over.
        self._software = True
        self._other: QOpenGLFramebufferObject | None = None
        self._still = StillPicture(self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._come_to_rest)

    # What is shown

    def set_figure(self, figure: Any) -> None:
        """Show a figure (facestudio.app.viewer.figure.Figure) or None."""
        if figure is None or self._figure is None:
            self._framing = None
        self._figure = figure
        self.figure_number += 1
        if figure is None:
            self._texture = None
            self._touch()
            return
        if self._framing is None:
            self.reframe()
        self._stale_mesh = self._stale_marks = True
        if figure.texture is not self._texture:
            self._texture, self._stale_texture = figure.texture, True
        self._touch()

    def set_mode(self, mode: Mode) -> None:
        """Show the surface textured, as clay, or with its quads."""
        self.mode = mode
        self._touch()

    def set_show_marks(self, on: bool) -> None:
        """Show the landmarks on the head."""
        self.show_marks = on
        self._stale_marks = True
        self._touch()

    def set_background(self, top: QColor, bottom: QColor) -> None:
        """Use colours of the theme behind the head."""
        self.background = Background(
            (top.redF(), top.greenF(), top.blueF()), (bottom.redF(), bottom.greenF(), bottom.blueF())
        )
        self._touch()

    def show_view(self, name: str, *, animated: bool = True) -> None:
        """Glide to a view of facestudio.render.scene.VIEWS."""
        self._glide.stop()
        goal = self.pose.towards(VIEWS[name])
        if animated and self.isVisible():
            self._ends = (self.pose, goal)
            self._glide.start()
        else:
            self._set_pose(goal)

    def reframe(self) -> None:
        """Fit the head into the view."""
        if self._figure is not None:
            self._framing = frame_mesh(self._figure.positions, self._pixels())
            self._touch()

    def camera(self, size: tuple[int, int]) -> Camera | None:
        """Return the camera of what is seen now, for a picture of this size; None without a head."""
        return None if self._framing is None else camera_of(self.pose, self._framing, size)

    def marks(self) -> Marks | None:
        """Return the landmarks on the head, in the colours of the editor."""
        if self._figure is None or not self.show_marks:
            return None
        from facestudio.app.editor.motion import sureness

        landmarks = self._figure.head.landmarks
        sure = sureness(landmarks)
        colours = [
            (MOVED if moved else confidence_colour(float(value))).getRgbF()[:3]  # type: ignore[index]
            for value, moved in zip(sure, landmarks.moved, strict=True)
        ]
        return Marks(self._figure.marks, np.array(colours, dtype=np.float32))

    def _set_pose(self, pose: Pose) -> None:
        self.pose = pose
        self.pose_changed.emit()
        self._touch()

    def _glided(self, value: Any) -> None:
        t = float(value)
        self._set_pose(self._ends[0].between(self._ends[1], t * t * (3 - 2 * t)))

    def _pixels(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    # OpenGL

    def initializeGL(self) -> None:
        """Compile the shaders; also called again when the widget got another context."""
        try:
            from facestudio.app.viewer.view_renderer import ViewRenderer

            renderer = ViewRenderer()
            renderer.initialise()
        except Exception as error:  # a driver may fail in any way; the placeholder then takes over
            self._renderer = None
            self.failed.emit(str(error))
            return
        self._renderer = renderer
        self._software = uses_software()
        self._stale_mesh = self._stale_texture = self._stale_marks = True
        self.context().aboutToBeDestroyed.connect(self.release)

    def release(self) -> None:
        """Give back what lives in the OpenGL context."""
        self._rest.stop()
        if self._renderer is not None:
            self.makeCurrent()
            self._other = None
            self._renderer.release()
            self.doneCurrent()
            self._renderer = None

    def resizeGL(self, width: int, height: int) -> None:
        """Keep the head fitted."""
        self.reframe()

    def paintGL(self) -> None:
        """Draw a frame into the framebuffer that Qt has now."""
        if self._renderer is None:
            return
        begin = time.perf_counter()
        size = self._pixels()
        figure, framing = self._figure, self._framing
        if figure is None or framing is None:  # the viewer shows another page then
            return
        self._upload(figure)
        scale = self._scale()
        self._renderer.set_coarse(self._software and not self._resting)
        target = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        aside = self._aside(target) if target != size else None
        camera = camera_of(self.pose, framing, target)
        near, far = clip_planes(camera, figure.positions)
        self._renderer.draw(
            view_matrix(camera),
            projection_matrix(camera, near, far),
            size=target,
            framebuffer=self.defaultFramebufferObject() if aside is None else aside.handle(),
            mode="clay" if self.mode == "textured" and self._texture is None else self.mode,
            background=self.background,
            mark_size=8.0 * scale * self.devicePixelRatioF(),
            line_width=max(1.0, scale) * self.devicePixelRatioF(),
        )
        self._finish(aside, size)
        self.frame_ms = 1000 * (time.perf_counter() - begin)
        if self._software and not self._resting:
            self._adapt()
        self.painted.emit(self.figure_number)

    def _scale(self) -> float:
        """Return how much finer or coarser than the screen to draw."""
        if not self._software:
            return _FINER if self.devicePixelRatioF() < 2 else 1.0
        return 1.0 if self._resting else _MOTION_SCALES[self._motion]

    def _adapt(self) -> None:
        """Draw coarser while something moves if frames take long, finer if there is time."""
        if self.frame_ms > _SLOW_MS:
            self._motion = min(self._motion + 1, len(_MOTION_SCALES) - 1)
        elif self.frame_ms < _FAST_MS:
            self._motion = max(self._motion - 1, 0)

    def _touch(self) -> None:
        """Draw again, quickly; smooth edges follow when nothing changes for a moment."""
        self._changes += 1
        self._still.hide()
        self._resting = False
        if self._software:
            self._rest.start()
        self.update()

    def rest_later(self) -> None:
        """Ask for a smooth picture again after a while."""
        self._rest.start()

    def _come_to_rest(self) -> None:
        if self._figure is not None and self._renderer is not None and self.isVisible():
            if not self._resting:
                self._resting = True
                self.update()
            self.rested.emit(self._changes)

    def lay_over(self, image: QImage, changes: int) -> None:
        """Show a smooth picture, unless the view has changed since `rested` was emitted with this number."""
        ratio = self.devicePixelRatioF()
        if changes == self._changes and (image.width(), image.height()) == self._pixels():
            self._still.lay(image, ratio)

    @property
    def is_smooth(self) -> bool:
        """Whether a smooth still picture is shown."""
        return self._still.isVisible()

    def _aside(self, size: tuple[int, int]) -> QOpenGLFramebufferObject:
        target = self._other
        if target is None or (target.width(), target.height()) != size:
            wanted = QOpenGLFramebufferObjectFormat()
            wanted.setAttachment(QOpenGLFramebufferObject.Attachment.Depth)
            self._other = target = QOpenGLFramebufferObject(*size, wanted)
        return target

    def _finish(self, aside: QOpenGLFramebufferObject | None, size: tuple[int, int]) -> None:
        """Bring a finer or coarser picture to the widget; from twice the size, linear is the mean of four."""
        from facestudio.render.gl import GL

        if aside is not None:
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, aside.handle())
            GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self.defaultFramebufferObject())
            corners = (0, 0, aside.width(), aside.height(), 0, 0, *size)
            GL.glBlitFramebuffer(*corners, GL.GL_COLOR_BUFFER_BIT, GL.GL_LINEAR)
            GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.defaultFramebufferObject())
        if self._software:
            GL.glFinish()  # the window waits for it anyway; now its time is known

    def _upload(self, figure: Any) -> None:
        from facestudio.app.viewer.figure import base_mesh

        if self._stale_mesh:
            try:
                self._renderer.update_positions(figure.positions, figure.normals)
            except ValueError:  # nothing is in the context yet
                self._renderer.upload_mesh(base_mesh())
                self._renderer.update_positions(figure.positions, figure.normals)
        if self._stale_texture:
            self._renderer.upload_texture(self._texture)
        if self._stale_marks:
            self._renderer.set_marks(self.marks())
        self._stale_mesh = self._stale_texture = self._stale_marks = False

    # Pointer and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn or pan."""
        self._glide.stop()
        self._last = event.position()
        self._panning = event.button() != Qt.MouseButton.LeftButton or bool(
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        )
        self.setCursor(Qt.CursorShape.SizeAllCursor if self._panning else Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn or pan."""
        if self._last is None or self._framing is None:
            return
        by, self._last = event.position() - self._last, event.position()
        if self._panning:
            size = (self.width(), self.height())
            self._set_pose(panned(self.pose, by.x(), by.y(), self._framing, size))
        else:
            self._set_pose(self.pose.turned(by.x(), by.y(), self.height()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it."""
        self._last = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Go back to the front."""
        self.show_view("front")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom to the pointer."""
        steps = event.angleDelta().y() / 120
        if steps and self._framing is not None:
            self._glide.stop()
            at = (event.position().x(), event.position().y())
            size = (self.width(), self.height())
            self._set_pose(zoomed_at(self.pose, 1.15**steps, at, self._framing, size))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows turn, plus and minus zoom."""
        step = 0.05 * self.height()
        turns = {
            Qt.Key.Key_Left: (-step, 0.0),
            Qt.Key.Key_Right: (step, 0.0),
            Qt.Key.Key_Up: (0.0, -step),
            Qt.Key.Key_Down: (0.0, step),
        }
        key = Qt.Key(event.key())
        if key in turns:
            self._set_pose(self.pose.turned(*turns[key], self.height()))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self._set_pose(self.pose.zoomed(1 / 1.15 if key == Qt.Key.Key_Minus else 1.15))
        else:
            super().keyPressEvent(event)
