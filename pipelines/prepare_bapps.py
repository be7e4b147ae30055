r"""Prepares BAPPS, or judgements of your own, as a TensorFlow dataset.

    python -m pipelines.prepare_bapps --data-dir DATA --subset val
    python -m pipelines.prepare_bapps --data-dir DATA --source ARCHIVES \
        -- --direct_running_mode=multi_processing --direct_num_workers=4

Beam's options follow `--`. Without them, everything runs in this process.
`docs/engines.md` has the options for job services, Flink and Spark.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keras_lpips_cli.program import run
from pipelines.beam_options import parse_with_beam

NAME = "pipelines.prepare_bapps"

ConfigName = Literal["twoafc", "twoafc_64", "jnd", "jnd_64"]


@dataclass(frozen=True)
class PrepareConfig:
    """Flags of the program."""

    data_dir: str
    """Folder of the prepared datasets."""
    source: str | None = None
    """An archive, a folder of them, or an extracted tree; else downloads."""
    config: tuple[ConfigName, ...] = ()
    """Configurations to prepare; by default all that the source holds."""
    subset: tuple[str, ...] = ()
    """Parts ("val"), subsets ("cnn") or splits ("val_cnn"); by default all."""
    tolerate: int = 0
    """Invalid triplets that are skipped and recorded instead of failing."""
    votes: int | None = None
    """Judgements per triplet; 0 accepts any answer; by default BAPPS's own."""
    file_format: Literal["array_record", "tfrecord"] = "array_record"
    """`training` needs array_record, `tfds.load` needs tfrecord."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and prepares; returns the exit status."""
    config, options = parse_with_beam(PrepareConfig, __doc__, argv, prog=NAME)

    def work():
        prepare_all(config, options)

    return run(NAME, work, "nothing was prepared")


def prepare_all(config: PrepareConfig, options) -> None:
    """Prepares the selected configurations.

    Args:
        config: flags of the program.
        options: Beam's options.

    Raises:
        PreparationError: a source cannot be prepared, or holds nothing.
        UserError: Beam's options are not supported, or work is left undone.
    """
    from etils import epath

    from pipelines.execution import check_options
    from tfds_bapps import Builder
    from tfds_bapps.source.errors import NoTripletsError

    check_options(options)
    configs = config.config or tuple(Builder.builder_configs)
    empty = []
    for name in configs:
        try:
            prepare(config, name, options)
        except NoTripletsError as error:
            # A configuration that was asked for by name must exist.
            if config.config:
                raise
            empty.append(error)
            folder = epath.Path(config.data_dir) / "bapps" / name
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
    if len(empty) == len(configs):
        raise empty[0]
    for reason in empty:
        print(f"Skipped: {reason}")


def prepare(config: PrepareConfig, name: str, options) -> None:
    """Prepares one configuration and prints its splits."""
    from etils import epath

    from pipelines.execution import run_tasks
    from tfds_bapps import Builder
    from tfds_bapps.source.errors import PreparationError
    from tfds_bapps.writing import manifest

    def execute(shards, write_shard):
        return run_tasks(shards, write_shard, options)

    builder = Builder(
        data_dir=config.data_dir,
        config=name,
        file_format=config.file_format,
        source=config.source,
        subset=config.subset,
        tolerate=config.tolerate,
        votes=config.votes,
        executor=execute,
    )
    title = f"bapps/{name}"
    folder = epath.Path(builder.data_dir)
    # TFDS warns about a folder that does not exist yet.
    if folder.exists() and builder.is_prepared():
        if changed := manifest.find_changed(folder):
            raise PreparationError(
                f"{folder} is damaged: {', '.join(changed)} is missing or "
                f"differs from its digest in {manifest.FILE_NAME}; delete the "
                "folder to prepare it again."
            )
        print(f"{title}: {folder} exists; delete it to prepare it again.")
        return
    if folder.parent.exists():
        for left in sorted(folder.parent.glob(f"incomplete.*_{folder.name}")):
            print(
                f"{title}: {left} is left from another preparation; delete it "
                "if none is running."
            )
    try:
        builder.download_and_prepare()
    except OSError as error:
        if folder.exists():
            raise PreparationError(
                f"another preparation has finished {folder} meanwhile; it is "
                "kept."
            ) from None
        raise PreparationError(
            f"{folder} cannot be prepared: {error.strerror or error}"
        ) from error
    for split, info in builder.info.splits.items():
        print(f"{title}: {info.num_examples:7} triplets in {split}")
    print(f"{title}: prepared in {folder}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.exit(main())
