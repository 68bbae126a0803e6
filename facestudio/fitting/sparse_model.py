"""The sparse model: the feature points of the heads, as a probability model (mean and modes)."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facestudio.database.model import HeadDatabase
from facestudio.database.shape_model import load_shape_model
from facestudio.template.convention import people_offsets
from facestudio.template.expressions import expression_deltas_for
from facestudio.template.model import PointMap, Template
from facestudio.values import FloatArray, read_only


@dataclass(frozen=True, eq=False)
class SparseModel:
    """Feature points as a linear function of identity and expression coefficients.

    Attributes
    ----------
    mean
        (P, 3) float64 mm, head space.
    identity
        (K, P, 3) float64 mm per unit; the prior of the coefficients has unit variance over the database.
    expression
        (52, P, 3) float64 mm at weight 1.
    local
        (L, P) float64 mm per standard deviation: the local deformation modes, each along X, Y and Z.
    """

    mean: FloatArray
    identity: FloatArray
    expression: FloatArray
    local: FloatArray

    def __post_init__(self) -> None:
        for name in ("mean", "identity", "expression", "local"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def __len__(self) -> int:
        return len(self.mean)

    def points(
        self, identity: FloatArray, expression: FloatArray | None = None, local: FloatArray | None = None
    ) -> FloatArray:
        """Return the points (P, 3) mm for identity (K,) and, if given, expression (52,) and local (L, 3)."""
        points = self.mean + np.tensordot(identity, self.identity, axes=1)
        if expression is not None:
            points = points + np.tensordot(expression, self.expression, axes=1)
        return points if local is None else points + self.local.T @ local

    def joined(self, other: "SparseModel") -> "SparseModel":
        """Return this model's points followed by another's."""
        return SparseModel(
            np.concatenate([self.mean, other.mean]),
            np.concatenate([self.identity, other.identity], axis=1),
            np.concatenate([self.expression, other.expression], axis=1),
            np.concatenate([self.local, other.local], axis=1),
        )

    def subset(self, index: NDArray[np.int64]) -> "SparseModel":
        """Return the points of the given numbers, in that order."""
        return SparseModel(
            self.mean[index], self.identity[:, index], self.expression[:, index], self.local[:, index]
        )


@lru_cache(maxsize=4)
def mean_expressions(database: HeadDatabase, template: Template) -> FloatArray:
    """Return the ARKit shapes of the database's mean head, (52, V, 3) mm at weight 1."""
    return expression_deltas_for(template, database.mean_head()).astype(np.float64)


def sparse_model(
    database: HeadDatabase, template: Template, points: PointMap, local: FloatArray | None = None
) -> SparseModel:
    """Return the sparse model of a database for a point map of the template.

    `local` are local deformation modes (L, V) mm per standard deviation; the shape model's if not given.
    """
    if local is None:
        local = load_shape_model().local.astype(np.float64)
    return SparseModel(
        points.points(database.mean),
        points.points(database.basis.astype(np.float64)),
        points.points(mean_expressions(database, template)),
        points.points(local[:, :, None])[:, :, 0],
    )


@lru_cache(maxsize=4)
def jaw_model(database: HeadDatabase, template: Template) -> SparseModel:
    """Return the sparse model of the places on which the jaw's points slide (computed once for each database)."""
    return sparse_model(database, template, template.jaw_lines)


@lru_cache(maxsize=4)
def sparse_models(database: HeadDatabase, template: Template) -> tuple[SparseModel, SparseModel]:
    """Return the sparse models of mesh478 and of ibug68 (computed once for each database)."""
    mesh = sparse_model(database, template, template.mesh478)
    return mesh, sparse_model(database, template, template.ibug68)


_KINDS = 4  # so finely the kinds of photos are told apart: models are kept


def located_model(database: HeadDatabase, template: Template, drawn: float) -> SparseModel:
    """Return the sparse model of mesh478 and of ibug68 where they are located in a photo (kept).

    Parameters
    ----------
    database, template
        The heads.
    drawn
        0..1: how likely the photo is drawn; in others the 68 points lie where people put them.
    """
    return _located_model(database, template, round(drawn * _KINDS))


@lru_cache(maxsize=8)
def _located_model(database: HeadDatabase, template: Template, drawn: int) -> SparseModel:
    mesh, landmarks = sparse_models(database, template)
    offset = (1 - drawn / _KINDS) * people_offsets()
    return mesh.joined(replace(landmarks, mean=landmarks.mean + offset))
