"""A z-buffer rasteriser in numpy: which triangle each pixel sees, and where on it.

It serves the visibility of photos, baking in UV space and the software renderer. Nothing loops over
triangles: they are cut into horizontal spans, the spans into pixels, and all pixels compete for the z-buffer
at once.

Fill rule: a pixel belongs to a triangle if its centre (at whole numbers) lies in the half-open span
``left <= x < right`` of the half-open rows ``top <= y < bottom``. The crossing of a side with a row is
computed from the side alone, so the two triangles at a side agree to the last bit: no gaps, no pixel counted
twice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray, read_only

_CHUNK = 1 << 20  # pixels put into the z-buffer at a time: bounds the memory, and keeps it in the cache
_EMPTY = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class RasterResult:
    """What each pixel sees.

    Attributes
    ----------
    triangle
        (H, W) int32: row of `triangles`, -1 for none.
    barycentric
        (H, W, 3) float32: the place on the triangle, not negative, summing to one; zero where there is none.
        Perspective-correct if that was asked for.
    depth
        (H, W) float32: unit of the depth given, infinite where there is none.
    triangles
        (M, 3) int32: the triangles drawn.
    """

    triangle: IntArray
    barycentric: Float32Array
    depth: Float32Array
    triangles: IntArray

    @property
    def covered(self) -> BoolArray:
        """(H, W) bool: pixels that see a triangle."""
        return self.triangle >= 0


def uv_to_texel(uvs: FloatArray, size: int) -> FloatArray:
    """Return UVs (N, 2) (v up) as pixels of a size x size texture whose row 0 is at v = 1, (N, 2) float64."""
    uv = np.asarray(uvs, dtype=np.float64)
    return np.stack([uv[:, 0] * size - 0.5, (1.0 - uv[:, 1]) * size - 0.5], axis=1)


@dataclass(frozen=True)
class _Planes:
    """Per kept triangle: its id, and value = c + dx * x + dy * y of (b0, b1, b2) and of the depth key."""

    ids: IntArray
    points: FloatArray  # (T, 3, 2)
    origin: FloatArray  # (T, 2)
    bary_dx: FloatArray  # (T, 3)
    bary_dy: FloatArray  # (T, 3)
    key: FloatArray  # (T, 3) depth key at the corners: smaller is nearer


def _set_up(
    points: FloatArray,
    depth: FloatArray,
    triangles: IntArray,
    size: tuple[int, int],
    perspective: bool,
    near: float,
    cull_back: bool,
) -> _Planes:
    """Drop what cannot be seen and compute the gradients of the rest."""
    p = points[triangles]
    z = depth[triangles]
    with np.errstate(invalid="ignore", over="ignore"):
        u, v = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
        area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        low, high = p.min(axis=1), p.max(axis=1)
        # y points down: triangles counter-clockwise to the viewer have a negative area here.
        keep = (area < -1e-12) if cull_back else (np.abs(area) > 1e-12)
        keep &= np.isfinite(area) & np.isfinite(z).all(axis=1)
        keep &= (high >= 0).all(axis=1) & (low[:, 0] <= size[0] - 1) & (low[:, 1] <= size[1] - 1)
        if perspective:
            keep &= (z > near).all(axis=1)
    ids = np.flatnonzero(keep).astype(np.int32)
    p, z, u, v, area = p[ids], z[ids], u[ids], v[ids], area[ids][:, None]
    b1 = np.stack([v[:, 1], -v[:, 0]], axis=1) / area
    b2 = np.stack([-u[:, 1], u[:, 0]], axis=1) / area
    gradient = np.stack([-b1 - b2, b1, b2], axis=1)
    # 1/z is linear in the picture, z is not: -1/z keeps "smaller is nearer".
    key = -1.0 / z if perspective else z
    return _Planes(ids, p, p[:, 0], gradient[:, :, 0], gradient[:, :, 1], key)


def _spans(planes: _Planes, size: tuple[int, int]) -> tuple[NDArray[np.int64], ...]:
    """Cut triangles into spans: (row of planes, y, first x, number of pixels) of each that has pixels."""
    width, height = size
    order = np.argsort(planes.points[:, :, 1], axis=1, kind="stable")
    p = np.take_along_axis(planes.points, order[:, :, None], axis=1)
    x, y = p[:, :, 0], p[:, :, 1]
    first = np.ceil(np.clip(y[:, 0], 0, height)).astype(np.int64)
    last = np.ceil(np.clip(y[:, 2], 0, height)).astype(np.int64)
    rows = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(rows) - rows, rows) + first[owner]

    def crossing(upper: IntArray | int, lower: IntArray | int) -> FloatArray:
        x0, y0, x1, y1 = x[owner, upper], y[owner, upper], x[owner, lower], y[owner, lower]
        t = (row - y0) / np.where(y1 > y0, y1 - y0, 1.0)
        return x0 + t * (x1 - x0)

    below = (row >= y[owner, 1]).astype(np.int32)
    long_side, short_side = crossing(0, 2), crossing(below, below + 1)
    left = np.ceil(np.clip(np.minimum(long_side, short_side), 0, width)).astype(np.int64)
    right = np.ceil(np.clip(np.maximum(long_side, short_side), 0, width)).astype(np.int64)
    count = right - left
    some = np.flatnonzero(count > 0)
    return owner[some], row[some], left[some], count[some]


def _sortable(z: Float32Array) -> IntArray:
    """Return int32 numbers in the order of the floats."""
    bits = (z + np.float32(0.0)).view(np.int32)  # -0.0 + 0.0 is 0.0: equal depths must tie
    return np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)


def _unsorted(bits: IntArray) -> Float32Array:
    """Return the floats that `_sortable` made numbers of."""
    return np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int32).view(np.float32)


def _compete(planes: _Planes, size: tuple[int, int]) -> IntArray:
    """Return the row of planes that each pixel sees, (H * W,) int32, -1 for none."""
    buffer = _nearest(planes, size)
    return np.where(buffer == _EMPTY, -1, buffer & 0xFFFFFFFF).astype(np.int32)


def _nearest(planes: _Planes, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return what each pixel sees, (H * W,): its depth key in the upper half, the row of planes in the lower."""
    width, height = size
    # Depth above, row of planes below: one minimum settles a pixel, and of equal depths the first triangle
    # wins.
    buffer = np.full(width * height, _EMPTY)
    owner, row, left, count = _spans(planes, size)
    key, origin = planes.key, planes.origin
    dx = np.einsum("tk,tk->t", key, planes.bary_dx)
    dy = np.einsum("tk,tk->t", key, planes.bary_dy)
    start = key[owner, 0] + dx[owner] * (left - origin[owner, 0]) + dy[owner] * (row - origin[owner, 1])
    slope = dx[owner]
    # Long thin triangles extrapolate badly: nothing is nearer or farther than the corners.
    low, high = key.min(axis=1)[owner], key.max(axis=1)[owner]
    first_pixel = row * width + left

    ends = np.cumsum(count)
    cut = 0
    while cut < len(owner):
        done = int(ends[cut] - count[cut])
        stop = max(cut + 1, int(np.searchsorted(ends, done + _CHUNK, side="right")))
        part, n = slice(cut, stop), count[cut:stop]
        span = np.repeat(np.arange(cut, stop), n)
        step = np.arange(len(span)) - np.repeat(ends[part] - n - done, n)
        z = start[span] + slope[span] * step
        np.clip(z, low[span], high[span], out=z)
        order = _sortable(z.astype(np.float32)).astype(np.int64) << 32
        np.minimum.at(buffer, first_pixel[span] + step, order | owner[span])
        cut = stop
    return buffer


def _on_triangle(
    planes: _Planes, who: IntArray, x: NDArray[np.int64], y: NDArray[np.int64], perspective: bool
) -> tuple[FloatArray, FloatArray]:
    """Return barycentric coordinates (3, P) and depth (P,) of pixels x, y on the triangles they see."""
    offset_x, offset_y = x - planes.origin[who, 0], y - planes.origin[who, 1]
    bary = np.empty((3, len(who)))
    for k in range(1, 3):
        np.multiply(planes.bary_dx[who, k], offset_x, out=bary[k])
        bary[k] += planes.bary_dy[who, k] * offset_y
    # Centres on a side can fall outside by rounding.
    np.clip(bary[1], 0.0, 1.0, out=bary[1])
    np.clip(bary[2], 0.0, 1.0 - bary[1], out=bary[2])
    np.subtract(1.0 - bary[1], bary[2], out=bary[0])
    weighted = bary * planes.key[who].T
    key = weighted.sum(axis=0)
    # The key is -1/z: the shares of 1/z are the shares of the point in space.
    return (weighted / key, -1.0 / key) if perspective else (bary, key)


def rasterise(
    points: FloatArray,
    depth: FloatArray,
    triangles: IntArray,
    size: tuple[int, int],
    *,
    perspective: bool = False,
    near: float = 1e-6,
    cull_back: bool = False,
) -> RasterResult:
    """Draw triangles into a z-buffer; smaller depth is nearer, the first of equals wins.

    Parameters
    ----------
    points
        (N, 2) pixels, image frame (`project` of geometry.camera, or `uv_to_texel`). Triangles with a corner
        that is not finite are left out.
    depth
        (N,): mm in camera space, or anything linear in the picture if not `perspective`. All zero in UV
        space.
    triangles
        (M, 3) int32, either winding.
    size
        (width, height) pixels.
    perspective
        The depth is that of a pinhole camera: barycentric coordinates and depth are those of the point in
        space that the pixel sees, and triangles with a corner at `near` or nearer are left out (they are not
        clipped).
    near
        See `perspective`.
    cull_back
        Leave out triangles that are clockwise to the viewer. On a closed mesh this changes nothing but the
        time.

    Returns
    -------
    RasterResult
        Of `size`.
    """
    width, height = size
    faces = np.asarray(triangles, dtype=np.int32).reshape(-1, 3)
    planes = _set_up(
        np.asarray(points, dtype=np.float64),
        np.asarray(depth, dtype=np.float64),
        faces,
        size,
        perspective,
        near,
        cull_back,
    )
    triangle = np.full(width * height, -1, dtype=np.int32)
    barycentric = np.zeros((width * height, 3), dtype=np.float32)
    z = np.full(width * height, np.inf, dtype=np.float32)
    winner = _compete(planes, size)
    covered = np.flatnonzero(winner >= 0)
    for at in range(0, len(covered), _CHUNK):
        pixel = covered[at : at + _CHUNK]
        who = winner[pixel]
        bary, key = _on_triangle(planes, who, pixel % width, pixel // width, perspective)
        triangle[pixel] = planes.ids[who]
        barycentric[pixel] = bary.T
        z[pixel] = key
    return RasterResult(
        triangle=read_only(triangle.reshape(height, width), np.int32),
        barycentric=read_only(barycentric.reshape(height, width, 3), np.float32),
        depth=read_only(z.reshape(height, width), np.float32),
        triangles=read_only(faces, np.int32),
    )


def depth_buffer(
    points: FloatArray,
    depth: FloatArray,
    triangles: IntArray,
    size: tuple[int, int],
    *,
    cull_back: bool = False,
) -> Float32Array:
    """Draw triangles into a z-buffer of depths alone: what `rasterise` gives as `depth`, in less time.

    Parameters
    ----------
    points, depth, triangles, size, cull_back
        As for `rasterise`; the depth is taken to be linear in the picture.

    Returns
    -------
    numpy.ndarray
        (H, W) float32, infinite where there is no triangle.
    """
    width, height = size
    planes = _set_up(
        np.asarray(points, dtype=np.float64),
        np.asarray(depth, dtype=np.float64),
        np.asarray(triangles, dtype=np.int32).reshape(-1, 3),
        size,
        False,
        0.0,
        cull_back,
    )
    buffer = _nearest(planes, size)
    z = _unsorted((buffer >> 32).astype(np.int32))
    z[buffer == _EMPTY] = np.inf
    return read_only(z.reshape(height, width), np.float32)


def interpolate(
    raster: RasterResult,
    attributes: Float32Array | FloatArray,
    *,
    triangles: IntArray | None = None,
    fill: float = 0.0,
) -> Float32Array:
    """Interpolate values given at vertices over the picture.

    Parameters
    ----------
    raster
        What each pixel sees.
    attributes
        (N, K) at the vertices.
    triangles
        (M, 3): rows into `attributes` if they differ from the triangles drawn (UV corners against vertices).
    fill
        The value where there is no triangle.

    Returns
    -------
    numpy.ndarray
        (H, W, K) float32.
    """
    faces = raster.triangles if triangles is None else triangles
    values = np.ascontiguousarray(attributes, dtype=np.float32)
    out = np.full((raster.triangle.size, values.shape[1]), fill, dtype=np.float32)
    triangle, barycentric = raster.triangle.ravel(), raster.barycentric.reshape(-1, 3)
    seen = np.flatnonzero(triangle >= 0)
    corners = np.take(faces, triangle[seen], axis=0)
    weights = np.take(barycentric, seen, axis=0)
    result = np.take(values, corners[:, 0], axis=0) * weights[:, :1]
    result += np.take(values, corners[:, 1], axis=0) * weights[:, 1:2]
    result += np.take(values, corners[:, 2], axis=0) * weights[:, 2:]
    out[seen] = result
    return out.reshape(*raster.triangle.shape, -1)
