"""BAPPS (Zhang et al., CVPR 2018) as a TFDS builder."""

import dataclasses
from collections.abc import Sequence

import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import published
from tfds_bapps.writing import preparation
from tfds_bapps.writing.shards import (
    BeamExecutor,
    Executor,
    make_features,
    write_in_process,
)

SMALL_SIDE = 64

_NATIVE = "Patches at native size"
_SMALL = f"Patches with their shorter side at {SMALL_SIDE} pixels"


@dataclasses.dataclass
class BappsConfig(tfds.core.BuilderConfig):
    """Configuration of the stored triplets.

    Attributes:
        task: "2afc" or "jnd".
        shorter_side: height or width of the patches in pixels, whichever is
            smaller, or `None` for the native size.
    """

    task: str = "2afc"
    shorter_side: int | None = None


class Builder(tfds.core.ShardBasedBuilder):
    """Prepares BAPPS, or another tree of judgements in its layout.

    Args:
        source: a folder of archives, an extracted tree, or one archive.
            Defaults to `DownloadConfig.manual_dir`, and without one to
            downloading.
        subset: parts ("val"), subsets ("cnn") or splits ("val_cnn") to prepare.
            Defaults to all.
        tolerate: most invalid triplets that are skipped and recorded instead
            of failing. Defaults to 0.
        votes: judgements per triplet: each answer must be a multiple of 1 /
            `votes`; 0 accepts any answer in [0, 1]. Defaults to the numbers of
            BAPPS.
        executor: function that writes the shards; see `Executor`. Defaults to
            this process, or to Beam if the `DownloadConfig` has a Beam runner
            or options.
        **kwargs: `data_dir`, `config`, `version` and `file_format`, as for
            any TFDS builder.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put the archives "
        + ", ".join(archive.file for archive in published.ARCHIVES)
        + " into the folder, under these names, or the extracted tree. "
        f"{published.HOMEPAGE} links to them."
    )
    BUILDER_CONFIGS = [
        BappsConfig(
            name="twoafc", description=f"{_NATIVE}, 2AFC.", task="2afc"
        ),
        BappsConfig(name="jnd", description=f"{_NATIVE}, JND.", task="jnd"),
        BappsConfig(
            name=f"twoafc_{SMALL_SIDE}",
            description=f"{_SMALL}, 2AFC.",
            task="2afc",
            shorter_side=SMALL_SIDE,
        ),
        BappsConfig(
            name=f"jnd_{SMALL_SIDE}",
            description=f"{_SMALL}, JND.",
            task="jnd",
            shorter_side=SMALL_SIDE,
        ),
    ]

    def __init__(
        self,
        *,
        source: epath.PathLike | None = None,
        subset: str | Sequence[str] = (),
        tolerate: int = 0,
        votes: int | None = None,
        executor: Executor | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._options = preparation.PrepareOptions(
            source=source,
            subset=(subset,) if isinstance(subset, str) else tuple(subset),
            tolerate=tolerate,
            votes=votes,
        )
        self._executor = executor

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=make_features(self.builder_config.task),
            homepage=published.HOMEPAGE,
            # Examples are stored in the order of their names.
            disable_shuffling=True,
        )

    def _shard_iterators_per_split(self, dl_manager):
        config = tfds.download.DownloadConfig()
        plan = preparation.make_plan(self, self._options, dl_manager, config)
        return {
            split: [shard.examples for shard in shards]
            for split, (_, shards) in plan.splits.items()
        }

    def _download_and_prepare(self, dl_manager, download_config=None):
        # TFDS 4.9.10 would write these iterators itself, but with Beam one
        # shard after another; it hangs if a worker dies, and its bytes differ
        # between runs. It also ignores `max_examples_per_split` and calls
        # nothing between the last shard and the renaming of the folder, where
        # counts must be compared. CONTRIBUTING.md has the measurements.
        config = download_config or tfds.download.DownloadConfig()
        execute = self._executor or write_in_process
        if self._executor is None and (
            config.beam_runner is not None or config.beam_options is not None
        ):
            execute = BeamExecutor(config.beam_runner, config.beam_options)
        plan = preparation.make_plan(self, self._options, dl_manager, config)
        splits = preparation.write(
            plan, self.data_path, self._options.tolerate, execute
        )
        self.info.set_splits(tfds.core.SplitDict(splits))
