"""The 3D view: what is shown and from where, and the gestures that turn it; a surface does the drawing."""

from html import escape
from typing import Any, Protocol

import numpy as np
from PySide6.QtCore import QPointF, Qt, QVariantAnimation, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from facestudio.app.editor.painting import MOVED, confidence_colour
from facestudio.app.editor.picture import Picture
from facestudio.app.viewer.legend import CoverageLegend
from facestudio.app.viewer.orbit import Pose, panned, zoomed_at
from facestudio.app.viewer.shot import Shot
from facestudio.app.viewer.uncertainty import uncertainty_of
from facestudio.app.viewer.wipe import PhotoWipe
from facestudio.app.words import tr
from facestudio.render.lighting import Lighting
from facestudio.render.scene import VIEWS, Background, Framing, Marks, Mode, frame_mesh
from facestudio.values import Camera, FloatArray

_GLIDE_MS = 320
_STILL = 4.0  # pixels: a pointer that moved less between press and release was not moved


class Surface(Protocol):
    """A widget that draws shots: GlSurface, ThreadSurface."""

    shown: Any
    failed: Any
    frame_ms: float

    @property
    def is_current(self) -> bool:  # pragma: no cover
        """Whether the newest shot is what is seen."""
        ...

    @property
    def is_smooth(self) -> bool:  # pragma: no cover
        """Whether what is seen has smooth edges."""
        ...

    def show_shot(self, shot: Shot | None) -> None:  # pragma: no cover
        """Show this from now on."""
        ...

    def picture(self) -> QImage:  # pragma: no cover
        """Return what is seen."""
        ...

    def close_surface(self) -> None:  # pragma: no cover
        """Give everything back."""
        ...


class HeadView(QWidget):
    """The head: left button turns, middle or right (or Shift and the left) pans, the wheel zooms.

    `failed` is emitted with a text if OpenGL is there but cannot be used; `painted` when a frame is on the screen,
    with the number of its figure.

    Parameters
    ----------
    surface
        A GlSurface or a ThreadSurface; the view takes it over.
    """

    failed = Signal(str)
    painted = Signal(int)
    pose_changed = Signal()
    asked = Signal(str)

    def __init__(self, surface: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("headView")
        self.setAccessibleName(tr("3D head"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 200)
        self.surface = surface
        surface.setParent(self)
        surface.shown.connect(self.painted)
        surface.failed.connect(self.failed)
        self.wipe = PhotoWipe(self)
        self.legend = CoverageLegend(self)
        self.mode: Mode = "textured"
        self.uncertain = False
        self.show_marks = False
        self.lighting: Lighting | None = None
        self.anaglyph = False
        self.weights: FloatArray = np.zeros(52)
        self.photo_area: tuple[float, float, float, float] | None = None
        self.background = Background()
        self.pose = Pose()
        self.figure_number = 0
        self._figure: Any = None
        self._framing: Framing | None = None
        self._marks: Marks | None = None
        self._last: QPointF | None = None
        self._pressed: QPointF | None = None
        self._panning = False
        self._glide = QVariantAnimation(self)
        self._glide.setDuration(_GLIDE_MS)
        self._glide.setStartValue(0.0)
        self._glide.setEndValue(1.0)
        self._glide.valueChanged.connect(self._glided)
        self._ends = (self.pose, self.pose)

    # What is shown

    def set_figure(self, figure: Any) -> None:
        """Show a figure (facestudio.app.viewer.figure.Figure) or None."""
        if figure is None or self._figure is None:
            self._framing = None
        self._figure = figure
        self.figure_number += 1
        if self._framing is None:
            self.reframe()
        self._mark()
        self._tell_legend()
        self._touch()

    def set_mode(self, mode: Mode, *, uncertain: bool = False) -> None:
        """Show the surface textured, as clay, with its quads, and so on; or how far it may be off."""
        self.mode, self.uncertain = mode, uncertain
        self._tell_legend()
        self._touch()

    def set_lighting(self, lighting: Lighting | None) -> None:
        """Light the head so; None for the mode's own light."""
        self.lighting = lighting
        self._touch()

    def set_anaglyph(self, on: bool) -> None:
        """Draw for red and cyan glasses."""
        self.anaglyph = on
        self._touch()

    def set_weights(self, weights: FloatArray) -> None:
        """Add (52,) weights to the figure's expression."""
        self.weights = weights
        self._mark()
        self._touch()

    def compare(self, picture: Picture | None, area: tuple[float, float, float, float] | None) -> None:
        """Look from the photo's camera at this area of the photo, which lies beside; None to look from anywhere."""
        self.photo_area = area
        if picture is None or area is None:
            self.wipe.hide()
        else:
            self.wipe.setGeometry(self.rect())
            self.wipe.lay(picture, area)
        self._touch()

    def set_show_marks(self, on: bool) -> None:
        """Show the landmarks on the head."""
        self.show_marks = on
        self._mark()
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
        shot = self.shot()
        return None if shot is None else shot.camera(size)

    def marks(self) -> Marks | None:
        """Return the landmarks on the head, in the colours of the editor; None where they are not shown."""
        return self._marks

    def shot(self) -> Shot | None:
        """Return what is to be seen; None without a head."""
        if self._figure is None or self._framing is None:
            return None
        return Shot(
            number=self.figure_number,
            figure=self._figure,
            pose=self.pose,
            framing=self._framing,
            photo_area=self.photo_area,
            mode=self.mode,
            lighting=self.lighting,
            background=self.background,
            marks=self._marks,
            weights=self.weights,
            anaglyph=self.anaglyph,
            uncertain=self.uncertain,
        )

    @property
    def frame_ms(self) -> float:
        """How long the last frame took; 0 before the first."""
        return self.surface.frame_ms

    @property
    def is_current(self) -> bool:
        """Whether what is to be seen is seen."""
        return self.surface.is_current

    @property
    def is_smooth(self) -> bool:
        """Whether it is, and with smooth edges."""
        return self.surface.is_smooth

    def picture(self) -> QImage:
        """Return what is seen, in device pixels."""
        return self.surface.picture()

    def release(self) -> None:
        """Give back what draws."""
        self._glide.stop()
        self.surface.close_surface()

    def _tell_legend(self) -> None:
        head = None if self._figure is None else self._figure.head
        if self.mode != "coverage" or head is None:
            self.legend.hide()
        elif self.uncertain:
            self.legend.tell_uncertainty(uncertainty_of(head))
        else:
            self.legend.tell(None if head.texture is None else head.texture.coverage)

    def _mark(self) -> None:
        self._marks = None
        if self._figure is None or not self.show_marks:
            return
        from facestudio.app.editor.motion import sureness
        from facestudio.template.model import load_template

        landmarks = self._figure.head.landmarks
        colours = [
            (MOVED if moved else confidence_colour(float(value))).getRgbF()[:3]  # type: ignore[index]
            for value, moved in zip(sureness(landmarks), landmarks.moved, strict=True)
        ]
        places = self._figure.marks
        active = np.flatnonzero(self.weights)
        if len(active):
            deltas = self._figure.head.expression_deltas[active]
            by: FloatArray = np.einsum("k,kvc->vc", self.weights[active], deltas.astype(np.float64))
            template = load_template()
            places = (
                places
                + template.ibug68.points(template.vertices + by)
                - template.ibug68.points(template.vertices)
            )
        self._marks = Marks(places.astype(np.float32), np.array(colours, dtype=np.float32))

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

    def _touch(self) -> None:
        self.surface.show_shot(self.shot())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the head fitted."""
        self.surface.setGeometry(self.rect())
        self.wipe.setGeometry(self.rect())
        self.legend.place()
        self.reframe()

    # Pointer and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn or pan."""
        self._glide.stop()
        self._last = self._pressed = event.position()
        self._panning = event.button() != Qt.MouseButton.LeftButton or bool(
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        )
        self.setCursor(Qt.CursorShape.SizeAllCursor if self._panning else Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn or pan."""
        if self._last is None or self._framing is None or self.photo_area is not None:
            return
        by, self._last = event.position() - self._last, event.position()
        if self._panning:
            size = (self.width(), self.height())
            self._set_pose(panned(self.pose, by.x(), by.y(), self._framing, size))
        else:
            self._set_pose(self.pose.turned(by.x(), by.y(), self.height()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it; a click without a move asks where the texture there comes from."""
        pressed, self._last, self._pressed = self._pressed, None, None
        self.unsetCursor()
        still = pressed is not None and (event.position() - pressed).manhattanLength() < _STILL
        if still and not self._panning and event.button() == Qt.MouseButton.LeftButton:
            self._tell_origin(event)

    def _tell_origin(self, event: QMouseEvent) -> None:
        from facestudio.app.viewer.picking import origin_text, picked_uv

        shot = self.shot()
        if shot is None:
            return
        at = event.position()
        uv = picked_uv(shot, (at.x(), at.y()), (self.width(), self.height()))
        if uv is None:
            QToolTip.hideText()
            return
        text = origin_text(shot.figure.head, uv)
        # A paragraph is broken into lines, plain text is not.
        QToolTip.showText(event.globalPosition().toPoint(), f"<p>{escape(text)}</p>", self)
        self.asked.emit(text)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Go back to the front."""
        self.show_view("front")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom to the pointer."""
        steps = event.angleDelta().y() / 120
        if steps and self._framing is not None and self.photo_area is None:
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
