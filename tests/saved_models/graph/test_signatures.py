"""All signatures of all nets, by both loaders of TensorFlow alone."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.golden_values import (
    ABSOLUTE,
    NETS,
    SPATIAL,
    golden,
    map_statistics,
    within,
)

SCRIPT = Path(__file__).with_name("tensorflow_alone.py")
# The session loader, which servers use, is tried with one net.
SERVED = [
    ("alex", "run_functions"),
    ("alex", "run_session"),
    ("vgg", "run_functions"),
    ("squeeze", "run_functions"),
]


@pytest.fixture(scope="module")
def results(exported, exported_run, example, example_files, tmp_path_factory):
    """Results by model, loader, signature and output."""
    folder = tmp_path_factory.mktemp("alone")
    arrays = {}
    for role, images, files in zip(
        ("reference", "distorted"), example, example_files, strict=True
    ):
        arrays[f"uint8_{role}"] = images
        arrays[f"float_{role}"] = (images / np.float32(127.5) - 1).astype("f4")
        arrays[f"file_{role}"] = np.array([file + b"." for file in files])
    np.savez(folder / "inputs.npz", **arrays)
    models = []
    for net in NETS:
        # The tests of a net that cannot be had skip, the others run.
        with contextlib.suppress(pytest.skip.Exception):
            models.append(exported(net))
    subprocess.run(
        [sys.executable, SCRIPT, "inputs.npz", "outputs.npz"]
        + [*models, exported_run],
        cwd=folder,
        check=True,
    )
    with np.load(folder / "outputs.npz") as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def served(results, exported):
    """A function from net, loader, signature and output to the result."""

    def find(net, *rest):
        return results[" ".join((exported(net).name, *rest))]

    return find


@pytest.mark.parametrize(("net", "loader"), SERVED)
@pytest.mark.parametrize(
    "signature",
    ["serving_default", "distance", "uint8", "encoded", "per_layer"],
)
def test_distances_are_those_of_the_reference(signature, net, loader, served):
    found = served(net, loader, signature, "distance")
    assert found.dtype == np.float32
    assert within(found, golden(net)["distances"][:2])


@pytest.mark.parametrize(("net", "loader"), SERVED)
def test_pairs_that_are_right_have_no_error(net, loader, served):
    errors = served(net, loader, "encoded", "error")
    assert errors.tolist() == [b"", b""]


@pytest.mark.parametrize(("net", "loader"), SERVED)
def test_shares_of_taps_are_those_of_the_reference(net, loader, served):
    found = served(net, loader, "per_layer", "per_layer")
    assert within(found, golden(net)["per_layer"][:2], ABSOLUTE + 5e-7)


@pytest.mark.parametrize(("net", "loader"), SERVED)
def test_maps_are_those_of_the_reference(net, loader, served):
    maps = served(net, loader, "spatial", "spatial_map")
    assert within(map_statistics(maps), golden(net)["maps"], SPATIAL)


@pytest.mark.parametrize(("net", "loader"), SERVED)
def test_embeddings_are_those_of_the_layer(
    net, loader, served, example, backbone
):
    from keras_lpips.inference.scorer import get_scorer

    found = served(net, loader, "embed", "embedding")
    score = get_scorer(backbone(net))
    np.testing.assert_allclose(found, score.embed(example[1]), atol=1e-6)
    distances = np.sum((found - score.embed(example[0])) ** 2, axis=-1)
    assert within(distances, golden(net)["distances"][:2])


def test_both_loaders_give_the_same_bits(served):
    loaders = ("run_functions", "run_session")
    found = [served("alex", x, "distance", "distance") for x in loaders]
    np.testing.assert_array_equal(*found)


def test_an_exported_run_gives_the_values_of_its_layer_and_head(
    results, run, example
):
    lpips, head = run.layer(), run.ranking_head()
    reference, distorted = example
    distance0 = lpips(reference, distorted)
    distance1 = lpips(reference, distorted[::-1])
    logits = np.asarray(head(distance0, distance1))
    found = results["run run_functions preference preference"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), atol=1e-6)
    found = results["run run_functions distance distance"]
    np.testing.assert_allclose(found, distance0, atol=1e-6)
