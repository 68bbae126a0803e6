"""A head made ready for the viewer and for the editor's overlay, away from the UI thread."""

import threading
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from facestudio.app.viewer.uncertainty import uncertainty_of, uncertainty_picture
from facestudio.geometry.camera import project
from facestudio.geometry.mesh import vertex_normals
from facestudio.render.occlusion import mouth_is_open, template_occlusion
from facestudio.render.scene import RenderMesh, mesh_of_head
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.coverage import COLOURS
from facestudio.values import ByteArray, Float32Array, FloatArray, Head, IntArray, Texture, read_only

VIEW_LEVEL = 1
"""Subdivision in the viewer: smooth at any size, and 5 ms a head."""


@dataclass(frozen=True, eq=False)
class Figure:
    """What is shown of a head.

    Attributes
    ----------
    head
        The head itself.
    posed
        With the photo's expression, or neutral.
    positions, normals
        (R, 3) float32 of `base_mesh()`'s vertices, mm, head space.
    marks
        (68, 3) float32 mm: the landmarks on the head.
    texture
        (S, S, 3) uint8 or None.
    coverage
        (C, C, 3) uint8 or None: where each texel comes from, in colours over the grey texture.
    uncertainty
        (C, C, 3) uint8 or None: how far each part may be off, in colours; None if that is not known.
    open_mouth
        Whether its lips are apart.
    wires
        (E, 2, 2) float32 pixels, image frame: the sides of the quads that face the photo's camera.
    """

    head: Head
    posed: bool
    positions: Float32Array
    normals: Float32Array
    marks: Float32Array
    texture: ByteArray | None
    wires: Float32Array
    coverage: ByteArray | None = None
    uncertainty: ByteArray | None = None
    open_mouth: bool = False


@dataclass(frozen=True, eq=False)
class Common:
    """What all figures share, and a view cannot draw without.

    Attributes
    ----------
    shut, opened
        The template as a mesh, with shut lips and with light in an open mouth.
    coarse
        (M, 3) int32: the template's own quads as triangles over these meshes' vertices.
    bent_normals
        (52, R, 3) float32: how each of the template's expressions changes their normals.
    """

    shut: RenderMesh
    opened: RenderMesh
    coarse: IntArray
    bent_normals: Float32Array


class _Supply:
    """The Common, computed here when it is needed, unless another process was asked for it."""

    def __init__(self) -> None:
        self._value: Common | None = None
        self._ordered = threading.Event()
        self._there = threading.Condition()

    def order(self) -> bool:
        with self._there:
            if self._value is None:
                self._ordered.set()
            return self._value is None

    def deliver(self, value: Common | None) -> None:
        with self._there:
            self._value = value if self._value is None else self._value
            self._ordered.clear()
            self._there.notify_all()

    def get(self) -> Common:
        with self._there:
            self._there.wait_for(lambda: not self._ordered.is_set(), _PATIENCE_S)
            if self._value is None:
                self._value = _make_common()
            return self._value


_PATIENCE_S = 30.0
_supply = _Supply()


def common() -> Common:
    """Return what all figures share; computing it takes a second and a half, so not in a process with a window."""
    return _supply.get()


def order_common() -> bool:
    """Announce that `deliver_common` follows: whoever needs it waits till then. False if it is there already."""
    return _supply.order()


def deliver_common(value: Common | None) -> None:
    """Take what `common` returned in another process; None if nothing comes from there."""
    _supply.deliver(value)


def _make_common() -> Common:
    return Common(_mesh(open_mouth=False), _mesh(open_mouth=True), _coarse_triangles(), _bent_normals())


def base_mesh(*, open_mouth: bool = False) -> RenderMesh:
    """Return the template as a mesh to draw; figures only move its vertices. Light falls into an open mouth.

    The wireframe shows the quads as they are exported: those sides of the finer quads that lie on them.
    """
    both = common()
    return both.opened if open_mouth else both.shut


def coarse_triangles() -> IntArray:
    """Return the template's own quads as triangles over `base_mesh()`'s vertices, (M, 3) int32."""
    return common().coarse


def _mesh(*, open_mouth: bool) -> RenderMesh:
    template, level = load_template(), topology(VIEW_LEVEL)
    light = template_occlusion(open_mouth=open_mouth)
    mesh = mesh_of_head(level, template.vertices, template.materials, light)
    corners = level.triangles.reshape(-1, 6)[:, [0, 1, 5]]
    # A finer quad is corner, edge point, face point, edge point: its corner's sides are halves of old ones.
    halves = np.concatenate([corners[:, [0, 1]], corners[:, [2, 0]]])
    first = np.unique(np.sort(level.render_vertices[halves], axis=1), axis=0, return_index=True)[1]
    return replace(mesh, edges=halves[first])


def _coarse_triangles() -> IntArray:
    # The first corner of each of a quad's four finer quads is the quad's own corner.
    quads = topology(VIEW_LEVEL).triangles.reshape(-1, 6)[:, 0].reshape(-1, 4)
    return read_only(quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), np.int32)


@cache
def _outer_quads() -> tuple[IntArray, IntArray, IntArray]:
    """Return the skin's quads (F, 4), their unique sides (E, 2), and which side each quad side is (F, 4)."""
    template = load_template()
    quads = template.quads[template.quad_material == template.materials.index("skin")]
    sides = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    unique, inverse = np.unique(sides, axis=0, return_inverse=True)
    return quads, unique.astype(np.int32), inverse.reshape(-1, 4).astype(np.int32)


@cache
def _operators() -> tuple[Any, Any, Any, Any]:
    """Return sparse float32 matrices: to finer vertices, to both diagonals of each quad, and from quads to corners.

    Sums and differences are quickest as products with these.
    """
    from scipy.sparse import csr_array

    level = topology(VIEW_LEVEL)
    quads, count = level.quads, int(level.quads.max()) + 1
    of_quad = np.arange(len(quads))
    ends = np.tile(np.array([-1, 1], dtype=np.float32), len(quads))

    def across(first: int, second: int) -> Any:
        places = np.repeat(of_quad, 2), quads[:, [first, second]].ravel()
        return csr_array((ends, places), shape=(len(quads), count))

    corner = np.ones(quads.size, dtype=np.float32), (quads.ravel(), np.repeat(of_quad, 4))
    at_corners = csr_array(corner, shape=(count, len(quads)))
    return level.matrix.astype(np.float32), across(0, 2), across(1, 3), at_corners


def _surface(vertices: FloatArray) -> tuple[Float32Array, Float32Array]:
    """Return places (R, 3) and normals (R, 3), float32, of `base_mesh()`'s vertices for a head (V, 3) mm."""
    finer, one, other, at_corners = _operators()
    fine = finer @ vertices.astype(np.float32)
    a, b = one @ fine, other @ fine
    areas = np.empty_like(a)
    for axis in range(3):
        after, last = (axis + 1) % 3, (axis + 2) % 3
        areas[:, axis] = a[:, after] * b[:, last] - a[:, last] * b[:, after]
    normals = at_corners @ areas
    length = np.sqrt(np.einsum("vc,vc->v", normals, normals))
    normals /= np.where(length > 0, length, 1)[:, None]
    shown = topology(VIEW_LEVEL).render_vertices
    return np.take(fine, shown, axis=0), np.take(normals, shown, axis=0)


def make_figure(head: Head, posed: bool) -> Figure:
    """Make a head ready to be shown.

    Parameters
    ----------
    head
        The head.
    posed
        Show the photo's expression in place of the neutral one.
    """
    with_expression = head.posed_vertices()
    positions, normals = _surface(with_expression if posed else head.vertices)
    marks = head.landmarks_3d_posed if posed else head.landmarks_3d

    doubt = uncertainty_of(head)
    pixels, _ = project(head.camera, with_expression)
    quads, sides, side_of = _outer_quads()
    p = pixels[quads]
    d1, d2 = p[:, 2] - p[:, 0], p[:, 3] - p[:, 1]
    # Counter-clockwise from outside is clockwise, so negative, where y points down.
    facing = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0] < 0
    seen = np.zeros(len(sides), dtype=np.bool_)
    seen[side_of[facing]] = True
    return Figure(
        head=head,
        posed=posed,
        positions=positions,
        normals=normals,
        marks=marks.astype(np.float32),
        texture=None if head.texture is None else head.texture.pixels,
        wires=pixels[sides[seen]].astype(np.float32),
        coverage=None if head.texture is None else coverage_picture(head.texture),
        # While something is dragged, the last one moves along, as the texture does.
        uncertainty=None if doubt is None or head.texture is None else uncertainty_picture(doubt),
        open_mouth=mouth_is_open(with_expression if posed else head.vertices),
    )


_COVERAGE_SIZE = 1024


def coverage_picture(texture: Texture) -> ByteArray:
    """Return a texture that shows where each texel comes from, (C, C, 3) uint8: colours over the grey texture."""
    import cv2

    size = min(_COVERAGE_SIZE, texture.size)
    labels = cv2.resize(texture.coverage.labels, (size, size), interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(np.asarray(texture.pixels), (size, size), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    tints = np.array([(128, 128, 128), *COLOURS.values()], dtype=np.float64)
    shades = np.tile(np.arange(256.0), (4, 1))
    shades[0] = 128.0
    # Of a texel, one of four tints and one of 256 greys: 1024 colours in all.
    table = (0.55 * tints[:, None] + 0.45 * shades[..., None]).astype(np.uint8).reshape(-1, 3)
    chosen = np.minimum(np.asarray(labels, dtype=np.int32), 3) * 256 + np.asarray(grey, dtype=np.int32)
    return read_only(table[chosen], np.uint8)


def expression_shapes(deltas: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Return how each expression moves `base_mesh()`'s vertices and changes their normals, both (52, R, 3) float32.

    Parameters
    ----------
    deltas
        (52, V, 3) float32 mm: of a head. The normals' changes are those of the template, near enough for any: a head
        differs from it far less than an expression does from none.
    """
    level = topology(VIEW_LEVEL)
    count = len(deltas)
    side_by_side = np.asarray(deltas, dtype=np.float32).transpose(1, 0, 2).reshape(-1, 3 * count)
    fine = np.asarray(level.matrix.astype(np.float32) @ side_by_side)[level.render_vertices]
    return fine.reshape(-1, count, 3).transpose(1, 0, 2), common().bent_normals


def _bent_normals() -> Float32Array:
    """Return how each of the template's expressions changes its normals, (52, R, 3) float32."""
    template, level = load_template(), topology(VIEW_LEVEL)
    rest = vertex_normals(level.apply(template.vertices), level.quads)
    changes = [
        vertex_normals(level.apply(template.vertices + delta), level.quads) - rest
        for delta in template.expression_deltas
    ]
    return read_only(np.stack(changes)[:, level.render_vertices], np.float32)
