"""The mesh that the formats write: a head at a subdivision level, in the unit of the file."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from facestudio.errors import ModelError
from facestudio.geometry.mesh import vertex_normals
from facestudio.template.model import load_template
from facestudio.template.subdivision import Topology, topology
from facestudio.values import FloatArray, Head

Units: TypeAlias = Literal["cm", "m", "mm"]
Expression: TypeAlias = Literal["neutral", "posed"]

PER_MM: dict[Units, float] = {"mm": 1.0, "cm": 0.1, "m": 0.001}


@dataclass(frozen=True, eq=False)
class ExportMesh:
    """A head at one subdivision level, head space in the unit asked for.

    Attributes
    ----------
    vertices, normals
        (V_k, 3) float64.
    topology
        Quads, UVs and materials.
    materials
        Names.
    """

    vertices: FloatArray
    normals: FloatArray
    topology: Topology
    materials: tuple[str, ...]


def check_template(head: Head) -> None:
    """Refuse a head that was made on another template.

    Raises
    ------
    ModelError
        If its vertex order is not that of the shipped template.
    """
    template = load_template()
    if head.template_version != template.version or len(head.vertices) != len(template.vertices):
        raise ModelError(
            f"This head follows template {head.template_version}, this facestudio has {template.version}",
            hint="Reconstruct it again from its photo",
        )


def build_mesh(head: Head, level: int, expression: Expression, units: Units) -> ExportMesh:
    """Return the mesh to write.

    Parameters
    ----------
    head
        On the shipped template.
    level
        Subdivision, 0 to 2.
    expression
        Neutral, or the photo's.
    units
        Of the result.
    """
    topo = topology(level)
    shape = head.vertices if expression == "neutral" else head.posed_vertices()
    vertices = topo.apply(np.asarray(shape)) * PER_MM[units]
    return ExportMesh(vertices, vertex_normals(vertices, topo.quads), topo, tuple(load_template().materials))
