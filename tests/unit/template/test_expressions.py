"""The ARKit shapes carried to other heads: they scale, they move with the head, lids close, nothing folds."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.geometry.folds import folded_quads
from facestudio.template.expressions import expression_deltas_for, expression_offsets
from facestudio.template.model import load_template
from facestudio.template.parts import template_parts
from facestudio.template.seating import close_neck, eyeball_of, seat_eyeballs

TEMPLATE = load_template()
PARTS = template_parts(TEMPLATE)
BLINKS = [TEMPLATE.expression_names.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
JAW = TEMPLATE.expression_names.index("jawOpen")
OTHERS = [k for k in range(52) if k not in BLINKS]
LIDS_CLOSE_MM = 1.0


def opening(vertices: np.ndarray, side: int) -> float:
    """How far apart the edges of the lids are at the widest place, mm."""
    lids = PARTS.lids[side]
    ring, outer = lids.rings[2], lids.outer[2]
    upper, lower = vertices[ring[1:outer]], vertices[np.append(ring[outer:], ring[0])]
    order = np.argsort(lower[:, 0])
    return float((upper[:, 1] - np.interp(upper[:, 0], lower[order, 0], lower[order, 1])).max())


def heads() -> list[np.ndarray]:
    database = load_database()
    return [TEMPLATE.vertices, *(database.vertices(k) for k in range(0, len(database), 100))]


def test_the_rest_head_keeps_its_shapes() -> None:
    deltas = expression_deltas_for(TEMPLATE, TEMPLATE.vertices)
    assert deltas.dtype == np.float32
    np.testing.assert_allclose(deltas[OTHERS], TEMPLATE.expression_deltas[OTHERS], atol=0.02)


def test_shapes_scale_with_the_head() -> None:
    once = expression_deltas_for(TEMPLATE, TEMPLATE.vertices)
    twice = expression_deltas_for(TEMPLATE, 2 * TEMPLATE.vertices + [5.0, -3.0, 2.0])
    np.testing.assert_allclose(twice[OTHERS], 2 * once[OTHERS], atol=0.03)


@pytest.mark.parametrize("head", heads())
def test_lids_close_in_front_of_the_eyeball(head: np.ndarray) -> None:
    deltas = expression_deltas_for(TEMPLATE, head).astype(np.float64)
    for side, shape in enumerate(BLINKS):
        assert opening(head, side) > 3
        shut = head + deltas[shape]
        assert opening(shut, side) < LIDS_CLOSE_MM
        centre, radius = eyeball_of(TEMPLATE, head, side)
        lids = PARTS.lids[side]
        for share in (0.5, 1.0):
            ring = (head + share * deltas[shape])[np.concatenate(lids.rings[3:5])]
            assert np.linalg.norm(ring - centre, axis=1).min() > radius - 0.1


@pytest.mark.parametrize("head", heads())
def test_visible_quads_do_not_fold(head: np.ndarray) -> None:
    deltas = expression_deltas_for(TEMPLATE, head).astype(np.float64)
    quads = TEMPLATE.quads[PARTS.outer[TEMPLATE.quads].all(axis=1)]
    before = folded_quads(head, quads)
    for delta in (deltas[JAW], deltas[BLINKS].sum(axis=0)):
        assert (folded_quads(head + delta, quads) & ~before).sum() <= 4


def test_eyeballs_are_seated_as_in_the_rest_head() -> None:
    seated = seat_eyeballs(TEMPLATE, TEMPLATE.vertices)
    np.testing.assert_allclose(seated, TEMPLATE.vertices, atol=0.05)
    lost = TEMPLATE.vertices.copy()
    for eye in TEMPLATE.eyes:
        lost[eye.start : eye.stop] += 30
    moved = 1.1 * lost + [3.0, 4.0, 5.0]
    np.testing.assert_allclose(
        seat_eyeballs(TEMPLATE, moved), 1.1 * TEMPLATE.vertices + [3.0, 4.0, 5.0], atol=0.1
    )


def test_the_neck_is_closed_as_in_the_rest_head() -> None:
    np.testing.assert_allclose(close_neck(TEMPLATE, TEMPLATE.vertices), TEMPLATE.vertices, atol=1e-4)
    spoilt = TEMPLATE.vertices.copy()
    spoilt[PARTS.cap] = 0
    np.testing.assert_allclose(close_neck(TEMPLATE, spoilt), TEMPLATE.vertices, atol=1e-4)


def test_an_expression_is_the_sum_of_its_shapes() -> None:
    weights = np.where(np.arange(52) % 3 == 0, 0.4, 0.0)
    weights[BLINKS] = 0.7, 0.0
    head = heads()[1]
    shapes = np.tensordot(weights, expression_deltas_for(TEMPLATE, head).astype(np.float64), axes=1)
    np.testing.assert_allclose(expression_offsets(TEMPLATE, head, weights), shapes, atol=1e-3)
