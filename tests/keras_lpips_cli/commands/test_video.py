import csv
import json

import numpy as np
import pytest
from PIL import Image

from keras_lpips import distance
from keras_lpips.images.video_reader import Video
from keras_lpips.inference import video


@pytest.fixture
def videos(make_video, backbone):
    backbone("alex")
    return make_video("a.avi", frames=5), make_video("b.avi", 5, noise=30)


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_frames_are_compared_as_images(command, videos, tmp_path):
    output = tmp_path / "out.csv"
    done = command("video", *videos, "--output", output)
    assert (done.status, done.err) == (0, "")
    found = rows(output)
    assert [row["frame"] for row in found] == list("01234")
    assert float(found[3]["seconds"]) == pytest.approx(3 / 25)
    pairs = zip(*(Video(path).take(5) for path in videos), strict=True)
    values = [float(row["distance"]) for row in found]
    expected = [distance(*pair) for pair in pairs]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    result = json.loads(output.with_suffix(".json").read_text())
    worst = int(np.argmax(expected))
    assert result["worst"] == {
        "frame": worst,
        "seconds": worst / 25,
        "distance": pytest.approx(expected[worst], rel=1e-5),
    }
    assert result["mean"] == pytest.approx(np.mean(expected), rel=1e-5)
    assert (result["net"], result["frames"]) == ("alex", 5)
    assert result["reference"]["frames_per_second"] == 25
    assert result["mismatches"] == [] and len(result["backbone_digest"]) == 64
    assert f"at frame {worst} ({output})" in done.out
    with Image.open(output.with_suffix(".png")) as picture:
        assert np.asarray(picture).std() > 10
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["a.avi", "b.avi", "out.csv", "out.json", "out.png"]


def test_a_video_has_no_distance_from_itself(command, videos, tmp_path):
    output = tmp_path / "out.csv"
    command("video", videos[0], videos[0], "--output", output)
    assert {float(row["distance"]) for row in rows(output)} == {0.0}


def test_mismatches_are_printed_and_written(
    command, make_video, videos, tmp_path
):
    output = tmp_path / "out.csv"
    longer = make_video("c.avi", frames=7, rate=30)
    done = command("video", videos[0], longer, "--output", output)
    assert done.status == 0 and len(rows(output)) == 5
    result = json.loads(output.with_suffix(".json").read_text())
    assert done.err.splitlines() == result["mismatches"]
    assert len(result["mismatches"]) == 2 and result["frames"] == 5
    assert result["distorted"]["frames"] == 7


def test_sizes_that_differ_need_resize(
    command, refused, make_video, videos, tmp_path
):
    output = tmp_path / "out.csv"
    small = make_video("c.avi", frames=5, size=(40, 50))
    error = refused("video", videos[0], small, "--output", output)
    assert "64x48 and 50x40" in error and "--resize" in error
    done = command(
        "video", videos[0], small, "--output", output, "--resize=40x50"
    )
    assert (done.status, len(rows(output))) == (0, 5)
    frames = Video(videos[0]).take(1)[0], Video(small).take(1)[0]
    pair = [Image.fromarray(frame) for frame in frames]
    assert float(rows(output)[0]["distance"]) == pytest.approx(
        distance(*pair, resize=(40, 50)), rel=1e-5
    )


def test_videos_that_cannot_be_compared_are_an_error(
    refused, make_video, videos, tmp_path
):
    output = tmp_path / "out.csv"
    bad = tmp_path / "bad.avi"
    bad.write_text("no video")
    error = refused("video", videos[0], bad, "--output", output)
    assert "bad.avi is not a video" in error
    tiny = make_video("tiny.avi", frames=2, size=(16, 16))
    error = refused("video", tiny, tiny, "--output", output)
    assert "tiny.avi: Images must be at least 31 pixels" in error
    error = refused("video", *videos, "--output", tmp_path / "out.txt")
    assert "must end in .csv" in error
    assert not output.exists() and not output.with_suffix(".json").exists()


def test_an_interrupted_run_resumes_to_the_same_bytes(
    command, videos, tmp_path, monkeypatch
):
    # Two frames in a batch.
    monkeypatch.setattr(video, "BATCH_PIXELS", 2 * 48 * 64)
    whole, stopped = tmp_path / "whole.csv", tmp_path / "stopped.csv"
    command("video", *videos, "--output", whole)
    take, calls = video._take, []

    def stop_at_the_third(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return take(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(video, "_take", stop_at_the_third)
        done = command("video", *videos, "--output", stopped)
    assert (done.status, done.err) == (130, "keras-lpips: interrupted\n")
    assert not stopped.exists()
    done = command("video", *videos, "--output", stopped)
    assert done.err == "Resuming: 4 frames already scored\n"
    assert stopped.read_bytes() == whole.read_bytes()
    results = [
        json.loads(path.with_suffix(".json").read_text())
        for path in (whole, stopped)
    ]
    assert results[0] == results[1]
    assert [path.name for path in tmp_path.glob(".*")] == []
