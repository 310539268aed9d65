"""Looks whether tools/check_sizes.py and check_sources.py fail on what they are there to find.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"
HEAD = "// A file of a test.\n// SPDX-License-Identifier: Apache-2.0\n"


def body(lines, indent=""):
    return "".join(f"{indent}  call({i});\n" for i in range(lines))


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        subprocess.run(["git", "init", "-q", folder.name], check=True)
        (self.root / "tools").mkdir()

    def write(self, name, text):
        (self.root / name).write_text(text)

    def run_tool(self, name, *arguments):
        done = subprocess.run([sys.executable, str(TOOLS / name), *arguments], text=True, capture_output=True)
        return done.returncode, done.stdout

    def sizes(self):
        return self.run_tool("check_sizes.py", "--root", str(self.root))

    def test_small_file_passes(self):
        self.write("a.cc", HEAD + "int f(int x) {\n" + body(58) + "}\n")
        self.assertEqual(self.sizes()[0], 0, self.sizes()[1])

    def test_file_over_the_hard_limit(self):
        self.write("a.cc", HEAD + "int x;\n" * 800)
        code, output = self.sizes()
        self.assertEqual(code, 1)
        self.assertIn("a.cc: 802 lines", output)

    def test_long_functions_of_each_shape(self):
        shapes = {
            "plain": "int long_one(int x) {\n" + body(60) + "}\n",
            "wrapped": "Result<int> long_one(const std::vector<int>& first,\n                     int second) {\n"
                       + body(60) + "}\n",
            "method": "struct S {\n  void long_one() const {\n" + body(60, "  ") + "  }\n};\n",
            "after_short": "int f() {\n  return 1;\n}\n\nvoid long_one() {\n" + body(60) + "}\n",
        }
        for name, text in shapes.items():
            with self.subTest(name):
                self.write("a.cc", HEAD + text)
                code, output = self.sizes()
                self.assertEqual(code, 1, output)
                self.assertIn("long_one has", output)

    def test_long_python_function(self):
        self.write("a.py", '"""For a test."""\ndef long_one():\n' + "    pass\n" * 61)
        self.assertIn("long_one has 62 lines", self.sizes()[1])

    def test_exception_may_only_shrink(self):
        self.write("a.cc", HEAD + "int x;\n" * 900)
        self.write("tools/size_exceptions.txt", "a.cc 902\n")
        self.assertEqual(self.sizes()[0], 0, self.sizes()[1])
        self.write("a.cc", HEAD + "int x;\n" * 901)
        self.assertEqual(self.sizes()[0], 1)
        self.write("a.cc", HEAD)
        code, output = self.sizes()
        self.assertEqual(code, 1)
        self.assertIn("remove the line", output)

    def test_sources(self):
        self.write("good.cc", HEAD)
        self.assertEqual(self.run_tool("check_sources.py", str(self.root))[0], 0)
        bad = {"opening": ("int x;\n" + HEAD, "does not open with"), "licence": ("// A file of a test.\n", "no 'SPDX"),
               "machine": (HEAD + '// see /ho' + 'me/somebody/x\n', "somebody's machine"),
               "newline": (HEAD + "int x;", "no newline at the end")}
        for name, (text, message) in bad.items():
            with self.subTest(name):
                self.write("bad.cc", text)
                code, output = self.run_tool("check_sources.py", str(self.root))
                self.assertEqual(code, 1)
                self.assertIn(message, output)


if __name__ == "__main__":
    unittest.main()
