"""Exports that several tests look at, each made once."""

import functools

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def exported(trunk, tmp_path_factory):
    """A function from a net to the folder of its exported model."""

    @functools.cache
    def export_once(net):
        from keras_lpips import LPIPS
        from saved_models.export import export

        model = tmp_path_factory.mktemp("models") / f"lpips_{net}"
        export(LPIPS(trunk(net), dtype="float32"), model)
        return model

    return export_once


@pytest.fixture(scope="session")
def example_files(shared_data):
    """The reference's example, as PNGs: references and distorted images."""
    folder = shared_data / "examples"
    reference, p0, p1 = (
        (folder / f"ex_{name}.png").read_bytes() for name in ("ref", "p0", "p1")
    )
    return [reference, reference], [p0, p1]


@pytest.fixture(scope="session")
def example(shared_data):
    """The reference's example, uint8: references and distorted images."""
    folder = shared_data / "examples"
    reference, p0, p1 = (
        np.asarray(Image.open(folder / f"ex_{name}.png"))
        for name in ("ref", "p0", "p1")
    )
    return np.stack([reference, reference]), np.stack([p0, p1])
