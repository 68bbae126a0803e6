"""Table 1: the methods it compares, and how results are counted."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import UnreadableInputError
from facestudio.evaluation.recognition import evaluate_default, evaluate_rival, orl_faces, wilson_interval
from facestudio.evaluation.recognition_rivals import RIVALS, binary_patterns, eigenface_pixels, gabor_energies
from facestudio.synthesis.recognition import recognition_faces
from facestudio.training.retrieval.pictures import LabelledFaces


def _faces(people, each, seed):
    """Return faces of one pattern for each person, under other light and with grain."""
    patterns = np.random.default_rng(7).uniform(60, 190, (people, 14, 14))
    rng = np.random.default_rng(seed)
    faces = np.empty((people * each, 224, 224, 3), dtype=np.uint8)
    labels = np.repeat(np.arange(people), each).astype(np.int32)
    for face, person in zip(faces, labels, strict=True):
        large = np.kron(patterns[person], np.ones((16, 16)))
        lit = large * rng.uniform(0.7, 1.2) + rng.normal(0, 4, large.shape)
        face[:] = np.clip(lit, 0, 255)[..., None]
    return LabelledFaces(faces, labels, tuple(map(str, range(people))))


@pytest.mark.parametrize("rival", RIVALS, ids=[rival.name for rival in RIVALS])
def test_every_method_of_the_table_recognises_what_is_easy(rival):
    pytest.importorskip("sklearn", reason='needs the extra "evaluate"')
    result = evaluate_rival(rival, "patterns", _faces(8, 6, 1), _faces(8, 3, 2), seed=1)
    assert result.rank1 > 0.9
    assert result.low < result.rank1
    assert (result.pictures, result.people) == (24, 8)
    assert result.as_dict()["published_percent"] is not None


def test_the_default_knows_heads_among_five_hundred_by_shape_and_looks():
    database, rows = load_database(), [11, 222, 333, 444]
    drawn = list(recognition_faces(database, rows, 1, "test", seed=9))
    labels = np.array([one.row for one in drawn], dtype=np.int32)
    blank = np.full((320, 320, 3), 120, dtype=np.uint8)
    faces = np.stack([*(one.face for one in drawn), drawn[0].face])
    test = LabelledFaces(
        faces, np.append(labels, 0).astype(np.int32), database.ids, (*(one.photo for one in drawn), blank)
    )
    result = evaluate_default(database, "heads", test)
    # One picture shows nobody.
    assert result.rank1 == pytest.approx(len(drawn) / (len(drawn) + 1))
    assert (result.pictures, result.people) == (len(drawn) + 1, 500)


def test_light_that_is_even_changes_no_description():
    face = np.random.default_rng(3).integers(30, 120, (128, 128)).astype(np.uint8)
    for describe, close in ((eigenface_pixels, 0.1), (gabor_energies, 0.1), (binary_patterns, 1e-6)):
        one, brighter = describe(face), describe((face * 2).astype(np.uint8))
        assert np.linalg.norm(one - brighter) <= close * np.linalg.norm(one)


def test_patterns_of_a_flat_face_are_one_pattern():
    histogram = binary_patterns(np.full((128, 128), 90, dtype=np.uint8)).reshape(64, 59)
    assert ((histogram > 0).sum(axis=1) == 1).all()
    np.testing.assert_allclose((histogram**2).sum(axis=1), 1.0, atol=1e-6)


def test_wilson_interval_of_known_cases():
    # Values of E. B. Wilson's formula at 95 %.
    np.testing.assert_allclose(wilson_interval(50, 100), (0.4038, 0.5962), atol=1e-4)
    low, high = wilson_interval(10, 10)
    assert (round(low, 3), high) == (0.722, 1.0)


def test_what_is_not_orl_is_refused(tmp_path):
    with pytest.raises(UnreadableInputError, match="s1"):
        orl_faces(tmp_path)
    (tmp_path / "s1").mkdir()
    with pytest.raises(UnreadableInputError, match=r"1\.pgm"):
        orl_faces(tmp_path)
