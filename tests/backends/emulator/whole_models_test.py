"""Builds whole small models for the emulator and runs their engines: the outputs are the reference's.

REKINDLE names the program. SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.environ["REKINDLE"]
RUNTIME = pathlib.Path(PROGRAM).parent / "lib" / "librekindle_runtime.so"


def save(path, nodes, inputs, outputs, weights):
    """`weights` is {name: shape}: seeded noise."""
    random = numpy.random.default_rng(1)
    initializers = [numpy_helper.from_array(random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(0.3), name)
                    for name, shape in weights.items()]

    def infos(shapes):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "small", infos(inputs), infos(outputs), initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def classifier(path):
    """Convolutions with strides, channel by channel, a residual sum, pools, a product, softmax; 13 x 13 pictures."""
    node = helper.make_node
    save(path, [node("Conv", ["x", "w1", "b1"], ["c1"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
                node("Relu", ["c1"], ["r1"]),
                node("Conv", ["r1", "w2"], ["c2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=8),
                node("Sigmoid", ["c2"], ["s2"]), node("Mul", ["c2", "s2"], ["m2"]),
                node("Add", ["m2", "r1"], ["a2"]),
                node("MaxPool", ["a2"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
                node("GlobalAveragePool", ["p"], ["g"]), node("Flatten", ["g"], ["f"]),
                node("Gemm", ["f", "w3", "b3"], ["l"]), node("Softmax", ["l"], ["y"], axis=-1)],
         {"x": ["N", 3, 13, 13]}, {"y": ["N", 5]},
         {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (8, 1, 3, 3), "w3": (8, 5), "b3": (5,)})


def block_of_a_transformer(path):
    """Attention over 7 positions in two heads of 8, a sum, a norm, and a product with GELU's parts."""
    node = helper.make_node
    nodes = [node("MatMul", ["x", "w" + n], [n]) for n in "qkv"]
    shape = numpy_helper.from_array(numpy.array([1, 7, 2, 8]), "heads")
    nodes += [node("Reshape", [n, "heads"], [n + "r"]) for n in "qkv"]
    nodes += [node("Transpose", [n + "r"], [n + "t"], perm=[0, 2, 1, 3]) for n in "qv"]
    nodes += [node("Transpose", ["kr"], ["kt"], perm=[0, 2, 3, 1]), node("MatMul", ["qt", "kt"], ["scores"]),
              node("Softmax", ["scores"], ["weights"], axis=-1), node("MatMul", ["weights", "vt"], ["seen"]),
              node("Transpose", ["seen"], ["back"], perm=[0, 2, 1, 3]), node("Reshape", ["back", "flat"], ["joined"]),
              node("Add", ["joined", "x"], ["sum"]), node("LayerNormalization", ["sum", "scale", "shift"], ["norm"]),
              node("MatMul", ["norm", "w1"], ["wide"]), node("Erf", ["wide"], ["e"]), node("Mul", ["wide", "e"], ["y"])]
    save(path, nodes, {"x": [1, 7, 16]}, {"y": [1, 7, 20]},
         {"wq": (16, 16), "wk": (16, 16), "wv": (16, 16), "w1": (16, 20), "scale": (16,), "shift": (16,)})
    model = onnx.load(path)
    model.graph.initializer.extend([shape, numpy_helper.from_array(numpy.array([1, 7, 16]), "flat")])
    onnx.save(model, path)


class WholeModels(unittest.TestCase):
    def setUp(self):
        self.kept = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.kept.name)
        self.addCleanup(self.kept.cleanup)

    def run_program(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], text=True, capture_output=True, timeout=250)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def check(self, make, *options, architectures=("61", "75")):
        model, engine = self.folder / "model.onnx", self.folder / "model.engine"
        make(model)
        for sm in architectures:
            self.run_program("build", model, "-o", engine, "--target", f"emulator:sm_{sm}", "--effort", "0", *options)
            self.assertIn("cuda.", self.run_program("inspect", engine))
            self.run_program("compare", model, engine, "--atol", "1e-5")
        return engine

    def test_a_classifier(self):
        self.check(classifier, "--profile", "x=1x3x13x13:2x3x13x13:3x3x13x13")

    def test_a_block_of_a_transformer(self):
        self.check(block_of_a_transformer, architectures=("61",))

    def test_a_target_needs_its_architecture(self):
        model = self.folder / "model.onnx"
        classifier(model)
        said = self.run_program("build", model, "-o", self.folder / "no.engine", "--target", "emulator", code=1)
        self.assertIn("names no architecture, expected as in emulator:sm_61", said)

    @unittest.skipUnless(RUNTIME.exists(), "the shared library of the runtime is not in this build")
    def test_the_runtime_library_refuses_the_engine(self):
        engine = self.check(classifier, "--profile", "x=1x3x13x13:1x3x13x13:1x3x13x13", architectures=("61",))
        library = ctypes.CDLL(str(RUNTIME))
        library.rekindle_engine_load.restype = ctypes.c_void_p
        library.rekindle_status_message.restype = ctypes.c_char_p
        loaded = ctypes.c_void_p()
        status = library.rekindle_engine_load(str(engine).encode(), None, ctypes.byref(loaded))
        self.assertTrue(status)
        said = library.rekindle_status_message(ctypes.c_void_p(status)).decode()
        self.assertIn("the emulator of CUDA kernels is a tool for developing them", said)


if __name__ == "__main__":
    unittest.main()
