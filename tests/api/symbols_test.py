"""The shared libraries export the functions of rekindle.h and nothing else, and those are the ones in symbols.txt.

A function that disappears or changes its name breaks programs that were built before: symbols.txt is changed by hand, line
by line. SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(os.environ.get("RK_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("REKINDLE", SOURCE / "build" / "release" / "rekindle")).parent
BUILDING = {"rekindle_build_file", "rekindle_build_bytes", "rekindle_build_options_init"}


def declared():
    """Functions of the header: REKINDLE_API, a type, a name."""
    text = (SOURCE / "include" / "rekindle" / "rekindle.h").read_text()
    return set(re.findall(r"^REKINDLE_API[^;(]*?\b(rekindle_\w+)\(", text, re.MULTILINE))


def exported(library):
    output = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in output.splitlines()}


class Symbols(unittest.TestCase):
    def test_header_and_list_agree(self):
        listed = (SOURCE / "tests" / "api" / "symbols.txt").read_text().split()
        self.assertEqual(listed, sorted(declared()))

    def check_library(self, name, expected):
        library = BUILD / "lib" / f"lib{name}.so"
        if not library.exists():
            self.skipTest(f"{library} is not in this build (RK_SHARED=OFF)")
        self.assertEqual(sorted(exported(library)), sorted(expected))

    def test_library(self):
        self.check_library("rekindle", declared())

    def test_runtime_library(self):
        self.check_library("rekindle_runtime", declared() - BUILDING)


if __name__ == "__main__":
    sys.exit(unittest.main())
