"""Folded quads: which they are, and smoothing them out."""

import numpy as np

from facestudio.geometry.mesh import face_area_vectors
from facestudio.values import BoolArray, FloatArray, IntArray


def folded_quads(vertices: FloatArray, quads: IntArray) -> BoolArray:
    """Tell which quads are folded over: the normal at a corner points away from the quad's own.

    Parameters
    ----------
    vertices
        (V, 3).
    quads
        (F, 4).

    Returns
    -------
    numpy.ndarray
        (F,) bool.
    """
    p = np.asarray(vertices, dtype=np.float64)[quads]
    normal = face_area_vectors(vertices, quads)
    ahead, behind = np.roll(p, -1, axis=1) - p, np.roll(p, 1, axis=1) - p
    (ax, ay, az), (bx, by, bz), n = np.moveaxis(ahead, 2, 0), np.moveaxis(behind, 2, 0), normal[:, :, None]
    turned = (ay * bz - az * by) * n[:, 0] + (az * bx - ax * bz) * n[:, 1] + (ax * by - ay * bx) * n[:, 2]
    return (turned < 0).any(axis=1)
