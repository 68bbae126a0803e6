"""Writes, joins and removes databases of the user's own, so that a crash never costs an older one.

`heads.npz` is the only file that says what a database holds; it is replaced in one step, at the end. Textures lie in
a folder that it names, another one for each version.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facestudio.database.albedo import AlbedoModel, load_albedo
from facestudio.database.archive import save_arrays
from facestudio.database.model import DATABASE_FORMAT, FILE_NAME, HeadDatabase, database_folders
from facestudio.errors import ModelError, UsageError, WriteError
from facestudio.paths import user_data
from facestudio.values import ByteArray, Float32Array, FloatArray

MOST_MODES = 150
_QUALITY = 92


@dataclass(frozen=True, eq=False)
class NewHeads:
    """Heads to be stored.

    Attributes
    ----------
    ids, labels, splits
        As in HeadDatabase.
    mean, basis, coefficients
        (V, 3) float64 mm, (K, V, 3) and (N, K): the heads.
    skins
        (N, J) coefficients in the AlbedoModel.
    textures
        Own textures by head id, (S, S, 3) uint8 in the template's atlas.
    """

    ids: tuple[str, ...]
    labels: tuple[dict[str, Any], ...]
    splits: tuple[str, ...]
    mean: FloatArray
    basis: FloatArray | Float32Array
    coefficients: FloatArray
    skins: FloatArray
    textures: Mapping[str, ByteArray] = field(default_factory=dict[str, ByteArray])


def decompose(heads: FloatArray, most: int = MOST_MODES) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Decompose heads (N, V, 3) mm into a mean (V, 3), a basis (K, V, 3) and coefficients (N, K) of unit variance.

    K is at most `most` and less than N; one head alone has none.
    """
    count = len(heads)
    stacked = np.asarray(heads, dtype=np.float64).reshape(count, -1)
    mean = stacked.mean(axis=0)
    # The covariance of the heads is small where the one of the vertices is not.
    centred = stacked - mean
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    k = min(most, count - 1, int((s > 1e-6 * max(float(s[0]), 1e-9)).sum())) if count > 1 else 0
    sign = np.sign(vt[np.arange(k), np.argmax(np.abs(vt[:k]), axis=1)]) if k else np.ones(0)
    basis = vt[:k] * (sign * s[:k])[:, None] / np.sqrt(count)
    return mean.reshape(-1, 3), basis.reshape(k, len(mean) // 3, 3), u[:, :k] * sign * np.sqrt(count)


def own_folder(name: str) -> Path:
    """Return where a database of the user's own is, or would be.

    Raises
    ------
    UsageError
        If an embedded database has that name.
    """
    folder = user_data() / "databases" / name
    if database_folders().get(name, folder) != folder:
        raise UsageError(f"{name} is the name of an embedded database", hint="Choose another name")
    return folder


def save_database(
    folder: Path, heads: NewHeads, *, template_version: str, licence: str, source: str, version: str = "1"
) -> None:
    """Write a database; one that is there is replaced in one step.

    Raises
    ------
    WriteError
        If it cannot be written; an older one is then still there.
    """
    textures = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if heads.textures:
            textures = _save_textures(folder, heads.textures)
        scale = np.abs(heads.basis).max(axis=(1, 2), initial=1e-9) / 32767
        meta = {
            "format": DATABASE_FORMAT,
            "name": folder.name,
            "version": version,
            "licence": licence,
            "source": source,
            "template_version": template_version,
            "ids": list(heads.ids),
            "labels": [dict(label) for label in heads.labels],
            "splits": list(heads.splits),
            "textures": textures,
        }
        save_arrays(
            folder / FILE_NAME,
            {
                "meta": np.array(json.dumps(meta, sort_keys=True)),
                "mean": heads.mean.astype(np.float32),
                "basis": np.round(heads.basis / scale[:, None, None]).astype(np.int16),
                "basis_scale": scale.astype(np.float32),
                "coefficients": heads.coefficients.astype(np.float32),
                "skins": heads.skins.astype(np.float32),
            },
        )
        # From here on the new one counts: what only the old one had may go.
        for old in folder.glob("textures-*"):
            if old.name != textures:
                shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise WriteError(f"{folder} cannot be written: {error.strerror or error}") from error


def _save_textures(folder: Path, textures: Mapping[str, ByteArray]) -> str:
    """Write textures into a folder of their own and return its name."""
    coded: dict[str, bytes] = {}
    digest = hashlib.sha256()
    for head, pixels in sorted(textures.items()):
        _, data = cv2.imencode(
            ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        coded[head] = np.asarray(data, dtype=np.uint8).tobytes()
        digest.update(head.encode() + coded[head])
    name = f"textures-{digest.hexdigest()[:12]}"
    (folder / name).mkdir(exist_ok=True)
    for head, data in coded.items():
        beside = folder / name / f"{head}.part"
        beside.write_bytes(data)
        beside.replace(folder / name / f"{head}.jpg")
    return name


def own_texture(database: HeadDatabase, head_id: str) -> ByteArray | None:
    """Return the texture that came with an imported head, (S, S, 3) uint8 in the template's atlas, or None.

    Raises
    ------
    ModelError
        If the database says there are textures and this one cannot be read.
    """
    if database.textures is None:
        return None
    path = database.textures / f"{head_id}.jpg"
    if not path.is_file():
        return None
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise ModelError(f"The texture {path} is damaged")
    return np.asarray(picture, dtype=np.uint8)


def head_texture(
    database: HeadDatabase, index: int, size: int, albedo: AlbedoModel | None = None
) -> ByteArray:
    """Return the whole atlas of a head: its own texture if it came with one, else its skin of the AlbedoModel.

    Parameters
    ----------
    database
        Where the head is.
    index
        Its row.
    size
        Edge length, texels.
    albedo
        The shipped AlbedoModel by default.

    Returns
    -------
    numpy.ndarray
        (size, size, 3) uint8 RGB.
    """
    own = own_texture(database, database.ids[index])
    if own is None:
        return (albedo or load_albedo()).texture(database.skins[index], size, database.vertices(index))
    method = cv2.INTER_AREA if size < len(own) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(own, (size, size), interpolation=method), dtype=np.uint8)


def merge_databases(databases: Sequence[HeadDatabase]) -> NewHeads:
    """Join databases: all their heads, with a basis learnt from all of them.

    Raises
    ------
    UsageError
        If they are of different templates, or there are fewer than two.
    """
    if len(databases) < 2:
        raise UsageError("At least two databases are needed to merge")
    versions = {database.template_version for database in databases}
    if len(versions) > 1 or len({database.mean.shape for database in databases}) > 1:
        raise UsageError(f"These databases were made for different templates: {', '.join(sorted(versions))}")
    ids: list[str] = []
    textures: dict[str, ByteArray] = {}
    for database in databases:
        for head in database.ids:
            new = head if head not in ids else f"{database.name}-{head}"
            if new in ids:
                raise UsageError(f"Two heads would be called {new}", hint="Merge other databases")
            ids.append(new)
            picture = own_texture(database, head)
            if picture is not None:
                textures[new] = picture
    heads = np.concatenate(
        [(d.coefficients @ d.flat_basis).reshape(len(d), -1, 3) + d.mean for d in databases]
    )
    mean, basis, coefficients = decompose(heads)
    return NewHeads(
        ids=tuple(ids),
        labels=tuple(label for d in databases for label in d.labels),
        splits=tuple(split for d in databases for split in d.splits),
        mean=mean,
        basis=basis,
        coefficients=coefficients,
        skins=np.concatenate([d.skins for d in databases]),
        textures=textures,
    )


def remove_database(name: str) -> Path:
    """Remove a database of the user's own; returns the folder that is gone.

    Raises
    ------
    UsageError
        If there is none of that name among the user's own.
    WriteError
        If it cannot be removed.
    """
    folder = own_folder(name)
    if not folder.is_dir():
        raise UsageError(f"There is no database of your own called {name}")
    try:
        # Without this file it is no database any more, whatever happens next.
        (folder / FILE_NAME).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except OSError as error:
        raise WriteError(f"{folder} cannot be removed: {error.strerror or error}") from error
    return folder
