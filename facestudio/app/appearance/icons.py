"""Icons: SVG files of one stroke width, drawn in the colours of the theme."""

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from facestudio.errors import ModelError
from facestudio.paths import resources

_SIZES = (16, 20, 24, 32)
_FINE_SIZES = (40, 48)  # for screens with more than one pixel to a logical one


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
    renderer = QSvgRenderer(QByteArray(coloured(name, colour).encode()))
    pixmap = _drawn(renderer, max(1, round(size * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _drawn(renderer: QSvgRenderer, pixels: int) -> QPixmap:
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    return pixmap


def make_icon(name: str, normal: str, disabled: str, checked: str) -> QIcon:
    """Return an icon with its colours (#rrggbb) for normal, disabled and checked."""
    icon, mode, state = QIcon(), QIcon.Mode, QIcon.State
    fine = any(screen.devicePixelRatio() > 1 for screen in QGuiApplication.screens())
    for colour, places in (
        (normal, ((mode.Normal, state.Off),)),
        (disabled, ((mode.Disabled, state.Off), (mode.Disabled, state.On))),
        (checked, ((mode.Normal, state.On),)),
    ):
        renderer = QSvgRenderer(QByteArray(coloured(name, colour).encode()))
        for size in (*_SIZES, *(_FINE_SIZES if fine else ())):
            pixmap = _drawn(renderer, size)
            for place in places:
                icon.addPixmap(pixmap, *place)
    return icon


def blank_icon() -> QIcon:
    """Return an icon that shows nothing."""
    pixmap = QPixmap(_SIZES[-1], _SIZES[-1])
    pixmap.fill(Qt.GlobalColor.transparent)
    return QIcon(pixmap)


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
