"""Writes color.json: an image changed by torchvision on Pillow images, for `src/imaging/color.rs`.

Usage: python tests/golden/color.py > tests/golden/color.json
"""

import json

import numpy as np
from PIL import Image
from PIL import ImageEnhance

HEIGHT, WIDTH = 6, 7
ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
}

pixels = np.random.default_rng(2021).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
pixels[0, 0], pixels[0, 1] = 0, 255
image = Image.fromarray(pixels)
cases = []
for name, enhancer in ENHANCERS.items():
    for factor in [0.0, 0.7, 0.7853981, 0.9, 1.0, 1.4]:
        changed = enhancer(image).enhance(factor)
        cases.append({"property": name, "factor": factor, "pixels": list(changed.tobytes())})
golden = {"height": HEIGHT, "width": WIDTH, "pixels": list(image.tobytes()), "cases": cases}
print(json.dumps(golden))
