"""A closed surface of quads to try mesh maths on."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def ball():
    """(vertices (V, 3) mm, quads (F, 4)): an ellipsoid of 864 quads, counter-clockwise from outside."""
    n = 12
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, n + 1), np.linspace(-1, 1, n + 1), indexing="ij"), -1)
    points, faces = [], []
    for axis in range(3):
        for sign in (-1, 1):
            p = np.insert(grid.reshape(-1, 2), 0, sign, axis=1)
            points.append(np.roll(p, axis, axis=1))
            ids = np.arange((n + 1) ** 2).reshape(n + 1, n + 1) + (n + 1) ** 2 * len(faces)
            quads = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], -1).reshape(-1, 4)
            faces.append(quads if sign > 0 else quads[:, ::-1])
    _, index, inverse = np.unique(
        np.round(np.concatenate(points), 6), axis=0, return_index=True, return_inverse=True
    )
    vertices = np.concatenate(points)[index]
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    return vertices * (80.0, 120.0, 100.0), inverse.ravel()[np.concatenate(faces)].astype(np.int32)
