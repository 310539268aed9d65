"""From times to figures: medians of rounds, medians of ratios, geometric means.

SPDX-License-Identifier: Apache-2.0
"""
import math
import statistics

OURS = "rekindle"


def medians(rounds):
    """({rival: median}, {peer: median of ours by theirs}) of rounds, each {rival: milliseconds}. What a round holds was
    taken one right after the other, so that a ratio within a round says more than one of two medians."""
    rivals = list(rounds[0])
    if any(list(r) != rivals for r in rounds):
        raise ValueError("every round must have the same rivals")
    ratios = {rival: statistics.median(r[OURS] / r[rival] for r in rounds) for rival in rivals if rival != OURS}
    return {rival: statistics.median(r[rival] for r in rounds) for rival in rivals}, ratios


def summarize(rounds, cpu_rounds):
    """What rounds of wall-clock and of CPU time come to. ratio_to_faster compares with the faster of the others: it is the
    largest of the ratios."""
    times, ratios = medians(rounds)
    cpu_times, cpu_ratios = medians(cpu_rounds)
    return {"ms": times, "ratio": ratios, "ratio_to_faster": max(ratios.values(), default=None),
            "cpu_ms": cpu_times, "cpu_ratio_to_faster": max(cpu_ratios.values(), default=None)}


def geometric_mean(values):
    values = list(values)
    if not values:
        return None
    return math.exp(sum(map(math.log, values)) / len(values))


def overall(results):
    """For each (mode, threads) the geometric means of the ratios, and the worst."""
    groups = {}
    for result in results:
        groups.setdefault((result["mode"], result["threads"]), []).append(result)
    figures = {}
    for key, group in sorted(groups.items(), key=lambda item: (item[0][0] != "fp32", item[0][1])):
        compared = [r for r in group if r["ratio_to_faster"] is not None]
        worst = max(compared, key=lambda r: r["ratio_to_faster"], default=None)
        peers = sorted({peer for r in compared for peer in r["ratio"]})
        figures[key] = {
            "count": len(compared),
            "to_faster": geometric_mean(r["ratio_to_faster"] for r in compared),
            "cpu_to_faster": geometric_mean(r["cpu_ratio_to_faster"] for r in compared),
            "worst": worst and worst["ratio_to_faster"],
            "worst_network": worst and worst["network"],
            "ratio": {peer: geometric_mean(r["ratio"][peer] for r in compared if peer in r["ratio"]) for peer in peers},
        }
    return figures


def largest_error(outputs, expected):
    """The largest difference by the largest magnitude of the output it is in; None when they do not match at all."""
    if len(outputs) != len(expected):
        return None
    worst = 0.0
    for got, wanted in zip(outputs, expected):
        if got.shape != wanted.shape:
            return None
        if wanted.dtype.kind in "biu":
            worst = max(worst, float((got != wanted).any()))  # an integer that differs is wrong altogether
        elif wanted.size:
            difference = abs(got.astype("f8") - wanted.astype("f8")).max()
            worst = max(worst, float(difference / max(abs(wanted.astype("f8")).max(), 1e-30)))
    return worst
