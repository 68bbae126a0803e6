"""Reads photos: any usual file, upright, in sRGB, with the focal length its EXIF data tells."""

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from facestudio.errors import UnreadableInputError
from facestudio.values import ByteArray, Photo

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS: Final = 170_000_000
"""Larger photos are refused unread. Just below Pillow's own limit; 510 MB as an RGB array."""

MIN_EDGE: Final = 32
"""Photos with a shorter edge are refused: no face in them has a measurable shape."""

# Pillow also knows formats that start other programs (EPS) or are no photos (PDF, fonts); those stay closed.
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
_READABLE: Final = "JPEG, PNG, WebP, TIFF, BMP, GIF or PNM"

# What transparent pixels are laid over: a neutral middle grey pulls no colour into the edges of the hair.
_BACKGROUND: Final = (128, 128, 128)

_EXIF_IFD: Final = 0x8769
_FOCAL_LENGTH: Final = 0x920A
_FOCAL_LENGTH_35MM: Final = 0xA405
_PIXEL_WIDTH: Final = 0xA002
_PIXEL_HEIGHT: Final = 0xA003
_PLANE_X_RESOLUTION: Final = 0xA20E
_PLANE_UNIT: Final = 0xA210
_UNIT_MM: Final = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # inch (the default), cm, mm, micrometre
_FULL_FRAME_DIAGONAL_MM: Final = 43.2666


def load_photo(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo.

    The result is upright (EXIF orientation applied), sRGB (an embedded ICC profile is converted) and 8 bits a
    channel; transparent pixels are laid over middle grey; of several frames the first is taken. It is never
    resampled, so points on it are points on the file's own pixels.

    Parameters
    ----------
    path
        A JPEG, PNG, WebP, TIFF, BMP, GIF or PNM file.
    max_pixels
        Files whose header announces more pixels are refused without being decoded.

    Returns
    -------
    Photo
        `focal_px` is None where EXIF does not tell it credibly.

    Raises
    ------
    UnreadableInputError
        If there is no such file, it may not be read, is not an image, is damaged, too large, or smaller than
        32 pixels.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UnreadableInputError(f"{path} is a folder, not a photo")
        if not path.exists():
            raise UnreadableInputError(f"There is no file {path}")
        if not path.is_file():
            raise UnreadableInputError(f"{path} is not a regular file")
        if path.stat().st_size == 0:
            raise UnreadableInputError(f"{path} is empty")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about oddities in metadata; the pixels decide
            return _decode(path, max_pixels)
    except PermissionError as error:
        raise UnreadableInputError(f"{path} may not be read: permission denied") from error
    except OSError as error:
        raise UnreadableInputError(f"{path} cannot be read: {error}") from error


def photo_from_array(pixels: NDArray[Any], *, name: str = "photo") -> Photo:
    """Make a photo of an array, for instance of a pasted picture.

    Parameters
    ----------
    pixels
        (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, uint16, or floating point in 0..1; sRGB, upright.
    name
        Short name for outputs.

    Raises
    ------
    UnreadableInputError
        If it has another shape or type, or is smaller than 32 pixels.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise UnreadableInputError(f"{name}: an array of shape {pixels.shape} is not a picture")
    if pixels.dtype == np.uint16:
        values = pixels.astype(np.float64) / 257
    elif np.issubdtype(pixels.dtype, np.floating):
        values = np.nan_to_num(pixels.astype(np.float64)) * 255
    elif pixels.dtype == np.uint8:
        values = pixels
    else:
        raise UnreadableInputError(f"{name}: an array of type {pixels.dtype} is not a picture")
    if values.shape[2] == 4:
        alpha = np.clip(values[..., 3:] / 255.0, 0, 1)
        values = values[..., :3] * alpha + np.array(_BACKGROUND) * (1 - alpha)
    _check_size((values.shape[1], values.shape[0]), name)
    rounded: ByteArray = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return Photo(np.broadcast_to(rounded, (*rounded.shape[:2], 3)), name=name)


def _check_size(size: tuple[int, int], name: str) -> None:
    if min(size) < MIN_EDGE:
        raise UnreadableInputError(
            f"{name} is too small: {size[0]} x {size[1]} pixels, at least {MIN_EDGE} x {MIN_EDGE} are needed"
        )


def _decode(path: Path, max_pixels: int) -> Photo:
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.init()  # otherwise only half of the formats are known
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise UnreadableInputError(
                    f"{path} is too large: {width} x {height} pixels", hint="Scale the photo down."
                )
            _check_size((width, height), str(path))
            image.load()
            focal = _focal_px(image)
            profile = image.info.get("icc_profile")
            try:
                upright = ImageOps.exif_transpose(image)
            except Exception:  # damaged EXIF data: the picture is as it is
                upright = image
            pixels = _to_srgb(upright, profile)
    except UnreadableInputError:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableInputError(
            f"{path} is too large: its header announces more than {max_pixels // 1_000_000} million pixels",
            hint="Scale the photo down.",
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableInputError(f"{path} is not a photo ({_READABLE})") from error
    except PermissionError:
        raise
    except MemoryError as error:
        raise UnreadableInputError(f"{path} does not fit into memory") from error
    except Exception as error:  # Pillow's decoders raise whatever a damaged file trips them into
        raise UnreadableInputError(f"{path} is damaged: {error}") from error
    return Photo(pixels, name=path.stem, path=path, focal_px=focal)


def _to_srgb(image: "Image", profile: object) -> ByteArray:
    """Return (H, W, 3) uint8 sRGB pixels of an image of any mode."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(_grey_bytes(np.asarray(image))[..., None], 3, axis=2)

    alpha: Image.Image | None = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode not in ("RGB", "L", "CMYK", "LAB"):
        image = image.convert("RGB")
    if isinstance(profile, bytes) and profile:
        image = _apply_profile(image, profile)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        image = Image.composite(image, Image.new("RGB", image.size, _BACKGROUND), alpha)
    return np.asarray(image)


def _grey_bytes(values: NDArray[Any]) -> ByteArray:
    """Scale grey values of 16, 32 bits or floating point to bytes."""
    grey = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(grey.max(initial=0.0))
    floating = np.issubdtype(values.dtype, np.floating)
    # Whole numbers up to 65535 are 16-bit grey; what fits neither convention is scaled by its maximum.
    full = 1.0 if floating and top <= 1.0 else 255.0 if floating and top <= 255.0 else max(top, 65535.0)
    return np.clip(np.round(grey * (255.0 / full)), 0, 255).astype(np.uint8)


def _apply_profile(image: "Image", profile: bytes) -> "Image":
    """Convert from an embedded ICC profile to sRGB; the image itself if the profile is damaged or unfit."""
    import io

    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if converted is None else converted


def _positive(value: object) -> float | None:
    """Return an EXIF number if it is finite and positive."""
    if isinstance(value, tuple | list):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # rationals, ints, strings: float decides
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _focal_px(image: "Image") -> float | None:
    """Return the focal length in pixels of the image as stored, or None.

    From the 35 mm equivalent over the diagonal (43.27 mm), else from the focal length and the sensor's
    resolution. None if EXIF's own picture size has another aspect ratio (then the photo was cropped, and the
    numbers do not hold), or if the angle of view would be beyond 0.3 to 30 long sides.
    """
    try:
        exif = image.getexif().get_ifd(_EXIF_IFD)
        width, height = image.size
        exif_width, exif_height = _positive(exif.get(_PIXEL_WIDTH)), _positive(exif.get(_PIXEL_HEIGHT))
        if exif_width and exif_height:
            ratio = (exif_width / exif_height) * (height / width)
            turned = (exif_height / exif_width) * (height / width)
            if min(abs(ratio - 1), abs(turned - 1)) > 0.02:
                return None
        focal: float | None = None
        equivalent = _positive(exif.get(_FOCAL_LENGTH_35MM))
        if equivalent:
            focal = equivalent * math.hypot(width, height) / _FULL_FRAME_DIAGONAL_MM
        else:
            length, resolution = _positive(exif.get(_FOCAL_LENGTH)), _positive(exif.get(_PLANE_X_RESOLUTION))
            unit = _UNIT_MM.get(int(_positive(exif.get(_PLANE_UNIT)) or 2))
            if length and resolution and unit:
                focal = length * resolution / unit
                if exif_width and exif_height:  # the photo may have been scaled
                    focal *= max(width, height) / max(exif_width, exif_height)
    except Exception:  # damaged EXIF data raises whatever it trips Pillow into
        return None
    if focal is None or not 0.3 <= focal / max(width, height) <= 30:
        return None
    return focal
