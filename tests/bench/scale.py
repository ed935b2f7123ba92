"""Measures how engines grow with a graph: layers of ten stages, two inputs each from the layer before.

    python3 tests/bench/scale.py [SIZE ...]

Every engine is given the same graph, written out stage by stage, and is run as a whole process: on an empty cache
(cold; `ablate` on three, of which the median is told), once more with nothing to do after a while (first), and then
again and again (no-op), of which the median is told. The first finds what is settled on the disk and leaves a
receipt. Two graphs are run by `ablate` alone: one of its own stages on sets without images, where nearly all time is
the engine's, and a plan over a folder of 20,000 small images, with nothing known of them and with nothing changed.
`RIVALS=DIR` names a virtual environment with DVC and Snakemake; without it they are left out. Their runs are only
measured as far as they are bearable. `SCALE_DIR` names the folder, and with it the file system, where all of it
happens.
No peak of memory is told below this program's own: a process begins with its parent's.
"""

import datetime
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from programs import processor

ABLATE = Path("target/release/ablate").absolute()
SIZES = [100, 400, 1000, 10_000]
COLDS = 3  # runs on an empty cache; the others' take too long for more than one
NO_OPS = 9  # runs with nothing to do
SETTLED = 4  # seconds after which a file is known by its look
WIDTH = 10
LONGEST = {"DVC": 400, "Snakemake": 1000}  # largest graph that is run cold


def graph(size):
    """Returns the stages, each with the two that enter it; those of the first layer have none."""
    stages = []
    for number in range(size):
        layer, place = divmod(number, WIDTH)
        above = [] if layer == 0 else [(layer - 1) * WIDTH + place, (layer - 1) * WIDTH + (place + 3) % WIDTH]
        stages.append((number, above))
    return stages


def write_ablate(folder, size):
    """Programs of the user: each leaves a file of its own."""
    lines = ["ablate: 1", "name: scale", "stages:"]
    for number, above in graph(size):
        entering = ", ".join(f"{port}: s{one}" for port, one in zip("ab", above))
        ports = ", ".join(f"{port}: {{type: files, role: pass}}" for port, _ in zip("ab", above))
        lines += [
            f"  s{number}:",
            "    kind: exec",
            f"    inputs: {{{entering}}}",
            "    params:",
            f"      command: [sh, -c, echo {number} > outputs/out/file]",
            f"      inputs: {{{ports}}}",
            "      outputs: {out: files}",
        ]
    (folder / "study.yaml").write_text("\n".join(lines) + "\n")


def write_inline(folder, size):
    """Stages of the engine's own, each with params of its own, on sets without images."""
    lines = ["ablate: 1", "name: scale", "stages:"]
    lines += ["  retina: {kind: load, params: {fundus: {train: 10, validation: 0, test: 10}, size: 8}}"]
    lines += ["  parts: {kind: split, inputs: {images: retina}, params: {use: given}}"]
    for number, above in graph(size):
        entering = ", ".join(f"s{one}" for one in above) or "parts.validation"
        flip = number / 1e6
        lines += [
            f"  s{number}:",
            "    kind: classic-augment",
            f"    inputs: {{images: [{entering}]}}",
            f"    params: {{passes: [{{vertical_flip: {flip:.6f}}}]}}",
        ]
    (folder / "study.yaml").write_text("\n".join(lines) + "\n")


def write_dvc(folder, size):
    (folder / "out").mkdir()
    lines = ["stages:"]
    for number, above in graph(size):
        lines += [f"  s{number}:", f"    cmd: echo {number} > out/{number}"]
        if above:
            lines += ["    deps:"] + [f"      - out/{one}" for one in above]
        lines += ["    outs:", f"      - out/{number}"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    dvc = tool("dvc")
    subprocess.run([dvc, "init", "--no-scm", "-q"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([dvc, "config", "core.analytics", "false"], cwd=folder, check=True)


def write_snakemake(folder, size):
    last = ", ".join(f"'out/{number}'" for number, _ in graph(size)[-WIDTH:])
    lines = ["rule all:", f"    input: {last}"]
    for number, above in graph(size):
        lines += [f"rule s{number}:"]
        if above:
            lines += ["    input: " + ", ".join(f"'out/{one}'" for one in above)]
        lines += [f"    output: 'out/{number}'", f"    shell: 'echo {number} > {{output}}'"]
    (folder / "Snakefile").write_text("\n".join(lines) + "\n")


def tool(name):
    return str(Path(os.environ["RIVALS"]).absolute() / "bin" / name)


ENGINES = {
    "`ablate`, its own stages": (write_inline, lambda: [str(ABLATE), "run", "study.yaml", "-q"]),
    "`ablate`, programs": (write_ablate, lambda: [str(ABLATE), "run", "study.yaml", "--allow-exec", "-q"]),
    "DVC": (write_dvc, lambda: [tool("dvc"), "repro", "-q"]),
    "Snakemake": (write_snakemake, lambda: [tool("snakemake"), "--cores", "2", "--quiet", "all"]),
}


def measure(command, folder):
    """Returns seconds, seconds of CPU of the process alone, and its peak MiB, of one run."""
    begin = time.perf_counter()
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        wall = time.perf_counter() - begin
        # The clock of the ended process: to the nanosecond, where its counted ticks are 10 ms each.
        own = time.clock_gettime(~child.pid << 3 | 2)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if status != 0:
        sys.exit(f"{command} ended with {child.returncode}:\n" + (folder / "log").read_text()[-2000:])
    return wall, own, usage.ru_maxrss / 1024


def grow(sizes, names):
    print("\n| stages | engine | cold | a stage | CPU of the engine, a stage | first | no-op | CPU | peak memory |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=os.environ.get("SCALE_DIR")) as root:
            run = {}
            for name in names:
                if size > LONGEST.get(name, size):
                    continue
                write, command = ENGINES[name]
                colds = []
                for turn in range(COLDS if name not in LONGEST else 1):
                    folder = Path(root) / f"{len(run)}-{turn}"
                    folder.mkdir()
                    write(folder, size)
                    colds.append(measure(command(), folder))
                cold = [statistics.median(column) for column in zip(*colds)]
                time.sleep(SETTLED)
                run[name] = (folder, command(), cold, measure(command(), folder), [])
            for turn in range(NO_OPS):
                for name, (folder, command, _, _, idle) in run.items():
                    if turn < (NO_OPS if name not in LONGEST else 3):
                        idle.append(measure(command, folder))
            for name, (_, _, (wall, own, peak), (first, _, again), idle) in run.items():
                walls, owns, peaks = zip(*idle)
                print(
                    f"| {size:,} | {name} | {wall:.2f} s | {wall / size * 1e3:.2f} ms | {own / size * 1e3:.2f} ms "
                    f"| {first * 1e3:.1f} ms | {statistics.median(walls) * 1e3:.1f} ms | {statistics.median(owns) * 1e3:.0f} ms "
                    f"| {max(peak, again, *peaks):.0f} MiB |",
                    flush=True,
                )


def png(red, green, blue):
    """Returns a picture of 4 x 4 pixels of one colour."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + bytes([red, green, blue]) * 4 for _ in range(4))
    head = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sources(count=20_000):
    """Plans over a folder of small images, at first and with nothing changed."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCALE_DIR")) as root:
        root = Path(root)
        for number in range(count):
            path = root / "photos" / str(number % 5) / f"{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(number % 256, number // 256, number % 5))
        text = "ablate: 1\nname: files\nstages:\n  photos: {kind: load, params: {folder: photos, size: 4}}\n"
        text += "  parts: {kind: split, inputs: {images: photos}, params: {fractions: {train: 0.8, test: 0.2}}}\n"
        (root / "study.yaml").write_text(text)
        # What was seen is kept in a cache, so there must be one; and files younger than this are read again.
        (root / "other.yaml").write_text("ablate: 1\nname: other\nstages: {x: {kind: load, params: {fundus: {train: 1}}}}\n")
        measure([str(ABLATE), "run", "other.yaml", "-q"], root)
        time.sleep(SETTLED)
        first, *_ = measure([str(ABLATE), "plan", "study.yaml"], root)
        again = [measure([str(ABLATE), "plan", "study.yaml"], root) for _ in range(NO_OPS)]
        wall, own, peak = (statistics.median(column) for column in zip(*again))
        print(f"\n| plan over {count:,} source files | first | unchanged | CPU | peak memory |")
        print("| --- | ---: | ---: | ---: | ---: |")
        print(f"| `ablate` | {first:.2f} s | {wall * 1e3:.1f} ms | {own * 1e3:.0f} ms | {peak:.0f} MiB |")


def main():
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    if not ABLATE.exists():
        sys.exit(f"`{ABLATE}` is missing; run `make build`")
    names = list(ENGINES)
    if "RIVALS" not in os.environ:
        names = names[:2]
        print("DVC and Snakemake are left out: RIVALS names no virtual environment that has them", file=sys.stderr)
    print(f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    grow(sizes, names)
    sources()


if __name__ == "__main__":
    main()
