"""What located points tell the fit."""

from dataclasses import replace

import numpy as np
import pytest

from facestudio.fitting.evidence import MOVED_CAUTION, by_kind, face_sight
from facestudio.values import DetectedFace, FaceBox, Landmarks


def _landmarks(drawn: float) -> Landmarks:
    points = np.random.default_rng(4).uniform(50, 150, (68, 2))
    return replace(Landmarks.of("ibug68", points, sigma=1.0, method="combined"), drawn=drawn)


def test_factors_go_from_real_to_drawn_photos() -> None:
    assert by_kind((2.0, 8.0), None) == 2.0
    assert by_kind((2.0, 8.0), _landmarks(0.0)) == 2.0
    assert by_kind((2.0, 8.0), _landmarks(0.5)) == pytest.approx(4.0)
    assert by_kind((2.0, 8.0), _landmarks(1.0)) == pytest.approx(8.0)


def test_points_the_observer_moved_lead_less_in_drawn_photos() -> None:
    points = np.random.default_rng(5).uniform(50, 150, (478, 2))
    mesh = Landmarks.of("mesh478", points, sigma=1.0, method="mesh478")
    face = DetectedFace(FaceBox(50, 50, 150, 150, 0.9), mesh, np.zeros(478), np.zeros(52), 0.9)
    real, drawn = (face_sight(face, _landmarks(share), points, 1.0) for share in (0.0, 1.0))
    assert real.own_noise is not None
    assert drawn.own_noise is not None
    wider = MOVED_CAUTION[1] / MOVED_CAUTION[0]
    np.testing.assert_allclose(drawn.own_noise.sigma, wider * real.own_noise.sigma)
    np.testing.assert_allclose(drawn.noise.sigma, real.noise.sigma)
