"""What can be asked of a texture."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from facestudio.texture.lighting import Relight

ScalpMode: TypeAlias = Literal["photo", "stubble", "bald"]
TextureMethod: TypeAlias = Literal["fused", "paste"]
SCALP_MODES: tuple[ScalpMode, ...] = ("photo", "stubble", "bald")
TEXTURE_METHODS: tuple[TextureMethod, ...] = ("fused", "paste")


@dataclass(frozen=True)
class TextureOptions:
    """How a texture is made.

    Attributes
    ----------
    size
        Edge length in texels: 512, 1024, 2048 or 4096.
    scalp
        `photo` carries the photo's hair on over the scalp, `stubble` keeps its colour only, `bald` shows skin.
    relight
        `even` makes the light from left and right alike, `albedo` takes the photo's light out, `keep` leaves it.
    method
        `fused`, or the baseline `paste`: whatever the photo shows of the head, and a similar head's skin as it is.
    iris
        sRGB 0..255 of both irises; None: the photo's.
    """

    size: int = 2048
    scalp: ScalpMode = "photo"
    relight: Relight = "even"
    method: TextureMethod = "fused"
    iris: tuple[int, int, int] | None = None
