"""The program: distances, equal bytes, failed pairs, resuming, errors.

Engines and the death of workers are tested in test_execution.py.
"""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from keras_lpips import distance
from keras_lpips.inference.scorer import get_scorer
from pipelines import score
from pipelines.scoring.config import ScoringConfig
from tests.support.beam_engines import PROCESSES
from tests.support.fake_pairs import pixels_of, write_list
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.usefixtures("quiet_workers")


@pytest.fixture(autouse=True, scope="module")
def alex(backbone):
    """Every test scores with it."""
    backbone("alex")


def digests(folder, pattern="*"):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
    }


def argv(pairs, output, *flags, shard_pairs=6, beam=()):
    words = ["--pairs", pairs, "--output", output]
    words += ["--shard-pairs", shard_pairs, *flags, "--", *beam]
    return list(map(str, words))


def run(*arguments, **more):
    """Runs the program in this process; returns the digests it made."""
    assert score.main(argv(*arguments, **more)) == 0
    return digests(arguments[1])


def rows_of(output):
    """The scores of all shards, in order."""
    rows = []
    for path in sorted(output.glob("scores-*.csv")):
        with path.open() as file:
            rows += csv.DictReader(file)
    return rows


@pytest.fixture(scope="module")
def here(pairs, tmp_path_factory):
    """The pairs scored in this process."""
    output = tmp_path_factory.mktemp("here") / "scores"
    run(pairs, output)
    return output


@pytest.fixture(scope="module")
def many(pairs, tmp_path_factory):
    """Enough pairs to be killed in the middle: 20 shards of 60."""
    with pairs.open() as file:
        _, *rows = csv.reader(file)
    rows = [[f"{pairs.parent}/{name}" for name in row] for row in rows]
    folder = tmp_path_factory.mktemp("many")
    return write_list(folder / "many.csv", rows * 60)


@pytest.fixture(scope="module")
def whole(many):
    """What the many pairs give without a kill."""
    return run(many, many.parent / "scores", shard_pairs=60)


def test_distances_are_those_of_the_package(pairs, here):
    rows = rows_of(here)
    with pairs.open() as file:
        named = list(csv.DictReader(file))
    assert [(x["reference"], x["distorted"]) for x in rows] == [
        (x["reference"], x["distorted"]) for x in named
    ]
    for row in rows:
        paths = (pairs.parent / row[x] for x in ("reference", "distorted"))
        expected = distance(*paths)
        assert float(row["distance"]) == pytest.approx(expected, abs=1e-6)
    manifest = json.loads((here / "manifest.json").read_text())
    assert (manifest["scored"], manifest["failed"], manifest["shards"]) == (
        20,
        0,
        4,
    )
    distances = [float(row["distance"]) for row in rows]
    assert manifest["mean"] == pytest.approx(np.mean(distances), abs=1e-7)
    assert manifest["net"] == "alex" and manifest["backbone_digest"]
    defaults = ScoringConfig(pairs="", output="").result_settings
    recorded = {**defaults, "shard_pairs": 6}
    assert {name: manifest[name] for name in defaults} == recorded


@pytest.mark.slow
@pytest.mark.distributed
def test_several_processes_write_the_same_bytes(pairs, here, tmp_path):
    assert run(pairs, tmp_path / "two", beam=PROCESSES) == digests(here)


def test_records_give_the_same_distances(here, records, tmp_path):
    output = tmp_path / "records"
    # As the list's shards are not the records', so are not the batches.
    run(records, output)
    rows = rows_of(output)
    assert [row["id"] for row in rows[9:12]] == [
        "pairs.tfrecord-00000:9",
        "10_0.png",
        "11_0.png",
    ]
    np.testing.assert_allclose(
        [float(row["distance"]) for row in rows],
        [float(row["distance"]) for row in rows_of(here)],
        atol=1e-6,
    )


def test_a_column_of_masks_gives_distances_of_regions(tmp_path, capsys):
    mask = np.zeros((64, 64), np.uint8)
    mask[10:40, 5:60] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(mask[:50]).save(tmp_path / "small.png")
    Image.fromarray(mask // 255).save(tmp_path / "bits.png")
    images = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, pixels in zip(images, pixels_of(5, 64), strict=True):
        Image.fromarray(pixels).save(path)
    pairs = tmp_path / "pairs.csv"
    names = ("mask.png", "", "small.png", "bits.png", "none.png", "a.png")
    lines = [f"{name},b.png,a.png" for name in names]
    pairs.write_text("\n".join(["mask,distorted,reference", *lines]))
    output = tmp_path / "out"
    flags = ("--tolerate", 5, "--maps")
    assert score.main(argv(pairs, output, *flags)) == 0
    (row,) = rows_of(output)
    assert (row["reference"], row["mask"]) == ("a.png", "mask.png")
    expected = distance(*images, mask=tmp_path / "mask.png")
    assert float(row["distance"]) == pytest.approx(expected, rel=1e-5)
    (bad,) = output.glob("failed-*.csv")
    reasons = bad.read_text().splitlines()[1:]
    for reason, text in zip(
        reasons,
        ("no mask image", "sizes", "brightest", "not exist", "must be gray"),
        strict=True,
    ):
        assert text in reason
    flags = ("--server", "localhost:1", "--model", "m")
    assert score.main(argv(pairs, tmp_path / "other", *flags)) == 1
    assert "a server takes no masks" in capsys.readouterr().err


def test_maps_are_those_of_the_package(pairs, tmp_path):
    output = tmp_path / "maps"
    run(pairs, output, "--maps", "--format", "csv")
    reference, distorted = pixels_of(7, 64)
    with (output / "scores-00001-of-00004.csv").open() as file:
        row = list(csv.DictReader(file))[1]
    assert row["reference"] == "07_0.png"
    maps = np.load(output / "maps-00001-of-00004.npz")
    expected = get_scorer("alex").spatial_map(reference[None], distorted[None])[
        0
    ]
    np.testing.assert_allclose(maps[row["map"]], expected, atol=1e-6)
    assert len(maps) == 6


@pytest.fixture
def damaged(pairs, tmp_path):
    """The list with three failed pairs in it."""
    with pairs.open() as file:
        _, *rows = csv.reader(file)
    rows = [[f"{pairs.parent}/{name}" for name in row] for row in rows]
    (tmp_path / "text.png").write_text("no image")
    rows[3][1] = f"{tmp_path}/text.png"
    rows[8][0] = f"{tmp_path}/none.png"
    rows[9] = [rows[0][0], rows[2][0]]
    return write_list(tmp_path / "damaged.csv", rows)


def test_invalid_pairs_are_named_and_fail_the_job_at_its_end(
    damaged, here, tmp_path, capsys
):
    output = tmp_path / "scores"
    assert score.main(argv(damaged, output, "--tolerate", 2)) == 1
    error = capsys.readouterr().err
    assert "text.png is not an image that can be read" in error
    assert "none.png does not exist" in error
    assert "of different sizes" in error
    assert "3 of 20 pairs failed, and --tolerate allows 2" in error
    assert not (output / "manifest.json").exists()

    before = digests(output)
    assert score.main(argv(damaged, output, "--tolerate", 3, "--resume")) == 0
    after = digests(output)
    assert after.pop("manifest.json") and after == before
    assert json.loads((output / "manifest.json").read_text())["failed"] == 3
    assert len(rows_of(output)) == 17
    bad = [
        path.read_text().splitlines()[1:]
        for path in output.glob("failed-*.csv")
    ]
    assert sorted(map(len, bad)) == [1, 2]


def test_whatever_a_pair_holds_the_job_ends(pairs, tmp_path):
    folder = pairs.parent
    strange = {
        "e.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "a.jpg": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1" + b"\xff" * 99,
        "d.png": b"DDS \x7c\0\0\0" + b"\xff" * 120,
    }
    for name, content in strange.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "fifo.png")
    names = [f"{tmp_path}/{name}" for name in (*strange, "fifo.png")]
    names += ["http://", "a://b/c", "/dev/zero", str(tmp_path), "n\0l", "\r"]
    good = f"{folder}/00_0.png"
    text = "".join(f"{good},{name}\n" for name in [*names, good])
    path = tmp_path / "x.csv"
    path.write_bytes(f"reference,distorted\n{text}".encode())
    output = tmp_path / "scores"
    run(path, output, "--tolerate", len(names), shard_pairs=100)
    manifest = json.loads((output / "manifest.json").read_text())
    assert (manifest["scored"], manifest["failed"]) == (1, len(names))


def test_images_without_a_partner_are_invalid_pairs(pairs, tmp_path, capsys):
    for side in (0, 1):
        (tmp_path / str(side)).mkdir()
        for number in range(4 - side):
            name = f"{number:02}_{side}.png"
            data = (pairs.parent / name).read_bytes()
            suffix = ("png", "PNG")[side]
            (tmp_path / f"{side}/{number}.{suffix}").write_bytes(data)
    (tmp_path / "0" / "Thumbs.db").touch()
    patterns = f"{tmp_path}/0/*,{tmp_path}/1/*"
    output = tmp_path / "scores"
    assert score.main(argv(patterns, output)) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path}/0/3.png,,there is no distorted image for it" in error
    assert "1 of 4 pairs failed" in error
    run(patterns, output, "--resume", "--tolerate", 1)
    manifest = json.loads((output / "manifest.json").read_text())
    assert (manifest["scored"], manifest["failed"]) == (3, 1)
    assert manifest["unmatched"] == {"reference": 1, "distorted": 0}
    assert manifest["skipped"] == {
        "reference": [f"{tmp_path}/0/Thumbs.db"],
        "distorted": [],
    }
    assert [row["distorted"][-6:] for row in rows_of(output)] == [
        "/0.PNG",
        "/1.PNG",
        "/2.PNG",
    ]


def test_resuming_does_only_what_is_left(pairs, here, tmp_path, capsys):
    output = tmp_path / "scores"
    run(pairs, output)
    assert score.main(argv(pairs, output)) == 1
    assert "resume it with --resume" in capsys.readouterr().err
    (output / "report-00002-of-00004.json").unlink()
    (output / "scores-00002-of-00004.csv").unlink()
    (output / ".partial-x").touch()
    kept = output / "scores-00001-of-00004.csv"
    time_before = kept.stat().st_mtime_ns
    assert run(pairs, output, "--resume") == digests(here)
    assert kept.stat().st_mtime_ns == time_before


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"0.", b"1.")),
    ],
    ids=["missing", "cut", "changed"],
)
def test_what_another_run_left_is_compared_with_its_digests(
    damage, pairs, here, tmp_path
):
    output = tmp_path / "scores"
    shutil.copytree(here, output)
    (output / "manifest.json").unlink()
    damage(output / "scores-00002-of-00004.csv")
    assert run(pairs, output, "--resume") == digests(here)


def test_maps_that_are_missing_are_written_again(pairs, tmp_path):
    output = tmp_path / "scores"
    before = run(pairs, output, "--maps")
    (output / "maps-00001-of-00004.npz").unlink()
    (output / "manifest.json").unlink()
    assert run(pairs, output, "--maps", "--resume") == before


def test_maps_on_a_full_disk_are_one_sentence(pairs, small_disk, capfd):
    output = small_disk / "scores"
    assert score.main(argv(pairs, output, "--maps")) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("pipelines.score: ") and "maps-00000" in error
    assert error.endswith("No space left on device")
    assert [path.name for path in output.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("name", ["plan.json", "report-00001-of-00004.json"])
@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": ', b"\xff\xfe"])
def test_damaged_state_is_one_sentence(
    name, content, pairs, here, tmp_path, capsys
):
    output = tmp_path / "scores"
    shutil.copytree(here, output)
    (output / name).write_bytes(content)
    assert score.main(argv(pairs, output, "--resume")) == 1
    error = capsys.readouterr().err
    assert f"{output}/{name} is damaged" in error
    assert "Traceback" not in error


def test_resuming_with_other_settings_or_pairs_is_rejected(
    pairs, tmp_path, capsys
):
    output = tmp_path / "scores"
    run(pairs, output)
    other = argv(pairs, output, "--resume", "--version", "0.0")
    assert score.main(other) == 1
    error = capsys.readouterr().err
    assert "was made with other settings" in error
    shorter = write_list(tmp_path / "shorter.csv", [("a", "b")] * 20)
    assert score.main(argv(shorter, output, "--resume")) == 1
    assert "was made from other pairs" in capsys.readouterr().err
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.tex").touch()
    assert score.main(argv(pairs, strange, "--resume")) == 1
    assert "was not made by this command" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.distributed
def test_a_stopped_run_resumes_to_the_same_bytes(many, whole, tmp_path):
    output = tmp_path / "scores"
    command = [sys.executable, "-m", "pipelines.score"]
    program = subprocess.Popen(
        [*command, *argv(many, output, shard_pairs=60)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(output.glob("report-*")):
        assert program.poll() is None
        time.sleep(0.005)
    program.kill()
    program.wait()
    assert not (output / "manifest.json").exists()
    assert run(many, output, "--resume", shard_pairs=60) == whole


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--resize", "64"), "'64' is not HEIGHTxWIDTH"),
        (("--tolerate", "-1"), "'-1' is not an integer of at least 0"),
        (("--net", "resnet"), "invalid choice 'resnet'"),
        (("--nett", "alex"), "Unrecognized options: --nett"),
        (
            ("--", "--direct_running_mode=multi_threading"),
            "seen to lose elements",
        ),
        (("--", "--direct_num_worker5=2"), "Beam has no option"),
        # The last --pairs counts.
        (("--pairs", "none/*.png,nowhere/*.png"), "none/*.png matches no file"),
    ],
)
def test_errors_are_one_sentence(flags, message, pairs, tmp_path, capsys):
    words = ["--pairs", str(pairs), "--output", str(tmp_path / "x"), *flags]
    try:
        status = score.main(words)
    except SystemExit as error:
        status = error.code
    assert status in (1, 2)
    error = capsys.readouterr().err
    assert message in " ".join(error.split()) and "Traceback" not in error
    assert not (tmp_path / "x").exists()


def test_an_output_that_cannot_be_written_is_named(pairs, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert score.main(argv(pairs, tmp_path / "file" / "scores")) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f"pipelines.score: {tmp_path}/file/scores")
