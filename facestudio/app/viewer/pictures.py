"""Draws screenshots and sheets; for a thread, not for the UI."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from facestudio.app.viewer.figure import Figure, base_mesh
from facestudio.app.words import mark, tr
from facestudio.errors import WriteError
from facestudio.geometry.camera import scale_camera
from facestudio.render.lighting import Style
from facestudio.render.offscreen import OffscreenRenderer, render_views
from facestudio.render.scene import VIEWS, Background, Marks, Mode, RenderMesh, View
from facestudio.render.sheet import compose_sheet
from facestudio.values import ByteArray, Camera, Photo

TURNTABLE_FRAMES, _FRAME_MS = 60, 50

_LABELS = {
    "front": mark("Front"),
    "45": "45°",
    "side": mark("Side"),
    "45-left": mark("45° left"),
    "45-right": mark("45° right"),
    "left": mark("Left"),
    "right": mark("Right"),
    "back": mark("Back"),
}


def mesh_of(figure: Figure) -> RenderMesh:
    """Return a figure's mesh to draw."""
    from dataclasses import replace

    return replace(
        base_mesh(open_mouth=figure.open_mouth), positions=figure.positions, normals=figure.normals
    )


def _shown(figure: Figure, mode: Mode, uncertain: bool) -> tuple[ByteArray | None, Any]:
    """Return the texture and the mode with which a figure is drawn."""
    if mode == "coverage":
        texture = figure.uncertainty if uncertain else figure.coverage
        return (texture, "clay" if texture is None else "textured")
    return figure.texture, "clay" if mode == "textured" and figure.texture is None else mode


def draw_view(
    figure: Figure,
    camera: Camera,
    mode: Mode,
    background: Background,
    marks: Marks | None,
    times: int,
    *,
    uncertain: bool = False,
) -> ByteArray:
    """Return what a camera sees, `times` larger, (H, W, 3) uint8."""
    texture, drawn = _shown(figure, mode, uncertain)
    fine = scale_camera(camera, times)
    style = Style(mode=drawn, marks=marks, mark_size=8.0 * times, line_width=1.0 * times)
    with OffscreenRenderer() as renderer:
        renderer.set_mesh(mesh_of(figure))
        renderer.set_texture(texture)
        return renderer.picture(fine, style, background)


def draw_sheet(
    figure: Figure,
    views: tuple[str, ...],
    height: int,
    mode: Mode,
    background: Background,
    marks: Marks | None,
    photo: Photo | None,
    *,
    uncertain: bool = False,
) -> ByteArray:
    """Return labelled views side by side, after the photo if there is one, (H, W, 3) uint8."""
    texture, drawn = _shown(figure, mode, uncertain)
    size = (round(height * 0.82), height)
    pictures = render_views(
        mesh_of(figure),
        texture,
        [VIEWS[name] for name in views],
        size,
        mode=drawn,
        background=background,
        marks=marks,
    )
    labelled: list[tuple[str, ByteArray]] = [
        (tr(_LABELS[name]) if name in _LABELS else name, picture)
        for name, picture in zip(views, pictures, strict=True)
    ]
    if photo is not None:
        labelled.insert(0, (tr("Photo"), photo.pixels))
    return compose_sheet(labelled, height=height)


def draw_turntable(
    figure: Figure, height: int, mode: Mode, background: Background, *, uncertain: bool = False
) -> list[ByteArray]:
    """Return the head turning once, TURNTABLE_FRAMES pictures (H, W, 3) uint8 that begin at the front."""
    texture, drawn = _shown(figure, mode, uncertain)
    size = (round(height * 0.82), height)
    turns = [View("turn", 2 * math.pi * step / TURNTABLE_FRAMES) for step in range(TURNTABLE_FRAMES)]
    return render_views(mesh_of(figure), texture, turns, size, mode=drawn, background=background)


def save_turntable(pictures: list[ByteArray], file: Path, *, overwrite: bool) -> Path:
    """Write pictures as an animated WebP that repeats; raises as `save_png`."""
    from PIL import Image

    first, *others = [Image.fromarray(np.asarray(picture)) for picture in pictures]

    def write(handle: IO[bytes]) -> None:
        first.save(
            handle, format="WEBP", save_all=True, append_images=others, duration=_FRAME_MS, loop=0, quality=85
        )

    return _save(write, file, overwrite)


def save_png(pixels: ByteArray, file: Path, *, overwrite: bool) -> Path:
    """Write a picture (H, W, 3) uint8; the file is complete or not there.

    Raises
    ------
    WriteError
        If there is such a file already and it may not be replaced, or it cannot be written.
    """
    from PIL import Image

    return _save(
        lambda handle: Image.fromarray(np.asarray(pixels)).save(handle, format="PNG"), file, overwrite
    )


def refuse_existing(file: Path, overwrite: bool) -> None:
    """Raise WriteError if there is such a file and it may not be replaced."""
    if file.exists() and not overwrite:
        raise WriteError(
            tr("{name} is there already", name=file.name),
            hint=tr("Give another name, or tick to replace it."),
        )


def _save(write: Callable[[IO[bytes]], None], file: Path, overwrite: bool) -> Path:
    refuse_existing(file, overwrite)
    beside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as handle:
            beside = Path(handle.name)
            write(handle)
        beside.replace(file)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise WriteError(
            tr("{file} cannot be written: {value}", file=file, value=error.strerror or error)
        ) from error
    return file
