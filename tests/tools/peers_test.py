"""The figures and tables of bench/peers.py, from times made up for the purpose, and what it refuses.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import sys
import unittest

import numpy

BENCH = pathlib.Path(__file__).resolve().parent.parent.parent / "bench"
sys.path.insert(0, str(BENCH))
from comparison import figures, inputs, table  # noqa: E402


def result(network="net", ours=2.0, ort=4.0, ov=1.0, mode="fp32", threads=1):
    rounds = [{"rekindle": ours * load, "onnxruntime": ort * load, "openvino": ov * load} for load in (1, 3, 1.1)]
    return {"network": network, "mode": mode, "threads": threads, "error": {"rekindle": 1e-6, "openvino": None},
            "precision": {"rekindle": "fp32", "onnxruntime": "fp32", "openvino": "bf16"},
            **figures.summarize(rounds, rounds)}


class Figures(unittest.TestCase):
    def test_a_load_that_hits_whole_rounds_leaves_ratios_alone(self):
        summary = result()
        self.assertEqual(summary["ms"], {"rekindle": 2.2, "onnxruntime": 4.4, "openvino": 1.1})
        self.assertEqual(summary["ratio"], {"onnxruntime": 0.5, "openvino": 2.0})
        self.assertEqual(summary["ratio_to_faster"], 2.0)
        self.assertEqual(summary["cpu_ratio_to_faster"], 2.0)

    def test_one_slow_round_does_not_count(self):
        rounds = [{"rekindle": 1, "onnxruntime": 2}, {"rekindle": 50, "onnxruntime": 2}, {"rekindle": 1, "onnxruntime": 2}]
        self.assertEqual(figures.summarize(rounds, rounds)["ratio_to_faster"], 0.5)

    def test_rounds_must_be_alike(self):
        rounds = [{"rekindle": 1, "onnxruntime": 2}, {"rekindle": 1}]
        with self.assertRaises(ValueError):
            figures.summarize(rounds, rounds)

    def test_geometric_mean(self):
        self.assertAlmostEqual(figures.geometric_mean([0.5, 2.0]), 1.0)
        self.assertAlmostEqual(figures.geometric_mean([1, 8, 1]), 2.0)
        self.assertIsNone(figures.geometric_mean([]))

    def test_overall_groups_by_mode_and_threads(self):
        overall = figures.overall([result("a", ours=1, ort=2, ov=4), result("b", ours=8, ort=2, ov=4),
                                   result("a", threads=2), result("a", mode="best")])
        self.assertEqual(list(overall), [("fp32", 1), ("fp32", 2), ("best", 1)])
        first = overall["fp32", 1]
        self.assertEqual((first["count"], first["worst"], first["worst_network"]), (2, 4.0, "b"))
        self.assertAlmostEqual(first["to_faster"], (0.5 * 4) ** 0.5)
        self.assertAlmostEqual(first["ratio"]["openvino"], (0.25 * 2) ** 0.5)

    def test_largest_error(self):
        expected = [numpy.float32([[1, -4]]), numpy.float32([])]
        self.assertEqual(figures.largest_error([numpy.float32([[1, -3]]), numpy.float32([])], expected), 0.25)
        self.assertIsNone(figures.largest_error([numpy.float32([1, -3]), numpy.float32([])], expected))
        self.assertIsNone(figures.largest_error(expected[:1], expected))
        places = [numpy.int64([100000, 7])]
        self.assertEqual(figures.largest_error([numpy.int64([100000, 7])], places), 0)
        self.assertEqual(figures.largest_error([numpy.int64([100001, 7])], places), 1, "another place is wrong altogether")


class Table(unittest.TestCase):
    DATA = {"date": "2026-01-02", "commit": "abc", "changed": True, "versions": {"onnxruntime": "1"}, "settings": {"rounds": 7},
            "device": {"cpu": "A chip", "cores": 2, "isa": "avx2", "system": "Linux 6", "load": 0.1},
            "results": [result()], "processes": [], "failures": []}

    def test_numbers_keep_three_digits(self):
        texts = [table.number(value) for value in (None, 0, 0.01234, 1.005, 123.4, 12345.6)]
        self.assertEqual(texts, ["—", "0", "0.0123", "1", "123", "12346"])
        self.assertEqual(table.number(1.23e-6, 2), "1.2e-06")

    def test_a_row_has_times_ratios_and_errors(self):
        text = table.render(self.DATA)
        self.assertIn("| net | 2.2 | 4.4 | 1.1 (bf16) | 0.5 | 2 | 2 | 2 | 1.0e-06 | — |\n", text)
        self.assertIn("| fp32, 1 thread | 1 | 0.5 | 2 | 2 | 2 | 2 (net) |\n", text)
        self.assertIn("A chip, 2 cores, avx2", text)
        self.assertIn("Commit abc with changes", text)

    def test_memory_and_failures_are_told(self):
        figure = {"peak_mb": 50.0, "load_ms": 1.0, "again_ms": 0.5}
        data = self.DATA | {
            "processes": [{"network": "net", "rekindle": figure, "onnxruntime": {key: 4 * v for key, v in figure.items()}}],
            "failures": [{"network": "odd", "mode": "fp32 at 1", "rival": "openvino", "reason": "it has no If"}]}
        text = table.render(data)
        self.assertIn("| net | 50 | 200 | 0.25 | 1 | 4 | 0.25 | 0.5 | 2 | 0.25 |\n", text)
        self.assertIn("- odd, fp32 at 1, openvino: it has no If\n", text)

    def test_rows_are_as_wide_as_their_headings(self):
        for block in table.render(self.DATA).split("\n\n"):
            widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
            self.assertLessEqual(len(widths), 1, block)


class Inputs(unittest.TestCase):
    def test_lines_of_the_page(self):
        self.assertEqual(len(inputs.text_lines()), 10)  # those of examples/ocr_demo/sample.txt
        self.assertEqual(inputs.recognizer_strip(inputs.text_lines()[0], 320).shape, (1, 3, 48, 320))
        self.assertEqual(inputs.recognizer_strip(inputs.text_lines()[0]).shape[3] % 8, 0)

    def test_sound_is_the_same_every_time(self):
        sound = inputs.speech(16000, 1600)
        self.assertTrue(numpy.array_equal(sound, inputs.speech(16000, 1600)))
        self.assertAlmostEqual(float(abs(sound).max()), 0.7, places=5)

    def test_word_pieces(self):
        words = {"light": 1, "##house": 2, "##s": 3, "[UNK]": 9}
        self.assertEqual(inputs.word_pieces("lighthouses", words), [1, 2, 3])
        self.assertEqual(inputs.word_pieces("lightly", words), [9])

    def test_a_short_file_is_filled_up(self):
        row = inputs.file_bytes(".ci/run")
        self.assertEqual(row.shape, (1, 2048))
        self.assertEqual((row[0, 0], row[0, 1023], row[0, 1024], row[0, -1]), (ord("#"), 256, 256, ord("t")))


class FreshProcess(unittest.TestCase):
    def test_peak_is_of_this_process_alone(self):
        """A process begun by a large one is not large."""
        ballast = bytearray(300 << 20)
        ballast[::4096] = b"x" * len(ballast[::4096])
        code = "import sys; sys.path.insert(0, sys.argv[1]); from comparison import fresh_process as f; print(f.peak_megabytes())"
        done = subprocess.run([sys.executable, "-c", code, BENCH], text=True, capture_output=True, check=True)
        self.assertLess(float(done.stdout), 250)
        self.assertGreater(float(done.stdout), 5)
        self.assertEqual(len(ballast), 300 << 20)


class Usage(unittest.TestCase):
    def test_unknown_names_are_refused(self):
        for arguments, message in ((["--models", "resnet51"], "no network is called resnet51; there are ppocr4_det"),
                                   (["--modes", "int8"], "no mode is called int8; there are fp32, best")):
            done = subprocess.run([sys.executable, BENCH / "peers.py", *arguments], text=True, capture_output=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
