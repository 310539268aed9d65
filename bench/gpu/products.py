"""The FP32 product and convolution of kernels/gemm_simt.cuh as the tactics cuda.gemm and cuda.conv write them.

SPDX-License-Identifier: Apache-2.0
"""

import dataclasses

from driver import kernel_file

# The tiles of tactics/tile.cc: m, n, k, thread_m, thread_n, blocks a multiprocessor, stages.
TILES = [
    (128, 128, 16, 8, 8, 2, 2), (128, 64, 16, 8, 8, 3, 2), (64, 128, 16, 8, 8, 3, 2), (64, 64, 16, 8, 8, 5, 3),
    (64, 64, 16, 4, 4, 3, 3), (128, 32, 16, 8, 4, 4, 3), (32, 128, 16, 4, 8, 4, 3), (32, 64, 16, 4, 4, 5, 4),
    (64, 32, 16, 4, 4, 5, 4), (32, 32, 16, 4, 4, 12, 4), (128, 256, 8, 8, 16, 1, 3), (64, 64, 16, 4, 8, 4, 4),
    (128, 128, 16, 8, 16, 2, 2),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Conv:
    """Square picture and kernel, channels last; kernel 1 without stride is a plain product."""

    batch: int
    channels: int
    size: int
    filters: int
    kernel: int = 1
    stride: int = 1

    @property
    def out(self):
        return (self.size + self.kernel // 2 * 2 - self.kernel) // self.stride + 1

    @property
    def rows(self):
        return self.batch * self.out * self.out

    @property
    def padded(self):
        return (self.channels + 3) // 4 * 4

    @property
    def depth(self):
        return self.kernel * self.kernel * self.padded


@dataclasses.dataclass(frozen=True)
class Gemm:
    rows: int
    filters: int
    depth: int
    turned: bool = False  # B is stored [N, K]
    turned_a: bool = False  # A is stored [K, M]


def tile_for(tile, sm):
    m, n, k, tm, tn, blocks, stages = tile
    if sm < 80:
        stages = 2
        if tm * tn >= 64:
            k = 8
    return m, n, k, tm, tn, blocks, stages


def threads_of(tile):
    return tile[0] // tile[3] * (tile[1] // tile[4])


def text_of(problem, tile, splits, sm):
    m, n, k, tm, tn, blocks, stages = tile_for(tile, sm)
    is_conv = isinstance(problem, Conv)
    keeps_order = sm >= 86 and tm * tn >= 64
    defines = {"BM": m, "BN": n, "BK": k, "TM": tm, "TN": tn, "STAGES": stages, "SPLITS": splits}
    if keeps_order:
        defines["KEEP_ORDER"] = 1
    files, types = ["split_k.cuh", "copy_async.cuh", "gemm_simt.cuh"], ""
    if is_conv:
        p = problem
        defines |= {"A_VECTORS": int(p.channels % 4 == 0), "CHANNELS": p.padded, "GIVEN_CHANNELS": p.channels,
                    "KERNEL_H": p.kernel, "KERNEL_W": p.kernel, "DILATION_H": 1, "DILATION_W": 1,
                    "STRIDE_H": p.stride, "STRIDE_W": p.stride, "PAD_H": p.kernel // 2, "PAD_W": p.kernel // 2,
                    "IN_CHANNELS": p.channels}  # fmt: skip
        types = f"struct Window {{ static constexpr int in_h = {p.size}, in_w = {p.size}, out_h = {p.out}, out_w = {p.out}; }};\n"
        rows, columns = "RkConvRows rows{a, m, 0, Window{}}", "RkDenseColumns columns{b, ldb}"
        files.append("rows_conv.cuh")
    else:
        defines["A_VECTORS"] = int(problem.depth % 4 == 0 and not problem.turned_a)
        rows = "RkDenseRows rows{a, m, 1, m}" if problem.turned_a else "RkDenseRows rows{a, m, k, 1}"
        columns = "RkTurnedColumns columns{b, n, 1, k}" if problem.turned else "RkDenseColumns columns{b, ldb}"
        files.append("rows_dense.cuh")
    store = "*reinterpret_cast<Vector<float, 4>*>(c + m * n_count + n) = v;"
    if problem.filters % 4:
        store = "for (int i = 0; i < min(4, n_count - n); ++i) c[m * n_count + n + i] = v.at[i];"
    sizes = f"const int m = {problem.rows}, n = {problem.filters}, k = {problem.depth};" if is_conv else ""
    return (
        "".join(f"#define RK_{name} {value}\n" for name, value in defines.items())
        + kernel_file("prelude.cuh") + types + "".join(kernel_file(f) for f in files)
        + f"""struct Epilogue {{ float* __restrict__ c; const float* __restrict__ bias; int n_count;
  __device__ __forceinline__ void store(int m, int n, float (&x)[4]) const {{
    Vector<float, 4> v; for (int i = 0; i < 4; ++i) v.at[i] = fmaxf(x[i] + bias[min(n + i, n_count - 1)], 0.f); {store} }} }};
extern "C" __global__ void __launch_bounds__({threads_of(tile)}, {blocks}) kernel(const float* __restrict__ a,
    const float* __restrict__ b, const float* __restrict__ bias, float* __restrict__ c, float* workspace,
    u32* counters, int {"unused_m" if is_conv else "m"}, int {"unused_n" if is_conv else "n"}, int {"unused_k" if is_conv else "k"}, int ldb) {{
  {sizes}
  const int part = blockIdx.z % RK_SPLITS, item = blockIdx.z / RK_SPLITS;
  const {rows}; const {columns}; const Epilogue epilogue{{c, bias, n}};
  rk_gemm_simt(rows, columns, m, n, k, part, item, workspace, counters, 0, 0, epilogue);
}}
""")  # fmt: skip


def grid_of(problem, tile, splits):
    return -(-problem.rows // tile[0]), -(-problem.filters // tile[1]), splits


def splits_of(problem, tile, units=132):
    tiles = grid_of(problem, tile, 1)[0] * grid_of(problem, tile, 1)[1]
    return [s for s in (1, 2, 4, 8, 16, 32) if s == 1 or (problem.depth >= s * 64 and tiles < units * tile[5])]


class Data:
    """Operands of a problem on the GPU and what PyTorch says the result is."""

    def __init__(self, problem, torch, exact=True):
        self.problem, generator = problem, torch.Generator(device="cuda").manual_seed(1)

        def noise(*shape):
            return torch.rand(shape, device="cuda", generator=generator) - 0.5

        n = problem.filters
        self.ldb = (n + 3) // 4 * 4
        self.bias = noise(n)
        if isinstance(problem, Conv):
            self.x = noise(problem.batch, problem.channels, problem.size, problem.size).to(memory_format=torch.channels_last)
            self.w = noise(n, problem.channels, problem.kernel, problem.kernel).to(memory_format=torch.channels_last)
            packed = torch.zeros(problem.kernel, problem.kernel, problem.padded, self.ldb, device="cuda")
            packed[:, :, : problem.channels, :n] = self.w.permute(2, 3, 1, 0)
            self.a, self.b = self.x.permute(0, 2, 3, 1), packed
        else:
            self.x, self.w = noise(problem.rows, problem.depth), noise(problem.depth, n)
            self.a = self.x.t().contiguous() if problem.turned_a else self.x
            self.b = torch.zeros(problem.depth, self.ldb, device="cuda")
            self.b[:, :n] = self.w
            if problem.turned:
                self.b = self.w.t().contiguous()
        self.c = torch.empty(problem.rows, n, device="cuda")
        self.expected = None
        if exact:
            if isinstance(problem, Conv):
                y = torch.nn.functional.conv2d(self.x.double(), self.w.double(), self.bias.double(), problem.stride, problem.kernel // 2)
                self.expected = y.relu().permute(0, 2, 3, 1).reshape(problem.rows, n).float()
            else:
                self.expected = (self.x.double() @ self.w.double() + self.bias.double()).relu().float()
        self.workspace = self.counters = None

    def launch(self, torch, kernel, tile, splits):
        grid, p = grid_of(self.problem, tile, splits), self.problem
        if splits > 1:
            floats = grid[0] * grid[1] * tile[0] * tile[1] * splits
            if self.workspace is None or self.workspace.numel() < floats:
                self.workspace = torch.empty(floats, device="cuda")
            if self.counters is None or self.counters.numel() < grid[0] * grid[1]:
                self.counters = torch.zeros(grid[0] * grid[1], dtype=torch.int32, device="cuda")
        nothing = self.bias
        workspace, counters = (self.workspace, self.counters) if splits > 1 else (nothing, nothing)
        arguments = (self.a, self.b, self.bias, self.c, workspace, counters, p.rows, p.filters, p.depth, self.ldb)
        return lambda: kernel(grid, (threads_of(tile),), *arguments)

    def error(self):
        return float((self.c - self.expected).abs().max() / self.expected.abs().max())
