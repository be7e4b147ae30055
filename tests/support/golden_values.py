"""Distances of the reference on images made in code; tests/data holds them.

    python -m tests.support.golden_values

in the environment of `make parity` computes them again and writes the file.
"""

import functools
import json

import numpy as np
import pytest

from tests.support.images import draw_pair
from tests.support.paths import TEST_DATA

PATH = TEST_DATA / "golden_values.json"
# Published numbers and rounding differ by this: absolute, relative, of maps.
ABSOLUTE, RELATIVE, SPATIAL = 2e-6, 1e-5, 1e-5
# Seed, height, width and kind of each pair. The first two are one batch; at
# 100 and 63 pixels pools that round up and down give other sizes.
PAIRS = (
    (1, 64, 64, "noise"),
    (2, 64, 64, "blur"),
    (3, 100, 100, "levels"),
    (4, 63, 100, "shift1"),
    (5, 96, 80, "darker"),
)
NETS = ("alex", "vgg", "squeeze")
VARIANTS = (("0.1", True), ("0.0", True), ("0.1", False))


def golden(net, version="0.1", calibrated=True):
    """Returns the entry of a net: `distances`, `per_layer` and `maps`."""
    wanted = (net, version, calibrated)
    (entry,) = (
        entry
        for entry in json.loads(PATH.read_text())["entries"]
        if (entry["net"], entry["version"], entry["calibrated"]) == wanted
    )
    return entry


def golden_batch():
    """Returns the first two pairs, uint8 `(2, 64, 64, 3)` each."""
    pairs = [draw_pair(*pair) for pair in PAIRS[:2]]
    return tuple(np.stack(images) for images in zip(*pairs, strict=True))


def map_statistics(maps):
    """Returns mean, lowest, highest, and two pixels of each map."""
    return [
        [x.mean(), x.min(), x.max(), x[0, 0], x[32, 32]]
        for x in np.asarray(maps, np.float64)
    ]


def within(values, expected, absolute=ABSOLUTE):
    """Returns whether values are those of the reference, within rounding."""
    return np.asarray(values) == pytest.approx(
        np.asarray(expected), abs=absolute, rel=RELATIVE
    )


def compute(reference):
    """Returns the entries that the reference computes now.

    Args:
        reference: a `RemoteObject` of `tests.support.torch_reference`.
    """
    pairs = [
        [(x[None] / 127.5 - 1).astype(np.float32) for x in draw_pair(*pair)]
        for pair in PAIRS
    ]
    entries = []
    for net in NETS:
        for version, calibrated in VARIANTS:
            call = functools.partial(_call, reference, net, version, calibrated)
            entries.append(
                {
                    "net": net,
                    "version": version,
                    "calibrated": calibrated,
                    "distances": [call("distance", pair) for pair in pairs],
                    "per_layer": [call("per_layer", pair) for pair in pairs],
                    "maps": map_statistics(
                        [call("distance", pair, True) for pair in pairs[:2]]
                    ),
                }
            )
    return entries


def _call(reference, net, version, calibrated, method, pair, spatial=False):
    twin = (net, version, calibrated, spatial, None)
    return reference.call(method, twin, *pair)[0].tolist()


def main():
    """Writes the file."""
    from importlib.metadata import version

    from benchmarks.implementations.process import RemoteObject

    with RemoteObject(
        "tests.support.torch_reference:Reference",
        environment={"KERAS_BACKEND": "torch"},
    ) as reference:
        entries = compute(reference)
    content = {
        "source": f"lpips {version('lpips')} under torch {version('torch')}, "
        "float32, pretrained backbones; images by tests.support.images",
        "pairs": "seed, height, width, kind",
        "images": PAIRS,
        "entries": entries,
    }
    TEST_DATA.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
