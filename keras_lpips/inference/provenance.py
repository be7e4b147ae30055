"""What a result was made with, to be written beside it."""

import platform
from importlib import metadata

import keras
import numpy as np

from keras_lpips.weights.heads import heads_digest
from keras_lpips.weights.presets import BACKBONE_FILES


def describe(net: str, version: str, calibrated: bool) -> dict:
    """Returns net, version, digests of the weights and library versions."""
    backend = keras.backend.backend()
    return {
        "metric": "LPIPS" if calibrated else "LPIPS, off the shelf",
        "net": net,
        "version": version,
        "backbone_digest": BACKBONE_FILES[net].digest,
        "heads_digest": heads_digest(net, version) if calibrated else None,
        "backend": f"{backend} {metadata.version(backend)}",
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "keras_lpips": metadata.version("keras-lpips"),
    }
