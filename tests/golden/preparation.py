"""Writes preparation.json: photographs prepared by OpenCV and NumPy, for `tests/it/preparation.rs`.

Usage: python tests/golden/preparation.py > tests/golden/preparation.json

The file was made with opencv-python-headless 5.0.0.93, numpy 2.4.6 and Pillow 13.0.0.
"""

import base64
import json

import cv2
import numpy as np
from PIL import Image

SIZES = [(64, 64), (60, 91), (91, 60), (128, 128), (120, 173), (33, 20), (9, 9)]
CLAHES = [(2.0, 8), (40.0, 8), (3.5, 4), (0.5, 3), (2.0, 1)]
DEVIATIONS = [0.4, 1.0, 2.75, 10.0]


def hashes(height, width):
    h = np.arange(height * width * 3, dtype=np.uint32) * np.uint32(2654435761)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    return (h ^ (h >> np.uint32(13))).reshape(height, width, 3)


def photograph(height, width):
    """A bright disc of red, lightest on the right, on a dark ground, all of it noisy."""
    noise = hashes(height, width).astype(np.int64)
    rows, columns = np.mgrid[0:height, 0:width]
    down, right = 2 * rows - height, 2 * columns - width
    inside = 100 * (down * down + right * right) <= 81 * min(height, width) ** 2
    light = 40 + 120 * columns // width
    levels = light[..., None] + np.array([40, 0, -30]) + (noise & 31)
    return np.where(inside[..., None], levels, noise % 9).astype(np.uint8)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def circle(image, threshold):
    lit = np.asarray(Image.fromarray(image).convert("L")) > threshold
    rows = np.flatnonzero(lit.sum(1) * 50 >= lit.shape[1])
    columns = np.flatnonzero(lit.sum(0) * 50 >= lit.shape[0])
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def graham(image, deviation):
    return cv2.addWeighted(image, 4, cv2.GaussianBlur(image, (0, 0), deviation), -4, 128)


def case(size, operation, result, **numbers):
    result = np.ascontiguousarray(result)
    line = {"size": size, "operation": operation, **numbers, "shape": result.shape[:2], "fnv": fnv(result.tobytes())}
    if operation == "clahe":
        line["pixels"] = base64.b64encode(result.tobytes()).decode()
    print(json.dumps(line))


for size in SIZES:
    image = photograph(*size)
    case(size, "photograph", image)
    for threshold in [10, 60]:
        case(size, "circle", circle(image, threshold), threshold=threshold)
    side = max(size)
    above, before = (side - size[0]) // 2, (side - size[1]) // 2
    behind = [side - size[0] - above, side - size[1] - before]
    case(size, "square", cv2.copyMakeBorder(image, above, behind[0], before, behind[1], cv2.BORDER_CONSTANT))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    case(size, "lab", lab)
    for clip, tiles in CLAHES:
        even = cv2.createCLAHE(clip, (tiles, tiles)).apply(lab[..., 0])
        case(size, "lightness", even, clip=clip, tiles=tiles)
        changed = np.dstack([even, lab[..., 1:]])
        if size == (64, 64):
            case(size, "clahe", cv2.cvtColor(changed, cv2.COLOR_LAB2RGB), clip=clip, tiles=tiles)
    for deviation in DEVIATIONS:
        case(size, "graham", graham(image, deviation), deviation=deviation)
