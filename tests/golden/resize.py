"""Writes resize.json: images resized by Pillow, for `src/imaging/resize.rs`.

Usage: python tests/golden/resize.py > tests/golden/resize.json
"""

import json

import numpy as np
from PIL import Image

FILTERS = ["nearest", "box", "bilinear", "bicubic", "lanczos"]
SIZES = [
    ((28, 28), (64, 64)),
    ((64, 64), (28, 28)),
    ((64, 64), (64, 64)),
    ((40, 50), (64, 64)),
    ((5, 7), (12, 9)),
    ((1, 1), (4, 3)),
    ((301, 199), (64, 64)),
    ((224, 224), (64, 224)),
    ((33, 130), (130, 33)),
    ((130, 33), (33, 130)),
    ((91, 60), (40, 31)),
    ((90, 60), (30, 30)),
]


def noise(height, width):
    h = np.arange(height * width * 3, dtype=np.uint32) * np.uint32(2654435761)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    level = ((h ^ (h >> np.uint32(13))) & np.uint32(255)).astype(np.uint8)
    level[level < 50] = 0
    level[level > 200] = 255
    return level.reshape(height, width, 3)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


cases = []
for source, target in SIZES:
    image = Image.fromarray(noise(*source))
    for name in FILTERS:
        resized = image.resize((target[1], target[0]), getattr(Image.Resampling, name.upper()))
        data = resized.tobytes()
        cases.append({"filter": name, "from": source, "to": target, "first": list(data[:12]), "fnv": fnv(data)})
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
