"""Spatial distortions, which move pixels.

Every function takes uint8 RGB `(height, width, 3)`, a strength in [0, 1] and
a generator, and returns uint8 RGB of the same shape. Lengths are shares of
the shorter side, so they mean the same at any size of patch; pixels beyond the
border are mirrored. The paper does not give ranges; these were chosen by eye on
the contact sheet, so that strength 1 is obvious and the content is still
recognizable.
"""

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from pipelines.distortions.distortion import to_uint8

MAX_SHIFT = 1 / 8
MAX_ROTATION = np.deg2rad(20)
MAX_LOG_SCALE = np.log(1.25)
MAX_SHEAR = 0.2
MAX_CORNER_SHIFT = 1 / 6
MAX_WARP_SHIFT = 1 / 12
WARP_CONTROL_POINTS = 4
MIN_GHOST_SHIFT, MAX_GHOST_SHIFT = 1 / 16, 1 / 5
MAX_GHOST_SHARE = 0.5
MAX_ABERRATION = 1 / 16


def shift(image, strength, generator):
    """Moves the image by up to `MAX_SHIFT` in a random direction."""
    return _translate(image, _step(image, MAX_SHIFT * strength, generator))


def affine(image, strength, generator):
    """Rotates, scales and shears about the center.

    Each by a random share, at least half, of its maximum.
    """
    rotation, log_scale, shear = (
        strength
        * limit
        * generator.uniform(0.5, 1)
        * (1 if generator.random() < 0.5 else -1)
        for limit in (MAX_ROTATION, MAX_LOG_SCALE, MAX_SHEAR)
    )
    cos, sin = np.cos(rotation), np.sin(rotation)
    matrix = np.exp(log_scale) * np.array([[cos, -sin], [sin, cos]])
    matrix = matrix @ np.array([[1, shear], [0, 1]])
    center = (np.array(image.shape[1::-1]) - 1) / 2
    offset = center - matrix @ center
    return _transform(image, np.column_stack([matrix, offset]))


def homography(image, strength, generator):
    """Moves each corner by `MAX_CORNER_SHIFT` in a direction of its own."""
    height, width = image.shape[:2]
    corners = np.array(
        [[0, 0], [width, 0], [width, height], [0, height]], np.float32
    )
    steps = [
        _step(image, MAX_CORNER_SHIFT * strength, generator) for _ in corners
    ]
    matrix = cv2.getPerspectiveTransform(
        corners, corners + np.array(steps, np.float32)
    )
    return cv2.warpPerspective(
        image,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def linear_warp(image, strength, generator):
    """Displaces by linear interpolation of a grid of random displacements."""
    return _warp(image, strength, 1, generator)


def cubic_warp(image, strength, generator):
    """Displaces by cubic splines through a grid of random displacements."""
    return _warp(image, strength, 3, generator)


def ghosting(image, strength, generator):
    """Blends with a shifted copy of up to half the weight."""
    length = generator.uniform(MIN_GHOST_SHIFT, MAX_GHOST_SHIFT)
    ghost = _translate(image, _step(image, length, generator))
    share = MAX_GHOST_SHARE * strength
    return to_uint8((1 - share) * image + share * ghost)


def chromatic_aberration(image, strength, generator):
    """Moves red and blue apart by up to `MAX_ABERRATION` each.

    Lateral aberration magnifies each color differently; in a patch away from
    the axis that is a shift in one direction.
    """
    step = _step(image, MAX_ABERRATION * strength, generator)
    red = _translate(image[..., 0], step)
    blue = _translate(image[..., 2], -step)
    return np.stack([red, image[..., 1], blue], axis=-1)


def warp_field(shape, length, order, generator):
    """Returns a smooth field of displacements.

    Args:
        shape: `(height, width)`.
        length: displacement of the control points, in pixels.
        order: order of the splines between them, 1 or 3.
        generator: source of the random directions.

    Returns:
        float64 `(2, height, width)`: rows and columns, in pixels.
    """
    points = WARP_CONTROL_POINTS
    angles = generator.uniform(0, 2 * np.pi, (points, points))
    controls = length * np.stack([np.sin(angles), np.cos(angles)])
    grid = np.meshgrid(
        *(np.linspace(0, points - 1, side) for side in shape), indexing="ij"
    )
    return np.stack(
        [
            map_coordinates(control, grid, order=order, mode="mirror")
            for control in controls
        ]
    )


def _warp(image, strength, order, generator):
    shape = image.shape[:2]
    length = MAX_WARP_SHIFT * strength * min(shape)
    rows, columns = np.indices(shape) + warp_field(
        shape, length, order, generator
    )
    return remap(image, rows, columns)


def remap(image, rows, columns):
    """Samples the image at the positions `rows` and `columns`."""
    return cv2.remap(
        image,
        columns.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def _step(image, share, generator):
    """Returns a vector (x, y) of a random direction, in pixels."""
    angle = generator.uniform(0, 2 * np.pi)
    length = share * min(image.shape[:2])
    return length * np.array([np.cos(angle), np.sin(angle)])


def _translate(image, step):
    return _transform(image, np.column_stack([np.eye(2), step]))


def _transform(image, matrix):
    return cv2.warpAffine(
        image,
        matrix,
        image.shape[1::-1],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
