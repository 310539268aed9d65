#!/bin/bash
# Builds models in FP16 for this GPU without measuring, and compares with onnxruntime. SPDX-License-Identifier: Apache-2.0
# models.sh FOLDER TARGET MODEL...
folder=$1; target=$2; shift 2
for model in "$@"; do
  python3 "$(dirname "$0")/agreement.py" "$folder/$model.onnx" --target "$target" --precision fp16 &
done
wait
