"""What is being worked on: the photo, its landmarks, the head, and the undo steps."""

from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from facestudio.app.document.state import EditState
from facestudio.app.words import tr
from facestudio.pipeline.project import ProjectPhoto
from facestudio.pipeline.request import MOST_PHOTOS
from facestudio.template.pins import without_pin
from facestudio.values import DetectedFace, FloatArray, Landmarks, Photo


class _Change(QUndoCommand):
    """Goes from one state to another. Key repeats of one key merge into one step."""

    def __init__(
        self, document: "Document", before: EditState, after: EditState, text: str, merge: int
    ) -> None:
        super().__init__(text)
        self._document, self._before, self._after, self._merge = document, before, after, merge

    def id(self) -> int:
        """Commands of the same id may merge; -1 never does."""
        return self._merge

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take a later step of the same kind in."""
        if not isinstance(other, _Change) or other.id() != self.id() or self._merge < 0:
            return False
        self._after = other._after
        return True

    def redo(self) -> None:
        """Go to the later state."""
        self._document._go_to(self._after)

    def undo(self) -> None:
        """Go to the earlier state."""
        self._document._go_to(self._before)


class Document(QObject):
    """The state of the window and its undo stack.

    A gesture shows its steps with `preview` and ends with `commit` (one undo step) or `revert`. No undo step
    is made or taken while a build runs: `about_to_change` is emitted first, and whoever builds gives that
    build up. A person may have several photos: one of them is shown and edited. Which one is no undo step, but steps
    know it: taking one back shows the photo it was made in.
    """

    photo_changed = Signal()
    photo_shown = Signal()
    photos_changed = Signal()
    faces_changed = Signal()
    landmarks_changed = Signal()
    previewed = Signal()
    about_to_change = Signal()
    changed = Signal()
    choices_changed = Signal()
    expression_changed = Signal()
    selection_changed = Signal()
    gesture_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.opened: Photo | None = None
        self.faces: tuple[DetectedFace, ...] = ()
        self.state = EditState()
        self.selection: frozenset[int] = frozenset()
        self._pin: int | None = None
        self._before: EditState | None = None
        self._serial = 0

    @property
    def landmarks(self) -> Landmarks | None:
        """The points as they are now, those of a running gesture included."""
        return self.state.landmarks

    @property
    def photo(self) -> Photo | None:
        """The photo that is shown."""
        return self.state.shown or self.opened

    @property
    def photos(self) -> tuple[ProjectPhoto, ...]:
        """All photos of the person, in their order."""
        return () if self.opened is None else self.state.photos(self.opened)

    @property
    def displaced(self) -> frozenset[int]:
        """The points that are not where they were located."""
        now, located = self.state.landmarks, self.state.located
        if now is None or located is None:
            return frozenset()
        away = now.moved | (now.points != located.points).any(axis=1)
        return frozenset(int(i) for i in away.nonzero()[0])

    @property
    def in_gesture(self) -> bool:
        """Whether points are being moved right now."""
        return self._before is not None

    def set_photo(self, photo: Photo | None, state: EditState | None = None) -> None:
        """Start anew with a photo, and with what was decided about it; steps made before are forgotten."""
        self._end_gesture()
        self.undo_stack.clear()
        self.opened = photo
        self.faces = ()
        self.state = state or EditState()
        self.select(frozenset())
        self.photo_changed.emit()
        self.photos_changed.emit()
        self.faces_changed.emit()
        self.landmarks_changed.emit()
        self.choices_changed.emit()
        self.expression_changed.emit()

    def set_located(self, landmarks: Landmarks, faces: tuple[DetectedFace, ...]) -> None:
        """Take in what the pipeline located; points that are being edited stay as they are."""
        self.faces = faces
        if self.state.landmarks is None:
            self.state = replace(self.state, landmarks=landmarks, located=landmarks)
            self.landmarks_changed.emit()
        self.faces_changed.emit()

    def set_located_elsewhere(self, each: tuple[Landmarks, ...]) -> None:
        """Take in what was located in all photos, in their order; points that are being edited stay as they are."""
        photos = self.photos
        if len(each) != len(photos) or self.in_gesture:
            return
        others = tuple(
            replace(one, landmarks=found, located=found) if one.landmarks is None else one
            for place, (one, found) in enumerate(zip(photos, each, strict=True))
            if place != self.state.place
        )
        self.state = replace(self.state, others=others)

    def show_photo(self, place: int) -> None:
        """Show another of the person's photos: no undo step."""
        if self.in_gesture or place == self.state.place or not 0 <= place < len(self.photos):
            return
        self.about_to_change.emit()
        self._go_to(self.state.showing(self.photos, place))

    def add_photo(self, photo: Photo) -> None:
        """Take another photo of the same person."""
        if self.opened is None or len(self.photos) >= MOST_PHOTOS:
            return
        photos = (*self.photos, ProjectPhoto(photo))
        self.change(self.state.showing(photos, self.state.place), tr("Add photo {name}", name=photo.name))

    def remove_photo(self, place: int) -> None:
        """Give one of the further photos up."""
        photos = self.photos
        if not 0 < place < len(photos):
            return
        now = self.state.place
        left = (*photos[:place], *photos[place + 1 :])
        shown = now - 1 if now > place else min(now, len(left) - 1)
        self.change(self.state.showing(left, shown), tr("Remove photo {name}", name=photos[place].photo.name))

    def select(self, points: frozenset[int]) -> None:
        """Select points by their numbers; no pin is chosen then."""
        if points != self.selection or self._pin is not None:
            self.selection, self._pin = points, None
            self.selection_changed.emit()

    @property
    def chosen_pin(self) -> int | None:
        """The vertex of the pin that is chosen, if it is there."""
        return self._pin if any(pin.vertex == self._pin for pin in self.state.pins) else None

    def choose_pin(self, vertex: int | None) -> None:
        """Choose a pin; no point is selected then."""
        if vertex != self._pin or self.selection:
            self.selection, self._pin = frozenset(), vertex
            self.selection_changed.emit()

    def preview(self, landmarks: Landmarks) -> None:
        """Show landmarks of a gesture that goes on."""
        self.preview_state(replace(self.state, landmarks=landmarks))

    def preview_state(self, state: EditState) -> None:
        """Show a state of a gesture that goes on: of points, or of a slider."""
        if self._before is None:
            self._before = self.state
            self.gesture_changed.emit(True)
        before, self.state = self.state, state
        self._tell(before)
        if not state.builds_like(before):
            self.previewed.emit()

    def commit(self, text: str) -> None:
        """End the gesture: what it did becomes one undo step."""
        before, after = self._before, self.state
        if before is None:
            return
        self._end_gesture()
        self.state = before
        if after is not before:
            self._push(after, text)

    def revert(self) -> None:
        """End the gesture as if it had not been."""
        before = self._before
        if before is None:
            return
        self._end_gesture()
        self.about_to_change.emit()
        self._go_to(before)

    def edit(self, landmarks: Landmarks, text: str, *, merge: bool = False) -> None:
        """Change the landmarks in one undo step; with `merge` it joins the step before if that merged too."""
        if not merge:
            self._serial += 1
        self._push(replace(self.state, landmarks=landmarks), text, self._serial)

    def change(self, state: EditState, text: str) -> None:
        """Go to another state in one undo step."""
        self._push(state, text)

    def keep_variant(self, name: str) -> None:
        """Keep all that is decided now under a name; one of that name is replaced."""
        kept = {**dict(self.state.variants), name: replace(self.state, variants=())}
        self.change(
            replace(self.state, variants=tuple(sorted(kept.items(), key=lambda pair: pair[0]))),
            tr("Keep variant {name}", name=name),
        )

    def use_variant(self, name: str) -> None:
        """Go back to what was decided for a variant."""
        variant = dict(self.state.variants)[name]
        self.change(replace(variant, variants=self.state.variants), tr("Use variant {name}", name=name))

    def delete_variant(self, name: str) -> None:
        """Forget a variant; the head stays as it is."""
        left = tuple(pair for pair in self.state.variants if pair[0] != name)
        self.change(replace(self.state, variants=left), tr("Delete variant {name}", name=name))

    def is_variant(self, name: str) -> bool:
        """Whether what is decided now is that variant."""
        variant = dict(self.state.variants).get(name)
        state = self.state
        return variant is not None and variant.builds_like(state) and variant.expression == state.expression

    def choose_face(self, number: int) -> None:
        """Work on another of the photo's faces."""
        if number != self.state.face and 1 <= number <= len(self.faces):
            self.select(frozenset())
            self._push(
                EditState(
                    face=number,
                    database=self.state.database,
                    scalp=self.state.scalp,
                    variants=self.state.variants,
                    others=self.state.others,
                    place=self.state.place,
                    shown=self.state.shown,
                ),
                tr("Choose face {number}", number=number),
            )

    def reset(self, points: frozenset[int] | None = None) -> None:
        """Put points back where they were located: all of them, or those given."""
        now, located = self.state.landmarks, self.state.located
        if now is None or located is None:
            return
        wanted = sorted(self.displaced & (self.displaced if points is None else points))
        if not wanted:
            return
        positions, covariance, moved = now.points.copy(), now.covariance.copy(), now.moved.copy()
        positions[wanted] = located.points[wanted]
        covariance[wanted] = located.covariance[wanted]
        moved[wanted] = False
        text = (
            tr("Reset all points")
            if points is None
            else tr("Reset point")
            if len(wanted) == 1
            else tr("Reset {count} points", count=len(wanted))
        )
        self.edit(replace(now, points=positions, covariance=covariance, moved=moved), text)

    def remove_pins(self, vertex: int | None = None) -> None:
        """Take a pin away, or all of them."""
        pins = self.state.pins
        left = () if vertex is None else without_pin(pins, vertex)
        if left != pins:
            self.change(
                replace(self.state, pins=left), tr("Remove all pins") if vertex is None else tr("Remove pin")
            )

    def move_pin(self, vertex: int, by: FloatArray, *, merge: bool = False) -> None:
        """Move a pin by (2,) pixels in one undo step; with `merge` it joins the step before if that merged too."""
        if not merge:
            self._serial += 1
        pins = tuple(
            replace(pin, x=pin.x + float(by[0]), y=pin.y + float(by[1])) if pin.vertex == vertex else pin
            for pin in self.state.pins
        )
        self._push(replace(self.state, pins=pins), tr("Nudge pin"), self._serial)

    def undo(self) -> None:
        """Take the last step back, unless a gesture goes on."""
        if not self.in_gesture and self.undo_stack.canUndo():
            self.about_to_change.emit()
            self.undo_stack.undo()

    def redo(self) -> None:
        """Do the step again that was taken back, unless a gesture goes on."""
        if not self.in_gesture and self.undo_stack.canRedo():
            self.about_to_change.emit()
            self.undo_stack.redo()

    def _push(self, after: EditState, text: str, merge: int = -1) -> None:
        if self.in_gesture:  # no step is made within another
            return
        self.about_to_change.emit()
        self.undo_stack.push(_Change(self, self.state, after, text, merge))

    def _end_gesture(self) -> None:
        if self._before is not None:
            self._before = None
            self.gesture_changed.emit(False)

    def _go_to(self, state: EditState) -> None:
        before, self.state = self.state, state
        if state.shown is not before.shown:
            self.faces = ()
            self.select(frozenset())
            self.photo_shown.emit()
            self.faces_changed.emit()
        if self.opened is not None and _pictures(state, self.opened) != _pictures(before, self.opened):
            self.photos_changed.emit()
        self._tell(before)
        # A gesture that ends or is given up has shown its own states: what is built is not known to fit.
        same_build = state.builds_like(before)
        if not same_build or (state.expression == before.expression and state.variants == before.variants):
            self.changed.emit()

    def _tell(self, before: EditState) -> None:
        now = self.state
        if now.landmarks is not before.landmarks or now.face != before.face or now.pins != before.pins:
            self.landmarks_changed.emit()
        if now.expression != before.expression:
            self.expression_changed.emit()
        if not replace(now, landmarks=before.landmarks, pins=before.pins).builds_like(before):
            self.choices_changed.emit()


def _pictures(state: EditState, opened: Photo) -> list[Photo]:
    """Return the photos themselves, in their order."""
    return [one.photo for one in state.photos(opened)]
