"""Metric scale from the irises: they are much alike in size in all adults."""

import numpy as np

from facestudio.fitting.fit_values import MetricScale
from facestudio.values import ARKIT_NAMES, Camera, FloatArray

IRIS_MM = 11.7
"""Diameter of adults' irises, mm."""

_PEOPLE = 0.035  # their spread, of the diameter
# Measured on synthetic photos: located irises are so much too large, and vary so much about that.
_TOO_LARGE, _LOCATED = 1.05, 0.07
_FARTHEST_TURN = np.sin(np.radians(25))
_SHUT = 0.35
_FARTHEST_APART = 0.1
_IRISES = ((468, "eyeBlinkRight"), (473, "eyeBlinkLeft"))


def iris_scale(
    mesh: FloatArray, expression: FloatArray, eyes: FloatArray, camera: Camera
) -> MetricScale | None:
    """Return how large the picture shows a millimetre at the eyes.

    Parameters
    ----------
    mesh
        (478, 2) located mesh points, pixels: the irises are 468 to 472 and 473 to 477, centre first.
    expression
        (52,) as the landmarker sees it.
    eyes
        (N, 3) mm: places on the head whose mean lies between the irises.
    camera
        With about the right pose.

    Returns
    -------
    MetricScale or None
        None if an eye is shut, the head is turned far away, or the irises are too small or too unlike to tell.
    """
    if abs(camera.rotation[2, 0]) > _FARTHEST_TURN:
        return None
    seen: list[float] = []
    for centre, blink in _IRISES:
        if expression[ARKIT_NAMES.index(blink)] > _SHUT:
            continue
        rim = mesh[centre + 1 : centre + 5]
        seen.append(float(max(np.linalg.norm(rim[0] - rim[2]), np.linalg.norm(rim[1] - rim[3]))))
    if len(seen) < 2 or min(seen) < 3.0:
        return None
    # What one of the two says beside the other tells how far both may be off.
    apart = float(np.log(max(seen) / min(seen)))
    if apart > _FARTHEST_APART:
        return None
    depth = float((camera.rotation @ eyes.mean(axis=0))[2])
    pixels = float(np.exp(np.mean(np.log(seen)))) / _TOO_LARGE
    return MetricScale(pixels / IRIS_MM, depth, float(np.sqrt(_PEOPLE**2 + _LOCATED**2 + (apart / 2) ** 2)))
