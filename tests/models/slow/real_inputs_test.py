"""Real networks on real inputs: the engine beside the reference and beside onnxruntime, both within 1e-4.

The page of the demo, lines cut out of it, speech-like sound, sentences, files of this tree. The networks come from
the Python registry through tools/fetch_models, a hundred megabytes the first time; without them this test fails.

REKINDLE names the program; the library beside it is used for what needs many runs of one engine.

SPDX-License-Identifier: Apache-2.0
"""
import json
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
from comparison import inputs, rekindle_library  # noqa: E402
from comparison.figures import largest_error  # noqa: E402

NETWORKS = ("ppocr4_det ppocr4_rec ppocr_cls ddddocr_crnn centerface magika silero_vad silero_vad_16k_flat minilm_int8w "
            "minilm_vocab basic_pitch").split()
TOLERANCE = 1e-4  # of the largest magnitude of each output


def setUpModule():
    done = subprocess.run([sys.executable, ROOT / "tools" / "fetch_models", "--only", ",".join(NETWORKS)], text=True,
                          capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"these tests need networks that could not be fetched:\n{done.stderr}")


def session(name):
    """All optimizations but onnxruntime's own convolution layouts: those alone move the detector's output by 2e-4."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(inputs.MODELS / f"{name}.onnx", options, providers=["CPUExecutionProvider"])


class RealInputs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.kept.name)
        cls.library = rekindle_library.Library(PROGRAM.parent / "lib" / "librekindle_runtime.so")

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def run_program(self, *arguments):
        done = subprocess.run([PROGRAM, *map(str, arguments)], text=True, capture_output=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def build(self, name, *arguments):
        engine = self.folder / f"{name}.engine"
        self.run_program("build", inputs.MODELS / f"{name}.onnx", "-o", engine, "--quiet", "--effort", "0", *arguments)
        return engine

    def agrees_with_reference(self, name, engine, feed, *profiles):
        arguments = list(profiles)
        for i, (tensor, array) in enumerate(feed.items()):
            numpy.save(self.folder / f"{name}.{i}.npy", array)
            arguments += ["--input", f"{tensor}={self.folder / name}.{i}.npy"]
        result = json.loads(self.run_program("compare", inputs.MODELS / f"{name}.onnx", engine, *arguments, "--quiet",
                                             "--atol", "0", "--rtol", TOLERANCE, "--json", "-"))
        self.assertTrue(result["agrees"])
        self.assertGreater(len(result["outputs"]), 0)

    def outputs(self, context, feed):
        for tensor, array in feed.items():
            context.bind(tensor, array)
        context.run()
        return [context.output(tensor) for tensor in context.output_names()]

    def check(self, name, feeds, *profiles):
        """One engine: the first feed on the reference, every feed on onnxruntime."""
        engine = self.build(name, *profiles)
        self.agrees_with_reference(name, engine, feeds[0], *profiles)
        context, rival = rekindle_library.Context(self.library, engine, 2), session(name)
        for i, feed in enumerate(feeds):
            expected = rival.run(None, feed)
            for output in expected:
                self.assertTrue(numpy.isfinite(output.astype(float)).all())
            error = largest_error(self.outputs(context, feed), expected)
            self.assertIsNotNone(error, f"feed {i}: other shapes than onnxruntime's")
            self.assertLessEqual(error, TOLERANCE, f"feed {i}")
        context.close()

    def test_detector_on_the_page(self):
        self.check("ppocr4_det", [{"x": inputs.detector_page()}])

    def test_recognizer_on_lines(self):
        self.check("ppocr4_rec", [{"x": inputs.recognizer_strip(line)} for line in inputs.text_lines()])

    def test_orientation_of_lines(self):
        lines = [inputs.recognizer_strip(line, 192) for line in inputs.text_lines()]
        self.check("ppocr_cls", [{"x": numpy.concatenate(lines)}, {"x": lines[3][..., ::-1, ::-1].copy()}])

    def test_word_reader(self):
        self.check("ddddocr_crnn", [{"input1": inputs.grey_word(64)}])

    def test_face_finder_on_tiles(self):
        self.check("centerface", [{"input.1": inputs.page_tiles(10, 32)}])

    def test_file_types(self):
        files = "README.md Makefile .ci/run CMakePresets.json src/base/hash.cc examples/ocr_demo/sample.png".split()
        rows = [inputs.file_bytes(path) for path in files]
        self.check("magika", [{"bytes": numpy.concatenate(rows)}, *({"bytes": row} for row in rows)])

    def speech_frames(self, name, feed_of):
        """Frames in their order; the state that one leaves is the next one's, as onnxruntime computed it."""
        sound, rival = inputs.speech(16000, 16000), session(name)
        feeds, state = [], numpy.zeros((2, 1, 128), numpy.float32)
        for begin in range(64, len(sound) - 512, 512):
            feeds.append(feed_of(sound, begin) | {"state": state})
            state = rival.run(None, feeds[-1])[1]
        self.assertEqual(len(feeds), 31)
        return feeds[15:16] + feeds  # the reference gets one from the middle, with a state

    def test_voice_with_branches(self):
        rate = {"sr": numpy.array(16000, numpy.int64)}
        feeds = self.speech_frames("silero_vad", lambda sound, at: {"input": sound[None, at - 64:at + 512]} | rate)
        self.check("silero_vad", feeds, "--profile", "input=1x576:1x576:1x576", "--profile", "state=2x1x128:2x1x128:2x1x128")

    def test_voice(self):
        self.check("silero_vad_16k_flat",
                   self.speech_frames("silero_vad_16k_flat", lambda sound, at: {"input": sound[None, at - 64:at + 512]}))

    def test_sentences(self):
        singles = [inputs.token_batch([sentence], len(inputs.tokens(sentence))) for sentence in inputs.SENTENCES]
        self.check("minilm_int8w", [inputs.token_batch(inputs.SENTENCES, 24), *singles])

    def test_notes(self):
        name = "serving_default_input_2:0"
        sound = numpy.stack([inputs.speech(22050, 43844, seed) for seed in (7, 8)])[..., None]
        self.check("basic_pitch", [{name: sound[:1]}, {name: sound}])


if __name__ == "__main__":
    unittest.main()
