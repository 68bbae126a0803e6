#!/usr/bin/env python3
"""Make models/person.onnx from MediaPipe's selfie segmentation (Apache-2.0), with layers of its inside as outputs.

Runs as `convert_mediapipe.py` does, in the same environment:

    convert/bin/python packaging/models/convert_person.py [TFLITE_OR_TGZ] [--output models]

Without a file the npm package @mediapipe/selfie_segmentation@0.1.1675465747 is fetched with npm.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from convert_mediapipe import convert, expose

PACKAGE = "@mediapipe/selfie_segmentation@0.1.1675465747"
MEMBER = "package/selfie_segmentation.tflite"
TFLITE_SHA256 = "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27"
SOURCE = "MediaPipe selfie_segmentation.tflite, The MediaPipe Authors"

# What it sees at four scales: the ends of the decoder's three stages, and of the encoder.
LAYERS = {"t186_0": "person_128", "t167_0": "person_64", "t150_0": "person_32", "t126_0": "person_16"}


def tflite_bytes(source: Path | None, scratch: Path) -> bytes:
    """Return selfie_segmentation.tflite, from the file given or from the package."""
    if source is None:
        subprocess.run(["npm", "pack", PACKAGE], check=True, cwd=scratch)
        source = next(scratch.glob("*.tgz"))
    data = source.read_bytes()
    if source.suffix == ".tgz":
        with tarfile.open(fileobj=io.BytesIO(data)) as package:
            member = package.extractfile(MEMBER)
            assert member is not None
            data = member.read()
    digest = hashlib.sha256(data).hexdigest()
    if digest != TFLITE_SHA256:
        raise SystemExit(f"{source}: sha256 {digest}, expected {TFLITE_SHA256}")
    return data


def plain_ops(model: Any) -> None:
    """Write MediaPipe's own operation (a transposed convolution with a bias) as ONNX has it, and add the layers."""
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type != "TFL_Convolution2DTransposeBias":
            nodes.append(node)
            continue
        x, kernel, bias = node.input
        values = numpy_helper.to_array(weights[kernel])  # (out, 2, 2, in)
        graph.initializer.remove(weights[kernel])
        graph.initializer.append(numpy_helper.from_array(values.transpose(3, 0, 1, 2).copy(), kernel))
        inner, outer = f"{node.name}_in", f"{node.name}_out"
        nodes += [
            helper.make_node("Transpose", [x], [inner], name=f"{node.name}_i", perm=[0, 3, 1, 2]),
            helper.make_node(
                "ConvTranspose",
                [inner, kernel, bias],
                [outer],
                name=node.name,
                kernel_shape=[2, 2],
                strides=[2, 2],
            ),
            helper.make_node(
                "Transpose", [outer], list(node.output), name=f"{node.name}_o", perm=[0, 2, 3, 1]
            ),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", 15)])
    expose(model, LAYERS)


def main() -> None:
    """Convert the model and print its size and digest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", nargs="?", type=Path, help="the tflite file or the npm package")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[2] / "models")
    arguments = parser.parse_args()

    if os.environ.get("PYTHONHASHSEED") != "0":  # tf2onnx walks over sets
        environment = dict(os.environ, PYTHONHASHSEED="0", TF_CPP_MIN_LOG_LEVEL="3")
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)

    with tempfile.TemporaryDirectory() as folder:
        data = tflite_bytes(arguments.source, Path(folder))
        data = convert(data, "image", ("person",), Path(folder), SOURCE, plain_ops)
    target = arguments.output / "person.onnx"
    beside = target.with_suffix(".part")
    beside.write_bytes(data)
    beside.replace(target)
    print(f"{target}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
