"""BAPPS (Zhang et al., CVPR 2018) as a TFDS builder."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

# TFDS exports no base class that leaves all of the writing to its builder.
from tensorflow_datasets.core.dataset_builder import FileReaderBuilder

from tfds_bapps.source import layout, published
from tfds_bapps.source.errors import PreparationError
from tfds_bapps.writing import preparation

SMALL_SIDE = 64

_DIGITS = "The patches at native size"
_SMALL = f"The patches with their shorter side at {SMALL_SIDE} pixels"


@dataclasses.dataclass
class BappsConfig(tfds.core.BuilderConfig):
    """What is stored.

    Attributes:
        task: "2afc" or "jnd".
        shorter_side: height or width of the patches in pixels, whichever is
            smaller, or `None` for the native size.
    """

    task: str = "2afc"
    shorter_side: int | None = None


class Builder(FileReaderBuilder):
    """Prepares BAPPS, or a tree of one's own in its layout.

    Args:
        source: a folder of archives, an extracted tree, or one archive.
            Defaults to `DownloadConfig.manual_dir`, and without one to
            downloading.
        subset: parts ("val"), subsets ("cnn") or splits ("val_cnn") to be
            prepared. Defaults to all.
        tolerate: how many bad triplets are left out and recorded instead of
            failing. Defaults to 0.
        votes: judgements per triplet: each answer must be a multiple of
            1 / `votes`; 0 takes any in [0, 1]. Defaults to those of BAPPS.
        **kwargs: `data_dir`, `config`, `version` and `file_format` of any
            TFDS builder.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put the archives "
        + ", ".join(archive.file for archive in published.ARCHIVES)
        + " into the folder, under these names, or the extracted tree. "
        f"{published.HOMEPAGE} says where they are."
    )
    BUILDER_CONFIGS = [
        BappsConfig(
            name="twoafc", description=f"{_DIGITS}, 2AFC.", task="2afc"
        ),
        BappsConfig(name="jnd", description=f"{_DIGITS}, JND.", task="jnd"),
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
        subset: Sequence[str] = (),
        tolerate: int = 0,
        votes: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._wishes = preparation.PrepareOptions(
            source=source,
            subset=(subset,) if isinstance(subset, str) else tuple(subset),
            tolerate=tolerate,
            votes=votes,
        )

    def _info(self) -> tfds.core.DatasetInfo:
        task = layout.TASKS[self.builder_config.task]
        patch = tfds.features.Image(
            shape=(None, None, 3), dtype=np.uint8, encoding_format="png"
        )
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    **dict.fromkeys(task.patches, patch),
                    task.answer: np.float32,
                    "subset": tfds.features.Text(),
                    "id": tfds.features.Text(),
                }
            ),
            homepage=published.HOMEPAGE,
            # The order of the names; shards are written in it.
            disable_shuffling=True,
        )

    # TFDS prints that it downloads, which with a source it does not.

    def _log_download_bytes(self):
        if self._wishes.source is None:
            super()._log_download_bytes()
        else:
            print(
                f"Preparing {self.info.full_name} of {self._wishes.source} "
                f"in {self.data_dir}"
            )

    def _log_download_done(self):
        if self._wishes.source is None:
            super()._log_download_done()

    def _download_and_prepare(self, dl_manager, download_config=None):
        if self.info.file_format is None:
            raise PreparationError("no file format is known.")
        splits = preparation.prepare(
            wishes=self._wishes,
            config=self.builder_config,
            features=self.info.features,
            folder=epath.Path(self.data_dir),
            template_of=self._get_filename_template,
            dl_manager=dl_manager,
            download_config=download_config,
        )
        self.info.set_splits(tfds.core.SplitDict(splits))
