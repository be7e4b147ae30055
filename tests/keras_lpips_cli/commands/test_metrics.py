"""Commands with metrics other than LPIPS v0.1."""

import csv
import json

import pytest

from keras_lpips import distance

FLAGS = {
    "st": (["--version", "st"], {"version": "st"}),
    "dists": (["--metric", "dists"], {"metric": "dists"}),
}


@pytest.fixture(params=FLAGS)
def metric(request, backbone):
    backbone(*{"st": ("alex", "st"), "dists": ("vgg",)}[request.param])
    return FLAGS[request.param]


def test_pair_folders_and_optimize_compute_it(
    command, photo_folders, tmp_path, metric
):
    flags, settings = metric
    for folder in photo_folders:
        for name in ("astronaut", "chelsea", "rocket"):
            (folder / f"{name}.png").unlink()
    paths = [folder / "coffee.png" for folder in photo_folders]
    expected = distance(*paths, **settings)
    done = command("pair", *paths, *flags)
    assert (done.status, done.err) == (0, "")
    assert float(done.out.split()[0]) == pytest.approx(expected, abs=1e-6)

    output = tmp_path / "out.csv"
    done = command("folders", *photo_folders, "--output", output, *flags)
    assert (done.status, done.err) == (0, "")
    with open(output, newline="") as file:
        found = {row["name"]: row["distance"] for row in csv.DictReader(file)}
    assert float(found["coffee.png"]) == pytest.approx(expected, rel=1e-5)

    output = tmp_path / "out.png"
    done = command("optimize", *paths, "--steps", 3, "--output", output, *flags)
    assert (done.status, done.err) == (0, "")
    distances = json.loads(output.with_suffix(".json").read_text())["distances"]
    assert distances[0] == pytest.approx(expected, rel=1e-4)
    after = distance(paths[0], output, **settings)
    assert distances[-1] == pytest.approx(after, rel=1e-4)
    assert after < expected
