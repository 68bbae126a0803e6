"""AlbedoModel: skins in the template's UVs, composed from shared layers by a few readable numbers each."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from facestudio.database.eyeballs import paint_eyeballs
from facestudio.database.mouth_paint import paint_mouth
from facestudio.database.skin_axes import iris_colour_of, skin_values
from facestudio.database.skin_paint import LAYERS, Canvas, Layers, build_canvas, paint_skin
from facestudio.errors import ModelError
from facestudio.paths import resources
from facestudio.template.model import load_template
from facestudio.values import ByteArray, Float32Array, FloatArray, read_only

ALBEDO_FORMAT = 2
_CANVASES = 3  # sizes kept at hand


@dataclass(frozen=True, eq=False)
class AlbedoModel:
    """Skins without light, composed from layers.

    Attributes
    ----------
    version, licence, source
        Provenance.
    layers
        (s, s) or (s, s, 3) uint8 pictures in the template's atlas by name; see docs/formats/albedo.md.
    modes
        (T, s, s, 3) float32: smooth differences between the painted skins, of the logarithm of sRGB.
    hair
        (h, h) uint8: where hair grows on the scalp, 0..255.
    """

    version: str
    licence: str
    source: str
    layers: Layers
    modes: Float32Array
    hair: ByteArray
    _canvases: dict[int, Canvas] = field(default_factory=dict[int, Canvas], repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", {n: read_only(p, np.uint8) for n, p in self.layers.items()})
        object.__setattr__(self, "modes", read_only(self.modes, np.float32))
        object.__setattr__(self, "hair", read_only(self.hair, np.uint8))
        missing = [name for name in LAYERS if name not in self.layers]
        if missing:
            raise ModelError(f"The albedo model lacks {', '.join(missing)}")

    def _canvas(self, size: int) -> Canvas:
        if size not in self._canvases:
            if len(self._canvases) >= _CANVASES:
                self._canvases.pop(next(iter(self._canvases)), None)
            self._canvases[size] = build_canvas(self.layers, size)
        return self._canvases[size]

    def skin(self, coefficients: FloatArray, size: int) -> ByteArray:
        """Return the skin of coefficients (J,), (size, size, 3) uint8 RGB; eyes and mouth are not painted."""
        return paint_skin(self._canvas(size), self.modes, skin_values(coefficients))

    def texture(self, coefficients: FloatArray, size: int, vertices: FloatArray | None = None) -> ByteArray:
        """Return the whole atlas of coefficients (J,): skin, eyes, teeth, mouth and tongue.

        Parameters
        ----------
        coefficients
            (J,): the axes of facestudio.database.skin_axes.
        size
            Edge length, texels.
        vertices
            (V, 3) mm: the head, whose eyeballs say how large its irises are; the rest head by default.

        Returns
        -------
        numpy.ndarray
            (size, size, 3) uint8 RGB.
        """
        values = skin_values(coefficients)
        atlas = paint_skin(self._canvas(size), self.modes, values)
        paint_mouth(atlas, values)
        paint_eyeballs(atlas, load_template(), values, vertices)
        return atlas

    def iris(self, coefficients: FloatArray) -> FloatArray:
        """Return the mean colour of the irises, (3,) 0..255."""
        return iris_colour_of(skin_values(coefficients))


def _picture(data: bytes | ByteArray, name: str, path: Path) -> ByteArray:
    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.shape[0] != picture.shape[1]:
        raise ModelError(f"The albedo model {path} is damaged: its layer {name} is not a picture")
    colour = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if picture.ndim == 3 else picture
    return np.asarray(colour, dtype=np.uint8)


def load_albedo_file(path: Path) -> AlbedoModel:
    """Read an AlbedoModel file (docs/formats/albedo.md).

    Raises
    ------
    ModelError
        If it is missing, damaged or of another format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > ALBEDO_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            if meta["format"] < ALBEDO_FORMAT:
                raise ModelError(f"{path} was written by an older facestudio (format {meta['format']})")
            scale = data["modes_scale"].astype(np.float32)
            return AlbedoModel(
                version=meta["version"],
                licence=meta["licence"],
                source=meta["source"],
                layers={name: _picture(data[f"layer_{name}"], name, path) for name in LAYERS},
                modes=data["modes"].astype(np.float32) * scale[:, None, None, None],
                hair=data["hair"],
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json, key and picture errors all mean: not a usable model
        raise ModelError(f"The albedo model {path} is missing or damaged: {error}") from error


@cache
def load_albedo() -> AlbedoModel:
    """Return the shipped AlbedoModel (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_albedo_file(resources() / "database" / "albedo.npz")
