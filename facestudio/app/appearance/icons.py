"""Icons: SVG files of one stroke width, drawn in the colours of the theme."""

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from facestudio.errors import ModelError
from facestudio.paths import resources

_SIZES = (16, 20, 24, 32, 40, 48)


@cache
def icon_source(name: str) -> str:
    """Return the SVG text of an icon; an empty picture if the installation lacks it."""
    try:
        return (resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    except (OSError, ModelError):
        return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"/>'


def coloured(name: str, colour: str) -> str:
    """Return the SVG text of an icon drawn in one colour."""
    return icon_source(name).replace("currentColor", colour)


def draw_icon(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """Return an icon as a square pixmap of `size` logical pixels, sharp at a device pixel ratio."""
    pixels = max(1, round(size * ratio))
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    renderer = QSvgRenderer(QByteArray(coloured(name, colour).encode()))
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def make_icon(name: str, normal: str, disabled: str, checked: str) -> QIcon:
    """Return an icon with its colours (#rrggbb) for normal, disabled and checked."""
    icon = QIcon()
    for size in _SIZES:
        icon.addPixmap(draw_icon(name, normal, size), QIcon.Mode.Normal, QIcon.State.Off)
        icon.addPixmap(draw_icon(name, disabled, size), QIcon.Mode.Disabled, QIcon.State.Off)
        icon.addPixmap(draw_icon(name, checked, size), QIcon.Mode.Normal, QIcon.State.On)
        icon.addPixmap(draw_icon(name, disabled, size), QIcon.Mode.Disabled, QIcon.State.On)
    return icon


def app_icon() -> QIcon:
    """Return the icon of the window and the task bar: the sign on a rounded square."""
    icon = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#2f6fde"))
        painter.drawRoundedRect(QRectF(0, 0, size, size), size * 0.22, size * 0.22)
        inner = round(size * 0.76)
        painter.drawPixmap((size - inner) // 2, (size - inner) // 2, draw_icon("app", "#ffffff", inner))
        painter.end()
        icon.addPixmap(pixmap)
    return icon
