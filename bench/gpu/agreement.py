"""A model's engine for this GPU beside onnxruntime on the CPU: agreement.py MODEL.onnx [arguments of rekindle build].
Prints the largest difference of all outputs, of each output's largest magnitude.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

REKINDLE = os.environ.get("REKINDLE", "./rekindle")
SHAPES = {
    "ppocr4_rec": (1, 3, 48, 160), "ppocr4_det": (1, 3, 160, 160), "ppocr_cls": (1, 3, 48, 192), "yolov5s": (1, 3, 640, 640),
    "resnet50": (1, 3, 224, 224), "mobilenet_v2": (1, 3, 224, 224), "segnet": (1, 3, 352, 480), "centerface": (10, 3, 32, 32),
}  # fmt: skip


def feed_of(session, name):
    generator, feed = np.random.default_rng(0), {}
    for i in session.get_inputs():
        shape = SHAPES.get(name) or [d if isinstance(d, int) else 1 if n == 0 else 128 for n, d in enumerate(i.shape)]
        if "float" in i.type:
            feed[i.name] = generator.standard_normal(shape).astype(np.float32)
        else:
            high = 2 if "type" in i.name else 100
            values = np.ones(shape) if "mask" in i.name else generator.integers(0, high, shape)
            feed[i.name] = values.astype(np.int64 if "int64" in i.type else np.int32)
    return feed


def main():
    model = pathlib.Path(sys.argv[1])
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 4
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    feed = feed_of(session, model.stem)
    expected = session.run(None, feed)
    with tempfile.TemporaryDirectory() as folder:
        arguments, profiles = [], []
        for i, (name, value) in enumerate(feed.items()):
            np.save(f"{folder}/in{i}.npy", value)
            arguments += ["--input", f"{name}={folder}/in{i}.npy"]
            if any(not isinstance(d, int) for d in session.get_inputs()[i].shape):
                shape = "x".join(map(str, value.shape))
                profiles += ["--profile", f"{name}={shape}:{shape}:{shape}"]
        start = time.time()
        build = subprocess.run([REKINDLE, "build", str(model), "-o", f"{folder}/e.engine", "--effort", "0", *profiles, *sys.argv[2:]],
                               capture_output=True, text=True)  # fmt: skip
        seconds = time.time() - start
        text = build.stdout + build.stderr
        hosts = [line.strip() for line in text.splitlines() if "on the host" in line or "error against" in line]
        if build.returncode:
            print(f"{model.stem} {' '.join(sys.argv[2:])}: BUILD FAILS {text[-500:]}", flush=True)
            return
        run = subprocess.run([REKINDLE, "run", f"{folder}/e.engine", "--output-dir", f"{folder}/out", *arguments],
                             capture_output=True, text=True)  # fmt: skip
        if run.returncode:
            print(f"{model.stem}: RUN FAILS {(run.stdout + run.stderr)[-500:]}", flush=True)
            return
        worst = 0.0
        for x, entry in zip(expected, json.load(open(f"{folder}/out/outputs.json"))):
            y = np.load(f"{folder}/out/{entry['file']}")
            error = np.abs(y.astype(np.float64) - x).max() / max(np.abs(x).max(), 1e-30) if x.size else 0
            worst = max(worst, float(error) if np.isfinite(error) else 9e9)
        bench = subprocess.run([REKINDLE, "bench", f"{folder}/e.engine", "--duration", "0.5"], capture_output=True, text=True)
        median = [line.strip() for line in bench.stdout.splitlines() if "median" in line.lower()][:1]
        print(f"{model.stem} {' '.join(sys.argv[2:])}: error {worst:.2e}, built in {seconds:.1f} s, {median}", *hosts[:6],
              sep="\n  ", flush=True)  # fmt: skip


main()
