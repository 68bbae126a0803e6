"""Things that stand before one side of the face only.

A strand of hair or a microphone covers one side: what is unlike skin there while its mirror image is plain skin is left
out.
"""

import cv2
import numpy as np

from facestudio.texture.look import PhotoLook
from facestudio.values import BoolArray, Float32Array

_UNLIKE, _LIKE = 3.0, 1.3
_MOST = 0.3  # of the face: more than that on one side is light or a turned head, no occluder


def one_sided(look: PhotoLook, unlike: Float32Array) -> BoolArray:
    """Find what covers one side of the face.

    Parameters
    ----------
    look
        The photo at the texels.
    unlike
        (N,) distance of each texel's colour from the face's skin, standard deviations.

    Returns
    -------
    numpy.ndarray
        (N,) bool: unlike skin while the mirror image is plain skin.
    """
    layout = look.layout
    visible = look.projection.visible & ~look.opening & (look.projection.facing > 0.3)
    here = layout.grid(visible)
    smooth = cv2.GaussianBlur(
        layout.grid(np.where(visible, unlike, 0).astype(np.float32)), (0, 0), 0.004 * layout.size
    )
    other, seen_there = smooth[:, ::-1], here[:, ::-1]
    # Nothing is exactly symmetric: a feature a little aside on the other side counts as its mirror image.
    reach = 2 * round(0.012 * layout.size) + 1
    other = cv2.dilate(np.ascontiguousarray(other), np.ones((reach, reach), np.uint8))
    found = here & seen_there & (smooth > _UNLIKE) & (other < 0.5 * (_UNLIKE + _LIKE))
    chosen = found[layout.rows, layout.columns] & (look.inside_oval > 0.0)
    if chosen.sum() > _MOST * max(1, int((visible & (look.inside_oval > 0.0)).sum())):
        return np.zeros(len(layout), dtype=np.bool_)
    grown = cv2.dilate(
        cv2.morphologyEx(layout.grid(chosen.astype(np.uint8)), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)),
        np.ones((7, 7), np.uint8),
    )
    return grown[layout.rows, layout.columns] > 0
