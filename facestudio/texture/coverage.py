"""The coverage as a picture for people."""

import numpy as np

from facestudio.values import ByteArray, Coverage

COLOURS = {"seen": (64, 200, 92), "mirrored": (72, 128, 255), "borrowed": (236, 128, 48)}
"""sRGB of each source; darker where the confidence is less."""

_DARKEST = 0.35


def coverage_picture(coverage: Coverage) -> ByteArray:
    """Return a coverage as a picture in UV space, (S, S, 3) uint8 RGB.

    The colour says where a texel comes from (`COLOURS`), its brightness how far it is to be trusted; black lies outside
    the skin's charts.
    """
    table = np.array([(0, 0, 0), *COLOURS.values()], dtype=np.float32)
    if coverage.confidence is None:
        return table.astype(np.uint8)[coverage.labels]
    shades = (_DARKEST + (1 - _DARKEST) * np.arange(256, dtype=np.float32) / 255)[:, None, None]
    return np.rint(shades * table).astype(np.uint8)[coverage.confidence, coverage.labels]
