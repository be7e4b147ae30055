import keras
import numpy as np
import pytest
from PIL import Image

from keras_lpips.layers.upsampling import upsample
from keras_lpips_cli.plots import (
    BAND_ROWS,
    map_bands,
    shrink_bands,
    write_tiled_heat_map,
)


def random_maps(*sizes):
    random = np.random.default_rng(0)
    return [random.random(size, np.float32) for size in sizes]


@pytest.mark.parametrize("size", [(577, 130), (33, 1500), (64, 64)])
def test_bands_are_the_whole_map(size):
    maps = random_maps(
        size, [x // 2 for x in size], [x // 16 for x in size], (1, 1)
    )
    whole = sum(upsample(x[None], *size) for x in maps)
    bands = list(map_bands(maps, *size))
    assert len(bands) == -(-size[0] // BAND_ROWS)
    np.testing.assert_allclose(
        np.concatenate(bands),
        keras.ops.convert_to_numpy(whole)[0],
        atol=1e-6,
    )


def test_bands_but_the_last_are_a_multiple_of_rows():
    rows = [len(band) for band in map_bands(random_maps((9, 9)), 1000, 9, 7)]
    assert sum(rows) == 1000 and all(count % 7 == 0 for count in rows[:-1])


def test_shrinking_takes_means_of_cut_squares_too():
    image = np.arange(5 * 7 * 3).reshape(5, 7, 3)
    found = shrink_bands([image[:2], image[2:4], image[4:]], 2)
    assert found.shape == (3, 4, 3) and found.dtype == np.float32
    for row in range(3):
        for column in range(4):
            square = image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_allclose(
                found[row, column], square.mean((0, 1)), rtol=1e-6
            )
    np.testing.assert_array_equal(shrink_bands([image], 1), image)


def test_a_large_map_is_drawn_from_means(tmp_path):
    images = np.random.default_rng(0).integers(
        0, 256, (2, 4200, 40, 3), "uint8"
    )
    path = tmp_path / "heat.png"
    write_tiled_heat_map(path, images, random_maps((260, 3)), "title")
    with Image.open(path) as picture:
        assert np.asarray(picture).std() > 10
