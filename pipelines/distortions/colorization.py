"""Real algorithms: colorization of a patch whose color was removed.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator, and returns uint8 RGB of the same shape.
"""

import cv2
import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from pipelines.distortions.distortion import to_uint8

# Share of the pixels whose color is known, at strength 0 and 1: from every
# fourth to about one of 64 x 64.
MOST_HINTS, FEWEST_HINTS = 0.25, 0.0003
# Added to the variance of a neighborhood, in [0, 1] squared.
VARIANCE_FLOOR = 2e-5


def propagated_color(image, strength, generator):
    """Propagates the color of a few pixels to pixels of similar lightness.

    Levin, Lischinski and Weiss, "Colorization using optimization", 2004: the
    color of a pixel is the mean of its eight neighbors' colors, weighted by
    similarity in lightness. Instead of a person's scribbles, random pixels keep
    their color, fewer at higher strength.
    """
    height, width = image.shape[:2]
    luma_chroma = cv2.cvtColor(
        image.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb
    )
    share = MOST_HINTS * (FEWEST_HINTS / MOST_HINTS) ** strength
    hints = np.zeros(height * width, bool)
    count = max(1, round(share * height * width))
    # With one seed, fewer hints are a subset of more.
    hints[generator.permutation(height * width)[:count]] = True
    weights = neighbor_weights(luma_chroma[..., 0].astype(np.float64))
    free = diags(np.where(hints, 0.0, 1.0))
    system = diags(np.ones(height * width)) - free @ weights
    chroma = luma_chroma[..., 1:].reshape(-1, 2).astype(np.float64)
    # The system determines the unknown colors, independently of these values.
    known = np.where(hints[:, None], chroma - 0.5, 0)
    spread = splu(system.tocsc()).solve(known) + 0.5
    luma_chroma[..., 1:] = spread.reshape(height, width, 2)
    return to_uint8(cv2.cvtColor(luma_chroma, cv2.COLOR_YCrCb2RGB) * 255)


def neighbor_weights(lightness):
    """Returns the weights of each pixel's neighbors; rows sum to 1.

    Args:
        lightness: float64 `(height, width)`, [0, 1].

    Returns:
        A sparse matrix of `(pixels, pixels)`.
    """
    height, width = lightness.shape
    index = np.arange(height * width).reshape(height, width)
    mean = cv2.blur(lightness, (3, 3))
    variance = cv2.blur(lightness**2, (3, 3)) - mean**2
    variance = np.maximum(variance, 0) + VARIANCE_FLOOR
    rows, columns, values = [], [], []
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            if down == across == 0:
                continue
            here = _part(height, down), _part(width, across)
            there = _part(height, -down), _part(width, -across)
            difference = lightness[here] - lightness[there]
            likeness = np.exp(-(difference**2) / (2 * variance[here]))
            rows.append(index[here].ravel())
            columns.append(index[there].ravel())
            # The constant prevents empty rows.
            values.append(likeness.ravel() + 1e-6)
    size = height * width
    weights = csr_matrix(
        (
            np.concatenate(values),
            (np.concatenate(rows), np.concatenate(columns)),
        ),
        shape=(size, size),
    )
    return diags(1 / np.asarray(weights.sum(axis=1)).ravel()) @ weights


def _part(side, step):
    """Returns the positions that have a neighbor at `step`."""
    return slice(max(0, -step), side - max(0, step))
