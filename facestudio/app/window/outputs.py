"""What leaves the app: exports and screenshots, made away from the UI thread."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from facestudio.app.document.document import Document
from facestudio.app.document.session import Session
from facestudio.app.editor.picture import qimage_of
from facestudio.app.settings import Settings
from facestudio.app.viewer.viewer import Viewer
from facestudio.app.words import tr
from facestudio.app.worker.report import ErrorReport
from facestudio.app.worker.tasks import Tasks
from facestudio.values import Head

if TYPE_CHECKING:
    from facestudio.app.dialogs.export_dialog import ExportDialog, ExportOptions
    from facestudio.app.dialogs.screenshot_dialog import ScreenshotDialog, ScreenshotOptions


def _check(options: "ExportOptions") -> None:
    from facestudio.export import check_outputs

    check_outputs(options.folder, options.name, options.formats, options.overwrite)


def _export(head: Head, options: "ExportOptions") -> tuple[Path, ...]:
    from facestudio.export import export_head

    units: Any = options.units
    expression: Any = options.expression
    files = export_head(
        head,
        options.folder,
        options.name,
        formats=options.formats,
        units=units,
        subdivision=options.subdivision,
        expression=expression,
        overwrite=options.overwrite,
    )
    return tuple(files.values())


class Outputs(QObject):
    """Opens the two dialogs and does what they ask for; `told` and `failed` are for exports without a dialog."""

    told = Signal(str)
    failed = Signal(object)
    changed = Signal()

    def __init__(
        self,
        window: QWidget,
        document: Document,
        session: Session,
        viewer: Viewer,
        tasks: Tasks,
        settings: Settings,
    ) -> None:
        super().__init__(window)
        self._window, self._document, self._session = window, document, session
        self._viewer, self._tasks, self._settings = viewer, tasks, settings
        self._export_dialog: ExportDialog | None = None
        self._last: ExportOptions | None = None  # of this photo
        document.photo_changed.connect(self._forget)
        session.failed.connect(self._build_failed)

    @property
    def exporting(self) -> bool:
        """Whether an export waits for a build (its dialog then tells what goes wrong)."""
        return self._export_dialog is not None and self._export_dialog.busy

    def open_export(self) -> "ExportDialog | None":
        """Ask what to write; None if there is no head."""
        photo = self._document.opened
        if photo is None or self._session.head is None:
            return None
        from facestudio.app.dialogs.export_dialog import ExportDialog

        dialog = ExportDialog(self._settings, photo.name, self._window)
        dialog.wanted.connect(self._export_wanted)
        dialog.cancel_wanted.connect(self._export_cancelled)
        dialog.destroyed.connect(self._export_closed)
        self._export_dialog = dialog
        dialog.open()
        return dialog

    def open_screenshot(self) -> "ScreenshotDialog | None":
        """Ask what to draw; None if there is no head."""
        photo = self._document.photo
        if photo is None or self._session.head is None:
            return None
        from facestudio.app.dialogs.screenshot_dialog import ScreenshotDialog

        dialog = ScreenshotDialog(
            self._settings, f"{photo.name}-view", self._viewer.view is not None, self._window
        )
        dialog.wanted.connect(lambda options: self._screenshot_wanted(dialog, options))
        dialog.open()
        return dialog

    # Export

    def _export_wanted(self, options: "ExportOptions") -> None:
        # Whether the names are free is known before anything slow begins.
        self._tasks.start(lambda: _check(options), lambda _: self._build_for(options), self._refuse)

    def _build_for(self, options: "ExportOptions") -> None:
        if self.exporting:
            self._session.with_texture(options.texture_size, lambda head: self._write(head, options))

    def _write(self, head: Head, options: "ExportOptions") -> None:
        if self.exporting:
            self._tasks.start(
                lambda: _export(head, options), lambda f: self._written(f, options), self._refuse
            )

    def _written(self, files: tuple[Path, ...], options: "ExportOptions") -> None:
        self._last = options
        self.changed.emit()
        if self._export_dialog is not None:
            self._export_dialog.done_with(files)

    def _refuse(self, report: ErrorReport) -> None:
        if self._export_dialog is not None:
            self._export_dialog.refuse(report)

    def _build_failed(self, report: ErrorReport) -> None:
        if self.exporting:
            self._refuse(report)

    def _export_cancelled(self) -> None:
        self._session.cancel()
        if self._export_dialog is not None:
            self._export_dialog.stopped()

    def _export_closed(self) -> None:
        self._export_dialog = None

    # Once more, without a dialog

    @property
    def can_repeat(self) -> bool:
        """Whether this photo's head was exported already."""
        return self._last is not None and not self.exporting

    def repeat(self) -> None:
        """Export the head as it is now to the same files as the last time."""
        if self._last is None or self._session.head is None:
            return
        options = replace(self._last, overwrite=True)
        self.told.emit(tr("Exporting {name}…", name=options.name))
        self._session.with_texture(options.texture_size, lambda head: self._write_again(head, options))

    def _write_again(self, head: Head, options: "ExportOptions") -> None:
        def done(files: tuple[Path, ...]) -> None:
            self.told.emit(tr("Written again: {names}", names=", ".join(path.name for path in files)))

        self._tasks.start(lambda: _export(head, options), done, self.failed.emit)

    def _forget(self) -> None:
        self._last = None

    # Screenshot

    def copy_view(self) -> None:
        """Put a picture of the view as it is into the clipboard; where there is no view, one from the front."""
        if self._session.head is None:
            return
        views = () if self._viewer.view is not None else ("front",)
        from facestudio.app.dialogs.screenshot_dialog import ScreenshotOptions

        options = ScreenshotOptions(views, 1, 960, with_photo=False, file=None, overwrite=False)

        def then(picture: QImage) -> None:
            QGuiApplication.clipboard().setImage(picture)
            self.told.emit(
                tr("Copied, {width} × {height} pixels", width=picture.width(), height=picture.height())
            )

        self._draw(options, then, self.failed.emit)

    def _screenshot_wanted(self, dialog: "ScreenshotDialog", options: "ScreenshotOptions") -> None:
        def then(picture: QImage) -> None:
            if isValid(dialog):  # it may have been closed meanwhile
                dialog.done_with(picture, options.file)

        def failed(report: ErrorReport) -> None:
            if isValid(dialog):
                dialog.refuse(report)

        self._draw(options, then, failed)

    def _draw(
        self,
        options: "ScreenshotOptions",
        then: Callable[[QImage], None],
        failed: Callable[[ErrorReport], None],
    ) -> None:
        figure, photo, view = self._session.figure, self._document.photo, self._viewer.view
        from facestudio.render.scene import Background

        mode, uncertain = self._viewer.mode, self._viewer.uncertain
        background = Background() if view is None else view.background
        marks = None if view is None else view.marks()
        camera = None
        if view is not None and not options.views and not options.turntable:
            ratio = view.devicePixelRatioF()
            camera = view.camera((round(view.width() * ratio), round(view.height() * ratio)))

        def draw() -> QImage:
            from facestudio.app.viewer import pictures

            if options.turntable and options.file is not None:
                pictures.refuse_existing(options.file, options.overwrite)  # before anything slow begins
                turns = pictures.draw_turntable(figure, options.height, mode, background, uncertain=uncertain)
                pictures.save_turntable(turns, options.file, overwrite=options.overwrite)
                return qimage_of(turns[0])
            if camera is not None:
                pixels = pictures.draw_view(
                    figure, camera, mode, background, marks, options.times, uncertain=uncertain
                )
            else:
                shown = photo if options.with_photo else None
                pixels = pictures.draw_sheet(
                    figure, options.views, options.height, mode, background, marks, shown, uncertain=uncertain
                )
            if options.file is not None:
                pictures.save_png(pixels, options.file, overwrite=options.overwrite)
            return qimage_of(pixels)

        self._tasks.start(draw, then, failed)
