"""Pins: what they hold is met exactly, the face stays, nothing folds; and which vertex a place of the photo shows."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import UsageError
from facestudio.fitting.outline import on_outline, outline_vertices, slid
from facestudio.fitting.pins import PinSight, pin_field, settled_field, vertex_at
from facestudio.geometry.camera import project, view_camera
from facestudio.geometry.folds import folded_quads
from facestudio.template.model import load_template
from facestudio.template.pins import MOST_PINS, Pin, check_pins, pinned_place, with_pin, without_pin

TEMPLATE = load_template()
CAMERA = view_camera((800, 1000), focal_px=1600, distance_mm=700)
PIXELS, DEPTH = project(CAMERA, TEMPLATE.vertices)
SCALE = 1600 / 700
NOBODY = np.zeros(68, dtype=bool)


def place(name, side=1, most=1):
    """Return the vertex of a place that lies highest or lowest."""
    ids = [
        v
        for v in range(len(TEMPLATE.vertices))
        if pinned_place(TEMPLATE, v) == name and side * TEMPLATE.vertices[v, 0] >= 0
    ]
    return max(ids, key=lambda v: most * TEMPLATE.vertices[v, 1])


TOP, TIP, LOBE = place("top"), place("ear-top"), place("ear-lobe", most=-1)


def pinned(**by):
    """Return pins of vertices moved by so many millimetres in the picture."""
    names = {"top": TOP, "tip": TIP, "lobe": LOBE}
    return tuple(Pin(names[n], *(PIXELS[names[n]] + np.array(d) * SCALE)) for n, d in by.items())


@pytest.mark.parametrize(
    "pins",
    [
        pinned(top=(0, -30)),
        pinned(lobe=(3, 8)),
        pinned(tip=(10, -4), lobe=(-4, 6)),
        pinned(top=(5, 15), tip=(8, 0), lobe=(0, -5)),
    ],
)
def test_pins_are_met_at_their_own_depth_and_nothing_folds(pins):
    sight = PinSight(pins, CAMERA, TEMPLATE.vertices)
    moved = NOBODY.copy()
    moved[[0, 16, 27]] = True
    field = pin_field(TEMPLATE, TEMPLATE.vertices, [sight], moved)
    out = TEMPLATE.vertices + field.displacement
    pixels, depth = project(CAMERA, out)
    for pin in pins:
        np.testing.assert_allclose(pixels[pin.vertex], (pin.x, pin.y), atol=1e-8)
        np.testing.assert_allclose(depth[pin.vertex], DEPTH[pin.vertex], atol=1e-8)
        np.testing.assert_allclose(field.held[pin.vertex], 1)
    points = TEMPLATE.ibug68.points(field.displacement)
    np.testing.assert_allclose(points[moved], 0, atol=1e-9)  # set by hand
    assert np.linalg.norm(points, axis=1).max() < 2
    skin = TEMPLATE.quads[TEMPLATE.quad_material == TEMPLATE.materials.index("skin")]
    assert not (folded_quads(out, skin) & ~folded_quads(TEMPLATE.vertices, skin)).any()
    for eye in TEMPLATE.eyes:
        assert np.ptp(field.displacement[eye.start : eye.stop], axis=0).max() < 1e-12
    assert np.abs(field.displacement[TEMPLATE.vertices[:, 1] < -140]).max() < 1  # the neck's end


def test_without_pins_there_is_no_field():
    assert pin_field(TEMPLATE, TEMPLATE.vertices, [PinSight((), CAMERA, TEMPLATE.vertices)], NOBODY) is None


def test_a_vertex_pinned_in_two_photos_goes_where_the_lines_meet():
    side = view_camera((800, 1000), focal_px=1600, distance_mm=700, yaw=1.2)
    goal = TEMPLATE.vertices[TIP] + [4.0, 3.0, -6.0]
    sights = [
        PinSight((Pin(TIP, *project(camera, goal[None])[0][0]),), camera, TEMPLATE.vertices)
        for camera in (CAMERA, side)
    ]
    field = pin_field(TEMPLATE, TEMPLATE.vertices, sights, NOBODY)
    np.testing.assert_allclose(TEMPLATE.vertices[TIP] + field.displacement[TIP], goal, atol=1e-3)


def test_a_place_on_the_head_is_the_vertex_seen_there():
    nose = int(np.argmax(TEMPLATE.vertices[:, 2]))
    assert vertex_at(TEMPLATE, CAMERA, TEMPLATE.vertices, tuple(PIXELS[nose])) == nose
    rng = np.random.default_rng(1)
    low, high = PIXELS.min(axis=0) + 40, PIXELS.max(axis=0) - 40
    for at in rng.uniform(low, high, (40, 2)):
        found = vertex_at(TEMPLATE, CAMERA, TEMPLATE.vertices, tuple(at))
        near = np.linalg.norm(PIXELS - PIXELS[found], axis=1) < 3 * SCALE
        assert DEPTH[found] < DEPTH[near].min() + 20  # in front


def test_a_place_off_the_head_is_the_nearest_point_of_its_outline():
    high = (float(PIXELS[TOP, 0]), float(PIXELS[:, 1].min()) - 80)
    found = vertex_at(TEMPLATE, CAMERA, TEMPLATE.vertices, high)
    assert PIXELS[found, 1] < PIXELS[:, 1].min() + 2
    assert pinned_place(TEMPLATE, found) == "top"
    left = (float(PIXELS[:, 0].min()) - 60, float(PIXELS[TIP, 1]))
    assert pinned_place(TEMPLATE, vertex_at(TEMPLATE, CAMERA, TEMPLATE.vertices, left)).startswith("ear")


def test_the_outline_is_where_the_picture_shows_the_head_end():
    rim = outline_vertices(TEMPLATE, CAMERA, TEMPLATE.vertices)
    assert on_outline(TEMPLATE, CAMERA, TEMPLATE.vertices, int(np.argmin(PIXELS[:, 1])))
    nose = int(np.argmax(TEMPLATE.vertices[:, 2]))
    assert not on_outline(TEMPLATE, CAMERA, TEMPLATE.vertices, nose)
    assert not on_outline(TEMPLATE, CAMERA, TEMPLATE.vertices, TIP)  # an ear is an ear from every side
    profile = view_camera((800, 1000), focal_px=1600, distance_mm=700, yaw=np.pi / 2)
    side, _ = project(profile, TEMPLATE.vertices)
    seen = outline_vertices(TEMPLATE, profile, TEMPLATE.vertices)
    assert np.linalg.norm(side[seen] - side[nose], axis=1).min() < 0.5 * SCALE
    upper = rim[TEMPLATE.vertices[rim, 1] > 60]
    assert (
        np.abs(TEMPLATE.vertices[upper, 2]).max() < 60
    )  # seen from the front, it runs over the middle of the skull


@pytest.mark.parametrize("yaw", [35.0, -50.0])
def test_a_pin_of_the_outline_slides_when_the_head_is_turned(yaw):
    """Set on a frontal fit; the true head and pose are known then, and what the pins hold is its outline."""
    database = load_database()
    truth, mean = database.vertices(20), database.mean_head()
    camera = view_camera((800, 1000), focal_px=1600, distance_mm=700, yaw=np.radians(yaw))
    pixels, _ = project(camera, truth)
    rim = outline_vertices(TEMPLATE, camera, truth)
    skull = [int(v) for v in rim if truth[v, 1] > 25 and not pinned_place(TEMPLATE, int(v)).startswith("ear")]
    goals = pixels[skull[:: max(1, len(skull) // 6)]]
    pins = ()
    for goal in goals:
        start = vertex_at(TEMPLATE, CAMERA, mean, tuple(goal))
        pins = with_pin(pins, Pin(start, *goal, outline=True))
    sliding = settled_field(TEMPLATE, mean, [PinSight(pins, camera, mean)], NOBODY)
    held = pin_field(TEMPLATE, mean, [PinSight(pins, camera, mean)], NOBODY)
    errors = {}
    for name, field in (("slid", sliding), ("held", held)):
        out = mean + field.displacement
        now = outline_vertices(TEMPLATE, camera, out)
        seen = project(camera, out)[0][now]
        errors[name] = max(np.linalg.norm(seen - (pin.x, pin.y), axis=1).min() for pin in pins) / SCALE
        across = np.linalg.norm((out - truth)[skull], axis=1)
        errors[name + " skull"] = float(np.median(across))
    assert errors["slid"] < 2.0  # mm: the outline runs through every pin
    assert errors["slid skull"] < 0.6 * errors["held skull"]
    placed = mean + sliding.displacement
    assert slid(TEMPLATE, camera, placed, slid(TEMPLATE, camera, placed, pins)) == slid(
        TEMPLATE, camera, placed, pins
    )


def test_pins_of_places_do_not_slide_and_two_never_meet():
    pins = (Pin(TOP, 400.0, 100.0), Pin(TIP, 300.0, 400.0))
    turned = view_camera((800, 1000), focal_px=1600, distance_mm=700, yaw=0.8)
    assert slid(TEMPLATE, turned, TEMPLATE.vertices, pins) is pins
    high = project(turned, TEMPLATE.vertices)[0]
    at = tuple(high[np.argmin(high[:, 1])] - [0, 40])
    many = tuple(Pin(int(v), *at, outline=True) for v in np.flatnonzero(TEMPLATE.vertices[:, 2] > 60)[:5])
    after = slid(TEMPLATE, turned, TEMPLATE.vertices, many)
    assert len({pin.vertex for pin in after}) == 5


def test_one_pin_for_each_vertex():
    pins = with_pin((), Pin(3, 1, 2))
    pins = with_pin(with_pin(pins, Pin(9, 5, 5)), Pin(3, 7, 8))
    assert pins == (Pin(3, 7, 8), Pin(9, 5, 5))
    assert without_pin(pins, 3) == (Pin(9, 5, 5),)


@pytest.mark.parametrize(
    ("pins", "match"),
    [
        ((Pin(10**6, 0, 0),), "names vertex"),
        ((Pin(-1, 0, 0),), "names vertex"),
        ((Pin(1, float("nan"), 0),), "not a number"),
        ((Pin(1, 0, 0), Pin(1, 2, 2)), "same place"),
        (tuple(Pin(i, 0, 0) for i in range(MOST_PINS + 1)), "at most"),
    ],
)
def test_pins_that_make_no_sense_are_refused(pins, match):
    with pytest.raises(UsageError, match=match):
        check_pins(pins, len(TEMPLATE.vertices))
