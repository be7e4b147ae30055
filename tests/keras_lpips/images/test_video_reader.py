import os
import socketserver
import sys
import threading

import numpy as np
import pytest

from keras_lpips import ImageError
from keras_lpips.images.video_reader import OPTIONS_VARIABLE, Video, mismatches


def test_frames_come_in_order_in_rgb(make_video):
    video = Video(make_video("a.avi", frames=5))
    assert (video.size, video.rate, video.declared_frames) == ((48, 64), 25, 5)
    first = video.take(2)
    assert [frame.dtype for frame in first] == [np.uint8] * 2
    assert first[0].shape == (48, 64, 3)
    # The top left of the frames is red, and the rest grows brighter.
    assert (first[0][4, 4] > [180, -1, -1]).all() and first[0][4, 4, 2] < 80
    rest = video.take(9)
    assert len(rest) == 3 and video.take(1) == [] and video.frames_read == 5
    bright = [frame[30:, 30:].mean() for frame in first + rest]
    assert bright == sorted(bright) and bright[-1] > bright[0] + 20
    video.close()


def test_frames_can_be_skipped(make_video):
    path = make_video("a.avi", frames=6)
    whole, video = Video(path).take(6), Video(path)
    video.skip(4)
    np.testing.assert_array_equal(video.take(1)[0], whole[4])
    video.skip()
    assert video.frames_read == 6 and video.take(1) == []
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


def test_what_two_videos_differ_in_is_reported(make_video):
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


def test_a_video_that_ends_early_is_reported(make_video):
    path = make_video("a.avi", frames=20)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    video = Video(path)
    video.skip()
    whole = Video(make_video("b.avi", frames=20))
    whole.skip()
    assert 1 <= video.frames_read < whole.frames_read == 20
    cut, lengths = mismatches(video, whole)
    assert (
        cut == f"{path} declares 20 frames; {video.frames_read} could be read"
    )
    assert "lengths differ" in lengths


@pytest.fixture
def server():
    """A port that counts who connects."""
    connected = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            connected.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found.server_address[1], connected
        found.shutdown()
        thread.join()


def test_a_name_is_never_an_address(make_video, server, tmp_path, monkeypatch):
    port, connected = server
    monkeypatch.chdir(tmp_path)
    video = make_video("a.avi", frames=2)
    (tmp_path / f"http:/127.0.0.1:{port}").mkdir(parents=True)
    name = f"http:/127.0.0.1:{port}/a.avi"
    (tmp_path / name).write_bytes(video.read_bytes())
    assert len(Video(name).take(9)) == 2
    (tmp_path / "concat:a.avi|a.avi").write_bytes(video.read_bytes())
    assert len(Video("concat:a.avi|a.avi").take(9)) == 2
    assert not connected


def test_playlists_open_no_other_file(make_video, server, tmp_path):
    port, connected = server
    make_video("a.avi", frames=2)
    address = f"http://127.0.0.1:{port}/a.ts"
    lists = {
        "list.avi": f"ffconcat version 1.0\nfile {address}\n",
        "own.avi": "ffconcat version 1.0\nfile a.avi\n",
        "list.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
        f"{address}\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ImageError, match="is not a video"):
            Video(tmp_path / name)
    assert not connected


def test_options_of_the_users_own_are_left(make_video, monkeypatch):
    monkeypatch.setenv(OPTIONS_VARIABLE, "rtsp_transport;tcp")
    Video(make_video("a.avi", frames=2))
    assert os.environ[OPTIONS_VARIABLE] == "rtsp_transport;tcp"
    monkeypatch.delenv(OPTIONS_VARIABLE)
    Video(make_video("a.avi", frames=2))
    assert OPTIONS_VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", "mp4v"),
        ("mkv", "MJPG"),
        ("mov", "mp4v"),
        ("avi", "XVID"),
        ("webm", "VP80"),
    ],
)
def test_common_containers_are_read(suffix, codec, tmp_path):
    path = tmp_path / f"x.{suffix}"
    cv2 = pytest.importorskip("cv2")
    code = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, (64, 48))
    if not writer.isOpened():
        pytest.skip(f"OpenCV writes no {codec}")
    for value in (0, 99):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    assert len(Video(path).take(9)) == 2
