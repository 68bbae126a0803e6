"""The skin's texels for one size of the atlas: which place of the surface each shows, and its neighbours.

Neighbours cross chart seams, so that fusion does too.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from facestudio.geometry.raster import rasterise, uv_to_texel
from facestudio.template.model import Template, load_template
from facestudio.template.subdivision import Topology, topology
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray, read_only

SMALLEST = 64  # the coarsest grid of fusion
SURFACE_LEVEL = 1  # subdivision level that texels are placed on
_SIDES = ((0, -1), (0, 1), (-1, 0), (1, 0))  # row, column; the other side of number s is number s ^ 1
_ACROSS_TEXELS = 6  # texels nearer in the atlas than this do not lie across a seam

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class TexelLayout:
    """The N skin texels of a size x size atlas.

    Attributes
    ----------
    size
        Edge length S.
    rows, columns
        (N,) int32: where each texel is.
    corners
        (N, 3) int32: vertices (at SURFACE_LEVEL) of the triangle it shows.
    weights
        (N, 3) float32 barycentric.
    ghosts
        (G, 4) int32: row and column of a texel just outside a chart, and row and column of the texel across the
        seam whose value it stands for. With them filled in, every texel's neighbours are beside it.
    inside
        (S, S) bool: texels of the main chart, which fusion solves on.
    main
        (N,) bool: the same by texel. The small charts (eye sockets, collar's cap) are not seen in photos.
    anchors
        (N,) int32: the main texel nearest on the surface to each texel of a small chart, itself for main texels.
    """

    size: int
    rows: IntArray
    columns: IntArray
    corners: IntArray
    weights: Float32Array
    ghosts: IntArray
    inside: BoolArray
    main: BoolArray
    anchors: IntArray

    def __len__(self) -> int:
        return len(self.rows)

    def on_surface(self, values: FloatArray | Float32Array) -> Float32Array:
        """Interpolate values (V_1, C) of the surface's vertices at the texels, (N, C)."""
        return _on_triangles(values, self.corners, self.weights)

    def grid(self, values: NDArray[_T], fill: float = 0.0) -> NDArray[_T]:
        """Spread texel values (N, ...) over the atlas, (S, S, ...); `fill` where there is no texel."""
        out = np.full((self.size * self.size, *values.shape[1:]), fill, dtype=values.dtype)
        out[self._flat] = values
        return out.reshape(self.size, self.size, *values.shape[1:])

    @cached_property
    def _flat(self) -> NDArray[np.intp]:
        return self.rows.astype(np.intp) * self.size + self.columns


def _on_triangles(
    values: FloatArray | Float32Array, corners: IntArray, weights: Float32Array
) -> Float32Array:
    """Interpolate values (V, C) at places (corners (N, 3), barycentric weights (N, 3)), (N, C)."""
    table = np.asarray(values, dtype=np.float32)
    out = table[corners[:, 0]] * weights[:, :1]
    out += table[corners[:, 1]] * weights[:, 1:2]
    out += table[corners[:, 2]] * weights[:, 2:]
    return out


def _seam_ghosts(inside: BoolArray, places: Float32Array, rows: IntArray, columns: IntArray) -> IntArray:
    """Find what lies across the seams: for texels outside but beside a chart, the texel nearest on the surface."""
    number = np.full(np.array(inside.shape) + 2, -1, dtype=np.int32)
    number[rows + 1, columns + 1] = np.arange(len(rows), dtype=np.int32)
    beside = np.stack([number[rows + 1 + dr, columns + 1 + dc] for dr, dc in _SIDES], axis=1)
    border = np.flatnonzero((beside < 0).any(axis=1))
    tree = KDTree(places[border])
    # Beyond a chart's edge the surface goes on as far as it came from the texel on the other side.
    ghosts: dict[tuple[int, int], tuple[int, float]] = {}
    for side, (dr, dc) in enumerate(_SIDES):
        back = beside[border, side ^ 1]
        open_here = border[(beside[border, side] < 0) & (back >= 0)]
        ahead = 2 * places[open_here] - places[beside[open_here, side ^ 1]]
        step = np.linalg.norm(ahead - places[open_here], axis=1)
        distance, found = tree.query(ahead, k=8)
        candidate = border[found]
        apart = np.maximum(
            np.abs(rows[candidate] - rows[open_here][:, None]),
            np.abs(columns[candidate] - columns[open_here][:, None]),
        )
        good = (apart > _ACROSS_TEXELS) & (distance < 2.0 * step[:, None])
        first = np.argmax(good, axis=1)
        for k in np.flatnonzero(good.any(axis=1)):
            texel, gap = int(open_here[k]), float(distance[k, first[k]])
            place = (int(rows[texel] + dr), int(columns[texel] + dc))
            in_atlas = min(place) >= 0 and max(place) < len(inside)
            if in_atlas and gap < ghosts.get(place, (0, np.inf))[1]:
                ghosts[place] = (int(candidate[k, first[k]]), gap)
    return np.array(
        [(*place, rows[texel], columns[texel]) for place, (texel, _) in sorted(ghosts.items())],
        dtype=np.int32,
    ).reshape(-1, 4)


def build_layout(template: Template, surface: Topology, size: int) -> TexelLayout:
    """Lay out the skin's texels of a size x size atlas."""
    skin = np.repeat(surface.quad_material == template.materials.index("skin"), 2)
    triangles = surface.triangles[skin]
    texels = uv_to_texel(surface.render_uvs, size)
    raster = rasterise(texels, np.zeros(len(texels)), triangles, (size, size))
    covered = raster.covered
    rows, columns = (a.astype(np.int32) for a in np.nonzero(covered))
    corners = surface.render_vertices[triangles[raster.triangle[covered]]]
    weights = raster.barycentric[covered]
    places = _on_triangles(surface.apply(template.vertices), corners, weights)
    _, chart = cv2.connectedComponents(covered.astype(np.uint8), connectivity=4)
    inside = chart == np.argmax(np.bincount(chart[covered]))
    main = inside[rows, columns]
    anchors = np.arange(len(rows), dtype=np.int32)
    # Small charts join the main one at its borders: only those texels need searching.
    inner = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8))[rows, columns] > 0
    rim = np.flatnonzero(main & ~inner)
    anchors[~main] = rim[KDTree(places[rim]).query(places[~main])[1]]
    of_main = places[main], rows[main], columns[main]
    return TexelLayout(
        size=size,
        rows=read_only(rows, np.int32),
        columns=read_only(columns, np.int32),
        corners=read_only(corners, np.int32),
        weights=read_only(weights, np.float32),
        ghosts=read_only(_seam_ghosts(inside, *of_main), np.int32),
        inside=read_only(inside, np.bool_),
        main=read_only(main, np.bool_),
        anchors=read_only(anchors, np.int32),
    )


@lru_cache(maxsize=8)
def texel_layout(size: int) -> TexelLayout:
    """Return the shipped template's layout (computed once for each size)."""
    return build_layout(load_template(), topology(SURFACE_LEVEL), size)


def prepare_layouts(size: int) -> None:
    """Compute the layouts of a size and of all smaller ones that its fusion needs, two at a time."""
    topology(SURFACE_LEVEL)  # once, before two threads ask for it
    sizes = [size]
    while sizes[-1] > SMALLEST:
        sizes.append(sizes[-1] // 2)
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(texel_layout, sizes))
