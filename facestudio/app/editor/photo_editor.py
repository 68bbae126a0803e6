"""The photo editor: turns pointer and keys into edits."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from facestudio.app.document.document import Document
from facestudio.app.editor import painting
from facestudio.app.editor.brush import LARGEST, SMALLEST, BrushStroke, paint_circle
from facestudio.app.editor.canvas import PhotoCanvas
from facestudio.app.editor.gestures import Band, Pan, PointDrag
from facestudio.app.editor.motion import MoveOptions, eye_distance, grabbed_points, moved, part_of, parts
from facestudio.app.editor.painting import Emphasis
from facestudio.app.editor.picture import Picture
from facestudio.app.editor.pins import PinDrag, PinTool
from facestudio.app.words import tr
from facestudio.landmarks.schemes import load_scheme

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class PhotoEditor(PhotoCanvas):
    """The photo with its points, to be moved.

    Left button: drag a point (with its selection, or its whole part), or a rectangle to select; Ctrl adds to
    the selection; a double click on a point selects its part. Middle button, or Space and the left: pan.
    Wheel: zoom. Arrows move the selection by one pixel of the photo, with Shift by ten; Escape gives a drag
    up. Shift and the left button, or the left alone in pin mode, tie the place of the head under the pointer to
    the photo: a pin, which is dragged as a point is.
    With the brush, the left button paints, with Alt it erases; Shift and the wheel change its size.
    """

    hover_changed = Signal(str)
    menu_wanted = Signal(object, object)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.setObjectName("photoEditor")
        self.setAccessibleName(tr("Photo with landmarks"))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.options = MoveOptions()
        self._gesture: Pan | Band | PointDrag | PinDrag | BrushStroke | None = None
        self.pins = PinTool(document)
        self._brush = 0.15  # radius, in distances of the outer eye corners
        self._pointer = QPointF(-1000, -1000)
        self._space = False
        document.photo_changed.connect(self._photo_changed)

    def prepare(self) -> Iterator[None]:
        """Read what the first landmarks are painted with."""
        load_scheme("ibug68")
        yield

    def _photo_changed(self) -> None:
        self._gesture = None
        self._wires = None
        self.pins.set_head(None)
        self._set_hovered(None)
        if self._document.photo is None:
            self.set_picture(None)
        self.update()

    def _set_hovered(self, point: int | None, face: int | None = None) -> None:
        if (point, face) == (self.hovered, self._hovered_face):
            return
        self.hovered, self._hovered_face = point, face
        landmarks = self._document.landmarks
        known = point is not None and landmarks is not None
        self.hover_changed.emit(painting.hover_text(landmarks, point) if known else "")  # type: ignore[arg-type]
        self._choose_cursor()
        self.update()

    def set_reach(self, reach: float) -> None:
        """Let neighbours follow so far, in distances of the outer eye corners."""
        self.options = replace(self.options, reach=reach)

    def set_brush(self, on: bool) -> None:
        """Paint over what the texture may not use, in place of moving points."""
        self.brushing = on
        self._choose_cursor()
        self.update()

    def set_pinning(self, on: bool) -> None:
        """Pin the head to the photo with every press, in place of selecting points."""
        self.pins.set_on(on)
        self.hover_changed.emit(self.pins.named)
        self._choose_cursor()
        self.update()

    @property
    def brush_radius(self) -> float:
        """Of the brush, pixels of the photo."""
        landmarks = self._document.landmarks
        width = self._picture.size[0] / 4 if self._picture is not None else 100.0
        return self._brush * (width if landmarks is None else eye_distance(landmarks.points))

    def _choose_cursor(self) -> None:
        shapes = Qt.CursorShape
        if isinstance(self._gesture, Pan):
            self.setCursor(shapes.ClosedHandCursor)
        elif self._space:
            self.setCursor(shapes.OpenHandCursor)
        elif self.brushing:
            self.setCursor(shapes.BlankCursor)
        elif isinstance(self._gesture, PinDrag):
            self.setCursor(shapes.BlankCursor if self._gesture.moving else shapes.SizeAllCursor)
        elif self.pins.hovered is not None:
            self.setCursor(shapes.SizeAllCursor)
        elif self.pins.on:
            self.setCursor(shapes.CrossCursor)
        elif isinstance(self._gesture, PointDrag):
            self.setCursor(shapes.BlankCursor if self._gesture.moving else shapes.SizeAllCursor)
        elif self.hovered is not None:
            self.setCursor(shapes.SizeAllCursor)
        elif self._hovered_face is not None:
            self.setCursor(shapes.PointingHandCursor)
        else:
            self.setCursor(shapes.ArrowCursor)

    # Pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a gesture."""
        at, button = event.position(), event.button()
        if self._gesture is not None or self._picture is None:
            return
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space):
            self._glide.stop()
            self._gesture = Pan(at)
            self._own_view = True
        elif button == Qt.MouseButton.LeftButton:
            self._press_left(at, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier), event)
        self._choose_cursor()
        self.update()

    def _press_left(self, at: QPointF, adding: bool, event: QMouseEvent) -> None:
        point, document = self.point_at(at), self._document
        if self.brushing:
            erase = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
            self._gesture = BrushStroke(self.transform.to_image(at), self.brush_radius, erase)
            return
        if not adding and self.show_points:
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            drag = self.pins.press(at, self.transform, shift=shift, mirror=self.options.mirror)
            if drag is not None:
                self._glide.stop()
                self._gesture = drag
                return
        if point is None:
            kept = document.selection if adding else frozenset[int]()
            self._gesture = Band(at, at, kept, self.face_at(at))
            return
        self._glide.stop()
        if adding:
            document.select(document.selection ^ {point})
            return
        options = self.options
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            options = replace(options, whole_part=True)
        grabbed = grabbed_points(point, document.selection, options)
        if point not in document.selection:
            document.select(grabbed)
        self._gesture = PointDrag(document, point, grabbed, options, at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with a gesture, or show what is under the pointer."""
        at, gesture = event.position(), self._gesture
        if self.brushing:
            self._pointer = at
            self.update()
        if isinstance(gesture, BrushStroke):
            gesture.move(self.transform.to_image(at))
        elif isinstance(gesture, Pan):
            self._set_transform(self.transform.panned(gesture.step(at)))
        elif isinstance(gesture, Band):
            gesture.end = at
            landmarks = self._document.landmarks
            if landmarks is not None and not gesture.is_click and self.show_points:
                self._document.select(gesture.inside(landmarks, self.transform))
            self.update()
        elif isinstance(gesture, PinDrag):
            gesture.move(at, self.transform)
            self._choose_cursor()
        elif isinstance(gesture, PointDrag) and self._document.photo is not None:
            was = gesture.moving
            gesture.move(at, self.transform, self._document.photo.size)
            if gesture.moving != was:
                self._choose_cursor()
        else:
            self._hover_pin(at)
            point = self.point_at(at) if not self.pins.named else None
            self._set_hovered(point, self.face_at(at) if point is None else None)

    def _hover_pin(self, at: QPointF) -> None:
        if self.pins.hover(at, self.transform, active=self.show_points and not self.brushing):
            self.hover_changed.emit(self.pins.named)
            self._choose_cursor()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a gesture."""
        gesture, self._gesture = self._gesture, None
        if isinstance(gesture, BrushStroke):
            state = self._document.state
            text = tr("Use the photo here") if gesture.erase else tr("Do not use the photo here")
            self._document.change(replace(state, unused=(*state.unused, gesture.stroke())), text)
        elif isinstance(gesture, (PointDrag, PinDrag)):
            gesture.end()
        elif isinstance(gesture, Band) and gesture.is_click:
            if gesture.face is not None:
                self._own_view = False
                self._document.choose_face(gesture.face)
            else:
                self._document.select(gesture.kept)
        self._choose_cursor()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Select a point's part, or show the face."""
        if event.button() != Qt.MouseButton.LeftButton or self._picture is None:
            return
        if self.brushing:
            self.mousePressEvent(event)
            return
        point = self.point_at(event.position())
        self._gesture = None
        if point is None:
            self.fit_face()
        else:
            self._document.select(parts().get(part_of(point), frozenset({point})))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom to the pointer."""
        steps = event.angleDelta().y() / 120
        if self.brushing and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            turned = steps or event.angleDelta().x() / 120  # some systems turn the wheel sideways with Shift
            self._brush = min(max(self._brush * 1.2**turned, SMALLEST), LARGEST)
            self.update()
        elif steps and self._picture is not None:
            self.zoom(1.2**steps, event.position())
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask the window for the menu of what is under the pointer."""
        if self._gesture is None and self._picture is not None:
            pin = self.pins.at(QPointF(event.pos()), self.transform) if self.show_points else None
            if pin is not None:
                self._document.choose_pin(pin)
                self.menu_wanted.emit(None, event.globalPos())
                return
            self.menu_wanted.emit(self.point_at(QPointF(event.pos())), event.globalPos())

    def event(self, event: QEvent) -> bool:
        """Zoom with two fingers."""
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture and self._picture is not None:
                self.zoom(1 + event.value(), event.position())
            return True
        return super().event(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        if self._gesture is None:
            self.pins.forget()
            self.update()
            self._set_hovered(None)
        if self.brushing:
            self._pointer = QPointF(-1000, -1000)
            self.update()

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Nudge, give up, select, pan."""
        key = Qt.Key(event.key())
        if key in _ARROWS and self.nudge(_ARROWS[key], event):
            return
        if key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
            self._choose_cursor()
        elif key == Qt.Key.Key_Escape:
            self.give_up()
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            self._select_next(1 if key == Qt.Key.Key_BracketRight else -1)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Stop panning."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self._choose_cursor()
        else:
            super().keyReleaseEvent(event)

    def nudge(self, way: tuple[int, int], event: QKeyEvent) -> bool:
        """Move the selection by a pixel of the photo, or ten; returns whether there was something to move."""
        landmarks, chosen = self._document.landmarks, self._document.selection
        pin = self._document.chosen_pin
        if pin is not None and self._gesture is None:
            step = 10.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            self._document.move_pin(pin, np.array(way) * step, merge=event.isAutoRepeat())
            return True
        if landmarks is None or not chosen or self._gesture is not None:
            return False
        step = 10.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        after = moved(landmarks, chosen, np.array(way) * step, self.options)
        text = tr("Nudge point") if len(chosen) == 1 else tr("Nudge {count} points", count=len(chosen))
        self._document.edit(after, text, merge=event.isAutoRepeat())
        return True

    def give_up(self) -> None:
        """Put a running drag back, or clear the selection."""
        gesture, self._gesture = self._gesture, None
        if isinstance(gesture, (PointDrag, PinDrag)):
            gesture.give_up()
        elif gesture is None:
            self._document.select(frozenset())
        self._choose_cursor()
        self.update()

    def _select_next(self, by: int) -> None:
        if self._document.landmarks is not None:
            now = min(self._document.selection, default=-1 if by > 0 else 0)
            self._document.select(frozenset({(now + by) % len(self._document.landmarks.points)}))

    def emphasis(self) -> Emphasis:
        """Return which points stand out."""
        drag = self._gesture if isinstance(self._gesture, PointDrag) else None
        if drag is None:
            return super().emphasis()
        return Emphasis(drag.point, self._document.selection, drag.grabbed)

    def _magnified(self) -> QPointF | None:
        """Return the place of the photo that is magnified."""
        landmarks, gesture = self._document.landmarks, self._gesture
        if isinstance(gesture, PinDrag) and gesture.moving:
            return QPointF(gesture.pin.x, gesture.pin.y)
        if landmarks is not None and isinstance(gesture, PointDrag) and gesture.moving:
            return QPointF(*map(float, landmarks.points[gesture.point]))
        return None

    def lens(self) -> QRect | None:
        """Return the part of the widget that the magnifier covers now."""
        place = self._magnified()
        if place is None:
            return None
        area = painting.magnifier_area(place, self.transform, QRectF(self.rect()))
        return area.adjusted(-4, -4, 4, 4).toAlignedRect()

    def paint_gesture(self, painter: QPainter, picture: Picture, bounds: QRectF) -> None:
        """Draw the selection rectangle, the magnifier, or the name of the point under the pointer."""
        landmarks, gesture = self._document.landmarks, self._gesture
        if isinstance(gesture, Band) and not gesture.is_click:
            painting.paint_band(painter, gesture.rect, self.accent)
        if self.brushing:
            if isinstance(gesture, BrushStroke):
                gesture.paint(painter, self.transform)
            paint_circle(painter, self._pointer, self.brush_radius * self.transform.scale)
        if landmarks is None or not self.show_points:
            return
        self.pins.paint(painter, self.transform, bounds, self.font(), resting=gesture is None)
        place = self._magnified()
        if place is not None:
            painting.paint_magnifier(
                *(painter, picture, landmarks, place, self.transform, bounds),
                self.devicePixelRatioF(),
            )
        elif self.hovered is not None and gesture is None:
            text = painting.hover_text(landmarks, self.hovered)
            painting.paint_chip(painter, text, self.place_of(self.hovered), bounds, self.font())
