"""Weights that a person chose take the place of those that were found."""

from types import SimpleNamespace
from typing import Any

import pytest

from facestudio.errors import UsageError
from facestudio.pipeline.chosen_heads import with_chosen_weights
from facestudio.values import SimilarHead

DATABASE: Any = SimpleNamespace(ids=("a", "b", "c", "d"))
FOUND = (SimilarHead("a", 0.9, 0.5), SimilarHead("b", 0.8, 0.3), SimilarHead("c", 0.7, 0.2))


def weights(heads: tuple[SimilarHead, ...]) -> dict[str, float]:
    return {head.id: head.weight for head in heads}


def test_nothing_chosen_changes_nothing() -> None:
    assert with_chosen_weights(FOUND, (), DATABASE) is FOUND


def test_the_others_share_what_is_left() -> None:
    heads = with_chosen_weights(FOUND, (("b", 0.6),), DATABASE)
    assert weights(heads) == pytest.approx({"b": 0.6, "a": 0.4 * 5 / 7, "c": 0.4 * 2 / 7})
    assert [head.id for head in heads] == ["b", "a", "c"]
    assert {head.id: head.similarity for head in heads} == {"a": 0.9, "b": 0.8, "c": 0.7}


def test_a_head_that_was_not_found_can_be_chosen() -> None:
    heads = with_chosen_weights(FOUND, (("d", 0.25),), DATABASE)
    assert weights(heads)["d"] == 0.25
    assert sum(weights(heads).values()) == pytest.approx(1)


@pytest.mark.parametrize("chosen", [(("a", 1.0), ("b", 1.0)), (("a", 0.2), ("b", 0.2), ("c", 0.1))])
def test_weights_always_sum_to_one(chosen: tuple[tuple[str, float], ...]) -> None:
    assert sum(weights(with_chosen_weights(FOUND, chosen, DATABASE)).values()) == pytest.approx(1)


def test_a_weight_of_zero_leaves_a_head_out() -> None:
    assert set(weights(with_chosen_weights(FOUND, (("a", 0.0),), DATABASE))) == {"b", "c"}


@pytest.mark.parametrize(
    "chosen", [(("z", 0.5),), (("a", -0.1),), (("a", 1.5),), (("a", 0.0), ("b", 0.0), ("c", 0.0))]
)
def test_what_makes_no_sense(chosen: tuple[tuple[str, float], ...]) -> None:
    with pytest.raises(UsageError):
        with_chosen_weights(FOUND, chosen, DATABASE)
