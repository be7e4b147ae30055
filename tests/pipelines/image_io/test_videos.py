"""Videos: frames, refusals, and triplets of interpolated frames."""

import json

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from skimage import data

from keras_lpips.baselines import l2
from pipelines.image_io.photographs import InvalidPhotographError
from pipelines.image_io.survey import Photograph
from pipelines.image_io.videos import read_frames, read_video
from pipelines.synthesis import frames
from pipelines.synthesis.config import SynthesisConfig
from pipelines.synthesize import main

FRAMES, HEIGHT, WIDTH = 30, 96, 128


def write_video(path, image, count=FRAMES, size=(HEIGHT, WIDTH)):
    """A window that moves over a photograph, two pixels a frame."""
    height, width = size
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (width, height)
    )
    assert writer.isOpened()
    for number in range(count):
        window = image[40 : 40 + height, 2 * number : 2 * number + width]
        writer.write(np.ascontiguousarray(window[..., ::-1]))
    writer.release()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder of two videos and three files that are refused."""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "astronaut.avi", data.astronaut())
    write_video(folder / "coffee.avi", data.coffee())
    write_video(folder / "short.avi", data.coffee(), count=5)
    write_video(folder / "tiny.avi", data.coffee(), size=(32, 48))
    (folder / "noise.avi").write_bytes(b"no video" * 100)
    return folder


def test_frames_are_decoded_in_order(videos):
    found = list(read_frames(str(videos / "astronaut.avi")))
    assert len(found) == FRAMES
    for number in (0, 13, FRAMES - 1):
        part = data.astronaut()[40 : 40 + HEIGHT, 2 * number :][:, :WIDTH]
        # Motion JPEG loses a little.
        assert l2(found[number], part) < 1e-3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("noise", "is no video"),
        ("short", "has 5 frames of 9 needed"),
        ("tiny", "is 48 x 32, smaller than 64 pixels"),
    ],
)
def test_what_cannot_be_used_is_rejected(name, reason, videos, capfd):
    with pytest.raises(InvalidPhotographError, match=reason):
        read_video(str(videos / f"{name}.avi"), 64, frames.MIN_FRAMES)
    assert capfd.readouterr().err == ""


def test_equal_frames_in_two_files_have_one_digest(videos, tmp_path):
    path = tmp_path / "x.avi"
    write_video(path, data.coffee())
    encoded = path.read_bytes()
    path.write_bytes(encoded + b"\0" * 64)
    assert path.read_bytes() != (videos / "coffee.avi").read_bytes()
    same = [
        read_video(str(x), 64, frames.MIN_FRAMES)
        for x in (path, videos / "coffee.avi")
    ]
    assert same[0] == same[1]
    assert same[0] != read_video(
        str(videos / "astronaut.avi"), 64, frames.MIN_FRAMES
    )


def recipes_of(count, same_type_share=0.5):
    config = SynthesisConfig(
        triplets=1,
        output="",
        videos="x",
        families=("algorithms",),
        same_type_share=same_type_share,
    )
    return [frames.draw_frames("ab", n, config) for n in range(count)]


def test_two_steps_of_one_type_differ_and_types_differ_otherwise():
    for recipe in recipes_of(200):
        assert set(recipe.strengths) <= {0.25, 0.5, 0.75, 1.0}
        if recipe.of_one_type:
            assert recipe.strengths[0] != recipe.strengths[1]
    share = np.mean([recipe.of_one_type for recipe in recipes_of(200)])
    assert share == pytest.approx(0.5, abs=0.1)


def test_a_triplet_is_a_real_frame_and_two_that_are_interpolated(videos):
    path = str(videos / "astronaut.avi")
    video = Photograph("ab", "astronaut.avi", path, FRAMES)
    recipes = recipes_of(40, same_type_share=1.0)
    real = np.stack(list(read_frames(path)))[..., 0]
    windows = np.lib.stride_tricks.sliding_window_view(
        real, (64, 64), axis=(1, 2)
    )
    weaker = []
    triplets = frames.render_frames(video, recipes)
    for recipe, (reference, p0, p1) in zip(recipes, triplets, strict=True):
        at = (windows[..., :3, :] == reference[:3, :, 0]).all(axis=(3, 4))
        assert at.any()
        distances = l2(reference, p0), l2(reference, p1)
        assert 0 < max(distances) < 0.1
        first_weaker = recipe.strengths[0] < recipe.strengths[1]
        weaker.append((distances[0] < distances[1]) == first_weaker)
    # Frames further apart are harder, as a rule.
    assert np.mean(weaker) > 0.8
    alone = frames.render_frames(video, recipes[7:8])[0]
    np.testing.assert_array_equal(alone, triplets[7])


def command(output, *flags):
    argv = ["--triplets", "40", "--output", output, *flags]
    return list(map(str, argv))


def test_videos_and_photographs_make_one_dataset(
    videos, tmp_path, patches, capsys
):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, patch in enumerate(patches):
        cv2.imwrite(str(photos / f"{number}.png"), patch)
    flags = ["--photos", photos, "--videos", videos]
    flags += ["--families", "algorithms", "--judge", "severity"]
    output = tmp_path / "data"
    assert main(command(output, *flags)) == 0
    assert "skipped: noise.avi is no video" in capsys.readouterr().out
    manifest = json.loads((output / "manifest.json").read_text())
    assert set(manifest["skipped_photographs"]) == {
        "noise.avi",
        "short.avi",
        "tiny.avi",
    }
    sources = {x["name"]: x for x in manifest["photographs"]}
    assert sources["coffee.avi"]["frames"] == FRAMES
    assert "frames" not in sources["0.png"]
    builder = tfds.builder_from_directory(output)
    made = {name: 0 for name in sources}
    for split in builder.info.splits:
        for example in builder.as_data_source(split):
            digest = example["id"].decode().partition("_")[0]
            source = next(
                x for x in sources.values() if x["sha256"].startswith(digest)
            )
            made[source["name"]] += 1
            assert split.startswith(source["part"])
            if "frames" in source:
                assert example["subset"] == b"frameinterp"
    assert set(made.values()) == {8}
    again = tmp_path / "again"
    workers = ["--", "--direct_running_mode=multi_processing"]
    assert main(command(again, *flags, *workers, "--direct_num_workers=2")) == 0
    assert _bytes(again) == _bytes(output)


def test_videos_alone_are_enough_but_not_for_every_task(
    videos, tmp_path, capsys
):
    flags = ["--videos", f"{videos}/[ac]*.avi"]
    output = tmp_path / "data"

    def read_error(*flags):
        with pytest.raises(SystemExit):
            main(command(output, *flags))
        return " ".join(capsys.readouterr().err.split())

    assert "--videos needs --families algorithms" in read_error(*flags)
    flags += ["--families", "algorithms"]
    jnd = read_error(*flags, "--task", "jnd")
    assert "cannot be used with --task jnd" in jnd
    assert "--photos or --videos is needed" in read_error()
    assert main(command(output, *flags)) == 0
    assert len(list(output.glob("*frameinterp*"))) >= 1


def _bytes(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}
