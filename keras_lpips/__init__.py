"""LPIPS, the perceptual image metric of Zhang et al. (CVPR 2018), in Keras."""

from keras_lpips.agreement import TwoAFC
from keras_lpips.image_checks import ImageError
from keras_lpips.image_distance import distance
from keras_lpips.layer import LPIPS
from keras_lpips.loss import LPIPSLoss
from keras_lpips.metric import LPIPSMetric
from keras_lpips.weights.arrays import WeightsError

__all__ = [
    "LPIPS",
    "ImageError",
    "LPIPSLoss",
    "LPIPSMetric",
    "TwoAFC",
    "WeightsError",
    "distance",
]
__version__ = "0.1.0"
