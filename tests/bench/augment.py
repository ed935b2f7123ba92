"""Compares the three passes of the published study with torchvision's on Pillow images.

    python3 tests/bench/augment.py [IMAGES] [ROUNDS]

Starts `cargo bench --bench augment` and, with the Python of the environment variable `PYTORCH`
(`python3` by default; it needs Pillow and torchvision), this file again, ROUNDS times each, in turn,
on one core and on two. Both go from images of 64 x 64 pixels in memory to copies in memory. Prints a
Markdown table; a ratio below 8 is an error.
"""

import datetime
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time

SIZE = 64
EXPECTED = 8.0
OURS = ["cargo", "bench", "--quiet", "--locked", "--bench", "augment"]
THEIRS = [os.environ.get("PYTORCH", "python3"), "-B", "tests/bench/augment.py", "--torchvision"]


def passed(first, last):
    """Makes the copies of some images, with what `torchvision` left in global names."""
    from PIL import Image

    for index in range(first, last):
        image = Image.fromarray(images[index])
        for number, one in enumerate(passes):
            copies[number, index] = one(image)


def torchvision():
    """Reads a wish and prints the seconds that all copies took."""
    global images, copies, passes
    import numpy as np
    import torch
    from torchvision import transforms

    wish = json.load(sys.stdin)
    count, threads = wish["images"], wish["threads"]
    torch.set_num_threads(1)
    faded = (0.7, 0.9)
    passes = [
        transforms.RandomVerticalFlip(1.0),
        transforms.RandomHorizontalFlip(0.1),
        transforms.ColorJitter(brightness=faded, contrast=faded, saturation=faded),
    ]
    some = np.random.default_rng(1).integers(0, 256, (1000, SIZE, SIZE, 3), dtype=np.uint8)
    images = np.resize(some, (count, SIZE, SIZE, 3))
    shape = (len(passes), count, SIZE, SIZE, 3)
    shared = multiprocessing.RawArray("B", int(np.prod(shape)))
    copies = np.frombuffer(shared, dtype=np.uint8).reshape(shape)
    copies[:] = 1
    passed(0, min(count, 100))
    bounds = [(count * part // threads, count * (part + 1) // threads) for part in range(threads)]
    start = time.perf_counter()
    if threads == 1:
        passed(*bounds[0])
    else:
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=passed, args=bound) for bound in bounds]
        [worker.start() for worker in workers]
        [worker.join() for worker in workers]
    print(json.dumps({"passes": time.perf_counter() - start}))


def asked(command, wish):
    answer = subprocess.run(command, input=json.dumps(wish), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.strip().splitlines()[-1])


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    subprocess.run([*OURS, "--no-run"], check=True)
    print(f"{datetime.date.today()}, {platform.machine()}, {rounds} rounds in turn\n")
    print(f"| three passes over {count:,} images | `ablate` | torchvision | ratio | least | with files |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    slow = False
    for threads in [1, 2]:
        wish = {"images": count, "size": SIZE, "threads": threads}
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(asked(OURS, wish))
            theirs.append(asked(THEIRS, wish)["passes"])
        passes = [one["passes"] for one in ours]
        ratios = [other / one for one, other in zip(passes, theirs)]
        ratio, stage = statistics.median(ratios), statistics.median(one["stage"] for one in ours)
        slow |= ratio < EXPECTED
        cores = "one core" if threads == 1 else f"{threads} cores"
        print(
            f"| {cores} | {statistics.median(passes):.2f} s | {statistics.median(theirs):.1f} s "
            f"| {ratio:.1f} | {min(ratios):.1f} | {stage:.1f} s |",
            flush=True,
        )
    if slow:
        sys.exit(f"less than {EXPECTED:.0f} times as fast as torchvision")


if __name__ == "__main__":
    torchvision() if "--torchvision" in sys.argv else main()
