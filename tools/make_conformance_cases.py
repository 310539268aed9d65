#!/usr/bin/env python3
"""Writes ONNX's own backend suite to disk, one folder a case, as `rekindle conformance` reads it.

  make_conformance_cases.py --out DIR

The cases are those of the installed onnx package: kinds node (generated, with the twins that spell operators as
functions), simple, pytorch-converted, pytorch-operator. DIR/<kind>/<case>/model.onnx and
test_data_set_N/{input,output}_I.pb; DIR/tolerances.json says rtol and atol of each. Written anew each time, and the
same bytes each time.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import pathlib
import shutil
import sys

# Without pillow the image cases take the frozen pictures of the suite: encoders differ from version to version.
sys.modules["PIL"] = None
sys.modules["PIL.Image"] = None

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests, load_node_model_tests


def message_of(value, info):
    """A test's value as the protobuf message of its declared type."""
    kind = info.type.WhichOneof("value")
    if isinstance(value, TensorProto):
        return value
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    return numpy_helper.from_array(np.asarray(value), info.name)


def write(path, message):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message.SerializeToString(deterministic=True))


def node_cases(out, tolerances):
    for case in load_node_model_tests():
        folder = out / "node" / case.name
        write(folder / "model.onnx", case.model)
        graph = case.model.graph
        for number, (inputs, outputs) in enumerate(case.data_sets):
            for prefix, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
                for i, (value, info) in enumerate(zip(values, infos, strict=True)):
                    write(folder / f"test_data_set_{number}" / f"{prefix}_{i}.pb", message_of(value, info))
        tolerances[f"node/{case.name}"] = [case.rtol, case.atol]


def stored_cases(out, kind, tolerances):
    for case in load_model_tests(kind=kind):
        source = pathlib.Path(case.model_dir)
        for path in sorted(source.rglob("*")):
            if path.name == "model.onnx" or path.suffix == ".pb":
                target = out / kind / case.name / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        tolerances[f"{kind}/{case.name}"] = [case.rtol, case.atol]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, type=pathlib.Path)
    out = parser.parse_args().out
    if out.exists():
        shutil.rmtree(out)
    tolerances = {}
    node_cases(out, tolerances)
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        stored_cases(out, kind, tolerances)
    (out / "tolerances.json").write_text(json.dumps(tolerances, indent=0, sort_keys=True) + "\n")
    print(f"onnx {onnx.__version__}: {len(tolerances)} cases in {out}")


if __name__ == "__main__":
    main()
