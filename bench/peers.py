#!/usr/bin/env python3
"""Times engines beside onnxruntime and OpenVINO, in one process, in rounds: ours, theirs, theirs, ours, theirs, theirs …

  peers.py [--models NAME,NAME] [--modes fp32,best] [--threads 1,2] [--rounds 7] [--seconds 0.4] [--effort 3]
           [--quick] [--no-times] [--no-processes] [--output FILE.json]

How it is fair: all three live in one process, are told the shapes of their inputs and the number of threads in advance,
have inputs bound in place and are called through one call of their native library per run (ours through ctypes). In each
round each rival in turn warms up and then runs for --seconds; the round counts its median. A load on the machine
that comes and goes hits a whole round, so ratios are taken within rounds. A pause before each turn lets the threads of the
one before stop spinning. Engines are tuned on the same machine before (--effort), with a timing cache in build/bench.

Two modes: fp32 on all (OpenVINO is told INFERENCE_PRECISION_HINT f32), and best, each at its own best precision but INT8
(OpenVINO's default; ours --precision best; onnxruntime computes as the model says). Every output is compared with
onnxruntime's. Memory and load times are taken in fresh processes. Writes FILE.json and FILE.md; a rival that cannot run a
network is listed in both. Exit code: 0; 1 when ours failed on a network or its outputs are wrong; 2 when something needed
is missing. SPDX-License-Identifier: Apache-2.0
"""
import argparse
import datetime
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from comparison import device, fresh_process, table  # noqa: E402
from comparison.catalogue import NETWORKS  # noqa: E402
from comparison.figures import largest_error, summarize  # noqa: E402
from comparison.rivals import MODES, RIVALS, OnnxRuntime, Rekindle, Unable, build_engine  # noqa: E402

PAUSE = 0.02  # seconds before a turn
LARGEST_ERROR = {"fp32": 1e-3, "best": 0.1}  # beyond, the outputs are not those of the network


def parse():
    parser = argparse.ArgumentParser(description="Times engines beside onnxruntime and OpenVINO.")
    def words(text):
        return text.split(",")
    parser.add_argument("--models", type=words, help="names separated by commas; default: all")
    parser.add_argument("--modes", type=words, default=list(MODES))
    parser.add_argument("--threads", type=lambda text: [int(word) for word in words(text)], default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a turn in a round")
    parser.add_argument("--effort", type=int, default=3, help="of building engines, 0 to 5")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.1 s at one thread, FP32, no fresh processes")
    parser.add_argument("--no-processes", action="store_true", help="leave out memory and load times")
    parser.add_argument("--no-times", action="store_true", help="memory and load times alone")
    parser.add_argument("--output", type=pathlib.Path, help="FILE.json; default: bench/results/DATE-DEVICE-peers.json")
    parser.add_argument("--engines", type=pathlib.Path, default=ROOT / "build" / "bench", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.modes, options.threads, options.rounds, options.seconds = ["fp32"], [1], 3, 0.1
        options.no_processes = True
    names = {network.name for network in NETWORKS}
    if unknown := sorted(set(options.models or ()) - names):
        parser.error(f"no network is called {', '.join(unknown)}; there are {', '.join(n.name for n in NETWORKS)}")
    if unknown := sorted(set(options.modes) - set(MODES)):
        parser.error(f"no mode is called {', '.join(unknown)}; there are {', '.join(MODES)}")
    if options.rounds < 1 or min(options.threads) < 1:
        parser.error("rounds and threads are at least 1")
    return options


def turn(rival, seconds):
    """One rival's median of one round and its CPU time a run, in milliseconds."""
    time.sleep(PAUSE)
    begin = time.perf_counter()
    while True:  # warm up: at least one run, at most a quarter of the turn
        rival.run()
        if time.perf_counter() - begin > seconds / 4:
            break
    times, start, cpu = [], time.perf_counter(), time.process_time()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        rival.run()
        times.append(time.perf_counter() - before)
    return 1e3 * statistics.median(times), 1e3 * (time.process_time() - cpu) / len(times)


def gather(network, feed, mode, threads, options, failures):
    """The rivals that can run the network."""
    able = []
    for rival in RIVALS:
        try:
            able.append(rival(network, feed, threads, mode, options))
            able[-1].run()
        except Unable as error:
            failures.append({"network": network.name, "mode": f"{mode} at {threads}", "rival": rival.name,
                             "reason": str(error)})
    return able


def compare(network, feed, mode, threads, options, failures):
    """The result of one network; None when ours or all others failed."""
    able = gather(network, feed, mode, threads, options, failures)
    names = [rival.name for rival in able]
    try:
        if Rekindle.name not in names or len(able) < 2:
            return None
        outputs = {rival.name: rival.outputs() for rival in able}
        expected = outputs.get(OnnxRuntime.name)
        errors = {name: largest_error(got, expected) for name, got in outputs.items()
                  if expected and name != OnnxRuntime.name}
        bound = LARGEST_ERROR[mode] if network.continuous else float("inf")
        if expected and not (errors["rekindle"] is not None and errors["rekindle"] <= bound):
            failures.append({"network": network.name, "mode": f"{mode} at {threads}", "rival": "rekindle",
                             "reason": f"its outputs differ from onnxruntime's by {errors['rekindle']}"})
        turns = [{rival.name: turn(rival, options.seconds) for rival in able} for _ in range(options.rounds)]
        rounds = [{name: wall for name, (wall, _) in t.items()} for t in turns]
        cpu_rounds = [{name: cpu for name, (_, cpu) in t.items()} for t in turns]
        return {"name": f"{network.name} {mode} {threads}", "network": network.name, "about": network.about, "mode": mode,
                "threads": threads, "precision": {rival.name: rival.precision for rival in able}, "error": errors,
                **summarize(rounds, cpu_rounds), "rounds": rounds, "cpu_rounds": cpu_rounds,
                 "samples_ms": [r[Rekindle.name] for r in rounds]}
    finally:
        for rival in able:
            rival.close()


def fresh(network, feed, options, failures):
    """Memory and load times of a network, medians of fresh processes."""
    try:
        engine, _ = build_engine(network, feed, 1, "fp32", options)
    except Unable:
        return None  # it is among the failures already, or was not asked for
    entry = {"network": network.name}
    for rival in ("rekindle", "onnxruntime"):
        measured = []
        for _ in range(3):
            done = subprocess.run([sys.executable, fresh_process.__file__, rival, network.name, str(engine)], text=True,
                                  capture_output=True)
            if done.returncode != 0:
                failures.append({"network": network.name, "mode": "in a fresh process", "rival": rival,
                                 "reason": done.stderr.strip().splitlines()[-1]})
                return None
            measured.append(json.loads(done.stdout))
        entry[rival] = {key: statistics.median(m[key] for m in measured) for key in measured[0]}
    return entry


def say(result):
    times = "  ".join(f"{name} {ms:9.3f}" for name, ms in result["ms"].items())
    print(f"{result['network']:20} {result['mode']:4} {result['threads']} thread{'s' * (result['threads'] > 1):1}  "
          f"{times}  ratio {result['ratio_to_faster']:.3f} (CPU time {result['cpu_ratio_to_faster']:.3f})", flush=True)


def write(data, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")
    path.with_suffix(".md").write_text(table.render(data))


def main():
    options = parse()
    if missing := [name for name in ("onnxruntime", "openvino") if not importlib.util.find_spec(name)]:
        print(f"peers: no Python package {', '.join(missing)}; tools/setup.sh bench installs them into build/venv",
              file=sys.stderr)
        return 2
    chosen = [n for n in NETWORKS if not options.models or n.name in options.models]
    if missing := [n.name for n in chosen if not n.path().exists()]:
        print(f"peers: no model file for {', '.join(missing)}; bench/run.py fetches and makes them", file=sys.stderr)
        return 2
    commit, changed = device.commit()
    data = {"schema": 1, "date": datetime.date.today().isoformat(), "device": device.describe(), "commit": commit,
            "changed": changed, "versions": {rival.name: rival.version() for rival in RIVALS},
            "settings": {"rounds": options.rounds, "seconds a turn": options.seconds, "effort": options.effort},
            "results": [], "processes": [], "failures": []}
    data["host"] = data["device"]["cpu"]
    name = f"{data['date']}-{device.short_name(data['device'])}-{'quick' if options.quick else 'peers'}.json"
    path = options.output or ROOT / ("build/bench" if options.quick else "bench/results") / name
    for network in chosen:
        feed = network.feed()
        for mode in options.modes:
            for threads in [] if options.no_times else options.threads:
                if result := compare(network, feed, mode, threads, options, data["failures"]):
                    data["results"].append(result)
                    say(result)
        if not options.no_processes:
            if entry := fresh(network, feed, options, data["failures"]):
                data["processes"].append(entry)
        write(data, path)  # an interrupted run keeps what it has
    print(f"\n{table.overview(data) if data['results'] else ''}wrote {path} and {path.with_suffix('.md').name}")
    for failure in data["failures"]:
        print(f"peers: {failure['network']}, {failure['mode']}, {failure['rival']}: {failure['reason']}", file=sys.stderr)
    return 1 if any(failure["rival"] == "rekindle" for failure in data["failures"]) else 0


if __name__ == "__main__":
    sys.exit(main())
