"""Runs clang-tidy over the sources, and remembers what was clean by the hash of all that decides it.

  lint.py [--jobs N] [--budget SECONDS] [--build DIR] [FILE...]

A clean file leaves an empty stamp in build/tidy-cache named by the hash of: the file, every project header it reaches,
its compile flags, .clang-tidy and clang-tidy's version. Only files without a stamp are looked at, the ones changed since
the last commit first; when the budget is spent the rest is left to the next run, which begins where this one stopped,
and the run says how many. Exit code 1 if any file has findings. SPDX-License-Identifier: Apache-2.0
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "tidy-cache"
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
ROOTS = [ROOT / folder for folder in ("src", "include", "tests", "examples", ".")]
# What g++ knows and clang-tidy does not; the precompiled header is g++'s own format.
DROPPED = re.compile(r"-W(no-)?restrict|-Winvalid-pch|-fdiagnostics-color=\S+|-ffile-prefix-map=\S+|-Werror")


@functools.lru_cache(maxsize=None)
def reached(path):
    """(hash of a file's text, project files it includes)."""
    text = path.read_bytes()
    found = []
    for name in INCLUDE.findall(text):
        for root in [path.parent, *ROOTS]:
            if (candidate := root / name.decode()).is_file():
                found.append(candidate.resolve())
                break
    return hashlib.sha256(text).hexdigest(), tuple(found)


def key_of(path, command, base):
    """The hash that a clean result of this file is remembered by."""
    seen, todo = {}, [path]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen[file], more = reached(file)
            todo += more
    parts = [base, command, *(f"{file.relative_to(ROOT)} {seen[file]}" for file in sorted(seen))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def flags_of(words):
    """The flags of a compile command that clang-tidy needs too."""
    flags, words = [], iter(words)
    for word in words:
        if word in ("-o", "-MT", "-MF", "-include"):
            next(words)
        elif word == "-isystem":
            flags += [word, next(words)]
        elif word.startswith(("-D", "-I", "-std", "-m", "-f", "-W")) and not DROPPED.match(word):
            flags.append(word)
    return flags


def compile_commands(build):
    """{source: flags for clang-tidy}, one entry a source; per-instruction-set files count once."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"]).resolve()
        if not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "build") or path in commands:
            continue
        commands[path] = flags_of(shlex.split(entry["command"]))
    return commands


def changed_files():
    listed = subprocess.run(["git", "diff", "--name-only", "HEAD~1"], cwd=ROOT, text=True, capture_output=True).stdout
    return {(ROOT / line).resolve() for line in listed.splitlines()}


def tidy(path, flags):
    command = ["clang-tidy", "--quiet", str(path), "--", "-Wno-unknown-warning-option", "-Wno-unused-command-line-argument",
               *flags]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    return done.returncode, done.stdout + "".join(
        line + "\n" for line in done.stderr.splitlines() if "error" in line and "warnings treated" not in line)


def select(options):
    """[(file, flags, key)] that have no stamp, the changed ones first."""
    version = subprocess.run(["clang-tidy", "--version"], text=True, capture_output=True, check=True).stdout
    base = version + (ROOT / ".clang-tidy").read_text()
    wanted = {pathlib.Path(file).resolve() for file in options.files}
    changed = changed_files()
    todo, known = [], 0
    for path, flags in sorted(compile_commands(options.build).items()):
        if wanted and path not in wanted:
            continue
        key = key_of(path, " ".join(flags), base)
        if (CACHE / key).exists() and not wanted:
            known += 1
        else:
            todo.append((path, flags, key))
    return sorted(todo, key=lambda item: item[0] not in changed), known


def main():
    parser = argparse.ArgumentParser(description="Runs clang-tidy on what changed.")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--budget", type=float, default=420, help="seconds after which no further file is begun")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    todo, known = select(options)
    began, clean, dirty, left = time.monotonic(), 0, 0, 0

    def look(item):
        if time.monotonic() - began > options.budget:
            return item, None, ""
        return item, *tidy(item[0], item[1])

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for (path, _, key), code, text in pool.map(look, todo):
            if code is None:
                left += 1
            elif code == 0:
                (CACHE / key).touch()
                clean += 1
            else:
                dirty += 1
                print(text, flush=True)
    print(f"lint: {clean} clean, {dirty} with findings, {known} known to be clean"
          + (f"; {left} left for the next run, the {options.budget:.0f} s are over" if left else ""))
    return 1 if dirty else 0


if __name__ == "__main__":
    sys.exit(main())
