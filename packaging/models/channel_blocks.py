"""Writes a convolutional network so that ONNX Runtime's kernels for blocks of channels take all of it.

On a CPU the runtime runs convolutions, Relu, Add and MaxPool on channels in blocks of 16 (AVX-512; 8 on other
processors). Depthwise convolutions of another number of channels, PRelu and channels added by Pad have no such
kernel, and each of them costs two changes of the layout. So

* channels inside the network are filled up to whole blocks, with weights of 0;
* PRelu of slope s is computed on -x: its output, negative too, is (-x) + (s - 1) relu(-x), one convolution of one
  pixel that adds as it goes. The signs disappear in the weights before and after. Where only one of the two can
  have the opposite sign (MaxPool needs the true one) it takes two such convolutions;
* a PRelu of at most half a block that only a depthwise and then a whole convolution read is relu(x) and relu(-x)
  beside each other: the convolution before makes both in the block that it fills anyway;
* channels added by Pad come from the filling or from a convolution of one pixel.

What the network computes stays the same, but for rounding.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

BLOCK = 16
_INSIDE = frozenset({"Conv", "Relu", "PRelu", "Add", "MaxPool", "Pad"})

Array = NDArray[np.float32]


def fill_blocks(model: Any) -> None:
    """Write a model's graph anew, in place; see the module. Its nodes must have names and be in order.

    Raises
    ------
    ValueError
        If the graph has something else among its convolutions.
    """
    _Writer(_Plan(model)).write(model.graph)


def _whole(channels: int) -> int:
    return -(-channels // BLOCK) * BLOCK


def _filled(weights: Array, *shape: int) -> Array:
    """Return weights with zeros behind the first axes, up to the shape given."""
    ends = [(0, n - have) for n, have in zip(shape, weights.shape, strict=False)]
    return np.pad(weights, ends + [(0, 0)] * (weights.ndim - len(shape)))


def _groups(node: Any) -> int:
    return next((a.i for a in node.attribute if a.name == "group"), 1)


class _Plan:
    """What becomes of each tensor of a graph."""

    def __init__(self, model: Any) -> None:
        graph = model.graph
        self.weights: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.channels: dict[str, int] = {
            value.name: value.type.tensor_type.shape.dim[1].dim_value
            for value in shape_inference.infer_shapes(model).graph.value_info
            if len(value.type.tensor_type.shape.dim) == 4
        }
        self.maker = {name: node for node in graph.node for name in node.output}
        self._readers: dict[str, list[Any]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._outputs = {o.name for o in graph.output}
        self.doubled = cache(self._doubled)
        self.negative = cache(self._negative)
        self.inside = cache(self._inside)

    def _read_by(self, name: str) -> list[str]:
        return [node.op_type for node in self._readers.get(name, [])]

    def _only_reader(self, name: str, kind: str) -> Any | None:
        readers = self._readers.get(name, [])
        return readers[0] if len(readers) == 1 and readers[0].op_type == kind else None

    def _inside(self, name: str) -> bool:
        """Whether only convolutions and what goes with them read a tensor: its channels may be filled up."""
        kinds = self._read_by(name)
        return bool(kinds) and name not in self._outputs and _INSIDE.issuperset(kinds)

    def _doubled(self, name: str) -> Array | None:
        """Return the slopes of the PRelu of a convolution's output if it becomes relu(x) and relu(-x)."""
        prelu = self._only_reader(name, "PRelu")
        deep = prelu and self._only_reader(prelu.output[0], "Conv")
        last = deep and self._only_reader(deep.output[0], "Conv")
        if last is None or _groups(deep) == 1 or _groups(last) > 1 or self.maker[name].op_type != "Conv":
            return None
        slopes = self.weights[prelu.input[1]].reshape(-1)
        return slopes if 2 * len(slopes) <= BLOCK else None

    def by_convolution(self, pad: Any) -> bool:
        """Whether a Pad needs more blocks than its source fills."""
        return _whole(self.channels[pad.input[0]]) < _whole(self.channels[pad.output[0]])

    def _negatable(self, name: str) -> bool:
        maker = self.maker[name]
        if maker.op_type == "PRelu":
            return {"Conv", "Add"}.issuperset(self._read_by(name))
        return maker.op_type == "Conv" or (maker.op_type == "Pad" and self.by_convolution(maker))

    def _negative(self, name: str) -> bool:
        """Whether a tensor is computed with the opposite sign."""
        if name not in self.maker or not self.inside(name):
            return False
        maker = self.maker[name]
        sums = [n.output[0] for n in self._readers[name] if n.op_type == "Add"]
        if maker.op_type == "Add":
            return {"PRelu"} == set(self._read_by(name)) and all(map(self._negatable, maker.input))
        if maker.op_type == "PRelu":
            pair = self.doubled(maker.input[0]) is not None
            return not pair and self._negatable(name) and all(map(self.negative, sums))
        if len(self._readers[name]) != 1 or not self._negatable(name):
            return False
        if self._only_reader(name, "PRelu") is not None:
            return self.doubled(name) is None
        return bool(sums) and self.negative(sums[0])


class _Writer:
    """Goes through the nodes in order and writes each anew."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._full: set[str] = set()  # tensors with whole blocks of channels
        self._pairs: dict[str, Array] = {}  # relu(x) beside relu(-x), and what follows: the slopes
        self._nodes: list[Any] = []
        self._new: dict[str, Array] = {}
        self._renamed: dict[str, str] = {}

    def write(self, graph: Any) -> None:
        writers = {"Conv": self._conv, "PRelu": self._prelu, "Pad": self._pad}
        for node in graph.node:
            source = copy.deepcopy(node)
            source.input[:] = [self._renamed.get(name, name) for name in node.input]
            writers.get(node.op_type, self._as_it_is)(source)
        tensors = {t.name: t for t in graph.initializer}
        del graph.node[:], graph.initializer[:]
        graph.node.extend(self._nodes)
        for name in dict.fromkeys(name for node in self._nodes for name in node.input):
            if name in self._new:
                graph.initializer.append(numpy_helper.from_array(self._new[name], name))
            elif name in tensors:
                graph.initializer.append(tensors[name])

    def _weight(self, name: str, values: Array) -> str:
        self._new[name] = np.ascontiguousarray(values, dtype=np.float32)
        return name

    def _sign(self, name: str) -> np.float32:
        return np.float32(-1 if self._plan.negative(name) else 1)

    def _one_pixel(self, source: str, target: str, name: str, weights: Array, groups: int = 1) -> None:
        kernel = self._weight(f"{name}_w", weights[..., None, None])
        attributes: dict[str, Any] = {"group": groups, "kernel_shape": [1, 1]}
        self._nodes.append(helper.make_node("Conv", [source, kernel], [target], name=name, **attributes))

    def _conv(self, node: Any) -> None:
        source, target = node.input[0], node.output[0]
        weights = self._plan.weights[node.input[1]] * (self._sign(source) * self._sign(target))
        bias = np.zeros(len(weights), np.float32)
        if len(node.input) > 2:
            bias = self._plan.weights[node.input[2]] * self._sign(target)
        pair = self._pairs.get(source)
        full, inside = source in self._full, self._plan.inside(target)
        if _groups(node) > 1:
            if pair is not None:
                weights, bias = np.concatenate([weights] * 2), np.concatenate([bias, 0 * bias])
                self._pairs[target] = pair
            if full and not inside:
                raise ValueError(f"{node.name}: a depthwise convolution makes an output of filled channels")
            if full:
                weights, bias = _filled(weights, _whole(len(weights))), _filled(bias, _whole(len(bias)))
                self._full.add(target)
            next(a for a in node.attribute if a.name == "group").i = len(weights)
        else:
            if pair is not None:  # prelu(x) = relu(x) - s relu(-x)
                weights = np.concatenate([weights, -weights * pair[:, None, None]], axis=1)
            slopes = self._plan.doubled(target)
            if slopes is not None:
                weights, bias = np.concatenate([weights, -weights]), np.concatenate([bias, -bias])
                self._pairs[target] = slopes
            into = _whole(weights.shape[1]) if full else weights.shape[1]
            out = _whole(len(weights)) if inside else len(weights)
            weights, bias = _filled(weights, out, into), _filled(bias, out)
            if inside:
                self._full.add(target)
        inputs = [source, self._weight(f"{node.name}_w", weights)]
        if len(node.input) > 2:
            inputs.append(self._weight(f"{node.name}_b", bias))
        node.input[:] = inputs
        self._nodes.append(node)

    def _prelu(self, node: Any) -> None:
        x, out, name = node.input[0], node.output[0], node.name
        if x in self._full:
            self._full.add(out)
        if x in self._pairs:
            self._pairs[out] = self._pairs[x]
            self._nodes.append(helper.make_node("Relu", [x], [out], name=f"{name}_r"))
            return
        slopes = self._plan.weights[node.input[1]].reshape(-1)
        if x in self._full:
            slopes = _filled(slopes, _whole(len(slopes)))
        self._nodes.append(helper.make_node("Relu", [x], [f"{name}_relu"], name=f"{name}_r"))
        n, back = len(slopes), self._sign(x) * self._sign(out)
        bent = (slopes - 1 if self._plan.negative(x) else 1 - slopes) * back
        self._one_pixel(f"{name}_relu", f"{name}_bent_out", f"{name}_bent", bent[:, None], n)
        straight = x
        if not (self._plan.negative(x) and self._plan.negative(out)):
            straight = f"{name}_straight_out"
            scale = np.full(n, back, np.float32) if self._plan.negative(x) else slopes * back
            self._one_pixel(x, straight, f"{name}_straight", scale[:, None], n)
        self._nodes.append(helper.make_node("Add", [f"{name}_bent_out", straight], [out], name=f"{name}_a"))

    def _pad(self, node: Any) -> None:
        source, target = node.input[0], node.output[0]
        if source not in self._full or not self._plan.inside(target):
            raise ValueError(f"{node.name}: only channels inside the network can be added")
        if not self._plan.by_convolution(node):
            self._renamed[target] = source
            return
        self._full.add(target)
        into, out = (_whole(self._plan.channels[name]) for name in (source, target))
        kept = np.eye(out, into, dtype=np.float32) * (self._sign(source) * self._sign(target))
        self._one_pixel(source, target, node.name, kept)

    def _as_it_is(self, node: Any) -> None:
        """Relu, Add and MaxPool take channels as they come; anything else must get the network's own."""
        full = [name in self._full for name in node.input if name in self._plan.channels]
        if any(full):
            if node.op_type not in _INSIDE or not all(full):
                raise ValueError(f"{node.name}: {node.op_type} would read filled channels")
            self._full.add(node.output[0])
        self._nodes.append(node)
