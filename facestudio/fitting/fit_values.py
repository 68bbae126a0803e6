"""What the fit takes and gives: priors, evidence, and the most probable head with how sure it is."""

from dataclasses import dataclass

import numpy as np

from facestudio.values import Camera, FloatArray, read_only


@dataclass(frozen=True)
class MetricScale:
    """How large the picture shows a millimetre at a depth of the head: something there has a known size.

    `pixels_per_mm` at `depth_mm` beyond the head's origin along the line of sight, and the standard deviation of its
    logarithm, `sigma`.
    """

    pixels_per_mm: float
    depth_mm: float
    sigma: float


@dataclass(frozen=True, eq=False)
class Prior:
    """What is believed before the points are seen.

    Attributes
    ----------
    identity
        (K,) mean of the identity coefficients.
    precision
        (K, K) the inverse of their covariance.
    expression
        (52,) mean of the expression weights.
    expression_sigma
        (52,) their standard deviations.
    focal_px, focal_sigma
        The most probable focal length (the start's if not given) and the standard deviation of its logarithm; 0 if
        the lens is known.
    scale
        How large the picture shows a millimetre, if something of known size was seen.
    """

    identity: FloatArray
    precision: FloatArray
    expression: FloatArray
    expression_sigma: FloatArray
    focal_px: float | None = None
    focal_sigma: float = 0.0
    scale: MetricScale | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """2D points and how far they may be off.

    Attributes
    ----------
    pixels
        (P, 2) float64, image frame.
    sigma
        (P, 2) float64 pixels: each point's own noise.
    factor
        (2 P, R) float64 pixels: noise that points have in common.
    """

    pixels: FloatArray
    sigma: FloatArray
    factor: FloatArray


@dataclass(frozen=True, eq=False)
class Fit:
    """The most probable camera, identity (K,), expression (52,) and local modes (L, 3), and how sure they are.

    `identity_covariance` is (K, K), whatever the others are. `local_covariance` (3 S, 3 S) is that of `local_seen.T @
    local`, row by row: of the S combinations of local modes that the points see, `local_seen` (L, S).
    """

    camera: Camera
    identity: FloatArray
    expression: FloatArray
    local: FloatArray
    identity_covariance: FloatArray
    local_covariance: FloatArray
    local_seen: FloatArray
    residual_px: float
    iterations: int

    def __post_init__(self) -> None:
        for name in (
            *("identity", "expression", "local"),
            *("identity_covariance", "local_covariance", "local_seen"),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
