"""Pairs of photographs, and lists of them."""

import csv
import io

import numpy as np
from PIL import Image
from skimage import data

SIZES = (64, 48)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels_of(number, size):
    """A crop of a photograph and the crop with noise, uint8 RGB."""
    generator = np.random.default_rng(number)
    row, column = generator.integers(300, size=2)
    crop = data.astronaut()[row : row + size, column : column + size]
    noise = generator.normal(0, 1 + number, crop.shape)
    return crop, np.clip(crop + noise, 0, 255).astype(np.uint8)


def write_list(path, rows, header=("reference", "distorted")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path
