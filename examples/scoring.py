"""Scores images through an export, with TensorFlow and without Keras.

    python -m examples.scoring --model demo/models/lpips_alex/1 \
        --images demo/distances --output demo/scores.json

Asks, of each photograph, how far its two copies are, sending the files
themselves; and which copy the trained ranking head expects to be called
closer.
"""

import argparse
import json
import sys
from pathlib import Path

# An import of these fails: who serves an export has neither.
sys.modules["keras"] = sys.modules["keras_lpips"] = None

import tensorflow as tf  # noqa: E402

from examples.photographs import CENTRES, KINDS  # noqa: E402


def main(argv=None) -> None:
    """Scores, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(argv)
    signatures = tf.saved_model.load(str(arguments.model)).signatures
    scores = {
        name: score(signatures, arguments.images, name) for name in CENTRES
    }
    for name, found in scores.items():
        print(
            f"{name}: "
            + ", ".join(f"{kind} {found[kind]:.4f}" for kind in KINDS)
            + f"; bent preferred with probability {found['preference']:.3f}"
        )
    arguments.output.write_text(json.dumps(scores, indent=2) + "\n")


def score(signatures, folder, name) -> dict[str, float]:
    """Returns the distances of a photograph's copies, and the preference.

    Args:
        signatures: of the export.
        folder: where the PNGs are.
        name: of the photograph.
    """
    files = {
        role: (folder / f"{name}_{role}.png").read_bytes()
        for role in ("reference", *KINDS)
    }
    distances = signatures["encoded"](
        reference=tf.constant([files["reference"]] * len(KINDS)),
        distorted=tf.constant([files[kind] for kind in KINDS]),
    )["distance"]
    reference, p0, p1 = (
        tf.cast(tf.io.decode_png(file, channels=3)[None], tf.float32) / 127.5
        - 1
        for file in files.values()
    )
    preference = signatures["preference"](reference=reference, p0=p0, p1=p1)
    return {
        **dict(zip(KINDS, distances.numpy().tolist(), strict=True)),
        "preference": float(preference["preference"][0]),
    }


if __name__ == "__main__":
    main()
