"""The versions and digests that are recorded with a result."""

import platform
import sys

import keras
import numpy as np

import keras_lpips
from keras_lpips.weights.heads import heads_digest
from keras_lpips.weights.presets import published_weights


def describe(net: str, version: str, calibrated: bool) -> dict:
    """Returns net, version, digests of the weights and library versions."""
    backend = keras.backend.backend()
    # From the module, because the distribution's name varies (tensorflow-cpu)
    # and a checkout may not be installed.
    backend_version = getattr(sys.modules[backend], "__version__", "unknown")
    metric = "LPIPS" if calibrated else "LPIPS, off the shelf"
    return {
        "metric": "DISTS" if version == "dists" else metric,
        "net": net,
        "version": version,
        "backbone_digest": published_weights(net, version).digest,
        "heads_digest": heads_digest(net, version) if calibrated else None,
        "backend": f"{backend} {backend_version}",
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "keras_lpips": keras_lpips.__version__,
    }
