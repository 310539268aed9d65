"""Rekindle's C interface through ctypes: load an engine, bind arrays, run. Nothing is copied, a run is one call.

SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import pathlib

import numpy as np

BUILT = pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "release"
CODES = {"i": 0, "u": 1, "f": 2, "b": 6}  # DLPack's, by numpy's kinds


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class DLManagedTensor(ctypes.Structure):
    pass


DELETER = ctypes.CFUNCTYPE(None, ctypes.POINTER(DLManagedTensor))
DLManagedTensor._fields_ = [("tensor", DLTensor), ("context", ctypes.c_void_p), ("deleter", DELETER)]


class ContextOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int32), ("most_iterations", ctypes.c_int64)]


class BindingInfo(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("name", ctypes.c_char_p), ("is_input", ctypes.c_int32),
                ("dtype", ctypes.c_int), ("rank", ctypes.c_int32), ("type", ctypes.c_char_p), *((name, ctypes.c_void_p)
                for name in ("dims", "min", "opt", "max"))]


class Error(RuntimeError):
    pass


class Library:
    """librekindle_runtime of a build."""

    def __init__(self, path=BUILT / "lib" / "librekindle_runtime.so"):
        if not path.exists():
            raise Error(f"{path} is missing; make builds it")
        self.c = ctypes.CDLL(str(path))
        for name in "status_text engine_target version".split():
            getattr(self.c, f"rekindle_{name}").restype = ctypes.c_char_p
        for name in "engine_load engine_binding context_create context_bind context_run context_output".split():
            getattr(self.c, f"rekindle_{name}").restype = ctypes.c_void_p
        self.c.rekindle_engine_binding_count.restype = ctypes.c_size_t
        self.c.rekindle_context_arena_bytes.restype = ctypes.c_int64

    def check(self, status):
        if status:
            text = self.c.rekindle_status_text(ctypes.c_void_p(status)).decode()
            self.c.rekindle_status_free(ctypes.c_void_p(status))
            raise Error(text)

    def version(self):
        return self.c.rekindle_version().decode()


class Context:
    """An engine file, loaded, and one context of it."""

    def __init__(self, library, path, threads):
        self.library, self.c, self.bound = library, library.c, {}
        self.engine, self.context = ctypes.c_void_p(), ctypes.c_void_p()
        library.check(self.c.rekindle_engine_load(str(path).encode(), None, ctypes.byref(self.engine)))
        options = ContextOptions()
        self.c.rekindle_context_options_init(ctypes.byref(options))
        options.threads = threads
        library.check(self.c.rekindle_context_create(self.engine, ctypes.byref(options), ctypes.byref(self.context)))

    def close(self):
        self.c.rekindle_context_free(self.context)
        self.c.rekindle_engine_free(self.engine)

    def output_names(self):
        names = []
        for i in range(self.c.rekindle_engine_binding_count(self.engine)):
            info = BindingInfo(size=ctypes.sizeof(BindingInfo))
            self.library.check(self.c.rekindle_engine_binding(self.engine, ctypes.c_size_t(i), ctypes.byref(info)))
            if not info.is_input:
                names.append(info.name.decode())
        return names

    def bind(self, name, array):
        array = np.asarray(array, order="C")
        shape = (ctypes.c_int64 * max(1, array.ndim))(*array.shape)
        tensor = DLTensor(array.ctypes.data, 1, 0, array.ndim, CODES[array.dtype.kind], 8 * array.itemsize, 1, shape)
        self.bound[name] = array  # used in place
        self.library.check(self.c.rekindle_context_bind(self.context, name.encode(), ctypes.byref(tensor)))

    def run(self):
        if status := self.c.rekindle_context_run(self.context):
            self.library.check(status)

    def output(self, name):
        """A copy of an output."""
        managed = ctypes.POINTER(DLManagedTensor)()
        self.library.check(self.c.rekindle_context_output(self.context, name.encode(), ctypes.byref(managed)))
        tensor = managed.contents.tensor
        kind = next(kind for kind, code in CODES.items() if code == tensor.code)
        dtype = np.dtype(bool) if kind == "b" else np.dtype(f"{kind}{tensor.bits // 8}")
        shape = tensor.shape[:tensor.ndim]
        count = int(np.prod(shape, dtype=np.int64))
        data = ctypes.string_at(tensor.data + tensor.byte_offset, count * dtype.itemsize) if count else b""
        managed.contents.deleter(managed)
        return np.frombuffer(data, dtype).reshape(shape)
