"""Runs stages of the Makefile one after another, whatever fails, then prints a table and the counts of tests.

  run_stages.py STAGE...

A stage is a make target. A stage that ran tests leaves JUnit files in build/<preset>/test-results, and its cases are
counted; any other stage counts as one. The last line is "N passed, N failed"; the exit code is 1 if anything failed.
SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = {"unit": "release", "asan": "asan", "tsan": "tsan"}


def count_cases(folder):
    """(passed, failed, skipped) over the JUnit files of a folder."""
    passed = failed = skipped = 0
    for path in sorted(folder.glob("*.xml")):
        try:
            cases = xml.etree.ElementTree.parse(path).getroot().iter("testcase")
        except xml.etree.ElementTree.ParseError:  # the test died while it wrote
            failed += 1
            continue
        for case in cases:
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is not None or case.get("result") in ("skipped", "suppressed"):
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped


def run_stage(stage):
    """Runs one make target; returns its row of the table."""
    print(f"\n==== {stage} ====", flush=True)
    began = time.monotonic()
    code = subprocess.run(["make", "--no-print-directory", stage], cwd=ROOT).returncode
    seconds = time.monotonic() - began
    passed = failed = skipped = 0
    if stage in RESULTS:
        passed, failed, skipped = count_cases(ROOT / "build" / RESULTS[stage] / "test-results")
    if code != 0 and failed == 0:
        failed = 1
    elif stage not in RESULTS:
        passed = 1
    return {"stage": stage, "seconds": seconds, "passed": passed, "failed": failed, "skipped": skipped}


def main():
    rows = [run_stage(stage) for stage in sys.argv[1:]]
    print(f"\n{'stage':16}{'seconds':>9}{'passed':>9}{'failed':>9}{'skipped':>9}")
    for row in rows:
        mark = "  FAILED" if row["failed"] else ""
        print(f"{row['stage']:16}{row['seconds']:9.1f}{row['passed']:9}{row['failed']:9}{row['skipped']:9}{mark}")
    total = {key: sum(row[key] for row in rows) for key in ("passed", "failed")}
    print(f"\n{total['passed']} passed, {total['failed']} failed", flush=True)
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
