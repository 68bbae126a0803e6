"""Learns how far the landmarker's points lie from the template's: bias and covariance over drawn photos."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from facestudio.database.archive import save_arrays
from facestudio.errors import UnreadableInputError
from facestudio.fitting.noise import CONDITIONS, NOISE_FORMAT, PointNoise, conditions
from facestudio.geometry.camera import head_angles, project
from facestudio.landmarks.detector import FaceCandidate
from facestudio.landmarks.mesh478 import locate_face
from facestudio.landmarks.schemes import load_scheme
from facestudio.photo import load_photo
from facestudio.synthesis.truth import read_truth
from facestudio.template.model import load_template
from facestudio.values import Camera, FaceBox, FloatArray

RANK = 28
_LARGEST_MM = 9.0  # a point farther off than this is a blunder, not noise
_FLOOR_MM = 0.25
_TERM_RIDGE = 3.0
_FEWEST = 50


def point_errors(camera: Camera, points: FloatArray, mesh: FloatArray) -> FloatArray:
    """Return located minus true points, (N, 2) mm at each point's depth, image axes of the upright face.

    Parameters
    ----------
    camera
        The photo's.
    points
        (N, 3) mm, head space: where they are.
    mesh
        (N, 2) px: where they were located.
    """
    pixels, depth = project(camera, points)
    error = (mesh - pixels) * (depth / camera.fx)[:, None]
    roll = head_angles(camera.rotation)[2]
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    return error @ turn.T


def learn_conditional_noise(errors: FloatArray, values: FloatArray, rank: int = RANK) -> PointNoise:
    """Learn bias and covariance that depend on pose and expression; each photo counts also as its mirror image.

    The bias is a ridge regression on the conditions; the errors grow with the sine of the yaw as exp(widening * sine).

    Parameters
    ----------
    errors
        (M, 478, 2) mm, located minus true, at each point's depth, image axes of the upright face.
    values
        (M, C): see `facestudio.fitting.noise.conditions`.
    rank
        How many modes of common error are kept; the rest counts as each point's own noise.
    """
    mirror = load_scheme("mesh478").mirror
    both = np.concatenate([errors, errors[:, mirror] * np.array([-1.0, 1.0])])
    flipped = values * np.where(np.array(CONDITIONS) == "yaw", -1.0, 1.0)
    seen = np.concatenate([values, flipped])
    middle = np.median(both, axis=0)
    clipped = np.clip(both - middle, -_LARGEST_MM, _LARGEST_MM).reshape(len(both), -1)
    system = np.column_stack([np.ones(len(seen)), seen])
    pull = np.diag([0.0, *np.full(seen.shape[1], _TERM_RIDGE)])
    solved = np.linalg.solve(system.T @ system + pull, system.T @ clipped)
    left = clipped - system @ solved
    turned = seen[:, CONDITIONS.index("turned")]
    level = np.log(np.sqrt((left**2).mean(axis=1)))
    off = turned - turned.mean()
    widening = max(0.0, float(off @ level) / max(float(off @ off), 1e-9))
    usual = (left / np.exp(widening * turned)[:, None]).reshape(both.shape)
    plain = learn_noise(usual, rank)
    shape = (-1, *middle.shape)
    bias = middle + solved[0].reshape(middle.shape) + plain.bias
    terms = solved[1:].reshape(shape).astype(np.float64)
    return PointNoise(bias, plain.factor, plain.sigma, terms, widening)


def learn_noise(errors: FloatArray, rank: int = RANK) -> PointNoise:
    """Learn bias and covariance from errors.

    Parameters
    ----------
    errors
        (M, N, 2) mm, located minus true, at each point's depth, image axes of the upright face.
    rank
        How many modes of common error are kept; the rest counts as each point's own noise.
    """
    bias = np.median(errors, axis=0)
    flat = np.clip(errors - bias, -_LARGEST_MM, _LARGEST_MM).reshape(len(errors), -1)
    _, s, vt = np.linalg.svd(flat, full_matrices=False)
    rank = min(rank, len(s))
    factor = (vt[:rank] * s[:rank, None] / np.sqrt(len(flat))).T
    own = np.maximum((flat**2).mean(axis=0) - (factor**2).sum(axis=1), _FLOOR_MM**2)
    return PointNoise(bias, factor, np.sqrt(own).reshape(-1, 2))


def train_mesh_noise(folders: Sequence[Path], path: Path, say: Callable[[str], None] = print) -> PointNoise:
    """Learn from synthetic photos (`facestudio synthesize`) in folders, and write what was learnt.

    Parameters
    ----------
    folders
        Photos (.jpg) with their truth (.npz) beside them, in any subfolder.
    path
        The noise file to write.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there are fewer than 50 such photos, or one cannot be read.
    """
    template = load_template()
    errors: list[FloatArray] = []
    values: list[FloatArray] = []
    files = [file for folder in folders for file in sorted(folder.rglob("*.npz"))]
    for number, file in enumerate(files):
        truth = read_truth(file)
        (x0, y0), (x1, y1) = truth.ibug68.min(axis=0), truth.ibug68.max(axis=0)
        keypoints = np.zeros((6, 2))
        keypoints[:2] = truth.ibug68[[36, 45]]
        photo = load_photo(file.with_suffix(".jpg"))
        face = locate_face(photo, FaceCandidate(FaceBox(x0, y0, x1, y1, 1.0), keypoints))
        if face.presence < 0.5:
            continue
        yaw, pitch, _ = head_angles(truth.camera.rotation)
        posed = template.mesh478.points(truth.vertices)
        errors.append(point_errors(truth.camera, posed, face.mesh.points))
        values.append(conditions(yaw, pitch, face.expression))
        if (number + 1) % 100 == 0:
            say(f"{number + 1} photos, a face in {len(errors)}")
    if len(errors) < _FEWEST:
        raise UnreadableInputError(f"There are {len(errors)} usable synthetic photos: {_FEWEST} are needed")
    noise = learn_conditional_noise(np.stack(errors), np.stack(values))
    save_noise(path, noise, len(errors), "learnt on synthetic photos (facestudio synthesize)")
    return noise


def save_noise(path: Path, noise: PointNoise, photos: int, source: str) -> None:
    """Write a noise file (docs/formats/landmark-noise.md)."""
    meta = {
        "format": NOISE_FORMAT,
        "photos": photos,
        "licence": "Apache-2.0",
        "source": source,
        "widening": round(noise.widening, 6),
    }
    arrays = {
        "meta": np.array(json.dumps(meta, sort_keys=True)),
        "bias": noise.bias.astype(np.float32),
        "factor": noise.factor.astype(np.float16),
        "sigma": noise.sigma.astype(np.float32),
    }
    if noise.terms is not None:
        arrays["terms"] = noise.terms.astype(np.float16)
    save_arrays(path, arrays)
