"""Fails when a file is over 800 lines or a function over 60; prints the median and what passed the soft limit of 400.

  check_sizes.py [--root ROOT] [--list]

tools/size_exceptions.txt names what may be larger, with the size it had ("path lines" or "path function lines"). The
list may only shrink: an entry that is no longer needed, or whose subject has grown, fails too. C++ functions are found
by layout, which clang-format makes reliable: a line that opens a body at namespace or class level and ends in "{".
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import ast
import pathlib
import re
import statistics
import subprocess
import sys

SOFT, HARD, FUNCTION = 400, 800, 60
CPP = {".h", ".hpp", ".cc", ".cu", ".cuh"}
NOT_A_FUNCTION = re.compile(r"^\s*(namespace|class|struct|union|enum|extern|static_assert|using|typedef|#|//|\}|else|do\b)")
NAME = re.compile(r"([~\w:<>]+(?:operator\s*\S+)?)\s*\(")


def cpp_functions(lines):
    """Yields (name, first line, length) of the bodies that open at class or namespace level."""
    start, indent, header = None, "", ""
    for number, line in enumerate(lines, 1):
        if start is not None:
            if line.startswith(indent + "}") :
                yield header, start, number - start + 1
                start = None
            continue
        text = line.rstrip()
        if not text.endswith("{") or NOT_A_FUNCTION.match(text) or text.strip() == "{":
            if text.endswith(("(", ",")) and not text.startswith((" " * 5, "#", "/")):
                header = text
            continue
        leading = len(text) - len(text.lstrip())
        if leading > 2 and "(" not in text:
            continue
        signature = text if "(" in text and leading <= 2 else header + text
        if leading <= 4 and ")" in text and (match := NAME.search(signature)):
            # the body ends at the indentation of the line on which the declaration began
            indent = " " * (leading if "(" in text and leading <= 2 else len(header) - len(header.lstrip()))
            header, start = match[1], number


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def measure(root):
    """[(path, lines)] of all source files and [(path, function, lines, where)] of the long functions."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, check=True, text=True,
                           capture_output=True).stdout.splitlines()
    files, functions = [], []
    for name in sorted(set(names)):
        path = root / name
        is_python = path.suffix == ".py" or name == "tools/fetch_models"
        if not path.is_file() or not (path.suffix in CPP or is_python):
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        files.append((name, len(lines)))
        found = python_functions(text) if is_python else cpp_functions(lines)
        functions += [(name, function, size, line) for function, line, size in found if size > FUNCTION]
    return files, functions


def read_exceptions(path):
    exceptions = {}
    if path.exists():
        for line in path.read_text().splitlines():
            words = line.split("#")[0].split()
            if words:
                exceptions[tuple(words[:-1])] = int(words[-1])
    return exceptions


def main():
    parser = argparse.ArgumentParser(description="Checks the sizes of files and functions.")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--list", action="store_true", help="also print what is over the soft limit")
    options = parser.parse_args()
    files, functions = measure(options.root)
    large = {(name,): (size, f"{name}: {size} lines") for name, size in files if size > HARD}
    large |= {(name, function): (size, f"{name}:{line}: {function} has {size} lines")
              for name, function, size, line in functions}
    exceptions = read_exceptions(options.root / "tools" / "size_exceptions.txt")
    errors = [text for key, (size, text) in large.items() if size > exceptions.get(key, 0)]
    errors += [f"tools/size_exceptions.txt: {' '.join(key)} is within the limits now; remove the line"
               for key in exceptions if key not in large]
    sizes = [size for _, size in files] or [0]
    soft = [(name, size) for name, size in files if SOFT < size <= HARD]
    if options.list:
        print("\n".join(f"{name}: {size} lines, over the soft limit of {SOFT}" for name, size in soft))
    print("\n".join(errors + [f"sizes: {len(files)} files, {sum(sizes)} lines, median {statistics.median(sizes):.0f}, "
                              f"largest {max(sizes)}, {len(soft)} over {SOFT}, {len(exceptions)} exceptions"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
