"""Caffe networks with w = 1: the paper's self-supervised networks.

Watching, Puzzle, BiGAN and Split-Brain are AlexNets with local response
normalization and groups. Their authors publish a `.prototxt` and a
`.caffemodel`, which OpenCV 4 runs; OpenCV 5.0 no longer reads Caffe models.

The network receives BGR images in [0, 255] minus ImageNet's mean, as from
Caffe's tools. With `caffe-lab/...` it receives CIE Lab images with L in
[0, 100], as in Split-Brain's `deploy_lab.prototxt`.
"""

from pathlib import Path

import numpy as np
from skimage.color import rgb2lab

from training.metrics.metric import Metric, MetricError

# Caffe's mean of ILSVRC 2012 by channel: B, G, R.
MEAN_BGR = np.array([104, 117, 123], np.float32)
# Reference, `normalize_tensor`.
EPSILON = 1e-10
FULLY_CONNECTED = "InnerProduct"
# AlexNet's conv1 to conv5. Fully convolutional releases have the classifier
# after them, as convolutions.
MOST_TAPS = 5


class CaffeMetric(Metric):
    """Computes the uncalibrated distance with a Caffe network's features.

    Args:
        name: name of the metric.
        prototxt: path of the description.
        caffemodel: path of the weights.
        taps: names of the layers to compare. Defaults to `None`, the first
            five ReLUs before the first fully connected layer.
        lab: whether the network takes CIE Lab. Defaults to `False`.

    Raises:
        MetricError: if the files or the taps cannot be used.
    """

    def __init__(self, name, prototxt, caffemodel, taps=None, lab=False):
        self.name = name
        self._lab = lab
        self._net = _read(name, prototxt, caffemodel)
        layers = self._net.getLayerNames()
        known = [(x, self._net.getLayer(x).type) for x in layers]
        self.taps = taps or _activations(known)
        unknown = set(self.taps) - set(layers)
        if unknown or not self.taps:
            raise MetricError(
                f"{name}: the layers to compare must be among {list(layers)}. "
                f"Received: {self.taps}"
            )

    def distances(self, reference, distorted):
        """Returns the distance of each pair."""
        return _compare(self._embed(reference), self._embed(distorted))

    def two_distances(self, reference, distorted0, distorted1):
        """Returns a triplet's two distances from three passes."""
        embedded = self._embed(reference)
        return tuple(
            _compare(embedded, self._embed(images))
            for images in (distorted0, distorted1)
        )

    def heat_map(self, reference, distorted):
        """Returns the sum of the taps' upsampled maps, `(height, width)`."""
        import cv2

        height, width = reference.shape[:2]
        pair = (self._embed(x[None]) for x in (reference, distorted))
        return sum(
            cv2.resize(
                np.sum((a - b) ** 2, axis=1)[0],
                (width, height),
                interpolation=cv2.INTER_LINEAR,
            )
            for a, b in zip(*pair, strict=True)
        )

    def _embed(self, images):
        """Returns unit features by tap, float32 `(batch, channels, h, w)`."""
        import cv2

        if self._lab:
            pixels = rgb2lab(images).astype(np.float32)
        else:
            pixels = images[..., ::-1].astype(np.float32) - MEAN_BGR
        pixels = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        try:
            self._net.setInput(pixels)
            taps = self._net.forward(self.taps)
        except cv2.error as error:
            raise MetricError(f"{self.name}: {_sentence(error)}") from None
        return [
            tap / (np.linalg.norm(tap, axis=1, keepdims=True) + EPSILON)
            for tap in taps
        ]


def _compare(embedding0, embedding1):
    return sum(
        np.mean(np.sum((a - b) ** 2, axis=1, dtype=np.float64), axis=(1, 2))
        for a, b in zip(embedding0, embedding1, strict=True)
    )


def _activations(layers):
    taps = []
    for layer, kind in layers:
        if kind == FULLY_CONNECTED:
            break
        if kind == "ReLU":
            taps.append(layer)
    return taps[:MOST_TAPS]


def _read(name, prototxt, caffemodel):
    try:
        import cv2

        read = cv2.dnn.readNetFromCaffe
    except (ImportError, AttributeError):
        raise MetricError(
            f"{name}: Caffe models need opencv-python-headless 4; install "
            "it with `pip install 'keras-lpips[distortions]'`"
        ) from None
    for path in (prototxt, caffemodel):
        if not Path(path).is_file():
            raise MetricError(
                f"{name}: caffe/PROTOTXT,CAFFEMODEL needs two files. "
                f"Received: {path!r}, which is not a file"
            )
    try:
        net = read(str(prototxt), str(caffemodel))
    except cv2.error as error:
        raise MetricError(f"{name}: {_sentence(error)}") from None
    # The output of a fused layer cannot be read.
    net.enableFusion(False)
    return net


def _sentence(error):
    """Returns OpenCV's message without its position in the source."""
    return str(error).strip().splitlines()[0].rsplit("error: ", 1)[-1]
