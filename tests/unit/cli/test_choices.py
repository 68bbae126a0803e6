"""The command line's own lists, there so that the help imports nothing heavy, agree with the rooms."""

from itertools import pairwise

import pytest

from facestudio.cli import landmarks, options, reconstruct, render
from facestudio.cli.console import Console
from facestudio.cli.main import build_parser
from facestudio.errors import UsageError
from facestudio.export import FORMATS
from facestudio.landmarks.combine import LANDMARK_METHODS
from facestudio.pipeline.request import METHODS, MOST_PHOTOS, TEXTURE_SIZES, Request, Stage
from facestudio.render.scene import MODES


def test_choices_are_those_of_the_rooms() -> None:
    assert options.TEXTURE_SIZES == TEXTURE_SIZES
    assert set(reconstruct.METHODS) == set(METHODS)
    assert reconstruct.MOST_PHOTOS == MOST_PHOTOS
    assert reconstruct.METHODS[0] == Request.method
    assert Request.texture_size in options.TEXTURE_SIZES
    assert options.FORMATS == FORMATS
    assert render.MODES == MODES
    assert landmarks.LANDMARK_METHODS == LANDMARK_METHODS


def test_progress_covers_every_stage_in_order() -> None:
    assert set(reconstruct.PROGRESS) == {stage.value for stage in Stage}
    spans = [reconstruct.PROGRESS[stage.value] for stage in Stage]
    for (begin, share), (following, _) in pairwise(spans):
        assert abs(begin + share - following) < 1e-9
    assert sum(spans[-1]) <= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.jpg"],
        ["a.jpg"] * 6,
        ["a.jpg", "b.jpg", "--landmarks", "a.pts"],
        ["a.jpg", "b.jpg", "--face", "2"],
        ["a.jpg", "b.facestudio"],
        ["a.jpg", "b.jpg", "--method", "paper"],
    ],
)
def test_photos_of_one_person_are_asked_for_in_a_sensible_way(arguments: list[str]) -> None:
    args = build_parser().parse_args(["reconstruct", *arguments, "--same-person", "--output", "out"])
    with pytest.raises(UsageError):
        reconstruct.run(args, Console())
