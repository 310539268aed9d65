#!/usr/bin/env python3
"""Measures what changing shapes costs: the recognizer at widths 32 to 1280 in steps of 8, from one engine.

  shape_changes.py [--effort 1] [--every] [--output FILE.json]     see comparison/shape_changes.py for what is measured

Widths come in an order that jumps; each is new once, then some come back that the context still keeps. --every also runs
each width with each batch of 1 to 8, which takes minutes.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from comparison import device, inputs, rekindle_library, shape_changes  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description="Measures what changing shapes costs.")
    parser.add_argument("--effort", default="1")
    parser.add_argument("--every", action="store_true", help="run each width with each batch of 1 to 8 too")
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    model = inputs.MODELS / "ppocr4_rec.onnx"
    if not model.exists():
        sys.exit(f"shape_changes: {model} is missing; tools/fetch_models --only ppocr4_rec fetches it")
    engine = ROOT / "build" / "bench" / "shape_changes.engine"
    engine.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([rekindle_library.BUILT / "rekindle", "build", model, "-o", engine, "--quiet", "--threads", "1",
                    "--effort", options.effort, "--profile", shape_changes.PROFILE], check=True)
    context = rekindle_library.Context(rekindle_library.Library(), engine, 1)
    changes = shape_changes.ShapeChanges(context, shape_changes.long_strip())
    widths = list(shape_changes.WIDTHS)
    changes.bind(widths[-1])
    context.run()  # memory for the largest
    jumping = [widths[i * 61 % len(widths)] for i in range(len(widths))]
    commit, changed = device.commit()
    data = {"schema": 1, "date": datetime.date.today().isoformat(), "device": device.describe(), "commit": commit,
            "changed": changed, "model": "ppocr4_rec", "effort": options.effort, "unit": "us of CPU time, one thread",
            "new_shapes": shape_changes.summary(changes.measure(jumping)),
            "kept_shapes": shape_changes.summary(changes.measure(jumping[-3:] * 30))}
    if options.every:
        wrong = [f"{batch}x3x48x{width}: {error}" for width in widths for batch in shape_changes.BATCHES
                 if (error := shape_changes.run_shape(context, changes.strip, batch, width))]
        data["shapes_run"], data["shapes_wrong"] = len(widths) * len(shape_changes.BATCHES), wrong
        print(f"{data['shapes_run']} shapes run, {len(wrong)} wrong", *wrong, sep="\n")
    path = options.output or ROOT / "bench" / "results" / (
        f"{data['date']}-{device.short_name(data['device'])}-shape-changes.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")
    for kind in ("new_shapes", "kept_shapes"):
        for name, figures in data[kind].items():
            print(f"{kind:12} {name:11} median {figures['median']:8.0f} us   90 % at most {figures['p90']:8.0f} us")
    print(f"wrote {path}")
    return 1 if data.get("shapes_wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
