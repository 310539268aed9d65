"""Runs the built program on small models: what it prints and writes, its exit codes, and its messages.

REKINDLE names the program. Models are made with the onnx package.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.environ["REKINDLE"]
FLOAT = TensorProto.FLOAT


def save(path, nodes, inputs, outputs, initializers=(), opset=17):
    """A model of float tensors: inputs and outputs are {name: shape}."""
    def infos(shapes):
        return [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "small", infos(inputs), infos(outputs), list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)


def two_layers(path):
    """relu(x w + b), then softmax: N rows of 4 become N rows of 3."""
    random = numpy.random.default_rng(1)
    w = numpy_helper.from_array(random.standard_normal((4, 3), dtype=numpy.float32), "w")
    b = numpy_helper.from_array(random.standard_normal(3, dtype=numpy.float32), "b")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"], name="product"),
             helper.make_node("Add", ["xw", "b"], ["sum"], name="bias"),
             helper.make_node("Relu", ["sum"], ["positive"], name="relu"),
             helper.make_node("Softmax", ["positive"], ["y"], name="probabilities", axis=-1)]
    save(path, nodes, {"x": ["N", 4]}, {"y": ["N", 3]}, [w, b])


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.kept.name)
        cls.model = cls.folder / "two layers.onnx"
        cls.engine = cls.folder / "two.engine"
        two_layers(cls.model)
        done = subprocess.run([PROGRAM, "build", cls.model, "-o", cls.engine, "--profile", "x=1x4:2x4:8x4", "--effort",
                               "0"], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def run_program(self, *arguments, code=0, **more):
        done = subprocess.run([PROGRAM, *map(str, arguments)], text=True, capture_output=True, timeout=120, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def refused(self, code, message, *arguments):
        error = self.run_program(*arguments, code=code).stderr
        self.assertIn(message, error)

    def test_usage_errors(self):
        self.refused(2, "--no-such-flag", "build", self.model, "-o", "x", "--no-such-flag")
        self.refused(2, "--output is required", "build", self.model)
        self.refused(2, "subcommand is required")
        self.refused(2, "--effort", "build", self.model, "-o", "x", "--effort", "much")

        self.refused(2, "there is no command 'biuld', expected one of build, calibrate, run, ", "biuld", self.model)

    def test_unwritable_results_are_refused_before_the_work(self):
        report = self.folder / "missing" / "report.json"
        self.refused(1, "report.json: folder", "build", self.model, "-o", self.folder / "w.engine", "--json", report)
        self.assertFalse((self.folder / "w.engine").exists())
        for path in (self.folder, self.folder / "missing" / "w.engine", self.model / "w.engine"):
            done = self.run_program("build", self.model, "-o", path, code=1)
            self.assertIn("error: cannot write ", done.stderr)
            self.assertNotIn("import", done.stderr, "no phase began")
        self.refused(1, "cannot write", "bench", self.engine, "--json", report)
        self.refused(1, "cannot write", "compare", self.model, self.engine, "--json", report)

    def test_an_interrupted_build_leaves_nothing(self):
        folder = self.folder / "interrupted"
        folder.mkdir()
        # Large enough that the signal comes long before the end.
        wide = self.folder / "wide.onnx"
        weight = numpy_helper.from_array(numpy.ones((512, 512, 3, 3), numpy.float32), "w")
        nodes = [helper.make_node("Conv", ["x" if i == 0 else f"x{i}", "w"], [f"x{i + 1}"], pads=[1] * 4) for i in range(24)]
        save(wide, nodes, {"x": [1, 512, 64, 64]}, {"x24": [1, 512, 64, 64]}, [weight])
        for number in (signal.SIGINT, signal.SIGTERM):
            kept = folder / "kept.engine"
            kept.write_bytes(b"what was there")
            with subprocess.Popen([PROGRAM, "build", wide, "-o", kept, "--effort", "5"], text=True,
                                  stderr=subprocess.PIPE) as running:
                self.assertEqual(running.stderr.readline(), "import\n")
                running.send_signal(number)
                self.assertEqual(running.wait(timeout=60), -number)
            self.assertEqual([path.name for path in folder.iterdir()], ["kept.engine"])
            self.assertEqual(kept.read_bytes(), b"what was there")

    def test_help_has_examples(self):
        self.assertIn("Examples:", self.run_program("--help").stdout)
        self.assertIn("Exit codes: 0 done, 1 the input", self.run_program("--help").stdout)
        for command in "build run bench inspect compare ops opt devices conformance completion".split():
            self.assertIn("Example", self.run_program(command, "--help").stdout, command)

    def test_wrong_requests(self):
        self.refused(1, "no.onnx", "build", self.folder / "no.onnx", "-o", self.folder / "x")
        self.refused(1, "NAME=MIN:USUAL:MAX", "build", self.model, "-o", self.folder / "x", "--profile", "1x4")
        self.refused(1, "MIN:USUAL:MAX shapes", "build", self.model, "-o", self.folder / "x", "--profile", "x=1x4:2x4")
        self.refused(1, "expected 2", "build", self.model, "-o", self.folder / "x", "--profile", "x=1x4x5")
        self.refused(1, "no such input; it has x", "build", self.model, "-o", self.folder / "x", "--profile", "z=1x4")
        self.refused(1, "none of fp32", "build", self.model, "-o", self.folder / "x", "--precision", "fp12")
        self.refused(1, "sizes such as 1x3x224x224", "run", self.engine, "--shape", "x=1xfour")
        self.refused(1, "there is no input 'z'; there are x", "run", self.engine, "--shape", "z=1x4")
        self.refused(1, "9", "run", self.engine, "--shape", "x=9x4")  # outside the profile
        self.refused(1, "--streams is 0", "bench", self.engine, "--streams", "0")
        self.assertFalse((self.folder / "x").exists())

    def test_damaged_engine(self):
        damaged = self.folder / "damaged.engine"
        damaged.write_bytes(self.engine.read_bytes()[:-100])
        for command in (["run", damaged], ["inspect", damaged], ["bench", damaged]):
            self.assertIn("error: ", self.run_program(*command, code=1).stderr)

    def test_run_writes_outputs(self):
        x = numpy.random.default_rng(2).standard_normal((3, 4), dtype=numpy.float32)
        numpy.save(self.folder / "x.npy", x)
        out = self.folder / "out"
        self.run_program("run", self.engine, "--input", f"x={self.folder / 'x.npy'}", "--output-dir", out)
        entries = json.loads((out / "outputs.json").read_text())
        self.assertEqual(entries, [{"name": "y", "file": "y.npy", "dtype": "f32", "shape": [3, 3]}])
        tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(self.model).graph.initializer}
        e = numpy.exp(numpy.maximum(x @ tensors["w"] + tensors["b"], 0))
        numpy.testing.assert_allclose(numpy.load(out / "y.npy"), e / e.sum(1, keepdims=True), rtol=1e-5, atol=1e-6)

    def test_disabling_all_leaves_the_reference(self):
        engine = self.folder / "reference.engine"
        self.run_program("build", self.model, "-o", engine, "--disable", "passes", "--disable", "kernels", "-q")
        steps = json.loads(self.run_program("inspect", engine, "--json").stdout)["variants"][0]["steps"]
        self.assertEqual([step["tactic"] for step in steps], ["cpu.reference"] * 4)  # one a node
        self.run_program("compare", self.model, engine, "--shape", "x=3x4")
        self.refused(1, "no pass or tactic 'kernel' to disable; there are passes, kernels, fold-constants",
                     "build", self.model, "-o", self.folder / "x", "--disable", "kernel")

    def test_kernels_switched_off_still_fill_parts(self):
        """A concatenation's inputs are made in place, in strides: by the references too."""
        model = self.folder / "parts.onnx"
        save(model, [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Neg", ["x"], ["b"]),
                     helper.make_node("Concat", ["x", "a", "b"], ["y"], axis=1)], {"x": ["N", 4]}, {"y": ["N", 12]})
        self.run_program("compare", model, "--shape", "x=5x4", "--effort", "0")
        engine = self.folder / "parts.engine"
        self.run_program("build", model, "-o", engine, "--disable", "passes", "--disable", "kernels", "-q")
        self.run_program("compare", model, engine, "--shape", "x=5x4")

    def test_branches_that_only_running_tells(self):
        def body(name, op):
            return helper.make_graph([helper.make_node(op, ["x"], [name])], name, [],
                                     [helper.make_tensor_value_info(name, FLOAT, ["N", 4])])
        model, engine = self.folder / "branches.onnx", self.folder / "branches.engine"
        save(model, [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
                     helper.make_node("Greater", ["sum", "zero"], ["positive"]),
                     helper.make_node("If", ["positive"], ["y"], then_branch=body("same", "Identity"),
                                      else_branch=body("negative", "Neg"))],
             {"x": ["N", 4]}, {"y": ["N", 4]}, [numpy_helper.from_array(numpy.float32(0), "zero")])
        self.run_program("build", model, "-o", engine, "-q", "--effort", "0")
        for sign in (1, -1):
            x = sign * numpy.arange(8, dtype=numpy.float32).reshape(2, 4)
            numpy.save(self.folder / "x.npy", x)
            self.run_program("run", engine, "--input", f"x={self.folder / 'x.npy'}", "--output-dir", self.folder / "out")
            numpy.testing.assert_array_equal(numpy.load(self.folder / "out" / "y.npy"), abs(x))

    def test_bench(self):
        result = self.folder / "bench.json"
        text = self.run_program("bench", self.engine, "--duration", "0.05", "--warmup", "0", "--iterations", "20",
                                "--streams", "2", "--threads", "1", "--shape", "x=2x4", "--json", result).stdout
        self.assertRegex(text, r"Throughput: \S+ qps")
        self.assertRegex(text, r"Latency: min = \S+ ms, max = \S+ ms, mean = \S+ ms, median = \S+ ms, "
                               r"percentile\(90%\) = \S+ ms, percentile\(95%\) = \S+ ms, percentile\(99%\) = \S+ ms")
        numbers = json.loads(result.read_text())
        self.assertEqual(numbers["schema"], 1)
        self.assertGreaterEqual(numbers["iterations"], 40)
        self.assertLessEqual(numbers["min_ms"], numbers["median_ms"])
        self.assertLessEqual(numbers["median_ms"], numbers["percentile_99_ms"])
        self.assertGreater(numbers["throughput_qps"], 0)

    def test_bench_builds_models(self):
        done = self.run_program("bench", self.model, "--duration", "0.02", "--effort", "0", "--shape", "x=2x4", "--json", "-")
        self.assertGreater(json.loads(done.stdout)["median_ms"], 0)

    def test_inspect_engine(self):
        for arguments in (["--json", self.engine], [self.engine, "--json"]):
            engine = json.loads(self.run_program("inspect", *arguments).stdout)
            self.assertEqual(engine["schema"], 1)
            [variant] = engine["variants"]
            self.assertEqual(variant["target"], "cpu")
            self.assertEqual(variant["inputs"], [{"name": "x", "dtype": "f32", "shape": ["N", 4]}])
            self.assertEqual(variant["profile"], {"N": {"min": 1, "opt": 2, "max": 8}})
            self.assertGreaterEqual(variant["weights_bytes"], 4 * 3 * 4)
            self.assertGreaterEqual(variant["arena_bytes"], variant["arena_lower_bound_bytes"])
            self.assertTrue(variant["steps"])
            for step in variant["steps"]:
                self.assertLessEqual({"kernel", "tactic", "origin", "precision", "predicted_us"}, step.keys())
                self.assertEqual(step["precision"], "f32")
            self.assertIn("probabilities", variant["steps"][-1]["origin"])
        self.assertIn("input  x: f32[N, 4]", self.run_program("inspect", self.engine).stdout)
        self.refused(1, "second file", "inspect", self.engine, self.folder / "other")

    def test_no_fusion(self):
        apart = self.folder / "apart.engine"
        self.run_program("build", self.model, "-o", apart, "--effort", "0", "--no-fusion")
        def labels(engine):
            [variant] = json.loads(self.run_program("inspect", engine, "--json").stdout)["variants"]
            return [step["label"] for step in variant["steps"]]
        self.assertEqual(labels(apart), ["matmul", "add", "relu", "softmax"])
        self.assertEqual(labels(self.engine), ["matmul + add + relu", "softmax"])
        self.run_program("compare", self.model, apart, "--shape", "x=2x4")

    def test_inspect_model(self):
        model = json.loads(self.run_program("inspect", self.model, "--json").stdout)
        self.assertEqual(model["onnx_nodes"], 4)
        self.assertEqual(model["ops"], {"matmul": 1, "add": 1, "relu": 1, "softmax": 1})
        self.assertIn("opset 17, 4 nodes", self.run_program("inspect", self.model).stdout)

    def test_drawing(self):
        text = self.folder / "two.dot"
        self.run_program("inspect", self.engine, "--graph", text)
        steps = json.loads(self.run_program("inspect", self.engine, "--json").stdout)["variants"][0]["steps"]
        self.assertEqual(text.read_text().count("  s"), len(steps) * 2)  # a box, and an edge that leaves it
        self.refused(1, "ends in none of .svg", "inspect", self.engine, "--graph", self.folder / "two.gif")
        empty = self.folder / "empty"
        empty.mkdir()
        done = self.run_program("inspect", self.engine, "--graph", self.folder / "two.svg", code=1, env={"PATH": str(empty)})
        self.assertIn("'dot' is not on the PATH, expected graphviz", done.stderr)

    @unittest.skipUnless(shutil.which("dot"), "graphviz is not installed")
    def test_drawing_svg(self):
        self.run_program("inspect", self.engine, "--graph", self.folder / "drawn.svg")
        self.assertIn("<svg", (self.folder / "drawn.svg").read_text())

    def test_compare(self):
        for more in ([], [self.engine], ["--layers"]):
            result = self.folder / "compare.json"
            self.run_program("compare", self.model, *more, "--effort", "0", "--shape", "x=2x4", "--json", result)
            self.assertTrue(json.loads(result.read_text())["agrees"])
        layers = json.loads(result.read_text())["layers"]
        self.assertEqual([layer["name"] for layer in layers], ["xw", "sum", "positive", "y"])

    def test_compare_finds_differences(self):
        other = self.folder / "other.onnx"
        model = onnx.load(self.model)
        model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))
        onnx.save(model, other)
        text = self.run_program("compare", other, self.engine, "--shape", "x=2x4", code=1).stdout
        self.assertIn("DIFFERS  y", text)
        self.refused(1, "expected no engine", "compare", other, self.engine, "--layers")

    def test_compare_wants_equal_integers(self):
        models = []
        for place in (100000, 100001):  # a hundred-thousandth apart, yet another element
            path = self.folder / f"integers.{place}.onnx"
            info = [helper.make_tensor_value_info(name, TensorProto.INT64, [3]) for name in "ij"]
            places = numpy_helper.from_array(numpy.array([100000, 7, place]), "places")
            graph = helper.make_graph([helper.make_node("Add", ["i", "places"], ["j"])], "integers", info[:1], info[1:],
                                      [places])
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
            models.append(path)
        engine, result = self.folder / "integers.engine", self.folder / "integers.json"
        self.run_program("build", models[0], "-o", engine, "--effort", "0", "-q")
        self.assertIn("0 of 3 integers differ", self.run_program("compare", models[0], engine).stdout)
        text = self.run_program("compare", models[1], engine, "--json", result, code=1).stdout
        self.assertIn("DIFFERS  j: 1 of 3 integers differ", text)
        self.assertEqual(json.loads(result.read_text())["outputs"][0]["differing"], 1)
        self.run_program("compare", models[1], engine, "--atol", "1")

    def test_ops(self):
        text = self.run_program("ops", "--markdown").stdout
        self.assertIn("| `softmax` | reduction |", text)
        self.assertRegex(text, r"\| Softmax \| ai.onnx \| .* \| 1 \|")
        tables = json.loads(self.run_program("ops", "--json", "-").stdout)
        self.assertIn("relu", [op["name"] for op in tables["ops"]])

    def test_opt(self):
        graph = self.folder / "g.rkir"
        imported = self.run_program("opt", self.model, "--pass", "eliminate").stdout
        graph.write_text(imported)
        self.assertEqual(self.run_program("opt", graph, "--pass", "eliminate").stdout, imported)
        self.assertIn("softmax", imported)
        self.assertIn("eliminate", self.run_program("opt", "--list").stdout)
        self.refused(1, "there is no pass 'wonders'; there are ", "opt", graph, "--pass", "wonders")
        self.refused(1, "no graph is given", "opt")

    def test_devices(self):
        devices = json.loads(self.run_program("devices", "--json", "-").stdout)
        self.assertIn(devices["devices"][0]["isa"], ["baseline", "avx2", "avx512"])
        self.assertGreaterEqual(devices["devices"][0]["cores_usable"], 1)

    def test_completion(self):
        script = self.run_program("completion", "bash").stdout
        check = script + '\nCOMP_WORDS=(rekindle be); COMP_CWORD=1; _rekindle; echo "${COMPREPLY[@]}"' \
                         '\nCOMP_WORDS=(rekindle bench --dur); COMP_CWORD=2; _rekindle; echo "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", check], text=True, capture_output=True)
        self.assertEqual(done.stdout.split(), ["bench", "--duration"], done.stderr)
        self.refused(1, "no completion for 'fish'", "completion", "fish")

    def test_pipes_get_no_colours(self):
        done = self.run_program("build", self.model, "-o", self.folder / "p.engine", "--effort", "0")
        self.assertNotIn("\033", done.stdout + done.stderr)
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "ops"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 3, done.stderr)


class Conformance(unittest.TestCase):
    def write_case(self, root, name, op, expected):
        x = numpy.array([[-1, 0, 2, numpy.nan]], dtype=numpy.float32)
        data = root / name / "test_data_set_0"
        data.mkdir(parents=True)
        nodes = [helper.make_node(op, ["x"], ["y"], name="only")]
        save(root / name / "model.onnx", nodes, {"x": [1, 4]}, {"y": [1, 4]})
        (data / "input_0.pb").write_bytes(numpy_helper.from_array(x).SerializeToString())
        (data / "output_0.pb").write_bytes(numpy_helper.from_array(expected(x)).SerializeToString())

    def test_counts(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            self.write_case(root, "node/right", "Abs", numpy.abs)
            self.write_case(root, "node/wrong_value", "Neg", lambda x: -x + numpy.array([[0, 1, 0, 0]], numpy.float32))
            self.write_case(root, "node/wrong_type", "Abs", lambda x: numpy.abs(x).astype(numpy.float64))
            self.write_case(root, "node/wrong_shape", "Abs", lambda x: numpy.abs(x)[0])
            self.write_case(root, "node/unknown", "NoSuchOp", numpy.abs)
            self.write_case(root, "node/damaged", "Abs", numpy.abs)
            (root / "node/damaged/test_data_set_0/input_0.pb").write_bytes(b"\xff\xff")
            for pipeline in ("reference", "optimized", "engine"):
                result = root / "result.json"
                done = subprocess.run([PROGRAM, "conformance", folder, "--json", result, "--pipeline", pipeline, "-q"],
                                      text=True, capture_output=True, timeout=120)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("6 cases: 1 passed, 4 failed, 1 unsupported", done.stdout)
                report = json.loads(result.read_text())
                self.assertEqual((report["schema"], report["passed"], report["failed"], report["unsupported"]), (1, 1, 4, 1))
                reasons = {case["case"]: case["reason"] for case in report["cases"]}
                self.assertEqual(reasons["node/right"], "")
                self.assertIn("1 of 4 values differ, the most at element 1", reasons["node/wrong_value"])
                self.assertIn("element type is f32, expected f64", reasons["node/wrong_type"])
                self.assertIn("shape is [1, 4], expected [4]", reasons["node/wrong_shape"])
                self.assertIn("NoSuchOp", reasons["node/unknown"])
                self.assertIn("expected a TensorProto", reasons["node/damaged"])
            limited = subprocess.run([PROGRAM, "conformance", folder, "--filter", "right", "--timeout", "0.000001"],
                                     text=True, capture_output=True, timeout=120)
            self.assertEqual(limited.returncode, 1)
            self.assertIn("took longer than", limited.stdout)
            right = subprocess.run([PROGRAM, "conformance", folder, "--filter", "right"], text=True, capture_output=True)
            self.assertEqual(right.returncode, 0, right.stdout)
            nothing = subprocess.run([PROGRAM, "conformance", folder, "--filter", "xyz"], text=True, capture_output=True)
            self.assertIn("there is no case below", nothing.stderr)


if __name__ == "__main__":
    unittest.main()
