"""The commands that the README shows first."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.mark.slow
def test_the_demo_makes_a_head_and_a_picture_of_it_every_time(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("demo.obj", "demo-views.png"):  # of the time before
        (out / name).write_text("old")
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "facestudio"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m facestudio "$@"\n')
    command.chmod(0o755)
    environment = {
        k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    }
    done = subprocess.run(
        ["make", "--old-file=setup", "demo", f"BIN={programs}", f"OUT={out}"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written = {Path(line).name for line in done.stdout.splitlines() if line.startswith(str(out))}
    assert written == {"demo.obj", "demo.mtl", "demo.png", "demo.glb", "demo.json", "demo-views.png"}
    assert written == {path.name for path in out.iterdir()}
    with Image.open(out / "demo-views.png") as sheet:
        assert sheet.width > 2.5 * sheet.height  # the photo and three views in a row
    assert (out / "demo.obj").stat().st_size > 100_000


def test_the_help_lists_what_the_readme_and_contributing_name(checkout: Path) -> None:
    listed = subprocess.run(["make", "help"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^  make (\w+)", listed, flags=re.MULTILINE))
    assert {"demo", "test", "app", "setup", "lint", "clean", "help"} <= targets
    for page in ("README.md", "CONTRIBUTING.md"):
        named = set(
            re.findall(r"^make (\w+)", (checkout / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
        )
        assert named
        assert named <= targets


def test_ci_runs_the_tests(checkout: Path) -> None:
    run = checkout / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert run.read_text(encoding="utf-8").rstrip().endswith("make test")
