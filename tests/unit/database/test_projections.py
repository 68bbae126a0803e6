"""FrontalProjections: drawn, stored, read."""

from dataclasses import replace

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.database.projections import (
    EYES_AT,
    MOUTH_AT,
    alignment_points,
    load_projections,
    load_projections_file,
    projection_camera,
    render_projections,
    save_projections,
    thumbnail,
)
from facestudio.errors import ModelError, UsageError
from facestudio.geometry.camera import project
from facestudio.template.model import load_template


def _few(count=3):
    database = load_database()
    return replace(
        database,
        **{
            name: getattr(database, name)[:count]
            for name in ("ids", "coefficients", "labels", "splits", "skins")
        },
    )


@pytest.mark.parametrize("row", [0, 7, 90])
def test_eyes_and_mouth_are_where_the_alignment_says(row):
    template, database = load_template(), load_database()
    vertices = database.vertices(row)
    camera = projection_camera(template, vertices, 224)
    pixels, _ = project(camera, np.stack(alignment_points(template.ibug68.points(vertices))))
    np.testing.assert_allclose(pixels[0] + 0.5, np.array(EYES_AT) * 224, atol=1e-6)
    assert pixels[1, 1] + 0.5 == pytest.approx(MOUTH_AT[1] * 224)


def test_drawn_projections_are_stored_and_read_again(tmp_path):
    database, steps = _few(), []
    pictures = render_projections(database, 96, progress=steps.append)
    assert pictures.shape == (3, 96, 96, 3)
    assert steps[-1] == 1
    assert np.ptp(pictures[0]) > 60
    save_projections(tmp_path / "projections.npz", pictures, database)
    stored = load_projections_file(tmp_path / "projections.npz", database)
    assert len(stored) == 3
    assert not stored.flags.writeable
    with pytest.raises(ModelError, match="other heads"):
        load_projections_file(tmp_path / "projections.npz", replace(database, skins=database.skins + 1))
    (tmp_path / "projections.npz").write_bytes(b"PK no")
    with pytest.raises(ModelError, match="damaged"):
        load_projections_file(tmp_path / "projections.npz", database)


def test_the_shipped_ones_show_the_shipped_heads():
    database, pictures = load_database(), load_projections()
    assert len(pictures) == len(database)
    tones = database.skins[:, 0]
    middle = pictures[:, 56:72, 50:78].reshape(len(pictures), -1).mean(axis=1)
    assert np.corrcoef(tones, middle)[0, 1] < -0.9
    np.testing.assert_array_equal(thumbnail("studio", database.ids[4]), pictures[4])
    with pytest.raises(UsageError):
        thumbnail("studio", "nobody")
