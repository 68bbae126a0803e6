"""NAME.json: what a head was made of, and where its landmarks are (docs/formats/report.md)."""

import json
from typing import Any

import numpy as np

from facestudio import __version__
from facestudio.export.mesh import PER_MM, ExportMesh, Expression, Units
from facestudio.geometry.mesh import closest_points, triangulate
from facestudio.template.model import load_template
from facestudio.values import Camera, FloatArray, Head, PhotoFit


def camera_values(camera: Camera) -> dict[str, Any]:
    """Return a camera as plain values for JSON."""
    return {
        "fx": float(camera.fx),
        "fy": float(camera.fy),
        "cx": float(camera.cx),
        "cy": float(camera.cy),
        "rotation": camera.rotation.tolist(),
        "translation_mm": camera.translation_mm.tolist(),
        "image_size": [int(n) for n in camera.image_size],
        "focal_source": camera.focal_source,
    }


def _rounded(points: FloatArray, scale: float) -> list[list[float]]:
    """Return points without digits that mean nothing: to 0.1 micrometre (`scale` per mm), or 1e-4 pixel."""
    return np.round(points, 4 + round(-np.log10(scale))).tolist()


def _on_surface(points: FloatArray, mesh: ExportMesh) -> FloatArray:
    """Return points (N, 3) mm moved onto the exported surface, (N, 3) in its unit."""
    if mesh.topology.level == 0:
        return points
    # Subdivision rounds the surface off: the landmarks go with it.
    return closest_points(points, mesh.vertices, triangulate(mesh.topology.quads)).points


def _photo_values(photo: PhotoFit) -> dict[str, Any]:
    return {
        "name": photo.name,
        "landmarks_2d": _rounded(photo.landmarks.points, 1.0),
        "camera": camera_values(photo.camera),
        "expression": _weights(photo.expression),
    }


def _weights(expression: FloatArray) -> dict[str, float]:
    return dict(zip(load_template().expression_names, (float(w) for w in expression), strict=True))


def report_text(head: Head, mesh: ExportMesh, units: Units, expression: Expression) -> str:
    """Return the report as JSON text.

    Parameters
    ----------
    head
        The head.
    mesh
        As exported, in `units`.
    units
        Of the OBJ (a GLB is always in metres).
    expression
        The one exported.
    """
    scale = PER_MM[units]
    exported = head.landmarks_3d if expression == "neutral" else head.landmarks_3d_posed
    coverage = None if head.texture is None else head.texture.coverage
    report: dict[str, Any] = {
        "version": __version__,
        "units": units,
        "landmarks_2d": _rounded(head.landmarks.points, 1.0),
        "landmarks_3d": _rounded(_on_surface(exported * scale, mesh), scale),
        "landmarks_3d_posed": _rounded(head.landmarks_3d_posed * scale, scale),
        "landmark_vertices": head.landmark_vertices.tolist(),
        "camera": camera_values(head.camera),
        "expression": _weights(head.expression),
        **({"photos": [_photo_values(photo) for photo in head.photos]} if head.photos else {}),
        **(
            {}
            if head.texture is None or head.texture.hair_photo is None
            else {"hair_photo": head.photos[head.texture.hair_photo].name}
        ),
        "similar_heads": [
            {"id": h.id, "similarity": float(h.similarity), "weight": float(h.weight)}
            for h in head.similar_heads
        ],
        "landmark_method": head.landmark_method,
        "retrieval_method": head.retrieval_method,
        "shape_method": head.shape_method,
        "database": head.database,
        "coverage": None
        if coverage is None
        else {
            "seen": float(coverage.seen),
            "mirrored": float(coverage.mirrored),
            "borrowed": float(coverage.borrowed),
        },
        "poisson": None
        if head.texture is None or not head.texture.poisson_size
        else {
            "grid": [head.texture.poisson_size] * 2,
            "relative_residual": float(head.texture.poisson_residual),
        },
        "advice": [{"topic": a.topic, "title": a.title, "text": a.text, "help": a.help} for a in head.advice],
        "timings_ms": {stage: float(round(ms, 3)) for stage, ms in head.timings_ms.items()},
    }
    # A line for each entry: the file is read by people too.
    lines = [
        f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in report.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"
