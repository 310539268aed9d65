"""ONNX's backend suite on the engine pipeline: what fails is what expected_failures.txt says, and no more.
SPDX-License-Identifier: Apache-2.0
"""
import os
import subprocess
import sys
import tempfile
import unittest


class Conformance(unittest.TestCase):
    def test_expected_failures(self):
        with tempfile.TemporaryDirectory() as cases:
            subprocess.run([sys.executable, "tools/make_conformance_cases.py", "--out", cases + "/suite"], check=True,
                           stdout=subprocess.DEVNULL)
            done = subprocess.run([sys.executable, "tools/write_conformance.py", "--cases", cases + "/suite", "--check",
                                   "--program", os.environ["REKINDLE"]], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
