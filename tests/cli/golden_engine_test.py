"""An engine of every format that was released must keep loading and giving the same numbers.

tests/cli/golden/engine_MAJOR_MINOR.engine was written by the first version of that format, for the least instruction set. When
the format or the parameters of a kernel change, raise kEngineMinor or kEngineMajor (src/plan/engine_file.h) and add a file:

    REKINDLE=build/release/rekindle build/venv/bin/python tests/cli/golden_engine_test.py --make

It writes the file of the present format. A file of an older minor stays; one of an older major, which is refused, goes when
the major is raised. The numbers are worked out here, without the program.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.environ["REKINDLE"]
FOLDER = pathlib.Path(__file__).resolve().parent / "golden"


def weights():
    return (numpy.arange(12, dtype=numpy.float32).reshape(4, 3) % 5 - 2) / 4, numpy.array([0.5, -0.25, 0], numpy.float32)


def expected(x):
    w, b = weights()
    e = numpy.exp(numpy.maximum(x @ w + b, 0))
    return e / e.sum(axis=1, keepdims=True)


def make():
    w, b = weights()
    nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["s"]),
             helper.make_node("Relu", ["s"], ["r"]), helper.make_node("Softmax", ["r"], ["y"])]
    graph = helper.make_graph(nodes, "golden", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
                              [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        onnx.save(model, path / "golden.onnx")
        subprocess.run([PROGRAM, "build", path / "golden.onnx", "-o", path / "golden.engine", "--target", "cpu:baseline",
                        "--effort", "0", "--threads", "1", "--profile", "x=1x4:2x4:8x4", "--keep-ir", "-q"], check=True)
        content = (path / "golden.engine").read_bytes()
    major, minor = int.from_bytes(content[8:10], "little"), int.from_bytes(content[10:12], "little")
    (FOLDER / f"engine_{major}_{minor}.engine").write_bytes(content)


class GoldenEngines(unittest.TestCase):
    def test_they_load_and_give_the_same_numbers(self):
        engines = sorted(FOLDER.glob("engine_*_*.engine"))
        self.assertTrue(engines)
        x = (numpy.arange(12, dtype=numpy.float32).reshape(3, 4) - 5) / 3
        for engine in engines:
            with tempfile.TemporaryDirectory() as folder:
                numpy.save(f"{folder}/x.npy", x)
                done = subprocess.run([PROGRAM, "run", engine, "--input", f"x={folder}/x.npy", "--output-dir", folder],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, f"{engine.name}: {done.stderr}")
                numpy.testing.assert_allclose(numpy.load(f"{folder}/y.npy"), expected(x), rtol=1e-6, atol=1e-7)
            described = subprocess.run([PROGRAM, "inspect", engine, "--json"], capture_output=True, text=True, check=True)
            [variant] = json.loads(described.stdout)["variants"]
            self.assertEqual(variant["isa"], "baseline")  # else another machine could not run it

    def test_there_is_one_of_the_present_format(self):
        text = (pathlib.Path(os.environ["RK_SOURCE_DIR"]) / "src" / "plan" / "engine_file.h").read_text()
        major, minor = re.search(r"kEngineMajor = (\d+), kEngineMinor = (\d+)", text).groups()
        self.assertTrue((FOLDER / f"engine_{major}_{minor}.engine").exists(), "run this file with --make")


if __name__ == "__main__":
    if sys.argv[1:] == ["--make"]:
        make()
    else:
        unittest.main()
