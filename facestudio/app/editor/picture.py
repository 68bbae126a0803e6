"""The photo as it is drawn: halved copies for small scales, and a cache of what the widget shows."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap

from facestudio.app.editor.transform import ViewTransform
from facestudio.values import ByteArray, Float32Array, Photo

_SMALLEST = 256
_SHOW_PIXELS_FROM = 16.0  # from this scale on, pixels are squares


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo and its halved copies, ready for a painter.

    Attributes
    ----------
    levels
        The photo at full size, half, quarter and so on.
    size
        (width, height) of the photo, pixels.
    """

    levels: tuple[QImage, ...]
    size: tuple[int, int]

    @property
    def area(self) -> QRectF:
        """The photo in the image frame: pixel centres are whole numbers."""
        return QRectF(-0.5, -0.5, *self.size)

    def paint(self, painter: QPainter, transform: ViewTransform, ratio: float, clip: QRectF) -> None:
        """Draw the part of the photo that a place of the widget shows.

        Parameters
        ----------
        painter
            In logical widget pixels.
        transform
            Where the photo lies.
        ratio
            Device pixels per logical pixel.
        clip
            The place, logical pixels.
        """
        scale = transform.scale * ratio
        number = 0
        while number + 1 < len(self.levels) and scale <= 0.5 ** (number + 1):
            number += 1
        level = self.levels[number]
        seen = QRectF(transform.to_image(clip.topLeft()), transform.to_image(clip.bottomRight()))
        seen = seen.adjusted(-2, -2, 2, 2).intersected(self.area)
        if seen.isEmpty():
            return
        fx, fy = level.width() / self.size[0], level.height() / self.size[1]
        source = QRectF((seen.x() + 0.5) * fx, (seen.y() + 0.5) * fy, seen.width() * fx, seen.height() * fy)
        target = QRectF(transform.to_widget(seen.topLeft()), transform.to_widget(seen.bottomRight()))
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform, scale < _SHOW_PIXELS_FROM or number > 0
        )
        painter.drawImage(target, level, source)


def qimage_of(pixels: ByteArray) -> QImage:
    """Return a QImage of its own memory of (H, W, 3) uint8 RGB pixels."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels)
    image = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)


def array_of(image: QImage) -> ByteArray:
    """Return the pixels of a QImage, (H, W, 4) uint8 RGBA; a copy."""
    rgba = image.convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(rgba.constBits(), dtype=np.uint8).reshape(rgba.height(), rgba.bytesPerLine())
    return rows[:, : 4 * rgba.width()].reshape(rgba.height(), rgba.width(), 4).copy()


def make_picture(photo: Photo) -> Picture:
    """Make a photo ready to be drawn; slow for large ones, so not on the UI thread."""
    import cv2

    pixels = photo.pixels
    levels = [qimage_of(pixels)]
    while max(pixels.shape[:2]) > 2 * _SMALLEST:
        half = (max(1, pixels.shape[1] // 2), max(1, pixels.shape[0] // 2))
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        levels.append(qimage_of(pixels))
    return Picture(tuple(levels), photo.size)


class Backdrop:
    """The photo as the widget shows it; drawn again only when it moved."""

    def __init__(self) -> None:
        self._key: object = None
        self._pixmap = QPixmap()

    def pixmap(
        self, picture: Picture, transform: ViewTransform, size: QSize, ratio: float, colour: QColor
    ) -> QPixmap:
        """Return the picture on a ground of one colour, of a widget's size in logical pixels."""
        key = (id(picture), transform, size.width(), size.height(), ratio, colour.rgb())
        if key != self._key:
            pixmap = QPixmap(round(size.width() * ratio), round(size.height() * ratio))
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(colour)
            painter = QPainter(pixmap)
            picture.paint(painter, transform, ratio, QRectF(QPointF(0, 0), size))
            painter.end()
            self._key, self._pixmap = key, pixmap
        return self._pixmap


class Wires:
    """The fitted mesh over the photo; drawn again only when it or the photo moved."""

    def __init__(self) -> None:
        self._key: object = None
        self._image = QImage()

    def image(self, wires: Float32Array, transform: ViewTransform, size: QSize, ratio: float) -> QImage:
        """Return lines (E, 2, 2) of the image frame as a picture of a widget's size, clear elsewhere."""
        key = (id(wires), transform, size.width(), size.height(), ratio)
        if key != self._key:
            import cv2

            width, height = round(size.width() * ratio), round(size.height() * ratio)
            stride = (width + 3) // 4 * 4
            canvas = np.zeros((height, stride), dtype=np.uint8)
            place = (wires * transform.scale + np.array([transform.x, transform.y], dtype=np.float32)) * ratio
            near = np.all((place > -2000) & (place < 6000), axis=(1, 2))  # OpenCV's fixed point overflows
            lines = np.round(place[near] * 16).astype(np.int32)
            cv2.polylines(canvas, list(lines), False, 150, max(1, round(ratio)), cv2.LINE_AA, 4)
            image = QImage(canvas.data, width, height, stride, QImage.Format.Format_Indexed8)
            image.setColorTable([QColor(190, 235, 255, a).rgba() for a in range(256)])
            image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
            image.setDevicePixelRatio(ratio)
            self._key, self._image = key, image
        return self._image


def thumbnail(photo: Photo, size: int) -> QImage:
    """Return the middle of a photo as a square picture of `size` pixels."""
    import cv2

    width, height = photo.size
    edge = min(width, height)
    # A face is more often above the middle of a tall photo than below it.
    x, y = (width - edge) // 2, (height - edge) // 3
    square = photo.pixels[y : y + edge, x : x + edge]
    way = cv2.INTER_AREA if edge > size else cv2.INTER_LINEAR
    small = cv2.resize(square, (size, size), interpolation=way)
    return qimage_of(np.asarray(small, dtype=np.uint8))
