"""Opening a photo, whatever it was handed over as: a path, a drop, a paste."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QMimeData, QObject, QUrl, Signal
from PySide6.QtGui import QImage

from facestudio.app.editor.picture import Picture, array_of, make_picture
from facestudio.app.words import tr
from facestudio.app.worker.report import ErrorReport
from facestudio.app.worker.tasks import Tasks
from facestudio.errors import UnreadableInputError
from facestudio.pipeline.project import SUFFIX, Project, load_project
from facestudio.values import Photo

_ENDINGS = "*.jpg *.jpeg *.png *.webp *.tif *.tiff *.bmp *.gif *.ppm *.pgm"
_LONGEST_PASTED_PATH = 4096


@dataclass(frozen=True, eq=False)
class Opened:
    """A photo, the same ready to be drawn, and the project it came from with its file, if any."""

    photo: Photo
    picture: Picture
    project: Project | None = None
    file: Path | None = None


def _read(path: Path) -> Opened:
    from facestudio.photo import load_photo

    if path.suffix.lower() == SUFFIX:
        project = load_project(path)
        return Opened(project.photo, make_picture(project.photo), project, path)
    photo = load_photo(path)
    return Opened(photo, make_picture(photo))


def _take(image: QImage, name: str) -> Opened:
    from facestudio.photo import photo_from_array

    if image.isNull():
        raise UnreadableInputError(tr("The picture handed over is empty"))
    photo = photo_from_array(np.asarray(array_of(image)), name=name)
    return Opened(photo, make_picture(photo))


def photo_filter() -> str:
    """Return what a file dialog offers for photos."""
    return f"{tr('Photos')} ({_ENDINGS});;{tr('All files')} (*)"


def open_filter() -> str:
    """Return what a file dialog offers for photos and projects."""
    return f"{tr('Photos and projects')} ({_ENDINGS} *{SUFFIX});;{tr('All files')} (*)"


def can_take(mime: QMimeData) -> bool:
    """Whether a drop may hold a photo; what it really holds shows when it is read."""
    return mime.hasUrls() or mime.hasImage()


class Opener(QObject):
    """Reads photos in the background; a newer one replaces an older one."""

    started = Signal(str)
    opened = Signal(object)
    failed = Signal(object)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._key = 0

    def open_path(self, path: Path, *, replacing: bool = True) -> None:
        """Open a file; `replacing` forgets one that is still being read."""
        self._start(path.name, lambda: _read(path), replacing)

    def open_image(self, image: QImage, name: str) -> None:
        """Open a picture from the clipboard or a drop."""
        self._start(tr("the picture"), lambda: _take(image, name))

    def open_mime(self, mime: QMimeData, name: str) -> None:
        """Open what was dropped or pasted: the first file, or else a picture, or else a path as text."""
        urls = mime.urls()
        if urls:
            self._open_url(urls[0])
        elif mime.hasImage():
            data: Any = mime.imageData()
            self.open_image(data if isinstance(data, QImage) else QImage(data), name)
        elif mime.hasText() and 0 < len(mime.text().strip()) < _LONGEST_PASTED_PATH:
            text = mime.text().strip().strip('"')
            url = QUrl(text)
            if url.isLocalFile():
                self._open_url(url)
            elif "\n" in text or "\0" in text:
                self._refuse(tr("The clipboard holds text, not a photo"))
            else:
                self.open_path(Path(text))
        else:
            self._refuse(tr("The clipboard holds no photo"))

    def forget(self) -> None:
        """Drop a photo that is still being read."""
        self._tasks.forget(self._key)

    def _open_url(self, url: QUrl) -> None:
        if url.isLocalFile():
            self.open_path(Path(url.toLocalFile()))
        else:
            self._refuse(
                tr("{address} is not a file on this computer", address=url.toDisplayString()),
                tr("Save the photo first."),
            )

    def _refuse(self, message: str, hint: str = "") -> None:
        self.failed.emit(ErrorReport.of(UnreadableInputError(message, hint=hint)))

    def _start(self, name: str, read: Any, replacing: bool = True) -> None:
        if replacing:
            self.forget()
        self.started.emit(name)
        self._key = self._tasks.start(read, self.opened.emit, self.failed.emit, first=True)
