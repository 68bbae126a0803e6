"""Where the shipped files and the user's own files are."""

from functools import cache
from pathlib import Path

import platformdirs

from facestudio.errors import ModelError

_PACKAGE = Path(__file__).resolve().parent


@cache
def _shipped(kind: str) -> Path:
    # Installed: inside the wheel. In a checkout (editable install): beside the package.
    for folder in (_PACKAGE / "_data" / kind, _PACKAGE.parent / kind):
        if folder.is_dir():
            return folder
    raise ModelError(
        f"facestudio's own {kind} folder is missing from this installation",
        hint='Install it again: pip install --force-reinstall "facestudio[cpu]"',
    )


def resources() -> Path:
    """Return the folder of shaders, schemes, samples, the template and the embedded database.

    Raises
    ------
    ModelError
        If the installation lacks the folder.
    """
    return _shipped("resources")


def models() -> Path:
    """Return the folder of the shipped ONNX models and their manifest.

    Raises
    ------
    ModelError
        If the installation lacks the folder.
    """
    return _shipped("models")


def user_data() -> Path:
    """Return the folder of the user's own databases (not created here)."""
    return Path(platformdirs.user_data_dir("facestudio", appauthor=False))


def user_log() -> Path:
    """Return the folder that error reports go to (not created here)."""
    return Path(platformdirs.user_log_dir("facestudio", appauthor=False))


def user_autosaves() -> Path:
    """Return the folder of the app's autosaved projects (not created here)."""
    return Path(platformdirs.user_state_dir("facestudio", appauthor=False)) / "autosave"
