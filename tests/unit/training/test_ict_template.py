"""ICT-FaceKit read and brought to the template; what needs its data skips without it."""

import os
from pathlib import Path

import numpy as np
import pytest

from facestudio.database.sources.ict_facekit import IctFaceKit, load_ict
from facestudio.errors import UnreadableInputError
from facestudio.evaluation.registration import held_back_landmarks
from facestudio.geometry.folds import folded_quads
from facestudio.geometry.mesh import closest_points
from facestudio.template.expressions import expression_deltas_for
from facestudio.template.model import load_template
from facestudio.template.parts import REGIONS, template_parts
from facestudio.training.ict_template import IctOnTemplate, register_ict

NEEDS_ICT = pytest.mark.skipif(
    "FACESTUDIO_ICT" not in os.environ, reason="FACESTUDIO_ICT does not name ICT-FaceKit's model"
)
TEMPLATE = load_template()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ict.npz"
    path.write_bytes(content)
    with pytest.raises(UnreadableInputError):
        load_ict(path)
    with pytest.raises(UnreadableInputError):
        load_ict(tmp_path)
    with pytest.raises(UnreadableInputError):
        load_ict(tmp_path / "missing.npz")


def test_tables_that_do_not_fit_are_refused() -> None:
    points = np.zeros((68, 3))
    faces = np.array([[0, 1, 2, -1], [2, 3, 4, 5]])
    whole = {
        "neutral": points,
        "identity": np.zeros((2, 68, 3)),
        "faces": faces,
        "material": ("M_Face", "M_BackHead"),
        "landmarks68": np.arange(68),
    }
    assert IctFaceKit(**whole).skin_graph.nnz == 14
    for name, wrong in (
        ("neutral", points[:60]),
        ("neutral", points + np.nan),
        ("identity", np.zeros((2, 60, 3))),
        ("faces", faces + 100),
        ("material", ("M_Face",)),
        ("material", ("M_Face", "M_Teeth")),
        ("landmarks68", np.arange(60)),
        ("landmarks68", np.arange(68) + 1),
    ):
        with pytest.raises(UnreadableInputError):
            IctFaceKit(**{**whole, name: wrong})


@pytest.fixture(scope="module")
def source() -> IctFaceKit:
    return load_ict(Path(os.environ["FACESTUDIO_ICT"]))


@pytest.fixture(scope="module")
def on_template(source: IctFaceKit) -> IctOnTemplate:
    return register_ict(TEMPLATE, source)


@NEEDS_ICT
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_mean_lies_on_its_source(source: IctFaceKit, on_template: IctOnTemplate) -> None:
    parts = template_parts(TEMPLATE)
    there = source.neutral @ on_template.rotation.T + on_template.shift
    away = closest_points(on_template.mean, there, source.skin_triangles).distances
    for name, limit in (("face", 0.5), ("ears", 1.0), ("neck", 1.0), ("scalp", 1.0)):
        assert np.median(away[parts.region == REGIONS.index(name)]) < limit
    _, where, vertices = held_back_landmarks(TEMPLATE, source)
    assert np.median(np.linalg.norm(where.points(on_template.mean) - there[vertices], axis=1)) < 2.0


@NEEDS_ICT
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_modes_follow_the_source(source: IctFaceKit, on_template: IctOnTemplate) -> None:
    c = np.random.default_rng(1).standard_normal(len(on_template.modes))
    there = source.head(c) @ on_template.rotation.T + on_template.shift
    expected = np.einsum("nkc,nk->nc", there[on_template.triangles], on_template.barycentric)
    error = np.linalg.norm(on_template.head(c) - expected, axis=1)[on_template.covered]
    assert np.percentile(error, 95) < 0.1


@NEEDS_ICT
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_folds_and_lids_close(on_template: IctOnTemplate) -> None:
    parts = template_parts(TEMPLATE)
    names = TEMPLATE.expression_names
    blinks = [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]
    visible = TEMPLATE.quads[parts.outer[TEMPLATE.quads].all(axis=1)]
    for mode in on_template.modes:
        for sign in (-3, 3):
            assert not folded_quads(on_template.mean + sign * mode, TEMPLATE.quads).any()
    for mode in on_template.modes[:5]:
        for sign in (-3, 3):
            head = on_template.mean + sign * mode
            deltas = expression_deltas_for(TEMPLATE, head).astype(np.float64)
            for shape in (deltas[blinks].sum(axis=0), deltas[names.index("jawOpen")]):
                assert folded_quads(head + shape, visible).sum() <= 2
            for lids, blink in zip(parts.lids, blinks, strict=True):
                shut = head + deltas[blink]
                ring, outer = lids.rings[2], lids.outer[2]
                upper, lower = shut[ring[1:outer]], shut[np.append(ring[outer:], ring[0])]
                order = np.argsort(lower[:, 0])
                gap = upper[:, 1] - np.interp(upper[:, 0], lower[order, 0], lower[order, 1])
                assert gap.max() < 1.0
