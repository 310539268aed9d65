"""The benchmarks' networks in PyTorch: convolution networks from their ONNX graphs, with batch norms folded into the
convolutions and SiLU in one call, and BERT with PyTorch's own attention.

SPDX-License-Identifier: Apache-2.0
"""
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


class Net(torch.nn.Module):
    """Runs the nodes of an ONNX graph one after the other; the weights are its parameters."""

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(str(path)).graph
        weights = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.inputs = [i.name for i in graph.input if i.name not in weights]
        self.outputs = [o.name for o in graph.output]
        uses = {}
        for node in graph.node:
            for name in node.input:
                uses.setdefault(name, []).append(node)
        self.steps, self.held, self.taken = [], {}, set()
        for node in graph.node:
            if node.output[0] not in self.taken:
                self.add_node(node, weights, uses)

    def add_node(self, node, weights, uses):
        out, attributes = node.output[0], {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv":
            self.add_conv(node, attributes, weights, uses)
        elif node.op_type == "Sigmoid" and self.is_silu(node, uses):
            product = uses[out][0].output[0]
            self.taken.add(product)
            self.add("silu", [node.input[0]], product)
        elif node.op_type == "Gemm":
            w = weights[node.input[1]]
            self.add("linear", [node.input[0]], out, self.hold(w if attributes.get("transB") else w.T),
                     self.hold(weights[node.input[2]]))
        elif node.op_type == "MaxPool":
            self.add("max_pool", [node.input[0]], out, attributes["kernel_shape"], attributes["strides"],
                     list(attributes["pads"][:2]))
        elif node.op_type == "Clip":
            self.add("clip", [node.input[0]], out, *(float(weights[n]) for n in node.input[1:3]))
        elif node.op_type == "Resize":
            self.add("upsample", [node.input[0]], out, [float(s) for s in weights[node.input[2]][2:]])
        elif node.op_type == "Reshape":
            self.add("reshape", [node.input[0]], out, [int(d) for d in weights[node.input[1]]])
        elif node.op_type == "Transpose":
            self.add("permute", [node.input[0]], out, list(attributes["perm"]))
        elif node.op_type == "Split":
            self.add("split", [node.input[0]], list(node.output), [int(s) for s in weights[node.input[1]]], attributes["axis"])
        elif node.op_type == "Concat":
            self.add("cat", list(node.input), out, attributes["axis"])
        elif node.op_type in ("Add", "Mul", "Pow", "Relu", "Sigmoid", "GlobalAveragePool", "Flatten"):
            self.held |= {name: self.hold(weights[name]) for name in node.input if name in weights}
            self.add(node.op_type, list(node.input), out)
        else:
            raise NotImplementedError(node.op_type)

    def add_conv(self, node, attributes, weights, uses):
        out, w, b = node.output[0], weights[node.input[1]], weights[node.input[2]] if len(node.input) > 2 else None
        after = uses.get(out, [])
        if len(after) == 1 and after[0].op_type == "BatchNormalization":
            norm = after[0]
            scale, shift, mean, variance = (weights[n] for n in norm.input[1:5])
            epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
            factor = scale / np.sqrt(variance + epsilon)
            w, b = w * factor[:, None, None, None], shift + ((0 if b is None else b) - mean) * factor
            out = norm.output[0]
            self.taken.add(out)
        pads = attributes.get("pads", [0, 0, 0, 0])
        assert pads[:2] == pads[2:], "pads are symmetric in these networks"
        self.add("conv", [node.input[0]], out, self.hold(w), None if b is None else self.hold(b),
                 attributes.get("strides", [1, 1]), list(pads[:2]), attributes.get("group", 1))

    @staticmethod
    def is_silu(node, uses):
        after = uses.get(node.output[0], [])
        return len(after) == 1 and after[0].op_type == "Mul" and node.input[0] in after[0].input

    def hold(self, array):
        name = f"w{len(list(self.parameters()))}"
        array = torch.from_numpy(np.array(array, dtype=np.float32))
        self.register_parameter(name, torch.nn.Parameter(array, requires_grad=False))
        return name

    def add(self, kind, inputs, outputs, *settings):
        self.steps.append((kind, inputs, outputs, settings))

    def forward(self, *inputs):
        values = dict(zip(self.inputs, inputs))
        w = lambda name: None if name is None else getattr(self, name)
        for name, held in self.held.items():
            values[name] = w(held)
        for kind, names, out, s in self.steps:
            x = [values[n] for n in names]
            if kind == "conv":
                y = F.conv2d(x[0], w(s[0]), w(s[1]), s[2], s[3], 1, s[4])
            elif kind == "linear":
                y = F.linear(x[0], w(s[0]), w(s[1]))
            elif kind == "max_pool":
                y = F.max_pool2d(x[0], s[0], s[1], s[2])
            elif kind == "clip":
                y = F.hardtanh(x[0], s[0], s[1])
            elif kind == "silu":
                y = F.silu(x[0])
            elif kind == "upsample":
                y = F.interpolate(x[0], scale_factor=s[0], mode="nearest")
            elif kind == "reshape":
                y = x[0].reshape([x[0].shape[i] if d == 0 else d for i, d in enumerate(s[0])])
            elif kind == "permute":
                y = x[0].permute(s[0])
            elif kind == "split":
                values.update(zip(out, torch.split(x[0], s[0], s[1])))
                continue
            elif kind == "cat":
                y = torch.cat(x, s[0])
            elif kind == "Add":
                y = x[0] + x[1]
            elif kind == "Mul":
                y = x[0] * x[1]
            elif kind == "Pow":
                y = torch.pow(x[0], x[1])
            elif kind == "Relu":
                y = F.relu(x[0])
            elif kind == "Sigmoid":
                y = torch.sigmoid(x[0])
            elif kind == "GlobalAveragePool":
                y = F.adaptive_avg_pool2d(x[0], 1)
            else:
                y = torch.flatten(x[0], 1)
            values[out] = y
        return tuple(values[n] for n in self.outputs)


class Layer(torch.nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, inner), torch.nn.Linear(inner, width)
        self.first, self.second = torch.nn.LayerNorm(width, 1e-12), torch.nn.LayerNorm(width, 1e-12)

    def forward(self, x, mask):
        n, s, width = x.shape
        q, k, v = self.qkv(x).view(n, s, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).reshape(n, s, width)
        x = self.first(x + self.out(y))
        return self.second(x + self.down(F.gelu(self.up(x))))


class Bert(torch.nn.Module):
    """BERT-base: what a run costs does not depend on the weights' values."""

    def __init__(self, width=768, layers=12, heads=12, words=30522, positions=512):
        super().__init__()
        self.words, self.types = torch.nn.Embedding(words, width), torch.nn.Embedding(2, width)
        self.positions = torch.nn.Embedding(positions, width)
        self.norm = torch.nn.LayerNorm(width, 1e-12)
        self.layers = torch.nn.ModuleList(Layer(width, heads, 4 * width) for _ in range(layers))
        self.pooler = torch.nn.Linear(width, width)

    def forward(self, ids, mask, types):
        place = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.types(types) + self.positions(place))
        bias = ((1 - mask[:, None, None, :].to(x.dtype)) * -10000.0)
        for layer in self.layers:
            x = layer(x, bias)
        return x, torch.tanh(self.pooler(x[:, 0]))


def net_of(name, path):
    return Bert() if name == "bert_base" else Net(path)
