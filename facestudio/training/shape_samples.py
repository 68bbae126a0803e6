"""What the shape observer learns from: synthetic photos as the landmarker sees them, and who is in them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from facestudio.database.archive import save_arrays
from facestudio.database.shape_model import ShapeModel
from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.mesh_features import CHANNELS, mesh_features, spread_points
from facestudio.photo import load_photo
from facestudio.synthesis.truth import Truth, read_truth
from facestudio.template.model import Template
from facestudio.values import FloatArray, IntArray

POINTS = 150
LARGEST_YAW = 50.0
_MESH_POINTS = 468  # without the irises: where they look says nothing of shape
_FARTHEST = 0.2  # of the eyes' distance: a mesh so far from the truth lies on something else
_FEWEST = 100
_SHARD = 250  # photos to a file of the work folder
KINDS = ("light", "hair", "skin")
_NAME = 16  # letters of a kind's name
_SKINS = ((105.0, "dark"), (165.0, "medium"), (256.0, "light"))  # up to this mean of red, green and blue
_EYE_CORNERS = (33, 263)
_REGION = 256


@dataclass(frozen=True, eq=False)
class ShapeSamples:
    """Photos as the landmarker sees them.

    Attributes
    ----------
    features
        (N, 2, P, CHANNELS) float16: each face and its mirror image, at the chosen points.
    identities
        (N, K) float64: coefficients of the shape model.
    shifts
        (N, 478, 2) float64: by how much the located points missed, 1/256 of the region looked at.
    millimetres
        (N,) float64: how long 1/256 of the region is at the face's distance.
    kinds
        (N, 3) names: of what kind each photo's light, haircut and skin are (`KINDS`).
    left_out
        How many photos had no located face, or could not be read.
    """

    features: NDArray[np.float16]
    identities: FloatArray
    shifts: FloatArray
    millimetres: FloatArray
    kinds: NDArray[np.str_]
    left_out: int


def mirrored_points(points: FloatArray) -> IntArray:
    """Return which point takes the place of each of (N, 3) mm of a head in its mirror image, (N,) int32."""
    away = ((points[:, None] * [-1.0, 1.0, 1.0] - points[None]) ** 2).sum(axis=2)
    return linear_sum_assignment(away + away.T)[1].astype(np.int32)


def chosen_points(model: ShapeModel, template: Template) -> IntArray:
    """Return the mesh points that describe a face, (POINTS,) int32: spread over it as it is seen from the front."""
    flat = template.mesh478.points(model.mean)[:_MESH_POINTS, :2]
    return spread_points(flat * [1.0, -1.0] - (flat.min(axis=0) + flat.max(axis=0)) / 2 * [1.0, -1.0], POINTS)


def read_samples(
    folders: Sequence[Path],
    model: ShapeModel,
    template: Template,
    work: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ShapeSamples:
    """Read synthetic photos, locate their faces and describe them.

    Parameters
    ----------
    folders
        Of `facestudio synthesize`.
    model, template
        What was drawn.
    work
        A folder in which what was read is kept: what was stopped goes on there.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there are fewer than 100 usable photos, or one was drawn of another shape model.
    """
    chosen = chosen_points(model, template)
    mirror = mirrored_points(template.mesh478.points(model.mean))
    files = [file for folder in folders for file in sorted(folder.rglob("*.npz"))]
    parts: list[dict[str, NDArray[Any]]] = []
    # Joined as they come: there is no room for them twice. What is not filled takes no memory.
    features = np.empty((len(files), 2, len(chosen), CHANNELS), dtype=np.float16)
    usable = 0
    for first in range(0, len(files), _SHARD):
        some = files[first : first + _SHARD]
        kept = None if work is None else work / f"{_fingerprint(some, model)}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as data:
                parts.append({name: data[name] for name in data.files})
        else:
            parts.append(_read(some, model, chosen, mirror))
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                save_arrays(kept, parts[-1])
        own = parts[-1].pop("features")
        features[usable : usable + len(own)] = own
        usable += len(own)
        say(f"{first + len(some)} of {len(files)} photos")
    if usable < _FEWEST:
        raise UnreadableInputError(f"There are {usable} usable synthetic photos: {_FEWEST} are needed")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return ShapeSamples(
        features[:usable],
        joined["identities"],
        joined["shifts"],
        joined["millimetres"],
        joined["kinds"],
        int(joined["left_out"].sum()),
    )


def photo_kinds(truth: Truth) -> tuple[str, ...]:
    """Return of what kind a photo's light, haircut and skin are."""
    tone = float(np.mean(truth.notes["skin"]))
    skin = next(name for limit, name in _SKINS if tone < limit)
    return str(truth.notes["light"]), str(truth.notes["cut"]), skin


def _fingerprint(files: Sequence[Path], model: ShapeModel) -> str:
    digest = hashlib.sha256(model.version.encode())
    for file in files:
        state = file.stat()
        digest.update(f"{file.resolve()} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _read(
    files: Sequence[Path], model: ShapeModel, chosen: IntArray, mirror: IntArray
) -> dict[str, NDArray[Any]]:
    """Return the arrays of `ShapeSamples` for some photos; `left_out` has a single number."""
    features: list[NDArray[np.float16]] = []
    identities: list[FloatArray] = []
    shifts: list[FloatArray] = []
    millimetres: list[float] = []
    kinds: list[tuple[str, ...]] = []
    left_out = 0
    for file in files:
        truth = read_truth(file)
        if len(truth.identity) != len(model.basis):
            raise UnreadableInputError(f"{file} was drawn of another shape model")
        if abs(truth.notes["yaw"]) > LARGEST_YAW:
            continue
        try:
            photo = load_photo(file.with_suffix(".jpg"))
        except FacestudioError:
            left_out += 1
            continue
        faces = locate_faces(photo, max_faces=1)
        eyes = float(np.linalg.norm(np.subtract(*truth.mesh478[list(_EYE_CORNERS)])))
        mesh = faces[0].mesh.points if faces else None
        if mesh is None or np.linalg.norm(mesh - truth.mesh478, axis=1).mean() > _FARTHEST * eyes:
            left_out += 1
            continue
        seen, region = mesh_features(photo.pixels, mesh, chosen, mirror)
        inverse = np.linalg.inv(region.crop_to_image()[:, :2])
        features.append(seen.astype(np.float16))
        identities.append(truth.identity)
        shifts.append((truth.mesh478 - mesh) @ inverse.T)
        millimetres.append(region.side / _REGION * truth.notes["distance_mm"] / truth.camera.fx)
        kinds.append(photo_kinds(truth))
    shape = (0, 2, len(chosen), CHANNELS)
    return {
        "features": np.stack(features) if features else np.zeros(shape, np.float16),
        "identities": np.array(identities).reshape(-1, len(model.basis)),
        "shifts": np.array(shifts).reshape(-1, len(mirror), 2),
        "millimetres": np.array(millimetres),
        "kinds": np.array(kinds, dtype=f"<U{_NAME}").reshape(-1, len(KINDS)),
        "left_out": np.array([left_out]),
    }
