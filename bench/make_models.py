#!/usr/bin/env python3
"""Writes the networks that benchmarks run, without PyTorch: seeded weights, dynamic batch, opset 17.

  make_models.py OUT_DIR [NAME...]

Without names: all that need no download. efficientnet_lite0 and minilm_l6 carry real weights, which tools/fetch_models
puts into build/models. SPDX-License-Identifier: Apache-2.0
"""
import argparse
import pathlib
import sys
import zlib

from models import bert, classifiers, segnet, yolov5

FETCHED = pathlib.Path(__file__).resolve().parent.parent / "build" / "models"
MODELS = {
    "resnet50": classifiers.resnet50,
    "mobilenet_v2": classifiers.mobilenet_v2,
    "yolov5s": yolov5.yolov5s,
    "segnet": segnet.segnet,
    "segnet_resize": lambda: segnet.segnet(unpool=False),
    "bert_base": bert.bert_base,
}
WITH_REAL_WEIGHTS = {
    "efficientnet_lite0": lambda: classifiers.efficientnet_lite0(FETCHED / "efficientnet_lite0_pth.pth"),
    "minilm_l6": lambda: bert.minilm_l6(FETCHED / "minilm_safetensors.safetensors"),
}


def write(out, name, model):
    data = model.SerializeToString()
    part = out / f"{name}.onnx.part"
    part.write_bytes(data)
    part.replace(out / f"{name}.onnx")
    print(f"{name}: {len(data)} bytes, {len(model.graph.node)} nodes, crc {zlib.crc32(data):08x}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Writes benchmark networks as ONNX.")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODELS | WITH_REAL_WEIGHTS))
    options = parser.parse_args()
    makers = MODELS | WITH_REAL_WEIGHTS
    for name in options.names:
        if name not in makers:
            parser.error(f"no model is called {name}; there are {', '.join(makers)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or MODELS:
        try:
            write(options.out, name, makers[name]())
        except FileNotFoundError as error:
            sys.exit(f"make_models: {name} needs {error.filename}; tools/fetch_models gets it")


if __name__ == "__main__":
    main()
