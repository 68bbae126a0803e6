"""How near the similar heads are, on synthetic photos made for it; and whether one person finds the same heads."""

import shutil

import numpy as np
import pytest

from facestudio.errors import UnreadableInputError
from facestudio.evaluation.retrieval import MEAN, evaluate_retrieval
from facestudio.evaluation.same_person import area_under_curve, evaluate_same_person
from facestudio.synthesis.folder import Series, write_series


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held-out")
    write_series(folder, 10, Series(seed=12, size=256, held_out=True), workers=1)
    return folder


def test_true_points_come_near_to_what_could_be_found(photos):
    report = evaluate_retrieval(photos, count=4)
    by_way = {one.way: one for one in report.results}
    assert report.photos >= 2
    assert by_way[MEAN].gain == 0
    assert by_way["oracle: chosen together"].mean_mm < by_way["oracle: the nearest ten"].mean_mm
    assert by_way["true points"].gain > 0.7 * by_way["oracle: chosen together"].gain
    for one in report.results:
        assert one.low <= one.gain <= one.high


def test_area_under_the_curve():
    same = np.array([True, True, False, False])
    assert area_under_curve(np.array([3.0, 4.0, 1.0, 2.0]), same) == 1.0
    assert area_under_curve(np.array([1.0, 2.0, 3.0, 4.0]), same) == 0.0
    assert area_under_curve(np.ones(4), same) == 0.5


def test_photos_of_one_person_share_heads(photos, tmp_path):
    files = sorted(photos.rglob("*.jpg"))[:2]
    for number, file in enumerate(files):
        for copy in "ab":
            shutil.copy(file, tmp_path / f"p{number}_{copy}.jpg")
    for result in evaluate_same_person(tmp_path):
        assert (result.people, result.photos) == (2, 4)
        assert result.same == 10
        assert result.other < 10
        assert result.auc == 1.0
    (tmp_path / "p1_a.jpg").unlink()
    (tmp_path / "p0_a.jpg").unlink()
    with pytest.raises(UnreadableInputError, match="no two photos"):
        evaluate_same_person(tmp_path)
