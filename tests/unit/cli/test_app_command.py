"""`facestudio app`, with an app made for the test."""

import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

from facestudio.cli.main import main

_APP = "facestudio.app.main"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What the app was opened with."""
    calls: list[str | None] = []
    module = ModuleType(_APP)

    def run_app(argument: str | None) -> int:
        calls.append(argument)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        return 0

    module.run_app = run_app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, _APP, module)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    return calls


def test_it_opens_with_and_without_a_photo(opened: list[str | None], sample_photo: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert main(["app"]) == 0
    assert main(["app", str(sample_photo)]) == 0
    assert main([]) == 0
    assert opened == [None, str(sample_photo), None]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a screen")
def test_without_a_screen_it_says_so(
    opened: list[str | None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["app"]) == 2
    assert "reconstruct" in capsys.readouterr().err
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":1")
    assert main(["app"]) == 0


def test_without_qt_it_shows_the_missing_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list(sys.modules):
        if name.startswith((_APP, "facestudio.app.")):
            monkeypatch.delitem(sys.modules, name)
    for name in ("PySide6", "PySide6.QtCore"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert main(["app"]) == 5
    assert "pip install PySide6-Essentials" in capsys.readouterr().err


def test_a_missing_system_library_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Finder:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == _APP:
                raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, _APP, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert main(["app"]) == 5
    err = capsys.readouterr().err
    assert "libEGL.so.1" in err
    assert "apt-get install libegl1" in err
