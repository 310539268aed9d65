"""What it costs to give a context other shapes than the last time.

The recognizer, one thread, CPU time of that thread. A run with new shapes is compared with the next runs of the same, which
find everything warm: the difference is the shape work and what the caches lost. The shape work alone is timed beside it.

SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import statistics
import time

import numpy as np

from . import inputs

WIDTHS = range(32, 1281, 8)
BATCHES = range(1, 9)
PROFILE = "x=1x3x48x32:1x3x48x320:8x3x48x1280"


def long_strip():
    """Lines of the page one after the other, 8 of them differently begun: [8, 3, 48, 1280]."""
    strips = [inputs.recognizer_strip(line) for line in inputs.text_lines()]
    paper = np.concatenate(strips + strips, axis=3)
    return np.concatenate([paper[..., 200 * i:200 * i + 1280] for i in range(8)])


def run_shape(context, strip, batch, width):
    """Runs one shape; what is wrong with its output, or None."""
    context.bind("x", np.ascontiguousarray(strip[:batch, :, :, :width]))
    context.run()
    output = context.output(context.output_names()[0])
    if output.shape != (batch, width // 8, 6625):
        return f"its output has the shape {output.shape}, expected {(batch, width // 8, 6625)}"
    off = abs(output.sum(axis=2, dtype=float) - 1).max()
    return None if off < 1e-3 else f"probabilities add up to 1 with an error of {off}"  # NaN is not less


def microseconds(work):
    start = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - start) / 1e3


class ShapeChanges:
    def __init__(self, context, strip):
        self.context, self.strip = context, strip
        self.output = context.output_names()[0].encode()
        context.c.rekindle_context_output_shape.restype = ctypes.c_void_p

    def bind(self, width, batch=1):
        self.context.bind("x", np.ascontiguousarray(self.strip[:batch, :, :, :width]))

    def prepare(self):
        """The shape work alone: asking for the shape of an output needs it."""
        rank, shape = ctypes.c_int32(64), (ctypes.c_int64 * 64)()
        self.context.library.check(
            self.context.c.rekindle_context_output_shape(self.context.context, self.output, ctypes.byref(rank), shape))

    def measure(self, widths):
        """For each width in turn: (microseconds of shape work, of all that the first run costs beyond the next ones)."""
        figures = []
        for width in widths:
            self.bind(width)
            work = microseconds(self.prepare)
            first = microseconds(self.context.run)
            steady = statistics.median(microseconds(self.context.run) for _ in range(5))
            figures.append((work, work + first - steady))
        return figures


def summary(figures):
    """Medians and 90th percentiles of shape work and of all of the cost, in microseconds."""
    columns = {"shape_work": [work for work, _ in figures], "all": [cost for _, cost in figures]}
    return {name: {"median": statistics.median(values), "p90": statistics.quantiles(values, n=10)[-1]}
            for name, values in columns.items()}
