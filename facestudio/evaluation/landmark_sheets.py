"""Pictures of an evaluation of landmarks: the cumulative error curve, and the paper's figure 6."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facestudio.evaluation.landmarks import FAILURE, METHODS, LandmarkReport, PhotoErrors, error_curve
from facestudio.landmarks.overlay import draw_landmarks
from facestudio.render.sheet import compose_sheet
from facestudio.values import ByteArray, FloatArray, Landmarks, Photo

_SIZE: Final = (1120, 800)
_FRAME: Final = (110, 60, 1080, 690)  # left, top, right, bottom
_PAPER: Final = (255, 255, 255)
_INK: Final = (40, 42, 48)
_GRID: Final = (222, 224, 228)
_COLOURS: Final = ((16, 120, 90), (40, 100, 210), (230, 150, 20), (150, 60, 160), (200, 50, 50))
_CUT: Final = 1.7  # side of a picture of figure 6 over the extent of the points


def draw_curve(report: LandmarkReport) -> ByteArray:
    """Draw the share of photos whose mean error is at most so much, for each method; (H, W, 3) uint8 RGB."""
    image = Image.new("RGB", _SIZE, _PAPER)
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(24), ImageFont.load_default(20)
    left, top, right, bottom = _FRAME

    def at(error: float, share: float) -> tuple[float, float]:
        return left + (right - left) * error / FAILURE, bottom - (bottom - top) * share

    for error in range(int(FAILURE) + 1):
        draw.line([at(error, 0), at(error, 1)], fill=_GRID, width=1)
        draw.text((at(error, 0)[0], bottom + 12), str(error), fill=_INK, font=small, anchor="mt")
    for tenth in range(0, 11, 2):
        draw.line([at(0, tenth / 10), at(FAILURE, tenth / 10)], fill=_GRID, width=1)
        draw.text((left - 12, at(0, tenth / 10)[1]), f"{10 * tenth} %", fill=_INK, font=small, anchor="rm")
    for number, summary in enumerate(report.summaries):
        colour = _COLOURS[METHODS.index(summary.method) % len(_COLOURS)]
        steps, share = error_curve([p.errors.get(summary.method) for p in report.photos])
        draw.line(
            [at(e, s) for e, s in zip(steps.tolist(), share.tolist(), strict=True)], fill=colour, width=4
        )
        text = f"{summary.method}: median {summary.median:.2f}, AUC {summary.auc:.2f}"
        width = draw.textlength(text, font=small)
        y = bottom - 40 - 34 * (len(report.summaries) - 1 - number)
        draw.line([(right - width - 80, y), (right - width - 36, y)], fill=colour, width=5)
        draw.text((right - 24, y), text, fill=_INK, font=small, anchor="rm")
    draw.rectangle(_FRAME, outline=_INK, width=2)
    title = f"{len(report.photos)} photos: share with at most this mean error"
    draw.text(((left + right) / 2, top / 2), title, fill=_INK, font=font, anchor="mm")
    label = "mean error of the 68 points, % of the distance of the outer eye corners"
    draw.text(((left + right) / 2, bottom + 66), label, fill=_INK, font=small, anchor="mm")
    return np.asarray(image)


def _cut(photo: Photo, points: FloatArray, drawn: ByteArray) -> ByteArray:
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = _CUT / 2 * float(np.ptp(points, axis=0).max())
    width, height = photo.size
    x0, y0 = (int(max(0, v)) for v in np.floor(middle - half))
    x1, y1 = int(min(width, middle[0] + half)), int(min(height, middle[1] + half))
    part = Image.fromarray(drawn[y0:y1, x0:x1])
    return np.asarray(part.resize((480, max(1, round(480 * part.height / max(part.width, 1))))))


def draw_figure6(photos: Sequence[PhotoErrors], methods: Sequence[str], count: int = 4) -> ByteArray:
    """Draw the paper's figure 6: the located points on photos, a row each, a column for each method.

    The photos are those at evenly spaced places of the order of the first method's error: from the best to one of
    the worst.

    Raises
    ------
    ValueError
        If no photo has a located face.
    """
    found = [p for p in photos if p.points]
    found.sort(key=lambda p: float(np.mean(_errors(p, methods[0]))))
    if not found:
        raise ValueError("draw_figure6: no photo has a located face")
    places = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int))
    pictures: list[tuple[str, ByteArray]] = []
    for place in places.tolist():
        result = found[place]
        photo = result.photo.load()
        truth = result.photo.points
        shown = [("by hand" if not result.photo.synthetic else "true", truth)]
        shown += [
            (f"{m} {np.mean(_errors(result, m)):.1f} %", result.points[m])
            for m in methods
            if m in result.points
        ]
        for label, points in shown:
            landmarks = Landmarks.of(result.photo.scheme, points, sigma=1.0, method="file")
            pictures.append((label, _cut(photo, truth, draw_landmarks(photo, [landmarks]))))
    columns = 1 + len([m for m in methods if m in found[0].points])
    return compose_sheet(
        pictures, height=360, columns=columns, title="Figure 6: located points, best to worst photo"
    )


def _errors(result: PhotoErrors, method: str) -> FloatArray:
    errors = result.errors.get(method)
    return np.full(1, np.inf) if errors is None else errors
