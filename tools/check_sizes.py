"""Fails when a file is over 800 lines or a function over 60; prints the median and what passed the soft limit of 400.

  check_sizes.py [--root ROOT] [--list]

tools/size_exceptions.txt names what may be larger, with the size it had ("path lines" or "path function lines"). The
list may only shrink: an entry that is no longer needed, or whose subject has grown, fails too. C++ functions are found
without a parser: a brace in namespaces and classes only, after a statement with a parenthesis, opens a body.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import ast
import pathlib
import re
import statistics
import sys

from source_files import source_files

SOFT, HARD, FUNCTION = 400, 800, 60
CPP = {".h", ".hpp", ".cc", ".cu", ".cuh"}
NOISE = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*\#(?:\\\n|[^\n])*""",
                   re.DOTALL | re.MULTILINE)
SCOPE = re.compile(r"^(?:template\s*<.*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b", re.DOTALL)
MACRO_CALL = re.compile(r"^[ \t]*[A-Z][A-Z0-9_]+\([^\n{}]*\)[ \t]*$", re.MULTILINE)  # a line that is one needs no semicolon
NAME = re.compile(r"([~\w:]+|operator\s*\S+)\s*\(")


def cpp_functions(text):
    """Yields (name, first line, lines) of the bodies that open in namespaces and classes."""
    text = NOISE.sub(lambda noise: re.sub(r"[^\n]", " ", noise[0]), text)
    text = MACRO_CALL.sub(lambda call: ";" + " " * (len(call[0]) - 1), text)
    stack, last = [], None  # what each open brace is: None, or the (name, offset) of a function; the one just closed
    begin = 0               # where the statement that leads up to a brace begins
    for match in re.finditer(r"[{};]", text):
        at, mark = match.start(), match[0]
        statement = text[begin:at].strip()
        if mark == "{":
            kind = ("", at)
            if SCOPE.match(statement) and not statement.endswith(")"):
                kind = None
            elif last and (not statement or statement.startswith(",")):  # the body after members' initializers
                kind = last
            elif name := NAME.search(statement):
                kind = (name[1], begin + len(text[begin:at]) - len(text[begin:at].lstrip()))
            stack.append(kind)
            last = None
        elif mark == "}" and stack:
            kind = stack.pop()
            last = kind if kind and kind[0] and all(outer is None for outer in stack) else None
            if last:
                first = text.count("\n", 0, kind[1]) + 1
                yield kind[0], first, text.count("\n", 0, at) + 2 - first
        else:
            last = None
        begin = at + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def measure(root):
    """[(path, lines)] of all source files and [(path, function, lines, where)] of the long functions."""
    files, functions = [], []
    for name in source_files(root):
        path = root / name
        is_python = path.suffix == ".py" or name == "tools/fetch_models"
        if not (path.suffix in CPP or is_python):
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        files.append((name, len(lines)))
        found = python_functions(text) if is_python else cpp_functions(text)
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
