"""Combines the ASM's points and the mesh's into one estimate with one covariance."""

from dataclasses import replace
from typing import Final

import numpy as np

from facestudio.landmarks.asm.classic import classic_search
from facestudio.landmarks.asm.model import AsmModel, load_asm
from facestudio.landmarks.asm.search import search
from facestudio.landmarks.refiner import load_refiner
from facestudio.landmarks.region import Region
from facestudio.landmarks.schemes import to_ibug68
from facestudio.values import DetectedFace, Float32Array, FloatArray, Landmarks, Photo

LANDMARK_METHODS: Final = ("combined", "asm", "asm-classic", "mesh478")
"""The ways to locate the 68 points, the default first."""

DEFAULT_METHOD: Final = LANDMARK_METHODS[0]

_SMALLEST: Final = 0.15  # canvas pixels: no located point is surer than this
_SURE_OF_KIND: Final = 0.05  # below this probability the photo is not drawn


def joint_errors(model: AsmModel, cues: FloatArray) -> FloatArray:
    """Return the covariance (N, 4, 4) of the mesh's and the ASM's errors in a photo of these cues (N, K)."""
    factor = np.exp(0.5 * (model.errors.weights[:, :1] + model.errors.weights[:, 1:] @ cues.T))  # (2, N)
    scale = np.repeat(factor.T, 2, axis=1)
    return model.errors.covariance * scale[:, :, None] * scale[:, None, :]


def combine_errors(model: AsmModel, cues: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how the best estimate is made of both, and how far it may be off.

    The joint covariance of both errors is scaled to the photo by its cues; then for each point the weight w is
    taken that makes the trace of the covariance of (1 - w) mesh + w ASM smallest, between 0 and 1 (beyond,
    where a strong correlation would lead, lies neither estimate).

    Parameters
    ----------
    model
        Its error model is used.
    cues
        (N, K): see `facestudio.landmarks.asm.search.CUES`.

    Returns
    -------
    tuple
        Weight (N,) 0..1 of the ASM's point against the mesh's; covariance (N, 2, 2), square canvas pixels.
    """
    joint = joint_errors(model, cues)
    mesh, asm, cross = joint[:, :2, :2], joint[:, 2:, 2:], joint[:, :2, 2:]
    m, a, c = (np.trace(part, axis1=1, axis2=2) for part in (mesh, asm, cross))
    weight = np.clip((m - c) / np.maximum(m + a - 2 * c, 1e-9), 0.0, 1.0)
    w = weight[:, None, None]
    both = cross + cross.transpose(0, 2, 1)
    covariance = (1 - w) ** 2 * mesh + w**2 * asm + w * (1 - w) * both
    return weight, covariance + np.eye(2) * _SMALLEST**2


def locate_landmarks(
    photo: Photo, face: DetectedFace, method: str = DEFAULT_METHOD, *, model: AsmModel | None = None
) -> Landmarks:
    """Locate the 68 points of a face whose mesh is known.

    Parameters
    ----------
    photo
        The photo.
    face
        Its mesh, and where the landmarker saw it.
    method
        One of `LANDMARK_METHODS`.
    model
        Another ASM than the shipped one.

    Returns
    -------
    Landmarks
        ibug68 (or the model's scheme), image frame, with the covariance of each point.

    Raises
    ------
    ValueError
        If there is no such method.
    ModelError
        If a model is missing or damaged.
    """
    if method not in LANDMARK_METHODS:
        raise ValueError(f"there is no landmark method {method!r}")
    mesh = face.mesh
    if method == "mesh478" and model is None:
        return to_ibug68(mesh)
    asm = model or load_asm()
    if method == "mesh478":
        return replace(to_ibug68(mesh, using=asm.start), scheme=asm.scheme)
    if method == "asm-classic":
        return _classic(asm, photo, mesh)
    points, covariance, first = _estimate(asm, photo, face, method)
    drawn = 0.0
    if asm.drawn is not None and asm.kind is not None:
        share = asm.kind.drawn(first)
        if share > _SURE_OF_KIND:
            drawn = share
            other, wide = _drawn(asm.drawn, photo, face, method, refined=asm is load_asm())
            apart = other - points
            covariance = (
                (1 - share) * covariance
                + share * wide
                + share * (1 - share) * apart[:, :, None] * apart[:, None, :]
            )
            points = points + share * apart
    return Landmarks(asm.scheme, points, covariance, np.zeros(len(points), dtype=np.bool_), method, drawn)


def _estimate(
    asm: AsmModel, photo: Photo, face: DetectedFace, method: str
) -> tuple[FloatArray, FloatArray, Float32Array]:
    """Locate the points with the model of one kind of photos: points, covariance (pixels), first components."""
    region = None if face.region is None else Region(*face.region)
    found = search(asm, photo.pixels, face.mesh.points, region)
    weight, covariance = combine_errors(asm, found.cues)
    points = found.start + weight[:, None] * (found.found - found.start)
    if method == "asm":
        points = found.found
        covariance = joint_errors(asm, found.cues)[:, 2:, 2:] + np.eye(2) * _SMALLEST**2
    turn = np.linalg.inv(found.canvas.to_canvas[:, :2])
    return found.canvas.back(points), turn @ covariance @ turn.T, found.first


def _drawn(
    asm: AsmModel, photo: Photo, face: DetectedFace, method: str, *, refined: bool
) -> tuple[FloatArray, FloatArray]:
    """Locate the points of a drawn photo: as any, or with the shipped last stage, which sees what the mesh does."""
    points, covariance, _ = _estimate(asm, photo, face, "asm" if refined else method)
    if not refined:
        return points, covariance
    return load_refiner().refine(photo.pixels, face.mesh.points, points, covariance)


def _classic(asm: AsmModel, photo: Photo, mesh: Landmarks) -> Landmarks:
    begin = asm.begin(mesh.points)
    points = classic_search(asm, photo.pixels, begin)
    # The classical search says nothing about its errors: those of the mesh, twice as wide, are near what it shows.
    covariance = 4 * to_ibug68(mesh, using=asm.start).covariance
    return Landmarks(asm.scheme, points, covariance, np.zeros(len(points), dtype=np.bool_), "asm-classic")
