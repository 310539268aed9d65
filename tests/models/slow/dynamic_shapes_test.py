"""One engine of the recognizer at widths 32 to 1280 in steps of 8 and batches 1 to 8: every width and every batch runs and
makes probabilities, a sample of them is compared with onnxruntime, and a change of shape costs little.

REKINDLE names the program; the library beside it runs the engine.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import onnxruntime

PROGRAM = pathlib.Path(os.environ["REKINDLE"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from comparison import inputs, rekindle_library, shape_changes  # noqa: E402
from comparison.figures import largest_error  # noqa: E402

MODEL = inputs.MODELS / "ppocr4_rec.onnx"
# bench/shape_changes.py measures less than a fifth of it; this is for machines that are slow and busy.
MOST_SHAPE_WORK = 1000  # microseconds


class DynamicShapes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([sys.executable, ROOT / "tools" / "fetch_models", "--only", "ppocr4_rec"], text=True,
                              capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"these tests need a network that could not be fetched:\n{done.stderr}")
        cls.kept = tempfile.TemporaryDirectory()
        cls.engine = pathlib.Path(cls.kept.name) / "rec.engine"
        subprocess.run([PROGRAM, "build", MODEL, "-o", cls.engine, "-q", "--effort", "0", "--profile",
                        shape_changes.PROFILE], check=True)
        cls.library = rekindle_library.Library(PROGRAM.parent / "lib" / "librekindle_runtime.so")
        cls.strip = shape_changes.long_strip()

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def test_every_width_and_batch_runs(self):
        """bench/shape_changes.py --every runs each width with each batch, which takes minutes."""
        context = rekindle_library.Context(self.library, self.engine, 1)
        shapes = [(1 + i % 3, width) for i, width in enumerate(shape_changes.WIDTHS)]
        shapes += [(batch, width) for batch in shape_changes.BATCHES for width in (32, 104, 320)]
        for batch, width in shapes + [(8, 1280)]:
            error = shape_changes.run_shape(context, self.strip, batch, width)
            self.assertIsNone(error, f"{batch}x3x48x{width}: {error}")
        self.assertEqual(len(shapes), 157 + 8 * 3)
        context.close()

    def test_a_sample_agrees_with_onnxruntime(self):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        rival = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        context = rekindle_library.Context(self.library, self.engine, 1)
        name = context.output_names()[0]
        shapes = [(1, 32), (1, 1280), (8, 32), *((1 + i % 4, 40 + 8 * (i * 37 % 155)) for i in range(16))]
        errors = []
        for batch, width in shapes:
            x = numpy.ascontiguousarray(self.strip[:batch, :, :, :width])
            context.bind("x", x)
            context.run()
            error = largest_error([context.output(name)], rival.run(None, {"x": x}))
            self.assertIsNotNone(error, f"{batch}x3x48x{width}: another shape than onnxruntime's")
            errors.append(error)
        # Strips that cut letters in half have readings in the balance, which any rounding moves: a wrong kernel moves all.
        self.assertLess(max(errors), 1e-2)
        self.assertLess(numpy.median(errors), 1e-4)
        context.close()

    def test_sizes_outside_the_profile_are_refused(self):
        context = rekindle_library.Context(self.library, self.engine, 1)
        for batch, width, message in ((1, 24, "is 24, expected"), (1, 1288, "is 1288, expected"), (9, 32, "is 9, expected")):
            with self.assertRaisesRegex(rekindle_library.Error, message):
                context.bind("x", numpy.zeros((batch, 3, 48, width), numpy.float32))
                context.run()
        context.close()

    def test_a_change_of_shape_is_cheap(self):
        context = rekindle_library.Context(self.library, self.engine, 1)
        changes = shape_changes.ShapeChanges(context, self.strip)
        new = shape_changes.summary(changes.measure(range(32, 192, 8)))
        kept = shape_changes.summary(changes.measure([32, 40, 48] * 7))
        self.assertLess(new["shape_work"]["median"], MOST_SHAPE_WORK)
        self.assertLess(kept["shape_work"]["median"], new["shape_work"]["median"])
        context.close()


if __name__ == "__main__":
    unittest.main()
