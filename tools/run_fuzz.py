"""Runs every fuzz target of build/asan for a while, from the seeds in tests/fuzz/seeds/<target> and what it found before.

  run_fuzz.py [--seconds N | --seconds-each N] [--jobs N]

New inputs stay in build/fuzz/corpus/<target>, a failing one in build/fuzz/crashes/<target>-*; the command that repeats
the failure is printed. Exit code 1 if any target failed. SPDX-License-Identifier: Apache-2.0
"""
import argparse
import concurrent.futures
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "asan" / "fuzz"
FUZZ = ROOT / "build" / "fuzz"
MEGABYTES = 1024  # memory of one run: a hostile input may not need more


def run_target(program, seconds):
    """Fuzzes one target; returns (name, exit code, last lines of its output)."""
    name = program.name.removesuffix("_fuzz")
    corpus, crashes = FUZZ / "corpus" / name, FUZZ / "crashes"
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "tests" / "fuzz" / "seeds" / name
    command = [str(program), str(corpus), *([str(seeds)] if seeds.is_dir() else []), f"-max_total_time={seconds}",
               f"-rss_limit_mb={MEGABYTES}", "-timeout=10", "-print_final_stats=1", "-close_fd_mask=1",
               f"-artifact_prefix={crashes}/{name}-"]
    done = subprocess.run(command, text=True, errors="replace", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    return name, done.returncode, done.stderr


def main():
    parser = argparse.ArgumentParser(description="Fuzzes every target for a while.")
    parser.add_argument("--seconds", type=int, default=60, help="in all, shared by the targets")
    parser.add_argument("--seconds-each", type=int, help="for each target, in place of --seconds")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    options = parser.parse_args()
    programs = sorted(path for path in PROGRAMS.glob("*_fuzz") if path.is_file())
    if not programs:
        if not any((ROOT / "tests" / "fuzz").glob("*_fuzz.cc")):
            print("fuzz: there is no tests/fuzz/*_fuzz.cc yet, nothing was fuzzed")
            return 0
        print("fuzz: build/asan/fuzz holds no program", file=sys.stderr)
        return 1
    failed = 0
    each = options.seconds_each or max(5, options.seconds * options.jobs // len(programs))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, code, log in pool.map(lambda program: run_target(program, each), programs):
            runs = [line.split()[-1] for line in log.splitlines() if line.startswith("stat::number_of_executed_units")]
            print(f"fuzz: {name}: {'ok' if code == 0 else 'FAILED'}, {runs[-1] if runs else '?'} runs", flush=True)
            if code != 0:
                failed += 1
                print(log[-6000:])
                print(f"fuzz: to repeat: build/asan/fuzz/{name}_fuzz build/fuzz/crashes/{name}-…")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
