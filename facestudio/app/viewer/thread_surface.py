"""Shows shots where OpenGL runs on the processor: drawn in a thread, so that the window always answers."""

import itertools
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QRect, Qt, QThread, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from facestudio.app.viewer.shot import Shot
from facestudio.app.worker.precedence import give_way

_REST_MS = 350
_FINER = 2
_STRIPS = 6
# Sizes to draw at while something moves, and the frame times that choose between them.
_MOTION_SCALES = (1.0, 0.75, 0.5, 0.4)
_SLOW_MS, _FAST_MS = 20.0, 9.0
_END_MS = 10_000


class Frame:
    """A picture that was drawn.

    Attributes
    ----------
    shot
        What it shows.
    image
        The picture; `pixels` owns its memory.
    smooth
        Whether it is the fine still picture.
    milliseconds
        How long it took.
    """

    def __init__(self, shot: Shot, pixels: Any, smooth: bool, milliseconds: float) -> None:
        height, width = pixels.shape[:2]
        self.shot, self.pixels, self.smooth, self.milliseconds = shot, pixels, smooth, milliseconds
        self.image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)


class _Painter(QObject):
    """Lives in the surface's thread, and so does its OpenGL context."""

    drawn = Signal(object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._context: Any = None
        self._renderer: Any = None
        self._buffers: dict[tuple[int, int], tuple[int, Any]] = {}
        self._scale = 0
        self._broken = False  # what failed once is not tried again: its first message tells why
        self.wanted = threading.Event()  # something newer waits: stop smoothing

    @Slot(object, object, float)
    def draw(self, shot: Shot, size: tuple[int, int], ratio: float) -> None:
        """Draw a moving picture: quickly, perhaps coarsely."""
        begin = time.perf_counter()
        scale = _MOTION_SCALES[self._scale]
        small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        pixels = self._picture(shot, shot.camera(small), scale * ratio, coarse=True)
        if pixels is None:
            return
        if small != size:
            import cv2

            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
        taken = 1000 * (time.perf_counter() - begin)
        if taken > _SLOW_MS:
            self._scale = min(self._scale + 1, len(_MOTION_SCALES) - 1)
        elif taken < _FAST_MS:
            self._scale = max(self._scale - 1, 0)
        self.drawn.emit(Frame(shot, pixels, False, taken))

    @Slot(object, object, float)
    def smooth(self, shot: Shot, size: tuple[int, int], ratio: float) -> None:
        """Draw a still picture with smooth edges, strip by strip, unless something newer comes."""
        import cv2

        begin = time.perf_counter()
        width, height = size
        whole = shot.camera((width * _FINER, height * _FINER))
        pixels = np.empty((height, width, 4), dtype=np.uint8)
        edges = [height * i // _STRIPS for i in range(_STRIPS + 1)]
        for top, bottom in itertools.pairwise(edges):
            if bottom == top:
                continue
            if self.wanted.is_set():
                return
            tall = (bottom - top) * _FINER
            camera = replace(whole, cy=whole.cy - top * _FINER, image_size=(width * _FINER, tall))
            part = _strip_of(shot, top / height, bottom / height)
            fine = self._picture(part, camera, _FINER * ratio, coarse=False)
            if fine is None:
                return
            cv2.resize(fine, (width, bottom - top), dst=pixels[top:bottom], interpolation=cv2.INTER_AREA)
        self.drawn.emit(Frame(shot, pixels, True, 1000 * (time.perf_counter() - begin)))

    @Slot()
    def warm_up(self) -> None:
        """Load OpenGL and compile the shaders before there is anything to draw."""
        try:
            self._start()
        except Exception as error:  # as in _picture
            self._fail(error)

    @Slot()
    def close(self) -> None:
        """Give the context back."""
        if self._renderer is not None:
            self._drop_buffers()
            self._renderer.release()
            self._renderer = None
        if self._context is not None:
            self._context.leave()
            self._context.close()
            self._context = None

    def _picture(self, shot: Shot, camera: Any, scale: float, *, coarse: bool) -> Any:
        """Return (H, W, 4) uint8 BGRA, or None if OpenGL fails."""
        if self._broken:
            return None
        try:
            renderer: Any = self._renderer or self._start()
            framebuffer = self._framebuffer(camera.image_size)
            renderer.draw(shot, camera, framebuffer, scale=scale, coarse=coarse)
            return self._read(camera.image_size)
        except Exception as error:  # a driver may fail in any way; the placeholder then takes over
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        self._broken = True
        self.failed.emit(str(error) or type(error).__name__)

    def _start(self) -> Any:
        from facestudio.app.viewer.frame_renderer import FrameRenderer
        from facestudio.render.egl import EglContext

        give_way()
        self._context = EglContext()
        self._context.enter()
        renderer = FrameRenderer()
        renderer.initialise()
        self._renderer = renderer
        return renderer

    def _framebuffer(self, size: tuple[int, int]) -> int:
        from facestudio.render.gl import GL

        if size in self._buffers:
            return self._buffers[size][0]
        if len(self._buffers) > 5:
            self._drop_buffers()
        framebuffer = int(GL.glGenFramebuffers(1))
        colour, depth = GL.glGenRenderbuffers(2)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, framebuffer)
        for buffer, kind, place in (
            (colour, GL.GL_RGBA8, GL.GL_COLOR_ATTACHMENT0),
            (depth, GL.GL_DEPTH_COMPONENT24, GL.GL_DEPTH_ATTACHMENT),
        ):
            GL.glBindRenderbuffer(GL.GL_RENDERBUFFER, buffer)
            GL.glRenderbufferStorage(GL.GL_RENDERBUFFER, kind, *size)
            GL.glFramebufferRenderbuffer(GL.GL_FRAMEBUFFER, place, GL.GL_RENDERBUFFER, buffer)
        if GL.glCheckFramebufferStatus(GL.GL_FRAMEBUFFER) != GL.GL_FRAMEBUFFER_COMPLETE:
            raise RuntimeError(f"OpenGL gives no framebuffer of {size[0]}x{size[1]} pixels")
        self._buffers[size] = (framebuffer, (colour, depth))
        return framebuffer

    def _drop_buffers(self) -> None:
        from facestudio.render.gl import GL

        for framebuffer, renderbuffers in self._buffers.values():
            GL.glDeleteFramebuffers(1, [framebuffer])
            GL.glDeleteRenderbuffers(2, list(renderbuffers))
        self._buffers = {}

    @staticmethod
    def _read(size: tuple[int, int]) -> Any:
        import cv2

        from facestudio.render.gl import GL

        pixels = np.empty((size[1], size[0], 4), dtype=np.uint8)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 4)
        GL.glReadPixels(0, 0, *size, GL.GL_BGRA, GL.GL_UNSIGNED_BYTE, pixels)
        return cv2.flip(pixels, 0)  # OpenGL's first row is the lowest


def _strip_of(shot: Shot, top: float, bottom: float) -> Shot:
    """Return the shot with the part of its background that belongs to rows from `top` to `bottom`, 0..1."""
    ground = shot.background
    ends = [
        tuple(a + (b - a) * t for a, b in zip(ground.top, ground.bottom, strict=True)) for t in (top, bottom)
    ]
    return replace(shot, background=replace(ground, top=ends[0], bottom=ends[1]))


class ThreadSurface(QWidget):
    """Draws the newest shot in a thread of its own and shows it when it is there.

    At most one shot is being drawn and one waits, the newest. When nothing changes for a moment, the same
    picture follows with smooth edges. `shown` is emitted with the figure's number when a frame is on the screen.
    """

    shown = Signal(int)
    failed = Signal(str)
    _warm = Signal()
    _draw = Signal(object, object, float)
    _smooth = Signal(object, object, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.frame_ms = 0.0
        self._frame: Frame | None = None
        self._latest: Shot | None = None
        self._drawing: Shot | None = None
        self._told = 0
        self._closed = False
        self._thread = QThread(self)
        self._thread.setObjectName("facestudio-view")
        self._painter = _Painter()
        self._painter.moveToThread(self._thread)
        self._warm.connect(self._painter.warm_up)
        self._draw.connect(self._painter.draw)
        self._smooth.connect(self._painter.smooth)
        self._painter.drawn.connect(self._drawn)
        self._painter.failed.connect(self._gave_up)
        self._thread.finished.connect(self._painter.close, Qt.ConnectionType.DirectConnection)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._come_to_rest)
        self._thread.start()
        self._warm.emit()

    def show_shot(self, shot: Shot | None) -> None:
        """Show this from now on; None for nothing."""
        self._latest = shot
        self._rest.stop()
        if shot is None:
            self._frame = None
            self.update()
            return
        self._painter.wanted.set()
        self._advance()

    @property
    def is_current(self) -> bool:
        """Whether the newest shot is what is seen."""
        frame = self._frame
        return frame is not None and frame.shot is self._latest and self._fits(frame)

    @property
    def is_smooth(self) -> bool:
        """Whether the smooth still picture is seen."""
        return self.is_current and self._frame is not None and self._frame.smooth

    def picture(self) -> QImage:
        """Return what is seen, in device pixels."""
        return QImage() if self._frame is None else self._frame.image.copy()

    def close_surface(self) -> None:
        """End the thread and give its context back."""
        if self._closed:
            return
        self._closed = True
        self._latest = None
        self._rest.stop()
        self._painter.wanted.set()
        self._thread.quit()
        self._thread.wait(_END_MS)

    def _pixels(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    def _fits(self, frame: Frame) -> bool:
        return (frame.image.width(), frame.image.height()) == self._pixels()

    def _advance(self) -> None:
        if self._drawing is None and self._latest is not None and not self._closed:
            self._drawing = self._latest
            self._painter.wanted.clear()
            self._draw.emit(self._latest, self._pixels(), self.devicePixelRatioF())

    def _come_to_rest(self) -> None:
        if self._latest is not None and self._drawing is None and self.is_current and self.isVisible():
            self._painter.wanted.clear()
            self._smooth.emit(self._latest, self._pixels(), self.devicePixelRatioF())

    def _drawn(self, frame: Frame) -> None:
        if not frame.smooth:
            self._drawing = None
            self.frame_ms = frame.milliseconds
        if self._latest is None or self._closed:
            return
        if frame.smooth and frame.shot is not self._latest:
            return
        self._frame = frame
        if frame.shot is not self._latest or not self._fits(frame):
            self._advance()  # the thread draws the next one while this one goes to the screen
        elif not frame.smooth:
            self._rest.start()
        self.repaint()
        self.shown.emit(frame.shot.number)

    def _gave_up(self, problem: str) -> None:
        self._drawing = None
        self.failed.emit(problem)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw again at the new size."""
        self._painter.wanted.set()
        self._advance()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show the newest picture there is."""
        painter = QPainter(self)
        frame = self._frame
        if frame is None:
            # Of a colour: with a brush, PySide makes 180 presets of gradients first.
            painter.fillRect(self.rect(), self.palette().color(self.backgroundRole()))
        elif self._fits(frame):
            frame.image.setDevicePixelRatio(self.devicePixelRatioF())
            painter.drawImage(0, 0, frame.image)
        else:  # until the next one has the new size
            painter.drawImage(QRect(0, 0, self.width(), self.height()), frame.image)
