"""The gestures of the photo editor, one class each: what a press started and a release ends."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF

from facestudio.app.document.document import Document
from facestudio.app.editor.motion import MoveOptions, moved, part_of, point_label
from facestudio.app.editor.painting import place_points
from facestudio.app.editor.transform import ViewTransform
from facestudio.app.words import lowered, tr
from facestudio.values import FloatArray, Landmarks

_START_DISTANCE = 2.5  # logical pixels: a click that trembles moves nothing


@dataclass
class Pan:
    """The photo follows the pointer."""

    last: QPointF

    def step(self, at: QPointF) -> QPointF:
        """Return by how much the photo moves."""
        by, self.last = at - self.last, at
        return by


@dataclass
class Band:
    """A rectangle that selects the points in it.

    Attributes
    ----------
    start, end
        Opposite corners, logical widget pixels.
    kept
        Points that were selected before and stay so.
    face
        Number of the face that a click without a rectangle chooses, if there is one under the pointer.
    """

    start: QPointF
    end: QPointF
    kept: frozenset[int]
    face: int | None = None

    @property
    def rect(self) -> QRectF:
        """The rectangle."""
        return QRectF(self.start, self.end).normalized()

    @property
    def is_click(self) -> bool:
        """Whether the pointer has not left its place."""
        return (self.end - self.start).manhattanLength() < 2 * _START_DISTANCE

    def inside(self, landmarks: Landmarks, transform: ViewTransform) -> frozenset[int]:
        """Return the points selected by it."""
        at = place_points(landmarks, transform)
        r = self.rect
        hit = (
            (at[:, 0] >= r.left())
            & (at[:, 0] <= r.right())
            & (at[:, 1] >= r.top())
            & (at[:, 1] <= r.bottom())
        )
        return self.kept | {int(i) for i in np.flatnonzero(hit)}


class PointDrag:
    """Points follow the pointer; nothing happens before it left its place.

    Parameters
    ----------
    document
        Where the points are.
    point
        The one under the pointer.
    grabbed
        Those that follow fully.
    options
        How others follow.
    at
        Where the pointer was pressed, logical widget pixels.
    """

    def __init__(
        self, document: Document, point: int, grabbed: frozenset[int], options: MoveOptions, at: QPointF
    ) -> None:
        landmarks = document.landmarks
        if landmarks is None:
            raise ValueError("there are no points to drag")
        self.point, self.grabbed = point, grabbed
        self._document, self._options, self._start, self._at = document, options, landmarks, at
        self.moving = False

    def move(self, at: QPointF, transform: ViewTransform, size: tuple[int, int]) -> None:
        """Follow the pointer; the point under it stays on the photo, whose size is given."""
        way = at - self._at
        if not self.moving and np.hypot(way.x(), way.y()) < _START_DISTANCE:
            return
        self.moving = True
        by: FloatArray = np.array([way.x(), way.y()]) / transform.scale
        target = np.clip(self._start.points[self.point] + by, (0, 0), (size[0] - 1, size[1] - 1))
        by = target - self._start.points[self.point]
        self._document.preview(moved(self._start, self.grabbed, by, self._options))

    def end(self) -> None:
        """Make one undo step of it."""
        if self.moving:
            self._document.commit(self._text())

    def give_up(self) -> None:
        """Put everything back."""
        if self.moving:
            self._document.revert()

    def _text(self) -> str:
        if len(self.grabbed) == 1:
            return tr("Move {what}", what=lowered(point_label(self.point)))
        if self._options.whole_part and part_of(self.point):
            return tr("Move {what}", what=lowered(tr(part_of(self.point))))
        return tr("Move {count} points", count=len(self.grabbed))
