"""Near-duplicates: all that brute force finds, and nothing else."""

import csv
import itertools
import json
from functools import partial

import numpy as np
import pytest
from skimage import data

from keras_lpips.inference.scorer import get_scorer
from pipelines import find_duplicates
from pipelines.near_duplicates import job
from pipelines.near_duplicates.embedding import Embedder
from tests.support.beam_engines import PROCESSES
from tests.support.fake_pairs import png

pytestmark = pytest.mark.usefixtures("quiet_workers")
THRESHOLD = 0.05


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two sizes of crops; some near to each other, one twice, one damaged."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    pixels = {}
    for number in range(8):
        size = (64, 48)[number % 2]
        row, column = 40 * number, 50 * number % 400
        crop = data.astronaut()[row : row + size, column : column + size]
        for copy, noise in enumerate((0, 3, 8, 20)):
            noisy = crop + generator.normal(0, noise, crop.shape)
            noisy = np.clip(noisy, 0, 255).astype(np.uint8)
            pixels[folder / f"{number}_{copy}.png"] = noisy
    pixels[folder / "a" / "again.png"] = pixels[folder / "0_1.png"]
    for path, image in pixels.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(image))
    return pixels


@pytest.fixture(scope="module")
def brute_force(images, backbone):
    """Distances of all pairs of one size, by name, under the threshold."""
    score = get_scorer(backbone("alex"))
    near = {}
    for first, second in itertools.combinations(sorted(images, key=str), 2):
        pair = images[first][None], images[second][None]
        if pair[0].shape == pair[1].shape:
            near[str(first), str(second)] = float(score.distance(*pair)[0])
    return near


def argv(images, output, *flags):
    pattern = f"{min(images).parent}/**.png"
    words = ["--images", pattern, "--output", output, *flags]
    return list(map(str, words))


def table(output):
    with output.open() as file:
        return {
            (row["first"], row["second"]): float(row["distance"])
            for row in csv.DictReader(file)
        }


def test_what_is_found_is_what_brute_force_finds(images, brute_force, tmp_path):
    output = tmp_path / "near.csv"
    # Several runs, so that pairs lie within a block and between two.
    flags = ("--threshold", THRESHOLD, "--shard-images", 10)
    assert find_duplicates.main(argv(images, output, *flags)) == 0
    found = table(output)
    assert list(found) == sorted(found)
    expected = {k: d for k, d in brute_force.items() if d <= THRESHOLD}
    assert found == pytest.approx(expected, abs=1e-6)
    assert 5 < len(found) < len(brute_force) / 2
    (twice,) = (pair for pair, distance in found.items() if not distance)
    assert any(name.endswith("again.png") for name in twice)
    made = json.loads((tmp_path / "near.json").read_text())
    assert (made["images"], made["pairs"], made["failed"]) == (
        len(images),
        len(found),
        {},
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "near.csv",
        "near.json",
    }

    two = tmp_path / "two.csv"
    beam = ("--", *PROCESSES)
    assert find_duplicates.main(argv(images, two, *flags, *beam)) == 0
    assert two.read_bytes() == output.read_bytes()


def test_a_large_threshold_finds_every_pair_of_one_size(
    images, brute_force, tmp_path
):
    output = tmp_path / "near.csv"
    assert find_duplicates.main(argv(images, output, "--threshold", 9)) == 0
    assert table(output) == pytest.approx(brute_force, abs=1e-6)


def test_blocks_are_cut_by_size_and_bytes(images, tmp_path, monkeypatch):
    output = tmp_path / "near.csv"
    flags = ("--threshold", 9, "--batch-pixels", 64 * 64 * 2)
    assert find_duplicates.main(argv(images, output, *flags)) == 0
    whole = table(output)
    monkeypatch.setattr(
        "pipelines.near_duplicates.job.Embedder",
        partial(Embedder, block_bytes=600_000),
    )
    assert find_duplicates.main(argv(images, output, *flags)) == 0
    assert table(output) == whole


def test_invalid_images_are_named_and_tolerated_when_asked(
    images, brute_force, tmp_path, capsys
):
    output = tmp_path / "near.csv"
    damaged = min(images).parent / "damaged.png"
    damaged.write_text("no image")
    pattern = ("--images", f"{damaged.parent}/**")
    notes = damaged.with_name("notes.txt")
    notes.write_text("no image")
    try:
        assert find_duplicates.main(argv(images, output)) == 1
        error = capsys.readouterr().err
        assert "1 of 34 images are invalid, and --tolerate allows 0" in error
        assert "damaged.png is not an image that can be read" in error
        assert not output.exists()
        tolerant = argv(images, output, "--tolerate", 1, *pattern)
        assert find_duplicates.main(tolerant) == 0
    finally:
        damaged.unlink()
        notes.unlink()
    record = json.loads(output.with_suffix(".json").read_text())
    assert record["skipped"] == [str(notes)] and len(record["failed"]) == 1
    expected = {k: d for k, d in brute_force.items() if d <= THRESHOLD}
    assert table(output).keys() == expected.keys()
    assert "skipped: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage", ["nothing", "missing", "cut", "plan.json", "run-00000.json"]
)
def test_a_stopped_search_resumes_and_damage_is_noticed(
    damage, images, tmp_path, monkeypatch, capsys
):
    output, whole = tmp_path / "near.csv", tmp_path / "whole.csv"
    flags = ("--images", f"{min(images).parent}/0_*.png")
    assert find_duplicates.main(argv(images, whole, *flags)) == 0

    def stop(*arguments):
        raise OSError(28, "stopped")

    with monkeypatch.context() as patch:
        patch.setattr(job, "_search", stop)
        assert find_duplicates.main(argv(images, output, *flags)) == 1
    work = tmp_path / "near.csv.work"
    (block,) = work.glob("block-*")
    content = block.read_bytes()
    if damage == "missing":
        block.unlink()
    elif damage == "cut":
        block.write_bytes(content[:-9])
    elif damage != "nothing":
        (work / damage).write_bytes(b"\xff")
    capsys.readouterr()
    status = find_duplicates.main(argv(images, output, *flags))
    if damage == "run-00000.json":
        (error,) = capsys.readouterr().err.splitlines()
        assert status == 1 and f"{work}/{damage} is damaged" in error
        return
    assert status == 0 and output.read_bytes() == whole.read_bytes()
    assert len(table(output)) == 3 and not work.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--output", "near.txt"), "--output must end in .csv"),
        (("--threshold", "-1"), "--threshold must be at least 0"),
        (("--threshold", "nan"), "--threshold must be at least 0"),
        (("--images", "/nowhere/*.png"), "/nowhere/*.png matches no file"),
    ],
)
def test_errors_are_one_sentence(flags, message, images, tmp_path, capsys):
    try:
        status = find_duplicates.main(
            argv(images, tmp_path / "near.csv", *flags)
        )
    except SystemExit as error:
        status = error.code
    assert status in (1, 2)
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
