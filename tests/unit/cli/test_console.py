"""What goes to stdout and what to stderr."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from facestudio.cli.console import Console, prepare_streams


def test_results_are_on_stdout_and_the_rest_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.progress(0.5, "half")
    console.note("by the way")
    console.result("out/a.obj")
    console.error("trouble")
    console.document({"not": "asked for"})
    out, err = capsys.readouterr()
    assert out == "out/a.obj\n"
    assert err == " 50 %  half\nby the way\ntrouble\n"


def test_quiet_keeps_results_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.progress(0.5, "half")
    console.note("by the way")
    console.result("out/a.obj")
    console.error("trouble")
    assert capsys.readouterr() == ("out/a.obj\n", "trouble\n")


def test_json_is_one_document_that_knows_paths_and_arrays(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(json=True)
    console.result("not this")
    console.document({"path": Path("a") / "b", "array": np.eye(2), "number": np.float32(0.5), "name": "Ä"})
    out = capsys.readouterr().out
    assert out.isascii()  # readable whatever the encoding of the pipe
    assert json.loads(out) == {
        "path": str(Path("a") / "b"),
        "array": [[1.0, 0.0], [0.0, 1.0]],
        "number": 0.5,
        "name": "Ä",
    }
    with pytest.raises(TypeError):
        console.document({"object": object()})


def test_a_message_appears_once_however_often_it_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    for fraction in (0.1, 0.2, 0.3):
        console.progress(fraction, "fitting")
    console.progress(2.0, "done")
    assert capsys.readouterr().err == " 10 %  fitting\n100 %  done\n"


def test_on_a_terminal_one_line_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    console = Console()
    console.progress(0.1, "a long message")
    console.progress(0.2, "short")
    console.note("next")
    err = capsys.readouterr().err
    assert (
        err == "\r 10 %  a long message\r" + " 20 %  short".ljust(len(" 10 %  a long message")) + "\nnext\n"
    )


def test_names_the_terminal_cannot_show_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    prepare_streams()
    Console().result("日本.obj \udce9")
    assert raw.getvalue() == rb"\u65e5\u672c.obj \udce9" + b"\n"
