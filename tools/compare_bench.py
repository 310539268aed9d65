"""Compares two result files of a benchmark, and refuses to call a difference what may be noise.

  compare_bench.py BEFORE.json AFTER.json [--fail-over 1.05]

A file is {"schema": 1, "host": text, "results": [{"name": text, "samples_ms": [number, ...]}, ...]}; host is optional. A
row shows minimum, median and maximum of both and the ratio of the medians. The ratio counts only when the middle halves
of the two sets of samples do not overlap; else the row says "noise". Exit code: 0, 1 when a counted ratio is over
--fail-over (slower), 2 when the files cannot be compared. SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import statistics
import sys

SCHEMA = 1
LEAST_SAMPLES = 5


class Samples:
    """The times of one benchmark in one file, in milliseconds."""

    def __init__(self, times):
        self.low, self.median, self.high = min(times), statistics.median(times), max(times)
        self.first_quarter, _, self.last_quarter = statistics.quantiles(times, n=4)

    def text(self):
        return f"{self.low:9.3f} {self.median:9.3f} {self.high:9.3f}"


def read(path):
    """({name: Samples}, host) of a file; ValueError says what is wrong with it."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise ValueError(f"{path}: expected schema {SCHEMA}")
    results = {}
    for result in data.get("results", []):
        if len(result["samples_ms"]) < LEAST_SAMPLES:
            raise ValueError(f"{path}: {result['name']} has {len(result['samples_ms'])} samples, "
                             f"too few to tell noise from change (at least {LEAST_SAMPLES})")
        results[result["name"]] = Samples(result["samples_ms"])
    return results, data.get("host")


def verdict(before, after):
    """(ratio of the medians, what it means)."""
    ratio = after.median / before.median
    if before.first_quarter <= after.last_quarter and after.first_quarter <= before.last_quarter:
        return ratio, "noise"
    return ratio, "slower" if ratio > 1 else "faster"


def compare(before, after, limit):
    """Prints the table; returns how many are slower than the limit allows."""
    print(f"{'':28} {'before: min':>11} {'median':>7} {'max':>9}  {'after: min':>10} {'median':>7} {'max':>9}   ratio")
    failed = 0
    for name in before:
        if name not in after:
            print(f"{name:28} only before")
            continue
        ratio, meaning = verdict(before[name], after[name])
        too_slow = meaning == "slower" and ratio > limit
        failed += too_slow
        print(f"{name:28} {before[name].text()}  {after[name].text()}   {ratio:5.3f} {meaning}"
              + (f", over {limit}" if too_slow else ""))
    for name in after:
        if name not in before:
            print(f"{name:28} only after")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Compares two benchmark files.")
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--fail-over", type=float, default=1.05, metavar="RATIO")
    options = parser.parse_args()
    try:
        before, host_before = read(options.before)
        after, host_after = read(options.after)
        if host_before != host_after:
            raise ValueError(f"measured on different machines: {host_before}; {host_after}")
        if not set(before) & set(after):
            raise ValueError("the files have no benchmark in common")
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"compare_bench: {error}", file=sys.stderr)
        return 2
    return 1 if compare(before, after, options.fail_over) else 0


if __name__ == "__main__":
    sys.exit(main())
