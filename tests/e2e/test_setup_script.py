"""The set-up script, with every tool it calls replaced by one that only writes down how it was called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the set-up script is for Linux")

_REAL = ("sh", "cat", "cut", "dirname", "env", "mkdir", "cp", "rm", "chmod", "sha256sum", "uname", "true")

_PYTHON = """#!/bin/sh
# Stands for Python: knows its version, and `-m venv DIR` makes a folder with a pip that installs nothing.
echo "python $*" >> "$CALLS"
case "$*" in
    "-m venv "*)
        [ -f "$STATE/no-venv" ] && exit 1
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python" ;;
    *"pip install"*)
        [ -f "$STATE/no-index" ] && exit 1
        echo x > .venv/bin/facestudio; chmod +x .venv/bin/facestudio ;;
    *"%d.%d"*) echo 3.11 ;;
    "-m virtualenv --version") exit 1 ;;
esac
exit 0
"""

_APT = """#!/bin/sh
echo "apt-get $*" >> "$CALLS"
case "$*" in
    update*) [ -f "$STATE/no-lists" ] && exit 100 ;;
    install*)
        [ -f "$STATE/no-packages" ] && exit 100
        rm -f "$STATE/no-venv"
        cp "$STATE/all" "$STATE/known" ;;
esac
exit 0
"""


class Machine:
    """A checkout on a made-up machine."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.root = folder / "a checkout"
        self.bin = folder / "bin"
        self.state = folder / "state"
        self.calls_file = folder / "calls"
        for path in (self.root / "packaging", self.bin, self.state):
            path.mkdir(parents=True)
        shutil.copy(checkout / "packaging" / "setup.sh", self.root / "packaging" / "setup.sh")
        shutil.copy(checkout / "pyproject.toml", self.root / "pyproject.toml")
        for name in _REAL:
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        script = (checkout / "packaging" / "setup.sh").read_text(encoding="utf-8")
        libraries = script.partition("libraries='")[2].partition("'")[0].split()[::2]
        assert len(libraries) > 15
        (self.state / "all").write_text("\n".join(libraries))
        (self.state / "known").write_text("\n".join(libraries))
        self.tool("ldconfig", 'cat "$STATE/known"')
        self.tool("id", "echo 1000")
        self.tool("xvfb-run", "")
        self.tool("xauth", "")
        self.write(self.bin / "python3", _PYTHON)

    def write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def tool(self, name: str, line: str) -> None:
        self.write(self.bin / name, f"#!/bin/sh\n{line}\n")

    def with_apt(self) -> None:
        self.write(self.bin / "apt-get", _APT)

    def be_root(self) -> None:
        self.tool("id", "echo 0")

    def with_sudo(self) -> None:
        self.tool("sudo", 'echo "sudo $*" >> "$CALLS"\n[ "$1" = -n ] && shift\nexec "$@"')

    def lack(self, what: str) -> None:
        (self.state / what).write_text("")

    def lack_libraries(self) -> None:
        (self.state / "known").write_text("libGL.so.1\n")

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        self.calls_file.write_text("")
        return subprocess.run(
            ["sh", "packaging/setup.sh", *arguments],
            cwd=self.root,
            env={"PATH": str(self.bin), "CALLS": str(self.calls_file), "STATE": str(self.state), **variables},
            capture_output=True,
            text=True,
        )

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines()

    def called(self, what: str) -> bool:
        return any(what in line for line in self.calls)


@pytest.fixture
def machine(tmp_path: Path, checkout: Path) -> Machine:
    return Machine(tmp_path, checkout)


def test_the_second_run_costs_nothing(machine: Machine) -> None:
    first = machine.run()
    assert first.returncode == 0, first.stderr
    assert machine.called("pip install")
    assert machine.called(".[cpu,dev]")
    second = machine.run()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.calls == []


@pytest.mark.parametrize("changed", ["pyproject.toml", "packaging/setup.sh"])
def test_a_change_of_what_is_needed_installs_again(machine: Machine, changed: str) -> None:
    machine.run()
    with (machine.root / changed).open("a") as file:
        file.write("\n# changed\n")
    assert machine.run().returncode == 0
    assert machine.called("pip install")
    machine.run()
    assert machine.calls == []
    machine.run("--force")
    assert machine.called("pip install")


def test_a_failed_installation_is_not_taken_for_done(machine: Machine) -> None:
    machine.lack("no-index")
    failed = machine.run()
    assert failed.returncode != 0
    assert "error" in failed.stderr
    (machine.state / "no-index").unlink()
    assert machine.run().returncode == 0
    assert machine.called("pip install")


@pytest.mark.parametrize("way", ["root", "sudo"])
def test_missing_libraries_are_installed_where_that_is_allowed(machine: Machine, way: str) -> None:
    machine.with_apt()
    machine.lack_libraries()
    if way == "root":
        machine.be_root()
    else:
        machine.with_sudo()
    done = machine.run()
    assert done.returncode == 0, done.stderr
    (install,) = [line for line in machine.calls if line.startswith("apt-get install")]
    assert {"libegl1", "libxcb-cursor0"} <= set(install.split())
    assert "libgl1" not in install.split()  # it is there
    assert {"-y", "-qq"} <= set(install.split())
    assert machine.called("sudo ") == (way == "sudo")
    assert "warning" not in done.stderr


def test_old_package_lists_do_not_stop_it(machine: Machine) -> None:
    machine.with_apt()
    machine.be_root()
    machine.lack_libraries()
    machine.lack("no-lists")
    done = machine.run()
    assert done.returncode == 0
    assert "warning" not in done.stderr


@pytest.mark.parametrize("sudo", [False, True], ids=["no sudo", "sudo asks for a password"])
def test_without_rights_it_names_what_is_missing_and_goes_on(machine: Machine, sudo: bool) -> None:
    machine.with_apt()
    machine.lack_libraries()
    if sudo:
        machine.tool("sudo", "exit 1")
    done = machine.run()
    assert done.returncode == 0
    assert "libegl1" in done.stderr
    assert "sudo apt-get install" in done.stderr
    assert not machine.called("apt-get")
    assert machine.called("pip install")


def test_packages_that_cannot_be_had_are_not_asked_for_in_every_run(machine: Machine) -> None:
    machine.with_apt()
    machine.be_root()
    machine.lack_libraries()
    machine.lack("no-packages")
    first = machine.run()
    assert first.returncode == 0
    assert "warning" in first.stderr
    assert machine.run().returncode == 0
    assert machine.calls == []
    (machine.state / "no-packages").unlink()
    machine.run("--force")
    assert machine.called("apt-get install")


def test_no_apt_is_touched_when_told_so(machine: Machine) -> None:
    machine.with_apt()
    machine.be_root()
    machine.lack_libraries()
    assert machine.run(FACESTUDIO_NO_APT="1").returncode == 0
    assert not machine.called("apt-get")


def test_a_missing_venv_module_is_installed(machine: Machine) -> None:
    machine.with_apt()
    machine.be_root()
    machine.lack("no-venv")
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.called("apt-get install -y -qq --no-install-recommends python3.11-venv")


def test_without_a_venv_module_and_without_rights_the_way_out_is_shown(machine: Machine) -> None:
    machine.lack("no-venv")
    done = machine.run()
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
    assert not (machine.root / ".venv").exists()


def test_without_python_the_way_out_is_shown(machine: Machine) -> None:
    (machine.bin / "python3").unlink()
    done = machine.run()
    assert done.returncode == 1
    assert "3.11" in done.stderr


def test_an_interpreter_of_ones_choice(machine: Machine) -> None:
    shutil.move(machine.bin / "python3", machine.bin / "my-python")
    assert machine.run().returncode == 1
    assert machine.run(FACESTUDIO_PYTHON="my-python").returncode == 0
    assert os.access(machine.root / ".venv" / "bin" / "facestudio", os.X_OK)
