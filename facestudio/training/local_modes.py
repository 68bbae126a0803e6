"""Local deformation modes: smooth fields of limited reach, as the leading modes of a Gaussian process on the head.

A model of few hundred people is too sure of itself: real noses and chins leave its span. What they do there is
smooth and local, so the covariance exp(-d^2 / 2 l^2) between places on the head stands in for it (Luethi et al.,
"Gaussian process morphable models", 2018), at a low rank found by the Nystroem method.
"""

import numpy as np
from scipy.linalg import eigh

from facestudio.geometry.mesh import face_area_vectors
from facestudio.template.model import Template
from facestudio.values import Float32Array, FloatArray, IntArray

REACH_MM = 20.0
SIGMA_MM = 0.8
_SAMPLES = 1200
_QUIET = 0.6  # scalp and neck against the face: bony or smooth, and no landmark tells of them
_FACE_MM, _FADE_MM = 105.0, 25.0


def vertex_areas(vertices: FloatArray, quads: IntArray) -> FloatArray:
    """Return the area that belongs to each vertex, (V,) mm²: a quarter of each quad around it."""
    area = np.linalg.norm(face_area_vectors(vertices, quads), axis=1)
    return np.bincount(quads.ravel(), np.repeat(area / 4, 4), minlength=len(vertices)).astype(np.float64)


def learn_local_modes(template: Template, mean: FloatArray, count: int) -> Float32Array:
    """Return fields (L, V) float32 mm per standard deviation; eyeballs move as a whole.

    Parameters
    ----------
    template
        The topology.
    mean
        (V, 3) mm: the head on which distances are taken, with its mouth open (closed lips are near each other
        but move apart).
    count
        L.
    """
    skin = template.material_vertices("skin")
    chosen = _spread(mean, template, skin)
    nose = template.ibug68.points(mean)[30]
    amplitude = _amplitude(mean, nose)
    kernel = _kernel(mean[chosen], mean[chosen]) * np.outer(amplitude[chosen], amplitude[chosen])
    first = len(chosen) - count
    values, vectors = eigh(kernel, subset_by_index=(first, len(chosen) - 1))
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    vectors *= np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(count)])
    fields = (_kernel(mean, mean[chosen]) * np.outer(amplitude, amplitude[chosen])) @ (
        vectors / np.sqrt(values)
    )
    for eye in template.eyes:
        ball = slice(eye.start, eye.stop)
        centre = mean[ball].mean(axis=0, keepdims=True)
        at = _kernel(centre, mean[chosen]) * np.outer(_amplitude(centre, nose), amplitude[chosen])
        fields[ball] = at @ (vectors / np.sqrt(values))
    return (SIGMA_MM * fields.T).astype(np.float32)


def _kernel(a: FloatArray, b: FloatArray) -> FloatArray:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.exp(-0.5 * np.maximum(squared, 0) / REACH_MM**2)


def _amplitude(places: FloatArray, nose: FloatArray) -> FloatArray:
    away = np.linalg.norm(places - nose, axis=1)
    inside = np.clip((_FACE_MM + _FADE_MM - away) / _FADE_MM, 0, 1)
    return _QUIET + (1 - _QUIET) * inside


def _spread(mean: FloatArray, template: Template, skin: IntArray) -> IntArray:
    """Return skin vertices drawn by area, so that dense parts of the mesh do not count for more."""
    area = vertex_areas(mean, template.quads)[skin]
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(skin, min(_SAMPLES, len(skin)), replace=False, p=area / area.sum()))
