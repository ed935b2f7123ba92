"""Writes formats.json: small files of every format, and the pixels that Pillow makes of them, for
`src/imaging/decode.rs`.

Usage: python tests/golden/formats.py > tests/golden/formats.json

The file was made with Pillow 13.0.0 and numpy 2.4.6.
"""

import base64
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image
from PIL import ImageOps

HEIGHT, WIDTH = 19, 23


def picture():
    """Slopes with noise and one hard edge; `soft` is the same without noise and edge."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    slopes = np.stack([rows * 12, columns * 10, 250 - rows * 5 - columns * 4], -1)
    noise = (rows * 7 + columns * 13)[..., None] * np.array([3, 5, 7]) % 19
    edge = np.where(columns > 15, 30, 0)[..., None]
    hard = np.clip(slopes + noise - edge, 0, 255).astype(np.uint8)
    return Image.fromarray(hard), Image.fromarray(np.clip(slopes, 0, 255).astype(np.uint8))


HARD, SOFT = picture()


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def packed(rows, bits):
    """Lines of a PNG, each begun by filter 0; samples of less than a byte are packed, highest first."""
    lines = b""
    for row in rows:
        samples = row.reshape(-1)
        if bits == 16:
            line = samples.astype(">u2").tobytes()
        else:
            digits = np.unpackbits(samples.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
            line = np.packbits(digits.reshape(-1)).tobytes()
        lines += b"\0" + line
    return lines


def png(samples, bits, color, interlaced=False, extra=b""):
    height, width = samples.shape[:2]
    if interlaced:
        passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
        parts = [samples[top::down, left::right] for top, down, left, right in passes]
        data = b"".join(packed(part, bits) for part in parts if part.shape[1])
    else:
        data = packed(samples, bits)
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def case(name, data, expected=None, **more):
    image = Image.open(io.BytesIO(data))
    assert image.format.lower() == name.split()[0], (name, image.format)
    if expected is None:
        expected = np.asarray(image.convert("RGB"))
    upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    line = {"name": name, "file": base64.b64encode(data).decode(), "size": expected.shape[:2]}
    line["pixels"] = base64.b64encode(np.ascontiguousarray(expected).tobytes()).decode()
    if "turned" in name:
        line["upright"] = base64.b64encode(np.ascontiguousarray(upright).tobytes()).decode()
    print(json.dumps({**line, **more}))


cmyk = HARD.convert("CMYK")
cmyk.putdata([(c, m, y, (c + m) % 90) for c, m, y, _ in cmyk.get_flattened_data()])
grey, alpha = HARD.convert("L"), HARD.convert("RGBA")
alpha.putalpha(grey)
few = HARD.quantize(13, dither=0)

case("jpeg plain", saved(HARD, "JPEG", quality=90, subsampling=0))
case("jpeg halved both ways", saved(HARD, "JPEG", quality=90, subsampling=2))
case("jpeg halved along rows", saved(HARD, "JPEG", quality=90, subsampling=1))
case("jpeg progressive", saved(HARD, "JPEG", quality=85, progressive=True))
case("jpeg progressive, not halved", saved(HARD, "JPEG", quality=95, subsampling=0, progressive=True))
case("jpeg grey", saved(grey, "JPEG", quality=90))
case("jpeg of red, green and blue", saved(HARD, "JPEG", quality=90, keep_rgb=True))
case("jpeg with restarts", saved(HARD, "JPEG", quality=90, restart_marker_rows=1))
whole = saved(cmyk, "JPEG", quality=95)
case("jpeg cmyk", whole)
adobe = whole.index(b"Adobe") + 11
case("jpeg ycck", whole[:adobe] + b"\2" + whole[adobe + 1 :])
for orientation in range(2, 9):
    case(f"jpeg turned {orientation}", saved(SOFT, "JPEG", quality=95, subsampling=0, exif=turned(orientation)))

case("png", saved(HARD, "PNG"))
case("png with alpha", saved(alpha, "PNG"))
case("png grey", saved(grey, "PNG"))
case("png grey with alpha", saved(alpha.convert("LA"), "PNG"))
case("png of two levels", saved(grey.convert("1"), "PNG"))
case("png palette", saved(few, "PNG"))
case("png palette with a clear colour", saved(few, "PNG", transparency=3))
case("png palette of two bits", saved(HARD.quantize(4, dither=0), "PNG", bits=2))
case("png turned 6", saved(SOFT, "PNG", exif=turned(6)))
levels = np.asarray(grey)
case("png grey of two bits", png(levels >> 6, 2, 0))
case("png grey of four bits, interlaced", png(levels >> 4, 4, 0, interlaced=True))
case("png interlaced", png(np.asarray(HARD), 8, 2, interlaced=True))
case("png narrow, interlaced", png(np.asarray(HARD)[:, :1], 8, 2, interlaced=True))
case("png with a clear level", png(levels, 8, 0, extra=chunk(b"tRNS", struct.pack(">H", 77))))
case("png with gamma", png(np.asarray(HARD), 8, 2, extra=chunk(b"gAMA", struct.pack(">I", 100000))))
deep = np.asarray(HARD).astype(np.uint16) * 201 + 97
clear = deep[..., :1]
case("png of 16 bits", png(deep, 16, 2))
case("png of 16 bits, interlaced", png(deep, 16, 2, interlaced=True))
case("png of 16 bits with alpha", png(np.dstack([deep, clear]), 16, 6))
case("png grey of 16 bits with alpha", png(np.dstack([clear, deep[..., 1:2]]), 16, 4))
# Pillow would clip these to 255, which leaves them white: their upper bytes are what is seen.
upper = np.repeat((clear >> 8).astype(np.uint8), 3, axis=2)
case("png grey of 16 bits", png(clear, 16, 0), upper)
case("tiff grey of 16 bits", saved(Image.fromarray(clear[..., 0]), "TIFF"), upper)

case("tiff", saved(HARD, "TIFF"))
case("tiff with alpha", saved(alpha, "TIFF"))
case("tiff grey", saved(grey, "TIFF"))
case("tiff of two levels", saved(grey.convert("1"), "TIFF"))
case("tiff lzw", saved(HARD, "TIFF", compression="tiff_lzw"))
case("tiff deflate", saved(HARD, "TIFF", compression="tiff_adobe_deflate"))
case("tiff packbits", saved(HARD, "TIFF", compression="packbits"))
case("tiff cmyk", saved(cmyk, "TIFF"))
case("tiff palette", saved(few, "TIFF"))
case("tiff jpeg", saved(HARD, "TIFF", compression="jpeg", quality=95))
case("tiff fax", saved(grey.convert("1"), "TIFF", compression="group4"))
case("tiff turned 8", saved(SOFT, "TIFF", exif=turned(8)))
case("tiff of two pages", saved(HARD, "TIFF", save_all=True, append_images=[SOFT]))

case("bmp", saved(HARD, "BMP"))
case("bmp grey", saved(grey, "BMP"))
case("bmp of two levels", saved(grey.convert("1"), "BMP"))
case("bmp palette", saved(few, "BMP"))
case("bmp with alpha", saved(alpha, "BMP"))

case("webp lossless", saved(HARD, "WEBP", lossless=True))
case("webp lossless with alpha", saved(alpha, "WEBP", lossless=True, exact=True))
case("webp", saved(HARD, "WEBP", quality=90))
case("webp with alpha", saved(alpha, "WEBP", quality=90))
