"""What FP32 kernels reach on this GPU: the ceilings of FFMA and of copying, the products and convolutions of
kernels/gemm_simt.cuh beside PyTorch (cuBLAS, cuDNN with benchmark; TF32 off), and whether every tile is right, also
as PTX of older architectures.

    python3 bench/gpu/kernels.py check | gemm | conv BATCH | ceilings ...  [--json FILE]

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import json
import math
import time

from driver import Kernel, compile_all, microseconds
from products import TILES, Conv, Data, Gemm, splits_of, text_of

# The convolutions of ResNet-50 and how often each is there.
RESNET50 = [
    (Conv(1, 3, 224, 64, 7, 2), 1), (Conv(1, 64, 56, 64), 1), (Conv(1, 256, 56, 64), 2), (Conv(1, 64, 56, 64, 3), 3),
    (Conv(1, 64, 56, 256), 4), (Conv(1, 256, 56, 128), 1), (Conv(1, 512, 28, 128), 3), (Conv(1, 128, 56, 128, 3, 2), 1),
    (Conv(1, 128, 28, 128, 3), 3), (Conv(1, 128, 28, 512), 4), (Conv(1, 256, 56, 512, 1, 2), 1), (Conv(1, 512, 28, 256), 1),
    (Conv(1, 1024, 14, 256), 5), (Conv(1, 256, 28, 256, 3, 2), 1), (Conv(1, 256, 14, 256, 3), 5), (Conv(1, 256, 14, 1024), 6),
    (Conv(1, 512, 28, 1024, 1, 2), 1), (Conv(1, 1024, 14, 512), 1), (Conv(1, 2048, 7, 512), 2),
    (Conv(1, 512, 14, 512, 3, 2), 1), (Conv(1, 512, 7, 512, 3), 2), (Conv(1, 512, 7, 2048), 3), (Conv(1, 1024, 14, 2048, 1, 2), 1),
]  # fmt: skip

FFMA = """
extern "C" __global__ void __launch_bounds__(256) kernel(float* out, int rounds, float a, float b) {
  float x[32];
  for (int i = 0; i < 32; ++i) x[i] = threadIdx.x + i;
  for (int r = 0; r < rounds; ++r)
#pragma unroll
    for (int u = 0; u < 8; ++u)
#pragma unroll
      for (int i = 0; i < 32; ++i) x[i] = fmaf(x[i], a, b);
  float sum = 0;
  for (int i = 0; i < 32; ++i) sum += x[i];
  if (sum == 1.2345f) out[0] = sum;
}
"""
COPY = """
extern "C" __global__ void __launch_bounds__(256) kernel(const float4* __restrict__ from, float4* __restrict__ to, int n) {
  const int i = blockIdx.x * 1024 + threadIdx.x;
  float4 v[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) if (i + j * 256 < n) v[j] = from[i + j * 256];
#pragma unroll
  for (int j = 0; j < 4; ++j) if (i + j * 256 < n) to[i + j * 256] = v[j];
}
"""


def torch_module():
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    return torch


def ceilings():
    images = compile_all([(FFMA, 90, "cubin"), (COPY, 90, "cubin")])
    torch = torch_module()
    units = torch.cuda.get_device_properties(0).multi_processor_count
    out = torch.zeros(1 << 28, device="cuda")
    ffma, copy = Kernel(images[0][0]), Kernel(images[1][0])
    rounds = 4096
    us = microseconds(lambda: ffma((units * 8,), (256,), out, rounds, 1.0001, 0.5), 2)
    made = {"ffma_tflops": units * 8 * 256 * rounds * 256 * 2 / us / 1e6}
    n = 1 << 26  # float4s: 1 GiB read, 1 GiB written
    source = torch.ones(1 << 28, device="cuda")
    us = microseconds(lambda: copy((n // 1024,), (256,), source, out, n), 3)
    made["copy_gbytes"] = 2 * n * 16 / us / 1e3
    return made


def check_cases():
    """Odd, prime and tiny problems for every tile and part count, and for old architectures as PTX."""
    problems = [Gemm(129, 67, 33), Gemm(1, 1, 1), Gemm(257, 128, 511), Gemm(64, 36, 200, turned=True), Gemm(70, 7, 31, turned_a=True),
                Gemm(33, 130, 1030, turned=True, turned_a=True), Gemm(300, 260, 64), Conv(2, 3, 17, 20, 7, 2), Conv(1, 8, 9, 33, 3),
                Conv(3, 5, 11, 16, 3, 2), Conv(1, 16, 13, 24, 5), Conv(2, 20, 8, 130, 1, 2), Conv(1, 4, 19, 8, 7)]  # fmt: skip
    # The driver takes a while to assemble PTX: some of the cases for each of the older ones.
    for sm, kind, every in ((90, "cubin", 1), (61, "ptx", 4), (75, "ptx", 12), (80, "ptx", 8)):
        for number, tile in enumerate(TILES):
            for i, problem in enumerate(problems):
                if (i * 5 + number) % every:
                    continue
                for splits in (1, 4) if (i + number) % 2 else (1, 8):
                    yield problem, tile, splits, sm, kind


def check():
    cases = list(check_cases())
    begin = time.time()
    images = compile_all([(text_of(p, t, s, sm), sm, kind) for p, t, s, sm, kind in cases])
    print(f"{len(cases)} kernels compiled in {time.time() - begin:.1f} s", flush=True)
    torch, data, wrong, worst = torch_module(), {}, 0, 0.0
    for (problem, tile, splits, sm, kind), (image, log) in zip(cases, images):
        if image is None:
            print("DOES NOT COMPILE", problem, tile, sm, log[:500])
            wrong += 1
            continue
        d = data.setdefault(problem, None) or Data(problem, torch)
        data[problem] = d
        run = d.launch(torch, Kernel(image), tile, splits)
        for _ in range(2):  # the second run finds the counters as the first left them
            d.c.fill_(math.nan)
            run()
            torch.cuda.synchronize()
            error = d.error()
            worst = max(worst, error)
            if not error < 1e-5:
                wrong += 1
                print("WRONG", error, problem, tile, splits, sm, flush=True)
    print(f"check: {len(cases)} kernels, {wrong} wrong, largest error {worst:.1e} of the largest output", flush=True)
    return {"kernels": len(cases), "wrong": wrong, "largest_error": worst}


def torch_time(torch, d):
    p = d.problem
    if isinstance(p, Conv):
        times = []
        for memory in (torch.channels_last, torch.contiguous_format):
            x, w = d.x.contiguous(memory_format=memory), d.w.contiguous(memory_format=memory)
            times.append(microseconds(lambda: torch.nn.functional.conv2d(x, w, None, p.stride, p.kernel // 2)))
        return min(times)
    return microseconds(lambda: torch.matmul(d.x, d.w, out=d.c), 5 if p.rows > 2000 else 20)


def sweep(problems, most_tiles=99):
    cases = [(p, t, s, i) for p, _ in problems for i, t in enumerate(TILES[:most_tiles]) for s in splits_of(p, t)]
    begin = time.time()
    images = compile_all([(text_of(p, t, s, 90), 90, "cubin") for p, t, s, _ in cases])
    print(f"{len(cases)} kernels compiled in {time.time() - begin:.1f} s", flush=True)
    torch, made, logs = torch_module(), [], []
    for problem, count in problems:
        d = Data(problem, torch, exact=problem.rows * problem.filters * problem.depth < 1 << 32)
        times = {}
        for (p, tile, splits, number), (image, log) in zip(cases, images):
            if p != problem:
                continue
            if image is None:
                print(log[:400])
                continue
            run = d.launch(torch, Kernel(image), tile, splits)
            times[f"{number}/{splits}"] = round(microseconds(run, 20 if problem.rows < 3000 else 5, 3), 2)
            if d.expected is not None and not d.error() < 1e-5:
                print("WRONG", problem, tile, splits, d.error())
        rival = torch_time(torch, d)
        best = min(times, key=times.get)
        flops = 2 * problem.rows * problem.filters * problem.depth
        made.append({"problem": str(problem), "count": count, "best": best, "us": times[best], "torch_us": rival,
                     "tflops": flops / times[best] / 1e6, "times": times})  # fmt: skip
        first = sorted(times, key=times.get)[:4]
        print(f"{problem!s:75} {times[best]:9.2f} us {flops / times[best] / 1e6:6.2f} TF  torch {rival:9.2f}  ratio "
              f"{times[best] / rival:.2f}  {' '.join(f'{k}:{times[k]:.1f}' for k in first)}", flush=True)  # fmt: skip
    total = sum(math.log(m["us"] / m["torch_us"]) * m["count"] for m in made) / sum(m["count"] for m in made)
    print(f"geometric mean of ours / torch: {math.exp(total):.3f}", flush=True)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    made = {}
    for what in arguments.what:
        if what == "ceilings":
            made[what] = ceilings()
            print(what, made[what], flush=True)
        elif what == "check":
            made[what] = check()
        elif what == "gemm":
            made[what] = sweep([(Gemm(4096, 4096, 4096), 1), (Gemm(128, 3072, 768), 1), (Gemm(128, 768, 3072), 1), (Gemm(1, 1000, 2048), 1)])
        elif what.startswith("conv"):
            batch = int(what[4:] or 1)
            made[what] = sweep([(Conv(batch, p.channels, p.size, p.filters, p.kernel, p.stride), n) for p, n in RESNET50])
        else:
            parser.error(f"{what} is none of ceilings, check, gemm, conv1, conv32")
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(made, file, indent=1)


if __name__ == "__main__":
    main()
