import sys

import numpy as np
import pytest

from keras_lpips import ImageError
from keras_lpips.images.video_reader import Video, mismatches


def test_frames_come_in_order_in_rgb(make_video):
    video = Video(make_video("a.avi", frames=5))
    assert (video.size, video.rate, video.declared) == ((48, 64), 25, 5)
    first = video.take(2)
    assert [frame.dtype for frame in first] == [np.uint8] * 2
    assert first[0].shape == (48, 64, 3)
    # The top left of the frames is red, and the rest grows brighter.
    assert (first[0][4, 4] > [180, -1, -1]).all() and first[0][4, 4, 2] < 80
    rest = video.take(9)
    assert len(rest) == 3 and video.take(1) == [] and video.read == 5
    bright = [frame[30:, 30:].mean() for frame in first + rest]
    assert bright == sorted(bright) and bright[-1] > bright[0] + 20
    video.close()


def test_frames_can_be_skipped(make_video):
    path = make_video("a.avi", frames=6)
    whole, video = Video(path).take(6), Video(path)
    video.skip(4)
    np.testing.assert_array_equal(video.take(1)[0], whole[4])
    video.skip()
    assert video.read == 6 and video.take(1) == []
    assert video.describe() == {
        "path": str(path),
        "size": [48, 64],
        "frames_per_second": 25,
        "frames": 6,
        "frames_declared": 6,
    }


def test_what_is_no_video_is_one_sentence(tmp_path, capfd):
    with pytest.raises(ImageError, match="none.avi does not exist"):
        Video(tmp_path / "none.avi")
    with pytest.raises(ImageError, match="or is not a file"):
        Video(tmp_path)
    path = tmp_path / "text.mp4"
    for content in (b"", b"no video" * 1000):
        path.write_bytes(content)
        with pytest.raises(ImageError, match="text.mp4 is not a video"):
            Video(path)
    assert capfd.readouterr() == ("", "")


def test_without_opencv_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImageError, match=r"pip install 'keras-lpips\[video\]'"):
        Video(tmp_path / "a.avi")


def test_what_two_videos_differ_in_is_said(make_video):
    videos = [
        Video(make_video("a.avi", frames=3)),
        Video(make_video("b.avi", frames=4, rate=30)),
    ]
    for video in videos:
        video.skip()
    rates, lengths = mismatches(*videos)
    assert "differ, 25 and 30 per second" in rates
    assert "differ, 3 and 4 frames; the first 3 were compared" in lengths
    assert mismatches(videos[0], videos[0]) == []


def test_a_video_that_ends_early_is_told(make_video):
    path = make_video("a.avi", frames=20)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    video = Video(path)
    video.skip()
    whole = Video(make_video("b.avi", frames=20))
    whole.skip()
    assert 1 <= video.read < whole.read == 20
    cut, lengths = mismatches(video, whole)
    assert cut == f"{path} declares 20 frames; {video.read} could be read"
    assert "lengths differ" in lengths
