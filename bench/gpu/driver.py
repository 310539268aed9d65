"""Kernels as text, compiled by NVRTC and launched through the driver on PyTorch's stream and memory.

SPDX-License-Identifier: Apache-2.0
"""

import ctypes
import multiprocessing
import os
import pathlib

KERNELS = pathlib.Path(os.environ.get("REKINDLE_KERNELS", pathlib.Path(__file__).parents[2] / "src/backends/cuda/kernels"))


def kernel_file(name):
    return (KERNELS / name).read_text()


def compile_text(job):
    """(source, sm, kind) to (image, log): kind is "cubin" or "ptx"; an image of None means that the log says why."""
    source, sm, kind = job
    nvrtc = ctypes.CDLL("libnvrtc.so.12")
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    arch = f"-arch={'sm' if kind == 'cubin' else 'compute'}_{sm}"
    options = [arch, f"-DRK_SM={sm}", "--std=c++17", "--ptxas-options=-v", "--no-source-include"]
    if "#define RK_KEEP_ORDER 1" in source:
        options.append("--ptxas-options=-O1")
    array = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
    code = nvrtc.nvrtcCompileProgram(program, len(options), array)

    def fetch(what):
        size = ctypes.c_size_t()
        getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        getattr(nvrtc, f"nvrtcGet{what}")(program, text)
        return text.raw

    log = fetch("ProgramLog").decode(errors="replace")
    image = None if code else fetch("CUBIN" if kind == "cubin" else "PTX")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return image, log


def compile_all(jobs):
    """Many at once."""
    with multiprocessing.get_context("spawn").Pool(min(len(os.sched_getaffinity(0)), len(jobs))) as pool:
        return pool.map(compile_text, jobs, chunksize=4)


class Kernel:
    """A function of a module, launched on PyTorch's current stream."""

    def __init__(self, image, name="kernel"):
        self.driver = ctypes.CDLL("libcuda.so.1")
        module, self.function = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.driver.cuModuleLoadData(ctypes.byref(module), image))
        self.check(self.driver.cuModuleGetFunction(ctypes.byref(self.function), module, name.encode()))

    @staticmethod
    def check(code):
        if code:
            raise RuntimeError(f"the driver answers {code}")

    def __call__(self, grid, block, *arguments):
        import torch

        values = [
            ctypes.c_void_p(a.data_ptr()) if torch.is_tensor(a) else ctypes.c_int(a) if isinstance(a, int) else ctypes.c_float(a)
            for a in arguments
        ]
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values])
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        grid, block = (tuple(grid) + (1, 1))[:3], (tuple(block) + (1, 1))[:3]
        self.check(self.driver.cuLaunchKernel(self.function, *grid, *block, 0, stream, pointers, None))


def microseconds(run, launches=20, rounds=5):
    """Median time of one run() in a CUDA graph of many, so that launching costs neither side anything."""
    import torch

    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        run()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for _ in range(launches):
                run()
        graph.replay()
        times = []
        for _ in range(rounds):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) * 1000 / launches)
    return sorted(times)[len(times) // 2]
