r"""Makes the paper's "K-means": a backbone whose filters are clusters of
patches.

    python -m training.kmeans --photos DIR --output kmeans.npz
    python -m training.evaluate --metrics kmeans/kmeans.npz ...

Layer by layer, without labels: k-means over whitened patches of what the layer
receives, then each channel is scaled to unit variance (Krähenbühl et al., ICLR
2016). `kmeans.json` beside the weights says what they were made of. Half
a minute on one core.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import simple_parsing
from tqdm import tqdm

from keras_lpips.atomic_files import write_json
from keras_lpips.backbones.registry import BACKBONES, build_backbone
from keras_lpips.images.reader import list_images, load_image
from keras_lpips.images.validation import ImageError
from keras_lpips.layers.normalization import scale_images
from keras_lpips.weights.npz import content_digest, file_digest, write_npz
from pipelines.program import parse, run
from training.data.patch_clusters import filters_of
from training.model.custom_taps import VALUE_RANGE

# The authors' program, `magic_init.py`: mean of a channel before its ReLU.
BIAS = 0.1
# Height and width of the crops.
CROP = 128
# Crops that run through the backbone at once.
BATCH_SIZE = 32


class TooFewPatches(ValueError):
    """A layer has more filters than patches to cluster."""


@dataclass(frozen=True)
class Settings:
    """What is made, and of what."""

    photos: str
    """Folder of photographs."""
    output: str
    """The file of weights, an `.npz`."""
    net: str = simple_parsing.choice(*sorted(BACKBONES), default="alex")
    """The net; the paper has alex."""
    crops: int = 400
    """Crops of the photographs that each layer sees."""
    patches: int = 10000
    """Patches that are clustered for each layer."""
    seed: int = 0
    """Of crops, patches and first clusters."""

    def __post_init__(self):
        """Refuses another kind of file, and what is no count."""
        if not self.output.endswith(".npz"):
            raise ValueError(f"--output must be an .npz, not {self.output}")
        if min(self.crops, self.patches) < 1:
            raise ValueError("--crops and --patches must be positive")


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and makes the weights; returns the status."""
    settings = parse("kmeans", __doc__, Settings, argv)
    return run(
        "kmeans",
        lambda: make(settings),
        "the weights are not written",
        ImageError,
        TooFewPatches,
    )


def make(settings: Settings) -> dict[str, np.ndarray]:
    """Makes the weights and writes them, with a description beside them.

    Returns:
        float32 arrays by `<layer>/<weight>`.

    Raises:
        ImageError: if a photograph cannot be read or is too small.
        TooFewPatches: if there are too few crops or patches.
    """
    paths = list_images(settings.photos)
    rng = np.random.default_rng(settings.seed)
    crops = _crops(paths, settings.crops, rng)
    backbone = build_backbone(settings.net, "float32")
    convolutions = [
        layer
        for layer in backbone.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    for layer in tqdm(convolutions, unit="layer", disable=None):
        _initialize(backbone, layer, crops, settings.patches, rng)
    arrays = {
        f"{layer.name}/{variable.name}": np.asarray(variable)
        for layer in convolutions
        for variable in layer.weights
    }
    write_npz(settings.output, arrays)
    write_json(
        Path(settings.output).with_suffix(".json"),
        {
            "settings": asdict(settings),
            "photographs": {path.name: file_digest(path) for path in paths},
            "digest": content_digest(arrays),
            "versions": {
                name: metadata.version(name)
                for name in ("keras-lpips", "numpy", "scipy", "tensorflow")
            },
        },
    )
    return arrays


def _crops(paths, count, rng):
    """Scaled float32 crops, `(count, CROP, CROP, 3)`, of all photographs."""
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
    """Sets a convolution from what the layers before it make of the crops."""
    received = keras.Model(backbone.inputs[0], layer.input)
    before = received.predict(crops, BATCH_SIZE, verbose=0)
    # Padded alike on every side, which "same" is at a stride of 1.
    height, width = layer.kernel_size
    if layer.padding == "same":
        margin = ((0, 0), (height // 2,) * 2, (width // 2,) * 2, (0, 0))
        before = np.pad(before, margin)
    windows = np.lib.stride_tricks.sliding_window_view(
        before, (height, width), axis=(1, 2)
    )[:, :: layer.strides[0], :: layer.strides[1]]
    places = windows.shape[:3]
    count = min(patches, int(np.prod(places)))
    if count < layer.filters:
        raise TooFewPatches(
            f"{layer.name} has {layer.filters} filters and sees {count} "
            "patches; give more --crops or --patches"
        )
    chosen = rng.choice(np.prod(places), count, replace=False)
    # (patches, channels, height, width) to the kernel's own order.
    drawn = windows[np.unravel_index(np.sort(chosen), places)]
    drawn = drawn.transpose(0, 2, 3, 1).reshape(len(drawn), -1)
    filters, responses = filters_of(drawn, layer.filters, rng)
    mean, deviation = responses.mean(axis=0), responses.std(axis=0)
    kernel = (filters / deviation[:, None]).T.reshape(layer.kernel.shape)
    layer.kernel.assign(kernel)
    layer.bias.assign(BIAS - mean / deviation)


if __name__ == "__main__":
    sys.exit(main())
