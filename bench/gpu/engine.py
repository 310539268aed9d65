"""Rekindle's engines on the memory and streams of PyTorch, through the C interface.

SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import subprocess
import time

import torch

from comparison.rekindle_library import DLTensor, Library

CODES = {torch.float32: (2, 32), torch.float16: (2, 16), torch.int64: (0, 64), torch.int32: (0, 32)}
CUDA = 2  # DLPack's device type


def build(program, model, engine, shapes, arguments):
    """Writes the engine, tuned on the GPU; returns seconds and what the program printed."""
    profiles = [a for name, shape in shapes.items() for a in ("--profile", f"{name}={'x'.join(map(str, shape))}")]
    begin = time.perf_counter()
    done = subprocess.run([str(program), "build", str(model), "-o", str(engine), "--target", "cuda", *profiles, *arguments],
                          text=True, capture_output=True)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        raise RuntimeError(f"rekindle build {model}: {done.stdout}{done.stderr}")
    return seconds, done.stdout


class Engine:
    """One context whose inputs and outputs are tensors of PyTorch on GPU 0."""

    def __init__(self, library: Library, path, inputs):
        self.library, self.c = library, library.c
        for name in "context_output_shape context_enqueue".split():
            getattr(self.c, f"rekindle_{name}").restype = ctypes.c_void_p
        self.engine, self.context, self.kept = ctypes.c_void_p(), ctypes.c_void_p(), {}
        begin = time.perf_counter()
        library.check(self.c.rekindle_engine_load(str(path).encode(), None, ctypes.byref(self.engine)))
        self.load_seconds = time.perf_counter() - begin
        library.check(self.c.rekindle_context_create(self.engine, None, ctypes.byref(self.context)))
        for name, tensor in inputs.items():
            self.bind(name, tensor)
        self.outputs = {name: self.bind(name, torch.zeros(self.shape(name), device="cuda")) for name in self.output_names()}
        self.stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)

    def output_names(self):
        from comparison.rekindle_library import Context
        return Context.output_names(self)

    def bind(self, name, tensor):
        code, bits = CODES[tensor.dtype]
        shape = (ctypes.c_int64 * max(1, tensor.ndim))(*tensor.shape)
        dl = DLTensor(tensor.data_ptr(), CUDA, 0, tensor.ndim, code, bits, 1, shape)
        self.library.check(self.c.rekindle_context_bind(self.context, name.encode(), ctypes.byref(dl)))
        self.kept[name] = tensor
        return tensor

    def shape(self, name):
        rank, shape = ctypes.c_int32(16), (ctypes.c_int64 * 16)()
        self.library.check(self.c.rekindle_context_output_shape(self.context, name.encode(), ctypes.byref(rank), shape))
        return list(shape[:rank.value])

    def __call__(self):
        if status := self.c.rekindle_context_enqueue(self.context, self.stream):
            self.library.check(status)

    def close(self):
        self.c.rekindle_context_free(self.context)
        self.c.rekindle_engine_free(self.engine)
