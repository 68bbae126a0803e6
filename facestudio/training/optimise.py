"""Trains small networks: one resumable loop, and the way to ONNX. It needs torch and onnx (extra `train`)."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.database.archive import replace_file
from facestudio.extras import extra_module

_KEEP_EVERY = 100  # steps
_MEMORY = 0.02  # of the loss that is told: a running mean


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    Attributes
    ----------
    steps
        Of one batch each.
    seed
        Of what is drawn in each step.
    rate, decay, warm
        Highest rate of AdamW, its weight decay, and the share of the steps until the rate is highest.
    kept
        Where the state is kept every 100 steps, and taken up again; None for nowhere.
    """

    steps: int
    seed: int
    rate: float
    decay: float
    warm: float
    kept: Path | None = None


def optimise(
    network: Any,
    loss_of: Callable[[np.random.Generator], Any],
    schedule: Schedule,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train a network in place.

    Parameters
    ----------
    network
        A torch module.
    loss_of
        Draws a batch with the generator it is given, and returns the network's loss on it.
    schedule
        How; a step depends on its number and the seed alone, so that what was stopped goes on as if it had not been.
    say
        Called with a line of progress.
    """
    torch: Any = extra_module("torch", "train", "Training a network")
    steps, kept = schedule.steps, schedule.kept
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.rate, total_steps=steps + 1, pct_start=schedule.warm
    )
    states = {"network": network, "optimiser": optimiser, "rate": rate}
    first = 1
    if kept is not None and kept.is_file():
        before = torch.load(kept)
        for name, part in states.items():
            part.load_state_dict(before[name])
        first = int(before["step"]) + 1
    began, mean = time.perf_counter(), 0.0
    network.train()
    for step in range(first, steps + 1):
        loss = loss_of(np.random.default_rng([schedule.seed, step]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        rate.step()
        mean += (float(loss.detach()) - mean) * max(_MEMORY, 1 / (step - first + 1))
        if step % _KEEP_EVERY == 0 or step == steps:
            say(f"step {step} of {steps}: loss {mean:.3f}, {time.perf_counter() - began:.0f} s")
            if kept is not None:
                with replace_file(kept) as beside:
                    torch.save({**{n: part.state_dict() for n, part in states.items()}, "step": step}, beside)


def export_onnx(
    whole: Any,
    inputs: Mapping[str, Sequence[int]],
    output: str,
    properties: Mapping[str, str],
    path: Path,
    finish: Callable[[Any], None] = lambda model: None,
) -> None:
    """Write a torch module as ONNX.

    Parameters
    ----------
    whole
        The module, with one output.
    inputs
        Names and shapes of what it takes, in order.
    output
        The output's name.
    properties
        Written into the file.
    path
        The file; replaced at once when it is whole.
    finish
        May still change the model.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    onnx: Any = extra_module("onnx", "train", "Writing a network")
    torch: Any = extra_module("torch", "train", "Writing a network")
    with replace_file(path) as beside:
        torch.onnx.export(
            whole.eval(),
            tuple(torch.zeros(*shape) for shape in inputs.values()),
            str(beside),
            input_names=list(inputs),
            output_names=[output],
            opset_version=17,
            dynamo=False,
        )
        model: Any = onnx.load(str(beside))
        finish(model)
        onnx.helper.set_model_props(model, dict(properties))
        onnx.checker.check_model(model)
        onnx.save(model, str(beside))
