"""Finds the face of a scan whose points are not known: it is drawn from all sides and shown to the landmarker."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facestudio.database.registration.scan import Scan
from facestudio.errors import NoFaceError
from facestudio.geometry.camera import project, rotation_matrix, view_camera
from facestudio.geometry.mesh import face_area_vectors
from facestudio.geometry.raster import rasterise
from facestudio.landmarks.detector import search_faces
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.render.lighting import Style
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.render.scene import RenderMesh, mesh_of_faces
from facestudio.values import Camera, FloatArray, IntArray, Photo

_SEARCH_PX, _LOOK_PX = 320, 640
_RADIUS_MM = 140.0  # size to which a scan is brought for drawing: its unit is not known yet
_FOCAL, _DISTANCE_MM = 2.6, 1000.0
_YAWS = (-30.0, -15.0, 0.0, 15.0, 30.0)
_SURE, _VERY_SURE = 0.75, 0.92
_SKIN_POINTS = 468
_ZOOMS = (1.0, 2.0)
_FEWEST_VIEWS = 2
_LOOKS = 3  # how many of the detector's finds the landmarker is shown
_BACKGROUND = (96, 100, 106)


@dataclass(frozen=True, eq=False)
class FoundPoints:
    """Points of a face found on a scan.

    Attributes
    ----------
    rotation
        (3, 3): turns the scan upright, the face towards +Z.
    points
        (468, 3) float64: mesh478's skin points on the scan's surface, in its own unit and frame; NaN where fewer
        than two views saw one.
    spread
        (468,) float64: how far the views disagree, in the scan's unit.
    inward
        The scan's triangles are wound the wrong way round.
    """

    rotation: FloatArray
    points: FloatArray
    spread: FloatArray
    inward: bool


def _facings() -> list[FloatArray]:
    """Return six rotations that turn each axis of a scan towards the camera, the usual one first."""
    quarter = np.pi / 2
    turns = [(0, 0), (-1, 0), (1, 0), (0, 1), (0, -1), (0, 2)]  # about X, about Y
    return [
        np.rint(rotation_matrix((x * quarter, 0, 0)) @ rotation_matrix((0, y * quarter, 0))) for x, y in turns
    ]


def find_points(scan: Scan, cancelled: Callable[[], None] | None = None) -> FoundPoints:
    """Find the face on a scan, whichever way up it is.

    Parameters
    ----------
    scan
        A cleaned scan.
    cancelled
        Called between views; may raise.

    Raises
    ------
    NoFaceError
        If no view shows a face that others confirm.
    ModelError
        If the landmarker's models are missing.
    """
    middle = 0.5 * (scan.vertices.max(axis=0) + scan.vertices.min(axis=0))
    reach = float(np.linalg.norm(scan.vertices - middle, axis=1).max())
    scaled = (scan.vertices - middle) * (_RADIUS_MM / max(reach, 1e-300))
    check = cancelled or (lambda: None)
    with OffscreenRenderer() as renderer:
        rotation = _front(renderer, scan, scaled, check)
        upright = scaled @ rotation.T
        renderer.set_mesh(_mesh(upright, scan))
        points, spread, inward = _look(renderer, upright, scan, check)
    size = max(reach, 1e-300) / _RADIUS_MM
    return FoundPoints(rotation, points @ rotation * size + middle, spread * size, inward)


def _mesh(vertices: FloatArray, scan: Scan) -> RenderMesh:
    return mesh_of_faces(vertices, scan.triangles, colours=scan.colours)


def _camera(
    size: int, zoom: float, yaw: float = 0.0, pitch: float = 0.0, target: FloatArray | None = None
) -> Camera:
    return view_camera(
        (size, size),
        focal_px=_FOCAL * size * zoom,
        distance_mm=_DISTANCE_MM,
        yaw=float(np.radians(yaw)),
        pitch=float(np.radians(pitch)),
        target=np.zeros(3) if target is None else target,
    )


def _picture(renderer: OffscreenRenderer, camera: Camera, coloured: bool) -> Photo:
    style = Style(mode="textured" if coloured else "clay", supersample=1)
    return Photo(renderer.picture(camera, style, _BACKGROUND))


def _front(
    renderer: OffscreenRenderer, scan: Scan, scaled: FloatArray, check: Callable[[], None]
) -> FloatArray:
    """Return the rotation that shows a face upright; it may be tilted as much as it likes."""
    found: list[tuple[float, FloatArray]] = []
    for zoom in _ZOOMS:
        for facing in _facings():
            check()
            renderer.set_mesh(_mesh(scaled @ facing.T, scan))
            photo = _picture(renderer, _camera(_SEARCH_PX, zoom), scan.colours is not None)
            for face in next(search_faces(photo)):
                right, left = face.keypoints[:2]
                tilt = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
                found.append((face.box.score, rotation_matrix((0, 0, tilt)) @ facing))
        surest = max((score for score, _ in found), default=0.0)
        if surest > _SURE:
            break
    if not found:
        raise NoFaceError(f"{scan.name}: no face was found on it from any side")
    found.sort(key=lambda one: -one[0])
    if found[0][0] > _VERY_SURE or len(found) == 1:
        return found[0][1]
    # A head seen from below can look like a face to the detector: the landmarker decides.
    return max(
        (rotation for _, rotation in found[:_LOOKS]), key=lambda r: _presence(renderer, scan, scaled @ r.T)
    )


def _presence(renderer: OffscreenRenderer, scan: Scan, upright: FloatArray) -> float:
    """Return how sure the landmarker is of a face seen from the front, 0..1."""
    renderer.set_mesh(_mesh(upright, scan))
    photo = _picture(renderer, _camera(_LOOK_PX, 1.0), scan.colours is not None)
    return max((face.presence for face in locate_faces(photo, min_presence=0.0)), default=0.0)


def _look(
    renderer: OffscreenRenderer, vertices: FloatArray, scan: Scan, check: Callable[[], None]
) -> tuple[FloatArray, FloatArray, bool]:
    """Locate the points in several views and lift them to the surface."""
    target, zoom, frontal = np.zeros(3), 1.0, 0.0
    seen: list[FloatArray] = []
    facing: list[float] = []
    for attempt in range(3):
        # The first looks find where the face is, and which way it looks; the last ones measure.
        views = (
            [(0.0, 0.0)] if attempt < 2 else [(frontal + yaw, pitch) for yaw in _YAWS for pitch in (0.0, 8.0)]
        )
        for yaw, pitch in views:
            check()
            camera = _camera(_LOOK_PX, zoom, yaw, pitch, target)
            faces = locate_faces(_picture(renderer, camera, scan.colours is not None), max_faces=1)
            if not faces:
                continue
            lifted, turned = _lift(camera, faces[0].mesh.points[:_SKIN_POINTS], vertices, scan.triangles)
            if attempt < 2:
                middle = np.nanmedian(lifted, axis=0)
                if np.isfinite(middle).all():
                    wide = float(np.nanmax(np.linalg.norm(lifted - middle, axis=1)))
                    target, zoom = (
                        middle,
                        float(np.clip(0.19 * _DISTANCE_MM / _FOCAL / max(wide, 1.0), 1.0, 6.0)),
                    )
                continue
            seen.append(lifted)
            facing.append(turned)
    if len(seen) < _FEWEST_VIEWS:
        raise NoFaceError("No face was found on the scan that several views agree on")
    stacked = np.stack(seen)
    often = np.isfinite(stacked[..., 0]).sum(axis=0) >= _FEWEST_VIEWS
    points = np.full((_SKIN_POINTS, 3), np.nan)
    spread = np.full(_SKIN_POINTS, np.inf)
    points[often] = np.nanmedian(stacked[:, often], axis=0)
    spread[often] = np.nanmedian(np.linalg.norm(stacked[:, often] - points[often], axis=2), axis=0)
    return points, spread, float(np.mean(facing)) < 0.5


def _lift(
    camera: Camera, pixels: FloatArray, vertices: FloatArray, triangles: IntArray
) -> tuple[FloatArray, float]:
    """Return where pixels (N, 2) hit the surface, (N, 3) with NaN for none, and the share that hit its outside."""
    where, depth = project(camera, vertices)
    raster = rasterise(where, depth, triangles, camera.image_size, perspective=True)
    column, row = np.rint(pixels).astype(np.int64).T
    width, height = camera.image_size
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    out = np.full((len(pixels), 3), np.nan)
    ids = np.flatnonzero(inside)
    hit = raster.triangle[row[ids], column[ids]]
    ids, hit = ids[hit >= 0], hit[hit >= 0]
    if not len(ids):
        return out, 0.5
    bary = raster.barycentric[row[ids], column[ids]].astype(np.float64)
    out[ids] = np.einsum("nk,nkc->nc", bary, vertices[triangles[hit]])
    lens = -camera.rotation.T @ camera.translation_mm
    outward = np.einsum("ni,ni->n", face_area_vectors(vertices, triangles[hit]), lens - out[ids]) > 0
    return out, float(outward.mean())
