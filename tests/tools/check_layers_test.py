"""Plants includes that the layers forbid and looks whether tools/check_layers.py finds each of them.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "check_layers.py"
LAYERS = "base:\ntensor: base\nplan: base tensor\nbackends/cpu: base\nbackends/cpu/tactics: base backends/cpu\n"


class CheckLayers(unittest.TestCase):
    def check(self, files, layers=LAYERS):
        """(exit code, output) for a tree of {path: text}."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "layers.txt").write_text(layers)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            done = subprocess.run([sys.executable, str(SCRIPT), folder], text=True, capture_output=True)
            return done.returncode, done.stdout

    def assert_refused(self, files, message, layers=LAYERS):
        code, output = self.check(files, layers)
        self.assertEqual(code, 1, output)
        self.assertIn(message, output)

    def test_allowed_tree(self):
        code, output = self.check({
            "src/base/a.h": "#include <vector>\n",
            "src/plan/b.cc": '#include "base/a.h"\n#include "tensor/c.h"\n#include "plan/b.h"\n',
            "src/backends/cpu/tactics/t.cc": '#include "backends/cpu/device.h"\n',
            "src/backends/cpu/onednn.cc": "#include <dnnl.hpp>\n",
            "tests/plan/b_test.cc": '#include <gtest/gtest.h>\n#include "plan/b.h"\n',
        })
        self.assertEqual(code, 0, output)

    def test_forbidden_module(self):
        self.assert_refused({"src/base/a.cc": '#include "plan/b.h"\n'}, "src/base/a.cc:1: base must not include plan")

    def test_longest_prefix_decides(self):
        self.assert_refused({"src/backends/cpu/a.cc": '#include "backends/cpu/tactics/t.h"\n'},
                            "backends/cpu must not include backends/cpu/tactics")
        self.assert_refused({"src/backends/cpu/isa/a.cc": '#include "tensor/t.h"\n'},
                            "backends/cpu must not include tensor")

    def test_quarantine(self):
        self.assert_refused({"src/base/a.cc": "#include <dnnl.hpp>\n"}, "dnnl.hpp may be included only in")
        self.assert_refused({"src/base/a.cc": "#  include <oneapi/dnnl/dnnl.h>\n"}, "dnnl.h may be included only in")
        self.assert_refused({"src/plan/a.cc": "#include <protozero/pbf_reader.hpp>\n"}, "only in src/onnx")
        self.assert_refused({"src/plan/a.cc": "#include <cuda.h>\n"}, "may be included only in no file")
        self.assert_refused({"src/plan/a.cc": "#include <gtest/gtest.h>\n"}, "only in tests/")

    def test_relative_and_unlisted(self):
        self.assert_refused({"src/base/a.cc": '#include "a.h"\n'}, "is not a path below src/")
        self.assert_refused({"src/base/a.cc": '#include "../tensor/t.h"\n'}, "is not a path below src/")
        self.assert_refused({"src/other/a.cc": ""}, "its folder is not in layers.txt")

    def test_public_header_inside(self):
        self.assert_refused({"src/plan/a.cc": '#include "rekindle/rekindle.h"\n'}, "must not include the public")

    def test_example_sees_public_headers_only(self):
        self.assert_refused({"examples/a.cc": '#include "base/a.h"\n'}, "an example includes only public headers")

    def test_table_in_the_wrong_order(self):
        self.assert_refused({}, "tensor uses base, which is not listed above it", "tensor: base\nbase:\n")
        self.assert_refused({}, "base uses base", "base: base\n")


if __name__ == "__main__":
    unittest.main()
