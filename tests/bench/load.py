"""Compares `load` with Python: photographs with torchvision on Pillow images, archives with NumPy.

    python3 tests/bench/load.py [PHOTOGRAPHS] [ROUNDS]

Draws photographs of 1,500 x 1,500 pixels like those of a fundus camera, and starts `cargo bench --bench load`
and, with the Python of the environment variable `PYTORCH` (`python3` by default; it needs NumPy, Pillow and
torchvision), this file again, ROUNDS times each, in turn: on one core and on two. Photographs go from files to
64 x 64 pixels, bicubic; torchvision keeps them in memory, `ablate` in files. Archives go from the file to
where the images are kept, their size unchanged; NumPy reads the same arrays. Prints Markdown tables; photographs
less than 2.5 times as fast, or an archive read at less than 0.8 times NumPy's speed, are an error.
"""

import datetime
import json
import multiprocessing
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

SIDE, SIZE = 1500, 64
OURS = ["cargo", "bench", "--quiet", "--locked", "--bench", "load"]
THEIRS = [os.environ.get("PYTORCH", "python3"), "-B", "tests/bench/load.py"]
DRAWN = 50


def draw(folder, count):
    """Writes photographs: DRAWN different ones, each again and again under other names."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter

    rng = np.random.default_rng(7)
    down, right = np.mgrid[0:SIDE, 0:SIDE]
    radius = np.hypot(down - SIDE / 2, right - SIDE / 2) / (SIDE / 2)
    light = np.stack([0.75 - 0.35 * radius, 0.38 - 0.2 * radius, 0.15 - 0.06 * radius], -1)
    for number in range(min(DRAWN, count)):
        coarse = Image.fromarray((rng.random((94, 94)) * 255).astype(np.uint8))
        texture = np.asarray(coarse.resize((SIDE, SIDE), Image.BICUBIC), float) / 255 - 0.5
        image = Image.fromarray((np.clip(light + 0.15 * texture[..., None], 0, 1) * 255).astype(np.uint8))
        canvas = ImageDraw.Draw(image)
        for _ in range(60):
            at, turn = rng.integers(200, 1300, 2).astype(float), rng.random() * 6.28
            way = [tuple(at)]
            for _ in range(40):
                turn += rng.normal() * 0.2
                at = at + np.array([np.cos(turn), np.sin(turn)]) * 12
                way.append(tuple(at))
            canvas.line(way, fill=(110, 20, 15), width=int(rng.integers(2, 9)))
        grain = np.asarray(image, float) + rng.normal(size=(SIDE, SIDE, 3)) * 3
        grain *= (radius < 0.98)[..., None]
        image = Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8))
        image.filter(ImageFilter.GaussianBlur(0.8)).save(folder / f"{number % 2}" / f"{number:05}.jpg", quality=90)
    for number in range(DRAWN, count):
        first = number % DRAWN
        bytes = (folder / f"{first % 2}" / f"{first:05}.jpg").read_bytes()
        (folder / f"{number % 2}" / f"{number:05}.jpg").write_bytes(bytes)


def archives(folder):
    """Writes images as grainy as photographs, packed and not."""
    import numpy as np

    rng = np.random.default_rng(7)
    smooth = rng.integers(40, 200, (1000, 1, 1, 3)) + rng.integers(-9, 10, (1000, SIZE, SIZE, 3))
    images = np.resize(smooth.astype(np.uint8), (20_000, SIZE, SIZE, 3))
    arrays = {"train_images": images, "train_labels": np.arange(len(images), dtype=np.uint8)[:, None] % 5}
    np.savez_compressed(folder / "packed.npz", **arrays)
    np.savez(folder / "plain.npz", **arrays)


def photographs(paths):
    """Returns the photographs as one array."""
    import numpy as np
    from torchvision import transforms
    from torchvision.datasets.folder import default_loader

    smaller = transforms.Resize((SIZE, SIZE), interpolation=transforms.InterpolationMode.BICUBIC)
    return np.stack([np.asarray(smaller(default_loader(path))) for path in paths])


def torchvision(folder, threads):
    """Prints the seconds that all photographs took."""
    import torch

    torch.set_num_threads(1)
    paths = sorted(map(str, pathlib.Path(folder).glob("*/*.jpg")))
    photographs(paths[:2])
    parts = [paths[part::threads] for part in range(threads)]
    start = time.perf_counter()
    if threads == 1:
        photographs(paths)
    else:
        with multiprocessing.get_context("fork").Pool(threads) as pool:
            pool.map(photographs, parts, chunksize=1)
    print(json.dumps({"seconds": time.perf_counter() - start}))


def numpy(file):
    """Prints the seconds that reading all arrays took."""
    import numpy as np

    start = time.perf_counter()
    with np.load(file) as arrays:
        read = [arrays[name] for name in arrays.files]
    print(json.dumps({"seconds": time.perf_counter() - start, "arrays": len(read)}))


def answer(command, text=None):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])["seconds"]


def compared(rounds, params, source, threads, theirs):
    """Returns the medians of both, and the median and least of their ratios."""
    wish = json.dumps({"params": params, "source": str(source), "threads": threads})
    ours, others = [], []
    for _ in range(rounds):
        ours.append(answer(OURS, wish))
        others.append(answer([*THEIRS, *theirs]))
    ratios = [other / one for one, other in zip(ours, others)]
    return statistics.median(ours), statistics.median(others), statistics.median(ratios), min(ratios)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    subprocess.run([*OURS, "--no-run"], check=True)
    slow = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        [(folder / "photographs" / label).mkdir(parents=True) for label in "01"]
        subprocess.run([*THEIRS, "--draw", str(folder), str(count)], check=True)
        print(f"{datetime.date.today()}, {platform.machine()}, {rounds} rounds in turn\n")
        print(f"| {count:,} JPEGs of {SIDE:,} x {SIDE:,} | `ablate` | torchvision | ratio | least |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for threads in [1, 2]:
            params = {"folder": "photographs", "size": SIZE}
            theirs = ["--torchvision", str(folder / "photographs"), str(threads)]
            one, other, ratio, least = compared(rounds, params, folder / "photographs", threads, theirs)
            cores = "one core" if threads == 1 else f"{threads} cores"
            print(f"| {cores} | {one:.1f} s | {other:.1f} s | {ratio:.1f} | {least:.1f} |", flush=True)
            slow += [f"photographs on {cores}"] if ratio < 2.5 else []
        print("\n| 20,000 images of 64 x 64 in a `.npz` | `ablate` | NumPy | ratio | least |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for file in ["packed.npz", "plain.npz"]:
            for threads in [1, 2]:
                path = folder / file
                measured = compared(rounds, {"npz": file}, path, threads, ["--numpy", str(path)])
                one, other, ratio, least = measured
                what = f"{file.split('.')[0]}, {'one core' if threads == 1 else f'{threads} cores'}"
                print(f"| {what} | {one:.2f} s | {other:.2f} s | {ratio:.2f} | {least:.2f} |", flush=True)
                slow += [what] if ratio < 0.8 else []
    if slow:
        sys.exit(f"slower than expected: {', '.join(slow)}")


if __name__ == "__main__":
    if "--draw" in sys.argv:
        place = pathlib.Path(sys.argv[2])
        draw(place / "photographs", int(sys.argv[3]))
        archives(place)
    elif "--torchvision" in sys.argv:
        torchvision(sys.argv[2], int(sys.argv[3]))
    elif "--numpy" in sys.argv:
        numpy(sys.argv[2])
    else:
        main()
