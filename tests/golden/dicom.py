"""Writes dicom.json: small DICOM files, and the pixels that pydicom makes of them, for
`src/imaging/dicom/tests.rs`.

Usage: python tests/golden/dicom.py > tests/golden/dicom.json

The file was made with pydicom 3.0.2, Pillow 13.0.0 and numpy 2.4.6.
"""

import base64
import io
import json

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.dataset import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut
from pydicom.pixels import apply_modality_lut
from pydicom.pixels import apply_windowing
from pydicom.pixels import convert_color_space
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.uid import ImplicitVRLittleEndian
from pydicom.uid import JPEGBaseline8Bit
from pydicom.uid import RLELossless

HEIGHT, WIDTH = 11, 14
rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
grey = (rows * 17 + columns * 5) % 256
color = np.stack([rows * 20, columns * 15, 255 - rows * 9 - columns * 7], -1).astype(np.uint8)


def dataset(interpretation, samples, bits=8, stored=None, syntax=ExplicitVRLittleEndian, signed=False, **more):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.PatientName = "None^Such"
    inner = Dataset()
    inner.CodeValue = "T-AA610"
    inner.is_undefined_length_sequence_item = True
    outer = Dataset()
    outer.AnatomicRegionSequence = Sequence([inner])
    ds.ReferencedStudySequence = Sequence([outer, Dataset()])
    ds["ReferencedStudySequence"].is_undefined_length = True
    ds.Rows, ds.Columns = samples.shape[:2]
    ds.SamplesPerPixel = samples.shape[2] if samples.ndim == 3 else 1
    ds.PhotometricInterpretation = interpretation
    ds.BitsAllocated, ds.BitsStored = bits, stored or bits
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(signed)
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    for name, value in more.items():
        setattr(ds, name, value)
    dtype = f"<{'i' if signed else 'u'}{bits // 8}"
    data = np.ascontiguousarray(samples.astype(dtype)).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    return ds


def saved(ds):
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def case(name, ds, pixels=None):
    data = saved(ds)
    line = {"name": name, "file": base64.b64encode(data).decode()}
    if pixels is not None:
        pixels = np.asarray(pixels)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        line |= {"size": pixels.shape[:2], "pixels": base64.b64encode(pixels.astype(np.uint8).tobytes()).decode()}
    print(json.dumps(line))


def array(ds):
    return dcmread(io.BytesIO(saved(ds))).pixel_array


def windowed(ds):
    """What apply_windowing gives, from the least number it can give to the greatest, in bytes."""
    ds = dcmread(io.BytesIO(saved(ds)))
    ds.pixel_array
    shown = apply_windowing(apply_modality_lut(ds.pixel_array, ds), ds)
    signed = ds.PixelRepresentation == 1
    least = -(2 ** (ds.BitsStored - 1)) if signed else 0
    greatest = least + 2**ds.BitsStored - 1
    slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
    least, greatest = least * slope + intercept, greatest * slope + intercept
    return np.rint((shown - least) / (greatest - least) * 255)


plain = dataset("MONOCHROME2", grey)
case("grey", plain, array(plain))
case("grey, implicit", dataset("MONOCHROME2", grey, syntax=ImplicitVRLittleEndian), grey)
case("grey, deflated", dataset("MONOCHROME2", grey, syntax=DeflatedExplicitVRLittleEndian), grey)
case("grey, white is least", dataset("MONOCHROME1", grey), 255 - grey)
deep = grey * 15 + rows
case("12 bits", dataset("MONOCHROME2", deep, 16, 12), np.rint(array(dataset("MONOCHROME2", deep, 16, 12)) / 4095 * 255))
for name, more in {
    "linear": {},
    "exact": {"VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"VOILUTFunction": "SIGMOID"},
    "of two": {"WindowCenter": [1500, 40], "WindowWidth": [900, 400]},
    "and rescaled": {"RescaleSlope": 2, "RescaleIntercept": -1024, "WindowCenter": 2000},
    "narrow": {"WindowWidth": 1},
}.items():
    ds = dataset("MONOCHROME2", deep, 16, 12, **({"WindowCenter": 1800, "WindowWidth": 2500} | more))
    case(f"window, {name}", ds, windowed(ds))
signed = dataset("MONOCHROME2", deep - 2000, 16, signed=True, WindowCenter=40, WindowWidth=1500)
case("window, signed", signed, windowed(signed))
signed.PhotometricInterpretation = "MONOCHROME1"
case("window, signed, white is least", signed, 255 - windowed(signed))

case("rgb", dataset("RGB", color), color)
planes = dataset("RGB", color)
planes.PlanarConfiguration = 1
planes.PixelData = np.moveaxis(color, -1, 0).tobytes()
case("rgb in planes", planes, array(planes))
case("rgb of 16 bits", dataset("RGB", color.astype(int) * 257 - 5 * (color > 4), 16), (color.astype(int) * 257 - 5 * (color > 4)) >> 8)
ybr = convert_color_space(color, "RGB", "YBR_FULL")
case("ybr", dataset("YBR_FULL", ybr), convert_color_space(ybr, "YBR_FULL", "RGB"))
pairs = ybr.reshape(HEIGHT, WIDTH // 2, 2, 3)
halved = np.stack([pairs[:, :, 0, 0], pairs[:, :, 1, 0], pairs[:, :, 0, 1], pairs[:, :, 0, 2]], -1)
ds = dataset("YBR_FULL_422", ybr)
ds.PixelData = halved.tobytes()
repeated = np.dstack([ybr[..., 0], np.repeat(halved[..., 2], 2, 1), np.repeat(halved[..., 3], 2, 1)])
case("ybr, halved", ds, convert_color_space(repeated, "YBR_FULL", "RGB"))

tables = {"Red": columns, "Green": rows, "Blue": rows + columns}
for name, bits in (("palette", 8), ("palette of 16 bits", 16)):
    entries = 40
    more = {}
    for index, channel in enumerate(tables):
        table = (np.arange(entries) * (index * 2 + 3)) % 256
        table = table.astype(np.uint8) if bits == 8 else (table * 255 + 7).astype("<u2")
        more[f"{channel}PaletteColorLookupTableDescriptor"] = [entries, 5, bits]
        more[f"{channel}PaletteColorLookupTableData"] = table.tobytes()
    ds = dataset("PALETTE COLOR", grey % 50, **more)
    case(name, ds, apply_color_lut(array(ds), ds) >> (bits - 8))

for name, ds in {
    "rle grey": dataset("MONOCHROME2", grey),
    "rle of 16 bits": dataset("MONOCHROME2", deep, 16, 12),
    "rle rgb": dataset("RGB", color),
}.items():
    expected = array(ds) if ds.BitsAllocated == 8 else np.rint(array(ds) / 4095 * 255)
    ds.compress(RLELossless)
    case(name, ds, expected)

for name, image, interpretation in (("jpeg grey", grey.astype(np.uint8), "MONOCHROME2"), ("jpeg", color, "YBR_FULL_422")):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    ds = dataset(interpretation, image, syntax=JPEGBaseline8Bit)
    ds.PixelData = encapsulate([file.getvalue()])
    ds["PixelData"].is_undefined_length = True
    case(name, ds, Image.open(file))

case("refused: films", dataset("MONOCHROME2", grey, NumberOfFrames=7))
case("refused: other colours", dataset("HSV", color))
case("refused: other bits", dataset("MONOCHROME2", deep, 16, 12, HighBit=16))
short = dataset("RGB", color)
short.PixelData = short.PixelData[:100]
case("refused: cut short", short)
packed = dataset("MONOCHROME2", grey, syntax="1.2.840.10008.1.2.4.90")
packed.PixelData = encapsulate([b"\xff\x4f\xff\x51"])
packed["PixelData"].is_undefined_length = True
case("refused: another packing", packed)
huge = dataset("MONOCHROME2", grey)
huge.Rows = huge.Columns = 65535
case("refused: huge", huge)
case("refused: a window without width", dataset("MONOCHROME2", grey, WindowCenter=1, WindowWidth=0))
