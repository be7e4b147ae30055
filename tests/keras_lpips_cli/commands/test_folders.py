import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from keras_lpips import distance
from keras_lpips.images.reader import read_size
from keras_lpips.inference import folder
from tests.support.paths import REPOSITORY


@pytest.fixture(autouse=True)
def alex(backbone):
    return backbone("alex")


def rows(path):
    with open(path, newline="") as file:
        header, *found = csv.reader(file)
    assert header == ["name", "distance"]
    return {name: float(value) for name, value in found}


def test_it_writes_the_distances_sorted_by_name(
    command, photo_folders, tmp_path
):
    output = tmp_path / "out.csv"
    done = command("folders", *photo_folders, "--output", output)
    assert (done.status, done.err) == (0, "")
    found = rows(output)
    assert list(found) == sorted(
        path.name for path in photo_folders[0].iterdir()
    )
    for name, value in found.items():
        pair = [folder / name for folder in photo_folders]
        assert value == pytest.approx(distance(*pair), rel=1e-5)
    mean = sum(found.values()) / 5
    assert done.out == f"{mean:.6f}  mean of 5 pairs ({output})\n"
    result = json.loads(output.with_suffix(".json").read_text())
    assert result["mean"] == pytest.approx(mean) and result["pairs"] == 5
    assert (result["net"], result["failed"]) == ("alex", {})
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["blurred", "out.csv", "out.json", "sharp"]


def test_repeating_it_gives_the_same_bytes(command, photo_folders, tmp_path):
    output = tmp_path / "out.csv"
    contents = []
    for _ in range(2):
        assert (
            command("folders", *photo_folders, "--output", output).status == 0
        )
        beside = output.with_suffix(".json")
        contents.append(output.read_bytes() + beside.read_bytes())
    assert contents[0] == contents[1]


def test_identical_folders_have_zero_distance(command, photo_folders, tmp_path):
    output = tmp_path / "out.csv"
    command("folders", photo_folders[0], photo_folders[0], "--output", output)
    assert set(rows(output).values()) == {0.0}


def test_masks_are_matched_by_name_or_one_for_all(
    command, refused, photo_folders, tmp_path
):
    output, masks = tmp_path / "out.csv", tmp_path / "masks"
    masks.mkdir()
    names = sorted(path.name for path in photo_folders[0].iterdir())
    for i, name in enumerate(names):
        size = read_size(photo_folders[0] / name)[::-1]
        mask = Image.new("L", size)
        mask.paste(255, (i, 8, 40, 30))
        mask.save(masks / name)
    flags = (*photo_folders, "--output", output, "--mask")
    assert command("folders", *flags, masks).status == 0
    for name, value in rows(output).items():
        pair = [folder / name for folder in photo_folders]
        expected = distance(*pair, mask=masks / name)
        assert value == pytest.approx(expected, rel=1e-5)
    result = json.loads(output.with_suffix(".json").read_text())
    assert result["mask"] == str(masks)
    (masks / names[2]).unlink()
    done = command("folders", *flags, masks)
    assert done.status == 1 and f"no mask for it in {masks}" in done.err
    # Of one mask, those of its size.
    done = command("folders", *flags, masks / names[0], "--tolerate", 4)
    assert done.status == 0 and "of different sizes" in done.err
    size = read_size(masks / names[0])
    expected = {
        path.name
        for path in photo_folders[0].iterdir()
        if read_size(path) == size
    }
    assert set(rows(output)) == expected


def test_names_in_one_folder_only_are_reported(
    command, photo_folders, tmp_path
):
    output = tmp_path / "out.csv"
    (photo_folders[0] / "rocket.png").rename(photo_folders[0] / "new.png")
    done = command("folders", *photo_folders, "--output", output)
    assert done.status == 0 and len(rows(output)) == 4
    first, second = done.err.splitlines()
    assert first == f"Images in {photo_folders[0]} only, skipped: 1 (new.png)"
    assert "rocket.png" in second and str(photo_folders[1]) in second
    result = json.loads(output.with_suffix(".json").read_text())
    assert result["unmatched"] == {
        "references": ["new.png"],
        "distorted": ["rocket.png"],
    }


def test_names_match_as_in_score_and_what_is_skipped_is_named(
    command, photo_folders, tmp_path
):
    sharp, blurred = photo_folders
    (sharp / "rocket.png").rename(sharp / "r\u00f6cket.PNG")
    (blurred / "rocket.png").rename(blurred / "ro\u0308cket.png")
    with Image.open(blurred / "coffee.png") as image:
        image.save(blurred / "coffee.gif")
    (blurred / "coffee.png").unlink()
    (sharp / "notes.txt").touch()
    output = tmp_path / "out.csv"
    done = command("folders", *photo_folders, "--output", output)
    assert done.status == 0 and len(rows(output)) == 5
    assert done.err == f"Not images in {sharp}, skipped: 1 (notes.txt)\n"
    result = json.loads(output.with_suffix(".json").read_text())
    assert result["matched"] == {
        "coffee.png": "coffee.gif",
        "r\u00f6cket.PNG": "ro\u0308cket.png",
    }
    assert result["skipped"] == {
        "references": ["notes.txt"],
        "distorted": [],
    }


def test_folders_that_cannot_be_compared_are_an_error(
    refused, photo_folders, tmp_path
):
    output = tmp_path / "out.csv"
    (tmp_path / "empty").mkdir()
    sharp, blurred = photo_folders
    for first, message in (
        (tmp_path / "none", "none: No such file"),
        (tmp_path / "empty", "empty holds no image"),
        (sharp / "rocket.png", "Not a directory"),
    ):
        assert message in refused("folders", first, blurred, "--output", output)
    for path in blurred.iterdir():
        path.rename(path.with_stem(f"{path.stem}-blurred"))
    error = refused("folders", sharp, blurred, "--output", output)
    assert "no image name in common" in error
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sharp", "is a folder"),
        ("none/out.csv", "there is no folder"),
        ("out.json", "must end in .csv"),
        ("out", "must end in .csv"),
    ],
)
def test_an_output_that_cannot_be_written_is_an_error_before_the_work(
    refused, photo_folders, tmp_path, monkeypatch, name, message
):
    monkeypatch.setattr(folder, "score_batches", None)
    output = tmp_path / name
    assert message in refused("folders", *photo_folders, "--output", output)


def test_a_folder_that_takes_no_files_is_named(
    refused, photo_folders, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    output = tmp_path / "out.csv"
    error = refused("folders", *photo_folders, "--output", output)
    assert f"{tmp_path} cannot be written to" in error


def test_a_device_is_not_replaced(refused, photo_folders, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    output = tmp_path / "pipe.csv"
    error = refused("folders", *photo_folders, "--output", output)
    assert "not a regular file" in error and output.is_fifo()


@pytest.fixture
def bad_folders(photo_folders):
    """One file cut in its pixels, one of another size, one no image."""
    sharp, blurred = photo_folders
    cut = blurred / "coffee.png"
    cut.write_bytes(cut.read_bytes()[:2000])
    Image.new("RGB", (50, 50)).save(blurred / "rocket.png")
    (sharp / "retina.png").write_text("no image")
    return sharp, blurred


def test_pairs_that_cannot_be_compared_fail_the_run(
    command, bad_folders, tmp_path
):
    output = tmp_path / "out.csv"
    done = command("folders", *bad_folders, "--output", output, "--tolerate", 2)
    assert (done.status, done.out) == (1, "")
    assert not output.exists() and not output.with_suffix(".json").exists()
    *each, last = done.err.splitlines()
    assert [line.split(":")[1].strip() for line in each] == [
        "coffee.png",
        "retina.png",
        "rocket.png",
    ]
    assert "3 of 5 pairs" in last and "--tolerate allows 2" in last


def test_tolerated_pairs_are_listed_and_skipped(command, bad_folders, tmp_path):
    output = tmp_path / "out.csv"
    done = command("folders", *bad_folders, "--output", output, "--tolerate", 3)
    assert done.status == 0 and len(done.err.splitlines()) == 3
    assert set(rows(output)) == {"astronaut.png", "chelsea.png"}
    result = json.loads(output.with_suffix(".json").read_text())
    assert set(result["failed"]) == {"coffee.png", "retina.png", "rocket.png"}
    assert result["mean"] == pytest.approx(sum(rows(output).values()) / 2)


def test_a_run_without_any_result_fails(command, photo_folders, tmp_path):
    for path in photo_folders[0].iterdir():
        path.write_bytes(b"")
    output = tmp_path / "out.csv"
    done = command(
        "folders", *photo_folders, "--output", output, "--tolerate", 9
    )
    assert done.status == 1 and not output.exists()


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_tolerate_is_an_integer_of_at_least_0(
    command, photo_folders, tmp_path, value
):
    output = tmp_path / "out.csv"
    done = command(
        "folders", *photo_folders, "--output", output, f"--tolerate={value}"
    )
    assert done.status == 2 and "Error parsing --tolerate: " in done.err


def test_images_too_small_for_the_net_are_reported(
    command, photo_folders, tmp_path
):
    for photos in photo_folders:
        Image.new("RGB", (30, 30)).save(photos / "small.png")
    output = tmp_path / "out.csv"
    done = command("folders", *photo_folders, "--output", output)
    assert done.status == 1
    assert "small.png: Images must be at least 31 pixels" in done.err
    done = command(
        "folders", *photo_folders, "--output", output, "--resize=40x40"
    )
    assert done.status == 0 and len(rows(output)) == 6


@pytest.fixture
def one_pair_batches(monkeypatch):
    monkeypatch.setattr(folder, "BATCH_PIXELS", 1)


def stop_after(monkeypatch, count):
    """Stops the run with Ctrl-C after so many batches."""
    score, calls = folder._score, []

    def counted(*arguments):
        calls.append(arguments)
        if count is not None and len(calls) > count:
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(folder, "_score", counted)
    return calls


def test_an_interrupted_run_resumes_to_the_same_bytes(
    command, photo_folders, tmp_path, one_pair_batches, monkeypatch
):
    whole, stopped = tmp_path / "whole.csv", tmp_path / "stopped.csv"
    command("folders", *photo_folders, "--output", whole)
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        done = command("folders", *photo_folders, "--output", stopped)
    assert (done.status, done.err) == (130, "keras-lpips: interrupted\n")
    assert not stopped.exists()
    with monkeypatch.context() as patch:
        calls = stop_after(patch, None)
        done = command("folders", *photo_folders, "--output", stopped)
    assert done.err == "Resuming: 3 pairs already scored\n" and len(calls) == 2
    assert stopped.read_bytes() == whole.read_bytes()
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_files_that_changed_are_compared_again_on_resume(
    command, photo_folders, tmp_path, one_pair_batches, monkeypatch
):
    output = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        command("folders", *photo_folders, "--output", output)
    changed = photo_folders[1] / "rocket.png"
    changed.write_bytes((photo_folders[0] / "rocket.png").read_bytes())
    done = command("folders", *photo_folders, "--output", output)
    assert done.status == 0 and rows(output)["rocket.png"] == 0


@pytest.mark.parametrize(
    "option", ["--off-the-shelf", "--version=0.0", "--resize=40x40"]
)
def test_other_settings_do_not_resume(
    command, photo_folders, tmp_path, one_pair_batches, monkeypatch, option
):
    output, alone = tmp_path / "out.csv", tmp_path / "alone.csv"
    arguments = ("folders", *photo_folders, "--output")
    for options in ([], [option]):
        with monkeypatch.context() as patch:
            stop_after(patch, 2)
            done = command(*arguments, output, *options)
            assert done.err == "keras-lpips: interrupted\n"
    error = command(*arguments, output, option).err
    assert error == "Resuming: 2 pairs already scored\n"
    command(*arguments, alone, option)
    assert output.read_bytes() == alone.read_bytes()


def test_a_killed_run_resumes_to_the_same_bytes(
    command, photo_folders, tmp_path
):
    whole, killed = tmp_path / "whole.csv", tmp_path / "killed.csv"
    # One pair per batch, slowly, as large photographs would be.
    slow = (
        "import sys, time\n"
        "from keras_lpips.inference import folder\n"
        "score = folder._score\n"
        "folder._score = lambda *x: (time.sleep(0.5), score(*x))[1]\n"
        "folder.BATCH_PIXELS = 1\n"
        "from keras_lpips_cli.main import main\n"
        "sys.exit(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", slow, "folders", *photo_folders]
        + ["--output", killed],
        cwd=REPOSITORY,
    )
    log = tmp_path / ".killed.csv.resume"
    limit = time.monotonic() + 300
    while not (log.exists() and len(log.read_bytes().split(b"\n")) > 3):
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not killed.exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "BATCH_PIXELS", 1)
        done = command("folders", *photo_folders, "--output", killed)
        assert done.err.startswith("Resuming: ")
        command("folders", *photo_folders, "--output", whole)
    assert killed.read_bytes() == whole.read_bytes()
    assert not log.exists()


def test_a_full_disk_is_one_sentence(refused, photo_folders, small_disk):
    (small_disk / "filler").write_bytes(bytes(60 * 1024))
    output = small_disk / "out.csv"
    error = refused("folders", *photo_folders, "--output", output)
    assert "No space left on device" in error and str(small_disk) in error
    assert not output.exists() and not output.with_suffix(".json").exists()
