"""What all tests share: a private home, no Qt where none belongs, and nothing left behind."""

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# Before anything imports Qt or OpenGL: both must come to the screen the same way, or the process dies.
if sys.platform == "linux":
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    os.environ.setdefault("QT_XCB_GL_INTEGRATION", "xcb_egl")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        os.environ.setdefault("EGL_PLATFORM", "surfaceless")

# Settings, user databases and error reports of the tests go to a home of their own.
_HOME = Path(tempfile.mkdtemp(prefix="facestudio-tests-"))
for _kind in ("CONFIG", "DATA", "CACHE", "STATE"):
    os.environ[f"XDG_{_kind}_HOME"] = str(_HOME / _kind.lower())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-qt",
        action="store_true",
        help="run as if Qt were not installed (with -p no:pytest-qt): nothing below the app may need it",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--without-qt"):
        for name in ("PySide6", "shiboken6"):
            sys.modules[name] = None  # type: ignore[assignment]  # any import of it now fails


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a Python thread running."""
    before = set(threading.enumerate())
    yield

    def left() -> list[threading.Thread]:
        # Qt's own threads show up as dummies that Python never removes.
        return [
            t for t in threading.enumerate() if t not in before and not isinstance(t, threading._DummyThread)
        ]

    for _ in range(50):
        if not left():
            return
        time.sleep(0.1)
    pytest.fail(f"threads left running: {[t.name for t in left()]}")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of this checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def sample_photo() -> Path:
    """The bundled photo."""
    samples = sorted((CHECKOUT / "resources" / "samples").glob("*.jpg")) + sorted(
        (CHECKOUT / "resources" / "samples").glob("*.png")
    )
    assert samples, "resources/samples has no photo"
    return samples[0]
