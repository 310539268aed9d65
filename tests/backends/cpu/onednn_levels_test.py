"""Runs the tests of oneDNN's kernels once at each instruction-set level: oneDNN reads its cap once a process.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import subprocess
import unittest

LEVELS = {"SSE41": "baseline", "AVX2": "avx2", "AVX512_CORE": "avx512"}  # oneDNN's names, and ours


def machine_has(level):
    flags = next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split()
    return {"baseline": True, "avx2": "avx2" in flags, "avx512": "avx512bw" in flags}[level]


class OnednnLevels(unittest.TestCase):
    def test_every_level(self):
        program = pathlib.Path(os.environ["REKINDLE"]).parent / "tests" / "backends_cpu_test"
        for cap, level in LEVELS.items():
            if not machine_has(level):
                continue
            with self.subTest(cap=cap):
                done = subprocess.run(
                    [program, "--gtest_filter=Onednn.*"],
                    env=dict(os.environ, ONEDNN_MAX_CPU_ISA=cap, RK_ONEDNN_LEVEL=level),
                    capture_output=True,
                    text=True,
                )
                self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-1000:])
                self.assertIn("Onednn.RunsAtTheLevelAskedFor", done.stdout)


if __name__ == "__main__":
    unittest.main()
