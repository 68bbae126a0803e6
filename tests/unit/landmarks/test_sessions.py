import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facestudio.errors import ModelError
from facestudio.landmarks import sessions
from facestudio.landmarks.mesh_features import LAYERS


def test_the_three_models_open_with_the_shapes_the_code_counts_on() -> None:
    detector = sessions.open_shipped("face_detector")
    landmarker = sessions.open_shipped("face_landmarks")
    expression = sessions.open_shipped("face_expression")
    assert detector.input_shapes == {"image": (1, 128, 128, 3)}
    assert landmarker.input_shapes == {"image": (1, 256, 256, 3)}
    assert expression.input_shapes == {"points": (1, 146, 2)}
    assert set(detector.output_names) == {"boxes", "scores"}
    assert set(landmarker.output_names) == {"landmarks", "presence", "tongue", *LAYERS}
    assert expression.output_names == ("coefficients",)


def test_a_model_is_opened_once() -> None:
    assert sessions.open_shipped("face_detector") is sessions.open_shipped("face_detector")


def test_a_missing_file_is_a_model_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nose\.onnx is missing"):
        sessions.open_model(tmp_path / "nose.onnx")


@pytest.mark.parametrize("keep", [0, 100, 200_000])
def test_a_damaged_file_is_a_model_error(tmp_path: Path, checkout: Path, keep: int) -> None:
    data = (checkout / "models" / "face_detector.onnx").read_bytes()
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(data[:keep])
    with pytest.raises(ModelError, match=r"broken\.onnx is damaged") as caught:
        sessions.open_model(broken)
    assert "pip install" in caught.value.hint


def test_without_a_runtime_the_hint_is_one_pip_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match="No ONNX Runtime") as caught:
        sessions.open_model(tmp_path / "any.onnx")
    assert 'pip install "facestudio[cpu]"' in caught.value.hint


def test_inputs_of_the_wrong_shape_are_a_model_error() -> None:
    with pytest.raises(ModelError, match=r"face_detector\.onnx failed"):
        sessions.open_shipped("face_detector").run({"image": np.zeros((1, 64, 64, 3), np.float32)})


class _Options:
    def add_session_config_entry(self, key: str, value: str) -> None:
        setattr(self, key, value)


class _Session:
    def __init__(self, starts: bool, taken: list[str]) -> None:
        self._providers = taken if starts else ["CPUExecutionProvider"]

    def get_inputs(self) -> list[Any]:
        return []

    def get_outputs(self) -> list[Any]:
        return []

    def get_providers(self) -> list[str]:
        return self._providers

    def get_modelmeta(self) -> Any:
        return SimpleNamespace(custom_metadata_map={})


class _Runtime:
    """An ONNX Runtime that offers CUDA, which starts, falls back by itself, or fails."""

    SessionOptions = _Options

    def __init__(self, cuda: str) -> None:
        self.cuda = cuda
        self.asked: list[list[str]] = []
        self.options: Any = None

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(  # noqa: N802 (the runtime's own name)
        self, path: str, options: Any, providers: list[str]
    ) -> _Session:
        self.options = options
        self.asked.append(providers)
        if "CUDAExecutionProvider" in providers and self.cuda == "fails":
            raise RuntimeError("no libcudnn")
        return _Session(self.cuda == "starts", providers)


@pytest.mark.parametrize(
    ("cuda", "provider", "sessions_made"),
    [
        ("starts", "CUDAExecutionProvider", 1),
        ("falls back", "CPUExecutionProvider", 1),
        ("fails", "CPUExecutionProvider", 2),
    ],
)
def test_cuda_is_used_only_where_it_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cuda: str, provider: str, sessions_made: int
) -> None:
    runtime = _Runtime(cuda)
    monkeypatch.setattr(sessions, "_runtime", lambda: runtime)
    (tmp_path / "a.onnx").write_bytes(b"x")
    assert sessions.open_model(tmp_path / "a.onnx").provider == provider
    assert len(runtime.asked) == sessions_made


@pytest.mark.parametrize(("value", "threads"), [(None, 1), ("3", 3), ("0", 1), ("-2", 1), ("many", 1)])
def test_one_thread_unless_the_environment_says_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None, threads: int
) -> None:
    runtime = _Runtime("starts")
    monkeypatch.setattr(sessions, "_runtime", lambda: runtime)
    if value is None:
        monkeypatch.delenv(sessions.THREADS_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(sessions.THREADS_VARIABLE, value)
    (tmp_path / "a.onnx").write_bytes(b"x")
    sessions.open_model(tmp_path / "a.onnx")
    assert runtime.options.intra_op_num_threads == threads
    assert getattr(runtime.options, "session.intra_op.allow_spinning") == "0"
