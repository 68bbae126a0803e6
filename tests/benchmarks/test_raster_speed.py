"""How fast the z-buffer rasteriser is (run with --benchmark-enable)."""

import numpy as np
import pytest

from facestudio.geometry.camera import project, view_camera
from facestudio.geometry.mesh import triangulate
from facestudio.geometry.raster import rasterise


def _globe(rows, columns):
    """An ellipsoid as large as a head, of 2 * rows * columns triangles."""
    polar, azimuth = np.meshgrid(
        np.linspace(0.02, np.pi - 0.02, rows + 1), np.linspace(0, 2 * np.pi, columns + 1), indexing="ij"
    )
    ring = np.stack([np.sin(polar) * np.sin(azimuth), np.cos(polar), np.sin(polar) * np.cos(azimuth)], -1)
    ids = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    quads = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], -1).reshape(-1, 4)
    return ring.reshape(-1, 3) * (80, 120, 100), triangulate(quads.astype(np.int32))


@pytest.mark.parametrize(("rows", "columns", "edge"), [(60, 117, 512), (120, 250, 1024)])
def test_head_sized_mesh(benchmark, rows, columns, edge):
    vertices, triangles = _globe(rows, columns)
    camera = view_camera((edge, edge), focal_px=2.4 * edge, distance_mm=700, yaw=0.5)
    pixels, depth = project(camera, vertices)
    result = benchmark(rasterise, pixels, depth, triangles, (edge, edge), perspective=True)
    assert 0.3 < result.covered.mean() < 0.7
