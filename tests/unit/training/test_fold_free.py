"""The mended shape model: lips that touch, no folds, and coefficients that mean what they meant."""

from dataclasses import replace

import numpy as np
import pytest

from facestudio.database.shape_model import load_shape_model
from facestudio.geometry.folds import folded_quads
from facestudio.template.model import load_template
from facestudio.training.fold_free import fold_free, with_closed_lips

TEMPLATE = load_template()
PAIRS = ((61, 67), (62, 66), (63, 65))


def _gaps(head):
    points = TEMPLATE.ibug68.points(head)
    return np.array([points[up, 1] - points[down, 1] for up, down in PAIRS])


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_lips_are_closed_and_the_rest_of_the_face_stays(gap):
    model = load_shape_model()
    open_mouth = model.mean + (TEMPLATE.open_mouthed() - TEMPLATE.vertices)
    assert _gaps(open_mouth).min() > 2.0
    closed = with_closed_lips(TEMPLATE, open_mouth[None], gap)[0]
    np.testing.assert_allclose(_gaps(closed), gap, atol=1e-6)
    others = [i for i in range(68) if i not in {50, 51, 52, 56, 57, 58, 61, 62, 63, 65, 66, 67}]
    points = TEMPLATE.ibug68.points
    np.testing.assert_allclose(points(closed)[others], points(open_mouth)[others], atol=1e-6)


def test_folds_are_smoothed_where_they_are_and_nowhere_else():
    model = load_shape_model()
    # One mode that turns a quad of the cheek over.
    quad = TEMPLATE.quads[
        np.argmin(np.linalg.norm(model.mean[TEMPLATE.quads].mean(axis=1) - [55, -30, 70], axis=1))
    ]
    basis = model.basis.copy()
    basis[0, quad[0]] += 1.5 * (model.mean[quad[2]] - model.mean[quad[0]])
    broken = replace(model, basis=basis)
    heads = [TEMPLATE.quads, 1.0]
    assert folded_quads(broken.mean + heads[1] * basis[0], TEMPLATE.quads).any()
    mended = fold_free(broken, TEMPLATE, heads=40)
    assert not folded_quads(mended.mean + heads[1] * mended.basis[0], TEMPLATE.quads).any()
    moved = np.abs(mended.basis - basis).max(axis=(0, 2)) > 0.05
    reach = np.linalg.norm(model.mean - model.mean[quad[0]], axis=1)
    assert moved[quad[0]]
    assert reach[moved & (np.abs(model.mean - model.mean[quad[0]]).max(axis=1) < 60)].max() < 40


def test_no_mode_folds_the_mean_head():
    model = load_shape_model()
    for mode in model.basis:
        for sign in (-3, 3):
            assert not folded_quads(model.mean + sign * mode, TEMPLATE.quads).any()
