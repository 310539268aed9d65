"""A result file as a page of tables.

SPDX-License-Identifier: Apache-2.0
"""
from .figures import overall

RIVALS = ("rekindle", "onnxruntime", "openvino")


def number(value, digits=3):
    """So many digits that count: 0.0123, 1.23, 123."""
    if value is None:
        return "—"
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.1e}"
    return text


def row(cells):
    return "| " + " | ".join(map(str, cells)) + " |\n"


def table(headings, rows):
    return row(headings) + row(["---"] + ["---:"] * (len(headings) - 1)) + "".join(map(row, rows)) + "\n"


def measured(rival, result):
    """Milliseconds, with the precision where it is not plain FP32."""
    text = number(result["ms"].get(rival))
    precision = result["precision"].get(rival, "")
    return text if precision in ("", "fp32", "f32") else f"{text} ({precision})"


def timed(result):
    return [result["network"], *(measured(rival, result) for rival in RIVALS),
            *(number(result["ratio"].get(peer)) for peer in RIVALS[1:]), number(result["ratio_to_faster"]),
            number(result["cpu_ratio_to_faster"]), *(number(result["error"].get(rival), 2) for rival in ("rekindle", "openvino"))]


def header(data):
    device = data["device"]
    settings = ", ".join(f"{key} {value}" for key, value in data["settings"].items())
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    return (f"# Engines beside onnxruntime and OpenVINO, {data['date']}\n\n"
            f"{device['cpu']}, {device['cores']} cores, {device['isa']}; {device['system']}. Load before the run "
            f"{device['load']}.\n"
            f"Commit {data['commit']}{' with changes' if data['changed'] else ''}; {versions}. {settings}.\n\n")


def overview(data):
    rows = [[f"{mode}, {threads} thread{'s' * (threads > 1)}", f["count"], number(f["ratio"].get("onnxruntime")),
             number(f["ratio"].get("openvino")), number(f["to_faster"]), number(f["cpu_to_faster"]), f"{number(f['worst'])} ({f['worst_network']})"]
            for (mode, threads), f in overall(data["results"]).items()]
    return ("Times of ours divided by theirs: below 1 ours is faster. Geometric means over the networks.\n\n"
            + table(["", "networks", "÷ onnxruntime", "÷ OpenVINO", "÷ the faster", "in CPU time", "worst"], rows))


def processes(entries):
    """Memory and load times, of processes that do nothing else."""
    rows = []
    for entry in entries:
        ours, theirs = entry["rekindle"], entry["onnxruntime"]
        rows.append([entry["network"], number(ours["peak_mb"]), number(theirs["peak_mb"]),
                     number(ours["peak_mb"] / theirs["peak_mb"]), number(ours["load_ms"]), number(theirs["load_ms"]),
                     number(ours["load_ms"] / theirs["load_ms"]), number(ours["again_ms"]), number(theirs["again_ms"]),
                     number(ours["again_ms"] / theirs["again_ms"])])
    return table(["", "peak MB", "onnxruntime", "ratio", "load ms", "onnxruntime", "ratio", "load again ms",
                  "onnxruntime", "ratio"], rows)


def render(data):
    text = header(data) + (overview(data) if data["results"] else "")
    for mode, threads in overall(data["results"]):
        chosen = [r for r in data["results"] if (r["mode"], r["threads"]) == (mode, threads)]
        text += f"## {mode}, {threads} thread{'s' * (threads > 1)}\n\n"
        text += table(["", "rekindle ms", "onnxruntime ms", "OpenVINO ms", "÷ onnxruntime", "÷ OpenVINO",
                       "÷ the faster", "in CPU time", "error", "OpenVINO's"], map(timed, chosen))
    if data["results"]:
        text += ("Milliseconds are medians over the rounds of the median of a round; ratios are medians of the ratios within\n"
                 "a round. CPU time is of all threads of the process, spinning included, and hardly suffers from what else the\n"
                 "machine does. Errors are the largest difference from onnxruntime's FP32 output by its largest magnitude.\n\n")
    if data["processes"]:
        text += "## Memory and loading\n\n" + processes(data["processes"])
        text += ("Medians of fresh processes, each a Python that loads the network and runs it three times on one thread; the\n"
                 "peak is all of the process. Loading is what makes it ready to bind inputs: engine and context, or a session;\n"
                 "the first in its process, then again in the same one.\n\n")
    if data["failures"]:
        text += "## What could not be compared\n\n"
        text += "".join(f"- {f['network']}, {f['mode']}, {f['rival']}: {f['reason']}\n" for f in data["failures"])
    return text.rstrip("\n") + "\n"
