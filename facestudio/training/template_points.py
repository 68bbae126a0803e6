"""Finds where the landmarker's 478 points lie on the template: heads drawn from many views, a ray per point."""

from itertools import product

import numpy as np

from facestudio.geometry.camera import view_camera
from facestudio.geometry.mesh import closest_points, triangulate
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.synthesis.studio import draw_head
from facestudio.template.model import PointMap, Template
from facestudio.template.subdivision import Topology, build_topology
from facestudio.texture.eyes import paint_eyes
from facestudio.texture.inner import paint_inner
from facestudio.values import ByteArray, Camera, FloatArray, Photo

_SIZE = 640
_FOCAL_PX = 1900.0
_DISTANCE_MM = 900.0
_MIDDLE_MM = (0.0, -18.0, 0.0)  # what the cameras look at, head space
_YAWS = (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0)  # degrees
_PITCHES = (-10.0, 2.0, 12.0)
_IRIS_RADIUS_MM = 5.85
_IRIS_COLOUR = (92.0, 66.0, 44.0)
_SKIN_POINTS = 468  # of the 478, the first: the others are the irises
_INNER_LIPS = (
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    *(95, 88, 178, 87, 14, 317, 402, 318, 324),
)


def studio_camera(yaw: float, pitch: float, size: int = _SIZE) -> Camera:
    """Return a camera in front of the face, degrees; the head's origin is a little above the middle."""
    return view_camera(
        (size, size),
        focal_px=_FOCAL_PX * size / _SIZE,
        distance_mm=_DISTANCE_MM,
        yaw=float(np.radians(yaw)),
        pitch=float(np.radians(pitch)),
        target=_MIDDLE_MM,
    )


def _triangulated(rays: list[tuple[Camera, FloatArray]]) -> FloatArray:
    """Return for each point the place nearest to all its rays, (N, 3) head space, by linear least squares."""
    count = len(rays[0][1])
    system = np.zeros((count, 3, 3))
    right = np.zeros((count, 3))
    for camera, pixels in rays:
        direction = np.column_stack(
            [(pixels[:, 0] - camera.cx) / camera.fx, (pixels[:, 1] - camera.cy) / camera.fy, np.ones(count)]
        )
        direction = direction @ camera.rotation
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        across = np.eye(3) - direction[:, :, None] * direction[:, None, :]
        centre = -camera.rotation.T @ camera.translation_mm
        system += across
        right += across @ centre
    return np.asarray(np.linalg.solve(system, right[:, :, None])[:, :, 0], dtype=np.float64)


def surface_map(
    template: Template, points: FloatArray, materials: tuple[str, ...], vertices: FloatArray | None = None
) -> PointMap:
    """Return the places on the template's rest surface nearest to points.

    Parameters
    ----------
    template
        Where they are wanted.
    points
        (N, 3) mm, head space.
    materials
        The parts of the surface that are taken into account.
    vertices
        (V, 3) mm: another shape of the template than the rest head, in which the points are given.
    """
    wanted = [template.materials.index(name) for name in materials]
    triangles = triangulate(template.quads[np.isin(template.quad_material, wanted)])
    closest = closest_points(points, template.vertices if vertices is None else vertices, triangles)
    return PointMap(triangles[closest.triangles], closest.barycentric)


def iris_map(template: Template) -> PointMap:
    """Return the ten iris points, the sitter's left eye first.

    Each is the pupil and the limbus at the right, top, left and bottom of the picture, as MediaPipe orders them.
    """
    ids: list[list[int]] = []
    weights: list[list[float]] = []
    for eye in template.eyes:
        ids.append([eye.start] * 3)
        weights.append([1.0, 0.0, 0.0])
        ball = template.vertices[eye.start : eye.stop]
        centre = (ball[0] + ball[-1]) / 2
        radius = np.linalg.norm(ball[0] - ball[-1]) / 2
        limbus = np.arcsin(_IRIS_RADIUS_MM / radius)
        for azimuth in (0.0, np.pi / 2, np.pi, -np.pi / 2):
            place = centre + radius * np.array(
                [np.sin(limbus) * np.cos(azimuth), np.sin(limbus) * np.sin(azimuth), np.cos(limbus)]
            )
            found = surface_map(template, place[None], ("eyes",))
            ids.append(found.vertex_ids[0].tolist())
            weights.append(found.weights[0].tolist())
    return PointMap(np.array(ids), np.array(weights))


def find_mesh_points(
    template: Template, heads: list[FloatArray], skins: list[ByteArray]
) -> tuple[PointMap, FloatArray]:
    """Find mesh478 on the template.

    Parameters
    ----------
    template
        The template without point maps.
    heads
        (V, 3) mm each: heads of different shape.
    skins
        (S, S, 3) uint8 each: one per head, painted here with eyes and inner mouth.

    Returns
    -------
    PointMap
        The 478 points.
    spread
        (478,) mm: scatter of each point over the heads.
    """
    surface = build_topology(template, 1)
    triangles = triangulate(template.quads[template.quad_material == template.materials.index("skin")])
    canonical = template.open_mouthed()
    opening = canonical - template.vertices
    found: list[FloatArray] = []
    for number, (head, skin) in enumerate(zip(heads, skins, strict=True)):
        atlas = skin.copy()
        paint_inner(atlas, template)
        paint_eyes(atlas, template, head, np.tile([_IRIS_COLOUR], (2, 1)))
        tilt = 0.5 * (-1) ** number
        states: list[FloatArray] = []
        for shown in (head, head + opening):
            places = _triangulated(_rays(surface, shown, atlas, tilt))
            closest = closest_points(places, shown, triangles)
            # The same barycentric place on the open-mouthed rest head: comparable between heads.
            states.append(PointMap(triangles[closest.triangles], closest.barycentric).points(canonical))
        # Closed lips touch: which of the two an inner point belongs to shows only when they are apart.
        states[0][list(_INNER_LIPS)] = states[1][list(_INNER_LIPS)]
        found.append(states[0])
    stacked = np.stack(found)
    middle = np.median(stacked, axis=0)
    spread = np.sqrt(((stacked - middle) ** 2).sum(axis=2).mean(axis=0))
    face = surface_map(template, _symmetrised(middle[:_SKIN_POINTS]), ("skin",), canonical)
    iris = iris_map(template)
    # MediaPipe's first iris (468-472) is the sitter's right eye.
    points = PointMap(
        np.concatenate([face.vertex_ids, iris.vertex_ids[5:], iris.vertex_ids[:5]]),
        np.concatenate([face.weights, iris.weights[5:], iris.weights[:5]]),
    )
    return points, spread


def _rays(
    surface: Topology, head: FloatArray, atlas: ByteArray, tilt: float
) -> list[tuple[Camera, FloatArray]]:
    """Draw a head from all cameras and return where its 478 points were located, (478, 2) pixels each."""
    rays: list[tuple[Camera, FloatArray]] = []
    for yaw, pitch in product(_YAWS, _PITCHES):
        camera = studio_camera(yaw, pitch)
        faces = locate_faces(Photo(draw_head(surface, head, atlas, camera, tilt=tilt)))
        if faces:
            rays.append((camera, faces[0].mesh.points))
    return rays


def _symmetrised(points: FloatArray) -> FloatArray:
    """Average each point (N, 3) with its mirror partner (the nearest to its mirror image)."""
    flip = np.array([-1.0, 1.0, 1.0])
    apart = np.linalg.norm(points[:, None] - (points * flip)[None], axis=2)
    partner = np.argmin(apart, axis=0)
    mutual = partner[partner] == np.arange(len(points))
    out = points.copy()
    out[mutual] = (points[mutual] + points[partner[mutual]] * flip) / 2
    return out
