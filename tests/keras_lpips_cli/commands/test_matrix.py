import csv
import json

import numpy as np
import pytest
from PIL import Image

from keras_lpips import distance
from keras_lpips.inference import matrix
from keras_lpips.inference.matrix import squared_distances


@pytest.fixture(autouse=True)
def alex(backbone):
    return backbone("alex")


@pytest.fixture
def folder(photo_folders):
    """Six photographs of one size."""
    sharp, blurred = photo_folders
    for name in ("astronaut", "coffee", "chelsea"):
        (blurred / f"{name}.png").rename(sharp / f"{name}-blurred.png")
    for name in ("rocket", "retina"):
        (sharp / f"{name}.png").unlink()
    return sharp


def read(path):
    with open(path, newline="") as file:
        (corner, *columns), *rows = csv.reader(file)
    assert corner == "name" and [row[0] for row in rows] == columns
    return columns, np.array([row[1:] for row in rows], np.float64)


@pytest.mark.parametrize("options", [[], ["--off-the-shelf"]])
@pytest.mark.parametrize("batch_pixels", [1, 2 * 64 * 64, 1 << 20])
def test_it_equals_the_distances_pair_by_pair(
    command, folder, tmp_path, monkeypatch, options, batch_pixels
):
    monkeypatch.setattr(matrix, "BATCH_PIXELS", batch_pixels)
    output = tmp_path / "out.csv"
    done = command("matrix", folder, "--output", output, *options)
    assert (done.status, done.err) == (0, "")
    names, found = read(output)
    assert names == sorted(path.name for path in folder.iterdir())
    np.testing.assert_array_equal(found, found.T)
    assert not np.diag(found).any()
    for i, row in enumerate(found):
        others = [folder / name for name in names]
        expected = distance(
            [folder / names[i]] * 6, others, calibrated=not options
        )
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-9)


def test_settings_are_written_beside_it_and_nothing_else(
    command, folder, tmp_path
):
    output = tmp_path / "new" / "out.csv"
    output.parent.mkdir()
    (folder / "notes.txt").touch()
    done = command("matrix", folder, "--output", output, "--version", "0.0")
    assert done.out == f"6 x 6 distances in {output}\n"
    assert done.err == f"Not images in {folder}, skipped: 1 (notes.txt)\n"
    result = json.loads(output.with_suffix(".json").read_text())
    assert (result["version"], result["images"]) == ("0.0", 6)
    assert result["skipped"] == ["notes.txt"]
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "out.csv",
        "out.json",
    ]


def test_identical_images_are_exactly_zero_apart(
    command, folder, tmp_path, monkeypatch
):
    content = (folder / "coffee.png").read_bytes()
    for name in ("a.png", "z.png"):
        (folder / name).write_bytes(content)
    monkeypatch.setattr(matrix, "BATCH_PIXELS", 3 * 64 * 64)
    output = tmp_path / "out.csv"
    command("matrix", folder, "--output", output)
    names, found = read(output)
    same = [names.index(name) for name in ("a.png", "coffee.png", "z.png")]
    assert not found[np.ix_(same, same)].any()
    assert (found > 0).sum() == 8 * 7 - 3 * 2


def test_features_kept_on_the_disk_give_the_same_bytes(
    command, folder, tmp_path, monkeypatch
):
    contents = []
    for limit in (1 << 30, 0):
        monkeypatch.setattr(matrix, "MEMORY_BYTES", limit)
        command("matrix", folder, "--output", tmp_path / "out.csv")
        contents.append((tmp_path / "out.csv").read_bytes())
    assert contents[0] == contents[1]


def test_features_that_do_not_fit_on_the_disk_are_one_sentence(
    refused, folder, small_disk, monkeypatch
):
    monkeypatch.setattr(matrix, "MEMORY_BYTES", 0)
    error = refused("matrix", folder, "--output", small_disk / "out.csv")
    assert f"{small_disk}: No space left on device" in error
    assert list(small_disk.iterdir()) == []


def test_one_image_has_a_matrix_of_zero(command, folder, tmp_path):
    for path in folder.iterdir():
        if path.name != "coffee.png":
            path.unlink()
    command("matrix", folder, "--output", tmp_path / "out.csv")
    names, found = read(tmp_path / "out.csv")
    assert names == ["coffee.png"] and found.tolist() == [[0.0]]


def test_sizes_that_differ_need_resize(command, refused, folder, tmp_path):
    output = tmp_path / "out.csv"
    image = Image.open(folder / "coffee.png").resize((40, 50))
    image.save(folder / "small.png")
    error = refused("matrix", folder, "--output", output)
    assert "small.png is 40x50" in error and "--resize" in error
    assert not output.exists()
    assert command("matrix", folder, "--output", output, "--resize=32x48").out
    names, found = read(output)
    pair = folder / "coffee.png", folder / "small.png"
    expected = distance(*pair, resize=(32, 48))
    position = names.index("coffee.png"), names.index("small.png")
    assert found[position] == pytest.approx(expected, rel=1e-4)


def test_the_exif_orientation_changes_the_size(command, folder, tmp_path):
    for path in folder.iterdir():
        Image.open(path).resize((64, 40)).save(path)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(folder / "coffee.png").resize((40, 64))
    for suffix in ("tif", "jpg"):
        image.save(folder / f"turned.{suffix}", exif=exif)
    output = tmp_path / "out.csv"
    assert command("matrix", folder, "--output", output).status == 0


def test_an_invalid_image_fails_the_run_and_is_named(refused, folder, tmp_path):
    output = tmp_path / "out.csv"
    path = folder / "rocket.png"
    path.write_bytes((folder / "coffee.png").read_bytes()[:3000])
    assert str(path) in refused("matrix", folder, "--output", output)
    path.unlink()
    for path in folder.iterdir():
        Image.new("RGB", (20, 20)).save(path)
    error = refused("matrix", folder, "--output", output)
    assert str(folder) in error and "at least 31 pixels" in error
    assert sorted(tmp_path.glob("out*")) == []


def test_squared_distances_are_those_of_the_definition():
    vectors = np.random.default_rng(0).normal(size=(5, 40_000))
    vectors = vectors.astype(np.float32)
    vectors[3] = vectors[1]
    found = squared_distances(vectors)
    wide = vectors.astype(np.float64)
    expected = ((wide[:, None] - wide[None]) ** 2).sum(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert found.dtype == np.float64
