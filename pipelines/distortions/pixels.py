"""Back to bytes."""

import numpy as np


def to_uint8(values):
    """Rounds and clips values in [0, 255] to uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
