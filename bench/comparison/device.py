"""What a result was measured on.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOLD = ("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
        "amx_tile", "amx_bf16", "amx_int8", "asimd", "sve")


def cpu_fields():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    return dict(re.findall(r"^(.*?)\s*:\s*(.*)$", text.split("\n\n")[0], re.MULTILINE))


def describe():
    fields = cpu_fields()
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    name = fields.get("model name", platform.machine())
    if "family" not in name and "cpu family" in fields:
        name += f" (family {fields['cpu family']} model {fields.get('model', '?')})"
    return {
        "cpu": name,
        "isa": " ".join(flag for flag in TOLD if flag in flags),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load": round(os.getloadavg()[0], 1),
    }


def short_name(device):
    """For a file's name: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", device["cpu"].lower()).strip("-")


def git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], text=True, capture_output=True).stdout.strip()


def commit():
    """(short hash or "unknown", whether files that are tracked differ from it)."""
    return git("rev-parse", "--short=12", "HEAD") or "unknown", bool(git("status", "--porcelain", "-uno"))
