r"""Prepares BAPPS, or judgements of one's own, as a TensorFlow dataset.

    python -m pipelines.prepare_bapps --data-dir DATA --subset val
    python -m pipelines.prepare_bapps --data-dir DATA --source ARCHIVES \
        -- --direct_running_mode=multi_processing --direct_num_workers=4

Beam's options follow `--`. Without any, everything runs in this process.
`tfds_bapps/README.md` has the commands for a job service, Flink and Spark.
"""

import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import simple_parsing
import tensorflow_datasets as tfds
from etils import epath

import tfds_bapps
from pipelines.beam_options import parse_with_beam
from pipelines.program import run
from tfds_bapps.source.errors import PreparationError
from tfds_bapps.writing.pipeline import check_threads
from tfds_bapps.writing.preparation import NothingFound

DOWNLOAD = "download"
CONFIGS = tuple(config.name for config in tfds_bapps.Builder.BUILDER_CONFIGS)


@dataclass(frozen=True)
class Settings:
    """What to prepare, from where, and how strictly."""

    data_dir: str
    """Folder of the prepared datasets."""
    source: str = DOWNLOAD
    """"download", or a folder of archives, an extracted tree, or an archive."""
    config: list[str] = simple_parsing.list_field()
    """twoafc, twoafc_64, jnd, jnd_64; by default all that the source holds."""
    subset: list[str] = simple_parsing.list_field()
    """Parts ("val"), subsets ("cnn") or splits ("val_cnn"); by default all."""
    tolerate: int = 0
    """How many bad triplets are left out and recorded instead of failing."""
    votes: int | None = None
    """Judgements per triplet; 0 takes any in [0, 1]. By default BAPPS's own."""
    file_format: str = simple_parsing.choice(
        "tfrecord", "array_record", default="tfrecord"
    )
    """Format of the records; array_record cannot be read by `tf.data`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and prepares; returns the exit status."""
    settings, options = parse_with_beam(
        "prepare_bapps", __doc__, Settings, argv
    )
    # A stopped preparation removes what it has begun, as an interrupted one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return run(
        "prepare_bapps",
        lambda: prepare_all(settings, options),
        "nothing is left",
        PreparationError,
    )


def prepare_all(settings: Settings, options) -> None:
    """Prepares every configuration that is wanted.

    Args:
        settings: the user's wishes.
        options: Beam's options.

    Raises:
        PreparationError: a source cannot be prepared, or holds nothing.
    """
    check_threads(options)
    unknown = sorted(set(settings.config) - set(CONFIGS))
    if unknown:
        raise PreparationError(
            f"--config must be among {', '.join(CONFIGS)}. "
            f"Received: {', '.join(unknown)}"
        )
    empty = []
    for config in settings.config or CONFIGS:
        try:
            prepare(settings, config, options)
        except NothingFound as error:
            # What was asked for by name must be there.
            if settings.config:
                raise
            empty.append(error)
            _remove_if_empty(epath.Path(settings.data_dir) / "bapps" / config)
    if len(empty) == len(CONFIGS):
        raise empty[0]
    for error in empty:
        print(f"Left out: {error}")


def _remove_if_empty(folder):
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def prepare(settings: Settings, config: str, options) -> None:
    """Prepares one configuration and says what it holds."""
    builder = tfds_bapps.Builder(
        data_dir=settings.data_dir,
        config=config,
        file_format=settings.file_format,
        source=None if settings.source == DOWNLOAD else settings.source,
        subset=settings.subset,
        tolerate=settings.tolerate,
        votes=settings.votes,
    )
    name = f"bapps/{config}"
    folder = epath.Path(builder.data_dir)
    # Of a folder that is not there yet, TFDS warns.
    if folder.exists() and builder.is_prepared():
        print(f"{name}: {folder} is there already; delete it to start anew.")
        return
    if folder.parent.exists():
        for left in sorted(folder.parent.glob(f"incomplete.*_{folder.name}")):
            print(
                f"{name}: {left} is left from another preparation; delete it "
                "if none is running."
            )
    download_config = tfds.download.DownloadConfig(beam_options=options)
    builder.download_and_prepare(download_config=download_config)
    for split, info in builder.info.splits.items():
        print(f"{name}: {info.num_examples:7} triplets in {split}")
    print(f"{name}: prepared in {folder}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.exit(main())
