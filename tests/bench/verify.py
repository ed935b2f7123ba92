"""Measures `ablate cache verify` beside `b3sum` on the same files, in turn.

    python3 tests/bench/verify.py [ROUNDS]

Builds a cache of real objects (8 of 224 MiB and 2,000 of 4 to 124 KiB, their names right) in a temporary
folder, reads it once so that all of it is in memory, and prints a Markdown table: medians, and throughput
as a share of b3sum's, which must be 0.85 or more. B3SUM names the program; without it the path is searched.
TMPDIR says where the 2 GB go for a while. Needs no package.
"""

import datetime
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from programs import ABLATE, processor

LARGE = [224 << 20] * 8
SMALL = [4096 * (1 + number % 31) for number in range(2000)]
LEAST = 0.85


def build(cache, b3sum):
    """Fills a cache with objects named by b3sum; returns their paths and their size together."""
    loose = os.path.join(cache, "loose")
    os.makedirs(loose)
    with open(os.path.join(cache, "VERSION"), "w", encoding="ascii") as version:
        version.write("1\n")
    chance = random.Random(2021)
    names = []
    for number, size in enumerate(LARGE + SMALL):
        names.append(os.path.join(loose, str(number)))
        with open(names[-1], "wb") as file:
            file.write(chance.randbytes(size))
    told = subprocess.run([b3sum, "--no-names", *names], check=True, capture_output=True, text=True)
    paths = []
    for name, digest in zip(names, told.stdout.split(), strict=True):
        paths.append(os.path.join(cache, "objects", digest[:2], digest[2:]))
        os.makedirs(os.path.dirname(paths[-1]), exist_ok=True)
        os.rename(name, paths[-1])
    os.rmdir(loose)
    return paths, sum(LARGE + SMALL)


def measure(command):
    """Returns the seconds of one run."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    b3sum = os.environ.get("B3SUM") or shutil.which("b3sum")
    if not b3sum:
        print("`cache verify` not compared: there is no b3sum (`cargo install b3sum`, or B3SUM=FILE)")
        return
    if not os.path.exists(ABLATE):
        sys.exit(f"`{ABLATE}` is missing; run `make build`")
    with tempfile.TemporaryDirectory() as folder:
        cache = os.path.join(folder, "cache")
        paths, size = build(cache, b3sum)
        commands = {
            "`b3sum`": [b3sum, *paths],
            "`ablate cache verify`": [ABLATE, "cache", "verify", "--cache", cache],
        }
        times = {name: [] for name in commands}
        for command in commands.values():
            measure(command)
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(measure(command))
    print(f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, {rounds} rounds in turn")
    print(f"\n| {len(LARGE):,} files of 224 MiB, {len(SMALL):,} of 4 to 124 KiB | median | fastest | slowest | throughput |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, found in times.items():
        median = statistics.median(found)
        print(
            f"| {name} | {median:.3f} s | {min(found):.3f} s | {max(found):.3f} s "
            f"| {size / median / 1e6:,.0f} MB/s |"
        )
    # Of each round's pair, so that a machine that is busy for a while slows both sides alike.
    ratio = statistics.median(b3 / own for b3, own in zip(*times.values(), strict=True))
    print(f"\nthroughput of `ablate cache verify` by that of `b3sum`: {ratio:.2f}, {LEAST} or more expected")
    if ratio < LEAST:
        sys.exit("`ablate cache verify` is slower than it is to be")


if __name__ == "__main__":
    main()
