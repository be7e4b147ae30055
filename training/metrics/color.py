"""L2 in CIE Lab."""

import numpy as np
from skimage.color import rgb2lab


def l2_lab(reference, distorted) -> float:
    """Returns the mean squared difference in CIE Lab (D65), L in [0, 100].

    Args:
        reference: uint8 RGB, `(height, width, 3)`, [0, 255].
        distorted: the same.
    """
    return float(np.mean((rgb2lab(reference) - rgb2lab(distorted)) ** 2))
