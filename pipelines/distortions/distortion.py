"""Named distortions, sequences of two, and rounding to uint8."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Distortion:
    """A type of distortion.

    Attributes:
        name: its key, "gaussian_blur".
        group: the group of similar types: "noise", "spatial", "superres".
        function: `(uint8 RGB, strength, generator) -> uint8 RGB`.
    """

    name: str
    group: str
    function: Function

    def __call__(
        self, image: np.ndarray, strength: float, generator: np.random.Generator
    ) -> np.ndarray:
        """Distorts an image.

        Args:
            image: uint8 RGB, `(height, width, 3)`, [0, 255].
            strength: in [0, 1]; at 0 the image is copied.
            generator: source of the randomness.

        Returns:
            A new array, uint8 RGB of the same shape.

        Raises:
            ValueError: the image or the strength is invalid.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                "`image` must be uint8 RGB (height, width, 3). Received: "
                f"dtype={image.dtype}, shape={image.shape}"
            )
        if not 0 <= strength <= 1:
            raise ValueError(
                f"`strength` must be in [0, 1]. Received: strength={strength}"
            )
        if strength == 0:
            return image.copy()
        return self.function(image, strength, generator)


def sequence(first: Distortion, second: Distortion) -> Distortion:
    """Returns `first`, then `second`, both with the same strength."""

    def function(image, strength, generator):
        between = first(image, strength, generator)
        return second(between, strength, generator)

    return Distortion(f"{first.name}+{second.name}", "sequence", function)


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Rounds and clips values in [0, 255] to uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
