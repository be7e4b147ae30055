import numpy as np
import pytest
import skimage.data

from keras_lpips import LPIPS, WeightsError
from saved_models.export import export
from training.metrics.names import find_metric

PATCH = skimage.data.astronaut()[None, 100:164, 200:264]
SHIFTED = np.roll(PATCH, 3, axis=2)


def test_an_export_gives_the_distances_of_its_layer(trunk, tmp_path):
    export(LPIPS(trunk("alex"), dtype="float32"), tmp_path / "model")
    metric = find_metric(f"savedmodel/{tmp_path / 'model'}")
    lpips = LPIPS("alex", value_range=(0, 255))
    expected = np.asarray(lpips(PATCH, SHIFTED))
    assert metric.distances(PATCH, SHIFTED) == pytest.approx(expected, rel=1e-5)
    heat = metric.heat_map(PATCH[0], SHIFTED[0])
    np.testing.assert_allclose(
        heat, lpips.spatial_map(PATCH, SHIFTED)[0], rtol=1e-4, atol=1e-6
    )


def test_a_folder_without_an_export_is_named(tmp_path):
    with pytest.raises(WeightsError, match="holds no version of a model"):
        find_metric(f"savedmodel/{tmp_path}")
