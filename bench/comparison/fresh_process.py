"""One network in a process of its own: how long loading takes and how much memory is needed. bench/peers.py starts it.

  fresh_process.py rekindle|onnxruntime NETWORK [ENGINE]     prints a line of JSON

Importing libraries is not counted as loading, for either. SPDX-License-Identifier: Apache-2.0
"""
import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from comparison import rekindle_library  # noqa: E402
from comparison.catalogue import NETWORKS  # noqa: E402

RUNS = 3


def milliseconds(work):
    start = time.perf_counter()
    made = work()
    return 1e3 * (time.perf_counter() - start), made


def peak_megabytes():
    """The most memory this process has had. Not getrusage(): what that says begins with the peak of the parent."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024


def rekindle(network, feed, engine):
    library = rekindle_library.Library()
    load, context = milliseconds(lambda: rekindle_library.Context(library, engine, 1))
    for name, array in feed.items():
        context.bind(name, array)
    for _ in range(RUNS):
        context.run()
    peak = peak_megabytes()
    again = [milliseconds(lambda: rekindle_library.Context(library, engine, 1)) for _ in range(5)]
    return load, peak, sorted(time for time, _ in again)[2]


def onnxruntime(network, feed, _):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3

    def create():
        return ort.InferenceSession(str(network.path()), options, providers=["CPUExecutionProvider"])

    load, session = milliseconds(create)
    for _ in range(RUNS):
        session.run(None, feed)
    peak = peak_megabytes()
    again = []
    for _ in range(5):
        time_taken, other = milliseconds(create)
        del other
        again.append(time_taken)
    return load, peak, sorted(again)[2]


def main():
    rival, name = sys.argv[1:3]
    network = next(n for n in NETWORKS if n.name == name)
    feed = network.feed()
    measure = {"rekindle": rekindle, "onnxruntime": onnxruntime}[rival]
    load, peak, again = measure(network, feed, *sys.argv[3:4] or [None])
    print(json.dumps({"load_ms": load, "again_ms": again, "peak_mb": peak}))


if __name__ == "__main__":
    main()
