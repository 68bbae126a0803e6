"""What is drawn and from where: meshes, named views, framing and the matrices of a pinhole camera.

Positions are in head space (millimetres, +Y up, +Z out of the face).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from facestudio.errors import UsageError
from facestudio.geometry.camera import view_camera
from facestudio.geometry.mesh import triangulate, unique_edges, vertex_normals
from facestudio.render.occlusion import BEHIND_LIPS, mouth_is_open, template_gloss, template_occlusion
from facestudio.template.subdivision import Topology
from facestudio.values import Camera, Float32Array, FloatArray, IntArray, read_only

Mode: TypeAlias = Literal["textured", "clay", "wireframe", "normals", "unlit", "coverage"]
MODES: tuple[Mode, ...] = ("textured", "clay", "wireframe", "normals")

# How wet a material of the template looks, 0 (matt) to 1 (an eye).
_GLOSS = {"skin": 0.2, "mouth": 0.45, "eyes": 1.0, "teeth": 0.6, "tongue": 0.45}
_DEFAULT_GLOSS = 0.2

# A portrait lens: 85 mm on full frame sees 16 degrees across the short side of the picture.
_HALF_FIELD = np.tan(np.radians(8.0))
_MARGIN = 1.07

HIDDEN_OPACITY = 0.25  # of marks behind the head
MARK_LIFT_MM = 2.0  # marks are tested this much nearer than they are, so that the skin does not hide them


@dataclass(frozen=True)
class Background:
    """A vertical gradient, sRGB 0..1."""

    top: tuple[float, float, float] = (0.32, 0.34, 0.37)
    bottom: tuple[float, float, float] = (0.17, 0.18, 0.20)


@dataclass(frozen=True, eq=False)
class RenderMesh:
    """A mesh ready to draw: one row per vertex, split at UV seams.

    Attributes
    ----------
    positions
        (R, 3) float32 mm, head space.
    normals
        (R, 3) float32, outward, length one.
    uvs
        (R, 2) float32, v up.
    triangles
        (M, 3) int32, counter-clockwise seen from outside.
    edges
        (E, 2) int32: the lines of the wireframe (the quads' sides without their diagonals).
    gloss
        (R,) float32: 0 matt to 1 wet.
    occlusion
        (R,) float32: the share of the sky a vertex sees, 0..1; below 0 behind closed lips.
    colours
        (R, 3) float32 sRGB 0..1 or None: used in place of a texture.
    closed
        Whether its inside can never be seen: then only what faces the viewer is drawn.
    """

    positions: Float32Array
    normals: Float32Array
    uvs: Float32Array
    triangles: IntArray
    edges: IntArray
    gloss: Float32Array
    occlusion: Float32Array
    colours: Float32Array | None = None
    closed: bool = False

    def __post_init__(self) -> None:
        for name, dtype in (
            ("positions", np.float32),
            ("normals", np.float32),
            ("uvs", np.float32),
            ("triangles", np.int32),
            ("edges", np.int32),
            ("gloss", np.float32),
            ("occlusion", np.float32),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))
        if self.colours is not None:
            object.__setattr__(self, "colours", read_only(self.colours, np.float32))
        rows = len(self.positions)
        for name in ("normals", "uvs", "gloss", "occlusion", "colours"):
            array = getattr(self, name)
            if array is not None and len(array) != rows:
                raise ValueError(f"RenderMesh.{name}: {len(array)} rows, expected {rows}")


@dataclass(frozen=True, eq=False)
class Marks:
    """Round marks on a head: landmarks.

    Attributes
    ----------
    positions
        (N, 3) float32 mm, head space.
    colours
        (N, 3) float32 sRGB 0..1.
    """

    positions: Float32Array
    colours: Float32Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", read_only(self.positions, np.float32))
        colours = np.broadcast_to(np.asarray(self.colours, dtype=np.float32), self.positions.shape)
        object.__setattr__(self, "colours", read_only(colours, np.float32))


def mesh_of_faces(
    vertices: FloatArray | Float32Array,
    faces: IntArray,
    *,
    uvs: FloatArray | Float32Array | None = None,
    normals: FloatArray | Float32Array | None = None,
    colours: FloatArray | Float32Array | None = None,
) -> RenderMesh:
    """Make a mesh to draw of vertices that have one UV each.

    Parameters
    ----------
    vertices
        (V, 3) mm, head space.
    faces
        (F, 3) or (F, 4) int32.
    uvs, normals, colours
        (V, 2), (V, 3) and (V, 3), as in RenderMesh; normals are computed where missing.
    """
    n = len(vertices)
    return RenderMesh(
        positions=np.asarray(vertices, dtype=np.float32),
        normals=np.asarray(
            vertex_normals(np.asarray(vertices, dtype=np.float64), faces) if normals is None else normals,
            dtype=np.float32,
        ),
        uvs=np.zeros((n, 2), dtype=np.float32) if uvs is None else np.asarray(uvs, dtype=np.float32),
        triangles=triangulate(faces) if faces.shape[1] == 4 else faces,
        edges=unique_edges(faces),
        gloss=np.full(n, _DEFAULT_GLOSS, dtype=np.float32),
        occlusion=np.ones(n, dtype=np.float32),
        colours=None if colours is None else np.asarray(colours, dtype=np.float32),
    )


def gloss_of_material(name: str) -> float:
    """Return how wet a material of the template looks, 0 to 1; others look like skin."""
    return _GLOSS.get(name, _DEFAULT_GLOSS)


def mesh_of_head(
    topology: Topology,
    vertices: FloatArray,
    materials: tuple[str, ...],
    occlusion: Float32Array | None = None,
) -> RenderMesh:
    """Make a mesh to draw of a head on the template.

    Parameters
    ----------
    topology
        The template's topology at the wanted level.
    vertices
        (V, 3) mm, level-0 vertices in head space.
    materials
        The template's material names: they decide how wet each part looks.
    occlusion
        (V,) share of the sky each level-0 vertex sees; see `facestudio.render.occlusion`. Everything by
        default.
    """
    level = topology.apply(vertices)
    normals = vertex_normals(level, topology.quads)
    # The render vertex of each quad corner, read back from the triangles (0 1 2, 0 2 3).
    corners = topology.triangles.reshape(-1, 6)[:, [0, 1, 2, 5]]
    # A side on a UV seam has two pairs of render vertices: draw it once.
    sides = np.sort(_sides(topology.render_vertices[corners]), axis=1)
    first = np.unique(sides, axis=0, return_index=True)[1]
    if occlusion is None:
        occlusion = np.ones(len(vertices), dtype=np.float32)
        if len(template_occlusion()) == len(vertices):
            occlusion = template_occlusion(open_mouth=mouth_is_open(vertices))
    open_sky = topology.apply(occlusion.astype(np.float64))
    gloss = np.full(len(topology.render_vertices), _DEFAULT_GLOSS, dtype=np.float32)
    of_material = np.array([gloss_of_material(name) for name in materials], dtype=np.float32)
    gloss[corners] = of_material[topology.quad_material][:, None]
    oily = template_gloss()
    if len(oily) == len(vertices):
        gloss += topology.apply(oily.astype(np.float64))[topology.render_vertices].astype(np.float32)
    return RenderMesh(
        positions=level[topology.render_vertices].astype(np.float32),
        normals=normals[topology.render_vertices].astype(np.float32),
        uvs=topology.render_uvs.astype(np.float32),
        triangles=topology.triangles,
        edges=_sides(corners)[first],
        gloss=gloss,
        occlusion=np.clip(open_sky, BEHIND_LIPS, 1.0)[topology.render_vertices].astype(np.float32),
        closed=True,
    )


def _sides(quads: IntArray) -> IntArray:
    """Return the four sides of each quad (F, 4), (4F, 2) int32."""
    return np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2).astype(np.int32)


@dataclass(frozen=True)
class View:
    """A direction to look from: how the head seems turned in the picture.

    Attributes
    ----------
    name
        Used for labels and file names.
    yaw
        Radians; positive: the nose points to the right of the picture, the person's right side is seen.
    pitch
        Radians; positive: seen from above.
    """

    name: str
    yaw: float = 0.0
    pitch: float = 0.0


def _degrees(name: str, yaw: float, pitch: float = 0.0) -> View:
    return View(name, float(np.radians(yaw)), float(np.radians(pitch)))


VIEWS = {
    view.name: view
    for view in (
        _degrees("front", 0),
        _degrees("45", 45),
        _degrees("45-left", -45),
        _degrees("45-right", 45),
        _degrees("side", 90),
        _degrees("left", -90),
        _degrees("right", 90),
        _degrees("back", 180),
        _degrees("top", 0, 90),
    )
}


def parse_view(text: str) -> View:
    """Return a named view, or one given by its angles in degrees: YAW or YAW/PITCH.

    Raises
    ------
    UsageError
        If it is neither.
    """
    word = text.strip().lower()
    if word in VIEWS:
        return VIEWS[word]
    angles = re.fullmatch(r"([+-]?\d{1,3}(?:\.\d+)?)(?:/([+-]?\d{1,2}(?:\.\d+)?))?", word)
    if angles is None:
        raise UsageError(
            f'There is no view "{text.strip()}"',
            hint=f"Views: {', '.join(VIEWS)}; or angles in degrees such as 30 or -20/10 (yaw/pitch)",
        )
    return _degrees(word.replace("/", "_"), float(angles[1]), float(angles[2] or 0))


def parse_views(text: str) -> list[View]:
    """Return the views of a comma-separated list, each once, in its order.

    Raises
    ------
    UsageError
        If one is unknown, or there is none.
    """
    views = {view.name: view for view in (parse_view(word) for word in text.split(",") if word.strip())}
    if not views:
        raise UsageError("No view was named", hint=f"Views: {', '.join(VIEWS)}")
    return list(views.values())


@dataclass(frozen=True)
class Framing:
    """Where all views of one mesh look and from how far.

    Attributes
    ----------
    target
        (3,) float64 mm, head space: the middle of the picture.
    distance_mm
        From the lens to the target.
    """

    target: FloatArray
    distance_mm: float


def frame_mesh(positions: FloatArray | Float32Array, size: tuple[int, int]) -> Framing:
    """Return the framing in which a mesh fits the picture from every side, turned about its upright axis.

    Parameters
    ----------
    positions
        (R, 3) mm, head space.
    size
        (width, height) pixels.
    """
    low, high = positions.min(axis=0).astype(np.float64), positions.max(axis=0).astype(np.float64)
    target = (low + high) / 2
    off = positions - target
    half_width = max(float(np.hypot(off[:, 0], off[:, 2]).max()), 1e-3)
    half_height = max(float((high - low)[1]) / 2, 1e-3)
    width, height = size
    short = min(width, height)
    needed = max(half_width * short / width, half_height * short / height) / _HALF_FIELD
    return Framing(target, needed * _MARGIN + half_width)


def camera_of_view(view: View, framing: Framing, size: tuple[int, int]) -> Camera:
    """Return the camera of a view at a picture size (width, height)."""
    return view_camera(
        size,
        focal_px=min(size) / 2 / _HALF_FIELD,
        distance_mm=framing.distance_mm,
        yaw=view.yaw,
        pitch=view.pitch,
        target=framing.target,
    )


def cameras_of_views(mesh: RenderMesh, views: Iterable[View], size: tuple[int, int]) -> list[Camera]:
    """Return the cameras of views of one mesh, framed alike."""
    framing = frame_mesh(mesh.positions, size)
    return [camera_of_view(view, framing, size) for view in views]


def view_matrix(camera: Camera) -> Float32Array:
    """Return the (4, 4) float32 matrix from head space to OpenGL's eye space (y up, looking along -z)."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([1.0, -1.0, -1.0]) @ camera.rotation
    matrix[:3, 3] = np.array([1.0, -1.0, -1.0]) * camera.translation_mm
    return matrix.astype(np.float32)


def projection_matrix(camera: Camera, near_mm: float, far_mm: float) -> Float32Array:
    """Return OpenGL's (4, 4) float32 projection of a pinhole camera, exact to the pixel.

    Centres of pixels are whole numbers in the image frame, so the picture reaches from -0.5 to width - 0.5.

    Parameters
    ----------
    camera
        The camera; only fx, fy, cx, cy and image_size count.
    near_mm, far_mm
        Clipping planes.
    """
    width, height = camera.image_size
    depth = far_mm - near_mm
    return np.array(
        [
            [2 * camera.fx / width, 0, 1 - 2 * (camera.cx + 0.5) / width, 0],
            [0, 2 * camera.fy / height, 2 * (camera.cy + 0.5) / height - 1, 0],
            [0, 0, -(far_mm + near_mm) / depth, -2 * far_mm * near_mm / depth],
            [0, 0, -1, 0],
        ],
        dtype=np.float32,
    )


def clip_planes(camera: Camera, positions: FloatArray | Float32Array) -> tuple[float, float]:
    """Return near and far planes (mm) that enclose the positions (R, 3) in front of a camera."""
    depth = positions @ camera.rotation[2] + camera.translation_mm[2]
    far = max(float(depth.max(initial=1.0)) * 1.01 + 1.0, 2.0)
    near = max(float(depth.min(initial=far)) * 0.99 - 1.0, far * 1e-3)
    return min(near, far * 0.5), far
