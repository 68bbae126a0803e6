"""The rules that hold the code base together: layers, light imports, small files, no machine's own paths."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

# Rooms that may load what the core may not: the app Qt, the renderer's GL part OpenGL, training torch.
_EXEMPT = ("facestudio.app", "facestudio.training", "facestudio.render.gl", "facestudio.__main__")

_IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import facestudio
exempt = {exempt!r}
count = 0
for module in pkgutil.walk_packages(facestudio.__path__, "facestudio."):
    if not module.name.startswith(exempt):
        importlib.import_module(module.name)
        count += 1
print(count)
print(*sorted(name for name in {heavy!r} if name in sys.modules))
"""


def test_the_import_contracts_hold(checkout: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))",
        ],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_core_loads_no_qt_no_opengl_and_no_torch(checkout: Path) -> None:
    heavy = ("PySide6", "OpenGL", "torch", "onnxruntime")
    code = _IMPORT_EVERYTHING.format(exempt=_EXEMPT, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    count, loaded = done.stdout.splitlines()
    assert int(count) > 20
    assert loaded == ""


def test_the_command_line_starts_without_numpy(checkout: Path) -> None:
    code = "import sys; import facestudio.cli.main as m; m.build_parser(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_no_source_file_has_more_than_400_lines(checkout: Path) -> None:
    long = {
        str(path.relative_to(checkout)): lines
        for path in (checkout / "facestudio").rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_no_module_is_called_utils(checkout: Path) -> None:
    assert [p.name for p in (checkout / "facestudio").rglob("*util*")] == []


_TEXT = {
    ".py",
    ".md",
    ".toml",
    ".sh",
    ".json",
    ".txt",
    ".yml",
    ".yaml",
    ".glsl",
    ".vert",
    ".frag",
    ".desktop",
    ".pts",
}
_MACHINE_PATH = re.compile(
    rb"/(?:work|root|home/\w+|Users/\w+|opt/\w+)/|/tmp/\w|[A-Z]:\\Users|127\.0\.0\.1|://localhos[t]"
)


def _shipped_files(checkout: Path) -> list[Path]:
    folders = ("facestudio", "tests", "docs", "packaging", "resources", "models", ".ci")
    files = [p for f in folders for p in (checkout / f).rglob("*") if p.is_file()]
    files += [p for p in checkout.iterdir() if p.is_file() and not p.name.endswith((".log", ".lock"))]
    return [p for p in files if "__pycache__" not in p.parts]


def test_no_file_names_a_path_of_one_machine(checkout: Path) -> None:
    found: dict[str, list[bytes]] = {}
    files = _shipped_files(checkout)
    for path in files:
        # Compressed data cannot hold readable paths; models can, in their metadata.
        if path.suffix in _TEXT | {".onnx", ""}:
            hits = _MACHINE_PATH.findall(path.read_bytes())
            if hits:
                found[str(path.relative_to(checkout))] = hits
    assert len(files) > 50
    assert found == {}


@pytest.mark.parametrize(
    "parts", [(b"see /wo", b"rk/x"), (b"/ho", b"me/me/a"), (b"C:", b"\\Users\\me"), (b"/t", b"mp/a")]
)
def test_the_search_for_machine_paths_finds_them(parts: tuple[bytes, bytes]) -> None:
    assert _MACHINE_PATH.search(b"".join(parts))
