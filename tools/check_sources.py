"""Fails when a source file does not open with what it is for, has no SPDX line, or names somebody's machine.

  check_sources.py [ROOT]

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import re
import sys

from source_files import source_files

COMMENT = {".h": "//", ".hpp": "//", ".cc": "//", ".cu": "//", ".cuh": "//", ".def": "//", ".py": '"""',
           ".sh": "#", ".cmake": "#", ".cases": "#", ".rkir": "#"}
WITH_SPDX = {".h", ".hpp", ".cc", ".cu", ".cuh", ".py", ".sh", ".cmake"}
SPDX = "SPDX-License-Identifier: Apache-2.0"
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|work|root|Users)/\w")
LINES_OF_OPENING = 20


def check(path, name):
    """What is wrong with one file, as texts."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return [f"{name}: not UTF-8"] if path.suffix in COMMENT else []
    errors = []
    lines = text.splitlines()
    if path.suffix in COMMENT and lines and not name.startswith("tests/fuzz/seeds/"):
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        mark = "/*" if path.suffix == ".h" and first.startswith("/*") else COMMENT[path.suffix]  # C's own headers
        if not first.startswith(mark) or len(first) < len(mark) + 10:
            errors.append(f"{name}:1: does not open with a sentence saying what the file is for")
        opening = "\n".join(lines[:LINES_OF_OPENING])
        if path.suffix in WITH_SPDX and SPDX not in opening:
            errors.append(f"{name}: no '{SPDX}' in its first {LINES_OF_OPENING} lines")
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            errors.append(f"{name}:{number}: a path of somebody's machine")
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            errors.append(f"{name}:{number}: conflict marker")
    if text and not text.endswith("\n"):
        errors.append(f"{name}:{len(lines)}: no newline at the end")
    return errors


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    names = source_files(root)
    errors = [error for name in names for error in check(root / name, name)]
    print("\n".join(errors) if errors else f"sources: {len(names)} files open with what they are for")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
