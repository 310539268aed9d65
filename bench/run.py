#!/usr/bin/env python3
"""What `make bench` does: fetches and makes the networks, then bench/peers.py, which gets all arguments.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from comparison.catalogue import NETWORKS  # noqa: E402
from comparison.inputs import MODELS  # noqa: E402


def chosen(arguments):
    """The networks that --models names; all when it is not there."""
    for i, argument in enumerate(arguments):
        if argument.startswith("--models"):
            names = argument.partition("=")[2] or "".join(arguments[i + 1:i + 2])
            return [network for network in NETWORKS if network.name in names.split(",")]
    return NETWORKS


def main():
    networks = chosen(sys.argv[1:])
    needed = sorted({name for network in networks for name in network.needs})
    if needed:
        done = subprocess.run([HERE.parent / "tools" / "fetch_models", "--only", ",".join(needed)])
        if done.returncode != 0:
            return 2
    to_make = [network.name for network in networks if network.generated and not network.path().exists()]
    if to_make:
        done = subprocess.run([sys.executable, HERE / "make_models.py", MODELS, *to_make])
        if done.returncode != 0:
            return 2
    return subprocess.run([sys.executable, HERE / "peers.py", *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
