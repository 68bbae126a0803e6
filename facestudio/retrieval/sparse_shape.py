"""Retrieval by sparse shape: heads whose feature points lie nearest to those estimated from the photo."""

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.errors import UsageError
from facestudio.values import FloatArray, SimilarHead

METHOD = "sparse-shape"
_SCALE_MM = 3.0  # distance at which similarity has fallen to exp(-1/2)


def similar_heads(
    database: HeadDatabase,
    head_points: FloatArray,
    points: FloatArray,
    count: int = 10,
    excluded: frozenset[str] = frozenset(),
) -> tuple[SimilarHead, ...]:
    """Return the heads whose points are nearest, most similar first.

    Parameters
    ----------
    database
        The heads.
    head_points
        (N, P, 3) mm: their feature points.
    points
        (P, 3) mm: the estimated points, neutral expression, head space.
    count
        How many at most.
    excluded
        Ids that may not be used.

    Raises
    ------
    UsageError
        If every head is excluded.
    """
    distance = np.sqrt(((head_points - points) ** 2).sum(axis=2).mean(axis=1))
    order = [i for i in np.argsort(distance, kind="stable").tolist() if database.ids[i] not in excluded][
        :count
    ]
    if not order:
        raise UsageError("Every head of the database is excluded")
    near = distance[order]
    similarity = np.exp(-0.5 * (near / _SCALE_MM) ** 2)
    # Weights compare the heads with the best one: they stay useful when all are far away.
    weight = np.exp(-0.5 * (near**2 - near[0] ** 2) / _SCALE_MM**2)
    weight /= weight.sum()
    return tuple(
        SimilarHead(database.ids[i], float(s), float(w))
        for i, s, w in zip(order, similarity, weight, strict=True)
    )


def weighted_coefficients(database: HeadDatabase, heads: tuple[SimilarHead, ...]) -> FloatArray:
    """Return the coefficients of the statistical model: the weighted mean of the similar heads, (K,)."""
    rows = [database.index(head.id) for head in heads]
    return np.array([head.weight for head in heads]) @ database.coefficients[rows]
