"""Computes backbone weights by k-means: the paper's "K-means".

Layer by layer, the filters are cluster centers of whitened patches of the
layer's input, and each channel is scaled to unit variance (Krähenbühl et al.,
ICLR 2016).
"""

import warnings
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import scipy
from scipy.cluster.vq import kmeans2
from scipy.linalg import eigh
from tqdm import tqdm

import keras_lpips
from keras_lpips.atomic_files import write_json
from keras_lpips.backbones.registry import build_backbone
from keras_lpips.images.reader import list_images, load_image
from keras_lpips.images.validation import ImageError
from keras_lpips.layers.normalization import scale_images
from keras_lpips.weights.npz import content_digest, file_digest, write_npz
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import warn_skipped
from training.configs import KmeansConfig
from training.model.custom_taps import VALUE_RANGE

# The authors' `magic_init.py`: mean of a channel before its ReLU.
BIAS = 0.1
# Height and width of the crops.
CROP = 128
# Crops that run through the backbone at once.
BATCH_SIZE = 32
# Iterations of k-means.
ITERATIONS = 20
# Added to each eigenvalue, as a share of the largest, to limit noise.
FLOOR = 1e-5


class TooFewPatchesError(UserError):
    """A layer has more filters than there are patches to cluster."""


def make_weights(config: KmeansConfig) -> dict[str, np.ndarray]:
    """Computes the weights and writes them with a description beside them.

    Args:
        config: the config.

    Returns:
        float32 arrays by `<layer>/<weight>`.

    Raises:
        ImageError: if a photograph cannot be read or is too small.
        TooFewPatchesError: if there are too few crops or patches.
    """
    paths, skipped = list_images(config.photos)
    warn_skipped(f"Not images in {config.photos}", skipped)
    rng = np.random.default_rng(config.seed)
    crops = _crops(paths, config.crops, rng)
    backbone = build_backbone(config.net, "float32")
    convolutions = [
        layer
        for layer in backbone.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    for layer in tqdm(convolutions, unit="layer", disable=None):
        _initialize(backbone, layer, crops, config.patches, rng)
    arrays = {
        f"{layer.name}/{variable.name}": np.asarray(variable)
        for layer in convolutions
        for variable in layer.weights
    }
    write_npz(config.output, arrays)
    write_json(
        config.output.with_suffix(".json"),
        {
            "settings": {
                name: str(value) if isinstance(value, Path) else value
                for name, value in asdict(config).items()
            },
            "photographs": {path.name: file_digest(path) for path in paths},
            "digest": content_digest(arrays),
            "versions": {
                module.__name__: module.__version__
                for module in (keras_lpips, keras, np, scipy)
            },
        },
    )
    return arrays


def _crops(paths, count, rng):
    """Returns scaled float32 crops, `(count, CROP, CROP, 3)`."""
    if len(paths) > count:
        paths = [paths[i] for i in np.sort(rng.permutation(len(paths))[:count])]
    crops = []
    for i, path in enumerate(paths):
        photograph = load_image(path)
        height, width = photograph.shape[:2]
        if min(height, width) < CROP:
            raise ImageError(f"{path} is smaller than {CROP} pixels")
        for _ in range(count // len(paths) + (i < count % len(paths))):
            top = rng.integers(height - CROP + 1)
            left = rng.integers(width - CROP + 1)
            crops.append(photograph[top : top + CROP, left : left + CROP])
    return np.asarray(scale_images(np.stack(crops), VALUE_RANGE, "0.1"))


def _initialize(backbone, layer, crops, patches, rng):
    """Sets a convolution from its input patches of the crops."""
    preceding = keras.Model(backbone.inputs[0], layer.input)
    inputs = preceding.predict(crops, BATCH_SIZE, verbose=0)
    # "same" padding is symmetric at a stride of 1.
    height, width = layer.kernel_size
    if layer.padding == "same":
        margin = ((0, 0), (height // 2,) * 2, (width // 2,) * 2, (0, 0))
        inputs = np.pad(inputs, margin)
    windows = np.lib.stride_tricks.sliding_window_view(
        inputs, (height, width), axis=(1, 2)
    )[:, :: layer.strides[0], :: layer.strides[1]]
    places = windows.shape[:3]
    count = min(patches, int(np.prod(places)))
    if count < layer.filters:
        raise TooFewPatchesError(
            f"{layer.name} has {layer.filters} filters and sees {count} "
            "patches; give more --crops or --patches"
        )
    chosen = rng.choice(np.prod(places), count, replace=False)
    # (patches, channels, height, width) to the kernel's order.
    drawn = windows[np.unravel_index(np.sort(chosen), places)]
    drawn = drawn.transpose(0, 2, 3, 1).reshape(len(drawn), -1)
    filters, responses = compute_filters(drawn, layer.filters, rng)
    mean, deviation = responses.mean(axis=0), responses.std(axis=0)
    kernel = (filters / deviation[:, None]).T.reshape(layer.kernel.shape)
    layer.kernel.assign(kernel)
    layer.bias.assign(BIAS - mean / deviation)


def compute_filters(
    patches: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns filters from clusters of patches, and their responses.

    Patches are whitened in their `count` largest principal components and
    scaled to unit length; the cluster centers, mapped back, are the filters.

    Args:
        patches: float32, `(patches, values)`.
        count: number of filters.
        rng: NumPy generator that draws the initial centers.

    Returns:
        Filters, float32 `(count, values)`, and their responses to the
        uncentered patches, float32 `(patches, count)`.
    """
    centered = patches - patches.mean(axis=0)
    size = centered.shape[1]
    kept = min(count, size)
    variances, axes = eigh(
        centered.T @ centered / len(centered),
        subset_by_index=(size - kept, size - 1),
    )
    scale = 1 / np.sqrt(np.maximum(variances, 0) + FLOOR * variances.max())
    whitening = (axes * scale).astype(np.float32)
    whitened = centered @ whitening
    lengths = np.linalg.norm(whitened, axis=1, keepdims=True)
    whitened /= np.maximum(lengths, np.finfo(np.float32).tiny)
    filters = find_cluster_centers(whitened, count, rng) @ whitening.T
    return filters, patches @ filters.T


def find_cluster_centers(
    points: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Returns the centers of k-means, float32 `(count, dimensions)`.

    Args:
        points: float32, `(points, dimensions)`, at least `count` of them.
        count: number of centers.
        rng: NumPy generator that draws the initial centers from the points.
    """
    centers = points[rng.choice(len(points), count, replace=False)]
    with warnings.catch_warnings():
        # A center without points keeps its position.
        warnings.filterwarnings("ignore", "One of the clusters is empty")
        return kmeans2(points, centers, ITERATIONS, minit="matrix")[0]
