"""Composing pictures into one labelled sheet: photo | front | 45 | side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facestudio.values import ByteArray

_PAPER = (24, 25, 28)
_INK = (226, 228, 232)
_FAINT = (146, 150, 158)


def compose_sheet(
    pictures: Sequence[tuple[str, ByteArray]],
    *,
    height: int = 960,
    columns: int | None = None,
    title: str = "",
    footnote: str = "",
) -> ByteArray:
    """Lay labelled pictures out in rows.

    Parameters
    ----------
    pictures
        (label, (H, W, 3) uint8) each; scaled to a common height, keeping their shape.
    height
        Of one picture, pixels.
    columns
        Pictures in a row; all in one by default.
    title, footnote
        Lines above and below; left out if empty.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8.

    Raises
    ------
    ValueError
        If there is no picture.
    """
    if not pictures:
        raise ValueError("compose_sheet: no pictures")
    per_row = columns or len(pictures)
    gap = max(4, height // 60)
    font_size, small_size = max(11, round(height / 30)), max(10, round(height / 36))
    font, small = ImageFont.load_default(font_size), ImageFont.load_default(small_size)
    label_height, small_height = round(font_size * 1.9), round(small_size * 2.1)

    scaled = [(label, _scaled(pixels, height)) for label, pixels in pictures]
    rows = [scaled[i : i + per_row] for i in range(0, len(scaled), per_row)]
    width = gap + max(sum(image.width + gap for _, image in row) for row in rows)
    # Room above and below the rows only where something is written there.
    top = label_height + gap // 2 if title else gap
    total = top + len(rows) * (height + label_height) + (small_height if footnote else 0)

    sheet = Image.new("RGB", (width, total), _PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((gap, top // 2), _fitted(title, font, width - 2 * gap), fill=_INK, font=font, anchor="lm")
    y = top
    for row in rows:
        x = gap
        for label, image in row:
            sheet.paste(image, (x, y))
            text = _fitted(label, font, image.width)
            draw.text(
                (x + image.width / 2, y + height + label_height / 2), text, fill=_INK, font=font, anchor="mm"
            )
            x += image.width + gap
        y += height + label_height
    if footnote:
        line = _fitted(footnote, small, width - 2 * gap)
        draw.text((gap, y + small_height * 0.4), line, fill=_FAINT, font=small, anchor="lm")
    return np.asarray(sheet)


def _scaled(pixels: ByteArray, height: int) -> Image.Image:
    image = Image.fromarray(pixels)
    width = max(1, round(image.width * height / image.height))
    return image if image.height == height else image.resize((width, height), Image.Resampling.LANCZOS)


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """Return the text on one line, cut with an ellipsis where it is wider than `width` pixels."""
    line = " ".join(text.split())
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "…") > width:
        line = line[:-1]
    return line.rstrip() + "…"
