"""`facestudio info`: versions, models, databases and folders, for people and for bug reports."""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import platform
import tomllib
from typing import Any

from facestudio import __version__, paths
from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.errors import ModelError

_PACKAGES = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pillow",
    "trimesh",
    "pygltflib",
    "PyOpenGL",
    "PySide6-Essentials",
    "onnxruntime",
    "onnxruntime-gpu",
    "usd-core",
)


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "info",
        parents=[common()],
        help="versions, models and folders",
        description="Show versions, models, databases and folders: what to look at when something is wrong.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print what is installed here."""
    packages = {name: version for name in _PACKAGES if (version := _version(name)) is not None}
    files = check_files()
    folders = {
        "resources": paths.resources(),
        "models": paths.models(),
        "user data": paths.user_data(),
        "error reports": paths.user_log(),
    }
    runtime = _runtime()
    databases = _databases()
    console.result(f"facestudio {__version__}")
    console.result(f"Python {platform.python_version()} on {platform.platform()}")
    missing = 'not installed; to have it: pip install "facestudio[cpu]"'
    console.result(f"ONNX Runtime: {runtime or missing}")
    for title, values in (("Packages", packages), ("Shipped files", files), ("Folders", folders)):
        console.result(f"{title}:")
        for name, value in values.items():
            console.result(f"  {name}: {value}")
    console.result(f"Databases: {', '.join(databases)}")
    console.document(
        {
            "version": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "onnx_runtime": runtime,
            "packages": packages,
            "files": files,
            "databases": databases,
            "folders": folders,
        }
    )
    return 0


def check_files() -> dict[str, str]:
    """Return each file of models/manifest.toml with `intact`, `damaged` or `missing`.

    Raises
    ------
    ModelError
        If the manifest is missing or damaged.
    """
    manifest = paths.models() / "manifest.toml"
    try:
        listed = tomllib.loads(manifest.read_text(encoding="utf-8"))["file"]
        digests = {str(entry["path"]): str(entry["sha256"]) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{manifest} is missing or damaged: {error}") from error
    found: dict[str, str] = {}
    for name, digest in digests.items():
        path = manifest.parent.parent / name
        if not path.is_file():
            found[name] = "missing"
        else:
            found[name] = "intact" if hashlib.sha256(path.read_bytes()).hexdigest() == digest else "damaged"
    return found


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _runtime() -> str | None:
    """Return where models really run, by opening one: the wheel lists CUDA even where there is none."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    from facestudio.landmarks.sessions import open_shipped

    try:
        return open_shipped("face_detector").provider
    except ModelError as error:
        return f"cannot run: {error}"


def _databases() -> list[str]:
    from facestudio.database.model import database_folders

    return list(database_folders())
