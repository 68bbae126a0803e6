"""The template: the one topology that every head of facestudio follows."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.errors import ModelError
from facestudio.paths import resources
from facestudio.values import Float32Array, FloatArray, IntArray, read_only

TEMPLATE_FORMAT = 1
JAW_POINTS = 17
JAW_STEPS = 9
_OPENING = 0.6


@dataclass(frozen=True, eq=False)
class PointMap:
    """Where the points of a LandmarkScheme lie on the template: barycentric in vertex triples.

    Attributes
    ----------
    vertex_ids
        (N, 3) int32 template vertices.
    weights
        (N, 3) float64, rows sum to one.
    """

    vertex_ids: IntArray
    weights: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertex_ids", read_only(self.vertex_ids, np.int32))
        object.__setattr__(self, "weights", read_only(self.weights, np.float64))

    def __len__(self) -> int:
        return len(self.vertex_ids)

    def points(self, vertices: FloatArray | Float32Array) -> FloatArray:
        """Evaluate the points on vertices (..., V, 3); returns (..., N, 3) in the same unit and frame."""
        return np.einsum("...nkc,nk->...nc", vertices[..., self.vertex_ids, :], self.weights)

    def nearest_vertices(self) -> IntArray:
        """Return the template vertex of largest weight for each point, (N,) int32."""
        rows = np.arange(len(self.vertex_ids))
        return self.vertex_ids[rows, np.argmax(self.weights, axis=1)]


@dataclass(frozen=True)
class EyeChart:
    """Where an eyeball is: its vertices [start, stop) and its azimuthal equidistant chart.

    Attributes
    ----------
    start, stop
        Template vertices; `start` is the middle of the pupil.
    centre
        (u, v) of the pupil.
    radians_per_uv
        Angle from the pupil's axis per unit of UV distance.
    """

    start: int
    stop: int
    centre: tuple[float, float]
    radians_per_uv: float


@dataclass(frozen=True, eq=False)
class Template:
    """The studio head at level 0. All faces are quads, counter-clockwise seen from outside.

    Attributes
    ----------
    version
        Changes whenever vertex order, quads or UVs change.
    vertices
        (V, 3) float64 mm, head space: the rest head.
    quads, quad_uvs
        (F, 4) int32 into `vertices` and into `uvs`.
    uvs
        (T, 2) float64, 0..1, v up (texel row 0 of a texture is v = 1).
    materials
        Names: skin, mouth, eyes, teeth, tongue.
    quad_material
        (F,) int32 into `materials`.
    expression_names
        The 52 ARKit names, ARKit's order.
    expression_deltas
        (52, V, 3) float32 mm at weight 1, for the rest head.
    mirror
        (V,) int32: the vertex on the other side (itself on the midline).
    ibug68, mesh478
        Point maps.
    eyes
        The sitter's left and right eyeball.
    jaw_lines
        Point map of 17 x JAW_STEPS places: for each point of ibug68's jaw the line across the cheek on which it
        slides as the head turns, from front to back; the middle one is the point itself.
    """

    version: str
    vertices: FloatArray
    quads: IntArray
    quad_uvs: IntArray
    uvs: FloatArray
    materials: tuple[str, ...]
    quad_material: IntArray
    expression_names: tuple[str, ...]
    expression_deltas: Float32Array
    mirror: IntArray
    ibug68: PointMap
    mesh478: PointMap
    eyes: tuple[EyeChart, EyeChart]
    jaw_lines: PointMap

    def __post_init__(self) -> None:
        for name, dtype in (
            ("vertices", np.float64),
            ("quads", np.int32),
            ("quad_uvs", np.int32),
            ("uvs", np.float64),
            ("quad_material", np.int32),
            ("expression_deltas", np.float32),
            ("mirror", np.int32),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))

    def open_mouthed(self) -> FloatArray:
        """Return the rest head with its mouth open, (V, 3) float64 mm: there the lips lie apart.

        Whatever tells the upper from the lower lip by place (point maps, splines) works on this one.
        """
        jaw = self.expression_names.index("jawOpen")
        return self.vertices + _OPENING * self.expression_deltas[jaw].astype(np.float64)

    def material_vertices(self, *names: str) -> IntArray:
        """Return the sorted vertex ids (int32) used by the named materials."""
        wanted = [self.materials.index(name) for name in names]
        return np.unique(self.quads[np.isin(self.quad_material, wanted)]).astype(np.int32)


def _eye_chart(entry: dict[str, Any]) -> EyeChart:
    u, v = entry["centre"]
    return EyeChart(entry["start"], entry["stop"], (u, v), entry["radians_per_uv"])


def load_template_file(path: Path) -> Template:
    """Read a template file (docs/formats/template.md).

    Raises
    ------
    ModelError
        If the file is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > TEMPLATE_FORMAT:
                raise ModelError(f"{path.name} was written by a newer facestudio (format {meta['format']})")
            return Template(
                version=meta["version"],
                vertices=data["vertices"],
                quads=data["quads"],
                quad_uvs=data["quad_uvs"],
                uvs=data["uvs"],
                materials=tuple(meta["materials"]),
                quad_material=data["quad_material"],
                expression_names=tuple(meta["expression_names"]),
                expression_deltas=data["expression_deltas"].astype(np.float32),
                mirror=data["mirror"],
                ibug68=PointMap(data["ibug68_vertices"], data["ibug68_weights"]),
                mesh478=PointMap(data["mesh478_vertices"], data["mesh478_weights"]),
                jaw_lines=PointMap(data["jaw_lines_vertices"], data["jaw_lines_weights"]),
                eyes=(_eye_chart(meta["eyes"][0]), _eye_chart(meta["eyes"][1])),
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable template
        raise ModelError(f"The template {path} is missing or damaged: {error}") from error


@cache
def load_template() -> Template:
    """Return the shipped template (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_template_file(resources() / "template" / "studio-head.npz")
