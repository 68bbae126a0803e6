"""What the encoder sees, the encoder, and the embeddings of a database."""

import json

import numpy as np
import pytest

from facestudio.database.archive import save_arrays
from facestudio.database.model import load_database
from facestudio.database.projections import EYES_AT, INPUT_SIZE, MOUTH_AT, alignment_points, load_projections
from facestudio.errors import ModelError
from facestudio.paths import models
from facestudio.retrieval.aligned_face import align_face
from facestudio.retrieval.embeddings import (
    embed_projections,
    embeddings_file,
    load_embeddings,
    load_embeddings_file,
    save_embeddings,
)
from facestudio.retrieval.encoder import load_encoder, open_encoder


def test_eyes_and_mouth_lie_where_the_projections_have_them():
    landmarks = np.random.default_rng(1).uniform(100, 300, (68, 2))
    landmarks[[36, 39, 42, 45]] = [[150, 160], [190, 166], [230, 172], [270, 178]]
    landmarks[[48, 54]] = [[160, 260], [230, 270]]
    eyes, mouth = alignment_points(landmarks)
    pixels = np.full((400, 400, 3), 128, dtype=np.uint8)
    for at, colour in ((eyes, (255, 0, 0)), (mouth, (0, 255, 0))):
        x, y = np.rint(at).astype(int)
        pixels[y - 4 : y + 5, x - 4 : x + 5] = colour
    face = align_face(pixels, landmarks).astype(int)
    assert face.shape == (INPUT_SIZE, INPUT_SIZE, 3)
    for share, (on, off) in ((EYES_AT, (0, 1)), (MOUTH_AT, (1, 0))):
        y, x = np.nonzero(face[:, :, on] - face[:, :, off] > 80)
        middle = np.array([x.mean(), y.mean()])
        np.testing.assert_allclose(middle, np.array(share) * INPUT_SIZE - 0.5, atol=1.0)


def test_the_shipped_encoder_gives_directions():
    encoder = load_encoder()
    faces = np.random.default_rng(1).integers(0, 255, (3, 224, 224, 3)).astype(np.uint8)
    found = encoder.embed(faces)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(encoder.embed(faces[1:2])[0], found[1], atol=1e-5)
    assert encoder.scores(faces).shape == (3, len(encoder.people))
    assert set(encoder.people) == set(load_database().ids)


def test_what_is_no_encoder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="not an encoder"):
        open_encoder(models() / "face_detector.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(ModelError, match="damaged"):
        open_encoder(broken)
    with pytest.raises(ModelError, match="missing"):
        open_encoder(tmp_path / "none.onnx")


def test_the_shipped_embeddings_are_those_of_the_projections():
    encoder, found = load_encoder(), load_embeddings()
    again = embed_projections(load_projections()[:5], encoder)
    np.testing.assert_allclose(found[:5], again, atol=2e-3)
    likeness = found @ found.T
    assert (np.argmax(likeness, axis=1) == np.arange(len(found))).all()


def test_embeddings_of_other_heads_or_another_encoder_are_refused(tmp_path):
    database, encoder = load_database(), load_encoder()
    path = embeddings_file(tmp_path)
    with pytest.raises(ModelError, match="has no embeddings") as missing:
        load_embeddings_file(path, database, encoder)
    assert "database embed studio" in (missing.value.hint or "")
    save_embeddings(path, load_embeddings(), database, encoder)
    np.testing.assert_allclose(load_embeddings_file(path, database, encoder), load_embeddings(), atol=1e-3)
    with pytest.raises(ModelError, match="other heads"):
        load_embeddings_file(path, database.without(database.ids[3]), encoder)
    with np.load(path) as data:
        arrays = {key: data[key] for key in data.files}
    meta = json.loads(str(arrays["meta"]))
    for change, message in (({"encoder_sha256": "0" * 16}, "another encoder"), ({"format": 99}, "newer")):
        save_arrays(path, {**arrays, "meta": np.array(json.dumps({**meta, **change}))})
        with pytest.raises(ModelError, match=message):
            load_embeddings_file(path, database, encoder)
    for wrong in (arrays["embeddings"][:7], np.full_like(arrays["embeddings"], np.nan)):
        save_arrays(path, {**arrays, "embeddings": wrong})
        with pytest.raises(ModelError, match="damaged"):
            load_embeddings_file(path, database, encoder)
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        load_embeddings_file(path, database, encoder)
