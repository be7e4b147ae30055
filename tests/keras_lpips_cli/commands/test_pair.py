import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from keras_lpips import distance
from keras_lpips.images.reader import read_size
from tests.support.golden_values import golden, golden_batch, within
from tests.support.images import encode_png


@pytest.fixture
def paths(photo_folders, backbone):
    backbone("alex")
    return [folder / "coffee.png" for folder in photo_folders]


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_it_prints_the_distance_of_the_reference(
    command, backbone, tmp_path, net
):
    backbone(net)
    paths = [tmp_path / "reference.png", tmp_path / "distorted.png"]
    for path, images in zip(paths, golden_batch(), strict=True):
        path.write_bytes(encode_png(images[0]))
    done = command("pair", *paths, "--net", net)
    assert (done.status, done.err) == (0, "")
    assert within(float(done.out), golden(net)["distances"][0])


def test_it_prints_what_distance_returns(command, paths):
    done = command("pair", *paths)
    assert done.out == f"{distance(*paths):.6f}\n"
    done = command("pair", *paths, "--version", "0.0", "--off-the-shelf")
    expected = distance(*paths, version="0.0", calibrated=False)
    assert float(done.out) == pytest.approx(expected, abs=2e-6)


def test_shares_of_the_layers_add_up(command, paths):
    total, *shares = command("pair", *paths, "--per-layer").out.splitlines()
    assert [line.split()[0] for line in shares] == [
        f"conv{i}" for i in range(1, 6)
    ]
    added = sum(float(line.split()[1]) for line in shares)
    assert added == pytest.approx(float(total), abs=1e-5)


def test_json_is_strict_and_alone_on_standard_output(command, paths, tmp_path):
    heat_map = tmp_path / "heat.png"
    done = command("pair", *paths, "--json", "--per-layer", "--map", heat_map)

    def refuse(constant):
        raise ValueError(constant)

    result = json.loads(done.out, parse_constant=refuse)
    assert result["distance"] == pytest.approx(distance(*paths))
    assert sum(result["per_layer"].values()) == result["distance"]
    assert result["reference"] == str(paths[0])
    assert (result["net"], result["version"]) == ("alex", "0.1")
    assert len(result["backbone_digest"]) == len(result["heads_digest"]) == 64
    assert result["map"] == str(heat_map)
    with Image.open(heat_map) as image:
        assert image.width > 500 and np.asarray(image).std() > 10


def test_a_mask_gives_the_distance_of_the_region(
    command, refused, paths, tmp_path
):
    size = read_size(paths[0])[::-1]
    mask = Image.new("L", size)
    mask.paste(255, (4, 6, 30, 40))
    path = tmp_path / "mask.png"
    mask.save(path)
    heat = tmp_path / "heat.png"
    done = command("pair", *paths, "--mask", path, "--json", "--map", heat)
    result = json.loads(done.out)
    expected = distance(*paths, mask=path)
    assert result["mask"] == str(path) and heat.exists()
    assert result["distance"] == pytest.approx(expected, rel=1e-5)
    done = command("pair", *paths, "--mask", path, "--tile", 200)
    assert float(done.out) == pytest.approx(expected, abs=1e-6)
    mask.resize((50, 50)).save(path)
    for flags in ((), ("--tile", 200)):
        message = refused("pair", *paths, "--mask", path, *flags)
        assert "mask.png are of different sizes" in message
    Image.new("L", size).save(path)
    assert "brightest pixel is 0" in refused("pair", *paths, "--mask", path)
    message = refused("pair", *paths, "--mask", path, "--saved-model", tmp_path)
    assert "--mask cannot be given" in message


def test_identical_images_print_zero(command, paths):
    assert command("pair", paths[0], paths[0]).out == "0.000000\n"


def test_names_may_hold_spaces_and_any_letters(command, paths, tmp_path):
    for name in ("a photo.png", "фото 写真 é.PNG", "-dash.png", "%s{x}.png"):
        path = tmp_path / name
        path.write_bytes(paths[0].read_bytes())
        assert command("pair", paths[0], path).out == "0.000000\n"


def test_sizes_that_differ_need_resize(command, refused, paths, photo_folders):
    other = photo_folders[0] / "rocket.png"
    error = refused("pair", paths[0], other)
    assert "64x64 and 48x48" in error and "--resize" in error
    assert str(paths[0]) in error and str(other) in error
    done = command("pair", paths[0], other, "--resize", "40x50")
    expected = distance(paths[0], other, resize=(40, 50))
    assert float(done.out) == pytest.approx(expected, abs=1e-6)


def test_errors_name_the_image(refused, paths, tmp_path):
    bad = tmp_path / "bad.png"
    assert str(bad) in refused("pair", paths[0], bad)
    bad.write_bytes(paths[0].read_bytes()[:999])
    assert str(bad) in refused("pair", bad, paths[0])
    Image.new("RGB", (30, 40)).save(bad)
    error = refused("pair", bad, bad)
    assert str(bad) in error and "at least 31 pixels" in error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("heat.xyz", "--map must end in .png or"),
        ("heat", "--map must end in .png or"),
        ("none/heat.png", "there is no folder"),
        ("sharp", "is a folder"),
        ("sharp/coffee.png", "would overwrite an input"),
    ],
)
def test_a_map_that_cannot_be_written_is_an_error_before_the_work(
    refused, paths, tmp_path, monkeypatch, name, message
):
    monkeypatch.setattr("keras_lpips.inference.scorer.get_scorer", None)
    before = sorted(tmp_path.rglob("*"))
    content = paths[0].read_bytes()
    assert message in refused("pair", *paths, "--map", tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before
    assert paths[0].read_bytes() == content


@pytest.mark.parametrize("size", ["0x8", "8", "8x", "axb", "-1x5", "8x8x8"])
def test_a_malformed_size_is_an_error_of_usage(command, paths, size):
    done = command("pair", *paths, f"--resize={size}")
    assert done.status == 2 and "is not HEIGHTxWIDTH" in done.err


# Neighbours in "inferno" differ by at most this much in a channel.
COLOR_STEP = 5


@pytest.fixture
def large_paths(tmp_path, backbone):
    """A photograph larger than a tile, and the same, quantized."""
    backbone("alex")
    pixels = skimage.data.astronaut()[:300, :250]
    paths = [tmp_path / "large.tif", tmp_path / "quantized.png"]
    Image.fromarray(pixels).save(paths[0])
    Image.fromarray(pixels // 32 * 32).save(paths[1])
    return paths


def test_tiles_change_the_memory_not_the_output(command, large_paths):
    for options in ([], ["--per-layer", "--off-the-shelf", "--version=0.0"]):
        whole = command("pair", *large_paths, *options)
        tiled = command("pair", *large_paths, *options, "--tile", 200)
        assert (tiled.status, tiled.out) == (0, whole.out)


def test_tiles_give_the_json_and_the_map_of_the_whole_image(
    command, large_paths, tmp_path
):
    pictures = [tmp_path / "whole.png", tmp_path / "tiled.png"]
    results = [
        json.loads(
            command("pair", *large_paths, "--json", "--map", picture, *tile).out
        )
        for picture, tile in zip(pictures, ([], ["--tile=180"]), strict=True)
    ]
    assert results[1].pop("tile") == 180 and "tile" not in results[0]
    assert results[1]["distance"] == pytest.approx(
        results[0]["distance"], abs=1e-6
    )
    assert results[1].keys() == results[0].keys()
    whole, tiled = (np.asarray(Image.open(path)) for path in pictures)
    difference = np.abs(whole.astype(int) - tiled)
    # Rounding moves few pixels by one of the color map's 256 colors.
    assert difference.max() <= COLOR_STEP
    assert np.mean(difference > 0) < 1e-3


def test_tiles_that_cannot_be_used_are_an_error(refused, large_paths, tmp_path):
    error = refused("pair", *large_paths, "--tile", 100)
    assert "at least 177 pixels" in error
    error = refused("pair", *large_paths, "--tile=200", "--saved-model=x")
    assert "together with --saved-model" in error
