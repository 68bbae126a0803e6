"""Heads to judge by: drawn from the shape model, from all modes of ICT-FaceKit, from MakeHuman's sliders."""

from pathlib import Path

import numpy as np

from facestudio.database.appearance import draw_appearance, draw_head
from facestudio.database.shape_model import ShapeModel
from facestudio.template.model import Template
from facestudio.values import FloatArray


def model_heads(model: ShapeModel, count: int, rng: np.random.Generator) -> list[FloatArray]:
    """Return heads (V, 3) mm drawn from the shape model, half of female and half of male appearance."""
    people = [draw_appearance("female" if i % 2 else "male", rng) for i in range(count)]
    return [model.shape(draw_head(model, person, rng)) for person in people]


def ict_heads(path: Path, template: Template, count: int, rng: np.random.Generator) -> list[FloatArray]:
    """Return heads (V, 3) mm drawn from all identity modes of ICT-FaceKit, on the template.

    Raises
    ------
    UnreadableInputError
        If ICT-FaceKit cannot be read.
    """
    from facestudio.database.sources.ict_facekit import load_ict
    from facestudio.training.ict_template import register_ict

    carried = register_ict(template, load_ict(path))
    flat = carried.modes.reshape(len(carried.modes), -1)
    draws = rng.standard_normal((count, len(flat)))
    return [carried.mean + (z @ flat).reshape(-1, 3) for z in draws]


def makehuman_heads(wheel: Path, template: Template, count: int, seed: int) -> list[FloatArray]:
    """Return heads (V, 3) mm drawn from MakeHuman's sliders, which the shape model never saw.

    Raises
    ------
    UnreadableInputError
        If the wheel is not the one that is needed.
    """
    from facestudio.database.sources.makehuman import MakeHumanSource
    from facestudio.training.makehuman_heads import HeadSampler
    from facestudio.training.template import mean_adult
    from facestudio.training.template_mesh import cut_head

    source = MakeHumanSource(wheel)
    sampler = HeadSampler(source, template, cut_head(source.base, mean_adult(source)))
    heads: list[FloatArray] = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        heads.append(sampler.draw(draw_appearance("female" if i % 2 else "male", rng), rng))
    return heads
