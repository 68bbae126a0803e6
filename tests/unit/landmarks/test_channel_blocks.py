"""Networks written anew for kernels of whole blocks of channels compute the same."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra dev)")

SCRIPT = Path(__file__).resolve().parents[3] / "packaging" / "models" / "channel_blocks.py"


@pytest.fixture(scope="module")
def blocks() -> ModuleType:
    if not SCRIPT.is_file():
        pytest.skip("packaging/ is not here")
    spec = importlib.util.spec_from_file_location("channel_blocks", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Network:
    """Builds a small network of named nodes with random weights."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.rng = np.random.default_rng(7)

    def weight(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, inputs, [name], name=f"n_{name}", **attributes))
        return name

    def conv(
        self, source: str, into: int, out: int, size: int = 1, *, deep: bool = False, stride: int = 1
    ) -> str:
        weights = self.rng.normal(
            0, (size * size * (1 if deep else into)) ** -0.5, (out, 1 if deep else into, size, size)
        )
        named = (self.weight(weights), self.weight(self.rng.normal(0, 0.3, out)))
        edge = [size // 2 if stride == 1 else 0] * 4
        shape = {"kernel_shape": [size, size], "pads": edge, "strides": [stride] * 2}
        return self.add("Conv", source, *named, group=out if deep else 1, **shape)

    def prelu(self, source: str, channels: int) -> str:
        return self.add("PRelu", source, self.weight(self.rng.normal(0.1, 0.5, (channels, 1, 1))))

    def block(self, source: str, channels: int, inner: int) -> str:
        """The landmarker's: fewer channels, a depthwise look, all channels again, added to what came in."""
        x = self.prelu(self.conv(source, channels, inner), inner)
        x = self.conv(self.conv(x, inner, inner, 3, deep=True), inner, channels)
        return self.prelu(self.add("Add", source, x), channels)

    def model(self, output: str, shape: list[int]) -> Any:
        value = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            [*self.nodes, onnx.helper.make_node("Flatten", [output], ["out"], name="flat")],
            "test",
            [value("image", onnx.TensorProto.FLOAT, shape)],
            [value("out", onnx.TensorProto.FLOAT, [1, "n"])],
            self.weights,
        )
        made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 15)], ir_version=8)
        onnx.checker.check_model(made)
        return made


def run(model: Any, image: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"image": image})[0])


def pad(network: Network, source: str, channels: int) -> str:
    ends = onnx.numpy_helper.from_array(np.array([0, 0, 0, 0, 0, channels, 0, 0]), f"w{len(network.weights)}")
    network.weights.append(ends)
    return network.add("Pad", source, ends.name)


def small_landmarker() -> Any:
    """Blocks of 16 with 8 inside, halved into 32 with 16 inside: all that the landmarker has."""
    net = Network()
    x = net.prelu(net.conv("image", 3, 16, 3), 16)
    x = net.block(net.block(x, 16, 8), 16, 8)
    beside = pad(net, net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 16)
    y = net.prelu(net.conv(x, 16, 16, 2, stride=2), 16)
    y = net.conv(net.conv(y, 16, 16, 3, deep=True), 16, 32)
    z = net.block(net.prelu(net.add("Add", beside, y), 32), 32, 16)
    last = net.add("MaxPool", z, kernel_shape=[2, 2], strides=[2, 2])
    w = net.block(net.prelu(net.add("Add", last, net.conv(z, 32, 32, 2, stride=2)), 32), 32, 16)
    return net.model(net.conv(w, 32, 5, 2), [1, 3, 16, 16])


def small_detector() -> Any:
    """Channels that fill no block, added by Pad with and without a further block: all that the detector has."""
    net = Network()
    x = net.add("Relu", net.conv("image", 3, 24, 5))
    for have, want in ((24, 28), (28, 42)):
        y = net.conv(net.conv(x, have, have, 3, deep=True), have, want)
        x = net.add("Relu", net.add("Add", pad(net, x, want - have), y))
    return net.model(net.conv(x, 42, 2), [1, 3, 16, 16])


@pytest.mark.parametrize("make", [small_landmarker, small_detector])
def test_a_network_written_anew_computes_the_same(blocks: ModuleType, make: Any) -> None:
    model, image = make(), np.random.default_rng(0).normal(0, 1, (1, 3, 16, 16)).astype(np.float32)
    before = run(model, image)
    assert np.ptp(before) > 1
    blocks.fill_blocks(model)
    onnx.checker.check_model(model)
    np.testing.assert_allclose(run(model, image), before, atol=2e-5 * np.ptp(before))


@pytest.mark.parametrize("make", [small_landmarker, small_detector])
def test_all_of_it_has_kernels_for_whole_blocks(blocks: ModuleType, make: Any) -> None:
    model = make()
    blocks.fill_blocks(model)
    assert not {"PRelu", "Pad"} & {node.op_type for node in model.graph.node}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    *inside, last = [shapes[node.input[1]] for node in model.graph.node if node.op_type == "Conv"]
    assert all(shape[0] % blocks.BLOCK == 0 for shape in inside)
    assert last[0] in (2, 5)  # what leaves the network keeps its channels


def test_a_small_prelu_costs_no_layer(blocks: ModuleType) -> None:
    """Of eight channels between two convolutions it becomes one Relu, which the runtime joins to the convolution."""
    net = Network()
    y = net.prelu(net.conv("image", 3, 8), 8)
    model = net.model(net.conv(net.conv(y, 8, 8, 3, deep=True), 8, 4), [1, 3, 16, 16])
    blocks.fill_blocks(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "Conv", "Conv", "Flatten"]


def test_other_layers_among_the_convolutions_are_refused(blocks: ModuleType) -> None:
    net = Network()
    x = net.add("Relu", net.conv("image", 3, 24))
    beside = net.add("Sigmoid", net.add("MaxPool", x, kernel_shape=[1, 1]))
    model = net.model(net.conv(beside, 24, 4), [1, 3, 16, 16])
    with pytest.raises(ValueError, match="Sigmoid would read filled channels"):
        blocks.fill_blocks(model)
