"""Retrieval by shape: the database heads that together come nearest to the face seen in a photo."""

import numpy as np
from scipy.optimize import nnls

from facestudio.database.model import HeadDatabase
from facestudio.errors import UsageError
from facestudio.retrieval.gallery import FaceGallery
from facestudio.values import FloatArray, SimilarHead

METHOD = "face-shape"
COUNT = 10
_POOL_SHARE = (
    0.2  # of the database: heads with a lower score than these are not similar, whatever they would balance
)
_SCALE_MM = 3.0  # distance at which similarity has fallen to exp(-1/2)
_EVENNESS = 0.3  # how much weights are drawn to equality, beside how near the weighted mean comes
_SUM_TO_ONE = 1e3


def similar_heads(
    database: HeadDatabase,
    gallery: FaceGallery,
    face: FloatArray,
    count: int = COUNT,
    excluded: frozenset[str] = frozenset(),
    scores: FloatArray | None = None,
) -> tuple[SimilarHead, ...]:
    """Return the heads whose mean comes nearest to a face, heaviest first.

    Heads that are each near to a face are near to the average, and so is their mean. Therefore the heads are chosen
    together, one after the other from the fifth of the database with the highest scores: always the one that brings the
    mean of those chosen nearest (docs/retrieval.md has what that gains). Weights make the weighted mean come nearer
    still.

    Parameters
    ----------
    database, gallery
        The heads, and their faces.
    face
        (468 or more, 3) mm: mesh478 of the estimated face, neutral expression.
    count
        How many at most.
    excluded
        Ids that may not be used.
    scores
        (N,) of all heads (`facestudio.retrieval.score.head_scores`); without them the nearest score highest.

    Returns
    -------
    tuple
        Similarity falls with the distance after alignment, 1 for none; weights sum to one.

    Raises
    ------
    UsageError
        If every head is excluded.
    """
    free = np.array([i for i, name in enumerate(database.ids) if name not in excluded], dtype=np.int64)
    if not len(free):
        raise UsageError("Every head of the database is excluded")
    target = gallery.aligned(face)
    off = (gallery.faces[free] - target).reshape(len(free), -1)
    distance = np.sqrt((off**2).sum(axis=1) / len(target))
    count = min(count, len(free))
    rank = distance if scores is None else -scores[free]
    pool = np.argsort(rank, kind="stable")[: max(count, round(_POOL_SHARE * len(free)))]
    rows = pool[_chosen_together(off[pool], count)]
    weights = _weights(off[rows])
    heads = [
        SimilarHead(database.ids[free[row]], float(np.exp(-0.5 * (distance[row] / _SCALE_MM) ** 2)), weight)
        for row, weight in zip(rows.tolist(), weights.tolist(), strict=True)
    ]
    return tuple(sorted(heads, key=lambda head: -head.weight))


def _chosen_together(off: FloatArray, count: int) -> list[int]:
    """Return which rows of offsets (N, 3 P) have the shortest mean, chosen one by one."""
    chosen: list[int] = []
    total = np.zeros(off.shape[1])
    own = (off**2).sum(axis=1)
    for _ in range(count):
        length = own + 2 * off @ total  # of total + off, without what all share
        length[chosen] = np.inf
        chosen.append(int(np.argmin(length)))
        total += off[chosen[-1]]
    return chosen


def _weights(off: FloatArray) -> FloatArray:
    """Return weights, none negative, that sum to one and make the weighted mean of offsets (k, 3 P) short."""
    count = len(off)
    scale = max(float(np.sqrt((off**2).sum(axis=1).mean())), 1e-9)
    rows = np.concatenate(
        [off.T / scale, np.full((1, count), _SUM_TO_ONE), _EVENNESS * np.eye(count)], axis=0
    )
    aim = np.concatenate([np.zeros(off.shape[1]), [_SUM_TO_ONE], np.full(count, _EVENNESS / count)])
    weights, _ = nnls(rows, aim)
    return weights / weights.sum()


def weighted_coefficients(database: HeadDatabase, heads: tuple[SimilarHead, ...]) -> FloatArray:
    """Return the coefficients of the statistical model: the weighted mean of the similar heads, (K,)."""
    rows = [database.index(head.id) for head in heads]
    return np.array([head.weight for head in heads]) @ database.coefficients[rows]
