"""Strokes of the brush: what they cover, erasing, scales, places outside."""

import numpy as np
import pytest

from facestudio.texture.strokes import Stroke, covered, stroke_mask


def test_a_dot_is_a_disc_and_a_line_a_band() -> None:
    dot = stroke_mask([Stroke(((20.0, 30.0),), 6.0)], (64, 48))
    y, x = np.mgrid[0:48, 0:64]
    away = np.hypot(x - 20, y - 30)
    assert dot[away <= 5].all()
    assert not dot[away >= 8].any()
    line = stroke_mask([Stroke(((10.0, 24.0), (50.0, 24.0)), 4.0)], (64, 48))
    assert line[22:27, 10:51].all()
    assert not line[:18].any()
    assert line.shape == (48, 64)


def test_later_strokes_erase_earlier_ones_alone() -> None:
    add, erase = Stroke(((20.0, 20.0),), 8.0), Stroke(((20.0, 20.0),), 12.0, erase=True)
    assert not stroke_mask([add, erase], (40, 40)).any()
    assert np.array_equal(stroke_mask([erase, add], (40, 40)), stroke_mask([add], (40, 40)))


@pytest.mark.parametrize("scale", [0.25, 0.5, 2.0])
def test_another_scale_covers_the_same_share(scale: float) -> None:
    stroke = Stroke(((60.0, 60.0), (100.0, 80.0)), 20.0)
    whole = stroke_mask([stroke], (160, 160)).mean()
    scaled = stroke_mask([stroke], (round(160 * scale), round(160 * scale)), scale).mean()
    assert scaled == pytest.approx(whole, rel=0.2 if scale < 0.5 else 0.1)


def test_places_outside_and_nowhere_are_not_covered() -> None:
    mask = np.ones((10, 20), dtype=np.bool_)
    places = np.array([[0, 0], [19, 9], [20, 5], [-1, 5], [np.nan, 1], [np.inf, 1]])
    assert covered(mask, places).tolist() == [True, True, False, False, False, False]
    far = stroke_mask([Stroke(((-500.0, -500.0), (900.0, -500.0)), 10.0)], (20, 10))
    assert not far.any()
