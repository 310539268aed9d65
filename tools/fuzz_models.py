#!/usr/bin/env python3
"""Random small models against onnx.reference and onnxruntime.

  fuzz_models.py [--seed N] [--count N | --seconds S] [--program FILE] [--keep DIR]

A model is a chain of 1 to 8 nodes with random operators, attributes, opsets, element types and shapes (sizes 0 and 1,
broadcasting, symbolic dims). Where both oracles agree, their answer is what the engine must give (`rekindle conformance`:
built, written, loaded and run). A model that disagrees is cut down to its first node whose output differs, printed as
text and kept. The exit code is 1 when one disagrees. The same seed makes the same models.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [0, 1, 1, 2, 3, 5, 7, 8, 13]
OPSETS = [13, 15, 17, 18, 20, 21]
UNARY = ["Abs", "Neg", "Exp", "Sigmoid", "Tanh", "Relu", "Erf", "Floor", "Ceil", "Sin", "Cos", "Softplus", "Softsign", "Elu",
         "Selu", "HardSigmoid", "LeakyRelu", "Sign", "Round", "Identity", "Atan"]
BINARY = ["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"]
COMPARE = ["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"]
REDUCE = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"]
FAMILIES = {
    "elementwise": {"unary", "binary", "compare", "where", "reshape", "cast", "clip"},
    "folding": {"reduce", "softmax", "argmax", "cumsum", "topk"},
    "moving": {"transpose"},
    "joining": {"concat", "slice", "gather", "pad", "squeeze", "unsqueeze", "expand", "tile", "split"},
    "products": {"matmul", "gemm", "layernorm"},
    "spatial": {"conv", "pool", "batchnorm", "instancenorm", "resize"},
}
DTYPES = [np.float32] * 6 + [np.float64, np.int64, np.int32, np.float16]


class Maker:
    """Grows one chain; every value's array is known, so that shapes fit."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.opset = self.random.choice(OPSETS)
        self.nodes, self.inputs, self.constants = [], {}, {}

    def values(self, shape, dtype):
        if np.issubdtype(dtype, np.floating):
            return self.numbers.uniform(-2, 2, shape).astype(dtype)
        return self.numbers.integers(-5, 6, shape).astype(dtype)

    def shape(self, least=0, most=4):
        return tuple(self.random.choice(SIZES) for _ in range(self.random.randint(least, most)))

    def given(self, array):
        """Another operand: an input of the model or a constant."""
        name = f"v{len(self.inputs) + len(self.constants)}"
        (self.inputs if self.random.random() < 0.5 else self.constants)[name] = array
        return name

    def constant(self, values, dtype=np.int64):
        name = f"v{len(self.inputs) + len(self.constants)}"
        self.constants[name] = np.array(values, dtype)
        return name

    def broadcastable(self, shape):
        other = [d if self.random.random() < 0.6 else 1 for d in shape]
        return tuple(other[self.random.randint(0, len(other)):] if other and self.random.random() < 0.3 else other)

    def node(self, op, inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def add(self, name, x):
        """One node on a value; its name, or None when the operator does not fit."""
        pick, floating, rank = self.random.choice, np.issubdtype(x.dtype, np.floating), x.ndim
        axis = self.random.randint(-rank, rank - 1) if rank else 0
        kinds = ["unary", "binary", "compare", "where", "reshape", "cast", "clip"]
        if rank:
            kinds += ["reduce", "reduce", "transpose", "concat", "slice", "gather", "pad", "softmax", "argmax", "cumsum",
                      "squeeze", "unsqueeze", "expand", "tile", "split", "topk"]
        if rank >= 2 and floating:
            kinds += ["matmul", "matmul", "gemm", "layernorm"]
        if rank in (3, 4) and floating:
            kinds += ["conv", "conv", "pool", "pool", "batchnorm", "instancenorm", "resize"]
        kind = pick(kinds)
        for family in (self.elementwise, self.folding, self.moving, self.joining, self.products, self.spatial):
            if kind in FAMILIES[family.__name__]:
                return family(kind, name, x, axis)
        raise AssertionError(kind)

    def elementwise(self, kind, name, x, _):
        pick, floating, rank = self.random.choice, np.issubdtype(x.dtype, np.floating), x.ndim
        if kind == "unary":
            return self.node(pick(UNARY if floating else ["Abs", "Neg", "Sign", "Identity"]), [name])
        if kind == "binary":
            op = pick(BINARY if floating else ["Add", "Sub", "Mul", "Max", "Min"])
            other = self.values(self.broadcastable(x.shape), x.dtype)
            if op == "Div":
                other = np.where(np.abs(other) < 0.25, np.array(1, x.dtype), other)
            return self.node(op, [name, self.given(other)])
        if kind in ("compare", "where"):
            other = self.given(self.values(self.broadcastable(x.shape), x.dtype))
            condition = self.node(pick(COMPARE), [name, other])
            return self.node("Where", [condition, name, other])
        if kind == "reshape":
            if self.random.random() < 0.5:
                return self.node("Reshape", [name, self.constant([-1] if x.size else list(x.shape))], **(
                    {} if x.size or self.opset < 14 else {"allowzero": 1}))
            return self.node("Flatten", [name], axis=self.random.randint(0, rank))
        if kind == "cast":
            return self.node("Cast", [name], to=pick([TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32]))
        return self.node("Clip", [name, self.constant(-1, x.dtype), self.constant(1, x.dtype)])

    def folding(self, kind, name, x, axis):
        pick, floating, rank = self.random.choice, np.issubdtype(x.dtype, np.floating), x.ndim
        if kind == "softmax":
            return self.node(pick(["Softmax", "LogSoftmax"]), [name], axis=axis) if floating and x.shape[axis] else None
        if kind == "argmax":
            return None if x.shape[axis] == 0 else self.node(pick(["ArgMax", "ArgMin"]), [name], axis=axis, keepdims=self.random.randint(0, 1))
        if kind == "cumsum":
            return self.node("CumSum", [name, self.constant(axis)], exclusive=self.random.randint(0, 1), reverse=self.random.randint(0, 1))
        if kind == "topk":
            if x.shape[axis] == 0 or not floating:
                return None
            made = [f"n{len(self.nodes)}", f"n{len(self.nodes)}_b"]
            k = self.constant([self.random.randint(1, x.shape[axis])])
            self.nodes.append(helper.make_node("TopK", [name, k], made, axis=axis))
            return made[0]
        if kind == "reduce":
            op, axes = pick(REDUCE), sorted(self.random.sample(range(rank), self.random.randint(1, rank)))
            keep = self.random.randint(0, 1)
            if any(x.shape[a] == 0 for a in axes) or not floating and op == "ReduceL2":
                return None
            if self.opset >= 18 or op == "ReduceSum":
                return self.node(op, [name, self.constant(axes)], keepdims=keep)
            return self.node(op, [name], axes=axes, keepdims=keep)
        raise AssertionError(kind)

    def moving(self, kind, name, x, axis):
        pick, rank = self.random.choice, x.ndim
        if kind == "transpose":
            return self.node("Transpose", [name], perm=self.random.sample(range(rank), rank))
        raise AssertionError(kind)

    def joining(self, kind, name, x, axis):
        pick, rank = self.random.choice, x.ndim
        if kind == "concat":
            other = list(x.shape)
            other[axis] = pick(SIZES)
            return self.node("Concat", [name, self.given(self.values(tuple(other), x.dtype))], axis=axis)
        if kind == "slice":
            size = x.shape[axis]
            starts, steps = self.random.randint(-size - 1, size + 1), pick([1, 1, 2, -1, -2])
            ends = self.random.randint(-size - 1, size + 1)
            return self.node("Slice", [name, self.constant([starts]), self.constant([ends]), self.constant([axis]), self.constant([steps])])
        if kind == "gather":
            size = x.shape[axis]
            if size == 0:
                return None
            return self.node("Gather", [name, self.given(self.numbers.integers(-size, size, self.shape(0, 2)).astype(np.int64))], axis=axis)
        if kind == "pad":
            pads = [self.random.randint(0, 2) for _ in range(2 * rank)]
            mode = pick(["constant", "edge", "reflect"])
            if mode != "constant" and (0 in x.shape or any(d <= 2 for d in x.shape)):
                mode = "constant"
            return self.node("Pad", [name, self.constant(pads)], mode=mode)
        if kind == "squeeze":
            ones = [i for i, d in enumerate(x.shape) if d == 1]
            return self.node("Squeeze", [name, self.constant([pick(ones)])]) if ones else None
        if kind == "unsqueeze":
            return self.node("Unsqueeze", [name, self.constant([self.random.randint(0, rank)])]) if rank < 5 else None
        if kind == "expand":
            return self.node("Expand", [name, self.constant([pick([2, 3]) if d == 1 else 1 for d in x.shape])])
        if kind == "tile":
            return self.node("Tile", [name, self.constant([pick([0, 1, 1, 2, 3]) for _ in x.shape])])
        if kind == "split":
            size = x.shape[axis]
            first = self.random.randint(0, size)
            made = [f"n{len(self.nodes)}", f"n{len(self.nodes)}_b"]
            self.nodes.append(helper.make_node("Split", [name, self.constant([first, size - first])], made, axis=axis))
            return pick(made)
        raise AssertionError(kind)

    def products(self, kind, name, x, _):
        pick, rank = self.random.choice, x.ndim
        if kind == "matmul":
            return self.node("MatMul", [name, self.given(self.values((x.shape[-1], pick(SIZES)), x.dtype))])
        if kind == "gemm":
            if rank != 2:
                return None
            a, b, n = self.random.randint(0, 1), self.random.randint(0, 1), pick(SIZES)
            k = x.shape[0] if a else x.shape[1]
            return self.node("Gemm", [name, self.given(self.values((n, k) if b else (k, n), x.dtype)), self.given(self.values((n,), x.dtype))],
                             transA=a, transB=b, alpha=pick([1.0, 0.5]), beta=pick([1.0, 2.0]))
        if kind == "layernorm":
            if self.opset < 17 or x.shape[-1] == 0:
                return None
            return self.node("LayerNormalization", [name, self.given(self.values(x.shape[-1:], x.dtype)), self.given(self.values(x.shape[-1:], x.dtype))])
        raise AssertionError(kind)

    def spatial(self, kind, name, x, _):
        pick, spatial = self.random.choice, x.ndim - 2
        if 0 in x.shape or min(x.shape[2:]) < 2:
            return None
        if kind == "conv":
            group = pick([1, x.shape[1]])
            weight = self.values((group * pick([1, 2, 3]), x.shape[1] // group) + tuple(pick([1, 2, 3]) for _ in range(spatial)), x.dtype)
            if any(k > d for k, d in zip(weight.shape[2:], x.shape[2:])):
                return None
            return self.node("Conv", [name, self.given(weight)], group=group, strides=[pick([1, 2]) for _ in range(spatial)],
                             pads=[pick([0, 1]) for _ in range(2 * spatial)])
        if kind == "pool":
            return self.node(pick(["MaxPool", "AveragePool"]), [name], kernel_shape=[2] * spatial, strides=[pick([1, 2]) for _ in range(spatial)],
                             pads=[pick([0, 1]) for _ in range(2 * spatial)])
        channels = [self.given(self.values((x.shape[1],), x.dtype)) for _ in range(3)]
        if kind == "batchnorm":
            return self.node("BatchNormalization", [name, *channels, self.given(np.abs(self.values((x.shape[1],), x.dtype)) + x.dtype.type(0.5))])
        if kind == "instancenorm":
            return self.node("InstanceNormalization", [name, *channels[:2]])
        scales = [1.0, 1.0] + [float(pick([0.5, 2.0, 3.0])) for _ in range(spatial)]
        return self.node("Resize", [name, "", self.constant(scales, np.float32)], mode=pick(["nearest", "linear"]),
                         coordinate_transformation_mode=pick(["half_pixel", "asymmetric"]))

    def model(self, outputs, shapes):
        # operators that need equal sizes would make a symbol mean one number only; a symbol is at least 1
        fixed = any(node.op_type in ("Concat", "Squeeze") for node in self.nodes)

        def info(name, array):
            dims = [f"{name}_{i}" if not fixed and d > 0 and self.random.random() < 0.15 else d for i, d in enumerate(array.shape)]
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), dims)

        graph = helper.make_graph(
            self.nodes, "fuzz", [info(n, a) for n, a in self.inputs.items()],
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(shapes[n].dtype), None) for n in outputs],
            [numpy_helper.from_array(a, n) for n, a in self.constants.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def reference(maker, names):
    shapes = {n: np.zeros(0, np.float32) for n in names}
    return dict(zip(names, ReferenceEvaluator(maker.model(names, shapes)).run(names, maker.inputs)))


def close(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    loose = 1e-2 if a.dtype == np.float16 else 1e-3
    return np.allclose(a.astype(np.float64), b.astype(np.float64), rtol=loose, atol=loose / 10, equal_nan=True)


def make(seed):
    """(model, inputs, outputs) where the oracles agree, else None."""
    maker = Maker(seed)
    x = maker.values(maker.shape(0, 4), maker.random.choice(DTYPES))
    maker.inputs["x"] = x
    name = "x"
    for _ in range(maker.random.randint(1, 8)):
        made = maker.add(name, x)
        if made is None:
            continue
        x = reference(maker, [made])[made]
        name = made
        if x.size > 100_000:
            break
    if not maker.nodes:
        return None
    outputs = {name: x}
    model = maker.model([name], outputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    other = session.run([name], maker.inputs)[0]
    return (model, maker.inputs, outputs) if close(x, other) else None


def write_case(folder, model, inputs, outputs):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    for prefix, infos, arrays in (("input", model.graph.input, inputs), ("output", model.graph.output, outputs)):
        for i, info in enumerate(infos):
            (data / f"{prefix}_{i}.pb").write_bytes(numpy_helper.from_array(arrays[info.name], info.name).SerializeToString())


def run(program, folder):
    result = folder / "result.json"
    subprocess.run([program, "conformance", folder, "--quiet", "--json", result, "--rtol", "1e-2", "--atol", "2e-3"],
                   stdout=subprocess.DEVNULL, check=False)
    return {c["case"]: c for c in json.loads(result.read_text())["cases"]}


def first_difference(program, folder, model, inputs):
    """The same model cut after the first node whose output differs."""
    names = [o for n in model.graph.node for o in n.output if o]
    truth = dict(zip(names, ReferenceEvaluator(extended(model, names)).run(names, inputs)))
    for name in names:
        cut = extended(model, [name])
        shutil.rmtree(folder, ignore_errors=True)
        write_case(folder / "case", cut, inputs, {name: np.asarray(truth[name])})
        if any(c["status"] == "failed" for c in run(program, folder).values()):
            return cut
    return model


def extended(model, names):
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    del cut.graph.output[:]
    cut.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names)
    return cut


def batch(program, seeds, keep):
    with tempfile.TemporaryDirectory() as scratch:
        folder, made = pathlib.Path(scratch) / "cases", {}
        for seed in seeds:
            try:
                case = make(seed)
            except Exception:  # an oracle that refuses a model decides nothing
                case = None
            if case:
                made[f"seed_{seed}"] = case
                write_case(folder / f"seed_{seed}", *case)
        results = run(program, folder) if made else {}
        wrong = [c for c in results.values() if c["status"] == "failed"]
        refused = [c for c in results.values() if c["status"] == "unsupported"]
        for case in wrong:
            model, inputs, outputs = made[case["case"]]
            print(f"{case['case']}: {case['reason'].splitlines()[0]}")
            print(onnx.printer.to_text(first_difference(program, pathlib.Path(scratch) / "cut", model, inputs)))
            if keep:
                write_case(keep / case["case"], model, inputs, outputs)
    return len(made), len(wrong), len(refused)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0, help="go on with new models until then")
    parser.add_argument("--program", default=ROOT / "build/release/rekindle", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, help="write the models that disagree here")
    a = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    end, seed, totals = time.monotonic() + a.seconds, a.seed, [0, 0, 0]
    while True:
        totals = [t + n for t, n in zip(totals, batch(a.program, range(seed, seed + a.count), a.keep))]
        seed += a.count
        if time.monotonic() >= end:
            break
    print(f"{totals[0]} models on which the oracles agree: {totals[1]} disagree, {totals[2]} refused")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
