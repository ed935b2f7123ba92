"""Compares training steps of the worker's code with PyTorch's, in turn, on the same threads.

    python3 tests/bench/compare_steps.py [THREADS] [ROUNDS]

Starts `cargo bench --bench steps` and, with the Python of the environment variable `PYTORCH`
(`python3` by default; it needs torch and torchvision), `tests/bench/steps.py`, ROUNDS times each.
Prints a Markdown table of medians and their ratio: below 1 the worker is the faster.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

# Name, as both programs know it, and steps in a round; the first of them is not counted.
CASES = [("resnet101", 4), ("densenet121", 4), ("wgan", 4)]
OURS = ["cargo", "bench", "--quiet", "--locked", "--features", "torch", "--bench", "steps"]
THEIRS = [os.environ.get("PYTORCH", "python3"), "-B", "tests/bench/steps.py"]


def seconds(command, wish):
    """Returns the seconds of each step of one round but the first."""
    answer = subprocess.run(command, input=json.dumps(wish), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.strip().splitlines()[-1])[1:]


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    subprocess.run([*OURS, "--no-run"], check=True)
    print(f"{datetime.date.today()}, {platform.machine()}, {threads} threads, {rounds} rounds in turn\n")
    print("| step | worker | PyTorch | ratio |")
    print("| --- | ---: | ---: | ---: |")
    slower = False
    for case, steps in CASES:
        wish = {"case": case, "steps": steps, "threads": threads}
        ours, theirs = [], []
        for _ in range(rounds):
            ours += seconds(OURS, wish)
            theirs += seconds(THEIRS, wish)
        ours, theirs = statistics.median(ours), statistics.median(theirs)
        slower |= ours > theirs
        print(f"| {case} | {ours * 1e3:.0f} ms | {theirs * 1e3:.0f} ms | {ours / theirs:.2f} |", flush=True)
    if slower:
        sys.exit("a step of the worker is slower than PyTorch's")


if __name__ == "__main__":
    main()
