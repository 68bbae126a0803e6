"""Learns how far the landmarker's points lie from the template's: bias and covariance over drawn photos."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facestudio.database.archive import save_arrays
from facestudio.database.model import HeadDatabase
from facestudio.fitting.noise import NOISE_FORMAT, PointNoise
from facestudio.geometry.camera import head_angles, project
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.synthesis.studio import StudioPhoto, studio_photo
from facestudio.template.model import load_template
from facestudio.values import FloatArray

RANK = 28
_LARGEST_MM = 9.0  # a point farther off than this is a blunder, not noise
_FLOOR_MM = 0.25


def point_errors(shot: StudioPhoto, mesh: FloatArray) -> FloatArray:
    """Return located minus true points, (478, 2) mm at each point's depth, image axes of the upright face."""
    pixels, depth = project(shot.camera, load_template().mesh478.points(shot.posed()))
    error = (mesh - pixels) * (depth / shot.camera.fx)[:, None]
    roll = head_angles(shot.camera.rotation)[2]
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    return error @ turn.T


def learn_noise(errors: FloatArray, rank: int = RANK) -> PointNoise:
    """Learn bias and covariance from errors.

    Parameters
    ----------
    errors
        (M, N, 2) mm, as from `point_errors`.
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


def train_mesh_noise(
    database: HeadDatabase, count: int, seed: int, path: Path, say: Callable[[str], None] = print
) -> PointNoise:
    """Draw photos of the database's training heads, locate their points, and write what was learnt.

    Parameters
    ----------
    database
        Whose heads of the split train are drawn.
    count, seed
        How many photos, and of which draw.
    path
        The noise file to write (docs/formats/landmark-noise.md).
    say
        Called with a line of progress.
    """
    rows = [i for i, split in enumerate(database.splits) if split == "train"]
    errors: list[FloatArray] = []
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        row, skin = int(rng.choice(rows)), int(rng.choice(rows))
        shot = studio_photo(database.vertices(row), database.skins[skin], rng)
        faces = locate_faces(shot.photo, max_faces=1)
        if faces:
            errors.append(point_errors(shot, faces[0].mesh.points))
        if (k + 1) % 100 == 0:
            say(f"{k + 1} of {count} photos, a face in {len(errors)}")
    noise = learn_noise(np.stack(errors))
    meta = {
        "format": NOISE_FORMAT,
        "photos": len(errors),
        "licence": "Apache-2.0",
        "source": f"learnt on drawn photos of the {database.name} database",
    }
    save_arrays(
        path,
        {
            "meta": np.array(json.dumps(meta, sort_keys=True)),
            "bias": noise.bias.astype(np.float32),
            "factor": noise.factor.astype(np.float16),
            "sigma": noise.sigma.astype(np.float32),
        },
    )
    return noise
