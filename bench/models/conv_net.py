"""Pieces of convolutional networks, BatchNormalization left unfused as exporters leave it.

Every piece runs at once on a picture, so that the statistics of BatchNormalization are those of real activations: values
stay well scaled and the output depends on the input, which random statistics would not give. They are rounded to float16;
their last digit may differ between BLAS libraries, so the bytes of a model are not pinned anywhere.
SPDX-License-Identifier: Apache-2.0
"""
import dataclasses

import numpy as np
from onnx import TensorProto

from . import eager
from .graph_builder import GraphBuilder


@dataclasses.dataclass
class Value:
    """A value of the graph and what it holds for the picture."""
    name: str
    array: np.ndarray

    @property
    def channels(self):
        return self.array.shape[1]


class ConvNet(GraphBuilder):
    def picture(self, name, shape, sample):
        """The input of the network; `sample` is (n, h, w) of the picture it runs on meanwhile."""
        self.input(name, TensorProto.FLOAT, ["N", 3, *shape])
        n, h, w = sample
        return Value(name, eager.picture(self.rng, n, 3, h, w))

    def conv(self, x, channels, kernel, stride=1, pads=None, groups=1, name=None, weight=None, bias=None, gain=2.0,
             deviation=None):
        """A convolution with square kernel; pads default to half the kernel; `bias` is an array or None."""
        half = kernel // 2
        pads = [half] * 4 if pads is None else pads
        if weight is None:
            fan_in = x.channels // groups * kernel * kernel
            deviation = (gain / fan_in) ** 0.5 if deviation is None else deviation
            shape = (channels, x.channels // groups, kernel, kernel)
            weight = (self.rng.standard_normal(shape) * deviation).astype(np.float32)
        name = name or self.unique("conv")
        inputs = [x.name, self.constant(weight, name + ".weight")]
        y = eager.conv2d(x.array, weight, stride, pads, groups)
        if bias is not None:
            inputs.append(self.constant(bias.astype(np.float32), name + ".bias"))
            y = y + bias[None, :, None, None]
        out = self.op("Conv", inputs, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pads,
                      dilations=[1, 1], group=groups)
        return Value(out, y.astype(np.float32))

    def batch_norm(self, x, epsilon=1e-5, scale=1.0, parameters=None):
        """`parameters` are (gamma, beta, mean, variance); without them they are drawn and measured."""
        if parameters is None:
            gamma = (self.rng.uniform(0.8, 1.2, x.channels) * scale).astype(np.float32)
            beta = (self.rng.standard_normal(x.channels) * 0.1).astype(np.float32)
            mean = x.array.mean((0, 2, 3)).astype(np.float16).astype(np.float32)
            variance = np.maximum(x.array.var((0, 2, 3)), 1e-3).astype(np.float16).astype(np.float32)
        else:
            gamma, beta, mean, variance = (np.asarray(array, np.float32) for array in parameters)
        name = self.unique("bn")
        arrays = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
        constants = [self.constant(array, f"{name}.{key}") for key, array in arrays.items()]
        out = self.op("BatchNormalization", [x.name, *constants], epsilon=epsilon, momentum=0.9)
        factor = gamma / np.sqrt(variance + epsilon)
        return Value(out, x.array * factor[None, :, None, None] + (beta - mean * factor)[None, :, None, None])

    def relu(self, x):
        return Value(self.op("Relu", [x.name]), np.maximum(x.array, 0))

    def relu6(self, x):
        if not hasattr(self, "_relu6_bounds"):
            self._relu6_bounds = (self.constant(np.float32(0)), self.constant(np.float32(6)))
        return Value(self.op("Clip", [x.name, *self._relu6_bounds]), np.clip(x.array, 0, 6))

    def silu(self, x):
        sigmoid = self.op("Sigmoid", [x.name])
        return Value(self.op("Mul", [x.name, sigmoid]), x.array / (1 + np.exp(-x.array)))

    def add(self, a, b):
        return Value(self.op("Add", [a.name, b.name]), a.array + b.array)

    def concat(self, values):
        return Value(self.op("Concat", [x.name for x in values], axis=1), np.concatenate([x.array for x in values], 1))

    def max_pool(self, x, kernel, stride, pad):
        out = self.op("MaxPool", [x.name], kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[pad] * 4)
        return Value(out, eager.max_pool2d(x.array, kernel, stride, pad))

    def upsample2(self, x):
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        out = self.op("Resize", [x.name, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric",
                      nearest_mode="floor")
        return Value(out, np.repeat(np.repeat(x.array, 2, 2), 2, 3))

    def classify(self, x, classes, weight=None, bias=None):
        """Global average, then a fully connected layer; returns the name of the logits."""
        pooled = self.op("Flatten", [self.op("GlobalAveragePool", [x.name])], axis=1)
        if weight is None:
            weight = (self.rng.standard_normal((classes, x.channels)) * (1 / x.channels) ** 0.5).astype(np.float32)
            bias = np.zeros(classes, np.float32)
        return self.op("Gemm", [pooled, self.constant(weight, "fc.weight"), self.constant(bias, "fc.bias")], transB=1)
