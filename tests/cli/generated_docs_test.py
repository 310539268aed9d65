"""docs/ops.md and docs/passes.md are what the program prints; `make docs` writes them.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import subprocess
import unittest

PROGRAM = os.environ["REKINDLE"]
DOCS = pathlib.Path(os.environ["RK_SOURCE_DIR"]) / "docs"


class GeneratedDocs(unittest.TestCase):
    def check_page(self, page, *command):
        done = subprocess.run([PROGRAM, *command], capture_output=True, text=True, check=True)
        self.assertEqual((DOCS / page).read_text(), done.stdout, f"docs/{page} is out of date: make docs")

    def test_ops(self):
        self.check_page("ops.md", "ops", "--markdown")

    def test_passes(self):
        self.check_page("passes.md", "opt", "--list", "--markdown")


if __name__ == "__main__":
    unittest.main()
