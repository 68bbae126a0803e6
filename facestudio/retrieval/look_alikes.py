"""Retrieval by looks, the paper's way: the heads whose frontal projections the network takes for the photo's face."""

import numpy as np

from facestudio.database.model import HeadDatabase, load_database
from facestudio.errors import UsageError
from facestudio.retrieval.aligned_face import align_face
from facestudio.retrieval.embeddings import load_embeddings
from facestudio.retrieval.encoder import ENCODER, load_encoder
from facestudio.retrieval.similar_heads import COUNT
from facestudio.values import ByteArray, Float32Array, FloatArray, SimilarHead

METHOD = ENCODER
_SHARPNESS = 10.0  # of weights, by likeness


def likeness_of(database: HeadDatabase, pixels: ByteArray, landmarks: FloatArray) -> Float32Array:
    """Return how much each head looks like a face: cosines of the embeddings, (N,).

    Parameters
    ----------
    database
        The heads, or some of those of the database of that name.
    pixels, landmarks
        (H, W, 3) uint8 RGB, and ibug68 in it, (68, 2) px.

    Raises
    ------
    ModelError
        If the encoder or the database's embeddings are missing or damaged.
    """
    whole = load_database(database.name)
    known = load_embeddings(database.name)
    if database.ids != whole.ids:
        known = known[[whole.index(name) for name in database.ids]]
    return known @ load_encoder().embed(align_face(pixels, landmarks)[None])[0]


def look_alikes(
    database: HeadDatabase,
    pixels: ByteArray,
    landmarks: FloatArray,
    count: int = COUNT,
    excluded: frozenset[str] = frozenset(),
) -> tuple[SimilarHead, ...]:
    """Return the heads that look most like a face, most alike first.

    Parameters
    ----------
    database
        The heads, or some of those of the database of that name.
    pixels, landmarks
        (H, W, 3) uint8 RGB, and ibug68 in it, (68, 2) px.
    count
        How many at most.
    excluded
        Ids that may not be used.

    Returns
    -------
    tuple
        Similarity is the cosine of the embeddings, 0 if it is less; weights grow with it and sum to one.

    Raises
    ------
    ModelError
        If the encoder or the database's embeddings are missing or damaged.
    UsageError
        If every head is excluded.
    """
    rows = [row for row, name in enumerate(database.ids) if name not in excluded]
    if not rows:
        raise UsageError("Every head of the database is excluded")
    free = [database.ids[row] for row in rows]
    likeness = likeness_of(database, pixels, landmarks)[rows]
    order = np.argsort(-likeness, kind="stable")[:count].tolist()
    weights = np.exp(_SHARPNESS * (likeness[order] - likeness[order[0]]).astype(np.float64))
    weights /= weights.sum()
    return tuple(
        SimilarHead(free[row], max(0.0, float(likeness[row])), weight)
        for row, weight in zip(order, weights.tolist(), strict=True)
    )
