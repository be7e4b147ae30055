"""Every signature of every net, with TensorFlow alone and by both loaders."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.keras_lpips.test_golden_values import (
    ABSOLUTE,
    DISTANCES,
    MAPS,
    NETS,
    PER_LAYER,
    SPATIAL,
    within,
)

SCRIPT = Path(__file__).with_name("tensorflow_alone.py")
LOADERS = ("run_functions", "run_session")


@pytest.fixture(scope="module")
def served(exported, exported_run, example, example_files, tmp_path_factory):
    """A function from net, loader, signature and output to the result."""
    folder = tmp_path_factory.mktemp("alone")
    arrays = {}
    for role, images, files in zip(
        ("reference", "distorted"), example, example_files, strict=True
    ):
        arrays[f"uint8_{role}"] = images
        arrays[f"float_{role}"] = (images / np.float32(127.5) - 1).astype("f4")
        arrays[f"file_{role}"] = np.array([file + b"." for file in files])
    np.savez(folder / "inputs.npz", **arrays)
    subprocess.run(
        [sys.executable, SCRIPT, "inputs.npz", "outputs.npz"]
        + [str(exported(net)) for net in NETS]
        + [str(exported_run)],
        cwd=folder,
        check=True,
    )
    with np.load(folder / "outputs.npz") as archive:
        results = dict(archive)

    def find(net, *rest):
        model = exported_run.name if net == "run" else f"lpips_{net}"
        return results[" ".join((model, *rest))]

    return find


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(
    "signature",
    ["serving_default", "distance", "uint8", "encoded", "per_layer"],
)
def test_distances_are_the_references(signature, net, loader, served):
    found = served(net, loader, signature, "distance")
    assert found.dtype == np.float32
    assert within(found, DISTANCES[net, "0.1", True])


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("net", NETS)
def test_layers_shares_are_the_references(net, loader, served):
    found = served(net, loader, "per_layer", "per_layer")
    assert within(found, PER_LAYER[net], ABSOLUTE + 5e-7)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("net", NETS)
def test_maps_are_the_references(net, loader, served):
    maps = served(net, loader, "spatial", "spatial_map")
    found = [
        (m.mean(), m.min(), m.max(), m[0, 0], m[32, 32])
        for m in maps.astype(np.float64)
    ]
    assert within(found, MAPS[net], SPATIAL)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("net", NETS)
def test_embeddings_are_the_layers(net, loader, served, example, backbone):
    from keras_lpips.inference.scorer import scorer

    found = served(net, loader, "embed", "embedding")
    score = scorer(backbone(net))
    np.testing.assert_allclose(found, score.embed(example[1]), atol=1e-6)
    distances = np.sum((found - score.embed(example[0])) ** 2, axis=-1)
    assert within(distances, DISTANCES[net, "0.1", True])


@pytest.mark.parametrize("net", NETS)
def test_both_loaders_give_the_same_bits(net, served):
    found = [served(net, loader, "distance", "distance") for loader in LOADERS]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("loader", LOADERS)
def test_a_run_gives_what_its_trained_model_does(
    loader, served, trained, example
):
    _, model = trained
    (reference, _), (p0, p1) = example
    batch = {
        "ref": np.stack([reference, reference]),
        "p0": np.stack([p0, p1]),
        "p1": np.stack([p1, p0]),
    }
    distance0, distance1, logits = model(batch)
    found = served("run", loader, "preference", "preference")
    assert found.dtype == np.float32
    expected = 1 / (1 + np.exp(-np.asarray(logits)))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    found = served("run", loader, "distance", "distance")
    np.testing.assert_allclose(found, distance0, atol=1e-6)
    np.testing.assert_allclose(found[::-1], distance1, atol=1e-6)
