"""What a scan does not show: positions or displacements of vertices completed smoothly over the template's mesh."""

from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from facestudio.template.model import Template
from facestudio.template.parts import template_parts
from facestudio.values import BoolArray, FloatArray, IntArray

_LEAST_EDGE_MM = 0.2


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
    known
        (V,): where fields are known. Teeth, tongue and eyeballs hang on nothing: they are left alone.
    """

    def __init__(self, template: Template, known: BoolArray) -> None:
        inside = np.zeros(len(known), dtype=np.bool_)
        inside[template.material_vertices("skin", "mouth")] = True
        self.known: IntArray = np.flatnonzero(inside & known).astype(np.int32)
        self.unknown: IntArray = np.flatnonzero(inside & ~known).astype(np.int32)
        self._energy = bending_energy(template)

    @cached_property
    def _solver(self) -> Any:
        return splu(csc_array(self._energy[self.unknown][:, self.unknown]))

    def fill(self, field: FloatArray) -> FloatArray:
        """Return a field (V, C) with its unknown rows completed."""
        out = np.array(field, dtype=np.float64)
        if len(self.unknown):
            right = self._energy[self.unknown][:, self.known] @ out[self.known]
            out[self.unknown] = self._solver.solve(-np.asarray(right))
        return out
