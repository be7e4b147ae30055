"""Fixtures of the library's tests and of its command line's."""

from dataclasses import dataclass

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageFilter


@pytest.fixture
def photo():
    """A part of a real photograph, uint8 RGB, (64, 96, 3)."""
    return skimage.data.astronaut()[60:124, 180:276].copy()


@pytest.fixture
def photo_folders(tmp_path):
    """Two folders: five photographs of two sizes, and the same, blurred."""
    names = ("astronaut", "coffee", "chelsea", "rocket", "retina")
    for folder in ("sharp", "blurred"):
        (tmp_path / folder).mkdir()
    for i, name in enumerate(names):
        pixels = getattr(skimage.data, name)()
        size = 64 if i < 3 else 48
        image = Image.fromarray(np.ascontiguousarray(pixels[100:, 100:]))
        image = image.crop((0, 0, size, size))
        image.save(tmp_path / "sharp" / f"{name}.png")
        image = image.filter(ImageFilter.GaussianBlur(1 + i / 2))
        image.save(tmp_path / "blurred" / f"{name}.png")
    return tmp_path / "sharp", tmp_path / "blurred"


@pytest.fixture
def make_video(tmp_path):
    """A function that writes a small video and returns its path."""
    import cv2

    def make(name, frames, size=(48, 64), rate=25, noise=0):
        random = np.random.default_rng(0)
        writer = cv2.VideoWriter(
            str(tmp_path / name),
            cv2.VideoWriter_fourcc(*"MJPG"),
            rate,
            size[::-1],
        )
        for i in range(frames):
            frame = np.full((*size, 3), 60 + 12 * i, np.int64)
            frame[:10, :10] = (0, 0, 255)
            frame[size[0] // 2, :] = 255
            frame += random.integers(0, noise + 1, frame.shape)
            writer.write(frame.clip(0, 255).astype(np.uint8))
        writer.release()
        return tmp_path / name

    return make


@dataclass
class Done:
    """A finished command."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(capfd, backbone):
    """A function of arguments that runs the command and returns `Done`."""
    import keras

    from keras_lpips_cli.main import main

    # What TensorFlow logs on its first use is not the command's.
    keras.ops.zeros(1)

    def run(*arguments):
        capfd.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as exit:
            status = exit.code
        return Done(status, *capfd.readouterr())

    return run


@pytest.fixture
def refused(command):
    """Runs a command that must fail with one sentence, which it returns."""

    def run(*arguments, status=1):
        done = command(*arguments)
        assert (done.status, done.out) == (status, "")
        assert done.err.startswith("keras-lpips: ")
        assert done.err.endswith("\n") and done.err.count("\n") == 1
        return done.err

    return run
