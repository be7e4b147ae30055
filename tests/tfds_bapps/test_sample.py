"""The 74 real triplets, prepared and read back."""

import io

import numpy as np
import pytest
from PIL import Image

from tfds_bapps import read_triplets

COUNTS = {
    "val_traditional": 25,
    "val_superres": 20,
    "val_deblur": 14,
    "val_color": 6,
    "val_cnn": 5,
    "val_frameinterp": 4,
}


@pytest.fixture
def sample(shared_data):
    return shared_data / "bapps_sample" / "dataset"


@pytest.mark.parametrize("config", ["twoafc", "twoafc_64"])
def test_real_triplets_are_read_back_exactly(tmp_path, prepare, sample, config):
    builder = prepare(sample, config)
    lengths = {s: i.num_examples for s, i in builder.info.splits.items()}
    assert lengths == COUNTS
    for split in COUNTS:
        folder = sample / "2afc" / split.replace("_", "/", 1)
        dataset = read_triplets(
            config, split, tmp_path / "data", value_range=(0, 255)
        )
        read = list(dataset.as_numpy_iterator())
        names = sorted(path.stem for path in (folder / "ref").iterdir())
        assert [example["id"].decode() for example in read] == names
        for example, name in zip(read, names, strict=True):
            judge = np.load(folder / "judge" / f"{name}.npy")
            assert example["judge"] == judge[0]
            for role in ("ref", "p0", "p1"):
                image = Image.open(folder / role / f"{name}.png")
                image = image.convert("RGB")
                if config == "twoafc_64":
                    image = image.resize((64, 64), Image.Resampling.BILINEAR)
                np.testing.assert_array_equal(
                    example[role], np.asarray(image, np.float32)
                )


def test_the_odd_size_keeps_its_size(tmp_path, prepare, sample):
    builder = prepare(sample, subset="color")
    image = (sample / "2afc/val/color/ref/003422.png").read_bytes()
    assert Image.open(io.BytesIO(image)).size == (252, 252)
    shapes = {
        example["id"].decode(): example["ref"].shape
        for example in builder.as_dataset(split="val_color").as_numpy_iterator()
    }
    assert shapes.pop("003422") == (252, 252, 3)
    assert set(shapes.values()) == {(256, 256, 3)}
