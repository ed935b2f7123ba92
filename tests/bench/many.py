"""Measures what `load` takes of many small files: peak memory and time, from a folder and from a table.

    python3 tests/bench/many.py [FILES] [FEW]

Writes FILES (200,000) and FEW (2,000) PNG images of 64 x 64 pixels, each another, in class folders and in one
folder with a table beside it, and runs `ablate run` on a study that loads them and does nothing else, each with a
new cache. Prints a Markdown table; the pixels of all images would take 12 KiB each, so that memory which grows by
more than 1 KiB an image (what is known of it, not its pixels) is an error.

Needs Python and the release program that `make build` leaves; `MANY_DIR` names the folder to work in.
"""

import datetime
import json
import os
import pathlib
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from programs import processor

ABLATE = pathlib.Path("target/release/ablate").absolute()
SIDE = 64
MOST = 1024


def png(number):
    """Returns an image that no other number has: a plain colour with the number in its first pixels."""
    row = bytearray(b"\0" + bytes([number % 251, number % 241, number % 239]) * SIDE)
    first = bytearray(row)
    first[1:9] = struct.pack("<Q", number)
    pixels = bytes(first) + bytes(row) * (SIDE - 1)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels, 1)) + chunk(b"IEND", b"")


def write(folder, count):
    """Lays out class folders, and a folder with a table; the files are the same."""
    for name in ["classes/0", "classes/1", "table/images"]:
        (folder / name).mkdir(parents=True)
    rows = ["image,label,patient"]
    for number in range(count):
        name = f"{number:07}.png"
        path = folder / f"classes/{number % 2}/{name}"
        path.write_bytes(png(number))
        os.link(path, folder / f"table/images/{name}")
        rows.append(f"{name},{number % 2},p{number // 4}")
    (folder / "table/labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def measure(folder, params):
    """Loads once, and returns seconds and peak memory in bytes."""
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    study = folder / "study.yaml"
    stages = {"eyes": {"kind": "load", "params": params}}
    study.write_text(json.dumps({"ablate": 1, "name": "many", "stages": stages}), encoding="utf-8")
    begin = time.perf_counter()
    child = subprocess.Popen([ABLATE, "run", study, "--cache", cache, "-q"])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"`ablate run` ended with {child.returncode}")
    elapsed = time.perf_counter() - begin
    shutil.rmtree(cache)
    return elapsed, usage.ru_maxrss * 1024


def main():
    """Measures both layouts at both counts."""
    many, few = (int(text) for text in (sys.argv[1:] + ["200000", "2000"][len(sys.argv) - 1 :]))
    layouts = [
        ("class folders", {"folder": "classes", "size": SIDE}),
        ("a table", {"folder": "table", "csv": "labels.csv", "image_root": "images", "group_column": "patient", "size": SIDE}),
    ]
    peaks, rows = {}, []
    for count in [few, many]:
        with tempfile.TemporaryDirectory(dir=os.environ.get("MANY_DIR")) as place:
            place = pathlib.Path(place)
            write(place, count)
            for name, params in layouts:
                seconds, peak = measure(place, params)
                peaks[name, count] = peak
                rows.append(f"| {name} | {count:,} | {seconds:.1f} s | {count / seconds:,.0f} | {peak / 2**20:.0f} MiB |")
    print(f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    print(f"\n| from | images of {SIDE} x {SIDE} | time | images a second | peak memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    print("\n".join(sorted(rows)))
    missed = False
    for name, _ in layouts:
        each = (peaks[name, many] - peaks[name, few]) / (many - few)
        print(f"\n{name}: {each:.0f} bytes more for each image more; its pixels are {SIDE * SIDE * 3:,}.")
        missed |= each > MOST
    sys.exit("memory grows with the number of images" if missed else 0)


if __name__ == "__main__":
    main()
