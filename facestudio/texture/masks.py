"""Which visible texels are trusted: skin of the face, not hair, not background, not seen at a grazing angle."""

import cv2
import numpy as np

from facestudio.template.model import load_template
from facestudio.texture.layout import TexelLayout
from facestudio.texture.look import PhotoLook
from facestudio.values import BoolArray, Float32Array

_FACING_LOW, _FACING_HIGH = 0.22, 0.42
_WORK_SIZE = 512
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)  # their upper edge in mesh478
_BROW_GAP_MM = 4.0
_FRINGE = 2.1  # above the brows, what is less like the skin than this is hair
_ROUGH = 1.6
_CHEEK_MM = -15.0  # height of the cheekbones
_RIM = 0.02  # sizes of the head, about five millimetres


def _lab(colours: Float32Array) -> Float32Array:
    return cv2.cvtColor((colours[None] / 255.0).astype(np.float32), cv2.COLOR_RGB2LAB)[0]


def skin_likeness(colours: Float32Array, core: BoolArray, brightness: float) -> Float32Array:
    """Return how far each colour lies from the face's own skin, (N,) in standard deviations.

    Parameters
    ----------
    colours
        (N, 3) 0..255 RGB.
    core
        (N,) bool: texels that are skin of the face for sure (cheeks, nose, forehead's middle).
    brightness
        Weight of a difference in brightness: small where light falls off.
    """
    lab = _lab(colours)
    sample = lab[core]
    if len(sample) < 50:
        return np.zeros(len(colours), np.float32)
    middle = np.median(sample, axis=0)
    away = sample - middle
    # Brows, nostrils and highlights inside the face are outliers of its skin.
    keep = np.abs(away).sum(axis=1) <= np.percentile(np.abs(away).sum(axis=1), 80)
    covariance = np.cov(away[keep].T) + np.diag([36.0, 6.0, 6.0])
    offset = lab - middle
    # What is brighter than the skin is its shine far more often than hair.
    offset[:, 0] *= np.where(offset[:, 0] > 0, 0.3 * brightness, brightness)
    return np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset), 0)).astype(
        np.float32
    )


def _brighter(colours: Float32Array, core: BoolArray) -> BoolArray:
    """Tell which colours (N, 3) are not much darker than the face's skin, (N,): a beard is, a background seldom."""
    if not core.any():
        return np.zeros(len(colours), dtype=np.bool_)
    return colours.mean(axis=1) > 0.7 * float(np.median(colours[core].mean(axis=1)))


def _smoothed(layout: TexelLayout, values: Float32Array) -> Float32Array:
    """Average texel values over their surroundings (1.2 % of the atlas), (N,)."""
    work = min(layout.size, _WORK_SIZE)
    stack = np.stack([layout.grid(np.minimum(values, 6.0)), layout.inside.astype(np.float32)], axis=2)
    if work < layout.size:
        stack = cv2.resize(stack, (work, work), interpolation=cv2.INTER_AREA)
    stack = cv2.GaussianBlur(stack, (0, 0), 0.012 * work)
    if work < layout.size:
        stack = cv2.resize(stack, (layout.size, layout.size), interpolation=cv2.INTER_LINEAR)
    found = stack[layout.rows, layout.columns]
    return np.asarray(found[:, 0] / np.maximum(found[:, 1], 1e-3), dtype=np.float32)


def _from_below(layout: TexelLayout, values: Float32Array) -> Float32Array:
    """Return the largest value met on the way up the atlas to each texel, (N,): behind a fringe there is no skin."""
    grid = layout.grid(values.astype(np.float32))
    return np.maximum.accumulate(grid[::-1], axis=0)[::-1][layout.rows, layout.columns]


def roughness(layout: TexelLayout, colours: Float32Array, core: BoolArray) -> Float32Array:
    """Return how much stronger the fine structure around each texel is than on the face's skin, (N,).

    Strands of hair have several times the skin's.
    """
    size, work = layout.size, min(layout.size, _WORK_SIZE)
    grey = layout.grid(colours.mean(axis=1).astype(np.float32))
    if work < size:
        grey = cv2.resize(grey, (work, work), interpolation=cv2.INTER_AREA)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 0.004 * work)
    energy = cv2.GaussianBlur(fine * fine, (0, 0), 0.012 * work)
    found = np.sqrt(cv2.resize(energy, (size, size))[layout.rows, layout.columns])
    usual = float(np.median(found[core])) if core.any() else 1.0
    return np.asarray(found / max(usual, 0.5), dtype=np.float32)


def _cleaned(layout: TexelLayout, chosen: BoolArray, radius: float) -> BoolArray:
    """Open and close a selection by a radius in UV units, keep its largest piece and fill its holes."""
    size = layout.size
    grid = layout.grid(chosen.astype(np.uint8))
    work = min(size, _WORK_SIZE)
    small = cv2.resize(grid, (work, work), interpolation=cv2.INTER_AREA if work < size else cv2.INTER_NEAREST)
    k = max(1, round(radius * work))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * k + 1, 2 * k + 1))
    small = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    small = cv2.morphologyEx(small, cv2.MORPH_OPEN, kernel)
    count, label, stats, _ = cv2.connectedComponentsWithStats(small, connectivity=4)
    if count > 1:
        small = (label == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    # Highlights and moles are no holes; eyes and mouth are left out again by the caller.
    around = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(around, None, (0, 0), 2)
    small = (around[1:-1, 1:-1] != 2).astype(np.uint8)
    # The outermost texels are half hair, half shadow.
    rim = max(1, round(0.007 * work))
    small = cv2.erode(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))
    # Soft enlargement keeps the border free of stairs.
    soft = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.2)
    full = cv2.resize(soft, (size, size), interpolation=cv2.INTER_LINEAR)
    return full[layout.rows, layout.columns] > 0.5


def trusted_texels(look: PhotoLook) -> BoolArray:
    """Choose the texels whose colour is taken from the photo.

    Parameters
    ----------
    look
        The photo at the texels.

    Returns
    -------
    numpy.ndarray
        (N,) bool. Inside the face brows, lips and beard are always taken; above the brows and outside the oval
        only what looks like the face's skin.
    """
    layout, inside_oval, rest, colours = look.layout, look.inside_oval, look.rest, look.colours
    facing, visible = look.projection.facing, look.projection.visible
    upright = facing > _FACING_HIGH
    core = visible & upright & (inside_oval > 0.05)
    # Light falls off towards the sides, where brightness alone is little evidence against skin; the forehead is lit
    # as the cheeks are.
    unlike = skin_likeness(colours, core, 0.55)
    unlit = skin_likeness(colours, core & (rest[:, 1] < 0.0), 1.1)
    template = load_template()
    brow = float(template.mesh478.points(template.vertices)[list(_BROWS), 1].max()) + _BROW_GAP_MM
    face = inside_oval > 0.012
    rough = np.maximum(roughness(layout, colours, core) - _ROUGH, 0.0)
    above = rest[:, 1] > brow
    fringe = above & (_from_below(layout, np.where(above, _smoothed(layout, unlit) + rough, 0.0)) > _FRINGE)
    outside = (inside_oval > -0.1) & (unlike < 2.0) & (rest[:, 2] > 5.0) & (facing > 0.5)
    # Close to the oval's edge the photo may already show what lies behind the head: paler than skin, without its hue.
    behind = (
        (inside_oval < 0.05)
        & (rest[:, 1] < brow)
        & (unlike > 2.2)
        & (_brighter(colours, core) | (unlike > 4.0))
    )
    # No beard grows on the temples: what is unlike skin there is hair or its shadow.
    temple = (inside_oval < 0.06) & (rest[:, 1] > _CHEEK_MM) & (unlike > 1.8)
    # The fitted outline may lie a few millimetres beside the photo's: what is that close to it may be background.
    within = look.projection.rim > _RIM
    chosen = (
        within
        & ~behind
        & ~temple
        & visible
        & (facing > _FACING_LOW)
        & (face | outside)
        & ~fringe
        & layout.main
    )
    return _cleaned(layout, chosen, 0.011) & visible & ~look.opening & (facing > 0.12)
