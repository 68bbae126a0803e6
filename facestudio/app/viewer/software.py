"""What helps where OpenGL runs on the processor."""

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget


def uses_software() -> bool:
    """Whether the current OpenGL context draws on the processor."""
    from facestudio.render.gl import GL

    name = GL.glGetString(GL.GL_RENDERER)
    text = name.decode("latin-1").lower() if isinstance(name, bytes) else str(name).lower()
    return any(word in text for word in ("llvmpipe", "softpipe", "swiftshader", "software", "gdi generic"))


class StillPicture(QWidget):
    """A picture over the view; the pointer goes through it."""

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._image = QImage()
        self.hide()

    def lay(self, image: QImage, ratio: float) -> None:
        """Show a picture of the view's size in device pixels."""
        image.setDevicePixelRatio(ratio)
        self._image = image
        self.setGeometry(QRect(QPoint(0, 0), self._view.size()))
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        QPainter(self).drawImage(0, 0, self._image)
