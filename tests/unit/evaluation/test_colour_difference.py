"""CIEDE2000 on the published pairs (Sharma, Wu, Dalal 2005, table 1)."""

import numpy as np
import pytest

from facestudio.evaluation.colour import delta_e_2000, to_lab


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
        ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_published_pairs(one, other, wanted):
    assert delta_e_2000(np.array(one), np.array(other)) == pytest.approx(wanted, abs=1e-4)
    assert delta_e_2000(np.array(other), np.array(one)) == pytest.approx(wanted, abs=1e-4)


def test_lab_of_white_black_and_red():
    lab = to_lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], dtype=np.uint8))
    np.testing.assert_allclose(lab, [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.1)
