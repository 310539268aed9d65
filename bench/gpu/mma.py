"""FP16 products and convolutions on the tensor cores (kernels/gemm_mma.cuh), tile by tile: right against PyTorch in
FP32, and how long against cuBLAS and cuDNN in FP16. Prints one JSON line a measurement.

SPDX-License-Identifier: Apache-2.0
"""

import ctypes
import dataclasses
import json
import sys
import time

from driver import Kernel, compile_all, kernel_file, microseconds

# The tiles of tactics/mma_tile.cc: m, n, k, warps_m, warps_n, blocks a multiprocessor.
TILES = [
    (128, 128, 32, 2, 4, 1), (128, 256, 32, 2, 4, 1), (256, 128, 32, 4, 2, 1), (128, 64, 64, 2, 2, 2),
    (64, 128, 64, 2, 2, 2), (64, 64, 64, 2, 2, 3), (64, 32, 64, 2, 2, 4), (32, 64, 64, 2, 2, 4),
    (32, 32, 64, 2, 2, 4), (16, 64, 64, 1, 4, 4), (128, 32, 64, 4, 1, 3), (32, 128, 64, 1, 4, 3),
    (128, 128, 64, 2, 4, 1), (128, 256, 64, 2, 4, 1), (128, 128, 32, 2, 2, 2), (256, 128, 64, 4, 2, 1),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Problem:
    """A product of rows x depth, or a convolution over a square picture (size > 0)."""

    filters: int
    channels: int
    rows: int = 0
    by_columns: bool = True
    batch: int = 1
    size: int = 0
    kernel: int = 1
    stride: int = 1

    @property
    def out(self):
        return (self.size + self.kernel // 2 * 2 - self.kernel) // self.stride + 1

    @property
    def m(self):
        return self.batch * self.out * self.out if self.size else self.rows

    @property
    def depth(self):
        return self.kernel * self.kernel * self.channels


def shared_bytes(tile, stages, splits):
    m, n, k, warps_m, warps_n, _ = TILES[tile]
    sums = m * (n + 8) * 4 if splits > 1 else warps_m * warps_n * 16 * (n // warps_n + 8) * 4
    return max(stages * (m + n) * k * 2, sums)


def source(p, tile, stages, splits):
    m, n, k, warps_m, warps_n, blocks = TILES[tile]
    defines = {
        "RK_BM": m, "RK_BN": n, "RK_BK": k, "RK_WARPS_M": warps_m, "RK_WARPS_N": warps_n, "RK_STAGES": stages,
        "RK_SPLITS": splits, "RK_GROUP": 8 if m * n >= 128 * 128 else 1, "RK_B_BY_COLUMNS": int(p.by_columns),
        "RK_A_VECTORS": int(p.channels % 8 == 0),
    }  # fmt: skip
    rows = "const RkHalfRows rows{a, M, K};"
    if p.size:
        defines |= {"RK_IN_H": p.size, "RK_IN_W": p.size, "RK_OUT_H": p.out, "RK_OUT_W": p.out, "RK_KERNEL_H": p.kernel,
                    "RK_KERNEL_W": p.kernel, "RK_STRIDE_H": p.stride, "RK_STRIDE_W": p.stride, "RK_DILATION_H": 1,
                    "RK_DILATION_W": 1, "RK_PAD_H": p.kernel // 2, "RK_PAD_W": p.kernel // 2, "RK_IN_CHANNELS": p.channels}  # fmt: skip
        rows = "const RkHalfPatches rows{a, M};"
    text = "".join(f"#define {name} {value}\n" for name, value in defines.items())
    for file in ("prelude", "copy_async", "mma", "cluster", "gemm_mma", "rows_half_conv" if p.size else "rows_half"):
        text += kernel_file(file + ".cuh")
    whole = "true" if p.filters % 8 == 0 else "false"
    text += f"""
struct Epilogue {{
  const f16* bias; f16* y;
  __device__ __forceinline__ void store(int m, int n, float (&x)[8]) const {{
    Vector<f16, 8> out;
#pragma unroll
    for (int j = 0; j < 8; ++j) out.at[j] = rk_max(x[j] + float(bias[n + ({whole} || n + j < {p.filters} ? j : 0)]), 0.f);
    if ({whole}) rk_store(y + m * {p.filters} + n, out);
    else for (int j = 0; j < 8 && n + j < {p.filters}; ++j) y[m * {p.filters} + n + j] = out.at[j];
  }}
}};
extern "C" __global__ void {f'__cluster_dims__(1, 1, {splits}) ' if splits > 1 else ''}__launch_bounds__({warps_m * warps_n * 32}, {blocks})
kernel(const f16* __restrict__ a, const f16* __restrict__ b, const f16* __restrict__ bias, f16* __restrict__ y) {{
  constexpr int M = {p.m}, K = {p.depth};
  {rows}
  const Epilogue epilogue{{bias, y}};
  rk_gemm_mma(rows, b, {(p.depth + 7) // 8 * 8 if p.by_columns else p.filters}, M, {p.filters}, K, 0, epilogue);
}}
"""
    return text


class SharedKernel(Kernel):
    def launcher(self, grid, threads, shared, *tensors):
        import torch

        if shared > 48 * 1024:
            self.check(self.driver.cuFuncSetAttribute(self.function, 8, shared))
        values = [ctypes.c_void_p(t.data_ptr()) for t in tensors]
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values])

        def run():
            stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
            self.check(self.driver.cuLaunchKernel(self.function, *grid, threads, 1, 1, shared, stream, pointers, None))

        run.keep = values
        return run


def tensors_of(p, torch):
    generator = torch.Generator(device="cuda").manual_seed(7)
    def random(*shape):
        return torch.rand(*shape, device="cuda", generator=generator).sub_(0.5).half()
    bias = random(p.filters)
    if p.size:
        x = random(p.batch, p.channels, p.size, p.size).contiguous(memory_format=torch.channels_last)
        w = random(p.filters, p.channels, p.kernel, p.kernel).contiguous(memory_format=torch.channels_last)
        expected = torch.nn.functional.conv2d(x.float(), w.float(), bias.float(), p.stride, p.kernel // 2).relu()
        expected = expected.permute(0, 2, 3, 1).reshape(p.m, p.filters)
        a, lines = x, w.permute(0, 2, 3, 1).reshape(p.filters, p.depth)
        rival = lambda: torch.nn.functional.conv2d(x, w, bias, p.stride, p.kernel // 2)
    else:
        a, b = random(p.m, p.depth), random(p.depth, p.filters)
        expected = (a.float() @ b.float() + bias.float()).relu()
        lines = b.t().contiguous() if p.by_columns else b
        rival = lambda: a @ b
    if p.by_columns:
        padded = torch.zeros(p.filters, (p.depth + 7) // 8 * 8, device="cuda", dtype=torch.half)
        padded[:, : p.depth] = lines
        lines = padded
    return a, lines, bias, expected, rival


def points_of(p, sweep):
    """Tile, stages, splits to try."""
    for tile in range(len(TILES)):
        m, n, k, *_ = TILES[tile]
        if tile >= 14 or (p.size and tile >= 13):
            continue
        blocks = -(-p.m // m) * -(-p.filters // n)
        for splits in (1, 2, 4, 8):
            if splits > 1 and (p.depth < 2 * splits * k or blocks * splits > 400):
                continue
            if sweep and (blocks * splits < 20 or blocks > 6000) and splits != 8:
                continue
            for stages in (3, 4):
                if shared_bytes(tile, stages, splits) > 227 * 1024 or (sweep and stages == 3 and m * n < 128 * 128):
                    continue
                yield tile, stages, splits


SMALL = [
    Problem(24, 40, rows=77), Problem(10, 33, rows=5), Problem(200, 136, rows=130, by_columns=False), Problem(8, 8, rows=1),
    Problem(96, 64, batch=2, size=13, kernel=3), Problem(40, 3, size=31, kernel=7, stride=2), Problem(72, 16, size=9, stride=2),
    Problem(64, 256, size=14, kernel=3), Problem(17, 24, batch=3, size=7, kernel=5),
]  # fmt: skip
RESNET = [
    (64, 3, 224, 7, 2), (64, 64, 56, 1, 1), (64, 64, 56, 3, 1), (256, 64, 56, 1, 1), (64, 256, 56, 1, 1), (128, 256, 56, 1, 1),
    (128, 128, 56, 3, 2), (512, 128, 28, 1, 1), (512, 256, 56, 1, 2), (128, 512, 28, 1, 1), (128, 128, 28, 3, 1),
    (256, 512, 28, 1, 1), (256, 256, 28, 3, 2), (1024, 256, 14, 1, 1), (1024, 512, 28, 1, 2), (256, 1024, 14, 1, 1),
    (256, 256, 14, 3, 1), (512, 1024, 14, 1, 1), (512, 512, 14, 3, 2), (2048, 512, 7, 1, 1), (2048, 1024, 14, 1, 2),
    (512, 2048, 7, 1, 1), (512, 512, 7, 3, 1),
]  # fmt: skip


def check_points():
    """Every tile on awkward sizes, natively and as PTX of older architectures."""
    for p in SMALL:
        for tile in range(13 if p.size else 14):
            yield p, 90, "cubin", tile, 3, 1
            if p.depth >= 4 * TILES[tile][2]:
                yield p, 90, "cubin", tile, 2, 2
        for tile in (0, 5, 8, 9, 10):
            for sm in (61, 70, 75):
                yield p, sm, "ptx", tile, 2, 1
            yield p, 80, "ptx", tile, 3, 1


def gemm_points():
    large = Problem(4096, 4096, rows=4096)
    for tile, stages in ((1, 4), (2, 4), (13, 4), (14, 3), (14, 4), (15, 4), (1, 6)):
        yield large, 90, "cubin", tile, stages, 1
    yield large, 75, "ptx", 1, 2, 1


def network_points(batch):
    """ResNet-50's convolutions; for one picture BERT-base's products too."""
    problems = [Problem(filters, channels, batch=batch, size=size, kernel=kernel, stride=stride)
                for filters, channels, size, kernel, stride in RESNET]
    if batch == 1:
        problems += [Problem(filters, depth, rows=128)
                     for depth, filters in ((768, 768), (768, 2304), (768, 3072), (3072, 768))]
    for p in problems:
        for point in points_of(p, True):
            yield p, 90, "cubin", *point


def name_of(p):
    return f"{p.m}x{p.filters}x{p.depth}" + (f" k{p.kernel}s{p.stride}" if p.size else "")


def try_point(torch, point, image, tensors, timed):
    """Runs one kernel and compares it; a row with its time where it is timed. An error's text otherwise."""
    p, sm, kind, tile, stages, splits = point
    row = {"problem": name_of(p), "sm": sm, "kind": kind, "tile": tile, "stages": stages, "splits": splits}
    a, b, bias, expected, _ = tensors
    m, n, _, warps_m, warps_n, _ = TILES[tile]
    y = torch.full((p.m, p.filters), float("nan"), device="cuda", dtype=torch.half)
    grid = (-(-p.filters // n), -(-p.m // m), splits)
    run = SharedKernel(image).launcher(grid, warps_m * warps_n * 32, shared_bytes(tile, stages, splits), a, b, bias, y)
    run()
    torch.cuda.synchronize()
    error = ((y.float() - expected).abs().max() / expected.abs().max()).item()
    if not error < 2e-3:
        raise RuntimeError(f"{row} is off by {error}")
    if timed:
        us = microseconds(run)
        row |= {"us": round(us, 2), "tflops": round(2e-6 * p.m * p.filters * p.depth / us, 1)}
    return row


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else "check"
    limit = time.time() + (float(sys.argv[2]) if len(sys.argv) > 2 else 60)
    points = list(check_points() if mode == "check" else gemm_points() if mode == "gemm" else network_points(int(mode)))
    start = time.time()
    images = compile_all([(source(p, tile, stages, splits), sm, kind) for p, sm, kind, tile, stages, splits in points])
    print(f"compiled {len(points)} in {time.time() - start:.1f} s", flush=True)
    import torch

    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.zeros(1, device="cuda")
    last, tensors, bad, timed = None, None, 0, mode != "check"
    for point, (image, log) in zip(points, images):
        if time.time() > limit:
            print("out of time", flush=True)
            break
        if point[0] != last:
            last, tensors = point[0], tensors_of(point[0], torch)
            if timed:
                print(json.dumps({"problem": name_of(last), "rival_us": round(microseconds(tensors[4]), 2)}), flush=True)
        try:
            if image is None:
                raise RuntimeError("does not compile: " + log[-600:])
            row = try_point(torch, point, image, tensors, timed)
        except RuntimeError as error:
            print("WRONG", name_of(point[0]), point[1:], error, flush=True)
            bad += 1
            continue
        if timed:
            print(json.dumps(row | {"spills": "spill" in log and " 0 bytes spill stores" not in log}), flush=True)
    print(f"{bad} of {len(points)} are wrong", flush=True)


if __name__ == "__main__":
    main()
