"""LPIPS, the perceptual image metric of Zhang et al. (CVPR 2018), in Keras."""

from keras_lpips.images.validation import ImageError
from keras_lpips.inference.distance import distance
from keras_lpips.inference.equivalents import explain
from keras_lpips.layers.dists import DISTS
from keras_lpips.layers.lpips import LPIPS
from keras_lpips.losses import DISTSLoss, LPIPSLoss
from keras_lpips.metrics.distance_metrics import DISTSMetric, LPIPSMetric
from keras_lpips.metrics.two_afc import TwoAFC
from keras_lpips.weights.npz import WeightsError

__all__ = [
    "DISTS",
    "LPIPS",
    "DISTSLoss",
    "DISTSMetric",
    "ImageError",
    "LPIPSLoss",
    "LPIPSMetric",
    "TwoAFC",
    "WeightsError",
    "distance",
    "explain",
]
__version__ = "0.1.0"
