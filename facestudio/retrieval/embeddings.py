"""The embeddings of a database's heads: how the encoder sees their frontal projections; stored beside them.

A new head needs its own embedding, and no training.
"""

import json
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from facestudio.database.archive import save_arrays
from facestudio.database.model import DEFAULT_DATABASE, HeadDatabase, database_folders, load_database
from facestudio.database.projections import INPUT_SIZE, fingerprint, load_projections
from facestudio.errors import ModelError
from facestudio.retrieval.encoder import ENCODER, Encoder, load_encoder
from facestudio.values import ByteArray, Float32Array, read_only

FORMAT = 1


def embeddings_file(folder: Path, encoder: str = ENCODER) -> Path:
    """Return where a database's folder keeps the embeddings of an encoder."""
    return folder / f"embeddings-{encoder}.npz"


def has_embeddings(name: str) -> bool:
    """Whether a database of this name has embeddings (which may turn out to be of other heads, or damaged)."""
    folder = database_folders().get(name)
    return folder is not None and embeddings_file(folder).is_file()


def embed_projections(projections: ByteArray, encoder: Encoder) -> Float32Array:
    """Return the embeddings (N, D) float32 of frontal projections (N, s, s, 3) uint8 RGB of any size."""
    faces = [
        cv2.resize(picture, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_CUBIC)
        for picture in projections
    ]
    return encoder.embed(np.stack(faces).astype(np.uint8)) if faces else np.zeros((0, 0), dtype=np.float32)


def save_embeddings(path: Path, embeddings: Float32Array, database: HeadDatabase, encoder: Encoder) -> None:
    """Write the embeddings (N, D) of a database (docs/formats/database.md)."""
    meta = {
        "format": FORMAT,
        "encoder": encoder.name,
        "encoder_sha256": encoder.digest,
        "database": fingerprint(database),
    }
    save_arrays(
        path,
        {"meta": np.array(json.dumps(meta, sort_keys=True)), "embeddings": embeddings.astype(np.float16)},
    )


def load_embeddings_file(path: Path, database: HeadDatabase, encoder: Encoder) -> Float32Array:
    """Read embeddings, (N, D) float32 of length one, read-only.

    Raises
    ------
    ModelError
        If the file is missing or damaged, or is of other heads or another encoder.
    """
    hint = f"Make them anew: facestudio database embed {database.name}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            if meta["database"] != fingerprint(database):
                raise ModelError(f"{path} is of other heads than {database.name} has", hint=hint)
            if meta["encoder_sha256"] != encoder.digest:
                raise ModelError(f"{path} is of another encoder than {encoder.name}.onnx is now", hint=hint)
            found = data["embeddings"].astype(np.float32)
        if found.ndim != 2 or len(found) != len(database) or not np.isfinite(found).all():
            raise ModelError(f"{path} is damaged: it does not hold {len(database)} embeddings", hint=hint)
        return read_only(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9), np.float32)
    except FileNotFoundError as error:
        raise ModelError(
            f"The database {database.name} has no embeddings ({path.name})", hint=hint
        ) from error
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not usable
        raise ModelError(f"The embeddings {path} are missing or damaged: {error}", hint=hint) from error


def make_embeddings(name: str) -> Path:
    """Make the embeddings of a database by name from its projections, and write them beside them.

    Raises
    ------
    ModelError
        If there is no such database, it has no sound projections, or the encoder is missing.
    OSError
        If the file cannot be written.
    """
    database, encoder = load_database(name), load_encoder()
    path = embeddings_file(database_folders()[name])
    save_embeddings(path, embed_projections(load_projections(name), encoder), database, encoder)
    load_embeddings.cache_clear()
    return path


@lru_cache(maxsize=4)
def load_embeddings(name: str = DEFAULT_DATABASE) -> Float32Array:
    """Return the embeddings of a database by name (read once); errors as in `load_embeddings_file`."""
    database = load_database(name)
    return load_embeddings_file(embeddings_file(database_folders()[name]), database, load_encoder())
