"""Truth of the texture: drawn photos of left-out heads, their textures against the true ones and against `paste`."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np

from facestudio.database.model import DEFAULT_DATABASE, HeadDatabase, load_database
from facestudio.errors import NoFaceError
from facestudio.evaluation.colour import delta_e_2000, to_lab
from facestudio.geometry.camera import head_rotation, scale_camera
from facestudio.pipeline.request import Request
from facestudio.pipeline.runner import Runner
from facestudio.render.lighting import FLAT, Light, Lighting, Style, bytes_to_linear
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.render.scene import RenderMesh, View, camera_of_view, frame_mesh, mesh_of_head
from facestudio.synthesis.studio import head_atlas
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.atlas import chart_mask, nearest_inside, place_grid
from facestudio.texture.regions import openings_of_atlas
from facestudio.values import BoolArray, ByteArray, Camera, Float32Array, FloatArray, Head, Photo, Texture

METHODS = ("fused", "paste")
BAND = 8
"""Texels on each side of a border that its colour step is measured over."""

_BLOCK = 32  # texels: a piece of border
_LEAST = 24  # texels that a piece must have in each band
_PHOTO_SIZE = 900
_VIEW_SIZE = 512
_TRUE_SIZE = 1024
_VIEWS = (View("45-left", -np.pi / 4), View("45-right", np.pi / 4))


@dataclass(frozen=True)
class MethodTexture:
    """One way of making textures, means over the heads.

    Attributes
    ----------
    method
        fused or paste.
    seam_step, seen_variation
        Colour step (CIE76) between bands of 8 texels on both sides of the border of what was seen, and the same
        measured at places inside it; ratio: one by the other.
    ears
        CIEDE2000 between the borrowed ears and the true ones.
    views
        Mean absolute difference 0..255 to the true head, seen from 45 degrees left and right.
    """

    method: str
    seam_step: float
    seen_variation: float
    ratio: float
    ears: float
    views: float


@dataclass(frozen=True)
class TextureReport:
    """What was measured: the methods, empty texels of all charts with a gutter of 8, and times."""

    heads: int
    missed: int
    seed: int
    texture_size: int
    results: tuple[MethodTexture, ...]
    empty_texels: int
    gutter_difference: float
    poisson_residual: float
    texture_ms: dict[str, float]
    from_landmarks_ms: dict[str, float]
    peak_memory_mb: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Trial:
    """One left-out head: its photo, its true atlas (S, S, 3) uint8, and the head found with each method's texture."""

    name: str
    photo: Photo
    mesh: RenderMesh
    atlas: ByteArray
    heads: dict[str, Head]


def seam_steps(texture: Texture) -> tuple[float, float]:
    """Return the mean colour step at the border of what was seen, and the mean of such steps inside it, CIE76.

    The border is cut into pieces of 32 texels; each counts by the difference of its two bands' mean colours. Openings
    (eyes, mouth, nostrils) are no border.
    """
    labels = texture.coverage.labels
    lab = to_lab(texture.pixels).astype(np.float32)
    seen = (labels == 1).astype(np.uint8)
    # Holes are no border: only what the outside of the chart reaches is.
    openings = openings_of_atlas(load_template(), len(seen))
    around = cv2.copyMakeBorder(seen, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(around, None, (0, 0), 2)
    solid = (around[1:-1, 1:-1] != 2).astype(np.uint8)
    # Nor are openings that the border runs into.
    none = (((solid > 0) & (seen == 0)) | openings).astype(np.uint8)
    hole = cv2.dilate(none, np.ones((2 * BAND + 1,) * 2, np.uint8)) > 0
    inner = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    outer = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)
    signed = np.where(solid > 0, inner - 0.5, 0.5 - outer)
    valid = (labels > 0) & ~hole
    at_border = _steps(lab, signed, valid)
    inside = np.concatenate(
        [_steps(lab, signed - shift, valid & (solid > 0)) for shift in (5 * BAND, 9 * BAND)]
    )
    return _mean(at_border), _mean(inside)


def _steps(lab: Float32Array, signed: FloatArray, valid: BoolArray) -> FloatArray:
    """Return the colour step of every piece of the line where `signed` is zero, (P,)."""
    size = len(lab)
    block = np.arange(size) // _BLOCK
    number = block[:, None] * (size // _BLOCK + 1) + block[None]
    means: list[FloatArray] = []
    counts: list[FloatArray] = []
    for band in ((signed > 0) & (signed <= BAND), (signed < 0) & (signed >= -BAND)):
        chosen = band & valid
        at = number[chosen]
        count = np.bincount(at, minlength=int(number.max()) + 1)
        total = np.stack([np.bincount(at, lab[chosen][:, k], len(count)) for k in range(3)], axis=1)
        means.append(total / np.maximum(count, 1)[:, None])
        counts.append(count.astype(np.float64))
    good = (counts[0] >= _LEAST) & (counts[1] >= _LEAST)
    return np.linalg.norm(means[0][good] - means[1][good], axis=1)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else 0.0


def ear_texels(size: int) -> BoolArray:
    """Return the texels of both ears, (size, size) bool."""
    rest = place_grid(size).grid(topology(1).apply(load_template().vertices))
    x, y, z = np.moveaxis(rest, -1, 0)
    return chart_mask(size) & (np.abs(x) > 74) & (y > -36) & (y < 28) & (z > -22) & (z < 24)


def _lamp(rng: np.random.Generator) -> Lighting:
    """Draw a room: light from everywhere and a soft lamp at the front, left or right."""
    strength = rng.uniform(0.15, 0.4)
    direction = (float(rng.uniform(-1, 1)), float(rng.uniform(0.1, 0.7)), 1.0)
    around = 0.95 - 0.7 * strength
    return Lighting(
        sky=(around, around, around),
        ground=(0.85 * around, 0.85 * around, 0.85 * around),
        lights=(Light(direction, (strength, strength, strength)),),
        occlusion=0.6,
    )


def _exposed(renderer: OffscreenRenderer, camera: Camera, room: Lighting) -> Lighting:
    """Return a room's light so strong that the head has its skin's mean brightness, as a photographer sets it."""
    small = scale_camera(camera, 0.2)
    lit, true = (
        float(_linear_mean(renderer.layer(small, Style(lighting=light))))
        for light in (replace(room, shoulder=1.0), FLAT)
    )
    factor = true / max(lit, 1e-6)
    lamps = tuple(Light(lamp.direction, _times_colour(lamp.colour, factor)) for lamp in room.lights)
    return replace(
        room, sky=_times_colour(room.sky, factor), ground=_times_colour(room.ground, factor), lights=lamps
    )


def _times_colour(colour: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _linear_mean(layer: ByteArray) -> float:
    return float(bytes_to_linear(layer[..., :3])[layer[..., 3] == 255].mean())


def _camera(rng: np.random.Generator) -> Camera:
    rotation = head_rotation(*np.radians([rng.uniform(-20, 20), rng.normal(0, 4), rng.normal(0, 3)]))
    focal, centre = 1.8 * _PHOTO_SIZE, (_PHOTO_SIZE - 1) / 2
    shift = np.array([0.0, 0.0, focal * 235.0 / (_PHOTO_SIZE * 0.6)]) - rotation @ np.array([0.0, -18.0, 0.0])
    return Camera(focal, focal, centre, centre, rotation, shift, (_PHOTO_SIZE, _PHOTO_SIZE), "given")


def trials(
    database: HeadDatabase, rows: list[int], seed: int, size: int, renderer: OffscreenRenderer
) -> Iterator[Trial | None]:
    """Yield a trial for each row of the database; None if no face is found in its photo."""
    template = load_template()
    runner = Runner(lambda name: database)
    for row in rows:
        rng = np.random.default_rng([seed, row])
        vertices = database.vertices(row)
        atlas = head_atlas(
            template, vertices, database.skins[row], rng.uniform([50, 38, 25], [130, 120, 115]), _TRUE_SIZE
        )
        mesh = mesh_of_head(topology(1), vertices, template.materials)
        renderer.set_mesh(mesh)
        renderer.set_texture(atlas)
        red, green, blue = (int(v) for v in rng.integers(60, 230, 3))
        camera = _camera(rng)
        picture = renderer.picture(
            camera, Style(lighting=_exposed(renderer, camera, _lamp(rng))), (red, green, blue)
        )
        photo = Photo(picture, database.ids[row])
        found: dict[str, Head] = {}
        try:
            for method in METHODS:
                request = Request(
                    photo,
                    database=database.name,
                    excluded_heads=frozenset({database.ids[row]}),
                    texture_size=size,
                    texture_method="paste" if method == "paste" else "fused",
                    focal_px=camera.fx,
                )
                found[method] = runner.run(request).head
        except NoFaceError:
            yield None
            continue
        yield Trial(database.ids[row], photo, mesh, atlas, found)


def view_differences(trial: Trial, renderer: OffscreenRenderer) -> dict[str, tuple[float, list[ByteArray]]]:
    """Return for each method the mean absolute difference to the true head at 45 degrees, and the pictures drawn.

    All are drawn on the true shape, which has measures of its own, and without light.
    """
    size = (_VIEW_SIZE, _VIEW_SIZE)
    framing = frame_mesh(trial.mesh.positions, size)
    cameras = [camera_of_view(view, framing, size) for view in _VIEWS]
    style = Style(lighting=FLAT)

    renderer.set_mesh(trial.mesh)

    def drawn(texture: ByteArray) -> list[ByteArray]:
        renderer.set_texture(texture)
        return [renderer.layer(camera, style) for camera in cameras]

    true = drawn(trial.atlas)
    out: dict[str, tuple[float, list[ByteArray]]] = {"true": (0.0, true)}
    for method, head in trial.heads.items():
        assert head.texture is not None
        mine = drawn(head.texture.pixels)
        values = [
            np.abs(a[..., :3].astype(np.float64) - b[..., :3])[a[..., 3] == 255].mean()
            for a, b in zip(true, mine, strict=True)
        ]
        out[method] = float(np.mean(values)), mine
    return out


def gutter(texture: Texture) -> tuple[int, float]:
    """Return how many texels of the skin's charts and 8 texels around them are empty, and how far the gutter is off.

    The latter is the mean absolute difference between a gutter's texel and the chart's texel nearest to it.
    """
    size = texture.size
    inside = chart_mask(size)
    wide = (
        cv2.dilate(inside.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1,) * 2))
        > 0
    )
    empty = int((texture.pixels[wide].max(axis=1) == 0).sum())
    rim = wide & ~inside
    near = texture.pixels.reshape(-1, 3)[nearest_inside(inside)[rim]]
    return empty, float(np.abs(texture.pixels[rim].astype(np.int16) - near).mean())


def _times(photo: Photo, sizes: tuple[int, ...]) -> tuple[dict[str, float], dict[str, float]]:
    """Return ms of stage texture, and of all stages after the landmarks, warm, by texture size."""
    texture: dict[str, float] = {}
    whole: dict[str, float] = {}
    for size in sizes:
        runs = [Runner().run(Request(photo, texture_size=size)).head.timings_ms for _ in range(4)]
        texture[str(size)] = statistics.median(run["texture"] for run in runs[1:])
        whole[str(size)] = statistics.median(sum(run.values()) - run["landmarks"] for run in runs[1:])
    return texture, whole


def peak_memory_mb() -> float | None:
    """Return the largest memory this process has had, in MB; None where the system does not say."""
    try:
        import resource
        import sys
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def evaluate_texture(
    count: int = 12,
    seed: int = 11,
    name: str = DEFAULT_DATABASE,
    *,
    size: int = 2048,
    time_sizes: tuple[int, ...] = (1024, 2048, 4096),
    say: Callable[[str], None] = lambda line: None,
    show: Callable[[Trial, dict[str, tuple[float, list[ByteArray]]]], None] = lambda trial, views: None,
) -> TextureReport:
    """Make textures of drawn photos of heads that may not be borrowed from.

    Parameters
    ----------
    count
        How many heads; those of the splits test and held-out come first.
    seed
        Of the photos.
    name
        The database.
    size
        Of the textures.
    time_sizes
        Sizes that are timed (on the first photo).
    say
        Called with a line of progress.
    show
        Called with each trial and its pictures from 45 degrees.
    """
    database = load_database(name)
    rows = sorted(range(len(database)), key=lambda i: (database.splits[i] == "train", i))[:count]
    collected: dict[str, list[tuple[float, float, float, float]]] = {method: [] for method in METHODS}
    missed, empty, off, residual = 0, 0, 0.0, 0.0
    photo: Photo | None = None
    with OffscreenRenderer() as renderer:
        for trial in trials(database, rows, seed, size, renderer):
            if trial is None:
                missed += 1
                continue
            photo = photo or trial.photo
            views = view_differences(trial, renderer)
            show(trial, views)
            for method, head in trial.heads.items():
                assert head.texture is not None
                at_border, inside = seam_steps(head.texture)
                collected[method].append(
                    (at_border, inside, _ear_difference(head.texture, trial.atlas), views[method][0])
                )
            made = trial.heads["fused"].texture
            assert made is not None
            empty_here, off_here = gutter(made)
            empty, off, residual = (
                empty + empty_here,
                max(off, off_here),
                max(residual, made.poisson_residual),
            )
            say(_line(trial.name, collected))
    results = tuple(_summary(method, rows_of) for method, rows_of in collected.items() if rows_of)
    texture_ms, whole_ms = _times(photo, time_sizes) if photo is not None else ({}, {})
    return TextureReport(
        heads=len(rows) - missed,
        missed=missed,
        seed=seed,
        texture_size=size,
        results=results,
        empty_texels=empty,
        gutter_difference=off,
        poisson_residual=residual,
        texture_ms=texture_ms,
        from_landmarks_ms=whole_ms,
        peak_memory_mb=peak_memory_mb(),
    )


def _ear_difference(texture: Texture, atlas: ByteArray) -> float:
    """Return the mean CIEDE2000 of the ears' borrowed texels to the true ones."""
    size = texture.size
    where = ear_texels(size) & (texture.coverage.labels == 3)
    if not where.any():
        return float("nan")
    method = cv2.INTER_AREA if len(atlas) > size else cv2.INTER_LINEAR
    true = cv2.resize(atlas, (size, size), interpolation=method)
    return float(delta_e_2000(to_lab(texture.pixels[where]), to_lab(true[where])).mean())


def _summary(method: str, rows: list[tuple[float, float, float, float]]) -> MethodTexture:
    step, inside, ears, views = (float(np.nanmean(column)) for column in zip(*rows, strict=True))
    return MethodTexture(method, step, inside, step / max(inside, 1e-6), ears, views)


def _line(name: str, collected: dict[str, list[tuple[float, float, float, float]]]) -> str:
    parts = [
        f"{method}: seam {step:.1f} (inside {inside:.1f}), ears {ears:.1f}, views {views:.1f}"
        for method, rows in collected.items()
        for step, inside, ears, views in rows[-1:]
    ]
    return f"{name}: " + "; ".join(parts)
