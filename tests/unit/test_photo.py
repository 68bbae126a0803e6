import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from facestudio.errors import UnreadableInputError
from facestudio.photo import load_photo, photo_from_array
from facestudio.values import ByteArray

EXIF_IFD = 0x8769


def gradient(width: int = 60, height: int = 40) -> ByteArray:
    """A picture in which no pixel is like another and no flip goes unnoticed."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x * 4, y * 6, (x + 2 * y) % 256], axis=2).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "tiff", "gif", "ppm", "webp"])
def test_lossless_formats_give_the_exact_pixels(tmp_path: Path, ending: str) -> None:
    pixels = gradient()
    if ending == "gif":  # 256 colours
        pixels = np.ascontiguousarray(np.repeat(pixels[..., :1], 3, axis=2))
    options = {"lossless": True} if ending == "webp" else {}
    photo = load_photo(saved(tmp_path / f"face.{ending}", Image.fromarray(pixels), **options))
    assert np.array_equal(photo.pixels, pixels)
    assert photo.size == (60, 40)
    assert not photo.pixels.flags.writeable
    assert photo.focal_px is None


def test_a_jpeg_gives_nearly_the_pixels(tmp_path: Path) -> None:
    pixels = gradient(240, 160)[:, :, [0, 0, 0]]
    photo = load_photo(saved(tmp_path / "face.jpg", Image.fromarray(pixels), quality=95))
    assert np.abs(photo.pixels.astype(int) - pixels).mean() < 1.5


def test_name_and_path_are_kept(tmp_path: Path) -> None:
    path = saved(tmp_path / "Zoë Ångström 顔.v2.png", Image.fromarray(gradient()))
    photo = load_photo(str(path))
    assert photo.name == "Zoë Ångström 顔.v2"
    assert photo.path == path


def test_the_content_decides_not_the_ending(tmp_path: Path) -> None:
    path = saved(tmp_path / "face.jpg", Image.fromarray(gradient()), format="PNG")
    assert np.array_equal(load_photo(path).pixels, gradient())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    stored = gradient()
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "face.png", Image.fromarray(stored), exif=exif)
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored, 1),
    }[orientation]
    assert np.array_equal(load_photo(path).pixels, upright)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "RGBA", "LA", "PA"])
def test_all_modes_are_read(tmp_path: Path, mode: str) -> None:
    plain = Image.new("RGB", (64, 64), (204, 204, 204))  # a colour of the standard palette
    image = plain.convert("P").convert("PA") if mode == "PA" else plain.convert(mode)
    ending = "tif" if mode in ("CMYK", "YCbCr", "LAB", "PA") else "png"
    photo = load_photo(saved(tmp_path / f"face.{ending}", image))
    assert photo.pixels.shape == (64, 64, 3)
    if mode == "1":  # dithered
        assert abs(photo.pixels.mean() - 204) < 15
    else:
        assert np.abs(photo.pixels.astype(int) - 204).max() <= 3


def test_16_bit_grey_is_scaled(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    for ending in ("png", "tif"):
        photo = load_photo(saved(tmp_path / f"grey.{ending}", Image.fromarray(values)))
        expected = np.round(values / 257).astype(int)
        assert np.abs(photo.pixels[..., 0].astype(int) - expected).max() <= 1
        assert np.ptp(photo.pixels, axis=2).max() == 0


@pytest.mark.parametrize("top", [1.0, 255.0, 4000.0])
def test_floating_grey_is_scaled(tmp_path: Path, top: float) -> None:
    values = (np.linspace(0, top, 40 * 60).reshape(40, 60)).astype(np.float32)
    values[0, 0] = np.nan
    photo = load_photo(saved(tmp_path / "grey.tif", Image.fromarray(values)))
    assert photo.pixels[0, 0, 0] == 0
    assert photo.pixels[0, 1, 0] <= 1
    # 4000 fits no convention of 1 or 255; as 16 bits it is dark.
    assert photo.pixels.max() == (255 if top < 4000 else 16)


def test_transparent_pixels_lie_over_grey(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[:, :, 0] = 240
    pixels[:, 20:, 3] = 255
    pixels[:, 10:20, 3] = 128
    photo = load_photo(saved(tmp_path / "cut.png", Image.fromarray(pixels)))
    assert photo.pixels[0, 30].tolist() == [240, 0, 0]
    assert photo.pixels[0, 0].tolist() == [128, 128, 128]
    assert np.abs(photo.pixels[0, 15].astype(int) - [184, 64, 64]).max() <= 1


def test_a_transparent_palette_colour_is_transparent(tmp_path: Path) -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(1, (20, 0, 40, 40))
    photo = load_photo(saved(tmp_path / "cut.png", image, transparency=0))
    assert photo.pixels[0, 0].tolist() == [128, 128, 128]
    assert photo.pixels[0, 30].tolist() == [0, 255, 0]


def test_an_embedded_profile_is_converted(tmp_path: Path) -> None:
    # Colours stored under linear light must come out brighter in sRGB.
    profile = linear_profile()
    image = Image.new("RGB", (40, 40), (55, 55, 55))
    photo = load_photo(saved(tmp_path / "face.png", image, icc_profile=profile))
    expected = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)
    assert np.abs(photo.pixels.astype(float) - expected).max() < 3


def linear_profile() -> bytes:
    """sRGB's ICC profile with its tone curves replaced by straight lines."""
    raw = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(raw[128:132], "big")
    for i in range(count):
        entry = 132 + 12 * i
        name = bytes(raw[entry : entry + 4])
        offset, size = (int.from_bytes(raw[entry + k : entry + k + 4], "big") for k in (4, 8))
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            raw[offset : offset + 12] = b"curv" + bytes(8)  # a curve of no points is the identity
        if name == b"desc":
            text = bytes(raw[offset : offset + size])
            raw[offset : offset + size] = text.replace("sRGB".encode("utf-16-be"), "line".encode("utf-16-be"))
    return bytes(raw)


def test_srgb_and_damaged_profiles_change_nothing(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"not a profile", srgb[:200]):
        path = saved(tmp_path / "face.png", Image.fromarray(gradient()), icc_profile=profile)
        assert np.array_equal(load_photo(path).pixels, gradient())


def with_exif(path: Path, tags: dict[int, Any], size: tuple[int, int] = (1200, 800)) -> Path:
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD).update(tags)
    return saved(path, Image.new("RGB", size), exif=exif)


def test_the_focal_length_comes_from_the_35_mm_equivalent(tmp_path: Path) -> None:
    # A 35 mm frame is 36 x 24 mm: 50 mm on 1200 px across 36 mm.
    photo = load_photo(with_exif(tmp_path / "a.jpg", {0xA405: 50}))
    assert photo.focal_px == pytest.approx(50 / 36 * 1200, rel=1e-4)


def test_the_focal_length_comes_from_the_sensor_otherwise(tmp_path: Path) -> None:
    # 24 mm, 4000 px across a sensor 24 mm wide, scaled down to 1200 px.
    for unit, resolution in ((2, 4000 / 24 * 25.4), (3, 4000 / 2.4), (4, 4000 / 24)):
        tags = {0x920A: 24.0, 0xA20E: resolution, 0xA210: unit, 0xA002: 4000, 0xA003: 2667}
        photo = load_photo(with_exif(tmp_path / "a.jpg", tags))
        assert photo.focal_px == pytest.approx(1200, rel=1e-3)


def test_a_turned_photo_keeps_its_focal_length(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(EXIF_IFD).update({0xA405: 50, 0xA002: 1200, 0xA003: 800})
    photo = load_photo(saved(tmp_path / "a.jpg", Image.new("RGB", (1200, 800)), exif=exif))
    assert photo.size == (800, 1200)
    assert photo.focal_px == pytest.approx(50 / 36 * 1200, rel=1e-4)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {0xA405: 0},
        {0xA405: 65535},
        {0xA405: (50, 28)},
        {0xA405: "fifty"},
        {0x920A: 24.0},
        {0x920A: 24.0, 0xA20E: 0.0},
        {0x920A: 0.0, 0xA20E: 4000.0},
        {0x920A: 24.0, 0xA20E: 4000.0, 0xA210: 9},
        {0xA405: 50, 0xA002: 4000, 0xA003: 4000},  # cropped: the file has another aspect ratio
    ],
)
def test_nonsense_is_no_focal_length(tmp_path: Path, tags: dict[int, Any]) -> None:
    assert load_photo(with_exif(tmp_path / "a.jpg", tags)).focal_px is None


def test_damaged_exif_does_not_spoil_the_photo(tmp_path: Path) -> None:
    for exif in (
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff",
        b"Exif\x00\x00junk",
        b"Exif\x00\x00II*\x00" + b"\xff" * 40,
    ):
        path = saved(tmp_path / "a.png", Image.fromarray(gradient()), exif=exif)
        photo = load_photo(path)
        assert np.array_equal(photo.pixels, gradient())
        assert photo.focal_px is None


def test_arrays_become_photos() -> None:
    pixels = gradient()
    assert np.array_equal(photo_from_array(pixels).pixels, pixels)
    assert np.array_equal(photo_from_array(pixels / 255.0).pixels, pixels)
    assert np.array_equal(photo_from_array(pixels.astype(np.uint16) * 257).pixels, pixels)
    grey = photo_from_array(pixels[..., 0], name="pasted")
    assert grey.name == "pasted"
    assert np.array_equal(grey.pixels, np.repeat(pixels[..., :1], 3, axis=2))
    alpha = np.dstack([pixels, np.zeros(pixels.shape[:2], np.uint8)])
    assert np.all(photo_from_array(alpha).pixels == 128)


def test_a_photo_of_an_array_does_not_follow_it() -> None:
    pixels = gradient()
    photo = photo_from_array(pixels)
    pixels[:] = 0
    assert photo.pixels.any()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((40,), np.uint8),
        np.zeros((40, 40, 2), np.uint8),
        np.zeros((2, 40, 40, 3), np.uint8),
        np.zeros((40, 40, 3), np.complex128),
        np.zeros((40, 31, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(array: Any) -> None:
    with pytest.raises(UnreadableInputError, match=r"clip: an array|clip is too small"):
        photo_from_array(array, name="clip")


def test_the_first_frame_of_several_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    path = saved(tmp_path / "a.tif", frames[0], save_all=True, append_images=frames[1:])
    assert load_photo(path).pixels[0, 0].tolist() == [255, 0, 0]


def test_a_file_object_is_not_left_open(tmp_path: Path) -> None:
    # An open handle would raise ResourceWarning here, and keep the file busy on Windows.
    path = saved(tmp_path / "a.png", Image.fromarray(gradient()))
    load_photo(path)
    buffer = io.BytesIO(path.read_bytes())
    path.unlink()
    assert Image.open(buffer).size == (60, 40)
