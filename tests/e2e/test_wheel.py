"""The wheel: built, installed into a fresh environment outside the checkout, and used there."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Nothing of this checkout or of this test run may help the installed package.
_ENVIRONMENT = {
    k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "FACESTUDIO"))
}


def _run(*arguments: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = _run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, checkout),
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("fresh")
    assert _run(sys.executable, "-m", "venv", folder / "env", cwd=folder).returncode == 0
    bin_folder = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = (
        bin_folder / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    )
    done = _run(*pip, f"{wheel}[cpu]", cwd=folder)
    if done.returncode != 0:
        # No package index within reach: the packages come from this environment, the wheel does not.
        assert _run(*pip, "--no-deps", "--no-index", wheel, cwd=folder).returncode == 0, done.stderr
        where = 'import sysconfig; print(sysconfig.get_path("purelib"))'
        site = Path(_run(bin_folder / "python", "-c", where, cwd=folder).stdout.strip())
        (site / "packages-of-the-test-run.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return bin_folder


def test_the_wheel_carries_resources_models_and_licence(wheel: Path, checkout: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("resources", "models"):
        files = [p.relative_to(checkout).as_posix() for p in (checkout / kind).rglob("*") if p.is_file()]
        assert files
        assert {f"facestudio/_data/{name}" for name in files} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert not any("tests" in Path(name).parts or "__pycache__" in name for name in names)


def test_the_installed_package_reconstructs(programs: Path, sample_photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "heads"
    done = _run(
        *(programs / "facestudio", "reconstruct", sample_photo, "--output", out, "--name", "me", "--json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["photo"] == str(sample_photo)
    assert {p.name for p in out.iterdir()} == {"me.obj", "me.mtl", "me.png", "me.glb", "me.json"}
    assert all(p.stat().st_size > 100 for p in out.iterdir())


def test_the_installed_package_uses_its_own_files(programs: Path, tmp_path: Path) -> None:
    done = _run(programs / "facestudio", "info", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    info = json.loads(done.stdout)
    environment = programs.parent.resolve()
    for kind in ("resources", "models"):
        assert Path(info["folders"][kind]).is_relative_to(environment)
    assert info["onnx_runtime"] == "CPUExecutionProvider"
    assert info["databases"] == ["studio"]


def test_the_installed_database_is_sound(programs: Path, tmp_path: Path) -> None:
    done = _run(programs / "facestudio", "database", "verify", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_desktop_program_is_there(programs: Path) -> None:
    assert list(programs.glob("facestudio-app*"))
