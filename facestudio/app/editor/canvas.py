"""Shows the photo, what lies over it, and which part of it; knows no gesture."""

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, QVariantAnimation, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QWidget

from facestudio.app.document.document import Document
from facestudio.app.editor import painting
from facestudio.app.editor.brush import StrokesImage
from facestudio.app.editor.painting import Emphasis
from facestudio.app.editor.picture import Backdrop, Picture, Wires
from facestudio.app.editor.transform import ViewTransform
from facestudio.values import Float32Array, Landmarks

_REACH = 11.0  # logical pixels around a point in which it can be grabbed


class PhotoCanvas(QWidget):
    """The photo with its points, the fitted mesh and the boxes of several faces."""

    zoom_changed = Signal(float)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(240, 200)
        self.show_mesh = False
        self.show_points = True
        self.ground = QColor("#17191c")
        self.accent = QColor("#4f8ff7")
        self.transform = ViewTransform()
        self.hovered: int | None = None
        self._document = document
        self._picture: Picture | None = None
        self._wires: Float32Array | None = None
        self._backdrop, self._wire_image, self._strokes = Backdrop(), Wires(), StrokesImage()
        self.brushing = False
        self._hovered_face: int | None = None
        self._own_view = False  # whether the person chose what is shown
        self._glide = QVariantAnimation(self)
        self._glide.setDuration(260)
        self._glide.valueChanged.connect(self._glided)
        self._ends = (self.transform, self.transform)
        self._painted: Landmarks | None = None
        self._lens: QRect | None = None  # where the magnifier was painted
        document.landmarks_changed.connect(self._landmarks_changed)
        document.faces_changed.connect(self.update)
        document.selection_changed.connect(self.update)
        document.choices_changed.connect(self.update)

    @property
    def picture(self) -> Picture | None:
        """The photo as it is drawn."""
        return self._picture

    def set_picture(self, picture: Picture | None) -> None:
        """Show a photo, the whole of it."""
        self._picture = picture
        self._own_view = False
        self.fit_photo(animated=False)

    def replace_picture(self, picture: Picture) -> None:
        """Draw the same photo from another picture; what is seen of it stays."""
        self._picture = picture
        self.update()

    def set_wires(self, wires: Float32Array | None) -> None:
        """Take in the fitted mesh: (E, 2, 2) pixels, image frame."""
        self._wires = wires
        if self.show_mesh:
            self.update()

    def set_show_mesh(self, on: bool) -> None:
        """Show the fitted mesh over the photo."""
        self.show_mesh = on
        self.update()

    def set_show_points(self, on: bool) -> None:
        """Show the points; hidden ones cannot be moved."""
        self.show_points = on
        self.update()

    def set_colours(self, ground: QColor, accent: QColor) -> None:
        """Use colours of the theme."""
        self.ground, self.accent = ground, accent
        self.update()

    def fit_photo(self, *, animated: bool = True) -> None:
        """Show the whole photo."""
        if self._picture is not None:
            self._show_area(self._picture.area, animated)

    def fit_face(self, *, animated: bool = True) -> None:
        """Show the face that is worked on."""
        landmarks = self._document.landmarks
        if landmarks is None:
            self.fit_photo(animated=animated)
            return
        low, high = landmarks.points.min(axis=0), landmarks.points.max(axis=0)
        width, height = map(float, high - low)
        area = QRectF(float(low[0]), float(low[1]), width, height)
        self._show_area(area.adjusted(-0.3 * width, -0.55 * height, 0.3 * width, 0.25 * height), animated)

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom about a place of the widget, its middle by default."""
        self._glide.stop()
        self._own_view = True
        self._set_transform(self.transform.zoomed(factor, at or QRectF(self.rect()).center()))

    def _show_area(self, area: QRectF, animated: bool) -> None:
        goal = ViewTransform.fitting(area, QSizeF(self.size()))
        self._glide.stop()
        if animated and self.isVisible():
            self._ends = (self.transform, goal)
            self._glide.setStartValue(0.0)
            self._glide.setEndValue(1.0)
            self._glide.start()
        else:
            self._set_transform(goal)

    def _glided(self, value: Any) -> None:
        t = float(value)
        self._set_transform(self._ends[0].between(self._ends[1], t * t * (3 - 2 * t)))

    def _set_transform(self, transform: ViewTransform) -> None:
        self.transform = transform
        self.zoom_changed.emit(transform.scale)
        self.update()

    def _landmarks_changed(self) -> None:
        if self._document.landmarks is not None and not self._own_view and not self._document.in_gesture:
            self._own_view = True
            self.fit_face()
        now, before = self._document.landmarks, self._painted
        if now is None or before is None or now is before or not self._document.in_gesture:
            self.update()
            return
        # While points are dragged, each repaint takes time from the head that follows.
        self.update(self.changed_area(before, now))

    def changed_area(self, before: Landmarks, now: Landmarks) -> QRegion:
        """Return the part of the widget that looks different when points are dragged on."""
        area = QRegion(painting.touched_area(before, now, self.transform))
        for lens in (self._lens, self.lens()):
            area += QRegion() if lens is None else QRegion(lens)
        return area

    def lens(self) -> QRect | None:
        """Return the part of the widget that a gesture's magnifier covers now."""
        return None

    def point_at(self, at: QPointF) -> int | None:
        """Return the number of the point that a press at a place of the widget would grab."""
        landmarks = self._document.landmarks
        if landmarks is None or not self.show_points or self.brushing:
            return None
        away = np.linalg.norm(painting.place_points(landmarks, self.transform) - (at.x(), at.y()), axis=1)
        nearest = int(away.argmin())
        return nearest if away[nearest] <= _REACH else None

    def place_of(self, point: int) -> QPointF:
        """Return where a point is shown in the widget."""
        landmarks = self._document.landmarks
        if landmarks is None:
            raise ValueError("there are no points")
        return self.transform.to_widget(QPointF(*map(float, landmarks.points[point])))

    def face_at(self, at: QPointF) -> int | None:
        """Return the number of the other face that is shown at a place of the widget."""
        faces = self._document.faces
        if len(faces) < 2:
            return None
        for number, face in enumerate(faces, start=1):
            if number != self._document.state.face and painting.face_rect(face, self.transform).contains(at):
                return number
        return None

    def emphasis(self) -> Emphasis:
        """Return which points stand out."""
        return Emphasis(self.hovered, self._document.selection)

    def paint_gesture(self, painter: QPainter, picture: Picture, bounds: QRectF) -> None:
        """Draw what belongs to a gesture, above everything else."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the middle in the middle."""
        if self._picture is None:
            return
        before = event.oldSize()
        if not before.isValid() or not self._own_view:
            self._glide.stop()
            self.fit_photo(animated=False)
            return
        by = QPointF(event.size().width() - before.width(), event.size().height() - before.height()) / 2
        self._ends = (self._ends[0].panned(by), self._ends[1].panned(by))
        self._set_transform(self.transform.panned(by))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw everything; the photo comes from a cache."""
        painter = QPainter(self)
        if self._picture is None:
            painter.fillRect(self.rect(), self.ground)
            return
        document, transform, ratio = self._document, self.transform, self.devicePixelRatioF()
        bounds = QRectF(self.rect())
        painter.drawPixmap(
            0, 0, self._backdrop.pixmap(self._picture, transform, self.size(), ratio, self.ground)
        )
        if document.state.unused:
            self._strokes.paint(
                painter, document.state.unused, self._picture.size, transform, strong=self.brushing
            )
        if self.show_mesh and self._wires is not None:
            painter.drawImage(0, 0, self._wire_image.image(self._wires, transform, self.size(), ratio))
        if len(document.faces) > 1:
            face = document.state.face
            painting.paint_faces(
                *(painter, document.faces, face, self._hovered_face, transform),
                *(self.accent, self.font(), bounds),
            )
        if document.landmarks is not None and self.show_points:
            areas = [QRectF(r).adjusted(-_REACH, -_REACH, _REACH, _REACH) for r in event.region()]  # pyright: ignore[reportGeneralTypeIssues]
            painting.paint_landmarks(painter, document.landmarks, transform, self.emphasis(), areas)
        self._painted, self._lens = document.landmarks, self.lens()
        self.paint_gesture(painter, self._picture, bounds)
