"""What a person decides about a photo and about the head: the same fields in requests, projects and the app's state."""

from dataclasses import dataclass, fields
from typing import Any

from facestudio.database.model import DEFAULT_DATABASE
from facestudio.template.pins import Pins
from facestudio.template.sliders import Adjustments
from facestudio.texture.options import ScalpMode
from facestudio.texture.strokes import Stroke
from facestudio.values import Landmarks


@dataclass(frozen=True, eq=False, kw_only=True)
class PhotoDecisions:
    """What is decided about one photo.

    Attributes
    ----------
    face
        Which of several faces, 1 is the largest.
    landmarks
        ibug68 landmarks to use instead of the located ones (read from a file, or corrected by hand: points with
        `moved` set are met exactly).
    focal_px
        Focal length in pixels if the person knows it.
    unused
        Strokes over the photo where the texture may not use it.
    pins
        Places of the head tied to places of the photo; met exactly.
    """

    face: int = 1
    landmarks: Landmarks | None = None
    focal_px: float | None = None
    unused: tuple[Stroke, ...] = ()
    pins: Pins = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class PhotoWork(PhotoDecisions):
    """The same while it is worked on: `located` are the landmarks before anybody moved them."""

    located: Landmarks | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadDecisions:
    """What is decided about the head, whatever its photos are.

    Attributes
    ----------
    database
        Name of the head database.
    excluded_heads
        Ids of database heads that may be used neither for shape nor for texture.
    head_weights
        (id, weight) of database heads whose weight the person chose, 0..1 of the whole; they are used whether they were
        found similar or not, and the heads that were found share what is left.
    adjustments
        (slider, value -1..1) of facestudio.template.sliders: the fitted head is shaped further by hand. The texture is
        that of the fit and moves along.
    scalp
        photo (the photo's hair is carried on over the scalp), stubble or bald.
    iris
        sRGB 0..255 for both irises in place of what the photo shows; None: the photo's.
    """

    database: str = DEFAULT_DATABASE
    excluded_heads: frozenset[str] = frozenset()
    head_weights: tuple[tuple[str, float], ...] = ()
    adjustments: Adjustments = ()
    scalp: ScalpMode = "photo"
    iris: tuple[int, int, int] | None = None


def decided(kind: type[Any], source: Any) -> dict[str, Any]:
    """Return the fields of one of these kinds that a value has: to make another value of."""
    return {field.name: getattr(source, field.name) for field in fields(kind)}


def decided_alike(kind: type[Any], one: Any, other: Any) -> bool:
    """Tell whether two values agree in the fields of a kind; landmarks agree if they are the same object."""
    return decided(kind, one) == decided(kind, other)
