"""What is asked of the pipeline, what it says while it works, and what it gives back."""

import threading
from dataclasses import dataclass
from enum import StrEnum

from facestudio.database.model import DEFAULT_DATABASE
from facestudio.errors import CancelledError
from facestudio.template.sliders import Adjustments
from facestudio.texture.options import SCALP_MODES, ScalpMode, TextureMethod, TextureOptions
from facestudio.texture.strokes import Stroke
from facestudio.values import DetectedFace, Head, Landmarks, Photo

TEXTURE_SIZES = (512, 1024, 2048, 4096)
METHODS = ("default", "map", "paper", "mean")
SCALPS = SCALP_MODES


class Stage(StrEnum):
    """The stages in their order."""

    LANDMARKS = "landmarks"
    RETRIEVAL = "retrieval"
    SHAPE = "shape"
    TEXTURE = "texture"


@dataclass(frozen=True)
class Event:
    """Progress: the stage, how much of it is done (0..1), and a line for people."""

    stage: Stage
    fraction: float
    message: str


class CancelToken:
    """Set from any thread; the pipeline looks at it between and inside its stages."""

    def __init__(self) -> None:
        self._flag = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._flag.set()

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return self._flag.is_set()

    def check(self) -> None:
        """Raise CancelledError if the work was asked to stop."""
        if self._flag.is_set():
            raise CancelledError("cancelled")


MOST_PHOTOS = 5
"""Of one person, in one reconstruction."""


@dataclass(frozen=True, eq=False)
class FurtherPhoto:
    """Another photo of the same person; its fields are as in Request."""

    photo: Photo
    face: int = 1
    landmarks: Landmarks | None = None
    focal_px: float | None = None
    unused: tuple[Stroke, ...] = ()


@dataclass(frozen=True, eq=False)
class Request:
    """One reconstruction.

    Attributes
    ----------
    photo
        The photo.
    face
        Which of several faces, 1 is the largest.
    landmarks
        ibug68 landmarks to use instead of the located ones (read from a file, or corrected by hand: points with
        `moved` set are met exactly).
    database
        Name of the head database.
    excluded_heads
        Ids of database heads that may be used neither for shape nor for texture.
    head_weights
        (id, weight) of database heads whose weight the person chose, 0..1 of the whole; they are used whether they were
        found similar or not, and the heads that were found share what is left.
    texture_size
        512, 1024, 2048 or 4096; 0 leaves the texture out (while a point is dragged).
    method
        default; map (a fit to the points alone), paper (the paper's recipe) or mean (the mean head, the
        baseline).
    focal_px
        Focal length in pixels if the person knows it.
    scalp
        photo (the photo's hair is carried on over the scalp), stubble or bald.
    iris
        sRGB 0..255 for both irises in place of what the photo shows; None: the photo's.
    albedo
        Take the photo's light out of the texture.
    texture_method
        fused, or paste (the baseline without fusion).
    unused
        Strokes over the photo where the texture may not use it.
    adjustments
        (slider, value -1..1) of facestudio.template.sliders: the fitted head is shaped further by hand. The texture is
        that of the fit and moves along.
    more
        Further photos of the same person, at most four: one head is made of all of them.
    shown
        Which of them, counted from 0 with `photo` first, the head's camera, expression and landmarks are those of.
    """

    photo: Photo
    face: int = 1
    landmarks: Landmarks | None = None
    database: str = DEFAULT_DATABASE
    excluded_heads: frozenset[str] = frozenset()
    head_weights: tuple[tuple[str, float], ...] = ()
    texture_size: int = 2048
    method: str = "default"
    focal_px: float | None = None
    scalp: ScalpMode = "photo"
    iris: tuple[int, int, int] | None = None
    albedo: bool = False
    texture_method: TextureMethod = "fused"
    adjustments: Adjustments = ()
    unused: tuple[Stroke, ...] = ()
    more: tuple[FurtherPhoto, ...] = ()
    shown: int = 0

    @property
    def photos(self) -> tuple[FurtherPhoto, ...]:
        """All photos of the person, the first one too."""
        first = FurtherPhoto(self.photo, self.face, self.landmarks, self.focal_px, self.unused)
        return (first, *self.more)

    @property
    def texture_options(self) -> TextureOptions:
        """How the texture is made."""
        relight = "albedo" if self.albedo else "even"
        return TextureOptions(self.texture_size, self.scalp, relight, self.texture_method, self.iris)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The head, every face that was located (largest first), and remarks for the person."""

    head: Head
    faces: tuple[DetectedFace, ...]
    notes: tuple[str, ...]
