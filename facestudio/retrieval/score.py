"""The score of database heads: shape and looks together, as the chance that a head is the person's own.

What the fit knows of a face's shape and what the network sees of its looks err in different ways: together they find a
head among hundreds where each alone takes another now and then (docs/retrieval.md has the rates).
"""

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.values import Float32Array, FloatArray

METHOD = "face-shape+paper-cnn"

LIKENESS_WEIGHT = 35.0
"""Of a cosine of embeddings."""

SHAPE_WEIGHT = 0.41
"""Of the log-likelihood of a shape.

Both weights make the score a logarithm of odds: multinomial logistic regression on pictures of the database's heads
under the conditions of training (docs/retrieval.md).
"""

_FLOOR = 0.02  # of the mean variance: no coefficient is known more surely


def shape_likelihood(database: HeadDatabase, identity: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the log-likelihood of each head's shape, up to a constant, (N,).

    Parameters
    ----------
    database
        The heads.
    identity, covariance
        (K,) coefficients of a face in the database's basis, and (K, K) how sure they are.
    """
    known = covariance + _FLOOR * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    off = database.coefficients - identity
    return -0.5 * np.einsum("nk,nk->n", off, np.linalg.solve(known, off.T).T)


def head_scores(
    database: HeadDatabase, identity: FloatArray, covariance: FloatArray, likeness: Float32Array
) -> FloatArray:
    """Return the score of each head, (N,): differences are logarithms of odds.

    Parameters
    ----------
    database
        The heads.
    identity, covariance
        (K,) coefficients of a face in the database's basis, and (K, K) how sure they are.
    likeness
        (N,) cosines of the embeddings of face and heads (`facestudio.retrieval.look_alikes.likeness_of`).
    """
    shape = shape_likelihood(database, identity, covariance)
    return LIKENESS_WEIGHT * likeness.astype(np.float64) + SHAPE_WEIGHT * shape
