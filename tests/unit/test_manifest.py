import hashlib
import importlib.util
import tomllib
from pathlib import Path
from typing import Any

import pytest

KEYS = {"path", "sha256", "bytes", "source", "licence", "command", "description"}


@pytest.fixture(scope="module")
def entries(checkout: Path) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = tomllib.loads((checkout / "models" / "manifest.toml").read_text())["file"]
    return files


def test_every_shipped_model_and_data_file_is_listed(checkout: Path, entries: list[dict[str, Any]]) -> None:
    patterns = ("models/**/*", "resources/**/*.npz", "resources/**/*.onnx", "resources/samples/*")
    shipped = {
        path.relative_to(checkout).as_posix()
        for pattern in patterns
        for path in checkout.glob(pattern)
        if path.is_file() and path.name != "manifest.toml"
    }
    assert {entry["path"] for entry in entries} == shipped
    assert len(entries) == len(shipped)


def test_digests_and_sizes_are_those_of_the_files(checkout: Path, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        data = (checkout / entry["path"]).read_bytes()
        assert entry["bytes"] == len(data), entry["path"]
        assert entry["sha256"] == hashlib.sha256(data).hexdigest(), entry["path"]


def test_every_entry_says_all_and_is_in_the_notice(checkout: Path, entries: list[dict[str, Any]]) -> None:
    notice = (checkout / "NOTICE").read_text()
    for entry in entries:
        assert set(entry) == KEYS
        assert all(entry[key] for key in KEYS), entry["path"]
        assert entry["path"] in notice


def test_the_manifest_is_as_its_script_writes_it(checkout: Path) -> None:
    script = checkout / "packaging" / "models" / "refresh_manifest.py"
    spec = importlib.util.spec_from_file_location("refresh_manifest", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    manifest = checkout / "models" / "manifest.toml"
    assert module.refreshed(manifest.read_text()) == manifest.read_text()
