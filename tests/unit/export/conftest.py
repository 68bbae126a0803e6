"""A head to export: the template itself, with an expression and a small texture of known colours."""

from dataclasses import replace

import numpy as np
import pytest

from facestudio.geometry.camera import project, view_camera
from facestudio.template.model import load_template
from facestudio.values import Coverage, Head, Landmarks, SimilarHead, Texture


@pytest.fixture(scope="session")
def head():
    template = load_template()
    expression = np.zeros(52)
    expression[[template.expression_names.index(n) for n in ("jawOpen", "mouthSmileLeft")]] = (0.3, 0.6)
    posed = template.vertices + np.tensordot(expression, template.expression_deltas, axes=1)
    camera = view_camera((640, 800), focal_px=1500, distance_mm=800, yaw=0.1, focal_source="exif")
    points = template.ibug68.points(posed)
    row, column = np.mgrid[:64, :64]
    pixels = np.stack([row * 3, column * 3, 255 - row * 2], axis=2).astype(np.uint8)
    return Head(
        template_version=template.version,
        vertices=template.vertices,
        expression=expression,
        expression_deltas=template.expression_deltas,
        camera=camera,
        landmarks=Landmarks.of("ibug68", project(camera, points)[0], sigma=2.0, method="mesh478"),
        landmarks_3d=template.ibug68.points(template.vertices),
        landmarks_3d_posed=points,
        landmark_vertices=template.ibug68.nearest_vertices(),
        similar_heads=(SimilarHead("a-01", 0.9, 0.7), SimilarHead("b-02", 0.8, 0.3)),
        landmark_method="mesh478",
        retrieval_method="encoder",
        shape_method="default",
        database="studio",
        texture=Texture(pixels, Coverage(np.ones((64, 64), dtype=np.uint8), 0.5, 0.2, 0.3)),
        timings_ms={"landmarks": 12.3456, "texture": 400.0},
    )


@pytest.fixture(scope="session")
def bare_head(head):
    """Without a texture."""
    return replace(head, texture=None)
