"""The same input and the same timing cache give the same bytes: whatever the folder, the name, the hour or the process.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.environ["REKINDLE"]


def network():
    """A little of everything that is chosen, packed or folded: convolutions, a batch norm, a matmul, a branch of shapes."""
    random = numpy.random.default_rng(5)

    def weight(name, *shape):
        return numpy_helper.from_array(random.standard_normal(shape, dtype=numpy.float32), name)
    initializers = [weight("w1", 8, 3, 3, 3), weight("w2", 8, 8, 3, 3), weight("scale", 8), weight("bias", 8), weight("mean", 8),
                    numpy_helper.from_array(numpy.ones(8, numpy.float32), "variance"), weight("dense", 8, 5)]
    nodes = [helper.make_node("Conv", ["x", "w1"], ["c1"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c1"], ["r1"]),
             helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1, 1, 1, 1]),
             helper.make_node("BatchNormalization", ["c2", "scale", "bias", "mean", "variance"], ["n"]),
             helper.make_node("Add", ["n", "r1"], ["s"]), helper.make_node("GlobalAveragePool", ["s"], ["p"]),
             helper.make_node("Flatten", ["p"], ["f"]), helper.make_node("MatMul", ["f", "dense"], ["d"]),
             helper.make_node("Softmax", ["d"], ["y"])]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 12, 12])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Reproducible(unittest.TestCase):
    def setUp(self):
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.root = pathlib.Path(kept.name)

    def build(self, folder, name, *options, cache=None):
        """Builds in a folder of its own, from a copy of the model, with paths relative to that folder."""
        folder = self.root / folder
        folder.mkdir(parents=True)
        onnx.save(network(), folder / f"{name}.onnx")
        if cache:
            shutil.copy(cache, folder / "times.jsonl")
        done = subprocess.run([PROGRAM, "build", f"{name}.onnx", "-o", f"{name}.engine", "--threads", "1", "-q", "--profile",
                               "x=1x3x12x12:2x3x12x12:4x3x12x12", *options], cwd=folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return (folder / f"{name}.engine").read_bytes()

    def test_nothing_measured(self):
        first = self.build("a", "net", "--effort", "0", "--keep-ir")
        time.sleep(1.1)  # a time of day in the file would show
        self.assertEqual(first, self.build("some/other/folder", "renamed", "--effort", "0", "--keep-ir"))

    def test_a_complete_cache(self):
        measured = self.build("a", "net", "--effort", "2", "--timing-cache", "times.jsonl")
        cache = self.root / "a" / "times.jsonl"
        self.assertTrue(cache.read_text())
        for folder, name in (("b", "net"), ("c/d", "renamed")):
            again = self.build(folder, name, "--effort", "2", "--timing-cache", "times.jsonl", cache=cache)
            self.assertEqual(measured, again)
            self.assertEqual(cache.read_bytes(), (self.root / folder / "times.jsonl").read_bytes())

    def test_no_paths(self):
        self.assertNotIn(str(self.root).encode(), self.build("a", "net", "--effort", "0", "--keep-ir"))


if __name__ == "__main__":
    unittest.main()
