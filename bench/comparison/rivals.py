"""The three that are compared, behind one face: made for a network, its inputs, threads and a mode; then run() again and
again.

Each is told the shapes of the inputs in advance, takes them in place and keeps its outputs where it likes to. A mode is
"fp32", enforced on all, or "best", each one's own best precision that is not INT8.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import json
import subprocess

import numpy as np

from . import rekindle_library

MODES = ("fp32", "best")


class Unable(RuntimeError):
    """This rival cannot do this: what it said."""


def in_short(error):
    """One line of what may be many: the beginning, where the reason mostly is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines)[:400] or type(error).__name__


class Rekindle:
    """Engines are built by the program, once, into a folder, and run in this process through the C library."""
    name = "rekindle"
    library = None

    def __init__(self, network, feed, threads, mode, options):
        cls = type(self)
        cls.library = cls.library or rekindle_library.Library()
        self.engine, self.precision = build_engine(network, feed, threads, mode, options)
        try:
            self.context = rekindle_library.Context(self.library, self.engine, threads)
            for name, array in feed.items():
                self.context.bind(name, array)
        except rekindle_library.Error as error:
            raise Unable(in_short(error)) from None
        self.run = self.context.run

    def outputs(self):
        return [self.context.output(name) for name in self.context.output_names()]

    def close(self):
        self.context.close()

    @staticmethod
    def version():
        return rekindle_library.Library().version()


def build_engine(network, feed, threads, mode, options):
    """(engine file, precision). An engine is kept as long as the program and the model are the same."""
    program = rekindle_library.BUILT / "rekindle"
    if not program.exists():
        raise SystemExit(f"peers: {program} is missing; make builds it")
    folder = options.engines
    folder.mkdir(parents=True, exist_ok=True)
    model = network.path()
    state = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in (program, model)]
    shapes = {name: "x".join(map(str, array.shape)) for name, array in feed.items()}
    key = hashlib.sha256(json.dumps([state, shapes, options.effort]).encode()).hexdigest()[:16]
    engine = folder / f"{network.name}.{mode}.t{threads}.engine"
    stamp = engine.with_suffix(".json")
    if engine.exists() and stamp.exists():
        kept = json.loads(stamp.read_text())
        if kept["key"] == key:
            return engine, kept["precision"]
    command = [str(program), "build", str(model), "-o", str(engine), "--quiet", "--effort", str(options.effort),
               "--threads", str(threads), "--timing-cache", str(folder / f"timing.t{threads}.jsonl")]
    for name, shape in shapes.items():
        if shape:
            command += ["--profile", f"{name}={shape}:{shape}:{shape}"]
    precision = "fp32"
    done = None
    if mode == "best":
        precision = "best"
        done = subprocess.run([*command, "--precision", "best"], text=True, capture_output=True)
        if done.returncode != 0 and "is not in this build" in done.stderr:
            precision, done = "fp32 (this build has no other)", None
    done = done or subprocess.run(command, text=True, capture_output=True)
    if done.returncode != 0:
        raise Unable(f"build: {in_short(done.stderr)}")
    stamp.write_text(json.dumps({"key": key, "precision": precision}))
    return engine, precision


class OnnxRuntime:
    """All optimizations, sequential execution, inputs and outputs bound; it computes in the model's precision."""
    name = "onnxruntime"

    def __init__(self, network, feed, threads, mode, options):
        import onnxruntime
        try:
            self.session = self.create(network, feed, threads)
        except Exception as error:  # its errors have no common class
            raise Unable(in_short(error)) from None
        self.precision = "fp32"
        self.binding = self.session.io_binding()
        self.kept = {name: onnxruntime.OrtValue.ortvalue_from_numpy(np.asarray(array)) for name, array in feed.items()}
        for name, value in self.kept.items():
            self.binding.bind_ortvalue_input(name, value)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)
        self.call = self.session._sess.run_with_iobinding  # without two Python calls around it
        try:
            self.run()
        except Exception as error:
            raise Unable(in_short(error)) from None

    def run(self):
        self.call(self.binding._iobinding, None)

    @staticmethod
    def create(network, feed, threads):
        import onnxruntime
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        settings.log_severity_level = 3
        for name, size in free_dimensions(network.path(), feed):
            settings.add_free_dimension_override_by_name(name, size)
        return onnxruntime.InferenceSession(str(network.path()), settings, providers=["CPUExecutionProvider"])

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()

    def close(self):
        del self.binding, self.call, self.session

    @staticmethod
    def version():
        import onnxruntime
        return onnxruntime.__version__


def free_dimensions(path, feed):
    """The sizes that the inputs give to the model's named dimensions."""
    import onnx
    found = {}
    for info in onnx.load(path, load_external_data=False).graph.input:
        if info.name in feed:
            for dim, size in zip(info.type.tensor_type.shape.dim, feed[info.name].shape):
                if dim.dim_param and dim.dim_param != "?":
                    found.setdefault(dim.dim_param, size)
    return found.items()


class OpenVino:
    """One stream, tuned for latency; in the mode fp32 it is told to compute in f32, else it does as it likes."""
    name = "openvino"
    core = None

    def __init__(self, network, feed, threads, mode, options):
        import openvino
        cls = type(self)
        cls.core = cls.core or openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        if mode == "fp32":
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        try:
            model = self.core.read_model(str(network.path()))
            # Copies: what NumPy calls its memory is not always aligned as OpenVINO wants it to share it.
            model.reshape({name: list(array.shape) for name, array in feed.items()})
            self.compiled = self.core.compile_model(model, "CPU", settings)
            self.request = self.compiled.create_infer_request()
            for name, array in feed.items():
                self.request.set_tensor(name, openvino.Tensor(np.array(array)))
            self.request.infer()
        except RuntimeError as error:
            raise Unable(in_short(error)) from None
        self.precision = str(self.compiled.get_property("INFERENCE_PRECISION_HINT").to_string())
        self.start, self.wait = self.request.start_async, self.request.wait

    def run(self):
        self.start()
        self.wait()

    def outputs(self):
        return [np.array(self.request.get_output_tensor(i).data) for i in range(len(self.compiled.outputs))]

    def close(self):
        del self.start, self.wait, self.request, self.compiled

    @staticmethod
    def version():
        import openvino
        return openvino.__version__.partition("-")[0]


RIVALS = (Rekindle, OnnxRuntime, OpenVino)
