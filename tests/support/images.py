"""Images made in code: equal on every machine."""

import io

import numpy as np
from PIL import Image


def random_images(batch=2, height=32, width=32, seed=0):
    """Returns uniform float32 RGB in [0, 1], `(batch, height, width, 3)`."""
    rng = np.random.default_rng(seed)
    shape = (batch, height, width, 3)
    return rng.uniform(0, 1, shape).astype(np.float32)


def draw_pair(seed, height, width, kind):
    """Returns two uint8 RGB images: blocks of three sizes, and a distortion.

    `RandomState` is a frozen stream and all arithmetic is on integers, so the
    bytes are equal everywhere.

    Args:
        seed: seed of the random stream.
        height: height of both images.
        width: width of both images.
        kind: "noise", "blur", "levels", "darker", "flipped", or "shift<n>"
            for a shift to the left by 1 to 4 pixels.
    """
    rng = np.random.RandomState(seed)
    margin = 4
    rows, columns = height + 2 * margin, width + 2 * margin
    canvas = np.zeros((rows, columns, 3), np.int64)
    for block, weight in ((32, 5), (8, 2), (2, 1)):
        grid = rng.randint(0, 256, (-(-rows // block), -(-columns // block), 3))
        blown_up = grid.repeat(block, 0).repeat(block, 1)
        canvas += weight * blown_up[:rows, :columns]
    canvas //= 8

    def crop(down=0, right=0):
        top, left = margin + down, margin + right
        return canvas[top : top + height, left : left + width]

    reference = crop()
    if kind == "noise":
        noise = rng.randint(-24, 25, reference.shape)
        distorted = np.clip(reference + noise, 0, 255)
    elif kind == "blur":
        steps = (-1, 0, 1)
        distorted = sum(crop(y, x) for y in steps for x in steps) // 9
    elif kind == "levels":
        distorted = reference // 48 * 48
    elif kind == "darker":
        distorted = reference * 3 // 4
    elif kind == "flipped":
        distorted = reference[::-1, ::-1]
    else:
        distorted = crop(0, int(kind.removeprefix("shift")))
    return reference.astype(np.uint8), distorted.astype(np.uint8)


def open_rgb(path, size=None):
    """Returns a file's pixels, resized to `(width, height)` if given."""
    with Image.open(path) as image:
        image = image.convert("RGB")
        if size:
            image = image.resize(size, Image.Resampling.BILINEAR)
        return np.array(image)


def encode_png(pixels):
    """Returns a uint8 image as the bytes of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
