"""Alignment of corresponding points."""

import numpy as np

from facestudio.values import FloatArray


def similarity(
    source: FloatArray, target: FloatArray, *, scaled: bool = True
) -> tuple[float, FloatArray, FloatArray]:
    """Return the similarity transform that brings points nearest to their partners (S. Umeyama, 1991).

    Parameters
    ----------
    source, target
        (N, 3), any unit; N >= 3, not on a line.
    scaled
        False keeps the size (a rigid transform).

    Returns
    -------
    scale : float
    rotation : numpy.ndarray
        (3, 3), determinant +1.
    shift : numpy.ndarray
        (3,): target is about scale * rotation @ source + shift.
    """
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, d, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((d * sign).sum() / (a**2).sum()) if scaled else 1.0
    return scale, rotation, target.mean(axis=0) - scale * rotation @ source.mean(axis=0)
