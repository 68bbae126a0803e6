"""What a scan does not show: positions or displacements of vertices completed smoothly over the template's mesh."""

from typing import Any

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from facestudio.template.model import Template
from facestudio.template.parts import Parts, template_parts
from facestudio.values import FloatArray, IntArray

KNOWN = 1e4
_LEAST_EDGE_MM = 0.2
_YIELD, _FREE, _RINGS = 0.02, 5e-3, 3


def laplacian(template: Template) -> csr_array:
    """Return the Laplacian of the template's mesh, (V, V): each row is a vertex minus the mean of its neighbours.

    Neighbours weigh as the inverse of their distance on the rest head, so that uneven meshes bend evenly.
    """
    edges = template_parts(template).edges
    length = np.linalg.norm(template.vertices[edges[:, 0]] - template.vertices[edges[:, 1]], axis=1)
    weight = 1.0 / np.maximum(length, _LEAST_EDGE_MM)
    count = len(template.vertices)
    half = coo_array((weight, (edges[:, 0], edges[:, 1])), shape=(count, count))
    whole = csr_array(half + half.T)
    total = np.asarray(whole.sum(axis=1)).ravel()
    return csr_array(diags_array(np.ones(count)) - diags_array(1.0 / total) @ whole)


def bending_energy(template: Template) -> csc_array:
    """Return the matrix (V, V) whose quadratic form is the squared Laplacian of a field on the template."""
    matrix = laplacian(template)
    return csc_array(matrix.T @ matrix)


class Completion:
    """Completes fields on skin and mouth lining from where they are known, with the least bending.

    Parameters
    ----------
    template
        The template.
    weights
        (V,): how well a field is known at each vertex, against the bending energy: KNOWN where it must be met, 0
        where nothing is known. Teeth, tongue and eyeballs hang on nothing: they are left alone.
    """

    def __init__(self, template: Template, weights: FloatArray) -> None:
        self._ids = template.material_vertices("skin", "mouth")
        self._weights = weights[self._ids]
        energy = bending_energy(template)[self._ids][:, self._ids]
        self._solver: Any = splu(csc_array(energy + diags_array(self._weights + 1e-9)))

    def fill(self, field: FloatArray) -> FloatArray:
        """Return a field (V, C) completed; where it is known well, it is met to a thousandth."""
        out = np.array(field, dtype=np.float64)
        out[self._ids] = self._solver.solve(self._weights[:, None] * out[self._ids])
        return out


def yielding(parts: Parts, weights: FloatArray, folded: IntArray) -> FloatArray:
    """Return weights (V,) lowered where quads are folded, so that the next completion is smoother there.

    Parameters
    ----------
    parts
        Of the template.
    weights
        (V,) of the last completion.
    folded
        (Q, 4) quads that it left folded.
    """
    culprits = np.zeros(len(weights), dtype=np.bool_)
    culprits[folded] = True
    culprits |= culprits[parts.template.mirror]
    for _ in range(_RINGS):
        if (weights[culprits] > _FREE).any():
            break
        # They follow their surroundings already: those are what is wrong.
        culprits |= np.asarray(parts.graph @ culprits.astype(np.float64)) > 0
    return np.where(culprits, weights * _YIELD, weights)
