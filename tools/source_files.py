"""Lists the files of the tree that are sources: what git tracks or would, and without git all but build/.

  source_files.py SUFFIX...        prints their paths, one a line

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import sys


def source_files(root):
    """Paths relative to the root, sorted, with '/' between folders."""
    if (root / ".git").exists():
        listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"], cwd=root,
                                check=True, text=True, capture_output=True).stdout.splitlines()
        names = {name for name in listed if (root / name).is_file()}
    else:
        names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        names = {name for name in names if not name.startswith("build/") and "__pycache__" not in name}
    return sorted(names)


if __name__ == "__main__":
    for found in source_files(pathlib.Path(__file__).resolve().parent.parent):
        if found.endswith(tuple(sys.argv[1:])):
            print(found)
