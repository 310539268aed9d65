"""Calibrates a small network and builds it in INT8: the table, its independence from batches, what the build says.

REKINDLE names the program. SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.environ["REKINDLE"]


def network(path):
    """Two convolutions with a relu between, a pool and a product: N pictures of 3 x 12 x 12 become N rows of 5."""
    random = numpy.random.default_rng(7)

    def weights(name, *shape):
        values = random.standard_normal(shape, dtype=numpy.float32) / numpy.float32(numpy.prod(shape[1:]) ** 0.5)
        return numpy_helper.from_array(values, name)
    nodes = [helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]),
             helper.make_node("Relu", ["a"], ["r"]),
             helper.make_node("Conv", ["r", "w2"], ["b"]),
             helper.make_node("GlobalAveragePool", ["b"], ["p"]),
             helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("Gemm", ["f", "w3"], ["y"])]
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])],
        [weights("w1", 8, 3, 3, 3), weights("w2", 16, 8, 3, 3), weights("w3", 16, 5)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Quantize(unittest.TestCase):
    def setUp(self):
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = pathlib.Path(kept.name)
        self.model = self.folder / "small.onnx"
        network(self.model)
        self.samples = numpy.random.default_rng(8).standard_normal((24, 3, 12, 12), dtype=numpy.float32)

    def run_program(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], text=True, capture_output=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def table(self, batch):
        folder = self.folder / f"samples{batch}"
        folder.mkdir()
        for first in range(0, 24, batch):
            numpy.save(folder / f"{first:02}.npy", self.samples[first:first + batch])
        out = self.folder / f"{batch}.table"
        self.assertIn("ranges of 3 values from 24 samples", self.run_program("calibrate", self.model, folder, "-o", out))
        return out

    def test_table_is_the_same_for_every_batch_size(self):
        one = self.table(1).read_bytes()
        for batch in (8, 24):
            self.assertEqual(self.table(batch).read_bytes(), one)

    def test_int8_is_close_to_fp32(self):
        table = self.table(24)
        engine = self.folder / "small.engine"
        said = self.run_program("build", self.model, "-o", engine, "--precision", "int8", "--calibrate", table,
                                "--effort", "0")
        self.assertIn("int8: 3 of 3 convolutions and products", said)
        exact = self.folder / "exact.engine"
        self.run_program("build", self.model, "-o", exact, "--effort", "0")
        numpy.save(self.folder / "x.npy", self.samples[:1])
        results = []
        for file in (engine, exact):
            self.run_program("run", file, "--input", f"x={self.folder / 'x.npy'}", "--output-dir", self.folder / file.stem)
            results.append(numpy.load(self.folder / file.stem / "y.npy"))
        error = abs(results[0] - results[1]).max() / abs(results[1]).max()
        self.assertLess(error, 0.03)
        self.assertGreater(error, 0)

    def test_a_removed_line_stays_float(self):
        table = self.table(24)
        lines = [line for line in table.read_text().splitlines(keepends=True) if '"x"' not in line]
        table.write_text("".join(lines))
        said = self.run_program("build", self.model, "-o", self.folder / "e", "--precision", "int8", "--calibrate", table,
                                "--effort", "0")
        self.assertIn("int8: 2 of 3 convolutions and products", said)

    def test_mistakes_are_named(self):
        out = self.folder / "e"
        message = self.run_program("build", self.model, "-o", out, "--precision", "int8", code=1)
        self.assertIn("precision int8 needs samples or a calibration table (--calibrate)", message)
        message = self.run_program("build", self.model, "-o", out, "--calibrate", self.folder, code=1)
        self.assertIn("calibration is for precision int8, this build is for fp32", message)
        message = self.run_program("calibrate", self.model, self.folder / "nowhere", "-o", out, code=1)
        self.assertIn("no such file or folder", message)
        message = self.run_program("calibrate", self.model, self.folder, "-o", out, "--observer", "best", code=1)
        self.assertIn("there is no observer 'best'; there are auto, minmax", message)
        other = self.folder / "other.table"
        other.write_text('# rekindle calibration 1\n0 1 mse "elsewhere"\n')
        message = self.run_program("build", self.model, "-o", out, "--precision", "int8", "--calibrate", other, code=1)
        self.assertIn("the calibration table has none of the model's values", message)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
