"""Stage retrieval: which heads of the database are like the face in a photo."""

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.fitting.fit_values import Fit
from facestudio.retrieval.embeddings import has_embeddings
from facestudio.retrieval.gallery import face_gallery
from facestudio.retrieval.look_alikes import METHOD as PAPER_CNN
from facestudio.retrieval.look_alikes import likeness_of
from facestudio.retrieval.score import METHOD as SCORED
from facestudio.retrieval.score import head_scores
from facestudio.retrieval.similar_heads import METHOD as FACE_SHAPE
from facestudio.retrieval.similar_heads import similar_heads
from facestudio.template.model import Template
from facestudio.values import Float32Array, FloatArray, Landmarks, Photo, SimilarHead


def retrieval_method(method: str, database: HeadDatabase) -> str:
    """Return how a method of reconstruction finds its similar heads in a database.

    The paper's by the paper's network; all others by shape and looks, or by shape alone where the database has no
    embeddings.
    """
    if method == "paper":
        return PAPER_CNN
    return SCORED if has_embeddings(database.name) else FACE_SHAPE


def likeness(photos: list[tuple[Photo, Landmarks]], database: HeadDatabase) -> Float32Array | None:
    """Return how much each head looks like the person in photos, (N,); None if the database has no embeddings."""
    if not has_embeddings(database.name):
        return None
    each = [likeness_of(database, photo.pixels, landmarks.points) for photo, landmarks in photos]
    return np.stack(each).mean(axis=0).astype(np.float32)


def heads_like(
    fit: Fit,
    face: FloatArray,
    looks: Float32Array | None,
    excluded: frozenset[str],
    database: HeadDatabase,
    template: Template,
) -> tuple[SimilarHead, ...]:
    """Return the heads of the database that are like a fitted face.

    Parameters
    ----------
    fit
        Its coefficients, and how sure they are.
    face
        (478, 3) mm: its mesh points, neutral.
    looks
        From `likeness`; None for shape alone.
    excluded
        Ids that may not be used.
    database, template
        The heads, and their topology.
    """
    scores = None
    if looks is not None:
        scores = head_scores(database, fit.identity, fit.identity_covariance, looks)
    return similar_heads(database, face_gallery(database, template), face, excluded=excluded, scores=scores)
