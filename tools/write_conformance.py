#!/usr/bin/env python3
"""Runs ONNX's backend suite through several pipelines, writes docs/conformance.md and checks the list of failures.

  write_conformance.py --cases DIR [--program FILE] [--check]

tests/conformance/expected_failures.txt holds one line a case, "CASE  REASON". It may only shrink: a case that fails and
is not in it is an error, and so is one that is in it and passes. --check leaves the page as it is.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import onnx

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXPECTED = ROOT / "tests/conformance/expected_failures.txt"
PAGE = ROOT / "docs/conformance.md"
PIPELINES = {
    "reference": "each operator's reference, nothing fused",
    "optimized": "all passes, then references",
    "engine": "an engine built, written, loaded and run",
}


def run(program, cases, pipeline):
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        command = [program, "conformance", cases, "--pipeline", pipeline, "--quiet", "--json", result.name]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}")
        return {case["case"]: case for case in json.load(open(result.name))["cases"]}


def expected_failures():
    lines = [line for line in EXPECTED.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.split(None, 1) for line in lines]
    missing = [pair[0] for pair in pairs if len(pair) < 2]
    if missing:
        sys.exit(f"{EXPECTED.name}: no reason is given for {', '.join(missing)}")
    return dict(pairs)


def operator_of(folder):
    """The operator a case is about and the version its opset gives: of node cases the one in the name of the model."""
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    opsets = {o.domain or "ai.onnx": o.version for o in model.opset_import}
    found = set()
    for node in model.graph.node:
        domain = node.domain or "ai.onnx"
        try:
            schema = onnx.defs.get_schema(node.op_type, opsets[domain], "" if domain == "ai.onnx" else domain)
            version = schema.since_version
        except (onnx.defs.SchemaError, KeyError):
            version = opsets.get(domain, 0)
        found.add((("" if domain == "ai.onnx" else domain + ".") + node.op_type, version))
    return found


def page(cases, results, reasons):
    engine = results["engine"]
    versions = collections.defaultdict(lambda: [0, 0])
    for name in engine:
        for operator in operator_of(cases / name):
            versions[operator][0] += engine[name]["status"] == "passed"
            versions[operator][1] += 1
    total = len(engine)
    passed = {p: sum(c["status"] == "passed" for c in r.values()) for p, r in results.items()}
    lines = [
        "# Conformance", "",
        f"ONNX's own backend suite, {total} cases of onnx {onnx.__version__}, on the CPU. Written by `make conformance`. A case",
        "passes when every output of every data set agrees in type, shape and value at the suite's tolerances; what is",
        "refused has not passed. Each case runs in a process of its own.", "",
        "| Pipeline | Passed | Failed | Unsupported |", "| --- | --- | --- | --- |",
    ]
    for name, what in PIPELINES.items():
        status = collections.Counter(c["status"] for c in results[name].values())
        lines.append(f"| {name}: {what} | {passed[name]} | {status['failed']} | {status['unsupported']} |")
    lines += ["", "## Cases that do not pass", "", "| Case | Reason |", "| --- | --- |"]
    for name in sorted(engine):
        if engine[name]["status"] != "passed":
            lines.append(f"| {name} | {reasons.get(name, 'not expected')} |")
    lines += ["", "## By operator and version", "",
              "Cases of the engine pipeline in which the operator occurs; one case may count for several.", "",
              "| Operator | Version | Passed | Cases |", "| --- | --- | --- | --- |"]
    for (operator, version), (good, count) in sorted(versions.items()):
        lines.append(f"| {operator} | {version} | {good} | {count} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", required=True, type=pathlib.Path)
    parser.add_argument("--program", default=ROOT / "build/release/rekindle", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    a = parser.parse_args()
    reasons = expected_failures()
    results = {p: run(a.program, a.cases, p) for p in (["engine"] if a.check else PIPELINES)}
    engine = results["engine"]
    failing = {name for name, case in engine.items() if case["status"] != "passed"}
    print(f"{len(engine) - len(failing)} of {len(engine)} cases pass")
    if not a.check:
        PAGE.write_text(page(a.cases, results, reasons))
    problems = [f"{name}: {engine[name]['reason'].splitlines()[0]}" for name in sorted(failing - reasons.keys())]
    problems += [f"{name}: passes; take it out of {EXPECTED.name}" for name in sorted(reasons.keys() - failing)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
