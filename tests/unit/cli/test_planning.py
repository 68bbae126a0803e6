"""Several photos in one call."""

import json
from typing import Any

import pytest

from facestudio.cli.console import Console
from facestudio.cli.planning import Job, each, plan
from facestudio.errors import CancelledError, ModelError, NoFaceError, UnreadableInputError, UsageError


def test_results_are_named_after_the_photos() -> None:
    assert [job.name for job in plan(["a/one.jpg", "two.v2.png", "noending"], None)] == [
        "one",
        "two.v2",
        "noending",
    ]
    assert plan(["one.jpg"], "other")[0].name == "other"


def test_no_two_results_share_a_name() -> None:
    names = [job.name for job in plan(["a/x.jpg", "b/x.jpg", "X.png", "x-2.jpg", "x.jpg"], None)]
    assert names[0] == "x"
    assert len({name.casefold() for name in names}) == 5


def test_one_name_is_for_one_photo() -> None:
    with pytest.raises(UsageError):
        plan(["a.jpg", "b.jpg"], "x")


def _work(job: Job, where: str) -> dict[str, Any]:
    errors = {
        "bad": UnreadableInputError("torn", hint="mend it"),
        "empty": NoFaceError("nobody"),
        "model": ModelError("gone"),
        "stop": CancelledError("stopped"),
    }
    if job.name in errors:
        raise errors[job.name]
    return {"name": job.name, "where": where}


def test_all_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert each(plan(["a.jpg", "b.jpg"], None), Console(json=True), _work) == 0
    assert json.loads(capsys.readouterr().out) == {
        "results": [{"name": "a", "where": "[1/2] a: "}, {"name": "b", "where": "[2/2] b: "}],
        "failures": [],
    }


def test_the_others_go_on_when_some_fail(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = plan(["bad.jpg", "a.jpg", "empty.jpg", "b.jpg"], None)
    assert each(jobs, Console(json=True), _work) == 7
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert [r["name"] for r in document["results"]] == ["a", "b"]
    assert [(f["photo"], f["exit_code"]) for f in document["failures"]] == [("bad.jpg", 4), ("empty.jpg", 3)]
    assert err == "bad.jpg: torn (mend it)\nempty.jpg: nobody\n2 of 4 photos failed\n"


def test_one_photo_fails_with_its_own_error() -> None:
    with pytest.raises(NoFaceError):
        each(plan(["empty.jpg"], None), Console(), _work)


@pytest.mark.parametrize(("name", "error"), [("model", ModelError), ("stop", CancelledError)])
def test_what_would_stop_every_photo_stops_at_once(name: str, error: type[Exception]) -> None:
    done: list[str] = []

    def work(job: Job, where: str) -> dict[str, Any]:
        done.append(job.name)
        return _work(job, where)

    with pytest.raises(error):
        each(plan(["a.jpg", f"{name}.jpg", "b.jpg"], None), Console(), work)
    assert done == ["a", name]
