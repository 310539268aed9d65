"""The networks that benchmarks generate, on the sample picture: the engine beside the reference and beside onnxruntime.

SegNet is no continuous function of its picture: where the two largest values of a pooling window are equal up to
rounding, which of them wins decides where MaxUnpool puts the value, and every program that rounds otherwise draws
another map, onnxruntime with and without its optimizations too. So its two halves are looked at: what the encoder pools
and where it found it, then what the decoder makes of places that are given.

REKINDLE names the program. SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import onnx
import onnxruntime

PROGRAM = pathlib.Path(os.environ["REKINDLE"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from comparison import inputs  # noqa: E402
from comparison.figures import largest_error  # noqa: E402
from models import segnet, yolov5  # noqa: E402

TOLERANCE = 1e-4  # of the largest magnitude of each output


class GeneratedNetworks(unittest.TestCase):
    def setUp(self):
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = pathlib.Path(kept.name)

    def run_program(self, *arguments):
        done = subprocess.run([PROGRAM, *map(str, arguments)], text=True, capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def both(self, name, model, feed, reference=True):
        """{output: (the engine's, onnxruntime's)}; the engine beside the reference on the way."""
        path, engine = self.folder / f"{name}.onnx", self.folder / f"{name}.engine"
        onnx.save(model, path)
        self.run_program("build", path, "-o", engine, "--quiet", "--effort", "0")
        files = []
        for i, (tensor, array) in enumerate(feed.items()):
            numpy.save(self.folder / f"{i}.npy", array)
            files += ["--input", f"{tensor}={self.folder}/{i}.npy"]
        if reference:
            self.run_program("compare", path, engine, *files, "--quiet", "--atol", "0", "--rtol", TOLERANCE)
        self.run_program("run", engine, *files, "--output-dir", self.folder / name)
        written = json.loads((self.folder / name / "outputs.json").read_text())
        got = {entry["name"]: numpy.load(self.folder / name / entry["file"]) for entry in written}
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        self.assertEqual(sorted(got), sorted(names))
        return {tensor: (got[tensor], array) for tensor, array in zip(names, session.run(None, feed))}

    def agree(self, pair):
        error = largest_error(pair[:1], pair[1:])
        self.assertIsNotNone(error, "other shapes than onnxruntime's")
        self.assertLessEqual(error, TOLERANCE)

    def test_yolov5s(self):
        pairs = self.both("yolov5s", yolov5.yolov5s(), {"images": inputs.unit_page(640, 640)})
        self.assertEqual(len(pairs), 1)
        for pair in pairs.values():
            self.agree(pair)

    def test_segnet(self):
        model = onnx.shape_inference.infer_shapes(segnet.segnet(96, 128))
        cut = onnx.utils.Extractor(model).extract_model
        pools = [node for node in model.graph.node if node.op_type == "MaxPool"]
        self.assertEqual(len(pools), 5)
        pooled, places = ([node.output[i] for node in pools] for i in (0, 1))
        before = [node.input[0] for node in pools]
        feed = {"input": inputs.imagenet_page(128, 96)}
        for pair in self.both("encoder", cut(["input"], pooled), feed).values():
            self.agree(pair)
        pairs = self.both("places", cut(["input"], [*before, *pooled, *places]), feed, reference=False)
        for pool in range(5):
            values, largest = pairs[before[pool]][1], pairs[pooled[pool]][1]
            self.check_places(pairs[places[pool]][0], values, largest)
        given = {name: pairs[name][1] for name in (pooled[-1], *places)}
        for pair in self.both("decoder", cut(list(given), ["logits"]), given).values():
            self.agree(pair)

    def check_places(self, got, values, largest):
        """Each place lies in its window of 2 x 2, and what stands there is the largest value up to rounding."""
        height, width = values.shape[2:]
        rows, columns = got // width % height // 2, got % width // 2
        planes = got // (height * width)
        self.assertTrue((rows == numpy.arange(height // 2)[:, None]).all())
        self.assertTrue((columns == numpy.arange(width // 2)).all())
        self.assertTrue((planes == numpy.arange(got.shape[0] * got.shape[1]).reshape(*got.shape[:2], 1, 1)).all())
        there = values.ravel()[got]
        self.assertLessEqual(float(abs(there - largest).max()), TOLERANCE * float(abs(largest).max()))
        self.assertLess(float((there != largest).mean()), 1e-4, "ties up to rounding are rare")


if __name__ == "__main__":
    unittest.main()
