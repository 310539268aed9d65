"""README.md of this folder names a test for each group of hostile input, and each of them exists.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import re
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
TESTS = FOLDER.parent


class Groups(unittest.TestCase):
    def setUp(self):
        text = (FOLDER / "README.md").read_text()
        self.files = {letter: TESTS.parent / path for letter, path in re.findall(r"`([A-Z])`\s+(tests/[\w/]+\.(?:cc|py))", text)}
        self.rows = {int(number): tests for number, tests in re.findall(r"^\| (\d+) \| .* \| (.*) \|$", text, re.MULTILINE)}

    def test_every_group_has_a_row(self):
        self.assertEqual(sorted(self.rows), list(range(1, 37)))
        for group, tests in self.rows.items():
            self.assertTrue(tests.startswith("none: ") if group in (34, 35) else ":" in tests, f"group {group}")

    def test_every_named_test_exists(self):
        named = [name for tests in self.rows.values() if not tests.startswith("none: ") for name in tests.split()]
        self.assertGreater(len(named), 60)
        for name in named:
            letter, _, test = name.partition(":")
            source = self.files[letter].read_text()
            self.assertRegex(source, rf"(?:TEST(?:_F|_P)?\(\w+, {test}\))|(?:def {test}\(self)", name)


if __name__ == "__main__":
    unittest.main()
