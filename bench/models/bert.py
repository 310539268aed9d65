"""BERT encoders as PyTorch exports them at opset 17: GELU in primitive operators, reshapes that copy dimensions with 0.

SPDX-License-Identifier: Apache-2.0
"""
import dataclasses

import numpy as np
from onnx import TensorProto

from .graph_builder import GraphBuilder
from .weights import read_safetensors


@dataclasses.dataclass
class Shape:
    layers: int
    hidden: int
    heads: int
    inner: int
    words: int = 30522
    positions: int = 512


class Bert(GraphBuilder):
    def __init__(self, name, shape, weights=None, epsilon=1e-12):
        super().__init__(name, 7)
        self.shape, self.weights, self.epsilon = shape, weights, epsilon

    def parameter(self, key, shape, offset=0.0, deviation=0.02):
        """A tensor of the given weights, or a seeded one."""
        if self.weights is not None:
            return self.weights[key]
        noise = self.rng.standard_normal(shape, dtype=np.float32) * deviation
        return noise + offset if offset else noise

    def linear(self, x, key, inputs, outputs):
        weight = np.ascontiguousarray(self.parameter(key + ".weight", (outputs, inputs)).T)
        weight = self.constant(weight, key + ".weight_t")
        bias = self.constant(self.parameter(key + ".bias", (outputs,)), key + ".bias")
        return self.op("Add", [bias, self.op("MatMul", [x, weight])])

    def layer_norm(self, x, key):
        size = (self.shape.hidden,)
        weight = self.constant(self.parameter(key + ".weight", size, 1.0, 0.05), key + ".weight")
        bias = self.constant(self.parameter(key + ".bias", size), key + ".bias")
        return self.op("LayerNormalization", [x, weight, bias], axis=-1, epsilon=self.epsilon)

    def embed(self):
        """Sum of the embeddings of words, kinds of segment, and positions."""
        s, zero, one = self.shape, self.axes(0), self.axes(1)
        length = self.op("Gather", [self.op("Shape", ["input_ids"]), self.constant(np.int64(1))], axis=0)
        length = self.op("Unsqueeze", [length, zero])
        numbers = self.constant(np.arange(s.positions, dtype=np.int64)[None], "position_ids")
        position = self.op("Slice", [numbers, zero, length, one])
        tables = (("word", s.words, "input_ids"), ("token_type", 2, "token_type_ids"),
                  ("position", s.positions, position))
        sums = None
        for kind, rows, indices in tables:
            table = self.parameter(f"embeddings.{kind}_embeddings.weight", (rows, s.hidden))
            found = self.op("Gather", [self.constant(table, f"embeddings.{kind}"), indices])
            sums = found if sums is None else self.op("Add", [sums, found])
        return self.layer_norm(sums, "embeddings.LayerNorm")

    def axes(self, *values):
        return self.constant(np.array(values, np.int64))

    def mask(self):
        """0 where attention is allowed, the least float where it is not: [N, 1, 1, S]."""
        kept = self.op("Cast", [self.op("Unsqueeze", ["attention_mask", self.axes(1, 2)])], to=TensorProto.FLOAT)
        hidden = self.op("Sub", [self.constant(np.float32(1)), kept])
        return self.op("Mul", [hidden, self.constant(np.float32(np.finfo(np.float32).min))])

    def attention(self, x, key, mask):
        s, depth = self.shape, self.shape.hidden // self.shape.heads
        split, joined = self.axes(0, 0, s.heads, depth), self.axes(0, 0, s.hidden)

        def heads(name, order):
            y = self.linear(x, f"{key}.self.{name}", s.hidden, s.hidden)
            return self.op("Transpose", [self.op("Reshape", [y, split])], perm=order)

        query, keys, values = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
        scores = self.op("Div", [self.op("MatMul", [query, keys]), self.constant(np.float32(depth ** 0.5))])
        weights = self.op("Softmax", [self.op("Add", [scores, mask])], axis=-1)
        mixed = self.op("Transpose", [self.op("MatMul", [weights, values])], perm=[0, 2, 1, 3])
        y = self.linear(self.op("Reshape", [mixed, joined]), f"{key}.output.dense", s.hidden, s.hidden)
        return self.layer_norm(self.op("Add", [y, x]), f"{key}.output.LayerNorm")

    def feed_forward(self, x, key):
        s = self.shape
        h = self.linear(x, f"{key}.intermediate.dense", s.hidden, s.inner)
        erf = self.op("Erf", [self.op("Div", [h, self.constant(np.float32(2 ** 0.5))])])
        gelu = self.op("Mul", [h, self.op("Add", [erf, self.constant(np.float32(1))])])
        gelu = self.op("Mul", [gelu, self.constant(np.float32(0.5))])
        y = self.linear(gelu, f"{key}.output.dense", s.inner, s.hidden)
        return self.layer_norm(self.op("Add", [y, x]), f"{key}.output.LayerNorm")

    def pooler(self, x):
        s = self.shape
        first = self.op("Gather", [x, self.constant(np.int64(0))], axis=1)
        weight = self.constant(self.parameter("pooler.dense.weight", (s.hidden, s.hidden)), "pooler.dense.weight")
        bias = self.constant(self.parameter("pooler.dense.bias", (s.hidden,)), "pooler.dense.bias")
        return self.op("Tanh", [self.op("Gemm", [first, weight, bias], transB=1)])


def bert(name, shape, weights=None, pooler=True):
    net = Bert(name, shape, weights)
    for ids in ("input_ids", "attention_mask", "token_type_ids"):
        net.input(ids, TensorProto.INT64, ["N", "S"])
    x, mask = net.embed(), net.mask()
    for layer in range(shape.layers):
        x = net.attention(x, f"encoder.layer.{layer}.attention", mask)
        x = net.feed_forward(x, f"encoder.layer.{layer}")
    pooled = net.pooler(x) if pooler else None
    net.output(x, "last_hidden_state", TensorProto.FLOAT, ["N", "S", shape.hidden])
    if pooled:
        net.output(pooled, "pooler_output", TensorProto.FLOAT, ["N", shape.hidden])
    return net.model()


def bert_base():
    return bert("bert_base", Shape(layers=12, hidden=768, heads=12, inner=3072))


def minilm_l6(safetensors):
    shape = Shape(layers=6, hidden=384, heads=12, inner=1536)
    return bert("minilm_l6", shape, read_safetensors(safetensors), pooler=False)
