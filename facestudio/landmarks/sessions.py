"""Opens the shipped ONNX models: once each, on the GPU where that really works, else on the CPU."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.errors import ModelError
from facestudio.paths import models

THREADS_VARIABLE = "FACESTUDIO_THREADS"


class OnnxModel:
    """An open model.

    Attributes
    ----------
    name
        File name, for messages.
    input_shapes
        Shape of each input by name; a free dimension is None.
    output_names
        In the model's order.
    provider
        Where it runs: CUDAExecutionProvider or CPUExecutionProvider.
    properties
        What its maker wrote into it.
    """

    def __init__(self, path: Path, session: Any) -> None:
        self.name = path.name
        self._session = session
        self.input_shapes: dict[str, tuple[int | None, ...]] = {
            value.name: tuple(n if isinstance(n, int) else None for n in value.shape)
            for value in session.get_inputs()
        }
        self.output_names: tuple[str, ...] = tuple(value.name for value in session.get_outputs())
        self.provider: str = session.get_providers()[0]
        self.properties: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)

    def run(
        self, inputs: Mapping[str, NDArray[np.float32]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Run the model; may be called from several threads at once. All outputs are returned, or those named.

        Raises
        ------
        ModelError
            If the runtime fails on these inputs.
        """
        wanted = self.output_names if outputs is None else tuple(outputs)
        try:
            values = self._session.run(wanted, dict(inputs))
        except Exception as error:  # the runtime has a dozen exception classes and no common base
            raise ModelError(f"The model {self.name} failed: {error}") from error
        return dict(zip(wanted, values, strict=True))


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            "No ONNX Runtime is installed, and the models need one",
            hint='Install it with: pip install "facestudio[cpu]"',
        ) from error
    return onnxruntime


def _thread_count() -> int:
    # One thread: the models are small, and two sessions of two threads slow each other by spinning.
    value = os.environ.get(THREADS_VARIABLE, "1")
    return int(value) if value.isdigit() and int(value) > 0 else 1


@cache
def open_model(path: Path) -> OnnxModel:
    """Open an ONNX file, the first time; later calls return the same object.

    CUDA is used where the runtime offers it and it really starts (the GPU build lists CUDA even where there
    is none). `FACESTUDIO_THREADS` sets the threads of one model (default 1).

    Raises
    ------
    ModelError
        If no ONNX Runtime is installed, or the file is missing or damaged.
    """
    runtime = _runtime()
    if not path.is_file():
        raise ModelError(
            f"The model {path.name} is missing ({path})",
            hint='Install facestudio again: pip install --force-reinstall "facestudio[cpu]"',
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = _thread_count()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong arrives as an exception

    choices = [["CPUExecutionProvider"]]
    if "CUDAExecutionProvider" in runtime.get_available_providers():
        choices.insert(0, ["CUDAExecutionProvider", "CPUExecutionProvider"])
    failure: Exception | None = None
    for providers in choices:
        try:
            return OnnxModel(path, runtime.InferenceSession(str(path), options, providers=providers))
        except Exception as error:  # see OnnxModel.run
            failure = error
    raise ModelError(
        f"The model {path.name} is damaged: {failure}",
        hint='Install facestudio again: pip install --force-reinstall "facestudio[cpu]"',
    ) from failure


def open_shipped(name: str) -> OnnxModel:
    """Open models/`name`.onnx; see `open_model`."""
    return open_model(models() / f"{name}.onnx")
