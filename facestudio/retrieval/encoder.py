"""The encoder: a network that says how a face looks, as a vector; alike faces have vectors of one direction."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from facestudio.database.projections import INPUT_SIZE
from facestudio.errors import ModelError
from facestudio.landmarks.sessions import OnnxModel, open_model
from facestudio.paths import models
from facestudio.values import ByteArray, Float32Array

ENCODER = "paper-cnn"
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Encoder:
    """An open encoder.

    Attributes
    ----------
    name
        Of its file.
    digest
        The first 16 digits of its file's sha256: embeddings of another encoder are refused by it.
    people
        Whose faces it learnt, in the order of its scores.
    """

    name: str
    digest: str
    people: tuple[str, ...]
    _model: OnnxModel

    def embed(self, faces: ByteArray) -> Float32Array:
        """Return the embeddings of aligned faces.

        Parameters
        ----------
        faces
            (N, 224, 224, 3) uint8 RGB, from `facestudio.retrieval.aligned_face.align_face`.

        Returns
        -------
        numpy.ndarray
            (N, D) float32 of length one.
        """
        found = self._run(faces, "embedding")
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.float32(1e-9))

    def scores(self, faces: ByteArray) -> Float32Array:
        """Return how much aligned faces look like each of the people learnt, (N, people) float32, before softmax."""
        return self._run(faces, "scores")

    def _run(self, faces: ByteArray, output: str) -> Float32Array:
        parts: list[Float32Array] = []
        for first in range(0, len(faces), _BATCH):
            pixels = faces[first : first + _BATCH].transpose(0, 3, 1, 2).astype(np.float32)
            parts.append(self._model.run({"image": np.ascontiguousarray(pixels)})[output])
        return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)


def open_encoder(path: Path) -> Encoder:
    """Open an encoder's ONNX file.

    Raises
    ------
    ModelError
        If it is missing or damaged, or not an encoder.
    """
    model = open_model(path)
    shape = model.input_shapes.get("image")
    if shape is None or shape[1:] != (3, INPUT_SIZE, INPUT_SIZE) or "embedding" not in model.output_names:
        raise ModelError(
            f"{path.name} is not an encoder: it must take image (n, 3, 224, 224) and give embedding"
        )
    try:
        people = tuple(json.loads(model.properties.get("people", "[]")))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path.name} is damaged: its list of people cannot be read") from error
    return Encoder(path.stem, hashlib.sha256(path.read_bytes()).hexdigest()[:16], people, model)


@cache
def load_encoder(name: str = ENCODER) -> Encoder:
    """Return a shipped encoder (opened once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return open_encoder(models() / f"{name}.onnx")
