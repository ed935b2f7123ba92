"""Measures `ablate` as whole processes: start-up, a large plan, a study that is cached.

    python3 tests/bench/programs.py [RUNS]

Prints a Markdown table: median, fastest and slowest of RUNS runs (30 by default) after one that is
not counted, and the peak of resident memory. Linux counts the memory of the process that starts
another as the other's until it has begun; what lies below this script's own is shown as `<`.
"""

import datetime
import os
import platform
import resource
import statistics
import subprocess
import sys
import time

ABLATE = "target/release/ablate"
QUICKSTART = "pipelines/quickstart.yaml"
GRID = "tests/bench/ten-thousand.yaml"

# What is measured, how it is called, and what it is to stay below: milliseconds, MiB.
CASES = [
    ("`ablate --help`", ["--help"], 10, None),
    ("`ablate plan` of 1,002 tasks", ["plan", "tests/bench/thousand.yaml"], 100, None),
    ("`ablate plan` of 10,002 tasks, their data not at hand", ["plan", GRID], 200, None),
    ("the same, of drawn images", ["plan", GRID, "--set", "stages.retina.params.npz=null"], 200, None),
    ("`ablate run` of the quick study, all cached", ["run", QUICKSTART], 50, 40),
    ("`ablate table` of the quick study", ["table", QUICKSTART], None, None),
]


def measure(arguments):
    """Returns milliseconds and peak MiB of one run."""
    begin = time.perf_counter()
    silence = [
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    child = os.posix_spawn(ABLATE, [ABLATE, *arguments], os.environ, file_actions=silence)
    _, status, usage = os.wait4(child, 0)
    elapsed = (time.perf_counter() - begin) * 1e3
    if status != 0:
        sys.exit(f"`ablate {' '.join(arguments)}` ended with {os.waitstatus_to_exitcode(status)}")
    return elapsed, usage.ru_maxrss / 1024


def processor():
    """Returns the model of the processor, as far as the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    if not os.path.exists(ABLATE):
        sys.exit(f"`{ABLATE}` is missing; run `make build`")
    print("running the quick study, so that it is cached", file=sys.stderr)
    subprocess.run([ABLATE, "run", QUICKSTART], check=True, stdout=subprocess.DEVNULL)

    print(f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    print(f"\n| {runs} runs | median | fastest | slowest | to stay below | peak memory | to stay below |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    missed = False
    for name, arguments, milliseconds, mebibytes in CASES:
        measure(arguments)
        times, peaks = zip(*(measure(arguments) for _ in range(runs)))
        median, peak = statistics.median(times), max(peaks)
        missed |= milliseconds is not None and median > milliseconds
        missed |= mebibytes is not None and peak > mebibytes
        memory = f"< {own:.0f} MiB" if peak <= own * 1.02 else f"{peak:.0f} MiB"
        print(
            f"| {name} | {median:.1f} ms | {min(times):.1f} ms | {max(times):.1f} ms "
            f"| {f'{milliseconds} ms' if milliseconds else ''} | {memory} | {f'{mebibytes} MiB' if mebibytes else ''} |"
        )
    if missed:
        sys.exit("a median or a peak is above what it is to stay below")


if __name__ == "__main__":
    main()
