"""Brings what the shape observer saw into the prior of the fit."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.database.shape_model import ShapeModel, load_shape_model
from facestudio.fitting.evidence import by_kind
from facestudio.fitting.fit_values import Prior
from facestudio.fitting.noise import PointNoise
from facestudio.fitting.observer import Observation, load_observer
from facestudio.values import DetectedFace, FloatArray, Landmarks, Photo

OBSERVER_LEAD = (8.0, 64.0)
"""So firmly is held what the observer sees of identity, in real and in drawn photos: it has seen the points already
(docs/adr/0027), but real faces it knows less than their landmarks do (docs/adr/0041)."""

SHRINKAGE = (0.85, 0.5)
"""How far the prior's mean goes from the database's mean to the similar heads', without an observation and with one
that is trusted: what they say is then partly known (docs/adr/0046)."""

_LEAST_VARIANCE = 1e-3  # of a coefficient of another database that the observer says nothing of


@lru_cache(maxsize=4)
def _bridge(model: ShapeModel, database: HeadDatabase) -> tuple[FloatArray, FloatArray] | None:
    """Return matrix (K', K) and offset (K',) from the shape model's coefficients to a database's; None if equal."""
    if database.basis.shape == model.basis.shape and np.array_equal(database.basis, model.basis):
        return None
    own = database.flat_basis
    gram = own @ own.T
    gram += 1e-6 * np.trace(gram) / max(len(gram), 1) * np.eye(len(gram))
    offset = np.linalg.solve(gram, own @ (model.mean - database.mean).reshape(-1))
    return np.linalg.solve(gram, own @ model.flat_basis.T), offset


def carried_over(observation: Observation, model: ShapeModel, database: HeadDatabase) -> Observation:
    """Return an observation in a database's coefficients: those of the nearest head it can make.

    Parameters
    ----------
    observation
        In the coefficients of `model`.
    model
        The shape model.
    database
        Any of the same template.
    """
    bridge = _bridge(model, database)
    if bridge is None:
        return observation
    matrix, offset = bridge
    covariance = matrix @ observation.covariance @ matrix.T + _LEAST_VARIANCE * np.eye(len(matrix))
    return replace(observation, identity=matrix @ observation.identity + offset, covariance=covariance)


def observed(photo: Photo, face: DetectedFace, database: HeadDatabase) -> Observation:
    """Return what the shape observer sees of a face, in a database's coefficients."""
    seen = load_observer().observe(photo.pixels, face.mesh.points)
    return carried_over(seen, load_shape_model(), database)


def lead_over(located: Landmarks | None, noise: PointNoise | None) -> float:
    """Return how many times as firmly as it is sure an observation is held against located points.

    `located` are the 68, which know how likely the photo is drawn; points of a `noise` that the caller knows are news
    to the observer.
    """
    if noise is not None:
        return 1.0
    return by_kind(OBSERVER_LEAD, located)


def centre_among(usual: FloatArray, statistical: FloatArray, trust: float = 0.0) -> FloatArray:
    """Return the mean of the prior beside similar heads, (K,).

    Parameters
    ----------
    usual, statistical
        (K,) the means of all heads, and of the similar ones.
    trust
        0..1, in what was observed.
    """
    share = (1 - trust) * SHRINKAGE[0] + trust * SHRINKAGE[1]
    return usual + share * (statistical - usual)


def with_observation(
    prior: Prior, observation: Observation, lead: float = 1.0, usual: FloatArray | None = None
) -> Prior:
    """Return the prior after an observation that was learnt under it, or under one with another mean.

    The observation's mean and covariance are conditional ones: fully trusted they take the prior's place, not
    trusted at all they change nothing. Between, precisions are mixed: a head between the two, no surer than either.
    What is observed of one of all heads is, of one of these about another mean, so much nearer to that as the
    observation is unsure (Bayes' rule, the one mean divided out and the other multiplied in).

    Parameters
    ----------
    prior
        Of heads.
    observation
        In the same coefficients.
    lead
        1: as it is. More, against evidence that the observation has seen already and that must not count twice: a
        fully trusted one is held so many times as firmly as it is sure.
    usual
        (K,) the mean under which it was learnt, if it is not the prior's.
    """
    seen = np.linalg.inv(observation.covariance)
    precision = (1 - observation.trust) * prior.precision + observation.trust * seen
    pull = (1 - observation.trust) * prior.precision @ prior.identity
    pull = pull + observation.trust * seen @ observation.identity
    if usual is not None:
        pull = pull + observation.trust * prior.precision @ (prior.identity - usual)
    firmly = lead**observation.trust
    return replace(prior, identity=np.linalg.solve(precision, pull), precision=firmly * precision)
