"""The AlbedoModel and the archive writer."""

import hashlib

import numpy as np
import pytest

from facestudio.database.albedo import load_albedo, load_albedo_file
from facestudio.database.archive import save_arrays
from facestudio.database.eyeballs import limbus_angle
from facestudio.database.model import load_database
from facestudio.database.skin_axes import AXES, MONK_SKIN, NAMES, skin_coefficients, skin_values, tone_colour
from facestudio.errors import ModelError
from facestudio.paths import resources
from facestudio.template.model import load_template


def test_skins_come_in_any_size_and_differ():
    model, database = load_albedo(), load_database()
    tones = database.skins[:, NAMES.index("tone")]
    light, dark = (model.skin(database.skins[i], 256) for i in np.argsort(tones)[[0, -1]])
    assert light.shape == (256, 256, 3)
    assert float(light.mean()) - float(dark.mean()) > 60
    for size in (64, 300, 1024):
        assert model.skin(database.skins[0], size).shape == (size, size, 3)


def test_the_same_coefficients_give_the_same_skin_and_another_seed_another():
    model, row = load_albedo(), load_database().skins[3]
    again = load_albedo_file(resources() / "database" / "albedo.npz")
    np.testing.assert_array_equal(model.texture(row, 256), again.texture(row, 256))
    other = row.copy()
    other[NAMES.index("seed")] += 1
    assert (model.texture(other, 256) != model.texture(row, 256)).any()


def test_axis_values_round_trip_and_are_held_between_their_ends():
    row = skin_coefficients({"tone": 3.25, "wrinkles": 0.4, "beard": 7.0})
    values = skin_values(row)
    assert values["tone"] == pytest.approx(3.25)
    assert values["beard"] == 1.0
    assert values["lip_red"] == AXES[NAMES.index("lip_red")].middle
    with pytest.raises(KeyError):
        skin_coefficients({"charm": 1.0})
    with pytest.raises(ValueError, match="coefficients"):
        skin_values(np.zeros(7))


def test_tones_fall_evenly_from_light_to_dark():
    steps = np.array([tone_colour(t) for t in np.linspace(0.5, 10.5, 41)])
    assert (np.diff(steps.mean(axis=1)) < 0).all()
    np.testing.assert_allclose([tone_colour(k + 1.0) for k in range(10)], MONK_SKIN)


@pytest.mark.parametrize(
    "axis", ["wrinkles", "freckles", "moles", "beard", "brow_density", "hair_density", "lip_red"]
)
def test_every_axis_shows(axis):
    """From one end of the axis to the other something visible changes, and nothing outside the skin's charts."""
    model = load_albedo()
    ends = [
        model.skin(skin_coefficients({"tone": 3.0, axis: value}), 512).astype(int) for value in (-9.0, 9.0)
    ]
    assert (np.abs(ends[0] - ends[1]).max(axis=2) > 12).sum() > 60


def test_the_atlas_has_eyes_teeth_and_tongue():
    model, template = load_albedo(), load_template()
    pale, brown = (
        model.texture(skin_coefficients({"iris_dark": dark, "seed": 5.0}), 512) for dark in (0.0, 1.0)
    )
    for chart in template.eyes:
        u, v = chart.centre
        limbus = limbus_angle(template, template.vertices, 0) / chart.radians_per_uv
        row, column = int((1 - v) * 512), int((u + 0.6 * limbus) * 512)
        assert pale[row, column].mean() > brown[row, column].mean() + 20
        assert pale[row, int(u * 512)].max() < 40  # the pupil
    assert (pale[:120] != brown[:120]).any()


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


def test_a_layer_that_is_no_picture_is_a_model_error(tmp_path):
    with np.load(resources() / "database" / "albedo.npz") as data:
        arrays = {name: data[name] for name in data.files}
    arrays["layer_relief"] = np.arange(100, dtype=np.uint8)
    save_arrays(tmp_path / "albedo.npz", arrays)
    with pytest.raises(ModelError, match="relief"):
        load_albedo_file(tmp_path / "albedo.npz")


def test_a_model_of_an_older_format_is_said_so(tmp_path):
    save_arrays(tmp_path / "albedo.npz", {"meta": np.array('{"format": 1}')})
    with pytest.raises(ModelError, match="older"):
        load_albedo_file(tmp_path / "albedo.npz")
