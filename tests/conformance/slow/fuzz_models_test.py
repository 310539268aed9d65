"""Random small models with fixed seeds: the engine gives what onnx.reference and onnxruntime agree on.
SPDX-License-Identifier: Apache-2.0
"""
import os
import subprocess
import sys
import unittest


class FuzzModels(unittest.TestCase):
    def test_fixed_seeds(self):
        done = subprocess.run([sys.executable, "tools/fuzz_models.py", "--seed", "1", "--count", "250", "--program", os.environ["REKINDLE"]],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(int(done.stdout.split()[0]), 100, done.stdout)  # most models are of use


if __name__ == "__main__":
    unittest.main()
