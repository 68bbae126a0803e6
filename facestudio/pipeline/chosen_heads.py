"""Weights that a person gave to database heads, in place of those that retrieval found."""

from facestudio.database.model import HeadDatabase
from facestudio.errors import UsageError
from facestudio.values import SimilarHead


def with_chosen_weights(
    heads: tuple[SimilarHead, ...], chosen: tuple[tuple[str, float], ...], database: HeadDatabase
) -> tuple[SimilarHead, ...]:
    """Give heads the weights that were chosen; the others share what is left as they did before.

    Parameters
    ----------
    heads
        As found; their weights sum to one.
    chosen
        (id, weight) with weights 0..1; if they sum to more than one they are scaled down.
    database
        Where the ids come from.

    Returns
    -------
    tuple
        Heads of positive weight, heaviest first; weights sum to one. A chosen head that was not found has similarity 0.

    Raises
    ------
    UsageError
        If there is no such head, or a weight is not within 0..1, or nothing is left.
    """
    if not chosen:
        return heads
    wanted = dict(chosen)
    for name, weight in wanted.items():
        if name not in database.ids:
            raise UsageError(f"The database has no head {name}")
        if not 0.0 <= weight <= 1.0:
            raise UsageError(f"A weight of {weight} for {name} is not within 0 and 1")
    found = {head.id: head for head in heads}
    others = [head for head in heads if head.id not in wanted]
    rest = sum(head.weight for head in others)
    taken = sum(wanted.values())
    if taken > 1.0 or not rest:
        if not taken:
            raise UsageError("No head is left to use: all weights are zero")
        wanted = {name: weight / taken for name, weight in wanted.items()}
        taken = 1.0
    result = [SimilarHead(h.id, h.similarity, h.weight / rest * (1.0 - taken)) for h in others if taken < 1.0]
    result += [
        SimilarHead(name, found[name].similarity if name in found else 0.0, weight)
        for name, weight in wanted.items()
    ]
    return tuple(sorted((h for h in result if h.weight > 0), key=lambda h: -h.weight))
