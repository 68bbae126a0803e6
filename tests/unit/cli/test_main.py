"""Dispatch and failures of the command line, with a command made for the test."""

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from facestudio import __version__
from facestudio.cli import main as main_module
from facestudio.cli.console import Console
from facestudio.cli.main import build_parser, main
from facestudio.cli.options import common
from facestudio.errors import (
    CancelledError,
    FacestudioError,
    ModelError,
    NoFaceError,
    PartialFailureError,
    UnreadableInputError,
    UsageError,
    WriteError,
)

Run = Callable[[argparse.Namespace, Console], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Make `facestudio app` run a function instead."""

    def install(run: Run) -> None:
        def add_parser(commands: Any) -> None:
            parser = commands.add_parser("app", parents=[common()])
            parser.add_argument("file", nargs="?")
            parser.set_defaults(run=run)

        monkeypatch.setattr(main_module, "COMMANDS", (SimpleNamespace(add_parser=add_parser),))

    return install


def _raising(error: BaseException) -> Run:
    def run(args: argparse.Namespace, console: Console) -> int:
        raise error

    return run


def _reports() -> list[Path]:
    from facestudio.paths import user_log

    return sorted(user_log().glob("report-*"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, 2),
        (NoFaceError, 3),
        (UnreadableInputError, 4),
        (ModelError, 5),
        (WriteError, 6),
        (PartialFailureError, 7),
        (CancelledError, 130),
    ],
)
def test_each_expected_failure_has_its_exit_code_and_says_what_to_do(
    error: type[FacestudioError], code: int, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    command(_raising(error("what happened", hint="what to do")))
    before = _reports()
    assert main(["app"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "facestudio: what happened\nwhat to do\n"
    assert _reports() == before


def test_a_failure_as_json(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command(_raising(ModelError("gone", hint="fetch it")))
    assert main(["app", "--json"]) == 5
    assert json.loads(capsys.readouterr().out) == {
        "error": {"message": "gone", "hint": "fetch it", "exit_code": 5}
    }


def test_an_internal_error_leaves_a_report_and_no_traceback(
    command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    command(_raising(ZeroDivisionError("never meant to be")))
    before = _reports()
    assert main(["app", "a photo.jpg", "--json"]) == 1
    out, err = capsys.readouterr()
    (report,) = set(_reports()) - set(before)
    assert str(report) in err
    assert "Traceback" not in err
    assert json.loads(out)["error"]["report"] == str(report)
    text = report.read_text(encoding="utf-8")
    assert "ZeroDivisionError: never meant to be" in text
    assert "Traceback" in text
    assert "'a photo.jpg'" in text
    assert __version__ in text


def test_two_reports_in_one_second_are_two_files(command: Any) -> None:
    command(_raising(RuntimeError("again")))
    before = _reports()
    main(["app"])
    main(["app"])
    assert len(_reports()) == len(before) + 2


def test_a_report_finds_a_place_when_the_log_folder_cannot_be_made(
    command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setattr("facestudio.paths.user_log", lambda: blocked / "log")
    command(_raising(RuntimeError("no place")))
    assert main(["app"]) == 1
    report = Path(capsys.readouterr().err.strip().rpartition("saved in ")[2])
    assert "no place" in report.read_text(encoding="utf-8")
    report.unlink()


def test_a_full_disk_is_not_an_internal_error(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command(_raising(OSError(28, "No space left on device")))
    assert main(["app"]) == 6
    assert "No space left" in capsys.readouterr().err


def test_ctrl_c_exits_with_130(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command(_raising(KeyboardInterrupt()))
    assert main(["app"]) == 130
    assert "Cancelled" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_a_library_makes_of_a_signal_is_cancelled_too(
    number: signal.Signals, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compiled module that is interrupted while it is loaded raises an ImportError in its place."""

    def run(args: argparse.Namespace, console: Console) -> int:
        try:
            os.kill(os.getpid(), number)
            for _ in range(1000):
                pass
        except KeyboardInterrupt as error:
            raise ModelError("No ONNX Runtime is installed, and the models need one") from error
        return 0

    command(run)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["app"]) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr().err
    assert "Cancelled" in said
    assert "ONNX" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_who_ignores_ctrl_c_goes_on_to(command: Any) -> None:
    def run(args: argparse.Namespace, console: Console) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
        return 0

    command(run)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert main(["app"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_being_terminated_cleans_up_and_exits_with_130(command: Any) -> None:
    cleaned: list[bool] = []

    def run(args: argparse.Namespace, console: Console) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):  # the signal is delivered between two bytecodes
                pass
        finally:
            cleaned.append(True)
        return 0

    command(run)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["app"]) == 130
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["app", "--frobnicate"], ["app", "--qui"], ["app", "one", "two"]],
    ids=["unknown command", "unknown option", "shortened option", "one too many"],
)
def test_wrong_usage_exits_with_2_and_points_to_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--help" in err
    assert "Traceback" not in err


def test_without_a_command_the_app_opens(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str | None] = []

    def run(args: argparse.Namespace, console: Console) -> int:
        opened.append(args.file)
        return 0

    command(run)
    assert main([]) == 0
    monkeypatch.setattr(sys, "argv", ["facestudio-app", "a.jpg"])
    assert main_module.main_app() == 0
    assert opened == [None, "a.jpg"]


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"facestudio {__version__}\n"


def _leaves(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return the parsers of all commands that have no further commands."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        return [parser]
    return [leaf for action in below for child in action.choices.values() for leaf in _leaves(child)]


def test_every_command_takes_quiet_and_json_and_explains_itself() -> None:
    leaves = _leaves(build_parser())
    assert len(leaves) >= 7
    for leaf in leaves:
        options = {option for action in leaf._actions for option in action.option_strings}
        assert {"--quiet", "--json", "--help"} <= options, leaf.prog
        assert leaf.description, leaf.prog
        assert callable(leaf.get_default("run")), leaf.prog
        for action in leaf._actions:
            assert action.help, f"{leaf.prog}: {action.dest} has no help"
        assert leaf.format_help()


def test_the_readme_lists_every_command(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    block = readme.partition("## Commands")[2].partition("```")[2].partition("```")[0]
    for leaf in _leaves(build_parser()):
        command = leaf.prog.split()[1]
        if command != "app":
            assert f"facestudio {command}" in block


class _ClosedPipe(io.StringIO):
    """What a stream is whose reader went away."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_closed_pipe_does_not_stop_the_work(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    done: list[bool] = []

    def run(args: argparse.Namespace, console: Console) -> int:
        console.result("nobody reads this")
        done.append(True)
        return 0

    command(run)
    monkeypatch.setattr(sys, "stdout", _ClosedPipe(write))
    assert main(["app"]) == 0
    os.close(write)
    assert done == [True]
    assert capsys.readouterr().err == ""
