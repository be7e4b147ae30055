"""Random images for benchmarks."""

import numpy as np

SEED = 0


def draw_images(shape) -> list[np.ndarray]:
    """Returns two batches of noise.

    Args:
        shape: `(batch, height, width)`.

    Returns:
        float32, `(batch, height, width, 3)`, [-1, 1].
    """
    random = np.random.default_rng(SEED)
    return [random.random((*shape, 3), np.float32) * 2 - 1 for _ in range(2)]
