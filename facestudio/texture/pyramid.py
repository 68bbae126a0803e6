"""The grids of the multigrid solver: the main chart's texels at the atlas' size, and of ever smaller atlases.

Each has a layout of its own: halving the finest one loses the seam, whose two sides grow together.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from facestudio.texture.layout import SMALLEST, texel_layout
from facestudio.values import BoolArray, Float32Array, IntArray

CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Grid:
    """One grid, cut to the rows that the main chart takes up.

    Attributes
    ----------
    inside
        (H, W) bool: texels of the main chart; on coarser grids, cells whose middle lies in it.
    ghosts
        (G, 4) int32: row and column of a cell just outside, and of the cell across the seam it stands for.
    degree
        (H, W) float32: number of neighbours, ghosts included.
    """

    inside: BoolArray
    ghosts: IntArray
    degree: Float32Array

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as OpenCV takes it."""
        return self.inside.shape[1], self.inside.shape[0]


def _grid(inside: BoolArray, ghosts: IntArray) -> Grid:
    there = inside.astype(np.float32)
    there[ghosts[:, 0], ghosts[:, 1]] = 1
    degree = cv2.filter2D(there, -1, CROSS, borderType=cv2.BORDER_CONSTANT)
    return Grid(inside, ghosts, np.asarray(degree, dtype=np.float32))


@lru_cache(maxsize=3)
def grid_pyramid(size: int) -> tuple[tuple[Grid, ...], int]:
    """Return the grids of a size x size atlas, finest first, and the atlas row of their first row."""
    layout = texel_layout(size)
    step = max(1, size // SMALLEST)
    # A row above the chart belongs to it: ghosts lie there.
    first = top = max(0, int(layout.rows[layout.main].min()) - 1) // step * step
    grids: list[Grid] = []
    while True:
        ghosts = layout.ghosts[layout.ghosts[:, 0] >= top] - np.array([top, 0, top, 0], dtype=np.int32)
        # A coarser chart may begin a row higher: what is cut off there is less than a texel.
        grids.append(_grid(layout.inside[top:], ghosts[ghosts[:, 2] >= 0]))
        if layout.size <= SMALLEST:
            return tuple(grids), first
        layout, top = texel_layout(layout.size // 2), top // 2
