"""All files or none, and nothing replaced unasked."""

import errno
import os
import signal
import subprocess
from pathlib import Path

import pytest

from facestudio.errors import UsageError, WriteError
from facestudio.export import FORMATS, check_outputs, export_head, write


def _tree(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_writes_exactly_what_was_asked_for(head, tmp_path):
    files = export_head(head, tmp_path / "new" / "folder", "ann", formats=["obj", "glb"])
    assert set(files) == {"obj", "mtl", "png", "glb", "json"}
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(files.values())
    assert all(p.is_file() for p in files.values())


@pytest.mark.parametrize("name", ["", "  ", ".", "..", "a/b", "../a", "a\\b", "a\nb", "a\0b", "x" * 300])
def test_names_that_are_no_file_names_are_refused(head, tmp_path, name):
    with pytest.raises(UsageError, match="name"):
        export_head(head, tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Zoë 頭 🙂", "a.b", ".hidden", "-dash", "x" * 200, "con"])
def test_names_that_are_odd_but_fine(bare_head, tmp_path, name):
    files = export_head(bare_head, tmp_path, name, formats=["obj"])
    assert files["obj"].name == name + ".obj"
    assert files["obj"].is_file()


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(UsageError, match="fbx") as caught:
        check_outputs(tmp_path, "x", ["obj", "fbx"])
    assert all(f in caught.value.hint for f in FORMATS)


@pytest.mark.parametrize("taken", ["x.obj", "x.mtl", "x.png", "x.json"])
def test_what_is_there_is_kept(head, tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    with pytest.raises(WriteError, match=taken):
        check_outputs(tmp_path, "x", ["obj"])
    with pytest.raises(WriteError, match=taken):
        export_head(head, tmp_path, "x", formats=["obj"])
    assert _tree(tmp_path) == {taken: b"mine"}


def test_overwrite_replaces_and_leaves_other_files_alone(head, tmp_path):
    for name in ("x.obj", "x.glb", "y.obj"):
        (tmp_path / name).write_text("old")
    files = export_head(head, tmp_path, "x", formats=["obj"], overwrite=True)
    assert files["obj"].stat().st_size > 1000
    assert (tmp_path / "x.glb").read_text() == (tmp_path / "y.obj").read_text() == "old"


def test_a_folder_in_the_way_is_not_replaced(head, tmp_path):
    (tmp_path / "x.obj").mkdir()
    with pytest.raises(WriteError, match=r"x\.obj"):
        export_head(head, tmp_path, "x", formats=["obj"], overwrite=True)
    assert (tmp_path / "x.obj").is_dir()


def test_a_dangling_link_counts_as_there(tmp_path):
    (tmp_path / "x.obj").symlink_to(tmp_path / "nowhere")
    with pytest.raises(WriteError, match=r"x\.obj"):
        check_outputs(tmp_path, "x", ["obj"])


def test_a_file_where_the_folder_should_be(head, tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WriteError, match="not a folder"):
            check_outputs(folder, "x", ["obj"])
        with pytest.raises(WriteError, match="not a folder"):
            export_head(head, folder, "x")
    assert _tree(tmp_path) == {"file": b"mine"}


def test_check_outputs_makes_nothing(tmp_path):
    check_outputs(tmp_path / "a" / "b", "x", ["obj", "glb", "ply", "stl"])
    assert list(tmp_path.iterdir()) == []


def _fail_at(monkeypatch, number, error):
    """Let the write of the given number (from 1) fail after half of its bytes."""
    count = 0
    real = write._write

    def failing(path, content):
        nonlocal count
        count += 1
        if count == number:
            path.write_bytes(b"half")
            raise error
        real(path, content)

    monkeypatch.setattr(write, "_write", failing)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_everything_as_it_was(head, tmp_path, monkeypatch, number, overwrite):
    folder = tmp_path / "out"
    if overwrite:
        folder.mkdir()
        (folder / "x.obj").write_text("old")
    before = _tree(tmp_path)
    _fail_at(monkeypatch, number, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(WriteError, match="full"):
        export_head(head, folder, "x", overwrite=overwrite)
    assert _tree(tmp_path) == before
    assert folder.exists() == overwrite  # a folder made for nothing goes too


def test_an_interruption_leaves_nothing(head, tmp_path, monkeypatch):
    _fail_at(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        export_head(head, tmp_path, "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_a_failing_move_puts_everything_back(head, tmp_path, monkeypatch, number):
    """Files are moved into place one by one: if one move fails, those before it are taken back."""
    (tmp_path / "x.obj").write_text("old obj")
    (tmp_path / "x.json").write_text("old json")
    before = _tree(tmp_path)
    real, count = Path.replace, 0

    def failing(self, target):
        nonlocal count
        count += 1
        if count == number:
            raise PermissionError(errno.EACCES, "denied")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(WriteError, match="permission"):
        export_head(head, tmp_path, "x", overwrite=True)
    assert _tree(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="there are no limits on files to set")
@pytest.mark.parametrize("formats", [["obj"], ["glb"], ["usd"]])
def test_a_write_that_really_fails(head, tmp_path, formats):
    """The system refuses to let files grow past 100 kB: a true failure in the middle of a write."""
    import resource

    if "usd" in formats:
        pytest.importorskip("pxr.Usd", reason="usd-core is not installed")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(WriteError, match="Cannot write"):
            export_head(head, tmp_path, "x", formats=formats)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_really_full(head, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(WriteError, match="full"):
            export_head(head, disk, "x")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no folder that root cannot write to")
def test_a_folder_without_permission(head):
    with pytest.raises(WriteError):
        export_head(head, Path("/proc/self"), "x")
