"""Reads weights that others trained: safetensors, and PyTorch's checkpoints of before 1.6, without running code in them.

SPDX-License-Identifier: Apache-2.0
"""
import collections
import json
import pickle
import struct

import numpy as np

SAFETENSORS_TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
TORCH_TYPES = {"FloatStorage": np.float32, "HalfStorage": np.float16, "LongStorage": np.int64}
TORCH_MAGIC = 0x1950A86A20F9469CFC6C


def read_safetensors(path):
    """{name: array} of a .safetensors file."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])],
                                SAFETENSORS_TYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


class _Checkpoint(pickle.Unpickler):
    """Builds dictionaries of tensors and refuses every other name that a pickle may ask for."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: (storage, offset, shape, stride)
        if module == "torch" and name in TORCH_TYPES:
            return TORCH_TYPES[name]
        raise pickle.UnpicklingError(f"the checkpoint asks for {module}.{name}, which is not a tensor")

    def persistent_load(self, identity):
        _, element_type, key, _, count, _ = identity
        return self.storages.setdefault(key, {"type": element_type, "count": count})


def read_torch(path):
    """{name: array} of a checkpoint that holds a state dictionary, in the format of before PyTorch 1.6."""
    with open(path, "rb") as file:
        if _Checkpoint(file).load() != TORCH_MAGIC:
            raise ValueError(f"{path}: not a checkpoint in PyTorch's old format")
        for _ in range(2):  # the protocol's version, the system it was written on
            _Checkpoint(file).load()
        checkpoint = _Checkpoint(file)
        tensors = checkpoint.load()
        for key in _Checkpoint(file).load():
            storage = checkpoint.storages[key]
            count, = struct.unpack("<q", file.read(8))
            storage["data"] = np.frombuffer(file.read(count * np.dtype(storage["type"]).itemsize), storage["type"])
    return {name: strided(*tensor) for name, tensor in tensors.items()}


def strided(storage, offset, shape, stride):
    data = storage["data"][offset:]
    return np.lib.stride_tricks.as_strided(data, shape, [step * data.itemsize for step in stride]).copy()
