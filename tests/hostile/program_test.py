"""Bad files given to the built program: the exit code, the message, the time and the memory of each.

The groups are those of README.md in this folder. Every command runs in a process of its own, whose peak memory is
compared with that of the same command on a small good file: SECURITY.md allows twice the input and 64 MiB more.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.environ["REKINDLE"]
FLOAT = TensorProto.FLOAT
MIB = 1 << 20
# Sanitizers keep freed memory and shadows of all of it, so only other builds are held to the bounds of memory and time.
IS_SANITIZED = subprocess.run(["grep", "-q", "__[at]san_init", PROGRAM]).returncode == 0
MOST_SECONDS = 60  # of one command; each takes well under a second, but sanitizers and full machines do not


class Ended:
    """A process that ended: what it printed, its exit code or minus its signal, its peak memory in bytes, its seconds."""

    def __init__(self, arguments, prepare=None, **more):
        started = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
            process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out, stderr=error,
                                       preexec_fn=prepare, **more)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.seconds = time.monotonic() - started
            out.seek(0), error.seek(0)
            self.stdout, self.stderr = (file.read().decode(errors="replace") for file in (out, error))
        self.code, self.memory = process.returncode, 0 if IS_SANITIZED else usage.ru_maxrss * 1024


def graph_of(nodes, inputs=("x",), outputs=("y",), initializers=(), shape=(2,)):
    def infos(names):
        return [helper.make_tensor_value_info(name, FLOAT, shape) for name in names]
    return helper.make_graph(nodes, "small", infos(inputs), infos(outputs), list(initializers))


def model_of(graph, opset=17, **more):
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)


def two_layers():
    w = numpy_helper.from_array(numpy.random.default_rng(1).standard_normal((4, 3), dtype=numpy.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"], name="product"), helper.make_node("Relu", ["xw"], ["y"])]
    return model_of(helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", FLOAT, ["N", 4])],
                                      [helper.make_tensor_value_info("y", FLOAT, ["N", 3])], [w]))


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.kept.name)
        cls.model, cls.engine = cls.folder / "good.onnx", cls.folder / "good.engine"
        cls.good = two_layers().SerializeToString()
        cls.model.write_bytes(cls.good)
        good = Ended(["build", cls.model, "-o", cls.engine, "--effort", "0", "--profile", "x=1x4:2x4:8x4", "--keep-ir"])
        assert good.code == 0, good.stderr
        cls.usual_memory = good.memory

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
        return path

    def ended(self, *arguments, code=1, says="", size=0, **more):
        done = Ended(arguments, **more)
        self.assertEqual(done.code, code, done.stderr[:2000])
        self.assertIn(says, done.stderr)
        self.assertLess(done.seconds, MOST_SECONDS)
        self.assertLess(done.memory, self.usual_memory + 2 * size + 64 * MIB)
        return done

    def refused(self, says, content, name="bad.onnx"):
        """Building the model is an error that says so, and leaves no engine."""
        path = self.write(name, content)
        done = self.ended("build", path, "-o", self.folder / "x.engine", "--effort", "0", "-q", says=says, size=path.stat().st_size)
        self.assertTrue(done.stderr.startswith("error: "), done.stderr[:200])
        self.assertFalse((self.folder / "x.engine").exists())
        return done

    # ---- 1 to 8: files that are no models, or parts of them

    def test_1_and_2_nothing_and_one_byte(self):
        self.refused("the file is empty, expected an ONNX model", b"")
        for byte in (b"\x00", b"\x08", b"\x3a", b"\xff"):
            self.refused("bad.onnx", byte)

    def test_3_truncated(self):
        for part in range(64):
            self.refused("bad.onnx", self.good[:len(self.good) * part // 64])

    def test_4_bit_flips(self):
        """The same flips as in the importer's own test, a few through the whole program: no crash, whatever they mean."""
        chance = random.Random(4)
        for _ in range(24):
            damaged = bytearray(self.good)
            for _ in range(3):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            path = self.write("flipped.onnx", bytes(damaged))
            done = Ended(["build", path, "-o", self.folder / "flipped.engine", "--effort", "0"])
            self.assertIn(done.code, (0, 1), done.stderr[:2000])

    def test_5_and_6_lengths(self):
        self.refused("claims 2147483647 bytes", b"\x3a\xff\xff\xff\xff\x07")
        self.refused("claims 9223372036854775808 bytes", b"\x3a" + b"\x80" * 9 + b"\x01")
        self.refused("varint too long", b"\x08" + b"\x80" * 10 + b"\x01")

    def test_7_nested_subgraphs(self):
        inner = b""
        for _ in range(10_000):
            for number in (6, 5, 1):  # attribute.g, node.attribute, graph.node
                inner = field(number, inner)
        self.refused("graphs are nested more than 64 deep", field(8, b"\x10\x11") + field(7, inner))

    def test_8_sparse_file_of_3_gib(self):
        path = self.folder / "huge.onnx"
        with open(path, "wb") as file:
            file.truncate(3 << 30)
        self.ended("build", path, "-o", self.folder / "x.engine", says="3221225472 bytes, expected at most 2147483647")
        path.unlink()

    # ---- 14, 19: much from little

    def test_14_dims(self):
        for dims, says in (((1 << 32, 1 << 32), "bad dims"), ((-5,), "bad dims"), ((1,) * 300, "rank 300")):
            w = TensorProto(data_type=FLOAT, name="w", dims=dims)
            self.refused(says, model_of(graph_of([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[w])))

    def test_19_bombs_from_constants(self):
        huge = numpy_helper.from_array(numpy.array([1 << 50], numpy.int64), "s")
        one = numpy_helper.from_array(numpy.array([1], numpy.float32), "v")
        for op, inputs in (("ConstantOfShape", ["s"]), ("Expand", ["v", "s"]), ("Tile", ["v", "s"])):
            graph = graph_of([helper.make_node(op, inputs, ["y"])], inputs=(), initializers=[huge, one])
            self.refused("2^48", model_of(graph))

    def test_19_folding_has_a_budget(self):
        """2^32 elements are allowed, but not made while building."""
        size = numpy_helper.from_array(numpy.array([1 << 32], numpy.int64), "s")
        nodes = [helper.make_node("ConstantOfShape", ["s"], ["c"]), helper.make_node("Neg", ["c"], ["n"]),
                 helper.make_node("ReduceSum", ["n"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
        path = self.write("folded.onnx", model_of(graph_of(nodes, initializers=[size])))
        done = Ended(["build", path, "-o", self.folder / "folded.engine", "--effort", "0"])
        self.assertLess(done.memory, self.usual_memory + 64 * MIB)
        self.assertLess(done.seconds, MOST_SECONDS)
        self.assertIn(done.code, (0, 1), done.stderr)

    # ---- 16, 17: graphs that are none

    def test_16_graphs_that_are_none(self):
        relu = helper.make_node("Relu", ["x"], ["y"])
        self.refused("cycle", model_of(graph_of([helper.make_node("Add", ["x", "y"], ["y"])])))
        self.refused("is already made by node 0", model_of(graph_of([relu, helper.make_node("Neg", ["x"], ["y"])])))
        self.refused("is made by no node, input or initializer", model_of(graph_of([relu], outputs=("z",))))
        self.refused("uses opset 9999", model_of(graph_of([relu]), opset=9999))
        no_opset = model_of(graph_of([relu]))
        del no_opset.opset_import[:]
        self.refused("no opset_import", no_opset)
        self.refused("no opset_import names the domain 'strange'",
                     model_of(graph_of([helper.make_node("Op", ["x"], ["y"], domain="strange")])))

    def test_17_functions_that_recur(self):
        call = helper.make_node("F", ["a"], ["b"], domain="local")
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
        function = helper.make_function("local", "F", ["a"], ["b"], [call], opsets)
        model = model_of(graph_of([helper.make_node("F", ["x"], ["y"], domain="local")]), functions=[function])
        model.opset_import.append(helper.make_opsetid("local", 1))
        self.refused("function 'local.F' calls itself", model)

    # ---- 26: names

    def test_26_names_are_only_text(self):
        nasty = "a\nb\"c'</script><b>&amp;\\ \x1b[31m\u202e"
        nodes = [helper.make_node("Relu", [nasty], ["mid"], name=nasty), helper.make_node("Softmax", ["mid"], ["y"], name=nasty)]
        path = self.write("nasty.onnx", model_of(graph_of(nodes, inputs=(nasty,), shape=(2, 3))))
        engine = self.folder / "nasty.engine"
        self.ended("build", path, "-o", engine, "--effort", "0", code=0)
        shown = self.ended("inspect", engine, code=0).stdout + self.ended("inspect", path, code=0).stdout
        self.assertNotIn("\x1b", shown)
        described = json.loads(self.ended("inspect", engine, "--json", code=0).stdout)
        self.assertEqual(described["variants"][0]["inputs"][0]["name"], nasty)
        dot = self.folder / "nasty.dot"
        self.ended("inspect", engine, "--graph", dot, code=0)
        self.assertIn(r'label="a\nb\"c', dot.read_text())
        self.assertNotIn("\u202e", dot.read_text())
        self.assertNotIn("\x1b", self.ended("run", engine, code=0).stdout)
        if shutil.which("dot"):
            picture = self.folder / "nasty.svg"
            self.ended("inspect", engine, "--graph", picture, code=0)
            labels = [text for node in xml.etree.ElementTree.parse(picture).iter() if (text := node.text) and "script" in text]
            self.assertTrue(labels)  # text of the picture, not elements of it
        error = self.ended("run", engine, "--input", "z=nowhere.npy").stderr
        self.assertNotIn("\x1b", error)
        self.assertEqual(error.count("\n"), 1, error)

    def test_26_names_of_a_mebibyte(self):
        longest = "n" * MIB
        path = self.write("long.onnx", model_of(graph_of([helper.make_node("Relu", ["x"], [longest], name=longest)],
                                                         outputs=(longest,))))
        engine = self.folder / "long.engine"
        self.ended("build", path, "-o", engine, "--effort", "0", code=0, size=4 * MIB)
        self.ended("inspect", engine, code=0, size=8 * MIB)
        out = self.folder / "long_out"
        done = self.ended("run", engine, "--output-dir", out, code=0, size=4 * MIB)
        self.assertEqual(len(list(out.glob("*.npy"))), 1, done.stderr)
        longer = "n" * (MIB + 1)
        self.refused("a name has 1048577 bytes, expected at most 1 MiB",
                     model_of(graph_of([helper.make_node("Relu", ["x"], [longer])], outputs=(longer,))))

    def test_26_names_that_are_not_utf8(self):
        text = self.write("latin.onnx", two_layers()).read_bytes().replace(b"product", b"pr\xf6d\xfe\xffs")
        path = self.write("latin.onnx", text)
        engine = self.folder / "latin.engine"
        self.ended("build", path, "-o", engine, "--effort", "0", code=0)
        json.loads(self.ended("inspect", engine, "--json", code=0).stdout)  # valid JSON in valid UTF-8

    # ---- 27: very long

    def test_27_chain_of_200000_nodes(self):
        """Through every pass: elementwise nodes fuse, so that a quadratic pass or a recursion would show."""
        graph = b"".join(field(1, field(1, b"v%d" % i) + field(2, b"v%d" % (i + 1)) + field(4, (b"Neg", b"Relu")[i % 2]))
                         for i in range(200_000))  # by hand: the memory of this process would count as the program's
        graph += graph_of([], inputs=("v0",), outputs=("v200000",)).SerializeToString()
        path = self.write("chain.onnx", field(8, b"\x10\x11") + field(7, graph))
        done = Ended(["build", path, "-o", self.folder / "chain.engine", "--effort", "0", "-q"])
        self.assertEqual(done.code, 0, done.stderr[:2000])
        self.assertLess(done.seconds, 900 if IS_SANITIZED else 200)
        self.assertLess(done.memory, 2048 * MIB)
        self.ended("run", self.folder / "chain.engine", code=0, size=512 * MIB)


    # ---- 28 to 36: engines

    def damaged(self, name, change):
        content = bytearray(self.engine.read_bytes())
        change(content)
        return self.write(name, bytes(content))

    def test_28_to_31_damaged_engines(self):
        """Every command that takes an engine says what is wrong with it; tests/plan has each way to damage one."""
        def trailing(content):
            content.extend(b"more")

        def flip(content):
            content[-1] ^= 1

        def truncate(content):
            del content[len(content) // 2:]

        def major(content):
            content[8:10] = (9).to_bytes(2, "little")
        for change, says in ((trailing, "the file has"), (flip, "checksum"), (truncate, "the file has"),
                             (major, "the engine has format 9.0")):
            path = self.damaged("damaged.engine", change)
            for command in (["run", path], ["inspect", path], ["bench", path, "--duration", "0.01"],
                            ["compare", self.model, path]):
                self.ended(*command, says=says)
        other = self.damaged("other.engine", lambda content: content.__setitem__(slice(0, 8), b"NOTMAGIC"))
        self.ended("run", other, says="it does not begin with \"REKINDLE\"")
        self.ended("bench", other, says="these bytes are no ONNX model")  # then it could only be a model

    def test_36_a_file_cut_while_it_is_mapped(self):
        """A program that shortens a file in place, under the feet of one that reads it: a message, no crash.

        The model's 64 MiB take long enough to hash that the cut comes in between; when it does not, the run ends well.
        """
        size = 64 * MIB
        raw = bytes([9 << 3 | 2]) + varint(size)  # the zeros themselves are a hole in the file
        w = TensorProto(data_type=FLOAT, name="w", dims=[size // 4]).SerializeToString() + raw
        graph = graph_of([helper.make_node("Add", ["x", "w"], ["y"])], shape=(size // 4,)).SerializeToString()
        graph += bytes([5 << 3 | 2]) + varint(len(w) + size) + w
        head = field(8, b"\x10\x11") + bytes([7 << 3 | 2]) + varint(len(graph) + size) + graph
        path = self.write("large.onnx", head)
        os.truncate(path, len(head) + size)
        self.ended("inspect", path, code=0, size=size)
        codes = set()
        for delay in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12):
            process = subprocess.Popen([PROGRAM, "inspect", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(delay)
            os.truncate(path, 4096)
            _, error = process.communicate(timeout=MOST_SECONDS)
            self.assertIn(process.returncode, (0, 1), error)
            self.assertEqual(process.returncode == 1, error.startswith("error: "), error)
            codes.add(process.returncode)
            os.truncate(path, len(head) + size)
        self.assertIn(1, codes)  # at the latest a file that is short from the start
        path.unlink()

    def test_36_two_processes_writing_one_path(self):
        path = self.folder / "shared.engine"
        commands = [[PROGRAM, "build", self.model, "-o", path, "--effort", "0", "-q"] for _ in range(4)]
        running = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
        for process in running:
            _, error = process.communicate(timeout=MOST_SECONDS)
            self.assertEqual(process.returncode, 0, error)
        self.ended("run", path, code=0)
        self.assertEqual([p.name for p in self.folder.glob(".rekindle*")], [])

    def test_36_disk_full(self):
        """A limit on the size of files fails a write as a full disk does. What was there stays, nothing is left over."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        folder = self.folder / "full"
        folder.mkdir()
        (folder / "a.engine").write_bytes(b"as it was")
        self.ended("build", self.model, "-o", folder / "a.engine", "--effort", "0", "-q", code=3, says="cannot write",
                   prepare=limit)
        self.assertEqual([(p.name, p.read_bytes()) for p in folder.iterdir()], [("a.engine", b"as it was")])
        self.ended("build", self.model, "-o", folder / "b.engine", "--effort", "0", "-q", code=3, says="cannot write",
                   prepare=limit)
        self.assertEqual([p.name for p in folder.iterdir()], ["a.engine"])

    def test_36_output_that_cannot_be_written(self):
        self.ended("build", self.model, "-o", self.folder / "nowhere" / "x.engine", "-q", says="nowhere/: No such file")
        self.ended("build", self.model, "-o", self.folder, "-q", says="it is a directory")

    def test_36_killed_while_building(self):
        """However a build is ended, there is no engine and no part of one."""
        folder = self.folder / "killed"
        folder.mkdir()
        for number, delay in ((signal.SIGINT, 0.05), (signal.SIGTERM, 0.1), (signal.SIGKILL, 0.15), (signal.SIGINT, 0.3)):
            process = subprocess.Popen([PROGRAM, "build", self.model, "-o", folder / "x.engine", "--effort", "3", "-q"])
            time.sleep(delay)
            process.send_signal(number)
            code = process.wait(timeout=MOST_SECONDS)
            left = [p.name for p in folder.iterdir()]
            self.assertEqual(left, ["x.engine"] if code == 0 else [], f"signal {number}, exit code {code}")
            for path in folder.iterdir():
                self.ended("run", path, code=0)
                path.unlink()

    def test_36_timing_caches(self):
        """A damaged cache is reported line by line and the rest is used; one from another machine never matches."""
        cache, engine, again = self.folder / "cache.jsonl", self.folder / "c.engine", self.folder / "d.engine"
        w = numpy_helper.from_array(numpy.ones((8, 8, 3, 3), numpy.float32), "w")
        model = self.write("conv.onnx", model_of(graph_of(  # two tactics at least, so that there is something to measure
            [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])], initializers=[w], shape=(1, 8, 16, 16))))
        command = ["build", model, "--effort", "2", "--threads", "1", "--timing-cache", cache, "-q", "-o"]
        self.ended(*command, engine, code=0)
        good = cache.read_text()
        self.assertGreater(len(good.splitlines()), 1)
        bad = ["not json", "[1]", '{"key": 5, "us": 1}', '{"key": "k", "us": -1}', "\0" + "[" * 100_000]
        cache.write_text("\n".join(bad) + "\n" + good)
        done = self.ended(*command, again, code=0)
        for line in range(1, len(bad) + 1):
            self.assertIn(f"cache.jsonl: line {line} is no measurement, skipped", done.stderr)
        self.assertEqual(engine.read_bytes(), again.read_bytes())

        # the times of another processor: absurd ones, of which none may be used
        other = [json.loads(line) for line in good.splitlines()]
        processor = other[0]["key"].split(" threads=")[0]
        for entry in other:
            entry["key"], entry["us"] = entry["key"].replace(processor, "Another Processor avx512"), 1e-9
        cache.write_text("".join(json.dumps(entry) + "\n" for entry in other))
        self.ended(*command, again, code=0)
        self.assertEqual(len(cache.read_text().splitlines()), 2 * len(other))  # measured here, kept beside
        folder = self.folder / "a_folder"
        folder.mkdir()
        self.ended("build", self.model, "-o", self.folder / "e.engine", "--timing-cache", folder, "-q", says="is a directory")


def field(number, content):
    """A field of bytes in a message."""
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


if __name__ == "__main__":
    unittest.main()
