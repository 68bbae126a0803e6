"""A small closed head-like mesh and the backends that work here."""

import numpy as np
import pytest

from facestudio.errors import UsageError
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.render.scene import mesh_of_faces


def _ball_with_a_nose(n=16):
    """(vertices, quads, uvs): an ellipsoid with a bump towards +Z, counter-clockwise seen from outside."""
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, n + 1), np.linspace(-1, 1, n + 1), indexing="ij"), -1)
    points, faces = [], []
    for axis in range(3):
        for sign in (-1, 1):
            points.append(np.roll(np.insert(grid.reshape(-1, 2), 0, sign, axis=1), axis, axis=1))
            ids = np.arange((n + 1) ** 2).reshape(n + 1, n + 1) + (n + 1) ** 2 * len(faces)
            quads = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], -1).reshape(-1, 4)
            faces.append(quads if sign > 0 else quads[:, ::-1])
    _, index, inverse = np.unique(
        np.round(np.concatenate(points), 6), axis=0, return_index=True, return_inverse=True
    )
    directions = np.concatenate(points)[index]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    vertices = directions * (80.0, 120.0, 100.0)
    from_tip = np.linalg.norm(vertices - (0, 0, 100), axis=1)
    vertices[:, 2] += 30 * np.exp(-((from_tip / 18) ** 2))
    uvs = 0.5 + 0.45 * directions[:, :2]
    return vertices, inverse.ravel()[np.concatenate(faces)].astype(np.int32), uvs


@pytest.fixture(scope="session")
def ball():
    return _ball_with_a_nose()


@pytest.fixture(scope="session")
def ball_mesh(ball):
    vertices, quads, uvs = ball
    return mesh_of_faces(vertices, quads, uvs=uvs)


@pytest.fixture(scope="session")
def checks():
    """A (256, 256, 3) texture of soft-coloured squares."""
    board = (np.indices((256, 256)) // 32).sum(axis=0) % 2
    return np.where(board[..., None], np.uint8([214, 170, 150]), np.uint8([120, 150, 190])).astype(np.uint8)


def _open(backend):
    try:
        return OffscreenRenderer(backend)
    except UsageError as error:
        pytest.skip(f"no OpenGL here: {error}")


@pytest.fixture(params=["software", pytest.param("gl", marks=pytest.mark.gl)])
def renderer(request):
    """Each renderer that works here."""
    with _open(request.param) as found:
        yield found


@pytest.fixture
def gl_renderer():
    with _open("gl") as found:
        yield found
