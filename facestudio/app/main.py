"""Starts the app."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from facestudio.render.environment import prepare_opengl

# Before Qt or OpenGL is imported: both must come to the screen the same way, or the process dies.
prepare_opengl()

from PySide6.QtCore import QTimer  # noqa: E402
from PySide6.QtGui import QSurfaceFormat  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from facestudio import __version__  # noqa: E402
from facestudio.app.settings import Settings  # noqa: E402
from facestudio.app.window.main_window import MainWindow  # noqa: E402
from facestudio.app.words import install_translators  # noqa: E402
from facestudio.app.worker.maker import RunnerLike  # noqa: E402


def make_application(arguments: list[str]) -> QApplication:
    """Return the one QApplication, with the surface format that the viewer needs."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    surface = QSurfaceFormat()
    surface.setVersion(3, 3)
    surface.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    surface.setDepthBufferSize(24)
    surface.setSamples(0)  # on software OpenGL, samples make a frame take two to three times as long
    QSurfaceFormat.setDefaultFormat(surface)
    # The pipeline's thread computes in Python while the window answers: it hands over every half millisecond.
    sys.setswitchinterval(0.0005)
    app = QApplication(arguments)
    app.setApplicationName("facestudio")
    app.setApplicationDisplayName("facestudio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("facestudio")
    app.setStyle("Fusion")
    return app


def open_window(
    argument: str | None = None,
    *,
    settings: Settings | None = None,
    make_runner: Callable[[], RunnerLike] | None = None,
) -> MainWindow:
    """Show the main window, and open a photo in it if one is named."""
    window = MainWindow(settings, make_runner)
    window.show()
    QTimer.singleShot(0, window.session.builder.warm_up)
    window.viewer.warm_up_soon()
    if argument is not None:
        window.open_path(Path(argument))
    else:
        window.projects.offer_recovery()
    return window


def run_app(argument: str | None = None) -> int:
    """Open the app and return its exit code when its window is closed.

    Parameters
    ----------
    argument
        A photo to open.
    """
    app = make_application([sys.argv[0] if sys.argv else "facestudio"])
    install_translators(app)
    window = open_window(argument)
    # Ctrl-C in the terminal closes the window in good order; the timer lets Python see it.
    before = signal.signal(signal.SIGINT, lambda *_: window.close())
    ticker = QTimer()
    ticker.timeout.connect(lambda: None)
    ticker.start(250)
    try:
        return app.exec()
    finally:
        ticker.stop()
        signal.signal(signal.SIGINT, before)
