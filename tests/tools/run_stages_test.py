"""Counting of test results, and that a failing stage is not lost: tools/run_stages.py and run_python_test.py.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"
sys.path.insert(0, str(TOOLS))
import run_stages  # noqa: E402  after its folder is on the path

GTEST = """<testsuites><testsuite>
<testcase name="a" status="run" result="completed"/>
<testcase name="b" status="run" result="skipped"><skipped message="no device"/></testcase>
<testcase name="c" status="run" result="completed"><failure message="1 != 2"/></testcase>
</testsuite></testsuites>"""
PYTHON_TEST = """import unittest
class T(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.fail("on purpose")
    @unittest.skip("later")
    def test_skipped(self): pass
"""


class RunStages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def test_counts_cases(self):
        (self.root / "one.xml").write_text(GTEST)
        self.assertEqual(run_stages.count_cases(self.root), (1, 1, 1))
        (self.root / "cut_off.xml").write_text(GTEST[:90])
        self.assertEqual(run_stages.count_cases(self.root), (1, 2, 1))

    def run_stage(self, name, makefile):
        (self.root / "Makefile").write_text(makefile)
        with mock.patch.object(run_stages, "ROOT", self.root):
            return run_stages.run_stage(name)

    def test_a_stage_without_tests_counts_as_one(self):
        self.assertEqual(self.run_stage("check", "check:\n\t@true\n")["passed"], 1)
        self.assertEqual(self.run_stage("check", "check:\n\t@false\n")["failed"], 1)

    def test_a_stage_that_breaks_before_its_tests_fails(self):
        row = self.run_stage("unit", "unit:\n\t@false\n")
        self.assertEqual((row["passed"], row["failed"]), (0, 1))

    def test_python_results_are_counted(self):
        script, results = self.root / "some_test.py", self.root / "results" / "some.xml"
        script.write_text(PYTHON_TEST)
        done = subprocess.run([sys.executable, str(TOOLS / "run_python_test.py"), str(script), str(results)],
                              capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(run_stages.count_cases(results.parent), (1, 1, 1))

    def test_a_file_without_tests_fails(self):
        script = self.root / "empty_test.py"
        script.write_text("")
        done = subprocess.run([sys.executable, str(TOOLS / "run_python_test.py"), str(script), str(self.root / "x.xml")],
                              capture_output=True)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
