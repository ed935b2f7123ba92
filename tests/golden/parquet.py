"""Writes small Parquet files as the library `datasets` of Hugging Face does, for tests of `load`.

    python3 tests/golden/parquet.py

Needs pyarrow and Pillow; writes tests/golden/parquet. Made with pyarrow 26.0.1 and Pillow 13.0.0.
Each image is of one colour that its row decides: red is 40 times the class, green the row's number.
"""

import io
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

FOLDER = pathlib.Path("tests/golden/parquet")
NAMES = ["healthy", "mild", "severe"]


def picture(red, green):
    """Returns a PNG image of 4 x 4 pixels."""
    bytes = io.BytesIO()
    Image.new("RGB", (4, 4), (red, green, 0)).save(bytes, "PNG")
    return bytes.getvalue()


def table(rows, first, labels=None):
    """Returns rows as the library lays them out, with its notes in the schema."""
    classes = [number % 3 for number in range(first, first + rows)] if labels is None else labels
    images = [{"bytes": picture(40 * max(label or 0, 0), first + row), "path": f"{first + row}.png"} for row, label in enumerate(classes)]
    features = {
        "image": {"_type": "Image"},
        "label": {"names": NAMES, "_type": "ClassLabel"},
        "patient": {"dtype": "string", "_type": "Value"},
    }
    schema = pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
            ("patient", pa.string()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    patients = [f"p{(first + row) // 2}" for row in range(rows)]
    return pa.table([images, classes, patients], schema=schema)


def main():
    """Writes every file."""
    data = FOLDER / "eyes/data"
    data.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(5, 0), data / "train-00000-of-00002.parquet", row_group_size=2)
    pq.write_table(table(4, 5), data / "train-00001-of-00002.parquet", compression="gzip", data_page_version="2.0")
    pq.write_table(table(3, 9, [0, -1, None]), data / "test-00000-of-00001.parquet", compression="none")
    # Images of which two are not there, in a column of plain bytes; classes in words.
    images = [picture(0, 0), None, picture(80, 2), b"no image"]
    plain = pa.table({"photo": pa.array(images, pa.binary()), "grade": ["ill", "ill", "well", "well"]})
    pq.write_table(plain, FOLDER / "plain.parquet", row_group_size=3, use_dictionary=False)
    pq.write_table(plain, FOLDER / "zstd.parquet", compression="zstd")
    many = pa.table({"image": [picture(0, 0)] * 200, "label": [row % 2 for row in range(200)]})
    pq.write_table(many, FOLDER / "many.parquet", row_group_size=90)


if __name__ == "__main__":
    main()
