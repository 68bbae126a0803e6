"""The head database: the shipped one, leaving heads out, and damaged files."""

import numpy as np
import pytest

from facestudio.database.model import (
    database_folders,
    load_database,
    load_database_file,
    verify_database,
)
from facestudio.errors import ModelError, UsageError
from facestudio.template.model import load_template


@pytest.fixture(scope="module")
def database():
    return load_database("studio")


def test_studio_has_five_hundred_sound_heads(database):
    template = load_template()
    assert len(database) == 500
    assert verify_database(database, len(template.vertices), template.version) == []
    assert sum(label["appearance"] == "female" for label in database.labels) == 250
    assert set(database.splits) == {"train", "test", "held-out"}
    assert database.bytes < 8_000_000


def test_heads_differ_and_stay_plausible(database):
    heads = np.stack([database.vertices(i) for i in range(len(database))])
    width = heads[:, :, 0].max(1) - heads[:, :, 0].min(1)
    assert ((width > 130) & (width < 240)).all()  # ear to ear, mm
    spread = np.linalg.norm(heads - heads.mean(0), axis=2).mean(1)
    assert 2 < spread.mean() < 12
    template = load_template()
    assert np.abs(heads.mean(0) - template.vertices)[template.vertices[:, 1] > -90].mean() < 6


def test_coefficients_have_about_unit_variance(database):
    assert np.abs(database.coefficients.mean(0)).max() < 0.25
    assert ((database.coefficients.std(0) > 0.8) & (database.coefficients.std(0) < 1.2)).all()


def test_a_head_left_out_is_gone_from_everything(database):
    left = database.without("studio-0003", "studio-0150")
    assert len(left) == 498
    assert "studio-0003" not in left.ids
    kept = left.ids.index("studio-0004")
    np.testing.assert_allclose(left.vertices(kept), database.vertices(4), atol=1e-3)
    others = np.delete(np.arange(500), [3, 150])
    expected = np.mean([database.vertices(i) for i in others], axis=0)
    np.testing.assert_allclose(left.mean_head(), expected, atol=1e-6)
    assert left.coefficients.shape[0] == 498
    np.testing.assert_allclose(left.coefficients.mean(0), 0, atol=1e-9)


def test_unknown_heads_and_databases_are_named(database):
    with pytest.raises(UsageError, match="studio-9999"):
        database.index("studio-9999")
    with pytest.raises(ModelError, match="nowhere"):
        load_database("nowhere")


def test_user_databases_are_found_beside_the_embedded_one(tmp_path, monkeypatch, database):
    folder = tmp_path / "databases" / "mine"
    folder.mkdir(parents=True)
    source = database_folders()["studio"] / "heads.npz"
    (folder / "heads.npz").write_bytes(source.read_bytes())
    monkeypatch.setattr("facestudio.database.model.user_data", lambda: tmp_path)
    assert set(database_folders()) == {"studio", "mine"}
    assert len(load_database_file(folder / "heads.npz")) == 500


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "newer", "short"])
def test_damaged_files_are_model_errors(tmp_path, damage):
    path = tmp_path / "heads.npz"
    source = database_folders()["studio"] / "heads.npz"
    if damage == "truncated":
        path.write_bytes(source.read_bytes()[:100_000])
    elif damage == "text":
        path.write_text("no database")
    elif damage == "newer":
        np.savez(path, meta=np.array('{"format": 99}'))
    elif damage == "short":
        with np.load(source) as data:
            arrays = {name: data[name] for name in data.files}
        arrays["coefficients"] = arrays["coefficients"][:-1]
        np.savez(path, **arrays)
    with pytest.raises(ModelError):
        load_database_file(path)


def test_verify_finds_what_is_wrong(database):
    from dataclasses import replace

    template = load_template()
    mean = database.mean.copy()
    mean[0, 0] = np.nan
    broken = replace(database, mean=mean, template_version="0", ids=("same",) * 500)
    problems = " ".join(verify_database(broken, len(template.vertices), template.version))
    assert "template" in problems
    assert "repeat" in problems
    assert "not numbers" in problems
