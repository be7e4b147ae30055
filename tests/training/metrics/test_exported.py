import numpy as np
import pytest
import skimage.data

from keras_lpips import LPIPS, WeightsError
from saved_models.store.exporter import export
from training.metrics.registry import find_metric

PATCH = skimage.data.astronaut()[None, 100:164, 200:264]
SHIFTED = np.roll(PATCH, 3, axis=2)


@pytest.fixture(scope="module")
def model(backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "model"
    export(LPIPS(backbone("alex"), dtype="float32"), folder)
    return folder


def test_an_export_gives_the_distances_of_its_layer(model):
    metric = find_metric(f"savedmodel/{model}")
    lpips = LPIPS("alex", value_range=(0, 255))
    expected = np.asarray(lpips(PATCH, SHIFTED))
    assert metric.distances(PATCH, SHIFTED) == pytest.approx(expected, rel=1e-5)
    heat = metric.heat_map(PATCH[0], SHIFTED[0])
    np.testing.assert_allclose(
        heat, lpips.spatial_map(PATCH, SHIFTED)[0], rtol=1e-4, atol=1e-6
    )


def test_three_passes_per_triplet_give_its_two_distances(model):
    metric = find_metric(f"savedmodel/{model}")
    rng = np.random.default_rng(0)
    triplets = rng.integers(0, 256, (3, 19, 64, 64, 3), np.uint8)
    reference, first, second = triplets
    expected = [metric.distances(reference, x) for x in (first, second)]
    embed, embedded = metric._exported.embed, []
    metric._exported.embed = lambda x: embedded.extend(x) or embed(x)
    metric._exported.per_layer = None
    found = metric.two_distances(reference, first, second)
    assert len(embedded) == 3 * 19
    assert len({image.tobytes() for image in embedded}) == 3 * 19
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert metric.two_distances(reference, reference, first)[0].max() == 0


def test_a_folder_without_an_export_is_named(tmp_path):
    with pytest.raises(WeightsError, match="holds no version of a model"):
        find_metric(f"savedmodel/{tmp_path}")
