"""Learns the grey-level profiles of the classical Active Shape Model."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from facestudio.landmarks.asm.canvas import cut_canvas
from facestudio.landmarks.asm.classic import LEVELS, PROFILE, contour_normals, profiles_at, pyramid
from facestudio.landmarks.asm.model import ProfileModel
from facestudio.landmarks.asm.shape import PointDistributionModel
from facestudio.landmarks.schemes import LandmarkScheme
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.samples import Sample
from facestudio.values import FloatArray

_PULL: Final = 0.1  # towards a diagonal covariance: the photos are few for its off-diagonal numbers
_MOST: Final = 800


def learn_profiles(
    samples: Sequence[Sample],
    photos: Sequence[AnnotatedPhoto],
    scheme: LandmarkScheme,
    shape: PointDistributionModel,
) -> ProfileModel:
    """Learn mean and covariance of the profiles at the true points, on unchanged samples, level by level.

    Real photos are preferred where there are any.
    """
    real = [s for s in samples if not photos[s.source].synthetic] or list(samples)
    chosen = real[:: max(1, len(real) // _MOST)]
    collected: list[list[FloatArray]] = [[] for _ in range(LEVELS)]
    for sample in chosen:
        canvas = cut_canvas(sample.picture, sample.points, shape.mean)
        points = canvas.place(sample.points)
        for level, picture in enumerate(pyramid(canvas.pixels)):
            there = points / 2**level
            normals = contour_normals(scheme, there)
            collected[level].append(profiles_at(picture, there, normals, 0)[:, 0])
    means = np.zeros((LEVELS, scheme.count, PROFILE))
    inverses = np.zeros((LEVELS, scheme.count, PROFILE, PROFILE))
    for level, values in enumerate(collected):
        stacked = np.stack(values)
        means[level] = stacked.mean(axis=0)
        off = stacked - means[level]
        covariance = np.einsum("mni,mnj->nij", off, off) / len(off)
        diagonal = np.einsum("nii->ni", covariance)
        eye = np.eye(PROFILE)
        covariance = (1 - _PULL) * covariance + (_PULL * diagonal + 1e-5)[:, :, None] * eye
        inverses[level] = np.linalg.inv(covariance)
    return ProfileModel(means, inverses)
