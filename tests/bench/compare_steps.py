"""Compares training steps of the worker's code with PyTorch's, in turn, on the same threads.

    python3 tests/bench/compare_steps.py [THREADS] [ROUNDS] [CASE...]

Starts `cargo bench --bench steps` and, with the Python of the environment variable `PYTORCH` (`python3` by
default; it needs torch and torchvision), `tests/bench/steps.py`, ROUNDS times each: PyTorch eager as it is usually
written, and in its fastest settings. Prints a Markdown table of medians, of how many times as fast the worker is
with `precision: auto`, and of peaks of memory. Less than is wanted is an error; so is an epoch of EPOCH steps that
takes more than SLACK of the time of as many epochs of one. `LIMIT` in the environment gives compilation longer.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

# Name, as both programs know it, images in a batch, steps in a round (the first of them is not counted), and how
# many times as fast as eager PyTorch and as its fastest setting the worker is to be.
CASES = [
    ("resnet101", 64, 4, (2.0, 1.1)),
    ("densenet121", 64, 4, (2.0, 1.1)),
    ("wgan", 8, 3, (1.5, 0.0)),
    ("wgan", 64, 2, (0.0, 0.0)),
]
EPOCH = 8
SLACK = 1.03
# Seconds that a round may take; a network that is not compiled by then counts as one that cannot be.
LIMIT = int(os.environ.get("LIMIT", "150"))
OURS = ["cargo", "bench", "--quiet", "--locked", "--features", "torch", "--bench", "steps"]
THEIRS = [os.environ.get("PYTORCH", "python3"), "-B", "tests/bench/steps.py"]
QUICK = ["channels_last", "bf16", "fused"]
WAYS = {
    "fp32": (OURS, {"precision": "fp32"}),
    "auto": (OURS, {"precision": "auto"}),
    "epoch": (OURS, {"precision": "auto", "epoch": EPOCH}),
    "eager": (THEIRS, {"how": []}),
    "bf16": (THEIRS, {"how": QUICK}),
    "compiled": (THEIRS, {"how": [*QUICK, "compile"]}),
}


def measured(command, wish):
    """Returns the seconds of each step of one round but the first, and the peak of memory in MiB."""
    try:
        answer = subprocess.run(command, input=json.dumps(wish), stdout=subprocess.PIPE, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return [], 0
    if answer.returncode != 0:
        return [], 0
    told = json.loads(answer.stdout.strip().splitlines()[-1])
    return told["seconds"][1:], told["peak_kib"] / 1024


def processor():
    with open("/proc/cpuinfo") as lines:
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    chosen = sys.argv[3:] or [case for case, *_ in CASES]
    subprocess.run([*OURS, "--no-run"], check=True)
    print(f"{datetime.date.today()}, {processor()}, {platform.machine()}, {threads} threads, {rounds} rounds in turn\n")
    print(f"| step | batch | worker, fp32 | worker, auto | {EPOCH} in an epoch | PyTorch, eager | channels last, bf16, fused | and compiled"
          " | times as fast as eager | as the fastest | peak memory: worker, eager, fastest |")
    print("| --- |" + " ---: |" * 10)
    missed = []
    for case, batch, steps, wanted in CASES:
        if case not in chosen:
            continue
        seconds, peaks, broken = {way: [] for way in WAYS}, {way: 0 for way in WAYS}, set()
        for _ in range(rounds):
            for way, (command, more) in WAYS.items():
                if way in broken:
                    continue
                # Compiling takes the first steps, and more than one.
                extra = 2 if "compile" in more.get("how", []) else 0
                wish = {"case": case, "batch": batch, "steps": steps + extra, "threads": threads, **more}
                found, peak = measured(command, wish)
                seconds[way] += found[extra:]
                if not found:
                    broken.add(way)
                peaks[way] = max(peaks[way], peak)
        seconds["epoch"] = [one / EPOCH for one in seconds["epoch"]]
        median = {way: statistics.median(found) for way, found in seconds.items() if found}
        theirs = [way for way in ["eager", "bf16", "compiled"] if way in median]
        fastest = min(theirs, key=median.get)
        ratios = [median[way] / median["auto"] for way in ("eager", fastest)]
        shown = [f"{median[way] * 1e3:.0f} ms" if way in median else f"not in {LIMIT} s" for way in WAYS]
        memory = ", ".join(f"{peaks[way]:.0f}" for way in ("auto", "eager", fastest))
        print(f"| {case} | {batch} | {' | '.join(shown)} | {ratios[0]:.2f} | {ratios[1]:.2f} | {memory} MiB |", flush=True)
        missed += [f"{case}, {batch}: {ratio:.2f}, not {least}" for ratio, least in zip(ratios, wanted) if ratio < least]
        if median.get("epoch", 0) > SLACK * median["auto"]:
            missed.append(f"{case}: {EPOCH} steps in an epoch take {median['epoch'] / median['auto']:.2f} of {EPOCH} epochs")
    if missed:
        sys.exit("too slow: " + "; ".join(missed))


if __name__ == "__main__":
    main()
