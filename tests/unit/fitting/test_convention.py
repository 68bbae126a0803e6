"""Located landmarks as evidence: in people's convention, not twice, and less sure of the jaw as the head turns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import ModelError
from facestudio.fitting.evidence import FaceSight, located_evidence
from facestudio.fitting.noise import independent_noise
from facestudio.fitting.problem import Weight
from facestudio.fitting.sparse_model import located_model, sparse_models
from facestudio.geometry.camera import head_rotation
from facestudio.landmarks.schemes import load_scheme
from facestudio.template.convention import load_convention_file, people_offsets
from facestudio.template.model import load_template
from facestudio.values import Camera, Landmarks

TEMPLATE, DATABASE = load_template(), load_database("studio")
POINTS = np.random.default_rng(0).uniform(100, 400, size=(68, 2))


def _camera(yaw: float) -> Camera:
    rotation = head_rotation(np.radians(yaw), 0.0, 0.0)
    return Camera(1000.0, 1000.0, 255.5, 255.5, rotation, np.array([0.0, 0.0, 500.0]), (512, 512), "given")


def test_people_put_left_and_right_alike_and_the_brows_higher() -> None:
    offsets = people_offsets()
    mirror = np.asarray(load_scheme("ibug68").mirror)
    np.testing.assert_allclose(offsets[mirror] * [-1.0, 1.0, 1.0], offsets, atol=1e-5)
    assert offsets[17:27, 1].mean() > 2.0
    assert np.linalg.norm(offsets, axis=1).max() < 12.0


def test_points_of_drawn_photos_lie_where_the_template_has_them() -> None:
    mesh, landmarks = sparse_models(DATABASE, TEMPLATE)
    drawn, real = (located_model(DATABASE, TEMPLATE, share) for share in (1.0, 0.0))
    np.testing.assert_array_equal(drawn.mean, np.concatenate([mesh.mean, landmarks.mean]))
    np.testing.assert_allclose(real.mean[478:] - landmarks.mean, people_offsets())
    np.testing.assert_array_equal(real.mean[:478], mesh.mean)
    half = located_model(DATABASE, TEMPLATE, 0.5)
    np.testing.assert_allclose(half.mean, (drawn.mean + real.mean) / 2)


def test_the_jaw_says_less_the_more_the_head_is_turned() -> None:
    landmarks = Landmarks.of("ibug68", POINTS, sigma=3.0, method="combined")
    front, turned = (located_evidence(landmarks, _camera(yaw)) for yaw in (0.0, 40.0))
    np.testing.assert_allclose(front.sigma[17:], 3.0)
    np.testing.assert_allclose(turned.sigma[17:], 3.0)
    np.testing.assert_allclose(front.sigma[:17], 3.0)
    assert (turned.sigma[:17] > 5 * front.sigma[:17]).all()
    sure = located_evidence(Landmarks.of("ibug68", POINTS, sigma=0.01, method="combined"), _camera(0.0))
    assert sure.sigma.min() == pytest.approx(0.5 * 1000 / 500)


@pytest.mark.parametrize("roll", [0.0, 35.0])
def test_the_jaw_tells_its_form_but_not_where_it_is_as_a_whole(roll: float) -> None:
    landmarks = Landmarks.of("ibug68", POINTS, sigma=3.0, method="combined")
    camera = replace(_camera(0.0), rotation=head_rotation(0.0, 0.0, np.radians(roll)))
    seen = located_evidence(landmarks, camera)
    weight = Weight(seen.sigma, seen.factor)
    down = np.array([-np.sin(np.radians(roll)), np.cos(np.radians(roll))])
    aside = np.array([down[1], -down[0]])
    lower, beside, wider, other = np.zeros((4, 68, 2))
    lower[:17], beside[:17], other[17:34] = 4 * down, 4 * aside, 4 * down
    wider[:8], wider[9:17] = -4 * aside, 4 * aside
    costs = [weight.weighted(shift.ravel())[1] for shift in (lower, beside, wider, other)]
    assert max(costs[:2]) < 0.1 * min(costs[2:])
    assert costs[2] == pytest.approx(16 * 16 / 9)
    assert costs[3] == pytest.approx(17 * 16 / 9)


def test_they_come_after_the_mesh_and_move_as_they_are_moved() -> None:
    located = Landmarks.of("ibug68", POINTS, sigma=2.0, method="combined")
    mesh = np.random.default_rng(1).uniform(100, 400, size=(478, 2))
    sight = FaceSight(mesh, independent_noise(478, 1.0), np.zeros(52), None, None, 0.0, located, counts=True)
    evidence = sight.evidence(_camera(0.0))
    assert evidence.pixels.shape == (546, 2)
    np.testing.assert_array_equal(evidence.pixels[478:], POINTS)
    assert evidence.factor.shape[0] == evidence.sigma.size
    moved = sight.corrected(evidence, located.with_moved(30, POINTS[30] + [4.0, -2.0]))
    np.testing.assert_allclose(moved.pixels[478:] - POINTS, np.eye(68)[30][:, None] * [4.0, -2.0], atol=1e-9)
    alone = replace(sight, counts=False).evidence(_camera(0.0))
    np.testing.assert_array_equal(alone.pixels, evidence.pixels[:478])
    np.testing.assert_array_equal(alone.sigma, evidence.sigma[:478])


@pytest.mark.parametrize("damage", ["missing", "bytes", "shape", "format"])
def test_a_bad_file_is_said(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "people.npz"
    if damage == "bytes":
        path.write_bytes(b"nothing")
    elif damage == "shape":
        np.savez(path, meta=np.array('{"format": 1}'), offsets=np.zeros((67, 3)))
    elif damage == "format":
        np.savez(path, meta=np.array('{"format": 9}'), offsets=np.zeros((68, 3)))
    with pytest.raises(ModelError):
        load_convention_file(path)
