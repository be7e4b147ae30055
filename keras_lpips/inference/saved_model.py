"""Runs an exported SavedModel of LPIPS in this process."""

import json
from pathlib import Path

import numpy as np

from keras_lpips.images.validation import ImageError
from keras_lpips.weights.npz import WeightsError

GRAPH_FILE = "saved_model.pb"
CARD_FILE = Path("assets.extra", "card.json")
# The fields of a card that results record.
DESCRIPTION = (
    "metric",
    "net",
    "version",
    "backbone_digest",
    "heads_digest",
    "backend",
    "keras_lpips",
    "training_run",
)


class ExportedScorer:
    """Compares NumPy batches with an exported graph, like `Scorer`.

    Args:
        folder: a model's folder, whose highest version is used, or the folder
            of one version.

    Raises:
        WeightsError: if the folder holds no export.

    All methods take uint8 RGB images `(batch, height, width, 3)` in [0, 255]
    and return NumPy arrays.
    """

    def __init__(self, folder):
        # It runs on TensorFlow with any backend of Keras.
        import tensorflow as tf

        version = find_version(folder)
        try:
            card = json.loads((version / CARD_FILE).read_text())
        except FileNotFoundError:
            raise WeightsError(
                f"{version} has no {CARD_FILE}: it was not written by "
                "saved_models.export"
            ) from None
        except (ValueError, RecursionError):
            card = None
        try:
            self.taps = card["taps"]
            self.description = {name: card[name] for name in DESCRIPTION}
        except (KeyError, TypeError):
            raise WeightsError(
                f"{version / CARD_FILE} is damaged: it is not the model card "
                "that saved_models.export writes"
            ) from None
        self.description["saved_model"] = str(version)
        self._rejection = tf.errors.InvalidArgumentError
        # Kept alive: its variables are deleted with it.
        self._model = tf.saved_model.load(str(version))

    def per_layer(self, reference, distorted):
        """Returns each tap's share, float32, `(batch, taps)`."""
        pair = {"reference": reference, "distorted": distorted}
        return self._run("per_layer", "per_layer", pair)

    def spatial_map(self, reference, distorted):
        """Returns the distances, float32, `(batch, height, width)`."""
        pair = {"reference": reference, "distorted": distorted}
        return self._run("spatial", "spatial_map", pair)

    def embed(self, images):
        """Returns vectors, float32, `(batch, features)`.

        The squared Euclidean distance of two is the distance of their images.
        """
        return self._run("embed", "embedding", {"images": images})

    def _run(self, signature, output, batches):
        scaled = {
            name: images.astype(np.float32) / np.float32(127.5) - 1
            for name, images in batches.items()
        }
        try:
            outputs = self._model.signatures[signature](**scaled)
        except self._rejection as error:
            raise ImageError(
                f"The export rejected the images: {_sentence(error.message)}"
            ) from None
        return outputs[output].numpy()


def _sentence(message):
    """Returns the message of an assertion without its location in the graph.

    Each part of the message is in brackets.
    """
    text = message.rsplit("assertion failed: ", 1)[-1].splitlines()[0]
    return text.replace("] [", " ").strip("[]")


def find_version(folder) -> Path:
    """Returns the folder of the highest version, or `folder` if it is one.

    Raises:
        WeightsError: if there is none.
    """
    folder = Path(folder)
    if (folder / GRAPH_FILE).exists():
        return folder
    versions = list_versions(folder) if folder.is_dir() else []
    if not versions:
        raise WeightsError(
            f"{folder} holds no version of a model, a folder named by an "
            "integer that saved_models.export writes"
        )
    return folder / str(versions[-1])


def list_versions(model) -> list[int]:
    """Returns the versions in a model's folder, ascending."""
    return sorted(
        int(path.name)
        for path in Path(model).iterdir()
        if path.name.isdecimal() and path.is_dir()
    )
