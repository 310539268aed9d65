#!/usr/bin/env python3
"""Networks on a GPU: Rekindle's engines beside PyTorch (eager, CUDA graphs, torch.compile), interleaved in one run.

  models.py --models DIR --out FILE [--build DIR] [--networks resnet50:1 resnet50:64 ...] [--precision fp32]
            [--rivals eager graph compile] [--rounds 7] [--seconds-limit 300]

How it is fair: inputs and outputs are tensors in GPU memory for everybody; TF32 is off; each rival's convolutions are tried in
both memory formats with cudnn.benchmark, and the faster is taken; batch norms are folded for PyTorch too; a round gives every
rival the same number of runs right after one another, timed by events around them; figures are medians of rounds, ratios
medians of ratios within a round. onnxruntime's CUDA provider is not among the rivals of this program.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import torch  # noqa: E402

from comparison.device import commit  # noqa: E402
from comparison.rekindle_library import Library  # noqa: E402
from gpu.engine import Engine, build  # noqa: E402
from gpu.torch_nets import net_of  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
USUAL = ("resnet50:1", "mobilenet_v2:1", "yolov5s:1", "bert_base:1", "resnet50:64", "mobilenet_v2:64", "bert_base:32")
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2}


def inputs_of(name, batch):
    generator = torch.Generator().manual_seed(1)
    if name == "bert_base":
        ids = torch.randint(0, 30000, (batch, 128), generator=generator)
        return {"input_ids": ids.cuda(), "attention_mask": torch.ones_like(ids).cuda(), "token_type_ids": torch.zeros_like(ids).cuda()}
    size, key = (640, "images") if name == "yolov5s" else (224, "input")
    return {key: torch.randn((batch, 3, size, size), generator=generator).cuda()}


def time_runs(run, count):
    """Milliseconds a run of `count` in a row, by events."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(count):
        run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / count


def enqueue_microseconds(run, count=50):
    """What one call costs the host while the GPU has nothing to do."""
    times = []
    for _ in range(count):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e6)
    torch.cuda.synchronize()
    return statistics.median(times)


def graph_of(call):
    """The call recorded as a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


class Rivals:
    """PyTorch's ways to run a network, each in its faster memory format."""

    def __init__(self, name, path, inputs, precision, wanted):
        kind = torch.float16 if precision == "fp16" else torch.float32
        net = net_of(name, path).eval().cuda().to(kind)
        self.inputs = [x.to(kind) if x.is_floating_point() else x for x in inputs.values()]
        self.runs, self.formats = {}, {}
        if name == "bert_base":
            self.add("plain", net, self.inputs, wanted)
        else:
            plain = self.candidates(net, self.inputs, [w for w in wanted if w != "compile"])
            last = net_of(name, path).eval().cuda().to(kind).to(memory_format=torch.channels_last)
            turned = [x.to(memory_format=torch.channels_last) for x in self.inputs]
            changed = self.candidates(last, turned, [w for w in wanted if w != "compile"])
            for rival, run in plain.items():
                times = {"nchw": time_runs(run, 10), "nhwc": time_runs(changed[rival], 10)}
                self.formats[rival] = min(times, key=times.get)
                self.runs[rival] = run if self.formats[rival] == "nchw" else changed[rival]
            if "compile" in wanted:
                self.runs |= self.candidates(last, turned, ["compile"])
                self.formats["compile"] = "nhwc"
        self.reference = net(*self.inputs) if name != "bert_base" else None

    def add(self, memory_format, net, inputs, wanted):
        made = self.candidates(net, inputs, wanted)
        self.runs |= made
        self.formats |= {rival: memory_format for rival in made}

    @staticmethod
    def candidates(net, inputs, wanted):
        made = {}
        for rival in wanted:
            if rival == "eager":
                run = lambda: net(*inputs)
            elif rival == "graph":
                run = graph_of(lambda: net(*inputs))
            else:
                compiled = torch.compile(net)
                compiled(*inputs)
                run = graph_of(lambda: compiled(*inputs))  # with a graph: torch.compile's own way to avoid launches
            for _ in range(3):
                run()
            torch.cuda.synchronize()
            made[rival] = run
        return made


def largest_error(ours, theirs):
    theirs = theirs.float()
    return float((ours.float().reshape(theirs.shape) - theirs).abs().max() / theirs.abs().max())


def measure(entry, options, library, folder):
    name, batch = entry.split(":")[0], int(entry.split(":")[1])
    model, path = options.models / f"{name}.onnx", folder / f"{name}.{batch}.engine"
    inputs = inputs_of(name, batch)
    result = {"network": name, "batch": batch, "precision": options.precision}
    arguments = ["-q", "--effort", str(options.effort), "--precision", options.precision,
                 "--kernel-cache", str(folder / "kernels"), "--timing-cache", str(folder / "times.jsonl")]
    result["build_seconds"], _ = build(options.build / "rekindle", model, path, {n: x.shape for n, x in inputs.items()}, arguments)
    ours = Engine(library, path, inputs)
    result["load_seconds"] = ours.load_seconds
    for _ in range(5):
        ours()
    torch.cuda.synchronize()
    print(f"{entry}: built in {result['build_seconds']:.1f} s, {time_runs(ours, 20):.3f} ms", flush=True)
    with torch.no_grad():
        rivals = Rivals(name, model, inputs, options.precision, options.rivals)
    runs = {"rekindle": ours} | rivals.runs
    if rivals.reference is not None:
        result["error"] = max(largest_error(a, b) for a, b in zip(ours.outputs.values(), rivals.reference))
        if not result["error"] <= TOLERANCE[options.precision]:
            print(f"{entry}: WRONG, off by {result['error']:.2g}", flush=True)
    count = max(3, min(100, int(30 / max(time_runs(ours, 5), 0.05))))
    rounds = []
    with torch.no_grad():
        for _ in range(options.rounds):
            rounds.append({rival: time_runs(run, count) for rival, run in runs.items()})
        result["enqueue_us"] = {rival: enqueue_microseconds(run) for rival, run in runs.items()}
    result["ms"] = {rival: statistics.median(r[rival] for r in rounds) for rival in runs}
    result["formats"] = rivals.formats
    others = [rival for rival in runs if rival != "rekindle"]
    result["ratio"] = {rival: statistics.median(r["rekindle"] / r[rival] for r in rounds) for rival in others}
    result["ratio_to_best"] = max(result["ratio"].values(), default=None)
    result["rounds"] = rounds
    ours.close()
    print(f"{entry}: " + ", ".join(f"{rival} {ms:.3f} ms" for rival, ms in result["ms"].items()), flush=True)
    return result


def driver_version():
    asked = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], text=True, capture_output=True)
    return asked.stdout.strip().split("\n")[0] or "unknown"


def page(data):
    rivals = data["rivals"]
    lines = [f"# Networks on a GPU beside PyTorch, {data['date']}", "",
             f"{data['device']}, driver {data['driver']}; PyTorch {data['torch']}, commit {data['commit']}"
             f"{' with changes' if data['changed'] else ''}; effort {data['effort']}, TF32 off. Milliseconds a run, medians of "
             f"{data['rounds']} interleaved rounds; ratios below 1: Rekindle is faster.", "",
             "| network, batch | rekindle | " + " | ".join(rivals) + " | ÷ best | error | enqueue µs | build s | load s |",
             "|---" + "|---:" * (len(rivals) + 6) + "|"]
    for r in data["results"]:
        error = f"{r['error']:.1e}" if "error" in r else "—"
        cells = [f"{r['network']}, {r['batch']} ({r['precision']})", f"{r['ms']['rekindle']:.3f}",
                 *(f"{r['ms'][rival]:.3f}" if rival in r["ms"] else "—" for rival in rivals), f"{r['ratio_to_best']:.2f}", error,
                 f"{r['enqueue_us']['rekindle']:.1f}", f"{r['build_seconds']:.1f}", f"{r['load_seconds']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    for entry, why in data["failures"].items():
        lines += ["", f"{entry} failed: {why}"]
    lines += ["", "graph: PyTorch recorded as a CUDA graph; compile: torch.compile, then recorded. onnxruntime's CUDA provider was not "
              "measured here."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="FILE.json; FILE.md is written beside it")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--networks", nargs="*", default=USUAL)
    parser.add_argument("--rivals", nargs="*", default=["eager", "graph", "compile"])
    parser.add_argument("--precision", choices=list(TOLERANCE), default="fp32")
    parser.add_argument("--effort", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds-limit", type=float, default=1e9, help="no network is begun after it")
    parser.add_argument("--commit", help="where there is no git")
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    hash_, changed = (options.commit, False) if options.commit else commit()
    data = {"schema": 1, "date": datetime.date.today().isoformat(), "device": torch.cuda.get_device_name(0),
            "driver": driver_version(),
            "torch": torch.__version__, "commit": hash_, "changed": changed, "effort": options.effort, "rounds": options.rounds,
            "rivals": list(options.rivals), "results": [], "failures": {}}
    library = Library(options.build / "lib" / "librekindle_runtime.so")
    folder = options.out.parent / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    for entry in options.networks:
        if time.perf_counter() - begin > options.seconds_limit:
            data["failures"][entry] = "there was no time left"
            continue
        try:
            data["results"].append(measure(entry, options, library, folder))
        except Exception as error:  # the others are still worth knowing
            data["failures"][entry] = str(error)[:500]
            print(f"{entry}: failed: {str(error)[:2000]}", flush=True)
        options.out.write_text(json.dumps(data, indent=1) + "\n")
        options.out.with_suffix(".md").write_text(page(data))
        torch.cuda.empty_cache()
    sys.exit(1 if data["failures"] else 0)


if __name__ == "__main__":
    main()
