"""Writes many pairs of crops and distorted crops, as PNGs or records.

    python -m benchmarks.inputs.fake_pairs FOLDER --photos DIR --pairs 100000

Each pair is a crop of a photograph and the same crop blurred, compressed as
JPEG, or with noise, all seeded by the pair's number: FOLDER/pairs.csv and, 1000
pairs in each folder, FOLDER/000/000000_0.png and FOLDER/000/000000_1.png; with
--records also FOLDER/pairs-00000.tfrecord and so on. With --repeat the list
repeats all pairs, for a long run with few files.
"""

import argparse
import csv
import functools
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from keras_lpips.images.reader import list_images

FOLDER_PAIRS = 1000
MAX_BLUR, MAX_NOISE = 3.0, 40.0
JPEG_QUALITIES = (5, 60)


def main() -> None:
    """Writes the pairs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--records", action="store_true")
    parser.add_argument("--repeat", type=int, default=1, metavar="TIMES")
    arguments = parser.parse_args()
    write_pairs(
        arguments.folder,
        list_images(arguments.photos)[0],
        arguments.pairs,
        arguments.size,
        arguments.records,
        arguments.repeat,
    )


def write_pairs(folder, photos, count, size, records=False, repeat=1) -> None:
    """Writes pairs and their list.

    Args:
        folder: the folder to create.
        photos: paths of photographs, larger than `size`.
        count: number of pairs.
        size: height and width in pixels.
        records: whether the same pairs are written as TFRECORD, too.
        repeat: repetitions of all pairs in the list.
    """
    folder.mkdir(parents=True)
    writer = None
    listed = []
    for number in range(count):
        group, place = divmod(number, FOLDER_PAIRS)
        if not place:
            (folder / f"{group:03}").mkdir()
            if records:
                writer = _next_writer(writer, folder, group)
        files = [encode_png(image) for image in make_pair(number, photos, size)]
        names = [f"{group:03}/{number:06}_{side}.png" for side in (0, 1)]
        for name, data in zip(names, files, strict=True):
            (folder / name).write_bytes(data)
        listed.append(names)
        if records:
            writer.write(_record(*files, f"{number:06}"))
    if writer is not None:
        writer.close()
    with (folder / "pairs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("reference", "distorted"))
        for _ in range(repeat):
            rows.writerows(listed)


def make_pair(number, photos, size) -> tuple[Image.Image, Image.Image]:
    """Returns the pair with a number: a crop, and the crop distorted."""
    generator = np.random.default_rng(number)
    photo = _photo(photos[generator.integers(len(photos))])
    left = int(generator.integers(photo.width - size))
    top = int(generator.integers(photo.height - size))
    crop = photo.crop((left, top, left + size, top + size))
    kind = generator.integers(3)
    if kind == 0:
        blur = ImageFilter.GaussianBlur(generator.uniform(0, MAX_BLUR))
        return crop, crop.filter(blur)
    if kind == 1:
        file = io.BytesIO()
        quality = int(generator.integers(*JPEG_QUALITIES))
        crop.save(file, "JPEG", quality=quality)
        return crop, Image.open(file).convert("RGB")
    noise = generator.normal(
        0, generator.uniform(0, MAX_NOISE), (size, size, 3)
    )
    noisy = np.clip(np.asarray(crop) + noise, 0, 255)
    return crop, Image.fromarray(noisy.astype(np.uint8))


def encode_png(image: Image.Image) -> bytes:
    """Returns an image as PNG."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@functools.lru_cache(maxsize=32)
def _photo(path):
    return Image.open(path).convert("RGB")


def _next_writer(writer, folder, group):
    from tensorflow.io import TFRecordWriter

    if writer is not None:
        writer.close()
    return TFRecordWriter(str(folder / f"pairs-{group:05}.tfrecord"))


def _record(reference, distorted, name):
    from tensorflow.train import BytesList, Example

    example = Example()
    for key, value in (
        ("reference", reference),
        ("distorted", distorted),
        ("id", name.encode()),
    ):
        example.features.feature[key].bytes_list.CopyFrom(
            BytesList(value=[value])
        )
    return example.SerializeToString(deterministic=True)


if __name__ == "__main__":
    main()
