"""tools/compare_bench.py on times made up for the purpose.

SPDX-License-Identifier: Apache-2.0
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "compare_bench.py"
STEADY = [10.0, 10.1, 10.2, 9.9, 10.0, 10.1]


def times(factor):
    return [factor * time for time in STEADY]


class CompareBench(unittest.TestCase):
    def compare(self, before, after, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, content in (("before", before), ("after", after)):
                paths.append(pathlib.Path(folder) / name)
                paths[-1].write_text(content if isinstance(content, str) else json.dumps(content))
            done = subprocess.run([sys.executable, str(SCRIPT), *map(str, paths), *arguments], text=True,
                                  capture_output=True)
        return done.returncode, done.stdout + done.stderr

    def file(self, samples, host="a"):
        return {"schema": 1, "host": host, "results": [{"name": "net", "samples_ms": samples}]}

    def test_same_is_noise(self):
        code, output = self.compare(self.file(times(1)), self.file(times(1.003)))
        self.assertEqual(code, 0)
        self.assertIn("noise", output)

    def test_slower_fails(self):
        code, output = self.compare(self.file(times(1)), self.file(times(1.2)))
        self.assertEqual(code, 1)
        self.assertIn("1.200 slower, over 1.05", output)
        self.assertEqual(self.compare(self.file(times(1)), self.file(times(1.2)), "--fail-over", "1.3")[0], 0)

    def test_faster_passes(self):
        code, output = self.compare(self.file(times(1)), self.file(times(0.8)))
        self.assertEqual(code, 0)
        self.assertIn("0.800 faster", output)

    def test_wide_spread_is_noise_whatever_the_medians(self):
        wide = [5.0, 8.0, 12.0, 30.0, 14.0, 9.0]
        code, output = self.compare(self.file(wide), self.file([1.3 * time for time in wide]))
        self.assertEqual(code, 0)
        self.assertIn("noise", output)

    def test_what_cannot_be_compared(self):
        for before, after in (("{", self.file(STEADY)), (self.file(STEADY), {"schema": 2}),
                              (self.file(STEADY), self.file(STEADY, host="b")), (self.file([1.0]), self.file(STEADY)),
                              (self.file(STEADY), {"schema": 1, "host": "a", "results": []})):
            self.assertEqual(self.compare(before, after)[0], 2)


if __name__ == "__main__":
    unittest.main()
