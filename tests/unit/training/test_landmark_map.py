import json
import os
from pathlib import Path

import numpy as np
import pytest

from facestudio.errors import UnreadableInputError
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import (
    LandmarkMap,
    face_frame,
    load_landmark_map_file,
    load_mesh_triangles,
    load_scheme,
    prior_landmark_map,
)
from facestudio.photo import load_photo
from facestudio.training.landmark_map import (
    AnnotatedFace,
    cross_validate,
    fit_weights,
    learn_landmark_map,
    mean_error,
    resample,
    save_landmark_map,
)
from facestudio.values import FloatArray


@pytest.fixture(scope="module")
def face_mesh(checkout: Path) -> FloatArray:
    """The mesh of the bundled photo in the frame of the face, (478, 3)."""
    (face,) = locate_faces(load_photo(checkout / "resources" / "samples" / "collins.jpg"))
    size, axes = face_frame(face.mesh.points)
    flat = (face.mesh.points - face.mesh.points[[33, 263]].mean(axis=0)) @ axes / size
    return np.column_stack([flat, face.mesh_z / size])


def people(
    mesh: FloatArray, weights: FloatArray, count: int, *, spread: float = 0.02, noise: float = 0.0
) -> list[AnnotatedFace]:
    """Faces that differ at random, whose 68 points follow from the mesh by known weights."""
    rng = np.random.default_rng(0)
    faces: list[AnnotatedFace] = []
    for i in range(count):
        varied = mesh + spread * rng.normal(size=mesh.shape)
        points = weights @ varied[:, :2] + noise * rng.normal(size=(68, 2))
        faces.append(AnnotatedFace(f"{i}", varied, points, 1.0))
    return faces


def residuals(weights: FloatArray, faces: list[AnnotatedFace]) -> FloatArray:
    return np.stack([weights @ face.mesh[:, :2] - face.points for face in faces])


def nearby_weights(mesh: FloatArray) -> FloatArray:
    """The map by eye, with a fifth of each point moved to its nearest neighbour in the mesh."""
    by_eye = prior_landmark_map().matrix()
    distances = np.linalg.norm(mesh[:468, None] - mesh[None, :468], axis=2)
    triangles = load_mesh_triangles()
    joined = np.zeros((468, 468), bool)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        joined[triangles[:, a], triangles[:, b]] = joined[triangles[:, b], triangles[:, a]] = True
    nearest = np.zeros((478, 478))
    nearest[np.arange(468), np.where(joined, distances, np.inf).argmin(axis=1)] = 1
    weights = 0.8 * by_eye + 0.2 * by_eye @ nearest
    mirrored = weights[load_scheme("ibug68").mirror][:, load_scheme("mesh478").mirror]
    return (weights + mirrored) / 2


def test_resampling_keeps_ends_and_even_steps() -> None:
    line = np.array([[0.0, 0], [3, 4], [3, 10]])
    points = resample(line, 12)
    assert np.allclose(points[[0, -1]], line[[0, -1]])
    assert np.allclose(np.linalg.norm(np.diff(points, axis=0), axis=1)[[0, 1, -1]], 1)
    assert np.allclose(resample(line, 2), line[[0, 2]])


def test_weights_that_explain_the_points_are_found(face_mesh: FloatArray) -> None:
    faces = people(face_mesh, nearby_weights(face_mesh), 60, spread=0.05)
    learnt = np.sqrt(np.mean(residuals(fit_weights(faces), faces) ** 2))
    by_eye = np.sqrt(np.mean(residuals(prior_landmark_map().matrix(), faces) ** 2))
    assert learnt < 0.3 * by_eye


def test_weights_sum_to_one_and_are_the_same_on_both_sides(face_mesh: FloatArray) -> None:
    weights = fit_weights(people(face_mesh, nearby_weights(face_mesh), 8, noise=0.01))
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.allclose(
        weights[load_scheme("ibug68").mirror][:, load_scheme("mesh478").mirror], weights, atol=1e-12
    )


def test_points_by_eye_stay_by_eye(face_mesh: FloatArray) -> None:
    by_eye = prior_landmark_map().matrix()
    assert np.allclose(fit_weights(people(face_mesh, by_eye, 10)), by_eye, atol=1e-9)


def test_cross_validation_does_not_learn_noise(face_mesh: FloatArray) -> None:
    faces = people(face_mesh, prior_landmark_map().matrix(), 30, noise=0.02)
    inside = residuals(fit_weights(faces), faces)
    outside = cross_validate(faces)
    assert np.mean(outside**2) > np.mean(inside**2)
    assert np.mean(outside**2) > 0.95 * 0.02**2
    assert np.array_equal(outside, cross_validate(faces))  # the folds are fixed


def test_the_mean_error_is_per_cent_of_the_eyes_distance() -> None:
    face = AnnotatedFace("a", np.zeros((478, 3)), np.zeros((68, 2)), 2.0)
    errors = np.zeros((1, 68, 2))
    errors[0, :17] = [0.3, 0.4]
    all_points, inner = mean_error(errors, [face])
    assert all_points == pytest.approx(25 * 17 / 68)
    assert inner == 0


def test_a_map_is_read_as_it_was_written(tmp_path: Path) -> None:
    value = prior_landmark_map()
    save_landmark_map(tmp_path / "a.npz", value)
    read = load_landmark_map_file(tmp_path / "a.npz")
    assert isinstance(read, LandmarkMap)
    for name in ("points", "weights", "covariance"):
        assert np.array_equal(getattr(read, name), getattr(value, name))
    first = (tmp_path / "a.npz").read_bytes()
    save_landmark_map(tmp_path / "a.npz", value)
    assert (tmp_path / "a.npz").read_bytes() == first


def test_a_folder_without_annotated_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="missing or damaged"):
        learn_landmark_map(tmp_path)
    table = {"inner": {"30": [54, 60]}, "jaw_polyline_to_resample_to_17": [109, 110, 111]}
    (tmp_path / "tem189_to_ibug68.json").write_text(json.dumps(table))
    with pytest.raises(UnreadableInputError, match="holds no photos"):
        learn_landmark_map(tmp_path)


@pytest.mark.slow
def test_the_shipped_map_is_the_learnt_one(checkout: Path) -> None:
    folder = os.environ.get("FACESTUDIO_WEBMORPH")
    if not folder:
        pytest.skip("FACESTUDIO_WEBMORPH does not name a folder of annotated photos")
    value, report = learn_landmark_map(Path(folder))
    shipped = load_landmark_map_file(checkout / "resources" / "schemes" / "mesh478-ibug68.npz")
    assert np.allclose(value.matrix(), shipped.matrix(), atol=1e-3)
    assert np.allclose(value.covariance, shipped.covariance, rtol=0.02)
    assert report.faces >= 87
    assert report.before[0] > 3.4
    assert report.after[0] < 2.3
    assert report.after[1] < 1.75
