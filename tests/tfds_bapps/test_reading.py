import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tests.support.fake_bapps import files, write_tree
from tfds_bapps import Builder, read_triplets

COUNTS = {"val/cnn": 7, "val/color": 4}


@pytest.fixture(scope="module", params=["tfrecord", "array_record"])
def data_dir(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    builder = Builder(
        data_dir=folder / "data",
        config="twoafc",
        source=write_tree(folder / "tree", files(COUNTS)),
        file_format=request.param,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=3)
    )
    return folder / "data"


def names(dataset):
    return [
        f"{example['subset'].decode()}/{int(example['id'])}"
        for example in dataset.as_numpy_iterator()
    ]


EVERY = [f"cnn/{i}" for i in range(7)] + [f"color/{i}" for i in range(4)]
BOTH = ("val_cnn", "val_color")


def test_splits_are_read_in_the_order_of_their_names(data_dir):
    assert names(read_triplets("twoafc", BOTH, data_dir)) == EVERY


@pytest.mark.parametrize("value_range", [(-1, 1), (0, 1), (0, 255)])
def test_patches_come_in_the_stated_range(data_dir, value_range):
    low, high = value_range
    raw = read_triplets("twoafc", BOTH, data_dir, value_range=(0, 255))
    scaled = read_triplets("twoafc", BOTH, data_dir, value_range=value_range)
    for a, b in zip(raw, scaled, strict=True):
        expected = a["ref"].numpy() / 255 * (high - low) + low
        np.testing.assert_allclose(b["ref"], expected, atol=1e-6 * high)
        assert b["ref"].dtype == tf.float32
        assert b["judge"].dtype == tf.float32


@pytest.mark.parametrize("cache", [False, True, "file"])
def test_batches_keep_order_and_the_last_is_shorter(tmp_path, data_dir, cache):
    cache = tmp_path / cache if cache == "file" else cache
    dataset = read_triplets("twoafc", BOTH, data_dir, batch_size=4, cache=cache)
    assert dataset.element_spec["p1"].shape == (None, 8, 8, 3)
    for _ in range(2):
        ids = [example["id"] for example in dataset.as_numpy_iterator()]
        assert [len(batch) for batch in ids] == [4, 4, 3]
        assert [int(i) for i in np.concatenate(ids)] == [
            int(name.split("/")[1]) for name in EVERY
        ]


@pytest.mark.parametrize("host_count", [1, 3, 5])
def test_each_triplet_goes_to_one_host(data_dir, host_count):
    shares = [
        names(
            read_triplets(
                "twoafc",
                BOTH,
                data_dir,
                host_index=index,
                host_count=host_count,
            )
        )
        for index in range(host_count)
    ]
    assert sorted(sum(shares, [])) == sorted(EVERY)
    lengths = list(map(len, shares))
    assert max(lengths) - min(lengths) <= len(BOTH)


@pytest.mark.parametrize("cache", [False, True])
def test_a_seed_gives_the_same_shuffled_epochs(data_dir, cache):
    def epochs(seed):
        dataset = read_triplets(
            "twoafc", BOTH, data_dir, shuffle_seed=seed, cache=cache
        )
        return [names(dataset), names(dataset)]

    first = epochs(1)
    assert first == epochs(1)
    assert first[0] != first[1]
    assert first[0] != EVERY
    assert sorted(first[0]) == sorted(first[1]) == sorted(EVERY)


def test_patches_of_several_sizes_cannot_be_batched(tmp_path, prepare):
    made = files({"val/cnn": 2}) | files({"val/color": 2}, size=(9, 9))
    prepare(write_tree(tmp_path / "tree", made))
    with pytest.raises(ValueError, match="read bapps/twoafc_64"):
        read_triplets("twoafc", BOTH, tmp_path / "data", batch_size=2)
    assert len(names(read_triplets("twoafc", BOTH, tmp_path / "data"))) == 4
    one = read_triplets("twoafc", "val_color", tmp_path / "data", batch_size=2)
    assert one.element_spec["ref"].shape == (None, 9, 9, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"splits": "val_nope"}, "`splits` must be among"),
        ({"splits": []}, "`splits` must be among"),
        ({"value_range": (1, 0)}, "ascending pair"),
        ({"host_index": 2, "host_count": 2}, "`host_index` must be in"),
        ({"host_count": 99}, "`host_count` leaves host 0 without"),
    ],
)
def test_invalid_arguments_are_rejected(data_dir, wrong, message):
    arguments = {"splits": "val_cnn"} | wrong
    with pytest.raises(ValueError, match=message):
        read_triplets("twoafc", data_dir=data_dir, **arguments)
