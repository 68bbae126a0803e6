"""How near heads come to the ShapeModel when the true head is projected onto it: what no fit can do better."""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facestudio.database.shape_model import ShapeModel
from facestudio.geometry.mesh import triangle_areas, triangulate
from facestudio.geometry.procrustes import similarity
from facestudio.template.model import Template
from facestudio.template.parts import REGIONS, template_parts
from facestudio.values import FloatArray

NOISE_MM = 0.5  # of a vertex: how far a projection may go to meet the head
_ROUNDS = 3


@dataclass(frozen=True)
class Representation:
    """Distances between heads and their projections, mm: the median over the heads of each head's mean.

    `by_region` holds the face's, ears', scalp's and neck's own; `mean_head` the distance from the model's mean
    over the face.
    """

    population: str
    heads: int
    local_modes: bool
    face: float
    mean_head: float
    by_region: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class Projector:
    """Projects heads onto a shape model: the most probable coefficients, vertices taken to be 0.5 mm sure.

    Parameters
    ----------
    model, template
        The model and its topology.
    local
        Whether the local deformation modes may be used too.
    """

    def __init__(self, model: ShapeModel, template: Template, *, local: bool) -> None:
        self._mean = model.mean
        region = template_parts(template).region
        self._rows = np.flatnonzero(region >= 0)
        triangles = triangulate(template.quads)
        corner = np.repeat(triangle_areas(model.mean, triangles) / 3, 3)
        area = np.bincount(triangles.ravel(), corner, len(model.mean))[self._rows]
        # Neighbouring vertices say nearly the same: each cm² counts as one independent vertex.
        self._weight = np.repeat(area / 100.0, 3) / NOISE_MM**2
        fields = model.basis.astype(np.float64)
        if local:
            along = np.einsum("lv,ac->lavc", model.local.astype(np.float64), np.eye(3))
            fields = np.concatenate([fields, along.reshape(-1, len(model.mean), 3)])
        self._fields = fields.reshape(len(fields), -1)
        self._seen = fields[:, self._rows].reshape(len(fields), -1)
        gram = (self._seen * self._weight) @ self._seen.T
        self._inverse = np.linalg.inv(gram + np.eye(len(gram)))

    def __call__(self, head: FloatArray) -> FloatArray:
        """Return the projection of a head (V, 3) mm, posed like it; the pose is free, the size is not."""
        rotation, shift, projected = np.eye(3), np.zeros(3), self._mean
        for _ in range(_ROUNDS):
            _, rotation, shift = similarity(head[self._rows], projected[self._rows], scaled=False)
            away = (head @ rotation.T + shift - self._mean)[self._rows].reshape(-1)
            z = self._inverse @ (self._seen @ (self._weight * away))
            projected = self._mean + (z @ self._fields).reshape(-1, 3)
        return (projected - shift) @ rotation


def representation(
    model: ShapeModel, template: Template, population: str, heads: list[FloatArray], *, local: bool
) -> Representation:
    """Measure how near heads (V, 3) mm of a population come to the model."""
    region = template_parts(template).region
    project = Projector(model, template, local=local)
    found: dict[str, list[float]] = {name: [] for name in REGIONS}
    base: list[float] = []
    for head in heads:
        away = np.linalg.norm(project(head) - head, axis=1)
        for row, name in enumerate(REGIONS):
            found[name].append(float(away[region == row].mean()))
        face = region == REGIONS.index("face")
        _, rotation, shift = similarity(model.mean[face], head[face], scaled=False)
        base.append(float(np.linalg.norm(model.mean[face] @ rotation.T + shift - head[face], axis=1).mean()))
    medians = {name: statistics.median(values) for name, values in found.items()}
    return Representation(population, len(heads), local, medians["face"], statistics.median(base), medians)
