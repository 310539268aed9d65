"""Attention over FP16 on the tensor cores (kernels/attention_mma.cuh): right against PyTorch in FP32, and how long
beside PyTorch's own in FP16. Prints one JSON line a measurement.

SPDX-License-Identifier: Apache-2.0
"""

import itertools
import json
import sys

from driver import compile_all, kernel_file, microseconds

# items, queries, keys, depth, value depth, causal
SHAPES = [
    (12, 128, 128, 64, 64, 0), (384, 128, 128, 64, 64, 0), (3, 77, 77, 64, 64, 1), (2, 5, 130, 32, 48, 0), (2, 33, 1, 20, 7, 0),
    (4, 100, 257, 80, 80, 1), (2, 64, 200, 128, 128, 0), (64, 1024, 1024, 64, 64, 0), (1, 1, 1, 8, 8, 0),
]  # fmt: skip


def padded(depth):
    return 32 if depth <= 32 else 64 if depth <= 64 else 128


def shared_bytes(shape, tile, stages):
    return 2 * (tile[0] * padded(shape[3]) + stages * tile[1] * (padded(shape[3]) + padded(shape[4])))


def source(shape, tile, stages):
    items, queries, keys, depth, width, causal = shape
    defines = {
        "RK_QUERIES": tile[0], "RK_KEYS": tile[1], "RK_DEPTH": depth, "RK_VALUE_DEPTH": width, "RK_CAUSAL": causal,
        "RK_DEPTH_PADDED": padded(depth), "RK_VALUE_PADDED": padded(width), "RK_STAGES": stages, "RK_ALIGNED": 1,
    }  # fmt: skip
    text = "".join(f"#define {name} {value}\n" for name, value in defines.items())
    for file in ("prelude", "copy_async", "mma", "attention_mma"):
        text += kernel_file(file + ".cuh")
    return text + f"""
struct Epilogue {{
  f16* y;
  __device__ __forceinline__ void store(int m, int n, float (&x)[2]) const {{
    for (int j = 0; j < 2; ++j) if (n + j < {width}) y[m * {width} + n + j] = x[j];
  }}
}};
struct Mask {{
  const float* mask;
  __device__ __forceinline__ float add(float score, int, int key) const {{ return score + mask[key]; }}
}};
extern "C" __global__ void __launch_bounds__({tile[0] * 2})
kernel(const f16* __restrict__ q, const f16* __restrict__ k, const f16* __restrict__ v, const float* __restrict__ mask, f16* __restrict__ y) {{
  const int item = blockIdx.y;
  q += item * {queries * depth}, k += item * {keys * depth}, v += item * {keys * width};
  rk_attention_mma(q, k, v, {depth}, {depth}, {width}, {queries}, {keys}, 0.2f, 0, Mask{{mask}}, item * {queries}, Epilogue{{y}});
}}
"""


def main():
    jobs, keys = [], []
    for shape in SHAPES:
        for tile in itertools.product((16, 32, 64, 128), (32, 64)):
            for sm, kind, stages in ((90, "cubin", 2), (75, "ptx", 1)):
                if shared_bytes(shape, tile, stages) > (64 if sm == 75 else 96) * 1024:
                    continue
                jobs.append((source(shape, tile, stages), sm, kind))
                keys.append((shape, tile, sm, stages))
    images = compile_all(jobs)
    import torch

    from mma import SharedKernel

    torch.manual_seed(1)
    bad, made = 0, {}
    for (shape, tile, sm, stages), (image, log) in zip(keys, images):
        items, queries, count, depth, width, causal = shape
        if image is None:
            print("DOES NOT COMPILE", shape, tile, sm, log[-500:])
            bad += 1
            continue
        if shape not in made:
            q, k, v = (torch.randn(items, n, d, device="cuda").half() for n, d in ((queries, depth), (count, depth), (count, width)))
            mask = torch.where(torch.rand(count, device="cuda") < 0.2, -65504.0, 0.0) if count > 1 else torch.zeros(1, device="cuda")
            mask[0] = 0
            scores = q.float() @ k.float().transpose(1, 2) * 0.2 + mask
            if causal:
                scores = scores.masked_fill(torch.ones(queries, count, device="cuda").triu(1).bool(), float("-inf"))
            made[shape] = q, k, v, mask, scores.softmax(-1) @ v.float()
            if depth == width == 64 and not causal:
                rival = microseconds(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v))
                print(json.dumps({"shape": shape, "rival_us": round(rival, 2)}))
        q, k, v, mask, expected = made[shape]
        y = torch.full((items, queries, width), float("nan"), device="cuda", dtype=torch.half)
        grid = (-(-queries // tile[0]), items, 1)
        run = SharedKernel(image).launcher(grid, tile[0] * 2, shared_bytes(shape, tile, stages), q, k, v, mask, y)
        run()
        torch.cuda.synchronize()
        error = ((y.float() - expected).abs().max() / expected.abs().max()).item()
        if not error < 3e-3:
            print("WRONG", shape, tile, sm, error)
            bad += 1
        elif depth == width == 64 and not causal:
            spills = " 0 bytes spill stores" not in log and sm != 75
            print(json.dumps({"shape": shape, "tile": tile, "sm": sm, "us": round(microseconds(run), 2), "spills": spills}))
    print(f"attention: {bad} of {len(keys)} are wrong", flush=True)


if __name__ == "__main__":
    main()
