"""Changes images by Pillow and torchvision, for `tests/it/reference.rs`.

Usage: python tests/golden/augment.py > tests/golden/augment.json

With a list of cases on standard input it answers these instead of its own, so that a test can ask
about sizes and numbers that it has drawn.
"""

import json
import sys

import numpy as np
import torch
from PIL import Image
from PIL import ImageEnhance
from PIL import ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

SIZES = [(64, 64), (28, 45), (3, 5), (1, 4)]
CASES = [
    {"operation": "vertical_flip"},
    {"operation": "horizontal_flip"},
    *[
        {"operation": "affine", "resampling": resampling, "rotation": r, "scale": s, "shear": h, "right": x, "down": y}
        for resampling in ["nearest", "bilinear"]
        for r, s, h, x, y in [
            (0.0, 1.3, 0.0, 2.0, -1.0),
            (0.0, 0.7, 0.0, 0.25, 1.5),
            (33.3, 1.0, 0.0, 0.0, 0.0),
            (-90.0, 1.0, 0.0, 0.0, 0.0),
            (-12.5, 1.1, 20.0, 3.7, -2.2),
            (180.0, 0.01, 0.0, 0.0, 0.0),
        ]
    ],
    *[{"operation": "brightness", "factor": factor} for factor in [0.0, 0.73, 1.0, 1.9]],
    *[{"operation": "contrast", "factor": factor} for factor in [0.0, 0.73, 1.0, 1.9]],
    *[{"operation": "saturation", "factor": factor} for factor in [0.0, 0.73, 1.0, 1.9]],
    *[{"operation": "hue", "factor": factor} for factor in [-0.5, -0.07, 0.0, 0.123, 0.5]],
    *[{"operation": "gamma", "factor": factor} for factor in [0.0, 0.45, 1.0, 2.2]],
    *[{"operation": "posterize", "factor": bits} for bits in range(1, 9)],
    *[{"operation": "solarize", "factor": threshold} for threshold in [0, 100, 256]],
    {"operation": "autocontrast"},
    {"operation": "equalize"},
    *[{"operation": "sharpness", "factor": factor} for factor in [0.0, 0.6, 1.0, 2.5]],
    *[{"operation": "blur", "factor": deviation} for deviation in [0.1, 0.8, 2.0]],
    *[{"operation": name, "window": [0.1, 0.2, 0.7, 0.5]} for name in ["crop", "erase"]],
]


def noise(height, width, soft):
    """Returns an image of hashed numbers: hard noise, or noise within a gradient."""
    h = np.arange(height * width * 3, dtype=np.uint32) * np.uint32(2654435761)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    level = ((h ^ (h >> np.uint32(13))) & np.uint32(255)).astype(np.uint8)
    if soft:
        level = level // 8 + (np.arange(level.size) * 160 // level.size).astype(np.uint8)
    else:
        level[level < 50] = 0
        level[level > 200] = 255
    return level.reshape(height, width, 3)


def within(window, height, width):
    """Returns top, left, height and width in pixels of a window in shares of the sides."""
    top, left = int(window[0] * height), int(window[1] * width)
    rows, columns = max(1, int(window[2] * height)), max(1, int(window[3] * width))
    return top, left, rows, columns


def changed(image, case):
    """Returns what Pillow or torchvision make of an image."""
    name, factor = case["operation"], case.get("factor")
    if name == "vertical_flip":
        return F.vflip(image)
    if name == "horizontal_flip":
        return F.hflip(image)
    if name == "resize":
        size = (case["to"][1], case["to"][0])
        return image.resize(size, getattr(Image.Resampling, case["filter"].upper()))
    if name == "affine":
        mode = InterpolationMode(case["resampling"])
        shift = [case["right"], case["down"]]
        return F.affine(image, -case["rotation"], shift, case["scale"], [case["shear"], 0.0], mode)
    if name == "blur":
        kernel = min(2 * int(np.ceil(3 * factor)) + 1, 2 * min(image.size) - 1)
        return F.gaussian_blur(image, kernel, factor)
    if name == "crop":
        window = within(case["window"], image.height, image.width)
        return F.resized_crop(image, *window, [image.height, image.width], InterpolationMode.BILINEAR)
    if name == "erase":
        window = within(case["window"], image.height, image.width)
        erased = F.erase(F.pil_to_tensor(image), *window, torch.zeros(1, dtype=torch.uint8))
        return F.to_pil_image(erased)
    if name == "sharpness":
        return ImageEnhance.Sharpness(image).enhance(factor)
    if name in ("posterize", "solarize"):
        return getattr(ImageOps, name)(image, factor)
    if name in ("autocontrast", "equalize"):
        return getattr(ImageOps, name)(image)
    return getattr(F, f"adjust_{name}")(image, factor)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def answer(case):
    image = Image.fromarray(noise(*case["size"], case["soft"]))
    return changed(image, case).tobytes()


if sys.stdin.isatty() or not (asked := sys.stdin.read()):
    for case in CASES:
        for height, width in SIZES:
            for soft in [False, True]:
                asked = {"size": [height, width], "soft": soft, **case}
                data = answer(asked)
                first = list(data[:12])
                print(json.dumps({**asked, "first": first, "fnv": fnv(data)}))
else:
    for line in asked.splitlines():
        print(answer(json.loads(line)).hex())
