"""Photographs that come with scikit-image, as patches."""

import numpy as np
import pytest
from skimage import data

CENTRES = {
    "astronaut": (140, 230),
    "chelsea": (150, 200),
    "coffee": (200, 300),
}


@pytest.fixture(scope="session")
def patches():
    """uint8 RGB, three of 64 x 64."""
    found = []
    for name, (row, column) in CENTRES.items():
        image = getattr(data, name)()
        found.append(image[row - 32 : row + 32, column - 32 : column + 32])
    return np.stack(found)


@pytest.fixture
def generator():
    return np.random.default_rng(0)
