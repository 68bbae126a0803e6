"""The strip under the photo: the photos of one person, one of them shown, and a button that adds another."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QIcon, QPixmap
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from facestudio.app.editor.picture import Picture, qimage_of, thumbnail
from facestudio.app.panels.pane import action_button
from facestudio.app.window.opening import Opened, Opener, can_take, photo_filter
from facestudio.app.words import tr
from facestudio.pipeline.request import MOST_PHOTOS
from facestudio.values import Photo

if TYPE_CHECKING:
    from facestudio.app.window.main_window import MainWindow

_THUMBNAIL = 44


class PersonPhotos(QWidget):
    """Adds, shows and removes photos of the person; photos dropped here are added."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__()
        self.setObjectName("photoStrip")
        self.setAccessibleName(tr("Photos of this person"))
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAcceptDrops(True)
        self._window, self._document = window, window.document
        self._pictures: list[tuple[Photo, Picture]] = []
        self._late: list[Opened] = []  # read while a point was dragged
        self.buttons: list[QToolButton] = []
        self._group = QButtonGroup(self)
        self.opener = Opener(window.tasks, self)
        self.opener.opened.connect(self._opened)
        self.opener.failed.connect(window.show_error)
        self.opener.started.connect(lambda name: window.message.setText(tr("Opening {name}…", name=name)))
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self.add = action_button(window.actions_["add_photo"], text=True)
        self.note = QLabel(tr("2 to 5 photos of one person make one head"))
        self.note.setObjectName("muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(6)
        row.addLayout(self._row)
        row.addWidget(self.add)
        row.addWidget(self.note)
        row.addStretch()
        self._document.photo_changed.connect(self._photo_changed)
        self._document.photos_changed.connect(self._show_all)
        self._document.photo_shown.connect(self._shown)
        # When the gesture's own step is made.
        self._document.gesture_changed.connect(self._add_late, Qt.ConnectionType.QueuedConnection)

    def keep(self, picture: Picture) -> None:
        """Take the picture of the photo that was opened."""
        if self._document.opened is not None:
            self._pictures.append((self._document.opened, picture))

    def ask(self) -> None:
        """Ask for more photos of the person."""
        photo = self._document.photo
        folder = "" if photo is None or photo.path is None else str(photo.path.parent)
        names, _ = QFileDialog.getOpenFileNames(
            self._window, tr("Add photos of this person"), folder, photo_filter()
        )
        for name in names:
            self.open_path(Path(name))

    def open_path(self, path: Path) -> None:
        """Add the photo of a file, in the background."""
        self.opener.open_path(path, replacing=False)

    def remove_shown(self) -> None:
        """Give up the photo that is shown."""
        self._document.remove_photo(self._document.state.place)

    def _opened(self, opened: Opened) -> None:
        if self._document.opened is None:
            return
        if self._document.in_gesture:  # no step is made within another
            self._late.append(opened)
            return
        if len(self._document.photos) >= MOST_PHOTOS:
            self._window.message.setText(tr("No more than five photos of one person"))
            return
        self._pictures.append((opened.photo, opened.picture))
        self._document.add_photo(opened.photo)
        self._window.message.setText(tr("Added {name}", name=opened.photo.name))

    def _add_late(self, in_gesture: bool) -> None:
        if not in_gesture and self._late:
            late, self._late = self._late, []
            for opened in late:
                self._opened(opened)

    def _photo_changed(self) -> None:
        self.opener.forget()
        self._late.clear()
        self._pictures.clear()

    def _show_all(self) -> None:
        photos, place = self._document.photos, self._document.state.place
        for button in self.buttons:
            self._group.removeButton(button)
            button.hide()
            button.deleteLater()
        self.buttons = []
        several = len(photos) > 1
        for number, one in enumerate(photos if several else ()):
            button = QToolButton()
            button.setObjectName("photoThumb")
            button.setCheckable(True)
            button.setChecked(number == place)
            button.setAutoRaise(True)
            button.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
            ratio = self.devicePixelRatioF()
            image = QPixmap.fromImage(thumbnail(one.photo, round(_THUMBNAIL * ratio)))
            image.setDevicePixelRatio(ratio)
            button.setIcon(QIcon(image))
            button.setToolTip(one.photo.name)
            button.setAccessibleName(tr("Photo {number}: {name}", number=number + 1, name=one.photo.name))
            button.clicked.connect(lambda checked=False, n=number: self._document.show_photo(n))
            self._group.addButton(button)
            self._row.addWidget(button)
            self.buttons.append(button)
        self.note.setVisible(not several)
        self._window.refresh()

    def _shown(self) -> None:
        place, photo = self._document.state.place, self._document.photo
        if place < len(self.buttons):
            self.buttons[place].setChecked(True)
        editor = self._window.editor
        editor.set_wires(None)
        editor.pins.set_head(None)
        editor.set_picture(self._picture(photo))
        if photo is not None:
            width, height = photo.size
            self._window.message.setText(f"{photo.name}  ·  {width} × {height}")
        self._window.refresh()

    def _picture(self, photo: Photo | None) -> Picture | None:
        """Return what is drawn of a photo; one from a project is made simple first, and in full in the background."""
        if photo is None:
            return None
        found = next((picture for kept, picture in self._pictures if kept is photo), None)
        if found is None:
            from facestudio.app.editor.picture import make_picture

            found = Picture((qimage_of(photo.pixels),), photo.size)

            def made(picture: Picture) -> None:
                self._pictures.append((photo, picture))
                if self._document.photo is photo:
                    self._window.editor.replace_picture(picture)

            self._window.tasks.start(lambda: make_picture(photo), made)
        return found

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to remove the photo under the pointer."""
        number = next((i for i, b in enumerate(self.buttons) if b.geometry().contains(event.pos())), 0)
        if number:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.addAction(tr("Remove this photo"), lambda: self._document.remove_photo(number))
            menu.popup(event.globalPos())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take what may be a photo."""
        own = event.source() is not None
        if self._document.opened is not None and can_take(event.mimeData()) and not own:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped."""
        event.acceptProposedAction()
        mime = event.mimeData()
        files = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        for path in files:
            self.open_path(path)
        if not files:
            self.opener.open_mime(mime, "dropped")
