"""Turns annotated photos into training samples: changed at random, their mesh located, cut to the canvas."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.asm.shape import transform
from facestudio.landmarks.mesh478 import MeshLook, look
from facestudio.landmarks.region import Region
from facestudio.landmarks.schemes import load_scheme
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.augment import Augmentation, place, spoil
from facestudio.values import ByteArray, FloatArray

_SIDE: Final = 640  # of the cut-out that samples are drawn from, pixels
_CUT: Final = 1.9  # its side over the points' extent


@dataclass(frozen=True, eq=False)
class Sample:
    """One training sample.

    Attributes
    ----------
    picture
        (S, S, 3) uint8 RGB.
    points
        (N, 2) float64: where the points are in it.
    seen
        Where the landmarker sees the mesh in it.
    source
        Number of the annotated photo.
    changed
        False for the photo as it is (only cut out and scaled).
    mirrored
        Whether it is the mirror image.
    """

    picture: ByteArray
    points: FloatArray
    seen: MeshLook
    source: int
    changed: bool
    mirrored: bool

    @property
    def mesh(self) -> FloatArray:
        """(478, 2) float64: where the landmarker sees the mesh in the picture."""
        return self.seen.points


def cut_out(pixels: ByteArray, points: FloatArray) -> tuple[ByteArray, FloatArray]:
    """Cut the face out of a photo, upright as it is, to a square; returns it and the points in it."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min(_SIDE / (_CUT * float((high - low).max())), 1.5)
    side = round(_CUT * float((high - low).max()) * scale)
    matrix = np.column_stack([np.eye(2) * scale, side / 2 - scale * (low + high) / 2])
    source = cv2.GaussianBlur(pixels, (0, 0), 0.45 / scale) if scale < 0.6 else pixels
    drawn = cv2.warpAffine(
        source, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(drawn, dtype=np.uint8), transform(matrix, points)


def _located(picture: ByteArray, points: FloatArray, scheme: str, rng: np.random.Generator) -> MeshLook:
    """Let the landmarker look about where the face is."""
    names = load_scheme(scheme).point_names
    right, left = (points[names.index(name)] for name in ("eye_right_outer", "eye_left_outer"))
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    x, y = (low + high) / 2 + np.array([0, -0.08]) * extent + rng.normal(0, 0.04, 2) * extent
    angle = math.atan2(left[1] - right[1], left[0] - right[0]) + rng.normal(0, 0.08)
    region = Region(float(x), float(y), 1.7 * extent * math.exp(rng.normal(0, 0.08)), angle)
    return look(picture, region, refinements=1)


def draw_samples(
    photos: Sequence[AnnotatedPhoto],
    copies: Sequence[int],
    seed: int,
    *,
    how: Augmentation | None = None,
    mirror: bool = True,
    say: Callable[[str], None] = lambda line: None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Sample]:
    """Draw the samples of photos, each also mirrored.

    Parameters
    ----------
    photos
        All of one scheme.
    copies
        For each photo: how many changed copies of it and as many of its mirror image, besides both unchanged.
    seed
        Of the changes.
    how
        How strong they are.
    mirror
        False leaves the mirror images out.
    say
        Called with lines of progress and with photos in which the landmarker sees no face.
    check
        Called between photos; may raise to stop.
    """
    strength = how or Augmentation()
    for number, photo in enumerate(photos):
        check()
        pixels = photo.load().pixels
        square, points = cut_out(pixels, photo.points)
        scheme = load_scheme(photo.scheme)
        for mirrored in (False, True) if mirror else (False,):
            if mirrored:
                square = np.ascontiguousarray(square[:, ::-1])
                points = scheme.mirrored(points, square.shape[1])
            for copy in range(copies[number] + 1):
                rng = np.random.default_rng([seed, number, int(mirrored), copy])
                picture, there = square, points
                if copy:
                    picture, there = place(square, points, rng, strength)
                    picture = spoil(picture, there, rng, strength)
                seen = _located(picture, there, photo.scheme, rng)
                if seen.presence >= 0.5:
                    yield Sample(picture, there, seen, number, copy > 0, mirrored)
                elif copy == 0 and not mirrored:
                    say(f"left out: {photo.path}: the landmarker sees no face where the points are")
        if (number + 1) % 50 == 0:
            say(f"{number + 1} of {len(photos)} photos")
