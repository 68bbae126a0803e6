"""The AlbedoModel and the archive writer."""

import hashlib

import numpy as np
import pytest

from facestudio.database.albedo import load_albedo, load_albedo_file
from facestudio.database.archive import save_arrays
from facestudio.database.model import load_database
from facestudio.errors import ModelError
from facestudio.paths import resources


def test_skins_come_in_any_size_and_differ():
    model, database = load_albedo(), load_database()
    light, dark = (model.skin(database.skins[i], 256) for i in np.argsort(database.skins[:, 0])[[0, -1]])
    assert light.shape == (256, 256, 3)
    assert abs(float(light.mean()) - float(dark.mean())) > 40
    assert model.skin(database.skins[0], 1024).shape == (1024, 1024, 3)


def test_zero_coefficients_give_the_mean():
    model = load_albedo()
    np.testing.assert_array_equal(model.skin(np.zeros(len(model.modes)), len(model.mean)), model.mean)


def test_damaged_model_is_a_model_error(tmp_path):
    (tmp_path / "albedo.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(ModelError):
        load_albedo_file(tmp_path / "albedo.npz")


def test_same_arrays_give_same_bytes(tmp_path):
    arrays = {"a": np.arange(1000.0), "meta": np.array('{"x": 1}')}
    save_arrays(tmp_path / "one.npz", arrays)
    save_arrays(tmp_path / "two.npz", arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as data:
        np.testing.assert_array_equal(data["a"], arrays["a"])
    assert not list(tmp_path.glob("*.tmp"))


def test_the_bytes_depend_on_the_content_alone(tmp_path):
    """The same on every platform and with every version of zlib and NumPy."""
    save_arrays(
        tmp_path / "a.npz",
        {"meta": np.array('{"x": 1}'), "a": np.arange(5, dtype=np.int16), "b": np.eye(2, dtype=np.float32)},
    )
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "842635d7873e8737985e35d2b93ab72fdf55fce36652cd6b7852619ebe597f3e"


def test_a_mean_that_is_no_picture_is_a_model_error(tmp_path):
    with np.load(resources() / "database" / "albedo.npz") as data:
        arrays = {name: data[name] for name in data.files}
    arrays["mean_png"] = np.arange(100, dtype=np.uint8)
    save_arrays(tmp_path / "albedo.npz", arrays)
    with pytest.raises(ModelError, match="not a picture"):
        load_albedo_file(tmp_path / "albedo.npz")
