"""Registration: known truth from deformed templates, and everything a person could hand in instead of a head."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from facestudio.database.model import load_database
from facestudio.database.registration.nonrigid import Schedule
from facestudio.database.registration.prior import prior_of
from facestudio.database.registration.register import UNITS, Registration, register_scan
from facestudio.database.registration.scan import Scan, cleaned, load_scan, reduced
from facestudio.database.registration.surface import TargetSurface
from facestudio.database.shape_model import load_shape_model
from facestudio.errors import CancelledError, NoFaceError, UnreadableInputError
from facestudio.geometry.folds import folded_quads
from facestudio.geometry.mesh import triangulate, vertex_normals
from facestudio.template.model import load_template
from facestudio.template.parts import REGIONS, template_parts

TEMPLATE = load_template()
PARTS = template_parts(TEMPLATE)
QUICK = Schedule(
    coarse=tuple(np.geomspace(1.0, 1e-3, 5).tolist()),
    centres=120,
    fine=tuple(np.geomspace(60.0, 0.1, 6).tolist()),
)


def truth(number: int = 3) -> np.ndarray:
    return load_database().vertices(number)


def shuffled_skin(vertices: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The skin alone, split finer, with the vertices in another order: no correspondence is left to see."""
    quads = TEMPLATE.quads[PARTS.outer[TEMPLATE.quads].all(axis=1)]
    used, triangles = np.unique(triangulate(quads), return_inverse=True)
    points, triangles = trimesh.remesh.subdivide(vertices[used], triangles.reshape(-1, 3))
    order = np.random.default_rng(seed).permutation(len(points))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return points[order], place[triangles].astype(np.int32)


def scan_of(vertices: np.ndarray, *, with_points: bool = True) -> Scan:
    points, triangles = shuffled_skin(vertices)
    return Scan(points, triangles, TEMPLATE.ibug68.points(vertices) if with_points else None)


def errors(result: Registration, vertices: np.ndarray) -> np.ndarray:
    there = result.scale * vertices @ result.rotation.T + result.shift
    return np.linalg.norm(result.vertices - there, axis=1)


@pytest.fixture(scope="module")
def registered() -> tuple[np.ndarray, Registration]:
    head = truth()
    return head, register_scan(TEMPLATE, scan_of(head), schedule=QUICK)


def test_a_head_comes_back_on_the_template(registered: tuple[np.ndarray, Registration]) -> None:
    head, result = registered
    assert result.accepted, result.reason
    assert result.unit == "mm"
    assert result.residuals["face"].median_mm < 0.1
    for name, limit in (("face", 1.5), ("ears", 2.5), ("scalp", 6.0), ("neck", 6.0)):
        assert np.median(errors(result, head)[PARTS.region == REGIONS.index(name)]) < limit


def test_nothing_is_folded(registered: tuple[np.ndarray, Registration]) -> None:
    _, result = registered
    # What is visible: the lining of the sockets hides in the eyeballs.
    quads = TEMPLATE.quads[PARTS.outer[TEMPLATE.quads].all(axis=1)]
    assert folded_quads(result.vertices, quads).sum() <= 2


def test_the_same_scan_gives_the_same_result(registered: tuple[np.ndarray, Registration]) -> None:
    head, result = registered
    again = register_scan(TEMPLATE, scan_of(head), schedule=QUICK)
    np.testing.assert_array_equal(again.vertices, result.vertices)


def test_a_prior_brings_correspondence(registered: tuple[np.ndarray, Registration]) -> None:
    head, plain = registered
    result = register_scan(TEMPLATE, scan_of(head), prior=prior_of(load_shape_model()), schedule=QUICK)
    face = PARTS.region == REGIONS.index("face")
    assert result.accepted
    assert np.median(errors(result, head)[face]) < 0.7 * np.median(errors(plain, head)[face])


@pytest.mark.parametrize("unit", ["m", "inch", "cm"])
def test_units_and_axes_are_found_out(unit: str) -> None:
    head = truth()
    scan = scan_of(head)
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # Z up

    def moved(points: np.ndarray) -> np.ndarray:
        return points @ turn.T / UNITS[unit] + 3.0

    assert scan.points68 is not None
    strange = replace(scan, vertices=moved(scan.vertices), points68=moved(scan.points68))
    result = register_scan(
        TEMPLATE, strange, schedule=replace(QUICK, coarse=QUICK.coarse[:2], fine=QUICK.fine[:2])
    )
    assert result.unit == unit
    assert any("turned by" in note for note in result.notes)
    assert np.median(errors(result, moved(head))[PARTS.region == REGIONS.index("face")]) < 3.0


def test_faces_wound_inwards_are_turned() -> None:
    scan = scan_of(truth())
    result = register_scan(
        TEMPLATE,
        replace(scan, triangles=scan.triangles[:, ::-1]),
        schedule=replace(QUICK, coarse=QUICK.coarse[:2], fine=QUICK.fine[:2]),
    )
    assert any("inwards" in note for note in result.notes)
    assert result.residuals["face"].median_mm < 0.5


def test_the_open_back_of_a_scan_is_completed() -> None:
    head = truth()
    scan = scan_of(head)
    front = (scan.vertices[scan.triangles][:, :, 2] > 20).all(axis=1)
    result = register_scan(TEMPLATE, replace(scan, triangles=scan.triangles[front]), schedule=QUICK)
    assert result.accepted, result.reason
    behind = (TEMPLATE.vertices[:, 2] < -20) & PARTS.outer
    assert not result.seen[behind].any()
    assert np.median(errors(result, head)[behind]) < 15
    assert result.residuals["scalp"].seen < 0.6


def test_the_face_is_found_on_a_scan_without_points() -> None:
    head = truth()
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # lying on its side
    scan = scan_of(head, with_points=False)
    result = register_scan(TEMPLATE, replace(scan, vertices=scan.vertices @ turn.T / 10), schedule=QUICK)
    assert result.accepted, result.reason
    assert result.unit == "cm"
    assert result.residuals["face"].median_mm < 0.2
    assert np.median(errors(result, head @ turn.T / 10)[PARTS.region == 0]) < 5


def test_cancelling_stops_it() -> None:
    with pytest.raises(CancelledError):
        register_scan(TEMPLATE, scan_of(truth()), cancelled=lambda: True)


# --- what else people hand in -----------------------------------------------------------------------------------


def solid(mesh: trimesh.Trimesh) -> Scan:
    return Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces, dtype=np.int32))


@pytest.mark.parametrize(
    "scan",
    [
        solid(trimesh.creation.icosphere(subdivisions=4, radius=100)),
        solid(trimesh.creation.box((150, 200, 180)).subdivide().subdivide().subdivide().subdivide()),
        solid(trimesh.creation.torus(90, 30, 60, 60)),
    ],
    ids=["sphere", "box", "torus"],
)
def test_what_is_no_face_is_said_to_be_none(scan: Scan) -> None:
    with pytest.raises(NoFaceError, match="face"):
        register_scan(TEMPLATE, scan, schedule=QUICK)


def test_a_sphere_with_points_is_rejected() -> None:
    sphere = solid(trimesh.creation.icosphere(subdivisions=4, radius=95))
    points = TEMPLATE.ibug68.points(TEMPLATE.vertices)
    points = 95 * points / np.linalg.norm(points, axis=1, keepdims=True)
    result = register_scan(TEMPLATE, replace(sphere, points68=points), schedule=QUICK)
    assert not result.accepted
    assert result.reason


def test_points_all_over_the_place_are_rejected() -> None:
    scan = scan_of(truth())
    points = np.random.default_rng(0).permutation(np.asarray(scan.points68))
    result = register_scan(TEMPLATE, replace(scan, points68=points), schedule=QUICK)
    assert not result.accepted
    assert "points" in result.reason or "units" in result.reason


def test_a_size_of_no_unit_is_rejected() -> None:
    scan = scan_of(truth())
    result = register_scan(
        TEMPLATE,
        replace(scan, vertices=scan.vertices * 1e5, points68=np.asarray(scan.points68) * 1e5),
        schedule=QUICK,
    )
    assert not result.accepted
    assert "no unit" in result.reason


def test_some_broken_triangles_are_dropped_many_are_refused() -> None:
    scan = scan_of(truth())
    vertices = scan.vertices.copy()
    vertices[:40] = np.nan
    vertices[40] = np.inf
    triangles = np.concatenate([scan.triangles, np.full((7, 3), 500, dtype=np.int32)])
    good, notes = cleaned(replace(scan, vertices=vertices, triangles=triangles))
    assert np.isfinite(good.vertices).all()
    assert any("not numbers" in note for note in notes)
    assert any("7 triangles without an area" in note for note in notes)
    with pytest.raises(UnreadableInputError):
        cleaned(replace(scan, vertices=np.full_like(vertices, np.nan)))
    with pytest.raises(UnreadableInputError):
        cleaned(replace(scan, vertices=np.zeros_like(vertices)))
    with pytest.raises(UnreadableInputError):
        cleaned(replace(scan, points68=np.full((68, 3), np.nan)))
    with pytest.raises(UnreadableInputError):
        cleaned(replace(scan, triangles=scan.triangles + 10**6))


def test_millions_of_triangles_become_few() -> None:
    side = 1600
    x, y = np.meshgrid(np.linspace(-90, 90, side), np.linspace(-120, 120, side))
    z = 90 * np.cos(x / 90) * np.cos(y / 120)
    row, column = np.mgrid[: side - 1, : side - 1]
    a = (row * side + column).ravel()
    triangles = np.concatenate(
        [np.stack([a, a + 1, a + side + 1], 1), np.stack([a, a + side + 1, a + side], 1)]
    )
    assert len(triangles) > 5_000_000
    big = Scan(np.stack([x.ravel(), y.ravel(), z.ravel()], 1), triangles.astype(np.int32))
    small, notes = reduced(big)
    assert 50_000 < len(small.vertices) <= 150_000
    assert notes
    expected = 90 * np.cos(small.vertices[:, 0] / 90) * np.cos(small.vertices[:, 1] / 120)
    assert np.abs(small.vertices[:, 2] - expected).max() < 0.1
    assert small.triangles.max() < len(small.vertices)


def test_a_reduced_scan_is_no_worse() -> None:
    head = truth()
    fine = scan_of(head)
    small, _ = reduced(fine, most=6000)
    assert not TargetSurface(small.vertices, small.triangles).border[small.vertices[:, 1] > 45].any()
    result = register_scan(
        TEMPLATE, small, schedule=replace(QUICK, coarse=QUICK.coarse[:2], fine=QUICK.fine[:2])
    )
    assert result.accepted, result.reason
    assert result.residuals["face"].seen > 0.75


def test_mesh_files_are_read_and_others_refused(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 2, 3))
    for ending in (".obj", ".ply", ".stl", ".glb"):
        path = tmp_path / f"box{ending}"
        box.export(path)
        assert len(load_scan(path).vertices) == 8
    for name, content in (
        ("a.obj", b"nonsense"),
        ("a.ply", b"ply\nbroken"),
        ("a.txt", b""),
        ("a.glb", b"glTF"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnreadableInputError):
            load_scan(path)
    with pytest.raises(UnreadableInputError):
        load_scan(tmp_path / "missing.obj")


def test_matches_tell_two_sides_of_a_thin_sheet_apart() -> None:
    x, y = np.meshgrid(np.arange(10.0), np.arange(10.0))
    flat = np.stack([x.ravel(), y.ravel(), np.zeros(100)], 1)
    a = (np.arange(9)[:, None] * 10 + np.arange(9)).ravel()
    up = np.concatenate([np.stack([a, a + 1, a + 11], 1), np.stack([a, a + 11, a + 10], 1)])
    vertices = np.concatenate([flat, flat - [0, 0, 0.2]])
    surface = TargetSurface(vertices, np.concatenate([up, up[:, ::-1] + 100]).astype(np.int32))
    points = np.array([[4.3, 4.6, 0.0], [4.3, 4.6, 0.0]])
    found = surface.match(points, np.array([[0.0, 0, 1], [0.0, 0, -1]]))
    np.testing.assert_allclose(found.points[:, 2], [0.0, -0.2], atol=1e-9)
    np.testing.assert_allclose(found.agreement, 1.0, atol=1e-9)
    assert surface.match(np.array([[-2.0, 4, 0]]), np.array([[0.0, 0, 1]])).on_border[0]
    np.testing.assert_allclose(vertex_normals(vertices, up.astype(np.int32))[0], [0, 0, 1])


@pytest.mark.skipif(
    "FACESTUDIO_ICT" not in os.environ, reason="FACESTUDIO_ICT does not name ICT-FaceKit's model"
)
def test_ict_heads_are_registered_within_the_bars() -> None:
    from facestudio.database.sources.ict_facekit import load_ict
    from facestudio.evaluation.registration import evaluate_registration

    report = evaluate_registration(TEMPLATE, load_ict(Path(os.environ["FACESTUDIO_ICT"])), 2, 7)
    assert report.accepted == 2
    surface = {row.region: row.median_mm for row in report.regions}
    assert surface["face"] <= 0.5
    assert surface["ears"] <= 1.0
    assert surface["neck"] <= 1.0
    assert report.held_back_mm <= 2.0
