"""Fits a Gaussian to images and draws new ones from it: a generator in ninety lines.

A draw is the mean image plus, for some images chosen at random, their difference from the mean times a
normal number: images drawn so have the mean and, on average, the covariance of those that were fitted.
Needs nothing but Python. Reads `job.json`, as every program that the kind `exec` runs.
"""

import argparse
import csv
import json
import os
import random
import struct
from pathlib import Path

SHARD = 1024  # most images in one file


def read_npy(path):
    """Returns the shape and the bytes of an array of type uint8."""
    content = path.read_bytes()
    start = 10 + struct.unpack("<H", content[8:10])[0]
    header = eval(content[10:start], {"__builtins__": {}})
    assert header["descr"] == "|u1" and not header["fortran_order"], header
    return header["shape"], content[start:]


def write_npy(path, shape, data):
    """Writes an array of type uint8."""
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }" % (shape,)
    header = header.ljust(128 - 10 - 1 + 64 * (len(header) // 117)) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def read_images(folder):
    """Returns what the set is, and its images as lists of bytes."""
    images = []
    for path in sorted(folder.glob("images-*.npy")):
        (count, *_), data = read_npy(path)
        size = len(data) // max(count, 1)
        images += [data[at * size : (at + 1) * size] for at in range(count)]
    return json.loads((folder / "set.json").read_text()), images


def write_images(folder, about, images):
    """Writes a set of generated images: none has a label."""
    (folder / "set.json").write_text(json.dumps(about))
    with open(folder / "samples.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "label", "partition", "group", "origin"])
        rows.writerows([f"gaussian/{at}", "", "train", "", "gaussian"] for at in range(len(images)))
    for shard in range(0, len(images), SHARD):
        part = images[shard : shard + SHARD]
        shape = (len(part), about["height"], about["width"], 3)
        write_npy(folder / f"images-{shard // SHARD:04}.npy", shape, b"".join(part))


def draw(images, mean, neighbours, draws):
    """Returns one image of the Gaussian, by some of those that it was fitted to."""
    pixels = list(mean)
    for image in draws.sample(images, neighbours):
        weight = draws.gauss(0.0, 1.0) / neighbours**0.5
        pixels = [pixel + weight * (value - middle) for pixel, value, middle in zip(pixels, image, mean)]
    return bytes(min(255, max(0, round(pixel))) for pixel in pixels)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--count", type=int, required=True)
    count = arguments.parse_args().count
    job = json.loads(Path(os.environ["ABLATE_JOB"]).read_text())
    about, images = read_images(Path(job["inputs"]["images"][0]))
    print(f"fitting {len(images)} images of {about['width']} x {about['height']} pixels")
    mean = [sum(values) / len(images) for values in zip(*images)]
    draws = random.Random(job["seed"])
    neighbours = min(job["params"]["neighbours"], len(images))
    fakes = [draw(images, mean, neighbours, draws) for _ in range(count)]
    write_images(Path(job["outputs"]["fakes"]), about, fakes)


if __name__ == "__main__":
    main()
