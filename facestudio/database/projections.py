"""FrontalProjections: each database head seen from the front, in its own skin, all aligned alike.

They are what the encoder compares with, and the thumbnails of lists. Stored as JPEG in `projections.npz` beside
the heads (docs/formats/database.md).
"""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from facestudio.database.albedo import AlbedoModel, load_albedo
from facestudio.database.archive import save_arrays
from facestudio.database.model import DEFAULT_DATABASE, HeadDatabase, database_folders, load_database
from facestudio.database.store import head_texture
from facestudio.errors import ModelError
from facestudio.render.lighting import Light, Lighting, Style
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.render.scene import mesh_of_head
from facestudio.template.model import Template, load_template
from facestudio.template.subdivision import topology
from facestudio.values import ByteArray, Camera, FloatArray, read_only

FILE_NAME = "projections.npz"
FORMAT = 1
INPUT_SIZE = 224  # of the encoder
STORED_SIZE = 128
# Where the aligned picture has the middle between the eyes and the middle of the mouth, in shares of its size.
EYES_AT, MOUTH_AT = (0.5, 0.43), (0.5, 0.70)
BACKGROUND = (118, 118, 118)
_SKIN_SIZE = 512
_LEVEL = 1
_DISTANCE_MM = 1500.0
_QUALITY = 88
# Light that is the same for all and hides nothing: soft, from the front.
NEUTRAL = Lighting(
    sky=(0.52, 0.52, 0.52),
    ground=(0.40, 0.40, 0.40),
    lights=(Light((0.0, 0.35, 1.0), (0.42, 0.42, 0.42)), Light((-0.3, 0.3, 0.9), (0.10, 0.10, 0.10))),
)
# Points of ibug68: the corners of the eyes, and of the mouth.
_EYES, _MOUTH = (36, 39, 42, 45), (48, 54)


def alignment_points(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the middle between the eyes and the middle of the mouth of ibug68 points (68, D), (D,) each."""
    return points[list(_EYES)].mean(axis=0), points[list(_MOUTH)].mean(axis=0)


def projection_camera(template: Template, vertices: FloatArray, size: int) -> Camera:
    """Return the camera of a head's FrontalProjection: eyes and mouth where EYES_AT and MOUTH_AT say.

    Parameters
    ----------
    template
        Its points.
    vertices
        (V, 3) mm, head space.
    size
        Of the picture, pixels.
    """
    eyes, mouth = alignment_points(template.ibug68.points(vertices))
    rotation = np.diag([1.0, -1.0, -1.0])
    depth = np.array([0.0, 0.0, _DISTANCE_MM])
    near_eyes, near_mouth = (rotation @ p + depth for p in (eyes, mouth))
    slope = near_mouth[1] / near_mouth[2] - near_eyes[1] / near_eyes[2]
    focal = (MOUTH_AT[1] - EYES_AT[1]) * size / slope
    cx = EYES_AT[0] * size - 0.5 - focal * near_eyes[0] / near_eyes[2]
    cy = EYES_AT[1] * size - 0.5 - focal * near_eyes[1] / near_eyes[2]
    return Camera(focal, focal, cx, cy, rotation, depth, (size, size), "given")


def draw_projection(
    renderer: OffscreenRenderer, database: HeadDatabase, index: int, size: int, albedo: AlbedoModel
) -> ByteArray:
    """Draw one head from the front in its own skin, (size, size, 3) uint8."""
    template = load_template()
    vertices = database.vertices(index)
    renderer.set_mesh(mesh_of_head(topology(_LEVEL), vertices, template.materials))
    renderer.set_texture(head_texture(database, index, _SKIN_SIZE, albedo))
    camera = projection_camera(template, vertices, size)
    return renderer.picture(camera, Style(lighting=NEUTRAL), BACKGROUND)


def render_projections(
    database: HeadDatabase,
    size: int = INPUT_SIZE,
    *,
    albedo: AlbedoModel | None = None,
    progress: Callable[[float], None] | None = None,
) -> ByteArray:
    """Draw all heads from the front.

    Parameters
    ----------
    database
        The heads.
    size
        Of a picture, pixels.
    albedo
        The shipped AlbedoModel by default.
    progress
        Called with the share that is done.

    Returns
    -------
    numpy.ndarray
        (N, size, size, 3) uint8 RGB.
    """
    model = albedo or load_albedo()
    out = np.empty((len(database), size, size, 3), dtype=np.uint8)
    with OffscreenRenderer() as renderer:
        for index in range(len(database)):
            out[index] = draw_projection(renderer, database, index, size, model)
            if progress is not None:
                progress((index + 1) / len(database))
    return out


def fingerprint(database: HeadDatabase) -> str:
    """Return a digest of what the projections of a database depend on."""
    digest = hashlib.sha256()
    for array in (database.coefficients, database.skins, database.mean):
        digest.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
    digest.update("\n".join(database.ids).encode())
    return digest.hexdigest()[:16]


def save_projections(path: Path, pictures: ByteArray, database: HeadDatabase) -> None:
    """Write pictures (N, s, s, 3) uint8 of a database to a file, small (docs/formats/database.md)."""
    parts: list[ByteArray] = []
    for picture in pictures:
        small = cv2.resize(picture, (STORED_SIZE, STORED_SIZE), interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(
            ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        parts.append(np.asarray(data, dtype=np.uint8).ravel())
    ends = np.cumsum([len(part) for part in parts])
    meta = {"format": FORMAT, "size": STORED_SIZE, "database": fingerprint(database)}
    save_arrays(
        path,
        {
            "meta": np.array(json.dumps(meta, sort_keys=True)),
            "ends": ends.astype(np.int64),
            "jpeg": np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint8),
        },
    )


def _decoded(data: ByteArray) -> ByteArray:
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise ValueError("one of them is not a picture")
    return np.asarray(picture, dtype=np.uint8)


def load_projections_file(path: Path, database: HeadDatabase) -> ByteArray:
    """Read the stored projections of a database, (N, s, s, 3) uint8 RGB, read-only.

    Raises
    ------
    ModelError
        If the file is missing or damaged, or shows other heads.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            if meta["database"] != fingerprint(database):
                raise ModelError(f"{path} shows other heads than {database.name} has")
            ends = data["ends"].tolist()
            starts = [0, *ends[:-1]]
            pictures = [_decoded(data["jpeg"][a:b]) for a, b in zip(starts, ends, strict=True)]
        stacked = np.stack(pictures) if pictures else np.zeros((0, meta["size"], meta["size"], 3))
        if len(stacked) != len(database):
            raise ModelError(f"{path} is damaged: {len(stacked)} pictures of {len(database)} heads")
        return read_only(stacked, np.uint8)
    except ModelError:
        raise
    except Exception as error:  # zip, json, key and picture errors all mean: not usable
        raise ModelError(f"The projections {path} are missing or damaged: {error}") from error


@lru_cache(maxsize=4)
def load_projections(name: str = DEFAULT_DATABASE) -> ByteArray:
    """Return the projections of a database by name, (N, s, s, 3) uint8 RGB, read-only (read once).

    Raises
    ------
    ModelError
        If there is no such database, or it has no sound projections.
    """
    database = load_database(name)
    return load_projections_file(database_folders()[name] / FILE_NAME, database)


def thumbnail(name: str, head_id: str) -> ByteArray:
    """Return the stored picture of one head, (s, s, 3) uint8 RGB.

    Raises
    ------
    ModelError
        As `load_projections`.
    UsageError
        If the database has no such head.
    """
    return load_projections(name)[load_database(name).index(head_id)]
