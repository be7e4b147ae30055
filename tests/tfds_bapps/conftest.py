"""Preparations in temporary folders."""

import pytest
import tensorflow_datasets as tfds

import tfds_bapps


@pytest.fixture
def prepare(tmp_path):
    """Returns a function that prepares a source and returns its builder."""

    def run(source, config="twoafc", to="data", download=None, **kwargs):
        builder = tfds_bapps.Builder(
            data_dir=tmp_path / to, config=config, source=source, **kwargs
        )
        builder.download_and_prepare(
            download_dir=tmp_path / "downloads",
            download_config=tfds.download.DownloadConfig(**(download or {})),
        )
        return builder

    return run


@pytest.fixture
def nothing_made(tmp_path):
    """Returns a function that checks that no part of a dataset was left."""

    def check(to="data"):
        left = [
            path
            for path in (tmp_path / to).rglob("*")
            if path.is_file() and path.parent.name != ".config"
        ]
        assert left == []
        versions = list((tmp_path / to / "bapps").glob("*/*1.0.0*"))
        assert versions == []

    return check
