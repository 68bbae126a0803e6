"""Carries skins painted in the hm08 UVs over to the template's UVs, and learns the AlbedoModel from them."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from facestudio.database.albedo import ALBEDO_FORMAT
from facestudio.database.archive import save_arrays
from facestudio.database.sources.makehuman import BaseMesh
from facestudio.errors import UnreadableInputError
from facestudio.geometry.raster import rasterise, uv_to_texel
from facestudio.template.model import Template
from facestudio.training.template_mesh import HeadCut
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray


def source_uv_map(template: Template, cut: HeadCut, base: BaseMesh, size: int) -> Float32Array:
    """Return where each texel of the template's atlas lies in the hm08 UVs.

    Parameters
    ----------
    template, cut, base
        The template and how it follows from the base mesh.
    size
        Edge length S of the atlas in texels.

    Returns
    -------
    numpy.ndarray
        (S, S, 2) float32 (u, v), v up; NaN outside the charts and on what is not of the base mesh.
    """
    members = np.flatnonzero(cut.base_quads >= 0)
    corners = template.quad_uvs[members]
    old = base.quad_uvs[cut.base_quads[members]]
    # A point per corner: charts are cut in different places in the two layouts.
    points = uv_to_texel(template.uvs[corners.ravel()], size)
    index = np.arange(corners.size, dtype=np.int32).reshape(-1, 4)
    triangles = np.concatenate([index[:, [0, 1, 2]], index[:, [0, 2, 3]]])
    raster = rasterise(points, np.zeros(len(points)), triangles, (size, size))
    target: FloatArray = base.uvs[old.ravel()]
    seen = raster.triangle >= 0
    out = np.full((size, size, 2), np.nan, dtype=np.float32)
    out[seen] = np.einsum("nk,nkc->nc", raster.barycentric[seen], target[triangles[raster.triangle[seen]]])
    return out


def resample_skin(path: Path, uv_map: Float32Array) -> ByteArray:
    """Return a skin picture in the template's UVs; texels outside the charts take their neighbours' colour.

    Parameters
    ----------
    path
        A picture in the hm08 UVs.
    uv_map
        From `source_uv_map`.

    Returns
    -------
    numpy.ndarray
        (S, S, 3) uint8 RGB.

    Raises
    ------
    UnreadableInputError
        If the file is not a picture.
    """
    try:
        with Image.open(path) as picture:
            skin = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for damaged files
        raise UnreadableInputError(f"{path} cannot be read as a skin: {error}") from error
    height, width = skin.shape[:2]
    inside = np.isfinite(uv_map[..., 0])
    x = np.where(inside, uv_map[..., 0] * width - 0.5, -1).astype(np.float32)
    y = np.where(inside, (1 - uv_map[..., 1]) * height - 0.5, -1).astype(np.float32)
    out = cv2.remap(skin, x, y, cv2.INTER_AREA if width > 2 * len(uv_map) else cv2.INTER_LINEAR)
    return fill_outside(np.asarray(out, dtype=np.uint8), inside)


def fill_outside(pixels: ByteArray, inside: BoolArray) -> ByteArray:
    """Give texels outside the charts the colour of the nearest texel inside.

    Parameters
    ----------
    pixels
        (S, S, 3) uint8 RGB.
    inside
        (S, S) bool.
    """
    _, found = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(found, dtype=np.int32)
    lookup = np.zeros((labels.max() + 1, 3), dtype=np.uint8)
    lookup[labels[inside]] = pixels[inside]
    return lookup[labels]


def painted_as(path: Path) -> tuple[float, bool]:
    """Return what a skin was painted as, by the words of its file name: age (0 young .. 1 old), and whether female."""
    words = path.stem.lower().split("_")
    return (0.0 if "young" in words else 1.0 if "old" in words else 0.5), "female" in words


def learn_hair(skins: list[ByteArray], inside_oval: Float32Array, size: int) -> ByteArray:
    """Learn where hair grows from skins that have it painted on, (size, size) uint8 0..255.

    Parameters
    ----------
    skins
        (S, S, 3) uint8 RGB each; the darkest third shows dark, dense hair.
    inside_oval
        (S, S) signed distance to the face oval, UV units, large and negative outside the skin.
    size
        Resolution of the result.
    """
    face = inside_oval > 0.05
    grey = [cv2.cvtColor(skin, cv2.COLOR_RGB2GRAY).astype(np.float32) for skin in skins]
    dark = sorted(grey, key=lambda picture: float(np.median(picture[face])))[: max(1, len(skins) // 3)]
    share = np.mean([picture / np.median(picture[face]) for picture in dark], axis=0)
    share = cv2.GaussianBlur(share, (0, 0), 0.004 * len(share))
    hair = np.clip((0.72 - share) / 0.3, 0, 1) * (inside_oval < -0.004)
    # The scalp is the largest piece; ears' shadows and the corners of charts are not hair.
    _, label, stats, _ = cv2.connectedComponentsWithStats((hair > 0.4).astype(np.uint8))
    largest = (label == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    largest = cv2.dilate(largest, np.ones((9, 9), np.uint8)).astype(np.float32)
    small = cv2.resize((hair * largest).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return np.round(255 * small).astype(np.uint8)


def save_albedo(path: Path, layers: dict[str, ByteArray], modes: Float32Array, hair: ByteArray) -> None:
    """Write an AlbedoModel file (docs/formats/albedo.md)."""
    scale = np.maximum(np.abs(modes).max(axis=(1, 2, 3)), 1e-6) / 127  # each mode's largest value is 127
    meta = {
        "format": ALBEDO_FORMAT,
        "version": "2",
        "licence": "CC0-1.0",
        "source": "learnt from 14 skins by the MakeHuman team (CC0), and drawn by procedure",
    }
    pictures: dict[str, ByteArray] = {}
    for name, layer in layers.items():
        buffer = io.BytesIO()
        Image.fromarray(layer).save(buffer, "PNG", optimize=True)
        pictures[f"layer_{name}"] = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
    save_arrays(
        path,
        {
            "meta": np.array(json.dumps(meta, sort_keys=True)),
            **pictures,
            "modes": np.round(modes / scale[:, None, None, None]).astype(np.int8),
            "modes_scale": scale.astype(np.float32),
            "hair": hair,
        },
    )
