"""The welcome page: open a photo, try a sample, go on with a recent one."""

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QImage, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.appearance.icons import app_icon
from facestudio.app.appearance.theme import Appearance
from facestudio.app.words import tr
from facestudio.app.worker.tasks import Tasks
from facestudio.errors import ModelError
from facestudio.paths import resources

TILE = 132
_COLUMNS = 4
_MAX_THUMBNAIL_PIXELS = 60_000_000
_PHOTOS = (".jpg", ".jpeg", ".png", ".webp")


def sample_photos() -> list[Path]:
    """Return the photos that come with the program."""
    try:
        folder = resources() / "samples"
    except ModelError:
        return []
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in _PHOTOS)


def read_thumbnail(path: Path, size: int) -> QImage:
    """Return a square picture of a photo, `size` pixels; for a thread, not for the UI.

    Raises
    ------
    Exception
        Whatever Pillow raises for a file that is no photo.
    """
    import numpy as np
    from PIL import Image, ImageOps

    from facestudio.app.editor.picture import qimage_of

    with Image.open(path) as image:
        if image.width * image.height > _MAX_THUMBNAIL_PIXELS:
            raise ValueError("too large for a thumbnail")
        image.draft("RGB", (2 * size, 2 * size))
        upright = ImageOps.exif_transpose(image).convert("RGB")
        # A face is more often above the middle of a tall photo than below it.
        square = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS, centering=(0.5, 0.25))
    return qimage_of(np.asarray(square))


def _rounded(image: QImage, size: int, ratio: float) -> QPixmap:
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    path = QPainterPath()
    path.addRoundedRect(0, 0, pixmap.width(), pixmap.height(), 5 * ratio, 5 * ratio)
    painter.setClipPath(path)
    painter.drawImage(pixmap.rect(), image)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


class PhotoTile(QPushButton):
    """A thumbnail with the photo's name under it."""

    def __init__(self, path: Path, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tile")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(str(path))
        self.setAccessibleName(tr("Open {name}", name=path.name))
        self.path = path
        self.picture = QLabel()
        self.picture.setFixedSize(TILE, TILE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        name = QLabel()
        metrics = QFontMetrics(name.font())
        name.setText(metrics.elidedText(path.stem, Qt.TextElideMode.ElideMiddle, TILE - 4))
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 9)
        column.setSpacing(7)
        for label in (self.picture, name):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            column.addWidget(label)
        self.setFixedSize(TILE + 16, TILE + 24 + metrics.height())
        ratio = self.devicePixelRatioF()
        self._tasks = tasks
        self._key = tasks.start(lambda: read_thumbnail(path, round(TILE * ratio)), self._show)

    def drop(self) -> None:
        """Forget the thumbnail that is still being read, and go."""
        self._tasks.forget(self._key)
        self.deleteLater()

    def _show(self, image: QImage) -> None:
        self.picture.setPixmap(_rounded(image, TILE, self.devicePixelRatioF()))


class WelcomePage(QScrollArea):
    """What the window shows while no photo is open."""

    open_wanted = Signal()
    paste_wanted = Signal()
    chosen = Signal(object)

    def __init__(self, tasks: Tasks, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._tasks, self._appearance = tasks, appearance
        self._tiles: list[PhotoTile] = []
        page = QWidget()
        self.setWidget(page)
        outer = QHBoxLayout(page)
        outer.setContentsMargins(32, 28, 32, 28)
        column = QVBoxLayout()
        column.setSpacing(0)
        body = QWidget()
        body.setLayout(column)
        body.setFixedWidth(_COLUMNS * (TILE + 16) + (_COLUMNS - 1) * 14)
        column.setContentsMargins(0, 0, 0, 0)
        outer.addStretch()
        outer.addWidget(body)
        outer.addStretch()
        column.addStretch(2)
        column.addLayout(self._title())
        column.addSpacing(26)
        column.addWidget(self._drop_area())
        column.addSpacing(28)
        self._samples = self._section(tr("Samples"), column)
        self._recent = self._section(tr("Recent"), column)
        column.addStretch(3)

    def _title(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(18)
        sign = QLabel()
        sign.setPixmap(app_icon().pixmap(QSize(64, 64), self.devicePixelRatioF()))
        words = QVBoxLayout()
        words.setSpacing(2)
        name, lead = (
            QLabel("facestudio"),
            QLabel(tr("One photo of a face becomes a complete, textured 3D head.")),
        )
        name.setObjectName("display")
        lead.setObjectName("lead")
        words.addWidget(name)
        words.addWidget(lead)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(words, 1)
        return row

    def _drop_area(self) -> QFrame:
        self.drop_area = QFrame()
        self.drop_area.setObjectName("dropArea")
        self.drop_area.setMinimumHeight(140)
        row = QVBoxLayout(self.drop_area)
        row.setSpacing(12)
        row.setContentsMargins(20, 24, 20, 22)
        self.open_button = QPushButton(tr("Open a photo…"))
        self.open_button.setObjectName("primary")
        self.open_button.setMinimumHeight(36)
        self.open_button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.open_button.clicked.connect(self.open_wanted)
        hint = QLabel(tr("or drop one here, or paste it with Ctrl+V"))
        hint.setObjectName("muted")
        tip = QLabel(tr("Best: a sharp photo from the front, face evenly lit, at least 400 pixels wide."))
        tip.setObjectName("muted")
        row.addStretch()
        row.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignCenter)
        row.addWidget(hint, 0, Qt.AlignmentFlag.AlignCenter)
        row.addWidget(tip, 0, Qt.AlignmentFlag.AlignCenter)
        row.addStretch()
        return self.drop_area

    def _section(self, title: str, column: QVBoxLayout) -> tuple[QLabel, QGridLayout]:
        heading = QLabel(title)
        heading.setObjectName("heading")
        grid = QGridLayout()
        grid.setSpacing(14)
        grid.setContentsMargins(0, 10, 0, 22)
        grid.setColumnStretch(_COLUMNS, 1)
        column.addWidget(heading)
        column.addLayout(grid)
        return heading, grid

    def show_photos(self, recent: list[Path]) -> None:
        """List the samples and the photos opened lately."""
        for tile in self._tiles:
            tile.drop()
        self._tiles = []
        for (heading, grid), paths in ((self._samples, sample_photos()), (self._recent, recent)):
            heading.setVisible(bool(paths))
            for place, path in enumerate(paths):
                tile = PhotoTile(path, self._tasks)
                tile.clicked.connect(lambda checked=False, p=path: self.chosen.emit(p))
                grid.addWidget(tile, place // _COLUMNS, place % _COLUMNS)
                self._tiles.append(tile)

    @property
    def tiles(self) -> list[PhotoTile]:
        """The thumbnails, samples first."""
        return list(self._tiles)

    def set_drop_over(self, over: bool) -> None:
        """Show that a drop would be taken."""
        self.drop_area.setProperty("over", "true" if over else "false")
        self.drop_area.style().polish(self.drop_area)
