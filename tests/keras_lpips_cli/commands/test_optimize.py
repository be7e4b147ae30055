import json

import numpy as np
import pytest
from PIL import Image

from keras_lpips import distance
from keras_lpips.images.reader import load_image
from keras_lpips.inference import optimize_image


@pytest.fixture
def paths(photo_folders, backbone):
    backbone("alex")
    return [folder / "coffee.png" for folder in photo_folders]


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    return folder / "out.png"


def test_it_lowers_the_distance_to_that_of_the_written_image(
    command, paths, output
):
    done = command("optimize", *paths, "--steps", 15, "--output", output)
    assert (done.status, done.err) == (0, "")
    names = sorted(path.name for path in output.parent.iterdir())
    assert names == ["out-before.png", "out-curve.png", "out.json", "out.png"]
    before, after = distance(*paths), distance(paths[0], output)
    assert after < before / 2
    assert done.out.startswith(f"{before:.6f} -> {after:.6f} in 15 steps")
    result = json.loads(output.with_suffix(".json").read_text())
    assert len(result["distances"]) == 16
    assert result["distances"][-1] == pytest.approx(after, rel=1e-4)
    np.testing.assert_array_equal(
        load_image(output.parent / "out-before.png"), load_image(paths[1])
    )


@pytest.fixture
def no_descent(monkeypatch):
    """Leaves out the work: the image stays as it starts."""
    monkeypatch.setattr(
        optimize_image,
        "optimize_image",
        lambda reference, start, *_: (start, [1.0, 0.5]),
    )


def test_noise_depends_on_the_seed_alone(command, paths, output, no_descent):
    contents = []
    for seed in (1, 1, 2):
        arguments = ("--seed", seed, "--output", output)
        assert command("optimize", paths[0], *arguments).status == 0
        contents.append((output.parent / "out-before.png").read_bytes())
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_images_of_any_mode_can_be_optimized(
    command, paths, output, no_descent, mode
):
    suffix = "tif" if mode == "CMYK" else "png"
    path = output.parent.parent / f"reference.{suffix}"
    Image.open(paths[0]).convert(mode).save(path)
    for start in (path, paths[1]):
        arguments = (path, start, "--output", output)
        assert command("optimize", *arguments).status == 0
        np.testing.assert_array_equal(load_image(output), load_image(start))


@pytest.mark.parametrize("suffix", [".webp", ".tif", ".bmp"])
def test_all_lossless_formats_can_be_written(
    command, paths, output, no_descent, suffix
):
    output = output.with_suffix(suffix)
    assert command("optimize", *paths, "--output", output).status == 0
    np.testing.assert_array_equal(load_image(output), load_image(paths[1]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.jpg", "must end in .png or"),
        ("out.xyz", "must end in .png or"),
        ("out", "must end in .png or"),
        ("none/out.png", "there is no folder"),
        ("../sharp/coffee.png", "would overwrite an input"),
    ],
)
def test_an_invalid_output_is_an_error_before_the_work(
    refused, paths, output, monkeypatch, name, message
):
    monkeypatch.setattr(optimize_image, "optimize_image", None)
    output = output.parent / name
    assert message in refused("optimize", *paths, "--output", output)


@pytest.mark.parametrize(
    "option",
    [
        "--steps=0",
        "--steps=-3",
        "--steps=1.5",
        "--learning-rate=0",
        "--learning-rate=nan",
        "--learning-rate=inf",
        "--seed=-1",
    ],
)
def test_values_out_of_range_are_errors_of_usage(
    command, paths, output, option
):
    done = command("optimize", *paths, "--output", output, option)
    name, value = option.split("=")
    assert done.status == 2
    assert f"Error parsing {name}: {value!r} is not " in done.err


def test_a_huge_learning_rate_gives_an_image_and_strict_json(
    command, paths, output
):
    arguments = ("--learning-rate=1e38", "--steps=3", "--output", output)
    assert command("optimize", *paths, *arguments).status == 0
    text = output.with_suffix(".json").read_text()
    assert "NaN" not in text and "Infinity" not in text


def test_ctrl_c_leaves_nothing(command, paths, output, monkeypatch):
    steps = []

    def stop(*arguments, **keywords):
        steps.append(arguments)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return 1.0

    monkeypatch.setattr(optimize_image.TrainableImage, "train_on_batch", stop)
    done = command("optimize", *paths, "--output", output)
    assert (done.status, done.out) == (130, "")
    assert done.err == "keras-lpips: interrupted\n"
    assert list(output.parent.iterdir()) == []


def test_a_full_disk_leaves_nothing(refused, paths, small_disk, no_descent):
    output = small_disk / "out.bmp"
    (small_disk / "filler").write_bytes(bytes(36 * 1024))
    error = refused("optimize", *paths, "--output", output)
    assert "out" in error and len(list(small_disk.iterdir())) == 1


def test_sizes_that_differ_or_are_too_small_are_an_error(
    refused, paths, photo_folders, output
):
    other = photo_folders[0] / "rocket.png"
    error = refused("optimize", paths[0], other, "--output", output)
    assert "different sizes" in error and str(other) in error
    error = refused("optimize", paths[0], "--resize=20x20", "--output", output)
    assert str(paths[0]) in error and "at least 31 pixels" in error
