"""The local search of the learnt Active Shape Model, from the mesh's points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from facestudio.landmarks.asm.canvas import RADIUS, Canvas, cut_canvas, direction_maps
from facestudio.landmarks.asm.model import AsmModel
from facestudio.landmarks.asm.shape import PointDistributionModel
from facestudio.landmarks.asm.stages import NetworkStage, Stage
from facestudio.landmarks.region import Region, region_of_points
from facestudio.values import ByteArray, Float32Array, FloatArray

CUES: Final = ("descriptor novelty", "face novelty", "step", "face step")
"""What tells how unusual a photo is: for each point and for the face as a whole, how unlike training its
surroundings look and how far the experts want to go; logarithms, 0 is usual, never below."""


HOLD: Final = 0.7
"""How much surer than their errors the experts are taken to be against the shape model: it knows few faces."""

_DOUBT: Final = 2.0
_FREE: Final = 6.0  # largest coefficient of a mode, standard deviations: the prior holds it already


@dataclass(frozen=True, eq=False)
class AsmSearch:
    """What the search found; lengths are canvas pixels.

    Attributes
    ----------
    canvas
        Where it looked.
    start, found
        (N, 2): the points before and after.
    first
        (N, P) float32: the components of the descriptors where it began.
    cues
        (N, K) float64: see `CUES`.
    """

    canvas: Canvas
    start: FloatArray
    found: FloatArray
    first: Float32Array
    cues: FloatArray


def search(model: AsmModel, pixels: ByteArray, mesh: FloatArray, region: Region | None = None) -> AsmSearch:
    """Locate the points of a face.

    Parameters
    ----------
    model
        The trained model.
    pixels
        (H, W, 3) uint8 RGB.
    mesh
        (478, 2) pixels.
    region
        What the landmarker looked at when it saw the mesh; by default the mesh's own.
    """
    begin, view = model.begin(mesh), model.view(mesh)
    canvas = cut_canvas(pixels, model.start.apply(mesh), model.shape.mean)
    maps = direction_maps(canvas.pixels)
    start = canvas.place(begin)
    points = start
    novelty = np.zeros(len(start))
    first: Float32Array | None = None
    for stage in model.stages:
        components, unlike = stage.components(maps, points)
        first = components if first is None else first
        novelty = novelty + unlike / len(model.stages)
        points = points + stage.step(components, view)
    if not sees_whole_faces(model.stages):
        points = hold(model.shape, model.expert_sigma, points, novelty)
    if model.reader is not None:
        seen = model.reader.read(pixels, region or region_of_points(mesh), mesh, begin)
        points = points + model.reader.share[:, None] * (canvas.place(seen) - points)
    assert first is not None
    return AsmSearch(canvas, start, points, first, cues(model.errors.covariance, start, points, novelty))


def sees_whole_faces(stages: Sequence[Stage]) -> bool:
    """Whether the last stage looks at all points at once: what it says need not be held to the shape of a face."""
    return isinstance(stages[-1], NetworkStage)


def hold(
    shape: PointDistributionModel, sigma: FloatArray, points: FloatArray, novelty: FloatArray
) -> FloatArray:
    """Hold what the experts say to the shape of a face: the most probable shape behind it.

    Parameters
    ----------
    shape
        The shape model.
    sigma
        (N,) canvas pixels: how far the experts usually are off.
    points
        (N, 2) canvas pixels.
    novelty
        (N,): how unlike training the surroundings look; covered points follow the others.

    Returns
    -------
    numpy.ndarray
        (N, 2) float64 canvas pixels.
    """
    unsure = sigma * np.maximum(novelty, 1.0) ** _DOUBT
    fitted, _ = shape.fit(points, HOLD * unsure, limit=_FREE)
    return fitted


def cues(errors: FloatArray, start: FloatArray, found: FloatArray, novelty: FloatArray) -> FloatArray:
    """Return how unusual each point of a search is, (N, K); see `CUES`.

    Parameters
    ----------
    errors
        (N, 4, 4): the usual covariance of both errors.
    start, found
        (N, 2) canvas pixels.
    novelty
        (N,): how unlike training the surroundings look.
    """
    covariance = step_covariance(errors)
    step = found - start
    length = np.sqrt(np.einsum("ni,nij,nj->n", step, np.linalg.inv(covariance), step) / 2)
    own = np.log(np.maximum(novelty, 1.0))
    far = np.log(np.maximum(length, 1.0))
    whole = np.full_like(own, np.log(max(float(np.median(novelty)), 1.0)))
    all_far = np.full_like(far, np.log(max(float(np.sqrt((length**2).mean())), 1.0)))
    return np.stack([own, whole, far, all_far], axis=1)


def step_covariance(errors: FloatArray) -> FloatArray:
    """Return the usual covariance (N, 2, 2) of the ASM's step from the mesh, of both errors' (N, 4, 4)."""
    mesh, asm, cross = errors[:, :2, :2], errors[:, 2:, 2:], errors[:, :2, 2:]
    both = mesh + asm - cross - cross.transpose(0, 2, 1)
    return both + np.eye(2) * (0.002 * RADIUS) ** 2
