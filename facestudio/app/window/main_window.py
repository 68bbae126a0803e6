"""The main window: puts the rooms of the app together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
)
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.actions import Actions
from facestudio.app.appearance.icons import app_icon
from facestudio.app.appearance.theme import Appearance
from facestudio.app.dialogs.error_dialog import ErrorDialog
from facestudio.app.document.document import Document
from facestudio.app.document.session import Session
from facestudio.app.editor.photo_editor import PhotoEditor
from facestudio.app.panels.pane import Pane
from facestudio.app.settings import Settings
from facestudio.app.viewer.viewer import Viewer
from facestudio.app.window.advice_strip import AdviceStrip
from facestudio.app.window.docks import Docks
from facestudio.app.window.drag_out import DragOut
from facestudio.app.window.menus import Menus
from facestudio.app.window.notice import Notice, missing_runtime
from facestudio.app.window.opening import Opened, Opener, can_take, open_filter
from facestudio.app.window.outputs import Outputs
from facestudio.app.window.person_photos import PersonPhotos
from facestudio.app.window.projects import Projects, state_of
from facestudio.app.window.status import BuildStatus
from facestudio.app.window.turns import Turns
from facestudio.app.window.variants import VariantsMenu
from facestudio.app.window.welcome import WelcomePage, sample_photos
from facestudio.app.window.wiring import connect_actions, show_editor_menu, update_actions
from facestudio.app.words import said, tr
from facestudio.app.worker.maker import RunnerLike
from facestudio.app.worker.report import ErrorReport
from facestudio.app.worker.tasks import Tasks

_LAYOUT_VERSION = 3
_LATER_MS = 40  # the first page is painted by then
# Builders whose thread did not end in time: kept alive, since a thread's owner may not die before it.
_unfinished: list[Session] = []


class MainWindow(QMainWindow):
    """Photo editor on the left, head on the right, docks around them.

    Parameters
    ----------
    settings
        What is remembered between runs.
    make_runner
        Makes the pipeline's runner, in the thread that will use it; None for the pipeline in its own process.
    """

    def __init__(
        self, settings: Settings | None = None, make_runner: Callable[[], RunnerLike] | None = None
    ) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle("facestudio")
        self.setWindowIcon(app_icon())
        self.setAcceptDrops(True)
        self.setUnifiedTitleAndToolBarOnMac(True)
        self.settings = settings or Settings()
        self.appearance = Appearance(self.settings.preferences.theme, self)
        self.tasks = Tasks(self)
        self.document = Document(self)
        self.session = Session(self.document, make_runner, self)
        self.opener = Opener(self.tasks, self)
        self.actions_ = Actions(self, self.appearance)
        self.editor = PhotoEditor(self.document)
        self.viewer = Viewer(self.tasks)
        self.session.texture_size = self.settings.preferences.texture_size
        self.outputs = Outputs(self, self.document, self.session, self.viewer, self.tasks, self.settings)
        self.projects = Projects(self)
        self.error_dialog: ErrorDialog | None = None
        self.message = QLabel(tr("Ready"))
        self._build_centre()
        self._docks = Docks(self)
        self.later = Turns(self)
        self.variants = VariantsMenu(self.document, self)
        self.menus = Menus(
            self,
            self.actions_,
            lambda: self.settings.recent,
            sample_photos,
            self.open_path,
            self._forget_recent,
            self.variants,
        )
        self.drag_out = DragOut(self)
        self.menus.toolbar.addWidget(self.drag_out)
        self._build_status()
        connect_actions(self)
        self._connect()
        self._apply_theme()
        self._restore_layout()
        self._show_workspace(False)
        command = missing_runtime()
        if command:
            text = tr("The models need ONNX Runtime, which is not installed. Install it with")
            self.notice.tell(text, command)
        late = (self._docks.build(), self.appearance.late_icons(), self.editor.prepare())
        self.later.carry_out(*late, after_ms=_LATER_MS)

    # Building the window

    def _build_centre(self) -> None:
        a = self.actions_
        self.zoom_label, self.welcome = QLabel(), WelcomePage(self.tasks, self.appearance)
        self.person_photos, self.advice_strip = PersonPhotos(self), AdviceStrip(self.appearance)
        editor = Pane(
            tr("Photo"),
            [a["points"], a["mesh"], a["pin"], a["brush"]],
            [a["fit_face"], a["fit_photo"]],
            self.editor,
            self.zoom_label,
            above=self.advice_strip,
            below=self.person_photos,
        )
        more = QMenu(tr("More"), self)
        for name in ("unlit", "normals", "coverage", "uncertainty", "", "marks", "anaglyph"):
            if name:
                more.addAction(a[name])
            else:
                more.addSeparator()
        viewer = Pane(
            tr("Head"),
            [a["textured"], a["clay"], a["wireframe"], more, None, a["posed"], a["compare"]],
            [a[name] for name in ("front", "45-left", "left", "45-right", "right", "back")],
            self.viewer,
        )
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName("splitter")
        self.splitter.setHandleWidth(5)
        self.splitter.setChildrenCollapsible(False)
        for pane in (editor, viewer):
            self.splitter.addWidget(pane)
        self.splitter.setSizes([1000, 1000])
        self.pages = QStackedWidget()
        self.pages.addWidget(self.welcome)
        self.pages.addWidget(self.splitter)
        self.notice = Notice(self.appearance)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

    def _build_status(self) -> None:
        self.message.setContentsMargins(10, 0, 0, 0)
        self.build_status = BuildStatus()
        self.statusBar().addWidget(self.message, 1)
        self.statusBar().addPermanentWidget(self.build_status)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().setFixedHeight(38)

    def _connect(self) -> None:
        self.welcome.open_wanted.connect(self.ask_for_photo)
        self.welcome.chosen.connect(self.open_path)
        self.opener.started.connect(self._opening)
        self.opener.opened.connect(self._opened)
        self.opener.failed.connect(self._open_failed)
        self.editor.hover_changed.connect(self._hovered)
        self.editor.zoom_changed.connect(self._zoomed)
        self.editor.menu_wanted.connect(lambda point, at: show_editor_menu(self, point, at))
        self.session.figure_changed.connect(self._figure_changed)
        self.viewer.started.connect(self._view_started)
        self.viewer.gave_up.connect(self.refresh)
        self.viewer.asked.connect(self.message.setText)
        self.session.progressed.connect(self.build_status.tell)
        self.session.busy_changed.connect(self._busy_changed)
        self.session.failed.connect(self._build_failed)
        self.session.cancelled.connect(self._cancelled)
        self.outputs.told.connect(self.message.setText)
        self.outputs.failed.connect(self.show_error)
        self.build_status.cancel_wanted.connect(self.session.cancel)
        self.appearance.changed.connect(self._apply_theme)
        self.document.gesture_changed.connect(self._busy_changed)

    @property
    def panels(self) -> Docks:
        """The panels; whatever of the window was left for later is made now."""
        self.later.finish()
        return self._docks

    @property
    def docks(self) -> list[QDockWidget]:
        """The docks, in the order of their tabs."""
        return self.panels.all

    # Opening

    def ask_for_photo(self) -> None:
        """Open the file dialog."""
        recent = self.settings.recent
        folder = str(recent[0].parent) if recent else ""
        name, _ = QFileDialog.getOpenFileName(self, tr("Open a photo"), folder, open_filter())
        if name:
            self.open_path(Path(name))

    def open_path(self, path: Path) -> None:
        """Open a photo, in the background."""
        self.opener.open_path(path)

    def paste(self) -> None:
        """Open what is in the clipboard."""
        self.opener.open_mime(QGuiApplication.clipboard().mimeData(), "pasted")

    def close_photo(self) -> None:
        """Go back to the welcome page."""
        self.projects.when_saved(self._close_photo)

    def _close_photo(self) -> None:
        self.opener.forget()
        self.document.set_photo(None)
        self.projects.opened(None)
        self._show_workspace(False)

    def _opening(self, name: str) -> None:
        self.message.setText(tr("Opening {name}…", name=name))

    def _opened(self, opened: Opened) -> None:
        self.projects.when_saved(lambda: self._take(opened))

    def _take(self, opened: Opened) -> None:
        recent = opened.file or opened.photo.path
        if recent is not None and not self.projects.is_autosave(recent):
            self.settings.add_recent(recent)
        self._show_workspace(True)
        self.viewer.start()
        self.viewer.set_waiting_text(tr("Building the head"), tr("The shape comes first, then its texture."))
        self.document.set_photo(opened.photo, state_of(opened.project) or self.settings.first_state())
        self.projects.opened(opened)
        self.person_photos.keep(opened.picture)
        self.editor.set_picture(opened.picture)
        self.editor.setFocus()
        width, height = opened.photo.size
        self.message.setText(f"{opened.photo.name}  ·  {width} × {height}")

    def _open_failed(self, report: ErrorReport) -> None:
        self.message.setText(tr("Ready"))
        self.show_error(report)

    def _forget_recent(self) -> None:
        self.settings.clear_recent()
        self.welcome.show_photos([])

    # What the session tells

    def _figure_changed(self, figure: Any) -> None:
        self.viewer.set_figure(figure)
        self.editor.set_wires(None if figure is None else figure.wires)
        self.editor.pins.set_head(None if figure is None else figure.head)
        if self.document.in_gesture:  # each repaint of the window takes time from the head that follows
            self.panels.follow(figure)
        else:
            self.panels.show_figure(figure)
        self.refresh()

    def _view_started(self) -> None:
        self.panels.show_expression()
        self.refresh()

    def _busy_changed(self) -> None:
        if self.session.busy and not self.document.in_gesture:
            self.build_status.begin()
        else:
            self.build_status.end()
        self.refresh()

    def _build_failed(self, report: ErrorReport) -> None:
        self.viewer.set_waiting_text(tr(report.title), said(report.message))
        if not self.outputs.exporting:
            self.show_error(report)

    def _cancelled(self) -> None:
        self.message.setText(tr("Cancelled. F5 builds again."))
        self.viewer.set_waiting_text(tr("Cancelled"), tr("Build again with F5."))

    def show_error(self, report: ErrorReport) -> None:
        """Show an error as a dialog that does not stop anything."""
        if self.error_dialog is None:
            self.error_dialog = ErrorDialog(self.appearance, self)
        self.error_dialog.show_report(report)

    def refresh(self) -> None:
        """Enable what can be done now."""
        update_actions(self)

    # Small things

    def _hovered(self, text: str) -> None:
        self.message.setText(text or tr("Ready"))

    def _zoomed(self, scale: float) -> None:
        self.zoom_label.setText(f"{100 * scale:.0f} %")

    def _apply_theme(self) -> None:
        theme = self.appearance.theme
        self.editor.set_colours(theme.colour("editor"), theme.colour("accent"))
        self.viewer.set_colours(theme.colour("viewer_top"), theme.colour("viewer_bottom"))
        if self.error_dialog is not None:
            self.error_dialog.deleteLater()
            self.error_dialog = None

    def _show_workspace(self, on: bool) -> None:
        showing = self.pages.currentWidget() is self.splitter
        if showing and not on:
            self._docks.appearing.finish()
            self.settings.set_layout("docks", self.saveState(_LAYOUT_VERSION))
        self.pages.setCurrentWidget(self.splitter if on else self.welcome)
        self.menus.toolbar.setVisible(on)
        self.menus.panels.setEnabled(on)
        if on and not showing:
            self.later.finish()
            state = self.settings.layout("docks")
            if state is None or not self.restoreState(state, _LAYOUT_VERSION):
                self._docks.arrange()
            self.menus.toolbar.show()
        if not on:
            self._docks.hide()
            self.setWindowTitle("facestudio")
            self.message.setText(tr("Ready"))
            self.welcome.show_photos(self.settings.recent)
        self.refresh()

    def _restore_layout(self) -> None:
        geometry = self.settings.layout("window")
        if geometry is None or not self.restoreGeometry(geometry):
            screen = self.screen().availableGeometry().size()
            self.resize(QSize(1440, 900).boundedTo(screen * 0.9))
        sizes = self.settings.layout("splitter")
        if sizes is not None:
            self.splitter.restoreState(sizes)

    # Drops and closing

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take what may be a photo."""
        if can_take(event.mimeData()) and event.source() is None:  # not what is dragged out
            event.acceptProposedAction()
            self.welcome.set_drop_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Forget the drop."""
        self.welcome.set_drop_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self.welcome.set_drop_over(False)
        event.acceptProposedAction()
        self.opener.open_mime(event.mimeData(), "dropped")

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about what is not saved; remember the layout, stop what runs, give everything back."""
        if not self.projects.may_close(self.close):
            event.ignore()
            return
        if self.pages.currentWidget() is self.splitter:
            self._docks.appearing.finish()
            self.settings.set_layout("docks", self.saveState(_LAYOUT_VERSION))
        self.settings.set_layout("window", self.saveGeometry())
        self.settings.set_layout("splitter", self.splitter.saveState())
        self.settings.save()
        self.hide()
        self.later.carry_out()
        self._docks.turns.carry_out()
        self.tasks.close()
        self.drag_out.close_out()
        self.projects.close()  # after a copy that was being written
        if not self.session.close():
            self.session.setParent(None)
            _unfinished.append(self.session)
        self.viewer.close_view()
        event.accept()
