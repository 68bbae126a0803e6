"""All that an undo step changes, as one value."""

from dataclasses import dataclass, replace

from facestudio.database.model import DEFAULT_DATABASE
from facestudio.pipeline.project import ProjectPhoto
from facestudio.texture.options import ScalpMode
from facestudio.texture.strokes import Stroke
from facestudio.values import Landmarks, Photo


@dataclass(frozen=True, eq=False)
class EditState:
    """All that an undo step changes.

    Attributes
    ----------
    face
        Which of the photo's faces, 1 is the largest.
    landmarks
        ibug68 points as they are now; None until they were located.
    located
        The same points before anybody moved them.
    focal_px
        Focal length that the person chose; None as the pipeline finds it.
    excluded
        Database heads that may not be used.
    head_weights
        (id, weight 0..1) of database heads whose weight the person chose.
    expression
        52 weights that the person chose for the head as it is shown; None for what was found. The fit knows
        nothing of them.
    unused
        Strokes over the photo where the texture may not use it.
    variants
        (name, state) that the person kept, by name; those have no variants of their own.
    database
        The head database that similar heads come from.
    adjustments
        (slider, value -1..1): how the person shaped the fitted head further.
    scalp, iris
        As in Request: what grows on the scalp, and the colour of the irises (None: as in the photo).
    others
        The person's other photos, in their order, without the one that is shown. What is said above of the photo
        is said of the one shown.
    place
        Where the one shown stands among all, from 0.
    shown
        The photo shown if it is a further one; None for the one that was opened.
    """

    face: int = 1
    landmarks: Landmarks | None = None
    located: Landmarks | None = None
    focal_px: float | None = None
    excluded: frozenset[str] = frozenset()
    head_weights: tuple[tuple[str, float], ...] = ()
    expression: tuple[float, ...] | None = None
    adjustments: tuple[tuple[str, float], ...] = ()
    database: str = DEFAULT_DATABASE
    unused: tuple[Stroke, ...] = ()
    variants: tuple[tuple[str, "EditState"], ...] = ()
    scalp: ScalpMode = "photo"
    iris: tuple[int, int, int] | None = None
    others: tuple[ProjectPhoto, ...] = ()
    place: int = 0
    shown: Photo | None = None

    @property
    def edited(self) -> bool:
        """Whether a point was moved by hand (soft neighbours move only with such a one)."""
        return self.landmarks is not None and bool(self.landmarks.moved.any())

    def builds_like(self, other: "EditState") -> bool:
        """Whether another state gives the same head."""
        return (
            self.face == other.face
            and self.landmarks is other.landmarks
            and self.focal_px == other.focal_px
            and self.excluded == other.excluded
            and self.head_weights == other.head_weights
            and self.adjustments == other.adjustments
            and self.database == other.database
            and self.unused == other.unused
            and self.scalp == other.scalp
            and self.iris == other.iris
            and self.place == other.place
            and self.shown is other.shown
            and len(self.others) == len(other.others)
            and all(_alike(a, b) for a, b in zip(self.others, other.others, strict=True))
        )

    def photos(self, opened: Photo) -> tuple[ProjectPhoto, ...]:
        """Return all photos of the person in their order; `opened` is the first."""
        own = ProjectPhoto(
            self.shown or opened, self.face, self.landmarks, self.located, self.focal_px, self.unused
        )
        return (*self.others[: self.place], own, *self.others[self.place :])

    def showing(self, photos: tuple[ProjectPhoto, ...], place: int) -> "EditState":
        """Return this state with these photos, one of them shown."""
        own = photos[place]
        return replace(
            self,
            face=own.face,
            landmarks=own.landmarks,
            located=own.located,
            focal_px=own.focal_px,
            unused=own.unused,
            others=(*photos[:place], *photos[place + 1 :]),
            place=place,
            shown=own.photo if place else None,
        )


def _alike(a: ProjectPhoto, b: ProjectPhoto) -> bool:
    return (
        a.photo is b.photo
        and a.face == b.face
        and a.landmarks is b.landmarks
        and a.focal_px == b.focal_px
        and a.unused == b.unused
    )
