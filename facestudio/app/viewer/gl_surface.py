"""Shows shots with a graphics card: an OpenGL widget that draws every frame twice as fine, for smooth edges."""

import time
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget

from facestudio.app.viewer.shot import Shot

_FINER = 2.0
_REST_MS = 350
_SLOW_MS, _COARSE = 30.0, 0.5


class GlSurface(QOpenGLWidget):
    """Draws the newest shot in Qt's own context; `shown` is emitted with the figure's number after each frame."""

    shown = Signal(int)
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.frame_ms = 0.0
        self._shot: Shot | None = None
        self._seen: Shot | None = None
        self._renderer: Any = None
        self._other: QOpenGLFramebufferObject | None = None
        # A slow driver draws coarsely while something moves.
        self._slow = self._resting = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._come_to_rest)
        self.frameSwapped.connect(self._swapped)

    def show_shot(self, shot: Shot | None) -> None:
        """Show this from now on; None for nothing."""
        self._shot = shot
        self._resting = False
        if shot is None:
            self._rest.stop()
        elif self._slow:
            self._rest.start()
        self.update()

    @property
    def is_current(self) -> bool:
        """Whether the newest shot is what is seen."""
        return self._seen is self._shot and self._shot is not None

    @property
    def is_smooth(self) -> bool:
        """Whether what is seen has smooth edges."""
        return self.is_current and (self._resting or not self._slow)

    def picture(self) -> QImage:
        """Return what is seen, in device pixels."""
        return self.grabFramebuffer()

    def close_surface(self) -> None:
        """Give back what lives in the OpenGL context."""
        self._rest.stop()
        if self._renderer is not None:
            self.makeCurrent()
            self._other = None
            self._renderer.release()
            self.doneCurrent()
            self._renderer = None

    def initializeGL(self) -> None:
        """Compile the shaders; also called again when the widget got another context."""
        try:
            from facestudio.app.viewer.frame_renderer import FrameRenderer

            renderer = FrameRenderer()
            renderer.initialise()
        except Exception as error:  # a driver may fail in any way; the placeholder then takes over
            self._renderer = None
            self.failed.emit(str(error) or type(error).__name__)
            return
        self._renderer = renderer
        self.context().aboutToBeDestroyed.connect(self.close_surface)

    def paintGL(self) -> None:
        """Draw a frame into the framebuffer that Qt has now."""
        shot = self._shot
        if self._renderer is None or shot is None:
            return
        begin = time.perf_counter()
        ratio = self.devicePixelRatioF()
        size = (max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))
        coarse = self._slow and not self._resting
        scale = _COARSE if coarse else _FINER if ratio < 2 else 1.0
        target = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        aside = self._aside(target) if target != size else None
        framebuffer = self.defaultFramebufferObject() if aside is None else aside.handle()
        self._renderer.draw(shot, shot.camera(target), framebuffer, scale=scale * ratio, coarse=coarse)
        self._finish(aside, size)
        self.frame_ms = 1000 * (time.perf_counter() - begin)
        if not self._slow and not self._resting and self.frame_ms > _SLOW_MS and self._seen is not None:
            self._slow = True
        self._seen = shot

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

    def _come_to_rest(self) -> None:
        self._resting = True
        self.update()

    def _swapped(self) -> None:
        if self._seen is not None:
            self.shown.emit(self._seen.number)
