"""What is asked of the pipeline, what it says while it works, and what it gives back."""

import threading
from dataclasses import dataclass
from enum import StrEnum

from facestudio.errors import CancelledError
from facestudio.pipeline.decisions import HeadDecisions, PhotoDecisions, decided
from facestudio.texture.options import SCALP_MODES, TextureMethod, TextureOptions
from facestudio.values import DetectedFace, Head, Photo

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
class FurtherPhoto(PhotoDecisions):
    """Another photo of the same person."""

    photo: Photo


@dataclass(frozen=True, eq=False)
class Request(PhotoDecisions, HeadDecisions):
    """One reconstruction: a photo, what is decided about it and about the head, and how it is made.

    Attributes
    ----------
    photo
        The photo.
    texture_size
        512, 1024, 2048 or 4096; 0 leaves the texture out (while a point is dragged).
    method
        default; map (a fit to the points alone), paper (the paper's recipe) or mean (the mean head, the
        baseline).
    albedo
        Take the photo's light out of the texture.
    texture_method
        fused, or paste (the baseline without fusion).
    more
        Further photos of the same person, at most four: one head is made of all of them.
    shown
        Which of them, counted from 0 with `photo` first, the head's camera, expression and landmarks are those of.
    """

    photo: Photo
    texture_size: int = 2048
    method: str = "default"
    albedo: bool = False
    texture_method: TextureMethod = "fused"
    more: tuple[FurtherPhoto, ...] = ()
    shown: int = 0

    @property
    def photos(self) -> tuple[FurtherPhoto, ...]:
        """All photos of the person, the first one too."""
        return (FurtherPhoto(self.photo, **decided(PhotoDecisions, self)), *self.more)

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
