"""The model card: what was exported, and its difference from the layer."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_lpips import DISTS
from keras_lpips.atomic_files import write_json
from keras_lpips.inference.provenance import describe
from keras_lpips.inference.saved_model import CARD_FILE
from keras_lpips.layers.image_distance import ImageDistance
from keras_lpips.weights.npz import content_digest
from saved_models.graph.signatures import PREFERENCE, Signature

PARITY_SEED = 0
# Shape of the images on which parity is measured. At odd sizes, pooling layers
# that round differently give other values.
PARITY_SHAPE = (2, 67, 100, 3)
EXAMPLE = {
    "REST": {
        "path": "POST /v1/models/MODEL:predict",
        "body": {
            "signature_name": "encoded",
            "instances": [
                {
                    "reference": {"b64": "BASE64 OF A PNG OR JPEG"},
                    "distorted": {"b64": "BASE64 OF A PNG OR JPEG"},
                }
            ],
        },
        "answer": {
            "predictions": [
                {"distance": "NUMBER, OR NaN", "error": "EMPTY, OR A SENTENCE"}
            ]
        },
    }
}


def make_card(
    lpips: ImageDistance,
    signatures: dict[str, Signature],
    folder: Path,
    max_pixels: int,
    resize: tuple[int, int] | None,
    run=None,
) -> dict:
    """Returns the card of a SavedModel.

    Args:
        lpips: the layer that was exported.
        signatures: `Signature` by name.
        folder: the folder of the SavedModel.
        max_pixels: see `Signatures`.
        resize: see `Signatures`.
        run: the `TrainedRun` of the layer. Defaults to `None`.
    """
    # With custom taps, the layer's own net is a model.
    net = run.recipe.net if run else lpips.net
    about = describe(net, lpips.version, getattr(lpips, "calibrated", True))
    if run is not None:
        about["metric"] = "LPIPS, trained by training.train"
    return {
        **about,
        **weight_digests(lpips),
        "tensorflow": tf.__version__,
        "training_run": run and run.description(),
        "taps": lpips.taps,
        "value_range": {
            "float32": list(lpips.value_range),
            "uint8": [0, 255],
            "encoded": "PNG or JPEG; the EXIF orientation is not applied",
        },
        "smallest_size": lpips.smallest_size,
        "max_pixels": max_pixels,
        "encoded_resize": resize and list(resize),
        "signatures": {
            name: {
                input_name: f"{spec.dtype.name} {spec.shape.as_list()}"
                for input_name, spec in signature.inputs.items()
            }
            for name, signature in signatures.items()
        },
        "parity": measure_parity(lpips, folder, run),
        "example_request": EXAMPLE,
    }


def weight_digests(lpips: ImageDistance) -> dict[str, str | None]:
    """Returns the digests of the layer's current weights."""
    backbone = {
        f"{layer.name}/{variable.name}": _values(variable)
        for layer in lpips.backbone.layers
        for variable in layer.weights
    }
    heads = {}
    if isinstance(lpips, DISTS):
        heads = {"alpha": _values(lpips.alpha), "beta": _values(lpips.beta)}
    elif lpips.calibrated:
        heads = {
            f"{tap}/kernel": _values(head.kernel)
            for tap, head in zip(lpips.taps, lpips.heads, strict=True)
        }
    return {
        "backbone_digest": content_digest(backbone),
        "heads_digest": content_digest(heads) if heads else None,
    }


def measure_parity(lpips: ImageDistance, folder: Path, run=None) -> dict:
    """Returns the largest difference between a SavedModel and its layer.

    For a run, also that between `preference` and the run's ranking head.
    """
    generator = np.random.default_rng(PARITY_SEED)
    reference, p0, p1 = (
        generator.uniform(-1, 1, PARITY_SHAPE).astype(np.float32)
        for _ in range(3)
    )
    served = tf.saved_model.load(str(folder)).signatures
    found = served["distance"](reference=reference, distorted=p0)["distance"]
    parity = {
        "against": f"keras_lpips.{lpips.__class__.__name__}, uniform noise",
        "shape": list(PARITY_SHAPE),
        "seed": PARITY_SEED,
        "largest_difference": _largest(found, lpips(reference, p0)),
    }
    if run is not None:
        found = served[PREFERENCE](reference=reference, p0=p0, p1=p1)
        logits = run.ranking_head()(lpips(reference, p0), lpips(reference, p1))
        parity["largest_difference_of_preference"] = _largest(
            found[PREFERENCE], keras.ops.sigmoid(logits)
        )
    return parity


def _largest(found, expected):
    return float(np.abs(_values(found) - _values(expected)).max())


def write_card(folder: Path, card: dict) -> None:
    """Writes the card into the folder of a version."""
    path = Path(folder, CARD_FILE)
    path.parent.mkdir(exist_ok=True)
    write_json(path, card)


def _values(tensor):
    return keras.ops.convert_to_numpy(tensor)
