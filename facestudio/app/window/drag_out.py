"""The handle that is dragged into another program: the head as a GLB file."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, QUrl
from PySide6.QtGui import QDrag, QEnterEvent, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication, QToolButton

from facestudio.app.words import tr
from facestudio.app.worker.report import ErrorReport
from facestudio.values import Head

if TYPE_CHECKING:
    from facestudio.app.window.main_window import MainWindow


def _write(head: Head, folder: Path, name: str) -> Path:
    from facestudio.export import export_head

    return export_head(head, folder, name, formats=("glb",), overwrite=True)["glb"]


class DragOut(QToolButton):
    """Dragged, it hands out the head as it is now as a GLB file; a click puts the file into the clipboard.

    The file is written away from the UI thread as soon as the pointer comes near, to a folder of the window's own that
    goes when the window does: whoever took the file may still be reading it until then.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__()
        self._window = window
        self._folder: Path | None = None
        self._ready: tuple[Head, Path] | None = None
        self._writing: Head | None = None
        self._pressed: QPoint | None = None
        self._held = False
        self._then = ""  # what waits for the file: drag or copy
        self.setObjectName("dragOut")
        self.setText("GLB")
        self.setIconSize(QSize(20, 20))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setToolTip(tr("Drag the head into another program as a GLB file; a click copies the file"))
        self.setAccessibleName(tr("Head as a GLB file, to be dragged out"))
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        window.appearance.watch(self, "drag")
        self.clicked.connect(lambda: self._want("copy"))

    def refresh(self) -> None:
        """Be enabled when there is a head."""
        self.setEnabled(self._window.session.head is not None)

    def close_out(self) -> None:
        """Take the files away."""
        self._ready = self._writing = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def enterEvent(self, event: QEnterEvent) -> None:
        """Write the file ahead."""
        self._prepare()
        super().enterEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a drag may begin."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._held = event.position().toPoint(), True
            self._prepare()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Begin the drag when the pointer has left its place."""
        start = self._pressed
        if start is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        if (event.position().toPoint() - start).manhattanLength() >= QApplication.startDragDistance():
            self._pressed = None
            self.setDown(False)
            self._want("drag")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Take it as a click, unless a drag began."""
        dragged, self._pressed, self._held = self._pressed is None, None, False
        if dragged:
            self.setDown(False)
            return
        super().mouseReleaseEvent(event)

    def _want(self, what: str) -> None:
        head = self._window.session.head
        if head is None or head.texture is None:
            self._window.message.setText(tr("The texture is still being made"))
            return
        self._then = what
        self._prepare()
        if self._ready is not None and self._writing is None:
            self._hand_out()
        else:
            self._window.message.setText(tr("Writing the GLB file…"))

    def _prepare(self) -> None:
        window, head = self._window, self._window.session.head
        if head is None or head.texture is None or head is self._writing:
            return
        if self._ready is not None and self._ready[0] is head:
            return
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="facestudio-drag-"))
        folder, name = self._folder, window.projects.name or "head"
        self._writing, self._ready = head, None

        def done(file: Path) -> None:
            if self._writing is head:
                self._writing, self._ready = None, (head, file)
                if self._then:
                    self._hand_out()

        def failed(report: ErrorReport) -> None:
            self._writing, self._then = None, ""
            window.show_error(report)

        window.tasks.start(lambda: _write(head, folder, name), done, failed)

    def _hand_out(self) -> None:
        what, self._then = self._then, ""
        if self._ready is None or not what:
            return
        file, mime = self._ready[1], QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(file))])
        if what == "copy":
            QGuiApplication.clipboard().setMimeData(mime)
            self._window.message.setText(tr("Copied {name}: paste it in another program", name=file.name))
        elif self._held:
            self._held = False
            drag = QDrag(self)
            drag.setMimeData(mime)
            drag.setPixmap(self.icon().pixmap(QSize(32, 32)))
            self._window.message.setText(file.name)
            drag.exec(Qt.DropAction.CopyAction)
        else:
            self._window.message.setText(tr("{name} is ready: drag it now", name=file.name))
